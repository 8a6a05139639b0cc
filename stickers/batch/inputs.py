"""From what the user names to photos: files, folders, patterns and list files.

Nothing that was named gets lost: an input that leads to no photo (a typing error, a
pattern that fits nothing, an empty folder) is passed on as if it were a photo, and
fails later under its own name, as any photo that cannot be read does.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from glob import glob, has_magic
from pathlib import Path

PHOTO_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .heic .heif .avif .gif .bmp .tif .tiff".split()
)
"""Which files of a folder or pattern count as photos, in lower case."""

LIST_SUFFIX = ".txt"
"""What a list file's name ends with."""

_PACK_MARK = "avatar.json"
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_LONGEST_NAME = 180


def find_photos(inputs: Iterable[str | Path]) -> tuple[Path, ...]:
    """The photos that ``inputs`` lead to, in their order, each once.

    Args:
        inputs: each a photo; a folder, searched with all below it for `PHOTO_SUFFIXES`,
            sorted by path; a pattern (``*``, ``?``, ``[...]``, ``**``), likewise; or a list
            file (``.txt``, UTF-8) with the path of a photo or folder on each line, relative
            ones from the current folder.

    Returns:
        Absolute paths. Hidden files, and packs that were made before, are left out of
        folders and patterns.
    """
    found = (_absolute(photo) for given in inputs for photo in _photos_of(given))
    return tuple(dict.fromkeys(found))


def _photos_of(given: str | Path) -> list[Path]:
    path = Path(given)
    if path.suffix.lower() == LIST_SUFFIX and _is_file(path):
        photos = [photo for entry in _listed(path) for photo in _photos_at(entry)]
    elif has_magic(str(given)) and not _is_file(path) and not _is_folder(path):
        photos = _matching(str(given))
    else:
        photos = _photos_at(path)
    return photos or [path]


def _photos_at(path: Path) -> list[Path]:
    return (_walk(path) or [path]) if _is_folder(path) else [path]


def _matching(pattern: str) -> list[Path]:
    wanted = PHOTO_SUFFIXES | ({Path(pattern).suffix.lower()} - {""})
    photos: list[Path] = []
    found = glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    for match in sorted(map(Path, found)):
        if _in_pack(match):
            continue
        if _is_folder(match):
            photos += _walk(match)
        elif match.suffix.lower() in wanted:
            photos.append(match)
    return photos


def _listed(path: Path) -> list[Path]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError:
        return []  # an input that leads to no photo: reading it as one says why
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return [Path(line) for line in lines if line.strip()]


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []

    def unreadable(exc: OSError) -> None:
        found.append(Path(exc.filename))

    for here, folders, files in os.walk(folder, onerror=unreadable):
        if _PACK_MARK in files:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(here, name) for name in files if _is_photo_name(name)]
    return sorted(found)


def _is_photo_name(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PHOTO_SUFFIXES


def _in_pack(path: Path) -> bool:
    return any(_is_file(folder / _PACK_MARK) for folder in (path.parent, path.parent.parent))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long, or in a folder that may not be entered
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _absolute(path: Path) -> Path:
    """Without links or ``..`` on the way, but a photo that is a link keeps its own name."""
    try:
        return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no path at all
        return path.absolute()


def folder_names(
    photos: Iterable[Path], known: Mapping[Path, str], reserved: Iterable[str] = ()
) -> dict[Path, str]:
    """A folder name for each photo: its stem, with ``-2``, ``-3`` ... where that is taken.

    The same photos in the same order get the same names, whichever of them are in
    ``known``. No two names differ only in case, because some file systems ignore it.

    Args:
        photos: in the order in which names are given.
        known: names that photos have from before; these stay and are given to no other.
        reserved: names given to no photo.
    """
    taken = {_folded(name) for name in (*known.values(), *reserved)}
    tried: dict[str, int] = {}
    names: dict[Path, str] = {}
    for photo in photos:
        stem = _clean(photo.stem)
        name = known.get(photo)
        while name is None:
            number = tried[stem] = tried.get(stem, 0) + 1
            candidate = stem if number == 1 else f"{stem}-{number}"
            if _folded(candidate) not in taken:
                name = candidate
        taken.add(_folded(name))
        names[photo] = name
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _clean(stem: str) -> str:
    """``stem`` as a folder name that every system takes and no tool hides."""
    short = _UNFIT.sub("_", stem).encode()[:_LONGEST_NAME].decode(errors="ignore")
    return short.strip(" .") or "photo"
