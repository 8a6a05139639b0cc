"""One answer from many raters': by majority, and by Dawid and Skene.

Dawid and Skene (1979) weigh raters by how they err. Each rater has a matrix of errors
that is estimated together with the truth (expectation maximisation). They need a small
module of their own: crowd-kit, which has them, has been idle and pulls transformers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float64]

Votes = Mapping[str, Mapping[str, str]]
"""item -> rater -> code."""

_TINY = 1e-10
ROUNDS = 200
_STILL = 1e-10
_TIE = 1e-9


@dataclass(frozen=True, slots=True)
class Verdict:
    """What raters together say of an item.

    Attributes:
        value: the likeliest; of a tie the first in the order of the codes.
        certainty: 0..1: its share of the votes, or its probability.
        tied: others that are as likely.
        votes: how many raters answered.
    """

    value: str
    certainty: float
    tied: tuple[str, ...]
    votes: int


def majority(votes: Votes) -> dict[str, Verdict]:
    """The most frequent answer of every item that has one."""
    verdicts = {}
    for item, said in votes.items():
        counts = Counter(said.values())
        if counts:
            chances = {v: n / counts.total() for v, n in sorted(counts.items())}
            verdicts[item] = _verdict(chances, counts.total())
    return verdicts


def _verdict(chances: Mapping[str, float], votes: int) -> Verdict:
    best = max(chances.values())
    top = [v for v, p in chances.items() if p >= best - _TIE]
    return Verdict(top[0], best, tuple(top[1:]), votes)


@dataclass(frozen=True, slots=True, eq=False)
class DawidSkene:
    """What was estimated.

    Attributes:
        values: K codes, sorted.
        raters: R names, sorted.
        chances: item -> K float64 that sum to 1.
        errors: R x K x K float64: the chance that a rater says the second where the first
            is true.
        priors: K float64: how frequent each value is.
    """

    values: tuple[str, ...]
    raters: tuple[str, ...]
    chances: Mapping[str, Array]
    errors: Array
    priors: NDArray[np.float64]

    def verdicts(self, votes: Votes) -> dict[str, Verdict]:
        """The likeliest value of every item."""
        return {
            item: _verdict(dict(zip(self.values, map(float, row), strict=True)), len(votes[item]))
            for item, row in self.chances.items()
        }


def dawid_skene(votes: Votes, rounds: int = ROUNDS) -> DawidSkene:
    """Estimate truth and raters' errors from the majority on, until nothing moves.

    Args:
        votes: of all items; those without any are left out.
        rounds: after so many it ends in any case.

    Raises:
        ValueError: there are no votes.
    """
    items = [item for item, said in votes.items() if said]
    values = tuple(sorted({v for said in votes.values() for v in said.values()}))
    raters = tuple(sorted({r for said in votes.values() for r in said}))
    if not items:
        raise ValueError("no votes")
    place = {v: k for k, v in enumerate(values)}
    who = {r: i for i, r in enumerate(raters)}
    rows = np.array(
        [(n, who[r], place[v]) for n, i in enumerate(items) for r, v in votes[i].items()]
    )
    item, rater, value = rows.T
    each = (np.ones(len(rows)), np.arange(len(rows)))
    of_item = csr_array((each[0], (item, each[1])), shape=(len(items), len(rows)))
    of_answer = csr_array(
        (each[0], (rater * len(values) + value, each[1])),
        shape=(len(raters) * len(values), len(rows)),
    )
    chances = np.asarray(of_item @ np.eye(len(values))[value])
    chances /= chances.sum(1, keepdims=True)
    errors, priors = _maximised(chances[item], chances, of_answer, len(raters))
    for _ in range(rounds):
        logs = np.log(priors) + of_item @ np.log(errors)[rater, :, value]
        raised = np.exp(logs - logs.max(1, keepdims=True))
        before, chances = chances, raised / raised.sum(1, keepdims=True)
        errors, priors = _maximised(chances[item], chances, of_answer, len(raters))
        if np.abs(chances - before).max() < _STILL:
            break
    by_item = {name: chances[n] for n, name in enumerate(items)}
    return DawidSkene(values, raters, by_item, errors, priors)


def _maximised(
    of_answers: Array, of_items: Array, of_answer: csr_array, raters: int
) -> tuple[Array, Array]:
    """Errors (rater, truth, said) and priors that fit the chances best."""
    values = of_items.shape[1]
    counts = np.asarray(of_answer @ of_answers).reshape(raters, values, values)
    counts = np.maximum(counts.transpose(0, 2, 1), _TINY)
    return counts / counts.sum(2, keepdims=True), np.maximum(of_items.mean(0), _TINY)
