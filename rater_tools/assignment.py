"""Who rates what: places are leased, taken, given back and taken back.

A rater holds at most one place of a task. A place that nobody answered before its lease
ran out may be leased by somebody else; whoever comes first with an answer has it, and
the other is told. Every step is one transaction, and every change of a place says what
the place must be for it, so that raters at the same moment cannot both have it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, aliased

from rater_tools.leases import held_by, lease, lease_gold
from rater_tools.overlap import EXTRA, rows_of, settle
from rater_tools.questions import ASKED, WHOLE_FACE, check_code
from rater_tools.store import (
    ANSWERS,
    SKIP,
    UNDO,
    UNSEEN,
    VALUE,
    Entry,
    Item,
    Passed,
    Place,
    Rater,
    Store,
    Task,
)
from rater_tools.tasks import Given, Lost, Refused, Reply
from stickers.errors import UnknownValue

LEASE = 600.0
"""Seconds that a rater may look at a photo before somebody else gets it."""
GOLD = 0.1
"""Share of tasks whose answer is known."""
_TRIES = 8
_COLLISIONS = (None, "23505", "40001", "40P01")
"""What PostgreSQL calls a place taken twice, and transactions in a knot; SQLite names nothing."""
_LOCK = {"key_share": True}
"""A lock on a task that lets others lease its places."""
_T = TypeVar("_T")


class Desk:
    """Gives tasks to raters and takes their answers.

    Args:
        store: where everything is kept.
        lease: seconds, see `LEASE`.
        extra: see `EXTRA`.
        gold: see `GOLD`.
    """

    def __init__(
        self, store: Store, lease: float = LEASE, extra: int = EXTRA, gold: float = GOLD
    ) -> None:
        self.store, self.lease, self.extra, self.gold = store, lease, extra, gold

    def take(self, rater: int, attribute: str, count: int = 1) -> list[Given]:
        """Up to ``count`` tasks for ``rater``: first those already held.

        Args:
            rater: the rater's id.
            attribute: of which kind; ``face`` gives all tasks of one photo after another.
            count: how many to hold; of ``face``, how many at least.

        Raises:
            Refused: the rater is paused or unknown.
        """
        return self._write(lambda session: self._take(session, rater, attribute, count))

    def reply(self, rater: int, task: int, reply: Reply) -> None:
        """Write down what ``rater`` says of ``task``.

        Raises:
            Lost: the place is no longer this rater's; nothing is written.
            UnknownValue: no such answer.
        """
        self._write(lambda session: self._reply(session, rater, task, reply))

    def reply_and_take(
        self, rater: int, task: int, reply: Reply, attribute: str, count: int = 1
    ) -> list[Given]:
        """`reply`, then `take`, in one transaction; whoever is paused gets no more tasks."""

        def work(session: Session) -> list[Given]:
            self._reply(session, rater, task, reply)
            session.flush()
            try:
                return self._take(session, rater, attribute, count)
            except Refused:
                return []

        return self._write(work)

    def undo(self, rater: int, token: str) -> Given | None:
        """Take back the last reply of ``rater``, who gets its task again.

        Returns:
            The task; None if there is nothing to take back, or if it was skipped and
            somebody else has it now.
        """
        return self._write(lambda session: self._undo(session, rater, token))

    def _write(self, work: Callable[[Session], _T]) -> _T:
        """``work`` in a transaction; once more when it collides with somebody else's."""
        for _ in range(_TRIES - 1):
            try:
                with self.store.write() as session:
                    return work(session)
            except (IntegrityError, OperationalError) as exc:
                if getattr(exc.orig, "sqlstate", None) not in _COLLISIONS:
                    raise
                time.sleep(random.random() / 10)
        with self.store.write() as session:
            return work(session)

    def _take(self, session: Session, rater: int, attribute: str, count: int) -> list[Given]:
        _active(session, rater)
        kinds = ASKED if attribute == WHOLE_FACE else (attribute,)
        held = list(
            session.scalars(
                held_by(rater).where(Task.attribute.in_(kinds)).order_by(Place.until, Place.id)
            )
        )
        while len(held) < count:
            task = self._lease(session, rater, Task.attribute.in_(kinds))
            if task is None:
                break
            held.append(task)
            while attribute == WHOLE_FACE:
                same = and_(Task.item_id == task.item_id, Task.attribute.in_(kinds))
                more = self._lease(session, rater, same, gold=task.gold is not None)
                if more is None:
                    break
                held.append(more)
        self._renew(session, rater, held)
        if attribute == WHOLE_FACE:
            places = {item: i for i, item in enumerate(dict.fromkeys(t.item_id for t in held))}
            held.sort(key=lambda t: (places[t.item_id], ASKED.index(t.attribute)))
            return [_given(t) for t in held]
        return [_given(t) for t in held[:count]]

    def _renew(self, session: Session, rater: int, held: Sequence[Task]) -> None:
        """Lengthen the leases; those that are due first stay first."""
        ids = [t.id for t in held]
        mine = (Place.rater_id == rater, Place.done.is_(False), Place.task_id.in_(ids))
        session.execute(update(Place).where(*mine).values(until=self.store.now() + self.lease))

    def _lease(
        self, session: Session, rater: int, which: ColumnElement[bool], gold: bool | None = None
    ) -> Task | None:
        if gold is None:
            gold = random.random() < self.gold
        if gold and (task := lease_gold(session, rater, which, self.store.now() + self.lease)):
            return task
        return lease(session, rater, which, self.store.now(), self.lease)

    def _reply(self, session: Session, rater: int, task_id: int, reply: Reply) -> None:
        if session.scalar(select(Entry.id).where(Entry.token == reply.token)):
            return
        task = session.get(Task, task_id, with_for_update=_LOCK)
        if task is None:
            raise _lost()
        _check(task, reply)
        skips = reply.kind == SKIP
        held = (Place.task_id == task_id, Place.rater_id == rater, Place.done.is_(False))
        what = {"rater_id": None, "until": 0.0} if skips else {"done": True}
        if rows_of(session.execute(update(Place).where(*held).values(what))) != 1:
            raise _lost()
        if skips:
            session.add(Passed(task_id=task_id, rater_id=rater))
        _log(session, self.store.now(), rater, task, reply)
        settle(session, task, self.extra)

    def _undo(self, session: Session, rater: int, token: str) -> Given | None:
        if session.scalar(select(Entry.id).where(Entry.token == token)):
            held = session.scalars(held_by(rater).order_by(Place.until.desc()).limit(1)).first()
            return None if held is None else _given(held)
        _active(session, rater)
        undone = aliased(Entry)
        entry = session.scalars(
            select(Entry)
            .where(
                Entry.rater_id == rater,
                Entry.token.is_not(None),
                Entry.kind != UNDO,
                ~exists().where(undone.undoes == Entry.id),
            )
            .order_by(Entry.id.desc())
            .limit(1)
        ).first()
        if entry is None:
            return None
        task = session.scalars(
            select(Task)
            .where(
                Task.item_id == entry.item_id,
                Task.attribute == entry.attribute,
                Task.round == entry.round,
            )
            .with_for_update(key_share=True)
        ).one()
        _log(session, self.store.now(), rater, task, Reply(token, UNDO), undoes=entry.id)
        task.closed = False
        again = self._again(session, rater, task, skipped=entry.kind == SKIP)
        session.flush()
        settle(session, task, self.extra)
        return _given(task) if again else None

    def _again(self, session: Session, rater: int, task: Task, *, skipped: bool) -> bool:
        """Lease ``task`` to ``rater`` once more; False where that is no longer possible."""
        until = self.store.now() + self.lease
        if not skipped:
            mine = (Place.task_id == task.id, Place.rater_id == rater)
            session.execute(update(Place).where(*mine).values(done=False, until=until))
            return True
        session.execute(delete(Passed).where(Passed.task_id == task.id, Passed.rater_id == rater))
        if task.gold is not None:
            session.add(Place(task_id=task.id, rater_id=rater, until=until))
            return True
        return self._lease(session, rater, Task.id == task.id, gold=False) is not None


