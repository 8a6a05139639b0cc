"""From the store to files: ``ratings.csv`` with ``items.csv``, JSON Lines, Label Studio's JSON.

``ratings.csv`` holds what heads can learn from. That none of the drawings fits is no value
of the vocabulary: it is in the JSON Lines, which hold the whole log.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sqlalchemy import select

from rater_tools.answers import Answer, read_answers
from rater_tools.imports import NONE_FITS_LABEL
from rater_tools.plan import photo_of
from rater_tools.questions import ASKED, JUDGED, question
from rater_tools.store import NONE_FITS, VALUE, Entry, Item, Rater, Store
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
    yield a.item, a.rater, a.attribute, a.value, _time(a.at)
    if a.second is not None and a.attribute == "hair_style":
        yield a.item, a.rater, SECOND_CHOICE, a.second, _time(a.at)


def _file(item: Item, folder: Path) -> str:
    path = photo_of(item)
    if path is None:
        return ""
    here = folder.resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


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
                "time": _time(e.at),
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


def write_label_studio(store: Store, path: Path) -> int:
    """Write tasks with annotations for Label Studio, and its labelling config beside them.

    The config is ``path`` with the ending ``.xml``. An image is named by its absolute path
    as Label Studio's local files are.

    Returns:
        The number of tasks.
    """
    with store.read() as session:
        answers = read_answers(session, ASKED)
        photos = {i.name: photo_of(i) for i in session.scalars(select(Item))}
    by_item: dict[str, dict[str, list[Answer]]] = {}
    for a in answers:
        by_item.setdefault(a.item, {}).setdefault(a.rater, []).append(a)
    tasks = [
        {
            "data": {"item": item, "image": f"/data/local-files/?d={photos[item] or ''}"},
            "annotations": [
                {
                    "completed_by": {"email": rater},
                    "created_at": _time(max(a.at for a in said)),
                    "result": [control for a in said for control in _controls(a)],
                }
                for rater, said in raters.items()
            ],
        }
        for item, raters in by_item.items()
    ]
    with whole(path) as part:
        part.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with whole(path.with_suffix(".xml")) as part:
        part.write_text(_config(), encoding="utf-8")
    return len(tasks)


def _controls(a: Answer) -> Iterator[dict[str, object]]:
    if a.kind == NONE_FITS:
        chosen = [NONE_FITS_LABEL]
    elif a.kind == VALUE and question(a.attribute).many:
        chosen = list(a.value)
    else:
        chosen = [a.value]
    yield _control(a.attribute, chosen)
    if a.second is not None:
        yield _control(f"{a.attribute}_second", [a.second])


def _control(name: str, chosen: list[str]) -> dict[str, object]:
    return {
        "from_name": name,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": chosen},
    }


def _config() -> str:
    lines = ["<View>", '  <Image name="image" value="$image"/>']
    for attribute in ASKED:
        asked = question(attribute)
        codes = [*(c.code for c in asked.choices), *("-" * asked.many), "?", NONE_FITS_LABEL]
        kinds = [(attribute, codes, "multiple" if asked.many else "single")]
        if asked.second:
            kinds.append((f"{attribute}_second", codes[:-1], "single"))
        for name, values, choice in kinds:
            lines.append(f'  <Choices name="{name}" toName="image" choice="{choice}">')
            lines += [f"    <Choice value={quoteattr(v)}/>" for v in values]
            lines.append("  </Choices>")
    return "\n".join([*lines, "</View>", ""])
