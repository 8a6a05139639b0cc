"""Which values raters take for each other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

from rater_tools.consensus import Votes

LEAST = 5
"""People of whom two values must be said before anything is made of it."""
MUCH = 0.2
"""From this share of mixed answers on, two values cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two values that were said of the same people.

    Attributes:
        first, second: the codes; the more frequent one first.
        people: of whom both were said.
        rate: 0..1: their share of all who were given either value twice.
    """

    first: str
    second: str
    people: int
    rate: float

    @property
    def alike(self) -> bool:
        """Whether raters cannot tell the two apart."""
        return self.people >= LEAST and self.rate >= MUCH


def confusions(votes: Votes) -> tuple[Pair, ...]:
    """All pairs, those of most people first."""
    mixed: Counter[tuple[str, str]] = Counter()
    sure: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for answers in votes.values():
        counts = Counter(answers.values())
        said.update(counts.keys())
        sure.update(v for v, n in counts.items() if n > 1)
        mixed.update(combinations(sorted(counts), 2))
    pairs = []
    for two, people in mixed.items():
        first, second = sorted(two, key=lambda v: (-said[v], v))
        pairs.append(Pair(first, second, people, people / (people + sure[first] + sure[second])))
    return tuple(sorted(pairs, key=lambda p: (-p.people, p.first, p.second)))
