"""How the work goes: what is done, what waits, how fast and how well each rater rates."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from sqlalchemy import and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from rater_tools.answers import Answer, read_answers
from rater_tools.questions import IDENTITY, JUDGED, LIKENESS
from stickers.traits import TRAITS
from rater_tools.store import FIRST_ROUND, VALUE, Item, Passed, Place, Rater, Task


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
    counted = select(
        Task.attribute, func.sum(case((Task.closed, 1), else_=0)), func.count(Task.id)
    )
    rows = session.execute(
        counted.where(Task.gold.is_(None)).group_by(Task.attribute).order_by(Task.attribute)
    )
    attributes = tuple(AttributeProgress(name, int(done), n) for name, done, n in rows)
    items = session.scalar(select(func.count(Item.id))) or 0
    return Overview(items, attributes, _raters(session))


def _raters(session: Session) -> tuple[RaterProgress, ...]:
    answers = read_answers(session)
    golds = {
        (item, attribute): code
        for item, attribute, code in session.execute(
            select(Item.name, Task.attribute, Task.gold)
            .join(Item, Item.id == Task.item_id)
            .where(Task.gold.is_not(None), Task.round == FIRST_ROUND)
        )
    }
    by_rater: dict[str, list[Answer]] = defaultdict(list)
    for a in answers:
        by_rater[a.rater].append(a)
    pairs = _pairs(answers)
    return tuple(
        RaterProgress(
            name=rater.name,
            paused=rater.paused,
            answers=len(by_rater[rater.name]),
            per_minute=_pace(by_rater[rater.name]),
            gold=_share(
                _right(a, golds[a.item, a.attribute])
                for a in by_rater[rater.name]
                if (a.item, a.attribute) in golds
            ),
            others=_share(pairs[rater.name]),
        )
        for rater in session.scalars(select(Rater).order_by(Rater.name))
    )


def _right(a: Answer, gold: str) -> bool:
    if a.kind != VALUE:
        return False
    of = TRAITS.get(a.attribute)
    return set(a.value) == set(gold) if of is not None and of.many else a.value == gold


def _pace(answers: Iterable[Answer]) -> float | None:
    seconds = [a.seconds for a in answers if a.seconds]
    return 60 / median(seconds) if seconds else None


def _pairs(answers: Iterable[Answer]) -> dict[str, list[bool]]:
    """rater -> whether each other's answer to the same is the same; judgements left out."""
    said: dict[tuple[str, str, str], list[Answer]] = defaultdict(list)
    for a in answers:
        if a.attribute not in JUDGED:
            said[a.item, a.attribute, a.round].append(a)
    found: dict[str, list[bool]] = defaultdict(list)
    for together in said.values():
        for a in together:
            found[a.rater] += [
                (a.kind, a.value) == (b.kind, b.value) for b in together if b is not a
            ]
    return found


def _share(right: Iterable[bool]) -> tuple[float, int] | None:
    counts = Counter(right)
    total = counts.total()
    return (counts[True] / total, total) if total else None


def waiting(session: Session, rater: int) -> dict[str, int]:
    """attribute -> how many tasks there are for ``rater`` now, those of others not counted."""
    mine, passed, other, seen = aliased(Place), aliased(Passed), aliased(Task), aliased(Place)
    free = aliased(Place)
    saw = exists().where(
        other.item_id == Task.item_id,
        other.attribute == LIKENESS,
        seen.task_id == other.id,
        seen.rater_id == rater,
    )
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
                (Task.attribute != IDENTITY) | ~saw,
            )
        )
        .group_by(Task.attribute)
    )
    return {name: count for name, count in session.execute(query)}
