"""Judging stickers: which are judged, who stands beside whom, and what came of it.

Of each person two questions are asked, of different raters: how well the sticker shows
them (likeness, 1 to 5, and what is wrong), and which of four people it is (identity).
The three others of these four are chosen close, so that the drawing must tell.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import insert, select

from rater_tools.agreement import Figure, mean
from rater_tools.answers import Answer, read_answers, values
from rater_tools.consensus import Verdict, majority
from rater_tools.plan import photo_of, seat
from rater_tools.questions import ASKED, IDENTITY, JUDGED, LIKENESS
from rater_tools.store import FIRST_ROUND, VALUE, Item, Store, Task
from rater_tools.tiles import catalog
from stickers.avatar import avatar_of
from stickers.errors import BadRatings, PhotoError
from stickers.pipeline import analyze
from stickers.records import Guess
from stickers.traits import NONE, TRAITS

CHOICES = 4
"""Selfies that an identification shows."""

Labels = Mapping[str, Verdict]
"""attribute -> what raters together say of one person."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What raters say of stickers.

    Attributes:
        stickers: how many have a score.
        likeness: the mean score, 1..5, with its interval.
        by_person: item -> its scores.
        wrong: trait -> share of scores that name it.
        identified: share of identifications that were right, with its interval.
        identifications: how many.
    """

    stickers: int
    likeness: Figure
    by_person: Mapping[str, list[float]]
    wrong: Mapping[str, float]
    identified: Figure
    identifications: int


def judged(answers: Iterable[Answer], turn: str | None = None) -> Judged:
    """The judgements of one round, or of all. "Can't tell" is a wrong identification."""
    scores: dict[str, list[float]] = defaultdict(list)
    right: dict[str, list[float]] = defaultdict(list)
    wrong: Counter[str] = Counter()
    for a in answers:
        if turn is not None and a.round != turn:
            continue
        if a.attribute == LIKENESS and a.kind == VALUE:
            scores[a.item].append(float(a.value))
            wrong.update(a.wrong)
        elif a.attribute == IDENTITY:
            right[a.item].append(float(a.value == a.item))
    count = sum(map(len, scores.values()))
    return Judged(
        stickers=len(scores),
        likeness=mean(scores),
        by_person=dict(scores),
        wrong={name: wrong[name] / count for name in ASKED if wrong[name]},
        identified=mean(right),
        identifications=sum(map(len, right.values())),
    )


def labels_of(answers: Iterable[Answer]) -> dict[str, dict[str, Verdict]]:
    """Item -> attribute -> the majority's answer."""
    found: dict[str, dict[str, Verdict]] = defaultdict(dict)
    answers = tuple(answers)
    for attribute in ASKED:
        for item, verdict in majority(values(answers, attribute)).items():
            found[item][attribute] = verdict
    return dict(found)


def drawn_from(labels: Labels) -> str:
    """The share code of the avatar that raters' labels make."""
    guesses = {}
    for attribute, verdict in labels.items():
        chosen = TRAITS[attribute].from_rating(verdict.value) or ()
        ranked = tuple((v, verdict.certainty) for v in chosen)
        guesses[attribute] = Guess(chosen, verdict.certainty, ranked)
    return avatar_of(guesses, catalog().style).code()


def plan_judging(
    store: Store,
    count: int,
    *,
    overlap: int = 2,
    turn: str = FIRST_ROUND,
    by_model: bool = False,
    seed: int = 0,
) -> int:
    """Have ``count`` stickers judged, each by ``overlap`` raters for either question.

    Args:
        store: the store.
        count: people, drawn by lot from those that have labels and a photo.
        overlap: raters a question.
        turn: the round's name; a new one after the art has changed.
        by_model: draw what the model sees in the photo, not what raters said of it.
        seed: of the lot.

    Returns:
        How many stickers there are to judge now.

    Raises:
        BadRatings: too few people have labels.
    """
    with store.read() as session:
        labels = labels_of(read_answers(session, ASKED))
        items = {i.name: i for i in session.scalars(select(Item)) if photo_of(i)}
        planned_before = select(Task.item_id, Task.attribute).where(
            Task.attribute.in_(JUDGED), Task.round == turn
        )
        old = {(item, attribute) for item, attribute in session.execute(planned_before)}
    labels = {name: found for name, found in labels.items() if name in items}
    if len(labels) < CHOICES:
        raise BadRatings("too few rated photos", hint=f"rate the faces of {CHOICES} people first")
    dice = random.Random(seed)
    lot = dice.sample(sorted(labels), len(labels))
    new: list[dict[str, object]] = []
    planned = 0
    for name in lot:
        if planned == count:
            break
        code = _model_code(items[name]) if by_model else drawn_from(labels[name])
        if code is None:
            continue
        planned += 1
        four = [name, *close_to(name, labels, items, dice)]
        dice.shuffle(four)
        for attribute, data in (
            (LIKENESS, {"code": code}),
            (IDENTITY, {"code": code, "choices": four}),
        ):
            if (items[name].id, attribute) not in old:
                new.append(
                    {
                        "item_id": items[name].id,
                        "attribute": attribute,
                        "round": turn,
                        "wanted": overlap,
                        "data": data,
                        "priority": 0.0,
                        "closed": False,
                    }
                )
    with store.write() as session:
        if new:
            session.execute(insert(Task), new)
        seat(session, JUDGED)
    return planned


def _model_code(item: Item) -> str | None:
    """The share code of what the model sees; None where it sees no face."""
    path = photo_of(item)
    try:
        return None if path is None else avatar_of(analyze(path).attributes, catalog().style).code()
    except PhotoError:
        return None


def close_to(
    name: str, labels: Mapping[str, Labels], items: Mapping[str, Item], dice: random.Random
) -> list[str]:
    """Three people who are most like ``name`` in what is seen first; never the same photo.

    First presentation, hair colour and age, then skin tone; of equals the lot decides.
    """
    digests = {items[name].digest}
    others = [n for n in labels if n != name]
    dice.shuffle(others)
    others.sort(key=lambda n: _distance(labels[name], labels[n]))
    found: list[str] = []
    for other in others:
        if len(found) == CHOICES - 1:
            break
        if not items[other].digest or items[other].digest not in digests:
            digests.add(items[other].digest)
            found.append(other)
    return found


def _distance(one: Labels, other: Labels) -> tuple[int, int]:
    apart = sum(
        one[a].value != other[a].value for a in ("hair_colour", "age") if a in one and a in other
    )
    apart += sum(a != b for a, b in zip(_presentation(one), _presentation(other), strict=True))
    tones = [int(x["skin_tone"].value) for x in (one, other) if "skin_tone" in x]
    return apart, abs(tones[0] - tones[-1]) if tones else 0


def _presentation(labels: Labels) -> tuple[bool, bool, bool]:
    """What labels tell of how somebody presents: a beard, make-up, covered hair."""

    def said(attribute: str) -> str:
        return labels[attribute].value if attribute in labels else NONE

    return said("facial_hair") != NONE, "L" in said("marks"), said("hair_style") == "hidden"
