"""How often the model says what raters say, and how often raters agree themselves.

Works on any folder of ratings in our form, through the real road from photo to
attributes. Nothing here needs torch.

Agreement on a face is 1 when two answers are the same value and 0 when they are not;
for a trait of many values it is the overlap of the two sets (shared values over
values that either named; 1 when both named none). The model's agreement on a face
is its mean over that face's raters, the raters' own is the mean over their pairs.
An answer ``?`` is left out. Two traits get a second, milder count beside the first:
``hair_style`` where an answer that matches either of the other's two choices
counts, ``skin_tone`` where one step beside counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from stickers.attributes import read_attributes
from stickers.embed import Model, embed, load_model
from stickers.errors import BadRatings, PhotoError
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.training.ratings import Rating, Ratings, find_photos, photo_digest, read_ratings
from stickers.traits import PREDICTED, TRAITS

Progress = Callable[[int, int], None]
"""Called with (photos done, photos in all)."""

Answers = Mapping[str, tuple[str, ...]]
"""trait -> the values chosen."""

_MILDER = {"hair_style": "second_choices", "skin_tone": "within_one_step"}
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
class TraitReport:
    """One trait's agreement.

    Attributes:
        model: model and raters, over every face.
        model_on_shared: the same, over the faces that several raters judged.
        raters: raters among themselves, over these same faces.
    """

    model: Share
    model_on_shared: Share
    raters: Share

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
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What an evaluation found.

    Attributes:
        model: the model's name.
        faces: how many faces were judged.
        traits: per predicted trait, its agreement.
        milder: ``second_choices`` of hair_style, ``within_one_step`` of skin_tone.
        no_face: items whose photo cannot be used, sorted.
        no_photo: items whose photo was not found, sorted.
        trained: how many items were left out because the model learnt from them.
    """

    model: str
    faces: int
    traits: Mapping[str, TraitReport]
    milder: Mapping[str, TraitReport]
    no_face: tuple[str, ...]
    no_photo: tuple[str, ...]
    trained: int

    def as_json(self) -> dict[str, object]:
        """As ``stickers evaluate --json`` prints it."""
        traits = {name: report.as_json() for name, report in self.traits.items()}
        for name, report in self.milder.items():
            traits[name][_MILDER[name]] = report.as_json()
        return {
            "model": self.model,
            "faces": self.faces,
            "traits": traits,
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
    said: dict[str, Answers] = {}
    no_face: list[str] = []
    for number, (item, path) in enumerate(fresh.items(), start=1):
        try:
            said[item] = answers_of(path, loaded)
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
    traits, milder = compare(said, ratings)
    return Report(
        model=loaded.name,
        faces=len(said),
        traits=traits,
        milder=milder,
        no_face=tuple(sorted(no_face)),
        no_photo=tuple(sorted(set(ratings) - set(photos))),
        trained=len(photos) - len(fresh),
    )


def answers_of(photo: Path, model: Model) -> Answers:
    """What the model says of the face in a photo."""
    attributes = read_attributes(embed(find_face(load_photo(photo)), model), model)
    return {name: guess.values for name, guess in attributes.items()}


def compare(
    said: Mapping[str, Answers], ratings: Ratings
) -> tuple[dict[str, TraitReport], dict[str, TraitReport]]:
    """Per trait, the agreement of ``said`` (item -> answers) with the ratings.

    Returns:
        The plain reports of every predicted trait, and the milder ones.
    """
    plain = {t.name: _trait(t.name, said, ratings, mild=False) for t in PREDICTED}
    mild = {name: _trait(name, said, ratings, mild=True) for name in _MILDER}
    return plain, mild


def _trait(name: str, said: Mapping[str, Answers], ratings: Ratings, *, mild: bool) -> TraitReport:
    alone: list[float] = []
    shared: list[float] = []
    raters: list[float] = []
    for item, answers in said.items():
        seen = [r for r in ratings[item].values() if name in r.values]
        if not seen:
            continue
        score = _mean([agreement(name, answers[name], r, mild=mild) for r in seen])
        alone.append(score)
        if len(seen) > 1:
            shared.append(score)
            pairs = permutations(seen, 2)
            raters.append(_mean([agreement(name, a.values[name], b, mild=mild) for a, b in pairs]))
    return TraitReport(share(alone), share(shared), share(raters))


def agreement(name: str, answer: tuple[str, ...], rating: Rating, *, mild: bool = False) -> float:
    """0..1: how far an answer is the rater's; see the module's docstring."""
    theirs = rating.values[name]
    if TRAITS[name].many:
        return overlap(answer, theirs)
    if answer == theirs:
        return 1.0
    if mild and name == "hair_style":
        return float(answer == (rating.second,))
    if mild and TRAITS[name].ordinal:
        values = TRAITS[name].values
        return float(abs(values.index(answer[0]) - values.index(theirs[0])) <= 1)
    return 0.0


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


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)
