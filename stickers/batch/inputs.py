"""From what the user names to photos: files, folders, patterns, lists and tables.

Nothing that was named gets lost: an input that leads to no photo (a typing error, a
pattern that fits nothing, an empty folder) is passed on as if it were a photo, and
fails later under its own name, as any photo that cannot be read does. Of the files of a
folder, those that neither are pictures nor are called so are told apart.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from stickers.avatar import read_changes
from stickers.batch.manifest import MANIFEST
from stickers.errors import UnknownValue
from stickers.photo import looks_like_a_picture

STDIN = "-"
"""The input that means a list on standard input."""
LIST, TABLE = ".txt", ".csv"
"""What the name of a list, and of a table, ends with."""
COLUMNS = ("photo", "name", "set")
"""Of a table; only the first is needed."""

Changes = tuple[tuple[str, str], ...]
"""(trait or colour, value) pairs, as ``--set`` gives them."""

_PHOTO_NAME = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|hei[cf]|avif|gif|bmp|tiff?)$", re.I)
_MADE_HERE = ("avatar.json", MANIFEST)
_HEAD = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo that was asked for.

    Attributes:
        photo: its absolute path.
        name: what to call its results; "" for the photo's own name.
        changes: made to the avatar before it is drawn.
        picture: False for a file of a folder that neither is a picture nor is called so.
    """

    photo: Path
    name: str = ""
    changes: Changes = ()
    picture: bool = True


def find_photos(inputs: Iterable[str | Path]) -> tuple[Entry, ...]:
    """The photos that ``inputs`` lead to, in their order, each once.

    Args:
        inputs: each a photo; a folder, searched with all below it, sorted by path; a
            pattern (``*``, ``?``, ``[...]``, ``**``), likewise; a list (``.txt``, UTF-8)
            with a path on each line, or with NUL between them; ``-``, such a list on
            standard input; or a table (``.csv``) with `COLUMNS`, whose ``set`` holds
            ``TRAIT=VALUE`` with spaces or semicolons between. Relative paths start at
            the current folder.

    Returns:
        Entries with absolute paths. Hidden files, and what a batch or ``stickers make``
        wrote, are left out of folders and patterns.

    Raises:
        UnknownValue: a table without those columns, or a change that is not TRAIT=VALUE.
    """
    found = (entry for given in inputs for entry in _entries_of(given))
    return tuple(dict.fromkeys(found))


def _entries_of(given: str | Path) -> Iterator[Entry]:
    path = Path(given)
    if str(given) == STDIN:
        yield from _listed(sys.stdin.buffer.read()) or [_entry(path)]
    elif path.suffix.lower() == LIST and (data := _bytes(path)):
        yield from _listed(data) or [_entry(path)]
    elif path.suffix.lower() == TABLE and (data := _bytes(path)):
        yield from list(_rows(data, path)) or [_entry(path)]
    elif has_magic(str(given)) and not _there(path):
        yield from _matching(str(given)) or [_entry(path)]
    else:
        yield from _at(path)


def _entry(path: Path, name: str = "", changes: Changes = (), *, picture: bool = True) -> Entry:
    return Entry(_absolute(path), name, changes, picture)


def _at(path: Path, name: str = "", changes: Changes = ()) -> list[Entry]:
    """The photo at ``path``, or all photos of the folder there."""
    if not _is_folder(path):
        return [_entry(path, name, changes)]
    found = [_entry(p, "", changes, picture=known) for p, known in _walk(path)]
    return found or [_entry(path, name, changes)]


def _listed(data: bytes) -> list[Entry]:
    text = data.decode("utf-8-sig", errors="surrogateescape")
    lines = text.split("\0") if "\0" in text else [line.rstrip("\r") for line in text.split("\n")]
    return [entry for line in lines if line.strip() for entry in _at(Path(line))]


def _rows(data: bytes, path: Path) -> Iterator[Entry]:
    text = data.decode("utf-8-sig", errors="surrogateescape")
    first = text.partition("\n")[0]
    mark = ";" if ";" in first and "," not in first else ","  # as some spreadsheets write it
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
    columns = [str(name).strip().lower() for name in rows.fieldnames or ()]
    if "photo" not in columns or set(columns) - set(COLUMNS):
        raise UnknownValue(
            f"the table's columns are not {', '.join(COLUMNS)}",
            where=path,
            hint="name them in its first line; only photo is needed",
        )
    rows.fieldnames = columns
    for row in rows:
        said = {name: (row[name] or "").strip() for name in columns}
        if not said["photo"]:
            continue
        try:
            changes = read_changes(re.split(r"[;\s]+", said.get("set", "")))
        except UnknownValue as exc:
            where = f"{path}, line {rows.line_num}"
            raise UnknownValue(exc.what, where=where, hint=exc.hint) from None
        yield from _at(Path(said["photo"]), said.get("name", ""), tuple(changes.items()))


def _matching(pattern: str) -> list[Entry]:
    found: list[Entry] = []
    for match in sorted(map(Path, glob(pattern, recursive=True))):  # noqa: PTH207 - takes no absolute pattern
        if any(_is_ours(folder) for folder in (match.parent, match.parent.parent)):
            continue
        if _is_folder(match):
            found += [_entry(p, picture=known) for p, known in _walk(match)]
        else:
            found.append(_entry(match, picture=_is_picture(match)))
    return found


def _walk(folder: Path) -> list[tuple[Path, bool]]:
    """(file, whether it is a picture or is called so) of all below ``folder``, sorted."""
    found: list[tuple[Path, bool]] = []

    def unreadable(exc: OSError) -> None:
        found.append((Path(exc.filename), True))

    for here, folders, files in os.walk(folder, onerror=unreadable):
        if any(name in files for name in _MADE_HERE):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(here, name) for name in files if not name.startswith("."))
        found += [(path, _is_picture(path)) for path in paths]
    return sorted(found)


def _is_picture(path: Path) -> bool:
    if _PHOTO_NAME.search(path.name):
        return True
    try:
        if not path.is_file():  # a pipe or a socket: reading it might never end
            return False
        with path.open("rb") as file:
            return looks_like_a_picture(file.read(_HEAD))
    except OSError:
        return True  # nobody knows: reading it as a photo says why


def _is_ours(folder: Path) -> bool:
    return any(_there(folder / name) for name in _MADE_HERE)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long, or in a folder that may not be entered
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None  # an input that leads to no photo: reading it as one says why


def _absolute(path: Path) -> Path:
    """Without links or ``..`` on the way, but a photo that is a link keeps its own name."""
    try:
        return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no path at all
        return path.absolute()
