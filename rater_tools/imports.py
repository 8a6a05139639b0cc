"""From files to the store: photographs, and ratings in three forms.

What is imported again adds nothing: a row that says what already counts is passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rater_tools.answers import read_answers
from rater_tools.plan import add_items, rater_called, seat
from rater_tools.questions import ASKED, check_code
from rater_tools.store import ANSWERS, FIRST_ROUND, UNSEEN, VALUE, Entry, Item, Store
from stickers.errors import BadRatings, UnknownValue
from stickers.training.ratings import (
    NOT_OF_A_PERSON,
    SECOND_CHOICE,
    find_photos,
    read_ratings,
)

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


@dataclass(frozen=True, slots=True)
class Row:
    """One answer in a file."""

    item: str
    rater: str
    attribute: str
    kind: str
    value: str
    second: str | None = None
    wrong: tuple[str, ...] = ()
    comment: str = ""
    at: float | None = None
    seconds: float | None = None
    round: str = FIRST_ROUND


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
        named = [row["item"] for _, row in _table(table, ("item", "file"))]
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


def read_csv(path: Path) -> list[Row]:
    """The rows of a ``ratings.csv``; second choices join the hair style beside them.

    Raises:
        BadRatings: as `read_ratings`, which judges the file.
    """
    read_ratings(path)
    rows: list[Row] = []
    first: dict[tuple[str, str], int] = {}
    second: dict[tuple[str, str], tuple[str, float | None]] = {}
    for line, row in _table(path, ("item", "rater", "attribute", "value")):
        key, at = (row["item"], row["rater"]), _time(row.get("time"), path, line)
        if row["attribute"] == SECOND_CHOICE:
            second[key] = (row["value"], at)
            continue
        if row["attribute"] == "hair_style":
            first[key] = len(rows)
        kind = UNSEEN if row["value"] == "?" else VALUE
        rows.append(Row(*key, row["attribute"], kind, row["value"], at=at))
    for key, (value, at) in second.items():
        if key in first:
            place = first[key]
            was = rows[place]
            rows[place] = Row(*key, was.attribute, was.kind, was.value, value, at=was.at)
        else:
            kind = UNSEEN if value == "?" else VALUE
            rows.append(Row(*key, SECOND_CHOICE, kind, value, at=at))
    return rows


def _table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, row) of a CSV file, cells without outer blanks."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if missing := [c for c in columns if c not in (reader.fieldnames or ())]:
                hint = f"the first line must name {', '.join(columns)}"
                raise BadRatings(f"no column {', '.join(missing)}", where=path, hint=hint)
            for row in reader:
                yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k}
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise BadRatings("not a readable CSV file", where=path, hint=str(exc)) from exc


def read_gold(path: Path) -> list[tuple[str, str, str]]:
    """Known answers from a CSV file: (item, attribute, code); raises BadRatings."""
    columns = ("item", "attribute", "value")
    return [(r["item"], r["attribute"], r["value"]) for _, r in _table(path, columns)]


def _time(text: object, path: Path, line: int) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        where = f"{path}, line {line}"
        raise BadRatings("a damaged time", where=where, hint="use 2026-01-31T12:00:00Z") from None


def read_jsonl(path: Path) -> list[Row]:
    """The rows of JSON Lines as `exports.write_jsonl` writes them, what was undone left out.

    Raises:
        BadRatings: a line that is not in form; the message tells which.
    """
    rows: dict[int, Row] = {}
    for line, text in enumerate(_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
            if row.get("undoes") is not None:
                rows.pop(row["undoes"], None)
            elif row["kind"] in ANSWERS:
                rows[row.get("id", -line)] = _row(row, path, line)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise _damaged(path, f"line {line}", exc) from exc
    return list(rows.values())


def _row(given: Mapping[str, Any], path: Path, line: int) -> Row:
    row = Row(
        item=str(given["item"]),
        rater=str(given["rater"]),
        attribute=str(given["attribute"]),
        kind=str(given["kind"]),
        value=str(given["value"]),
        second=given.get("second"),
        wrong=tuple(map(str, given.get("wrong", ()))),
        comment=str(given.get("comment", "")),
        at=_time(given.get("time"), path, line),
        seconds=given.get("seconds"),
        round=str(given.get("round", FIRST_ROUND)),
    )
    if row.kind == VALUE and row.attribute not in NOT_OF_A_PERSON:
        choices = tuple(map(str, given.get("choices", (row.value,))))
        attribute = "hair_style" if row.attribute == SECOND_CHOICE else row.attribute
        check_code(attribute, row.value, choices)
    return row


def read_label_studio(path: Path) -> list[Row]:
    """The rows of an export of Label Studio (JSON); see `exports.write_label_studio`.

    A task's item is ``data.item``, or the name of its image without ending. Choices of an
    attribute are its codes' names in the vocabulary.

    Raises:
        BadRatings: not such an export.
    """
    rows: list[Row] = []
    try:
        for task in json.loads(_text(path)):
            data = task["data"]
            item = str(data.get("item") or Path(str(data["image"])).stem)
            for annotation in task["annotations"]:
                rater = _annotator(annotation["completed_by"])
                at = _time(annotation.get("created_at"), path, 1)
                answers = _choices(annotation["result"])
                rows += [Row(item, rater, *answer, at=at) for answer in answers]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _damaged(path, "not Label Studio's JSON", exc) from exc
    return rows


def _annotator(given: object) -> str:
    return str(given.get("email", given.get("id"))) if isinstance(given, dict) else str(given)


def _choices(result: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str | None]]:
    """(attribute, kind, value, second) of each control that was used."""
    said = {r["from_name"]: [str(c) for c in r["value"]["choices"]] for r in result}
    for attribute in ASKED:
        if attribute not in said:
            continue
        chosen = said[attribute]
        seconds = said.get(f"{attribute}_second")
        if chosen == [NONE_FITS_LABEL]:
            yield attribute, "none_fits", "", None
        elif chosen == ["?"]:
            yield attribute, UNSEEN, "?", seconds[0] if seconds else None
        else:
            code = "".join(check_code(attribute, c) for c in chosen)
            yield attribute, VALUE, code or "-", seconds[0] if seconds else None


NONE_FITS_LABEL = "none fits"
"""What Label Studio's choice is called."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadRatings("not a readable file", where=path, hint=str(exc)) from exc


def _damaged(path: Path, where: str, exc: Exception) -> BadRatings:
    hint = exc.args[0] if isinstance(exc, UnknownValue) else f"{type(exc).__name__}: {exc}"
    return BadRatings("a damaged file of ratings", where=f"{path}, {where}", hint=str(hint))
