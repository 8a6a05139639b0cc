"""How far two answers about a face are the same.

Agreement on a face is 1 when two answers are the same value and 0 when they are not;
for a trait of many values it is the overlap of the two sets (shared values over
values that either named; 1 when both named none). Two traits get a second, milder
count: `hair_style` agrees where one of the two likeliest styles is one of the other's
two, and `skin_tone` where it is the same step or the one beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stickers.records import Guess
from stickers.training.ratings import Rating
from stickers.traits import TRAITS

MILDER = {"hair_style": "top_two", "skin_tone": "within_one_step"}
"""The traits that are counted twice, and what the milder count is called."""

_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """A mean agreement over faces.

    Attributes:
        mean: 0..1; nan where n is 0.
        low, high: its 95% interval, by resampling faces.
        n: faces.
    """

    mean: float
    low: float
    high: float
    n: int

    def as_json(self) -> dict[str, object]:
        """Rounded to four decimals; null where there is no face."""
        if not self.n:
            return {"mean": None, "interval": None, "n": 0}
        interval = [round(self.low, 4), round(self.high, 4)]
        return {"mean": round(self.mean, 4), "interval": interval, "n": self.n}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody, or the model, says of one trait of a face.

    Attributes:
        values: the values chosen.
        choices: the first and the second choice, where there is a second.
    """

    values: tuple[str, ...]
    choices: tuple[str, ...]


def of_model(guess: Guess) -> Answer:
    """The model's answer: its two likeliest values are its choices."""
    return Answer(guess.values, tuple(value for value, _ in guess.probabilities[:2]))


def of_rater(rating: Rating, name: str) -> Answer | None:
    """A rater's answer; None where the trait could not be seen."""
    values = rating.values.get(name)
    if values is None:
        return None
    second = (rating.second,) if name == "hair_style" and rating.second else ()
    return Answer(values, values[:1] + second)


def agree(name: str, one: Answer, other: Answer, *, mild: bool = False) -> float:
    """0..1: how far two answers are the same; see the module's docstring."""
    trait = TRAITS[name]
    if trait.many:
        return overlap(one.values, other.values)
    if not mild:
        return float(one.values == other.values)
    if trait.ordinal:
        steps = [trait.values.index(answer.values[0]) for answer in (one, other)]
        return float(abs(steps[0] - steps[1]) <= 1)
    return float(bool(set(one.choices) & set(other.choices)))


def overlap(left: Sequence[str], right: Sequence[str]) -> float:
    """Shared values over all values named; 1 where neither names any."""
    either = set(left) | set(right)
    return len(set(left) & set(right)) / len(either) if either else 1.0


def share(scores: Sequence[float]) -> Share:
    """The mean of per-face scores with a bootstrap interval (1,000 draws, fixed seed)."""
    if not scores:
        nan = float("nan")
        return Share(nan, nan, nan, 0)
    values = np.array(scores)
    draws = np.random.default_rng(0).integers(0, len(values), (_DRAWS, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), (0.025, 0.975))
    return Share(float(values.mean()), float(low), float(high), len(values))


def calibration_error(chances: Sequence[float], agreed: Sequence[float], bins: int = 10) -> float:
    """The expected calibration error, 0..1; nan of nothing.

    The mean gap between confidence and agreement over equally wide bins, weighted by
    their faces: Guo, Pleiss, Sun and Weinberger, 2017.
    """
    if not len(chances):
        return float("nan")
    chance, truth = np.asarray(chances), np.asarray(agreed)
    which = np.minimum((chance * bins).astype(int), bins - 1)
    gaps = [abs(float((chance - truth)[which == b].sum())) for b in range(bins)]
    return sum(gaps) / len(chance)
