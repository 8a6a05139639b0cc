"""From the store to files: ``ratings.csv`` with ``items.csv``, and JSON Lines.

``ratings.csv`` holds what heads can learn from. That none of the drawings fits is no value
of the vocabulary: it is in the JSON Lines, which hold the whole log.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from rater_tools.answers import Answer, read_answers
from rater_tools.plan import photo_of
from rater_tools.questions import JUDGED
from rater_tools.store import NONE_FITS, Entry, Item, Rater, Store, iso
from stickers.output import whole
from stickers.training.ratings import SECOND_CHOICE


def write_csv(store: Store, folder: Path) -> int:
    """Write ``ratings.csv`` and ``items.csv`` into ``folder``, as `stickers train` reads them.

    Of each rater the answer that counts, by item, rater and attribute. A photo's file is
    relative to ``folder`` where it lies within it, and absolute elsewhere.

    Returns:
        The number of rows of ratings.
    """
    with store.read() as session:
        answers = read_answers(session)
        items = list(session.scalars(select(Item).order_by(Item.name)))
    rows = sorted(row for a in answers for row in _csv_rows(a))
    with whole(folder / "ratings.csv") as part, part.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("item", "rater", "attribute", "value", "time"))
        writer.writerows(rows)
    with whole(folder / "items.csv") as part, part.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("item", "file"))
        writer.writerows((i.name, _file(i, folder)) for i in items if photo_of(i))
    return len(rows)


def _csv_rows(a: Answer) -> Iterator[tuple[str, str, str, str, str]]:
    if a.attribute in JUDGED or a.kind == NONE_FITS:
        return
    yield a.item, a.rater, a.attribute, a.value, iso(a.at)
    if a.second is not None and a.attribute == "hair_style":
        yield a.item, a.rater, SECOND_CHOICE, a.second, iso(a.at)


def _file(item: Item, folder: Path) -> str:
    path = photo_of(item)
    if path is None:
        return ""
    here = folder.resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def write_jsonl(store: Store, path: Path) -> int:
    """Write the whole log, a line an entry, undone ones and those that undo them included.

    Returns:
        The number of lines.
    """
    with store.read() as session:
        items = {i.id: i.name for i in session.scalars(select(Item))}
        raters = {r.id: r.name for r in session.scalars(select(Rater))}
        entries = list(session.scalars(select(Entry).order_by(Entry.id)))
    with whole(path) as part, part.open("w", encoding="utf-8") as out:
        for e in entries:
            line = {
                "id": e.id,
                "time": iso(e.at),
                "item": items[e.item_id],
                "rater": raters[e.rater_id],
                "attribute": e.attribute,
                "round": e.round,
                "kind": e.kind,
                "value": e.value,
                "second": e.second,
                "wrong": e.wrong.split(),
                "comment": e.comment,
                "seconds": e.seconds,
                "digest": e.digest,
                "undoes": e.undoes,
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(entries)
