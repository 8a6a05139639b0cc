"""Label Studio's JSON, both ways, and the labelling config that goes with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from sqlalchemy import select

from rater_tools.answers import Answer, read_answers
from rater_tools.plan import photo_of
from rater_tools.questions import ASKED, check_code, question
from rater_tools.rows import Row, damaged, read_text, read_time
from rater_tools.store import NONE_FITS, UNSEEN, VALUE, Item, Store, iso
from stickers.output import whole

NONE_FITS_LABEL = "none fits"
"""What the choice is called there."""


def read_label_studio(path: Path) -> list[Row]:
    """The rows of an export of Label Studio (JSON); see `write_label_studio`.

    A task's item is ``data.item``, or the name of its image without ending. Choices of an
    attribute are its codes' names in the vocabulary.

    Raises:
        BadRatings: not such an export.
    """
    rows: list[Row] = []
    try:
        for task in json.loads(read_text(path)):
            data = task["data"]
            item = str(data.get("item") or Path(str(data["image"])).stem)
            for annotation in task["annotations"]:
                rater = _annotator(annotation["completed_by"])
                at = read_time(annotation.get("created_at"), path, 1)
                answers = _choices(annotation["result"])
                rows += [Row(item, rater, *answer, at=at) for answer in answers]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise damaged(path, "not Label Studio's JSON", exc) from exc
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
            yield attribute, NONE_FITS, "", None
        elif chosen == ["?"]:
            yield attribute, UNSEEN, "?", seconds[0] if seconds else None
        else:
            code = "".join(check_code(attribute, c) for c in chosen)
            yield attribute, VALUE, code or "-", seconds[0] if seconds else None


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
                    "created_at": iso(max(a.at for a in said)),
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
