"""How well a model knows CelebA's attributes, on people that it was not trained on.

An attribute is said when its logit is above ``leniency`` times the logit of how often
it is there: at 0 where it is likelier than not, which is most often right; at 1 where
it is likelier than usual, which finds the rare ones as surely as the common ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stickers.embed import ATTRIBUTES, FACE, PROPORTIONS, fit, load_model
from stickers.errors import BadModel, BadRatings
from stickers.geometry import PROPORTIONS as MEASURED
from stickers.training.celeba import read_celeba

_LENIENCIES = tuple(round(0.05 * i, 2) for i in range(21))
_GIVEN_UP = 0.005  # of accuracy, to find more of the rare attributes
_BATCH = 64


@dataclass(frozen=True, slots=True)
class AttributesReport:
    """What was found.

    Attributes:
        pictures: how many were judged.
        each: per attribute, accuracy and balanced accuracy (the mean of how often it is
            found where it is and not found where it is not), 0..1; the latter is nan
            where an attribute is always or never there.
        trained: how many were left out because the model learnt from them.
    """

    pictures: int
    each: Mapping[str, tuple[float, float]]
    trained: int = 0

    @property
    def accuracy(self) -> float:
        """The mean accuracy."""
        return float(np.mean([accuracy for accuracy, _ in self.each.values()]))

    @property
    def balanced(self) -> float:
        """The mean balanced accuracy over the attributes that have one; nan if none has."""
        known = [balanced for _, balanced in self.each.values() if not np.isnan(balanced)]
        return float(np.mean(known)) if known else float("nan")

    def as_json(self) -> dict[str, object]:
        """As ``stickers evaluate --celeba --json`` prints it."""
        return {
            "pictures": self.pictures,
            "accuracy": round(self.accuracy, 4),
            "balanced_accuracy": _rounded(self.balanced),
            "attributes": {name: [round(a, 4), _rounded(b)] for name, (a, b) in self.each.items()},
            "left_out_as_trained_on": self.trained,
        }


def evaluate_celeba(
    pictures: Path, table: Path, *, model: Path | None = None, include_trained: bool = False
) -> AttributesReport:
    """Judge the model by CelebA's labels.

    Args:
        pictures: a tar file or folder of aligned pictures.
        table: their labels, in the form of CelebA's ``labelled.csv``; see `celeba`.
        model: a folder that `train` wrote; the shipped model if not given.
        include_trained: also count pictures that the model learnt from.

    Raises:
        BadRatings: pictures or labels are not in form, or nothing is left to judge.
        BadModel: the model cannot be loaded, or never learnt these attributes.
    """
    loaded = load_model(model)
    facts = loaded.manifest["pretraining"]
    data = read_celeba(pictures, table)
    if not set(data.attributes) <= set(facts.get(ATTRIBUTES, ())):
        raise BadModel(
            "it does not know these attributes",
            where=loaded.folder,
            hint="give a model that was trained with --celeba",
        )
    columns = [facts[ATTRIBUTES].index(name) for name in data.attributes]
    known = frozenset() if include_trained else loaded.trained_on()
    rows = [i for i, digest in enumerate(data.digests) if digest not in known]
    if not rows:
        raise BadRatings(
            "no picture to judge", where=table, hint="give some that the model has not learnt from"
        )
    logits = []
    for start in range(0, len(rows), _BATCH):
        faces = [fit(data.crops[i], loaded.side) for i in rows[start : start + _BATCH]]
        unknown = np.full((len(faces), MEASURED), np.nan, dtype=np.float32)
        given = {FACE: np.stack(faces), PROPORTIONS: unknown}
        logits.append(loaded.session.run([ATTRIBUTES], given)[0][:, columns])
    often = np.array(facts["often"])[columns]
    found = score_attributes(
        np.concatenate(logits), data.labels[rows], often, facts["leniency"], data.attributes
    )
    return AttributesReport(found.pictures, found.each, len(data.files) - len(rows))


def score_attributes(
    logits: NDArray[np.float32],
    labels: NDArray[np.uint8],
    often: NDArray[np.float64] | None = None,
    leniency: float = 0.0,
    names: tuple[str, ...] = (),
) -> AttributesReport:
    """Set logits (N x A) beside labels (N x A, 0 or 1).

    Args:
        logits: N x A.
        labels: N x A.
        often: A, how often each attribute is there; needed for a ``leniency``.
        leniency: 0..1, see the module's docstring.
        names: A names; numbers if not given.
    """
    said, truth = logits > _limits(often, leniency), labels > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        hit = (said & truth).sum(0) / truth.sum(0)
        miss = (~said & ~truth).sum(0) / (~truth).sum(0)
    accuracy, balanced = (said == truth).mean(0), (hit + miss) / 2
    called = names or tuple(map(str, range(labels.shape[1])))
    each = {n: (float(a), float(b)) for n, a, b in zip(called, accuracy, balanced, strict=True)}
    return AttributesReport(len(labels), each)


def _rounded(share: float) -> float | None:
    return None if np.isnan(share) else round(share, 4)


def _limits(often: NDArray[np.float64] | None, leniency: float) -> NDArray[np.float64] | float:
    if often is None or not leniency:
        return 0.0
    chance = np.clip(often, 0.001, 0.999)
    return np.asarray(leniency * np.log(chance / (1 - chance)))


def pick_leniency(
    logits: NDArray[np.float32], labels: NDArray[np.uint8], often: NDArray[np.float64]
) -> float:
    """The greatest leniency that gives up at most half a point of the best accuracy."""
    found = {s: score_attributes(logits, labels, often, s).accuracy for s in _LENIENCIES}
    return max(s for s, accuracy in found.items() if accuracy >= max(found.values()) - _GIVEN_UP)
