"""A folder of this machine as the place of a batch's results."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stickers.batch.places import GO_ON, UNFINISHED, Files, Log, Sizes
from stickers.errors import CannotWrite
from stickers.output import move_into, refused, whole

_PROBE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    root: Path

    def __str__(self) -> str:
        return str(self.root)

    def put(self, files: Files) -> int:
        """Write a pack: each file, or new folder, appears by one rename."""
        size = 0
        try:
            unfinished = self.root / UNFINISHED
            unfinished.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as stage:
                for path, data in files:
                    target = Path(stage, path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(data)
                    size += len(data)
                move_into(Path(stage), self.root)
        except OSError as exc:
            raise refused(exc, self.root, GO_ON) from None
        return size

    def sizes(self) -> Sizes:
        """Tells the bytes of the file at a path."""
        root = str(self.root)

        def size(path: str) -> int | None:
            try:
                return os.stat(f"{root}/{path}").st_size  # noqa: PTH116 - there are many
            except OSError:
                return None

        return size

    def copy(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Link each (from, to) file, or copy it where files cannot be linked."""
        try:
            for source, target in pairs:
                here, there = self.root / source, self.root / target
                with whole(there) as part:
                    try:
                        part.hardlink_to(here)
                    except OSError:
                        shutil.copyfile(here, part)
        except OSError as exc:
            raise refused(exc, self.root, GO_ON) from None

    def read(self, path: str) -> bytes:
        """What is in a file; b"" where there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as exc:
            raise refused(exc, self.root / path, GO_ON) from None

    def write(self, path: str, data: bytes) -> None:
        """Write one file, which appears whole."""
        try:
            with whole(self.root / path) as part:
                part.write_bytes(data)
        except OSError as exc:
            raise refused(exc, self.root / path, GO_ON) from None

    def log(self, path: str) -> Log:
        """The file of lines at ``path``, which one process at a time may hold."""
        return _Appended(self.root / path)

    def takes_files(self) -> bool:
        """Whether a pack's worth of bytes can still be written."""
        try:
            with tempfile.TemporaryFile(dir=self.root) as probe:
                probe.write(bytes(_PROBE_BYTES))
                probe.flush()
                os.fsync(probe.fileno())
        except OSError:
            return False
        return True

    def clean(self) -> None:
        """Remove what a killed run left unfinished."""
        shutil.rmtree(self.root / UNFINISHED, ignore_errors=True)


class _Appended:
    """Lines that are on the disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
        except OSError as exc:
            raise refused(exc, path, GO_ON) from None
        try:
            self._lock()
            self._cut_torn_line()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        with contextlib.suppress(ImportError):  # Windows has no such lock
            import fcntl

            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise CannotWrite(
                    "another batch is at work in this folder",
                    where=self._path.parent,
                    hint="wait for it, or choose another folder",
                ) from None

    def _cut_torn_line(self) -> None:
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)

    def add(self, line: bytes) -> None:
        try:
            self._file.write(line)
            os.fsync(self._file.fileno())
        except OSError as exc:
            raise refused(exc, self._path, GO_ON) from None

    def close(self) -> None:
        self._file.close()
