"""Writing results so that nothing half-written is ever seen."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
        raise _refused(exc, folder) from None
    try:
        yield stage
        try:
            _move(stage, folder)
        except OSError as exc:
            raise _refused(exc, folder) from None
    except BaseException:
        shutil.rmtree(stage if new is None else new, ignore_errors=True)
        raise
    shutil.rmtree(stage, ignore_errors=True)


def _move(stage: Path, folder: Path) -> None:
    for path in sorted(p for p in stage.rglob("*") if p.is_file()):
        target = folder / path.relative_to(stage)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _refused(exc: OSError, folder: Path) -> CannotWrite:
    reason = (exc.strerror or str(exc)).lower()
    return CannotWrite(f"cannot write ({reason})", where=folder, hint="choose another folder")


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
