"""From files to the store: photographs, and ratings in three forms.

What is imported again adds nothing: a row that says what already counts is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rater_tools.answers import read_answers
from rater_tools.label_studio import read_label_studio
from rater_tools.plan import add_items, rater_called, seat
from rater_tools.rows import Row, read_csv, read_jsonl, read_table
from rater_tools.store import Entry, Item, Store
from stickers.errors import BadRatings
from stickers.training.ratings import find_photos

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Photos that every browser shows."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        items: photographs or items that are new.
        ratings: rows that were added to the log.
        no_photo: items whose photo was not found in the folder, sorted.
    """

    items: int
    ratings: int
    no_photo: tuple[str, ...]


def import_path(store: Store, path: Path, photos: Path | None = None) -> Imported:
    """Import whatever ``path`` is: a folder, a ratings.csv, JSON Lines or Label Studio's JSON.

    Args:
        store: the store.
        path: what to import. A folder may hold ``items.csv`` and ``ratings.csv``.
        photos: the folder of the photos, where it is not that of ``path``.

    Raises:
        BadRatings: it is not in form, or not there.
    """
    if path.is_dir():
        return _import_folder(store, path)
    readers: Mapping[str, Callable[[Path], Iterable[Row]]] = {
        ".csv": read_csv,
        ".jsonl": read_jsonl,
        ".json": read_label_studio,
    }
    if path.suffix not in readers or not path.is_file():
        hint = "give a folder, or a .csv, .jsonl or .json file"
        raise BadRatings("nothing to import", where=path, hint=hint)
    return add_rows(store, list(readers[path.suffix](path)), path, photos or path.parent)


def _import_folder(store: Store, folder: Path) -> Imported:
    if (folder / "ratings.csv").is_file():
        return add_rows(
            store, list(read_csv(folder / "ratings.csv")), folder / "ratings.csv", folder
        )
    table = folder / "items.csv"
    if table.is_file():
        named = [row["item"] for _, row in read_table(table, ("item", "file"))]
        photos = _photos(named, table, folder)
    else:
        photos = dict(_found(folder))
        named = list(photos)
    if not photos:
        raise BadRatings("no photos", where=folder, hint="give JPEG, PNG or WebP files")
    with store.write() as session:
        new = add_items(session, named, photos, folder)
    return Imported(new, 0, tuple(sorted(set(named) - set(photos))))


def _found(folder: Path) -> Iterator[tuple[str, Path]]:
    """(item, photo): an item is the file's name, with its folder's and its ending if need be."""
    files = sorted(
        p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and _inside(p, folder)
    )
    stems: dict[str, int] = {}
    for path in files:
        stems[path.stem] = stems.get(path.stem, 0) + 1
    for path in files:
        yield (path.stem if stems[path.stem] == 1 else str(path.relative_to(folder))), path


def _photos(items: list[str], table: Path, folder: Path) -> dict[str, Path]:
    """`find_photos`, but only what lies within ``folder``."""
    faces = folder / "faces" if (folder / "faces").is_dir() else folder
    found = find_photos(items, table, faces)
    return {i: p for i, p in found.items() if _inside(p, folder)}


def _inside(path: Path, folder: Path) -> bool:
    real = path.resolve()
    try:
        str(real).encode()
    except UnicodeEncodeError:  # no database can hold such a name
        return False
    return real.is_relative_to(folder.resolve()) and real.is_file()


def add_rows(store: Store, rows: list[Row], table: Path, folder: Path) -> Imported:
    """Add ``rows``; the photos of their items are in ``folder``, ``table`` is their file."""
    items = list(dict.fromkeys(row.item for row in rows))
    photos = _photos(items, table, folder)
    with store.write() as session:
        new = add_items(session, items, photos, folder)
        added = _log(session, rows, store.now())
        seat(session, sorted({row.attribute for row in rows}))
    return Imported(new, added, tuple(sorted(set(items) - set(photos))))


def _log(session: Session, rows: list[Row], now: float) -> int:
    said = {
        (a.item, a.rater, a.attribute, a.round): (a.kind, a.value, a.second, a.wrong, a.comment)
        for a in read_answers(session)
    }
    names = dict.fromkeys(row.rater for row in rows)
    raters = {name: rater_called(session, name, add=True).id for name in names}
    items = {
        name: (key, digest)
        for key, name, digest in session.execute(select(Item.id, Item.name, Item.digest))
    }
    new = []
    for row in rows:
        key = (row.item, row.rater.strip(), row.attribute, row.round)
        what = (row.kind, row.value, row.second, row.wrong, row.comment)
        if said.get(key) == what:
            continue
        said[key] = what
        item, digest = items[row.item]
        new.append(
            {
                "at": now if row.at is None else row.at,
                "rater_id": raters[row.rater],
                "item_id": item,
                "attribute": row.attribute,
                "round": row.round,
                "kind": row.kind,
                "value": row.value,
                "second": row.second,
                "wrong": " ".join(row.wrong),
                "comment": row.comment,
                "seconds": row.seconds,
                "digest": digest,
            }
        )
    if new:
        session.execute(insert(Entry), new)
    return len(new)