def _active(session: Session, rater: int) -> None:
    found = session.get(Rater, rater)
    if found is None or found.paused:
        what = "this rater is paused" if found else "there is no such rater"
        raise Refused(what, hint="ask whoever manages the ratings")


def _check(task: Task, reply: Reply) -> None:
    if reply.kind == VALUE:
        check_code(task.attribute, reply.value, tuple(map(str, task.data.get("choices", ()))))
        if reply.second is not None:
            check_code(task.attribute, reply.second)
        for name in reply.wrong:
            _check_wrong(name)
    elif reply.kind not in (*ANSWERS, SKIP):
        raise UnknownValue(f"there is no answer of kind {reply.kind!r}", hint="send value")


def _check_wrong(name: str) -> None:
    if name not in ASKED:
        raise UnknownValue(f"there is no trait {name!r}", hint=f"use one of {', '.join(ASKED)}")


def _log(
    session: Session, at: float, rater: int, task: Task, reply: Reply, undoes: int | None = None
) -> None:
    digest = session.scalar(select(Item.digest).where(Item.id == task.item_id)) or ""
    session.add(
        Entry(
            at=at,
            rater_id=rater,
            item_id=task.item_id,
            attribute=task.attribute,
            round=task.round,
            kind=reply.kind,
            value={VALUE: reply.value, UNSEEN: "?"}.get(reply.kind, ""),
            second=reply.second if reply.kind == VALUE else None,
            wrong=" ".join(reply.wrong),
            comment=reply.comment.replace("\0", ""),
            seconds=reply.seconds,
            digest=digest,
            token=reply.token,
            undoes=undoes,
        )
    )


def _lost() -> Lost:
    return Lost("somebody else has rated this in the meantime", hint="go on with the next")


def _given(task: Task) -> Given:
    return Given(task.id, task.attribute, task.item_id, dict(task.data))
