"""Answers as they lie in files: ``ratings.csv``, known answers, JSON Lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rater_tools.questions import check_code
from rater_tools.store import ANSWERS, FIRST_ROUND, UNSEEN, VALUE
from stickers.errors import BadRatings, UnknownValue
from stickers.training.ratings import NOT_OF_A_PERSON, SECOND_CHOICE, read_ratings


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


def read_csv(path: Path) -> list[Row]:
    """The rows of a ``ratings.csv``; second choices join the hair style beside them.

    Raises:
        BadRatings: as `read_ratings`, which judges the file.
    """
    read_ratings(path)
    rows: list[Row] = []
    first: dict[tuple[str, str], int] = {}
    second: dict[tuple[str, str], tuple[str, float | None]] = {}
    for line, row in read_table(path, ("item", "rater", "attribute", "value")):
        key, at = (row["item"], row["rater"]), read_time(row.get("time"), path, line)
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


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
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
    return [(r["item"], r["attribute"], r["value"]) for _, r in read_table(path, columns)]


def read_time(text: object, path: Path, line: int) -> float | None:
    """Seconds since 1970 of an ISO time; None for none. Raises BadRatings."""
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
    for line, text in enumerate(read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
            if row.get("undoes") is not None:
                rows.pop(row["undoes"], None)
            elif row["kind"] in ANSWERS:
                rows[row.get("id", -line)] = _row(row, path, line)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise damaged(path, f"line {line}", exc) from exc
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
        at=read_time(given.get("time"), path, line),
        seconds=given.get("seconds"),
        round=str(given.get("round", FIRST_ROUND)),
    )
    if row.kind == VALUE and row.attribute not in NOT_OF_A_PERSON:
        choices = tuple(map(str, given.get("choices", (row.value,))))
        attribute = "hair_style" if row.attribute == SECOND_CHOICE else row.attribute
        check_code(attribute, row.value, choices)
    return row


def read_text(path: Path) -> str:
    """A file of UTF-8; raises BadRatings."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadRatings("not a readable file", where=path, hint=str(exc)) from exc


def damaged(path: Path, where: str, exc: Exception) -> BadRatings:
    """The error for a file that is not in form."""
    hint = exc.args[0] if isinstance(exc, UnknownValue) else f"{type(exc).__name__}: {exc}"
    return BadRatings("a damaged file of ratings", where=f"{path}, {where}", hint=str(hint))
