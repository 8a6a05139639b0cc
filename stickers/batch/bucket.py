"""Anywhere that fsspec reaches as the place of a batch's results."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from stickers.batch.places import GO_ON, UNFINISHED, Files, Log, Sizes
from stickers.errors import CannotWrite, MissingExtra, UnknownValue
from stickers.output import refused

_EVERY = 10.0


def bucket_of(url: str) -> Bucket:
    """The bucket at ``url``.

    Raises:
        MissingExtra: fsspec, or what it needs for this URL, is not installed.
        UnknownValue: a URL of no file system.
    """
    try:
        import_module("fsspec").core.url_to_fs(url)
    except ImportError as exc:
        raise MissingExtra(
            f"{url} cannot be reached ({exc})", hint='pip install "stickers[ray]" and that'
        ) from None
    except ValueError as exc:
        raise UnknownValue(f"there is no place {url} ({exc})", hint="use a folder") from None
    return Bucket(url)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Anywhere that fsspec reaches, by its URL; each file appears whole, packs do not."""

    url: str

    def __str__(self) -> str:
        return self.url

    def _at(self, path: str) -> tuple[Any, str]:
        fs, root = import_module("fsspec").core.url_to_fs(self.url)
        return fs, f"{root.rstrip('/')}/{path}"

    def put(self, files: Files) -> int:
        """Write a pack, file by file; the manifest's line comes after all of them."""
        size = 0
        for path, data in files:
            self.write(path, data)
            size += len(data)
        return size

    def sizes(self) -> Sizes:
        """Tells the bytes of the file at a path, as all files are listed now."""
        fs, root = self._at("")
        try:
            found = fs.find(root, detail=True)
        except FileNotFoundError:
            found = {}
        start = len(root)
        return {name[start:]: int(info["size"] or 0) for name, info in found.items()}.get

    def copy(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Copy each (from, to) file within the bucket."""
        with self._refusals():
            for source, target in pairs:
                fs, here = self._at(source)
                _, there = self._at(target)
                fs.makedirs(str(PurePosixPath(there).parent), exist_ok=True)
                fs.cp_file(here, there)

    def read(self, path: str) -> bytes:
        """What is in a file; b"" where there is none."""
        fs, there = self._at(path)
        with self._refusals(), contextlib.suppress(FileNotFoundError):
            return bytes(fs.cat_file(there))
        return b""

    def write(self, path: str, data: bytes) -> None:
        """Write one file."""
        fs, there = self._at(path)
        with self._refusals():
            fs.makedirs(str(PurePosixPath(there).parent), exist_ok=True)
            fs.pipe_file(there, data)

    def log(self, path: str) -> Log:
        """The file of lines at ``path``, written anew every ten seconds and at the end."""
        return _Rewritten(self, path)

    def takes_files(self) -> bool:
        """Whether the bucket answers to a small file."""
        try:
            self.write(f"{UNFINISHED}/probe", b"?")
        except CannotWrite:
            return False
        self.clean()
        return True

    def clean(self) -> None:
        """Nothing is written under a name that is not its own."""
        fs, there = self._at(UNFINISHED)
        with contextlib.suppress(OSError):
            fs.rm(there, recursive=True)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise refused(exc, self.url, GO_ON) from None


class _Rewritten:
    """Lines in a file that cannot be appended to, as an object store's."""

    def __init__(self, bucket: Bucket, path: str) -> None:
        self._bucket, self._path = bucket, path
        old = bucket.read(path)
        self._data = bytearray(old[: old.rfind(b"\n") + 1])
        self._written = time.monotonic()

    def add(self, line: bytes) -> None:
        self._data += line
        if time.monotonic() - self._written > _EVERY:
            self._save()

    def _save(self) -> None:
        self._bucket.write(self._path, bytes(self._data))
        self._written = time.monotonic()

    def close(self) -> None:
        self._save()
