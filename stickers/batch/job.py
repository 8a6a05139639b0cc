"""One photo's part of a batch: a plain function that can run in any process.

What it imports to do its work takes a second or more, so that is left until there is some.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stickers.batch.journal import Result
from stickers.errors import CannotWrite, StickersError

if TYPE_CHECKING:
    from stickers.pack import Pack

UNFINISHED = ".unfinished"
"""Folder beside the packs in which packs are written until they are whole."""

_PROBE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Job:
    """One photo to do.

    Attributes:
        photo: absolute path.
        folder: where its pack goes, absolute; its parent is the batch's folder.
        style: a style's name, or the absolute path of its folder.
    """

    photo: Path
    folder: Path
    style: str


Work = Callable[[Job], Result]
"""An importable function that does a job, in a process of its own.

What is the photo's fault it returns as a failed `Result`; a `StickersError` that it
raises (the disk is full, the model is damaged) would hit every photo and ends the batch.
"""


def make_pack(job: Job) -> Result:
    """Make the pack of one photo: `pipeline.make`, written so that it appears whole.

    Raises:
        BadModel, BadStyle, UnknownValue: the model or the style cannot be loaded.
        CannotWrite: the batch's folder takes nothing more.
    """
    make = _road(job.style)
    start = time.perf_counter()
    try:
        pack = make(job.photo, style=job.style)
        with appearing(job.folder) as stage:
            pack.write(stage)
    except StickersError as exc:
        if isinstance(exc, CannotWrite) and not _takes_files(job.folder.parent):
            raise
        failed = (exc.code, str(exc))
    except Exception as exc:  # one odd photo that brings out a bug must not cost the others
        failed = ("unexpected", _unexpected(exc, job.photo))
    else:
        ms = (time.perf_counter() - start) * 1000
        return Result(job.photo, ms, job.folder, pack.avatar.style, pack.avatar.code())
    return Result.failed(job.photo, *failed, (time.perf_counter() - start) * 1000)


@functools.cache
def _road(style: str) -> Callable[..., Pack]:
    """`pipeline.make` with all that does not depend on the photo loaded, or its error."""
    import cv2

    from stickers.catalog import load_catalog
    from stickers.embed import load_model
    from stickers.pipeline import make

    cv2.setNumThreads(1)  # the other cores have photos of their own
    load_catalog(style)
    load_model()
    return make


def _unexpected(exc: Exception, photo: Path) -> str:
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}"
    where += "" if trace is None else f":{trace.tb_lineno}"
    what = f"{type(exc).__name__}{where} ({exc})"
    return str(StickersError(what, where=photo, hint="a bug; report it with this line"))


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Where to write what will be ``folder``; it takes its place by one rename.

    A folder that is there already is kept, with whatever else is in it, and written
    into as `output.staged` does.
    """
    try:
        if folder.is_dir():
            for left in folder.glob(".writing-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield folder
        else:
            unfinished = folder.parent / UNFINISHED
            unfinished.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as stage:
                whole = Path(stage) / folder.name
                yield whole
                whole.replace(folder)
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        hint = "make room, or choose another folder; the same command then goes on"
        raise CannotWrite(f"cannot write ({reason})", where=folder, hint=hint) from None


def _takes_files(root: Path) -> bool:
    """Whether a pack's worth of bytes can still be written in ``root``."""
    try:
        with tempfile.TemporaryFile(dir=root) as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError:
        return False
    return True
