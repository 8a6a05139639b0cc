"""How far raters agree: exact agreement, Krippendorff's alpha, Cohen's kappa, intervals.

Everything is reckoned from one table of coincidences an item, so that drawing items anew
(the bootstrap) is one product of matrices. scikit-learn has kappa but no interval, and
krippendorff is GPL; tests hold both beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rater_tools.consensus import Votes
from stickers.traits import TRAITS

DRAWS = 1000
LEAST = 10
"""Items that a pair of raters must share to be told of."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95% interval, by drawing items anew; nan where it means nothing."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement on one attribute.

    Attributes:
        attribute: which.
        items: how many have two answers or more.
        exact: share of pairs of answers that are the same, the mean over items.
        alpha: Krippendorff's.
        ordinal: whether alpha counts near misses less.
        kappas: (rater, rater) -> (Cohen's kappa, items that both answered).
    """

    attribute: str
    items: int
    exact: Figure
    alpha: Figure
    ordinal: bool
    kappas: Mapping[tuple[str, str], tuple[Figure, int]]


def agreement(attribute: str, votes: Votes, seed: int = 0) -> Agreement | None:
    """Agreement on ``attribute``; None where no item has two answers.

    Marks run together are one answer: it is the same if all are.
    """
    shared = {i: said for i, said in votes.items() if len(said) > 1}
    if not shared:
        return None
    ordinal = attribute in TRAITS and TRAITS[attribute].ordinal
    values = ordered(attribute, shared)
    tables = coincidences(shared, values)
    draws = _draws(len(shared), seed)
    metric = ordinal_metric if ordinal else nominal_metric
    exact = np.array([_exact(list(said.values())) for said in shared.values()])
    return Agreement(
        attribute=attribute,
        items=len(shared),
        exact=_figure(float(exact.mean()), draws @ exact / draws.sum(1)),
        alpha=_figure(
            float(alphas(tables.sum(0)[None], len(values), metric)[0]),
            alphas(draws @ tables, len(values), metric),
        ),
        ordinal=ordinal,
        kappas=_pairs(shared, values, seed),
    )


def ordered(attribute: str, votes: Votes) -> tuple[str, ...]:
    """The codes that were given, in the vocabulary's order where it has one for them."""
    given = {v for said in votes.values() for v in said.values()}
    known = TRAITS[attribute].values if attribute in TRAITS else ()
    return (*(v for v in known if v in given), *sorted(given - set(known)))


def coincidences(votes: Votes, values: tuple[str, ...]) -> csr_array:
    """N x K*K: of each item, how often raters who gave one value met another who gave another.

    A pair of answers counts 1 / (answers - 1), both ways, as Krippendorff has it.
    """
    place = {v: k for k, v in enumerate(values)}
    rows, cells, weights = [], [], []
    for n, said in enumerate(votes.values()):
        codes = [place[v] for v in said.values()]
        for a, b in combinations(codes, 2):
            for left, right in ((a, b), (b, a)):
                rows.append(n)
                cells.append(left * len(values) + right)
                weights.append(1 / (len(codes) - 1))
    shape = (len(votes), len(values) ** 2)
    return csr_array((weights, (rows, cells)), shape=shape)


def nominal_metric(totals: Array) -> Array:
    """B x K x K: 1 where two values differ. ``totals`` is B x K, how often each was given."""
    size = totals.shape[1]
    return np.broadcast_to(1.0 - np.eye(size), (len(totals), size, size))


def ordinal_metric(totals: Array) -> Array:
    """B x K x K: the square of how many answers lie between two values."""
    sums = np.cumsum(totals, axis=1)
    middle = sums - totals / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2)


def alphas(flat: Array, size: int, metric: Callable[[Array], Array]) -> Array:
    """Krippendorff's alpha of each of B tables of coincidences, B x K*K.

    Nan where all answers are the same value.
    """
    tables = np.asarray(flat, dtype=float).reshape(-1, size, size)
    totals = tables.sum(2)
    n = totals.sum(1)
    distance = metric(totals)
    observed = (tables * distance).sum((1, 2))
    expected = np.einsum("bi,bij,bj->b", totals, distance, totals) / np.maximum(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))


def kappas(flat: Array, size: int) -> Array:
    """Cohen's kappa of each of B tables of two raters' answers, B x K*K.

    Nan where both always gave one same value.
    """
    tables = np.asarray(flat, dtype=float).reshape(-1, size, size)
    tables = tables / tables.sum((1, 2), keepdims=True)
    same = np.trace(tables, axis1=1, axis2=2)
    chance = (tables.sum(2) * tables.sum(1)).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(chance < 1, (same - chance) / (1 - chance), np.nan))


def _pairs(
    votes: Votes, values: tuple[str, ...], seed: int
) -> dict[tuple[str, str], tuple[Figure, int]]:
    place = {v: k for k, v in enumerate(values)}
    met: dict[tuple[str, str], list[int]] = {}
    for said in votes.values():
        for left, right in combinations(sorted(said), 2):
            cell = place[said[left]] * len(values) + place[said[right]]
            met.setdefault((left, right), []).append(cell)
    found = {}
    for pair, cells in sorted(met.items()):
        if len(cells) < LEAST:
            continue
        shape = (len(cells), len(values) ** 2)
        table = csr_array((np.ones(len(cells)), (range(len(cells)), cells)), shape=shape)
        one = float(kappas(table.sum(0)[None], len(values))[0])
        many = kappas(_draws(len(cells), seed) @ table, len(values))
        found[pair] = (_figure(one, many), len(cells))
    return found


def _exact(codes: list[str]) -> float:
    pairs = list(combinations(codes, 2))
    return sum(a == b for a, b in pairs) / len(pairs)


def _draws(items: int, seed: int) -> Array:
    """B x N: how often each item is drawn."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.multinomial(items, np.full(items, 1 / items), DRAWS), dtype=float)


def _figure(value: float, many: Array) -> Figure:
    known = many[~np.isnan(many)]
    if np.isnan(value) or not len(known):
        return Figure(value, float("nan"), float("nan"))
    low, high = np.quantile(known, (0.025, 0.975))
    return Figure(value, float(low), float(high))


def mean(scores: Mapping[str, list[float]], seed: int = 0) -> Figure:
    """The mean of all scores (item -> scores), with its interval."""
    if not scores:
        return Figure(*(float("nan"),) * 3)
    sums = np.array([sum(s) for s in scores.values()])
    counts = np.array([len(s) for s in scores.values()], dtype=float)
    draws = _draws(len(scores), seed)
    return _figure(float(sums.sum() / counts.sum()), (draws @ sums) / (draws @ counts))
