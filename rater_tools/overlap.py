"""How many raters a task gets: its overlap, and one more while raters disagree."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import Session

from rater_tools.answers import counting
from rater_tools.questions import JUDGED
from rater_tools.store import Entry, Place, Task

EXTRA = 2
"""How many more raters are asked, one by one, while no answer has most of the votes."""


def settle(session: Session, task: Task, extra: int = EXTRA) -> None:
    """Open a place where raters disagree, drop one that nobody needs, close what is full.

    The caller holds the lock on ``task``.
    """
    session.flush()
    of_task = Place.task_id == task.id
    places = list(session.scalars(select(Place).where(of_task)))
    done = sum(p.done for p in places)
    need = 0 if task.gold is not None else task.wanted
    if 0 < need <= done and task.attribute not in JUDGED and _split(votes_of(session, task)):
        need = min(done + 1, task.wanted + extra)
    session.add_all(Place(task_id=task.id) for _ in range(need - len(places)))
    spare = [p.id for p in places if p.rater_id is None][: max(0, len(places) - need)]
    if spare:  # somebody may be leasing one at this moment: then it stays
        free = delete(Place).where(Place.id.in_(spare), Place.rater_id.is_(None))
        options = {"synchronize_session": False}
        spare = spare[: rows_of(session.execute(free, execution_options=options))]
    task.closed = need <= len(places) and done == len(places) - len(spare)


def votes_of(session: Session, task: Task) -> Counter[tuple[str, str]]:
    """(kind, value) -> how many raters' last answer it is."""
    query = counting().where(
        Entry.item_id == task.item_id,
        Entry.attribute == task.attribute,
        Entry.round == task.round,
    )
    last = {e.rater_id: (e.kind, e.value) for e in session.scalars(query)}
    return Counter(last.values())


def _split(votes: Counter[tuple[str, str]]) -> bool:
    """Whether no answer has more than half of the votes."""
    return bool(votes) and 2 * max(votes.values()) <= votes.total()


def rows_of(result: Any) -> int:
    """How many rows a statement changed."""
    return result.rowcount if isinstance(result, CursorResult) else 0
