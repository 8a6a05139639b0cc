"""Writing results so that nothing half-written is ever seen."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from stickers.errors import CannotWrite


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A new folder to write into; what is in it moves to ``folder`` when all went well.

    Files of the same name are replaced one by one, each atomically; others stay. When
    the block raises, or the process dies, ``folder`` is as it was.

    Raises:
        CannotWrite: ``folder`` cannot be made or written; said before the block runs.
    """
    new = next((p for p in (*reversed(folder.parents), folder) if not p.exists()), None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    except OSError as exc:
        raise refused(exc, folder) from None
    try:
        yield stage
        try:
            move_into(stage, folder)
        except OSError as exc:
            raise refused(exc, folder) from None
    except BaseException:
        shutil.rmtree(stage if new is None else new, ignore_errors=True)
        raise
    shutil.rmtree(stage, ignore_errors=True)


def move_into(stage: Path, folder: Path) -> None:
    """Move all of ``stage`` into ``folder``: each file, or whole new folder, by one rename."""
    for path in sorted(stage.iterdir()):
        target = folder / path.name
        if path.is_dir() and target.is_dir():
            move_into(path, target)
        else:
            path.replace(target)


def refused(exc: OSError, where: str | Path, hint: str = "choose another folder") -> CannotWrite:
    """The error of an output place for what the system said."""
    reason = (exc.strerror or str(exc)).lower()
    return CannotWrite(f"cannot write ({reason})", where=where, hint=hint)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``path`` if the block ends well.

    Its folder is made. Two processes may write the same file at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """(path, content) pairs as a zip; the same files give the same bytes."""
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        for path, data in files:
            entry = ZipInfo(path)  # dated 1980
            stored = path.endswith((".png", ".webp"))
            entry.compress_type = ZIP_STORED if stored else ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return out.getvalue()
