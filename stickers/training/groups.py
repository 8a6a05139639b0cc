"""Whether the model serves everybody: its agreement with raters in groups of people.

Groups are told by what raters said of skin tone and age. Presentation nobody rated; it
is told by the network itself, as far as it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stickers.training.agreement import Share, share
from stickers.training.ratings import Rating, Ratings
from stickers.traits import TRAITS

BANDS = {"1-3": range(1, 4), "4-5": range(4, 6), "6-7": range(6, 8), "8-10": range(8, 11)}
"""Groups of skin tones on the Monk scale."""

ENOUGH = 40
"""Faces under which a group's figure says too little to be called the worst."""


@dataclass(frozen=True, slots=True)
class Group:
    """People who have something in common.

    Attributes:
        kind: "skin_tone", "age" or "presentation".
        name: which of its groups.
        n: faces.
        traits: per predicted trait, the model's agreement with their raters; the
            milder count for the traits of `agreement.MILDER`.
    """

    kind: str
    name: str
    n: int
    traits: Mapping[str, Share]

    def as_json(self) -> dict[str, object]:
        """As a document."""
        traits = {name: found.as_json() for name, found in self.traits.items()}
        return {"kind": self.kind, "name": self.name, "n": self.n, "traits": traits}


def groups_of(
    scores: Mapping[str, Mapping[str, float]],
    ratings: Ratings,
    presentation: Mapping[str, str | None],
) -> tuple[Group, ...]:
    """The groups that have a face, each with its figures.

    Args:
        scores: item -> trait -> agreement, 0..1.
        ratings: what raters said of the items.
        presentation: item -> the network's guess, where it has one.
    """
    members: dict[tuple[str, str], list[str]] = {}
    for item in scores:
        people = list(ratings[item].values())
        for kind, name in (
            ("skin_tone", _band(people)),
            ("age", _age(people)),
            ("presentation", presentation.get(item)),
        ):
            if name is not None:
                members.setdefault((kind, name), []).append(item)
    return tuple(
        Group(kind, name, len(members[kind, name]), _figures(members[kind, name], scores))
        for kind, names in (
            ("skin_tone", tuple(BANDS)),
            ("age", TRAITS["age"].values),
            ("presentation", ("feminine", "masculine")),
        )
        for name in names
        if (kind, name) in members
    )


def worst(groups: tuple[Group, ...], trait: str) -> tuple[Group, float] | None:
    """The group of at least `ENOUGH` faces that a trait serves worst, and the gap.

    The gap is how far it lies below the mean over all faces that have the trait, in
    points (0..100); None where no group is large enough.
    """
    large = [g for g in groups if trait in g.traits and g.traits[trait].n >= ENOUGH]
    if not large:
        return None
    least = min(large, key=lambda g: g.traits[trait].mean)
    same_kind = [g.traits[trait] for g in groups if g.kind == least.kind and trait in g.traits]
    faces = sum(s.n for s in same_kind)
    mean = sum(s.mean * s.n for s in same_kind) / faces
    return least, 100 * (mean - least.traits[trait].mean)


def _figures(items: list[str], scores: Mapping[str, Mapping[str, float]]) -> dict[str, Share]:
    names = sorted({name for item in items for name in scores[item]}, key=list(TRAITS).index)
    return {n: share([scores[i][n] for i in items if n in scores[i]]) for n in names}


def _band(people: list[Rating]) -> str | None:
    """The band of the mean of the raters' skin tones, halves upwards."""
    tones = [int(r.values["skin_tone"][0]) for r in people if "skin_tone" in r.values]
    if not tones:
        return None
    mean = int(sum(tones) / len(tones) + 0.5)
    return next(name for name, band in BANDS.items() if mean in band)


def _age(people: list[Rating]) -> str | None:
    """The first rater's, if there is one: ages have no mean."""
    return next((r.values["age"][0] for r in people if "age" in r.values), None)
