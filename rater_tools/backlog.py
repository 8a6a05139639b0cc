"""The artist's backlog: what to draw next, by how many people it would serve.

A need's *share* is that of all people who were rated (or whose stickers were judged) on
the same attribute, so that needs of different attributes can be set beside each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from rater_tools.agreement import Figure, mean
from rater_tools.answers import Answer, values
from rater_tools.confusion import LEAST, Pair, confusions
from rater_tools.consensus import Verdict, Votes, majority
from rater_tools.judge import Judged
from rater_tools.questions import ASKED, LIKENESS, question
from rater_tools.store import NONE_FITS
from stickers.catalog import Catalog
from stickers.embed import embed
from stickers.errors import PhotoError
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.traits import NONE, TRAITS

Progress = Callable[[int, int], None]
"""Called with (photos done, photos in all)."""

NEAR = 0.35
"""Cosine distance within which faces that nothing fits are one cluster."""
GROUPED = ("skin_tone", "age")
_EXAMPLES = 6
_LEAST_WRONG = 0.1


@dataclass(frozen=True, slots=True)
class Need:
    """Something to draw.

    Attributes:
        attribute: of which trait.
        values: what is on the tiles beside it; codes.
        what: to do.
        why: in figures.
        share: 0..1 of people whom it would serve.
        examples: photos.
    """

    attribute: str
    values: tuple[str, ...]
    what: str
    why: str
    share: float
    examples: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """People for whom none of the drawings of a trait fits, and who look alike."""

    attribute: str
    items: tuple[str, ...]
    share: float
    examples: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The likeness of stickers of people with one value.

    Attributes:
        worse: its whole interval is below the mean of all.
    """

    attribute: str
    value: str
    stickers: int
    likeness: Figure
    worse: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """All that the artist is told.

    Attributes:
        needs: what to draw next, those that serve most people first.
        unpicked: attribute -> values that nobody picks, of attributes that were rated.
        clusters: of those whom nothing fits.
        pairs: attribute -> values that raters cannot tell apart; neighbours on a scale
            may be alike.
        groups: likeness by skin tone and age.
    """

    needs: tuple[Need, ...]
    unpicked: Mapping[str, tuple[str, ...]]
    clusters: tuple[Cluster, ...]
    pairs: Mapping[str, tuple[Pair, ...]]
    groups: tuple[Group, ...]


def backlog(
    answers: tuple[Answer, ...],
    judged: Judged,
    photos: Mapping[str, Path],
    catalog: Catalog,
    progress: Progress | None = None,
) -> Backlog:
    """What is to be drawn.

    Args:
        answers: that count.
        judged: what raters say of stickers.
        photos: item -> photo, for examples and for likeness between faces.
        catalog: the style.
        progress: told after every photo that is looked at.
    """
    votes = {name: values(answers, name) for name in ASKED}
    verdicts = {name: majority(votes[name]) for name in ASKED}
    clusters = none_fits(answers, photos, progress)
    pairs = {
        name: found
        for name in ASKED
        if not (TRAITS[name].many or TRAITS[name].ordinal)
        and (found := tuple(p for p in confusions(votes[name]) if p.alike))
    }
    groups = likeness_by_group(judged, verdicts)
    needs = [
        *_for_clusters(clusters),
        *_for_pairs(pairs, votes),
        *_for_wrong(judged, answers),
        *_for_stand_ins(catalog, verdicts),
        *_for_groups(groups, judged),
    ]
    return Backlog(
        needs=tuple(sorted(needs, key=lambda n: (-n.share, n.attribute, n.values))),
        unpicked=unpicked(answers),
        clusters=clusters,
        pairs=pairs,
        groups=groups,
    )


