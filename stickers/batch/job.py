"""One photo's part of a batch: a plain function that can run in any process.

What it imports to do its work takes a second or more, so that is left until there is some.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stickers.batch.inputs import Changes
from stickers.batch.manifest import Failure, Result, Status
from stickers.batch.places import Files, Shelf
from stickers.batch.recipe import Recipe
from stickers.errors import CannotWrite, PhotoError, StickersError

if TYPE_CHECKING:
    from stickers.catalog import Catalog
    from stickers.records import Photo


_TOO_LARGE = "it may need more memory than there is: reduce it, or use fewer workers"


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to do.

    Attributes:
        photo: absolute path.
        name: what its results are called.
        place: where they go.
        recipe: how they are made.
        changes: made to the avatar before it is drawn.
        stat: the photo's bytes and time of change (ns); None if it cannot be told.
        data: the photo's bytes, where its path leads nowhere; None to read them there.
    """

    photo: Path
    name: str
    place: Shelf
    recipe: Recipe
    changes: Changes = ()
    stat: tuple[int, int] | None = None
    data: bytes | None = None

    def failed(self, error: StickersError, code: str = "") -> Result:
        """The result of a photo that failed; ``code`` if it is not the error's own."""
        failure = Failure(code or error.code, str(error))
        return replace(self._result(Status.FAILED), error=failure)

    def lost(self, code: str, what: str, hint: str = _TOO_LARGE) -> Result:
        """The result of a photo whose worker process was lost."""
        return self.failed(PhotoError(what, where=self.photo, hint=hint), code)

    def made(self, code: str, size: int, sha256: str, ms: Mapping[str, float]) -> Result:
        """The result of a photo whose pack is in its place."""
        return replace(self._result(Status.MADE), code=code, size=size, sha256=sha256, ms=dict(ms))

    def _result(self, status: Status) -> Result:
        return Result(
            self.photo,
            self.name,
            status,
            self.changes,
            stat=self.stat,
            style=self.recipe.style_version,
            model=self.recipe.model_version,
            recipe=self.recipe.fingerprint,
        )


Work = Callable[[Job], Result]
"""An importable function that does a job, in a process of its own.

What is the photo's fault it returns as a failed `Result`; a `StickersError` that it
raises (the disk is full, the model is damaged) would hit every photo and ends the batch.
"""


def make_pack(job: Job) -> Result:
    """Make the pack of one photo: `pipeline.make`, put in its place whole.

    Raises:
        BadModel, BadStyle, UnknownValue: the model or the style cannot be loaded.
        CannotWrite: the place takes nothing more.
    """
    catalog = _kitchen(job.recipe)
    ms: dict[str, float] = {}
    sha256 = ""
    start = time.perf_counter()
    try:
        sha256 = _sha256(job)
        code, size = _walk(job, catalog, ms)
    except StickersError as exc:
        if isinstance(exc, CannotWrite) and not job.place.takes_files():
            raise
        result = job.failed(exc)
    except Exception as exc:  # one odd photo that brings out a bug must not cost the others
        result = job.failed(_unexpected(exc, job.photo), "unexpected")
    else:
        return job.made(code, size, sha256, ms)
    ms["failing"] = (time.perf_counter() - start) * 1000 - sum(ms.values())
    return replace(result, sha256=sha256, ms=ms)


def _walk(job: Job, catalog: Catalog, ms: dict[str, float]) -> tuple[str, int]:
    """The whole road for one photo: the avatar's share code, and the bytes written."""
    from stickers.avatar import avatar_of
    from stickers.pack import draw
    from stickers.pipeline import analyze

    with _timed(ms, "photo"):
        photo = _photo(job)
    analysis = analyze(photo, model=job.recipe.model)
    ms |= analysis.milliseconds
    with _timed(ms, "draw"):
        avatar = avatar_of(analysis.attributes, catalog.style).changed(dict(job.changes))
        pack = draw(avatar, catalog, only=job.recipe.scenes)
    with _timed(ms, "write"):
        files = _each_timed(pack.files(job.recipe.formats), ms, "raster")
        size = job.place.put(job.recipe.laid_out(job.name, files))
    ms["write"] -= ms["raster"]
    return avatar.code(), size


def _photo(job: Job) -> Photo:
    from stickers.photo import load_photo

    if job.data is None:
        return load_photo(job.photo)
    try:
        return replace(load_photo(job.data), name=str(job.photo))
    except PhotoError as exc:
        raise type(exc)(exc.what, where=job.photo, hint=exc.hint) from None


def _sha256(job: Job) -> str:
    """Of the photo's bytes; "" where they cannot be read, which decoding will tell."""
    if job.data is not None:
        return hashlib.sha256(job.data).hexdigest()
    return file_sha256(job.photo)


def file_sha256(path: Path) -> str:
    """Of a file's bytes; "" where it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""


@functools.cache
def _kitchen(recipe: Recipe) -> Catalog:
    """All that does not depend on the photo, loaded; or its error."""
    import cv2

    from stickers.catalog import load_catalog
    from stickers.embed import load_model

    cv2.setNumThreads(1)  # the other cores have photos of their own; the network follows
    load_model(recipe.model)
    return load_catalog(recipe.style)


@contextmanager
def _timed(ms: dict[str, float], stage: str) -> Iterator[None]:
    """Adds the wall time of the block to a stage, whether or not it ends well."""
    start = time.perf_counter()
    try:
        yield
    finally:
        ms[stage] = ms.get(stage, 0.0) + (time.perf_counter() - start) * 1000


def _each_timed(files: Files, ms: dict[str, float], stage: str) -> Iterator[tuple[str, bytes]]:
    """``files``, with the time that it takes to make each added to a stage."""
    rest = iter(files)
    while True:
        with _timed(ms, stage):
            file = next(rest, None)
        if file is None:
            return
        yield file


def _unexpected(exc: Exception, photo: Path) -> StickersError:
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}"
    where += "" if trace is None else f":{trace.tb_lineno}"
    what = f"{type(exc).__name__}{where} ({exc})"
    return StickersError(what, where=photo, hint="a bug; report it with this line")
