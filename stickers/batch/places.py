"""Where a batch's results go: a folder of this machine, or anywhere fsspec reaches.

A place is a small value that travels to workers. A pack is put there so that a killed
run leaves none half-written that the next does not write again: in a folder by renames,
elsewhere before the manifest's line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

Files = Iterable[tuple[str, bytes]]
"""(path from the place, with ``/`` between; content)."""

Sizes = Callable[[str], int | None]
"""Path from the place -> bytes of the file there; None where there is none."""

UNFINISHED = ".unfinished"
"""Folder beside the packs in which packs are written until they are whole."""

GO_ON = "make room, or choose another folder; the same command then goes on"
"""What to do when a place refuses us."""


class Log(Protocol):
    """A file of lines that is added to."""

    def add(self, line: bytes) -> None:
        """Append a line; raises `CannotWrite`."""

    def close(self) -> None:
        """Let go of the file, all lines written."""


class Shelf(Protocol):
    """What a worker needs of a place. All paths are from it; all methods raise `CannotWrite`."""

    def put(self, files: Files) -> int:
        """Write a pack, replacing files of the same name; returns its bytes."""

    def takes_files(self) -> bool:
        """Whether a pack's worth of bytes can still be written."""


class Place(Shelf, Protocol):
    """Where results go."""

    def sizes(self) -> Sizes:
        """Tells the bytes of the file at a path, None where there is none."""

    def copy(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Put each (from, to) file in a second place, without another copy if possible."""

    def read(self, path: str) -> bytes:
        """What is in a file; b"" where there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Write one file."""

    def log(self, path: str) -> Log:
        """The file of lines at ``path``, for this process alone where that can be had."""

    def clean(self) -> None:
        """Remove what a killed run left unfinished."""


def place_of(out: str | Path) -> Place:
    """The place that ``out`` names: a folder, or a URL of any of fsspec's file systems.

    Raises:
        MissingExtra, UnknownValue: a URL that cannot be reached; see `bucket.bucket_of`.
    """
    from stickers.batch.bucket import bucket_of
    from stickers.batch.folder import Folder

    return bucket_of(str(out)) if "://" in str(out) else Folder(Path(out).resolve())
