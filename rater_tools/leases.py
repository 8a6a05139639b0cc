"""Which free places a rater may lease, and how they are taken."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from rater_tools.questions import IDENTITY, LIKENESS
from rater_tools.store import Passed, Place, Task


def held_by(rater: int) -> Any:
    """The tasks that ``rater`` holds and has not answered."""
    return (
        select(Task)
        .join(Place, Place.task_id == Task.id)
        .where(Place.rater_id == rater, Place.done.is_(False))
    )


def lease(
    session: Session, rater: int, which: ColumnElement[bool], now: float, seconds: float
) -> Task | None:
    """Give ``rater`` the most urgent free place of tasks that are ``which``, if any."""
    found = session.execute(
        select(Place, Task)
        .join(Task, Place.task_id == Task.id)
        .where(
            which,
            Task.closed.is_(False),
            Task.gold.is_(None),
            Place.done.is_(False),
            or_(Place.rater_id.is_(None), Place.until < now),
            new_to(rater),
            unseen_sticker(rater),
        )
        .order_by(Task.priority.desc(), Task.id, Place.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Place)
    ).first()
    if found is None:
        return None
    place, task = found
    place.rater_id, place.until = rater, now + seconds
    session.flush()
    return task


def lease_gold(
    session: Session, rater: int, which: ColumnElement[bool], until: float
) -> Task | None:
    """Give ``rater`` a task whose answer is known, a place of its own added for it."""
    task = session.scalars(
        select(Task)
        .where(which, Task.gold.is_not(None), new_to(rater))
        .order_by(func.random())
        .limit(1)
    ).first()
    if task is not None:
        session.add(Place(task_id=task.id, rater_id=rater, until=until))
        session.flush()
    return task


def new_to(rater: int) -> ColumnElement[bool]:
    """Tasks that ``rater`` neither has nor had, nor skipped."""
    mine, passed = aliased(Place), aliased(Passed)
    return ~or_(
        exists().where(mine.task_id == Task.id, mine.rater_id == rater),
        exists().where(passed.task_id == Task.id, passed.rater_id == rater),
    )


def unseen_sticker(rater: int) -> ColumnElement[bool]:
    """Whoever saw the sticker beside its selfie cannot be asked who it is."""
    other, place = aliased(Task), aliased(Place)
    saw = exists().where(
        other.item_id == Task.item_id,
        other.attribute == LIKENESS,
        place.task_id == other.id,
        place.rater_id == rater,
    )
    return or_(Task.attribute != IDENTITY, ~saw)
