"""How often the model says what raters say, and how often raters agree themselves.

Works on any folder of ratings in our form, through the real road from photo to
attributes. Nothing here needs torch. The model's agreement on a face is its mean over
that face's raters, the raters' own is the mean over their pairs; an answer ``?`` is
left out. `training.agreement` says what agreeing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from stickers.attributes import read_attributes
from stickers.embed import ATTRIBUTES, Model, embed, inputs, load_model
from stickers.errors import BadRatings, PhotoError
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.records import Attributes
from stickers.training.agreement import (
    MILDER,
    Share,
    agree,
    calibration_error,
    of_model,
    of_rater,
    share,
)
from stickers.training.groups import Group, groups_of, worst
from stickers.training.ratings import Ratings, find_photos, photo_digest, read_ratings
from stickers.traits import PREDICTED, TRAITS

Progress = Callable[[int, int], None]
"""Called with (photos done, photos in all)."""

_MASCULINE = "Male"  # CelebA's own name for it


@dataclass(frozen=True, slots=True)
class Looked:
    """What the model says of one face.

    Attributes:
        attributes: its guess for every trait.
        presentation: "masculine" or "feminine" as the network's knowledge of CelebA
            has it, for the report on groups only; None where it has none.
    """

    attributes: Attributes
    presentation: str | None = None


@dataclass(frozen=True, slots=True)
class TraitReport:
    """One trait's agreement.

    Attributes:
        model: model and raters, over every face.
        model_on_shared: the same, over the faces that several raters judged.
        raters: raters among themselves, over these same faces.
        calibration: expected calibration error of the confidences, 0..1; nan where
            nobody rated the trait.
    """

    model: Share
    model_on_shared: Share
    raters: Share
    calibration: float

    @property
    def ratio(self) -> float | None:
        """Model's over raters' agreement on the same faces; None where unknown."""
        if not self.raters.n or not self.raters.mean:
            return None
        return self.model_on_shared.mean / self.raters.mean

    def as_json(self) -> dict[str, object]:
        """As a document."""
        ratio = self.ratio
        return {
            "model_rater": self.model.as_json(),
            "model_rater_where_shared": self.model_on_shared.as_json(),
            "rater_rater": self.raters.as_json(),
            "ratio": None if ratio is None else round(ratio, 4),
            "calibration_error": round(self.calibration, 4) if self.model.n else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    Attributes:
        model: the model's name.
        faces: how many faces were judged.
        traits: per predicted trait, its agreement.
        milder: the milder count of the traits of `agreement.MILDER`.
        groups: the same per group of people.
        no_face: items whose photo cannot be used, sorted.
        no_photo: items whose photo was not found, sorted.
        trained: how many items were left out because the model learnt from them.
    """

    model: str
    faces: int
    traits: Mapping[str, TraitReport]
    milder: Mapping[str, TraitReport]
    groups: tuple[Group, ...]
    no_face: tuple[str, ...]
    no_photo: tuple[str, ...]
    trained: int

    def worst(self, trait: str) -> tuple[Group, float] | None:
        """The group that a trait serves worst, and the gap; see `groups.worst`."""
        return worst(self.groups, trait)

    def as_json(self) -> dict[str, object]:
        """As ``stickers evaluate --json`` prints it."""
        traits = {name: report.as_json() for name, report in self.traits.items()}
        for name, report in self.milder.items():
            traits[name][MILDER[name]] = report.as_json()
        return {
            "model": self.model,
            "faces": self.faces,
            "traits": traits,
            "groups": [group.as_json() for group in self.groups],
            "worst": {
                name: {"kind": found[0].kind, "name": found[0].name, "gap": round(found[1], 2)}
                for name in self.traits
                if (found := self.worst(name)) is not None
            },
            "no_face": list(self.no_face),
            "no_photo": list(self.no_photo),
            "left_out_as_trained_on": self.trained,
        }


