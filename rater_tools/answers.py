"""The answers that count: the log without what was taken back, the last of each kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from rater_tools.store import ANSWERS, Entry, Item, Rater
from stickers.training.ratings import SECOND_CHOICE

Key = tuple[str, str]
"""(item, rater), by their names."""


class Answer(NamedTuple):
    """What one rater said of one attribute of one item, as it counts.

    Attributes:
        item, rater: their names.
        kind: one of `store.ANSWERS`.
        value: the code, "?" where unseen, "" where none fits.
    """

    item: str
    rater: str
    attribute: str
    round: str
    kind: str
    value: str
    second: str | None
    wrong: tuple[str, ...]
    comment: str
    at: float
    seconds: float | None
    digest: str


def counting() -> Select[Entry]:
    """Entries that say something and were not taken back, oldest first."""
    undone = aliased(Entry)
    return (
        select(Entry)
        .where(Entry.kind.in_(ANSWERS), ~exists().where(undone.undoes == Entry.id))
        .order_by(Entry.id)
    )


def read_answers(session: Session, attributes: Iterable[str] | None = None) -> tuple[Answer, ...]:
    """The answers that count, by item, rater and attribute.

    A second choice that came as a row of its own, as in ``ratings.csv``, is an answer
    to ``hair_alt``; `with_second` makes the same of all others.
    """
    items = dict(session.execute(select(Item.id, Item.name)).all())
    raters = dict(session.execute(select(Rater.id, Rater.name)).all())
    columns = [getattr(Entry, c) for c in _COLUMNS]
    query = counting().with_only_columns(*columns)
    if attributes is not None:
        query = query.where(Entry.attribute.in_(list(attributes)))
    last: dict[tuple[int, int, str, str], Answer] = {}
    for item, rater, attribute, turn, kind, value, second, wrong, *rest in session.execute(query):
        key = (item, rater, attribute, turn)
        last[key] = Answer(
            items[item],
            raters[rater],
            attribute,
            turn,
            kind,
            value,
            second,
            tuple(wrong.split()),
            *rest,
        )
    order = sorted(last.values(), key=lambda a: (a.item, a.rater, a.attribute, a.round))
    return tuple(order)


_COLUMNS = (
    *("item_id", "rater_id", "attribute", "round", "kind", "value", "second", "wrong"),
    *("comment", "at", "seconds", "digest"),
)


def values(answers: Iterable[Answer], attribute: str) -> dict[str, dict[str, str]]:
    """Item -> rater -> code, of those who saw it and found something that fits.

    Of ``hair_alt``, the second choices of the hair style.
    """
    found: dict[str, dict[str, str]] = {}
    for a in answers:
        code: str | None = None
        if a.attribute == attribute and a.kind == "value":
            code = a.value
        elif attribute == SECOND_CHOICE and a.attribute == "hair_style":
            code = a.second
        if code is not None and code != "?":
            found.setdefault(a.item, {})[a.rater] = code
    return found
