"""Ratings as they lie on disk, and what heads learn from them.

A folder of ratings holds ``ratings.csv`` (item, rater, attribute, value and
perhaps time; rows are only ever added, so the last of a kind counts) and
``items.csv`` (item, file, ...), whose ``file`` is relative to the folder.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stickers.errors import BadRatings, UnknownValue
from stickers.traits import PREDICTED, TRAITS, Trait

SECOND_CHOICE = "hair_alt"
"""The attribute that holds a rater's second choice of `hair_style`."""

NOT_OF_A_PERSON = frozenset({"expression"})
"""Attributes that raters give and no head predicts."""

DIGEST = 12
"""Hexadecimal digits of a photo's sha256 that name it in ``trained_on.txt``."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(slots=True)
class Rating:
    """What one rater said of one face.

    Attributes:
        values: trait -> the values chosen; a trait that cannot be seen is absent.
        second: the second choice of hair style, if there is one.
    """

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    second: str | None = None


Ratings = Mapping[str, Mapping[str, Rating]]
"""item -> rater -> what the rater said, both in the order of the file."""


def read_ratings(path: Path) -> Ratings:
    """All ratings of a ``ratings.csv``.

    Raises:
        BadRatings: no such file, missing columns, a damaged row or an unknown code;
            the message tells the line.
    """
    found: dict[str, dict[str, Rating]] = {}
    for line, row in _rows(path, ("item", "rater", "attribute", "value")):
        item, rater, attribute, value = row
        rating = found.setdefault(item, {}).setdefault(rater, Rating())
        try:
            _put(rating, attribute, value)
        except UnknownValue as exc:
            raise BadRatings(exc.what, where=f"{path}, line {line}", hint=exc.hint) from exc
    if not found:
        raise BadRatings("no ratings", where=path, hint="rate some faces first")
    return found


def _put(rating: Rating, attribute: str, value: str) -> None:
    if attribute in NOT_OF_A_PERSON:
        return
    if attribute == SECOND_CHOICE:
        second = TRAITS["hair_style"].from_rating(value)
        rating.second = None if second is None else second[0]
        return
    if attribute not in TRAITS:
        raise UnknownValue(
            f"there is no attribute {attribute!r}", hint=f"use one of {', '.join(TRAITS)}"
        )
    values = TRAITS[attribute].from_rating(value)
    if values is None:
        rating.values.pop(attribute, None)
    else:
        rating.values[attribute] = values


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line number, the wanted cells) of every row of a CSV file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            missing = [name for name in columns if name not in header]
            if missing:
                raise BadRatings(
                    f"no column {', '.join(missing)}",
                    where=path,
                    hint=f"the first line must name {', '.join(columns)}",
                )
            places = [header.index(name) for name in columns]
            for row in reader:
                if not row:
                    continue
                cells = tuple(row[i].strip() for i in places) if len(row) > max(places) else ()
                if not all(cells) or not cells:
                    raise BadRatings(
                        "a damaged row",
                        where=f"{path}, line {reader.line_num}",
                        hint=f"give {', '.join(columns)}, none of them empty",
                    )
                yield reader.line_num, cells
    except FileNotFoundError as exc:
        raise BadRatings("no such file", where=path, hint="check the path") from exc
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise BadRatings("not a readable CSV file", where=path, hint=str(exc)) from exc


def find_photos(items: Sequence[str], ratings_csv: Path, faces: Path) -> dict[str, Path]:
    """Each item's photo, for the items whose photo exists.

    An ``items.csv`` beside the ratings or in ``faces`` says which file an item is,
    relative to either; an item it does not name is ``faces/<item>.jpg`` (or .png,
    .webp).

    Raises:
        BadRatings: ``faces`` is no folder, or ``items.csv`` is damaged.
    """
    if not faces.is_dir():
        raise BadRatings("no such folder of faces", where=faces, hint="check the path")
    named: dict[str, Path] = {}
    for folder in dict.fromkeys((ratings_csv.parent, faces)):
        table = folder / "items.csv"
        if not table.is_file():
            continue
        for _, (item, file) in _rows(table, ("item", "file")):
            for path in (folder / file, faces / file, faces / Path(file).name):
                if path.is_file():
                    named.setdefault(item, path)
                    break
    for item in items:
        if item not in named:
            for suffix in _SUFFIXES:
                path = faces / f"{item}{suffix}"
                if path.is_file():
                    named[item] = path
                    break
    return {item: named[item] for item in items if item in named}


def photo_folder(table: Path) -> Path:
    """Where a ``ratings.csv`` has its photos: ``faces`` beside it, or its own folder."""
    beside = table.parent / "faces"
    return beside if beside.is_dir() else table.parent


def photo_digest(path: Path) -> str:
    """The `digest` of a photo's bytes."""
    return digest(path.read_bytes())


def digest(data: bytes) -> str:
    """The first `DIGEST` hexadecimal digits of the sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()[:DIGEST]


def targets(
    ratings: Ratings, items: Sequence[str], second_weight: float = 0.25
) -> dict[str, NDArray[np.float32]]:
    """What each head should say: per trait, N x K float32, all nan where nobody said.

    A row is the mean over raters: of one-hot choices that sum to 1, of yes (1) and no
    (0) for a trait of many values. ``second_weight`` of a hair style goes to the
    rater's second choice.
    """
    return {
        trait.name: np.stack([_target(trait, ratings[i].values(), second_weight) for i in items])
        for trait in PREDICTED
    }


def _target(trait: Trait, said: Iterable[Rating], second_weight: float) -> NDArray[np.float32]:
    places = {value: i for i, value in enumerate(trait.predicted)}
    rows: list[NDArray[np.float32]] = []
    for rating in said:
        values = rating.values.get(trait.name)
        if values is None or any(v not in places for v in values):
            continue
        row = np.zeros(len(places), dtype=np.float32)
        row[[places[v] for v in values]] = 1.0
        if trait.name == "hair_style" and rating.second in places:
            row *= 1 - second_weight
            row[places[rating.second]] += second_weight
        rows.append(row)
    if not rows:
        return np.full(len(places), np.nan, dtype=np.float32)
    return np.asarray(np.mean(rows, axis=0), dtype=np.float32)