def evaluate(
    ratings_csv: Path,
    faces: Path,
    *,
    model: Path | None = None,
    include_trained: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Judge the model by ratings.

    Args:
        ratings_csv: the ratings; see `training.ratings`.
        faces: the folder of their photos.
        model: a folder that `train` wrote; the shipped model if not given.
        include_trained: also count photos that the model learnt from.
        progress: told after every photo.

    Raises:
        BadRatings: the ratings are not in our form, or nothing is left to judge.
        BadModel: the model cannot be loaded.
    """
    loaded = load_model(model)
    ratings = read_ratings(ratings_csv)
    photos = find_photos(list(ratings), ratings_csv, faces)
    known = frozenset() if include_trained else loaded.trained_on()
    fresh = {i: path for i, path in photos.items() if photo_digest(path) not in known}
    said: dict[str, Looked] = {}
    no_face: list[str] = []
    for number, (item, path) in enumerate(fresh.items(), start=1):
        try:
            said[item] = look_at_photo(path, loaded)
        except PhotoError:
            no_face.append(item)
        if progress is not None:
            progress(number, len(fresh))
    if not said:
        raise BadRatings(
            "no face to judge",
            where=ratings_csv,
            hint="give photos that the model has not learnt from" if photos else "check the folder",
        )
    traits, milder = compare({i: s.attributes for i, s in said.items()}, ratings)
    return Report(
        model=loaded.name,
        faces=len(said),
        traits=traits,
        milder=milder,
        groups=_groups(said, ratings),
        no_face=tuple(sorted(no_face)),
        no_photo=tuple(sorted(set(ratings) - set(photos))),
        trained=len(photos) - len(fresh),
    )


def look_at_photo(photo: Path, model: Model) -> Looked:
    """What the model says of the face in a photo."""
    face = find_face(load_photo(photo))
    attributes = read_attributes(embed(face, model), model)
    names = model.manifest["pretraining"].get(ATTRIBUTES, [])
    if _MASCULINE not in names:
        return Looked(attributes)
    logits = model.session.run([ATTRIBUTES], inputs([face], model.side))[0][0]
    told = logits[names.index(_MASCULINE)] > 0
    return Looked(attributes, "masculine" if told else "feminine")


def compare(
    said: Mapping[str, Attributes], ratings: Ratings
) -> tuple[dict[str, TraitReport], dict[str, TraitReport]]:
    """Per trait, the agreement of ``said`` (item -> guesses) with the ratings.

    Returns:
        The plain reports of every predicted trait, and the milder ones.
    """
    plain = {t.name: _trait(t.name, said, ratings, mild=False) for t in PREDICTED}
    mild = {name: _trait(name, said, ratings, mild=True) for name in MILDER}
    return plain, mild


def _trait(
    name: str, said: Mapping[str, Attributes], ratings: Ratings, *, mild: bool
) -> TraitReport:
    alone: list[float] = []
    shared: list[float] = []
    raters: list[float] = []
    chances: list[float] = []
    truths: list[float] = []
    for item, guesses in said.items():
        seen = [a for r in ratings[item].values() if (a := of_rater(r, name)) is not None]
        if not seen:
            continue
        guess = guesses[name]
        mine = of_model(guess)
        score = sum(agree(name, mine, other, mild=mild) for other in seen) / len(seen)
        alone.append(score)
        for value, chance in guess.probabilities if TRAITS[name].many else guess.probabilities[:1]:
            chances.append(chance)
            truths.append(sum(value in other.values for other in seen) / len(seen))
        if len(seen) > 1:
            shared.append(score)
            pairs = [agree(name, a, b, mild=mild) for a, b in permutations(seen, 2)]
            raters.append(sum(pairs) / len(pairs))
    error = calibration_error(chances, truths)
    return TraitReport(share(alone), share(shared), share(raters), error)


def _groups(said: Mapping[str, Looked], ratings: Ratings) -> tuple[Group, ...]:
    """Every trait's agreement in each group of people; the milder count where there is one."""
    scores: dict[str, dict[str, float]] = {}
    for item, looked in said.items():
        scores[item] = {}
        for trait in PREDICTED:
            name = trait.name
            answers = (of_rater(r, name) for r in ratings[item].values())
            seen = [a for a in answers if a is not None]
            if seen:
                mine = of_model(looked.attributes[name])
                each = [agree(name, mine, other, mild=name in MILDER) for other in seen]
                scores[item][name] = sum(each) / len(each)
    shown = {item: looked.presentation for item, looked in said.items()}
    return groups_of(scores, ratings, shown)