def unpicked(answers: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    """Attribute -> codes that are nobody's first or second choice."""
    picked: dict[str, set[str]] = defaultdict(set)
    for a in answers:
        many = a.attribute in TRAITS and TRAITS[a.attribute].many
        picked[a.attribute].update(a.value if many else (a.value, a.second or ""))
    return {
        name: left
        for name in ASKED
        if picked[name]
        and (left := tuple(c.code for c in question(name).choices if c.code not in picked[name]))
    }


def none_fits(
    answers: Iterable[Answer], photos: Mapping[str, Path], progress: Progress | None = None
) -> tuple[Cluster, ...]:
    """Those for whom nothing fits, by trait, in clusters of faces that look alike."""
    missed: dict[str, set[str]] = defaultdict(set)
    rated: dict[str, set[str]] = defaultdict(set)
    for a in answers:
        rated[a.attribute].add(a.item)
        if a.kind == NONE_FITS:
            missed[a.attribute].add(a.item)
    wanted = sorted({item for items in missed.values() for item in items})
    vectors = _vectors(wanted, photos, progress)
    found = []
    for attribute, items in missed.items():
        for together in _alike(sorted(items), vectors):
            examples = tuple(photos[i] for i in together[:_EXAMPLES] if i in photos)
            share = len(together) / len(rated[attribute])
            found.append(Cluster(attribute, together, share, examples))
    return tuple(sorted(found, key=lambda c: (-len(c.items), c.attribute, c.items)))


def _vectors(
    items: list[str], photos: Mapping[str, Path], progress: Progress | None
) -> dict[str, NDArray[np.float32]]:
    """Item -> the face's embedding, for photos that show a face."""
    found = {}
    for number, item in enumerate(items, start=1):
        if item in photos:
            try:
                found[item] = embed(find_face(load_photo(photos[item]))).vector
            except PhotoError:
                continue
        if progress is not None:
            progress(number, len(items))
    return found


def _alike(items: list[str], vectors: Mapping[str, NDArray[np.float32]]) -> list[tuple[str, ...]]:
    """``items`` in clusters; those without a face are one of their own."""
    seen = [i for i in items if i in vectors]
    clusters: dict[int, list[str]] = defaultdict(list)
    clusters[0] = [i for i in items if i not in vectors]
    if len(seen) > 1:
        tree = linkage(np.stack([vectors[i] for i in seen]), "average", "cosine")
        for item, label in zip(seen, fcluster(tree, NEAR, "distance"), strict=True):
            clusters[int(label)].append(item)
    else:
        clusters[1] = seen
    return [tuple(c) for c in clusters.values() if c]


def likeness_by_group(
    judged: Judged, verdicts: Mapping[str, Mapping[str, Verdict]]
) -> tuple[Group, ...]:
    """Likeness by skin tone and by age, in the vocabulary's order."""
    groups = []
    for attribute in GROUPED:
        for value in TRAITS[attribute].values:
            scores = {
                item: s
                for item, s in judged.by_person.items()
                if item in verdicts[attribute] and verdicts[attribute][item].value == value
            }
            if scores:
                figure = mean(scores)
                worse = len(scores) >= LEAST and figure.high < judged.likeness.value
                groups.append(Group(attribute, value, len(scores), figure, worse))
    return tuple(groups)


def _for_clusters(clusters: Iterable[Cluster]) -> Iterable[Need]:
    for c in clusters:
        yield Need(
            c.attribute,
            (),
            "Draw something new",
            f"nothing fits for {len(c.items)} people who look alike",
            c.share,
            c.examples,
        )


def _for_pairs(pairs: Mapping[str, tuple[Pair, ...]], votes: Mapping[str, Votes]) -> Iterable[Need]:
    for attribute, found in pairs.items():
        rated = sum(len(said) > 1 for said in votes[attribute].values())
        for p in found:
            yield Need(
                attribute,
                (p.first, p.second),
                "Draw these further apart",
                f"of {p.people} people both were said; that is {p.rate:.0%} of those with either",
                p.people / rated,
            )


def _for_wrong(judged: Judged, answers: Iterable[Answer]) -> Iterable[Need]:
    """Traits that raters of stickers say are wrong, on the people of whom most say so."""
    tapped: dict[str, Counter[str]] = defaultdict(Counter)
    for a in answers:
        if a.attribute == LIKENESS:
            for trait in a.wrong:
                tapped[trait][a.item] += 1
    for trait, items in tapped.items():
        people = sum(2 * n >= len(judged.by_person.get(i, ())) for i, n in items.items())
        share = people / judged.stickers if judged.stickers else 0.0
        if share >= _LEAST_WRONG:
            why = f"wrong on {people} of {judged.stickers} stickers"
            yield Need(trait, (), "Draw it more like people's", why, share)


def _for_stand_ins(
    catalog: Catalog, verdicts: Mapping[str, Mapping[str, Verdict]]
) -> Iterable[Need]:
    for attribute, value, drawn in catalog.stand_ins():
        people = verdicts.get(attribute, {})
        count = sum(v.value == value for v in people.values())
        if count:
            what, why = "Draw it: another stands in", f"{count} people have it"
            yield Need(attribute, (value, drawn), what, why, count / len(people))


def _for_groups(groups: Iterable[Group], judged: Judged) -> Iterable[Need]:
    for g in groups:
        if g.worse:
            yield Need(
                g.attribute,
                (g.value,),
                "Look at these people again",
                f"their stickers score {g.likeness.value:.1f}, all {judged.likeness.value:.1f}",
                g.stickers / judged.stickers,
            )


def value_of(attribute: str, code: str) -> str:
    """The vocabulary's value that a code stands for."""
    found = TRAITS[attribute].from_rating(code)
    return found[0] if found else NONE
