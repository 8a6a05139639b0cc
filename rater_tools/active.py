"""What to rate next: where the model is unsure, and where raters disagree."""

from __future__ import annotations

from collections.abc import Callable
from math import log

from sqlalchemy import select

from rater_tools.overlap import votes_of
from rater_tools.plan import photo_of
from rater_tools.questions import ASKED
from rater_tools.store import Guess, Item, Store, Task
from stickers.attributes import read_attributes
from stickers.embed import Model, embed, load_model
from stickers.errors import PhotoError
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.records import Guess as Seen
from stickers.traits import TRAITS

Progress = Callable[[int, int], None]
"""Called with (photos done, photos in all)."""

UNKNOWN = 0.5
"""The doubt about what the model has not looked at."""


def order(store: Store, model: Model | None = None, progress: Progress | None = None) -> int:
    """Set the priority of every open task, looking at photos that were not looked at yet.

    Half of it is the model's doubt, half the raters' disagreement; raters see neither.

    Args:
        store: the store.
        model: the shipped one if not given; a given one looks at every photo anew.
        progress: told after every photo.

    Returns:
        How many open tasks there are.
    """
    with store.read() as session:
        known = set() if model else set(session.scalars(select(Guess.item_id).distinct()))
        tasks = select(Task.item_id).where(Task.closed.is_(False), Task.attribute.in_(ASKED))
        waiting = select(Item).where(Item.id.in_(tasks)).order_by(Item.id)
        items = [i for i in session.scalars(waiting) if i.id not in known]
    looks = model or load_model()
    for number, item in enumerate(items, start=1):
        doubts = _doubts(item, looks)
        with store.write() as session:
            for name, entropy in doubts.items():
                session.merge(Guess(item_id=item.id, attribute=name, doubt=entropy))
        if progress is not None:
            progress(number, len(items))
    with store.write() as session:
        doubt = {(g.item_id, g.attribute): g.doubt for g in session.scalars(select(Guess))}
        open_ = list(
            session.scalars(select(Task).where(Task.closed.is_(False), Task.attribute.in_(ASKED)))
        )
        for task in open_:
            votes = votes_of(session, task)
            split = 1 - max(votes.values()) / votes.total() if votes else 0.0
            task.priority = (doubt.get((task.item_id, task.attribute), UNKNOWN) + split) / 2
    return len(open_)


def _doubts(item: Item, model: Model) -> dict[str, float]:
    """Attribute -> 0..1; nothing for a photo without a face that is found."""
    path = photo_of(item)
    if path is None:
        return {}
    try:
        attributes = read_attributes(embed(find_face(load_photo(path)), model), model)
    except PhotoError:
        return {}
    return {name: doubt_of(name, guess) for name, guess in attributes.items()}


def doubt_of(attribute: str, guess: Seen) -> float:
    """The entropy of the model's guess, 0 (sure) to 1 (anything is as likely)."""
    chances = [p for _, p in guess.probabilities]
    if TRAITS[attribute].many:
        return sum(_entropy((p, 1 - p)) / log(2) for p in chances) / len(chances)
    return _entropy(chances) / log(len(chances))


def _entropy(chances: list[float] | tuple[float, ...]) -> float:
    return -sum(p * log(p) for p in chances if p > 0)
