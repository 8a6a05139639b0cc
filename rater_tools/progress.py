"""How the work goes: what is done, what waits, how fast and how well each rater rates."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import median

from sqlalchemy import and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from rater_tools.answers import counting
from rater_tools.leases import unseen_sticker
from rater_tools.questions import JUDGED
from rater_tools.store import FIRST_ROUND, Entry, Item, Passed, Place, Rater, Task
from stickers.traits import TRAITS


@dataclass(frozen=True, slots=True)
class RaterProgress:
    """One rater's work.

    Attributes:
        name: who.
        paused: gets no tasks.
        answers: how many count.
        per_minute: at the median pace of the answers that were timed; None without any.
        gold: share of known answers given right, and of how many.
        others: share of pairs with another rater's answer that are the same, and of how many.
    """

    name: str
    paused: bool
    answers: int
    per_minute: float | None
    gold: tuple[float, int] | None
    others: tuple[float, int] | None


@dataclass(frozen=True, slots=True)
class AttributeProgress:
    """One attribute's work: tasks whose every place is taken, of all; gold not counted."""

    attribute: str
    closed: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything a manager looks at."""

    items: int
    attributes: tuple[AttributeProgress, ...]
    raters: tuple[RaterProgress, ...]


def progress(session: Session) -> Overview:
    """How the work goes, by attribute and by rater."""
    counted = select(Task.attribute, func.sum(case((Task.closed, 1), else_=0)), func.count(Task.id))
    rows = session.execute(
        counted.where(Task.gold.is_(None)).group_by(Task.attribute).order_by(Task.attribute)
    )
    attributes = tuple(AttributeProgress(name, int(done), n) for name, done, n in rows)
    items = session.scalar(select(func.count(Item.id))) or 0
    return Overview(items, attributes, _raters(session))


def _raters(session: Session) -> tuple[RaterProgress, ...]:
    golds = {
        (item, attribute): str(code)
        for item, attribute, code in session.execute(
            select(Task.item_id, Task.attribute, Task.gold).where(
                Task.gold.is_not(None), Task.round == FIRST_ROUND
            )
        )
    }
    said = _said(session)
    counts: Counter[int] = Counter()
    seconds: dict[int, list[float]] = defaultdict(list)
    gold: dict[int, Counter[bool]] = defaultdict(Counter)
    others: dict[int, Counter[bool]] = defaultdict(Counter)
    for (item, attribute, _), answers in said.items():
        for rater, (code, took) in answers.items():
            counts[rater] += 1
            if took:
                seconds[rater].append(took)
            if (item, attribute) in golds:
                gold[rater][_right(attribute, code, golds[item, attribute])] += 1
            if attribute not in JUDGED:
                others[rater].update(
                    code == other for who, (other, _) in answers.items() if who != rater
                )
    return tuple(
        RaterProgress(
            name=rater.name,
            paused=rater.paused,
            answers=counts[rater.id],
            per_minute=60 / median(seconds[rater.id]) if seconds[rater.id] else None,
            gold=_share(gold[rater.id]),
            others=_share(others[rater.id]),
        )
        for rater in session.scalars(select(Rater).order_by(Rater.name))
    )


def _said(session: Session) -> dict[tuple[int, str, str], dict[int, tuple[str, float | None]]]:
    """(item, attribute, round) -> rater -> (code, "" where none fits; seconds)."""
    columns = (Entry.item_id, Entry.attribute, Entry.round, Entry.rater_id)
    query = counting().with_only_columns(*columns, Entry.value, Entry.seconds)
    found: dict[tuple[int, str, str], dict[int, tuple[str, float | None]]] = defaultdict(dict)
    for item, attribute, turn, rater, code, took in session.execute(query):
        found[item, attribute, turn][rater] = (code, took)
    return found


def _right(attribute: str, code: str, gold: str) -> bool:
    of = TRAITS.get(attribute)
    return set(code) == set(gold) if of is not None and of.many else code == gold


def _share(right: Counter[bool]) -> tuple[float, int] | None:
    total = right.total()
    return (right[True] / total, total) if total else None


def waiting(session: Session, rater: int) -> dict[str, int]:
    """Attribute -> how many tasks there are for ``rater`` now, those of others not counted."""
    mine, passed, free = aliased(Place), aliased(Passed), aliased(Place)
    held = exists().where(mine.task_id == Task.id, mine.rater_id == rater, mine.done.is_(False))
    query = (
        select(Task.attribute, func.count(Task.id))
        .where(
            held
            | and_(
                exists().where(
                    free.task_id == Task.id, free.rater_id.is_(None), free.done.is_(False)
                ),
                ~exists().where(mine.task_id == Task.id, mine.rater_id == rater),
                ~exists().where(passed.task_id == Task.id, passed.rater_id == rater),
                unseen_sticker(rater),
            )
        )
        .group_by(Task.attribute)
    )
    return dict(session.execute(query).all())
