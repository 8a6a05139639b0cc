"""Which neurons know: how well single channels of the frozen network tell a trait.

The idea that this project rests on is that a network which learnt faces in general has
channels that tell a bald head, or glasses, by themselves. Here each channel is ranked by
how well it alone separates a trait's values, and the best ones are given, one after
another, to a plain logistic regression until it knows what it knows with all of them.

Half of the faces rank the channels and fit; all figures are the other half's. Faces that
the network learnt from are left out: of them it knows more than it should.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from stickers.embed import Model, embed, load_model
from stickers.errors import BadRatings, PhotoError
from stickers.face import find_face
from stickers.photo import load_photo
from stickers.training.ratings import find_photos, photo_digest, read_ratings, targets
from stickers.training.split import fraction
from stickers.traits import Trait, trait

Progress = Callable[[int, int], None]

FEW = 10
"""Faces with a value, in either half, under which the value is not looked for."""

NEAR = 0.98
"""The share of what all channels know together that counts as knowing it."""

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the frozen network.

    Attributes:
        number: its place in the embedding.
        auc: per value of the trait, the area under the ROC curve on the faces that did
            not rank it: 0.5 knows nothing, 1 is high where the value is, 0 where it is not.
        best: the value that it tells best, by the faces that ranked it.
    """

    number: int
    auc: Mapping[str, float]
    best: str


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """What was found.

    Attributes:
        trait: its name.
        values: the values that enough faces have.
        faces: how many were looked at.
        channels: how many the network has.
        top: the best channels, for each value in turn.
        curve: (channels used, balanced accuracy 0..1), from one channel to all.
        photos: the photos looked at.
        vectors: faces x channels, float32.
    """

    trait: str
    values: tuple[str, ...]
    faces: int
    channels: int
    top: tuple[Channel, ...]
    curve: tuple[tuple[int, float], ...]
    photos: tuple[Path, ...]
    vectors: NDArray[np.float32]

    @property
    def whole(self) -> float:
        """Balanced accuracy with all channels."""
        return self.curve[-1][1]

    @property
    def needed(self) -> int:
        """The fewest channels tried that come to `NEAR` of what all of them know."""
        return next(count for count, score in self.curve if score >= NEAR * self.whole)

    def as_json(self) -> dict[str, object]:
        """As ``stickers probe --json`` prints it."""
        return {
            "trait": self.trait,
            "values": list(self.values),
            "faces": self.faces,
            "channels": self.channels,
            "needed": self.needed,
            "balanced_accuracy": round(self.whole, 4),
            "curve": [[count, round(score, 4)] for count, score in self.curve],
            "top": [
                {
                    "channel": c.number,
                    "best": c.best,
                    "auc": {value: round(auc, 4) for value, auc in c.auc.items()},
                }
                for c in self.top
            ],
        }


def probe(
    name: str,
    table: Path,
    faces: Path,
    *,
    model: Path | None = None,
    limit: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Probe:
    """Find the channels that know a trait.

    Args:
        name: of a predicted trait.
        table: a ``ratings.csv``.
        faces: the folder of its photos.
        model: a folder that `train` wrote; the shipped model if not given.
        limit: at most so many faces, drawn evenly.
        seed: of the draw and of the halves.
        progress: told (photos done, photos in all).

    Raises:
        UnknownValue: no such trait.
        BadRatings: not in form, or fewer than two values with `FEW` faces in each half.
        BadModel: the model cannot be loaded.
    """
    of = trait(name)
    loaded = load_model(model)
    ratings = read_ratings(table)
    known = loaded.trained_on()
    photos = {
        item: path
        for item, path in find_photos(sorted(ratings), table, faces).items()
        if photo_digest(path) not in known
    }
    drawn = sorted(photos, key=lambda item: fraction(seed, f"{item}/probe"))[:limit]
    items, vectors = _vectors(drawn, photos, loaded, progress)
    wanted = targets(ratings, items)[name] if items else np.empty((0, len(of.predicted)))
    seen = ~np.isnan(wanted[:, 0])
    items = [item for item, ok in zip(items, seen, strict=True) if ok]
    vectors, truth = vectors[seen], _truth(of, wanted[seen])
    learn = np.array([fraction(seed, f"{item}/half") < 0.5 for item in items], dtype=bool)
    often = np.minimum(truth[learn].sum(0), truth[~learn].sum(0)) if len(items) else np.zeros(1)
    kept = np.flatnonzero(often >= FEW)
    if len(kept) < (1 if of.many else 2):
        raise BadRatings(
            f"too few faces rated for {name}", where=table, hint=f"two values need {2 * FEW} each"
        )
    values = tuple(of.predicted[k] for k in kept)
    ranking, best = rank(vectors[learn], truth[learn][:, kept])
    aucs = areas(vectors[~learn], truth[~learn][:, kept])
    top = tuple(
        Channel(int(c), dict(zip(values, map(float, aucs[c]), strict=True)), values[best[c]])
        for c in ranking[: max(_SHOWN, len(values))]
    )
    return Probe(
        trait=name,
        values=values,
        faces=len(items),
        channels=loaded.channels,
        top=top,
        curve=_curve(vectors, truth[:, kept], learn, ranking, many=of.many),
        photos=tuple(photos[item] for item in items),
        vectors=vectors,
    )


def _vectors(
    drawn: Sequence[str], photos: Mapping[str, Path], model: Model, progress: Progress | None
) -> tuple[list[str], NDArray[np.float32]]:
    items, vectors = [], []
    for number, item in enumerate(drawn, start=1):
        try:
            face = find_face(load_photo(photos[item]))
        except PhotoError:
            continue
        finally:
            if progress is not None:
                progress(number, len(drawn))
        items.append(item)
        vectors.append(embed(face, model).vector[: model.channels])
    return items, np.stack(vectors) if vectors else np.empty((0, model.channels), np.float32)


def _truth(of: Trait, wanted: NDArray[np.float32]) -> NDArray[np.bool_]:
    """N x K: whether a face has a value, by most of its raters."""
    if of.many:
        return np.asarray(wanted >= 0.5)
    return np.asarray(np.arange(wanted.shape[1]) == wanted.argmax(axis=1)[:, None])


def areas(vectors: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """C x K areas under the ROC curve, of N x C channels for N x K values."""
    columns = []
    for has in truth.T:
        counts = int(has.sum()) * int((~has).sum())
        columns.append(mannwhitneyu(vectors[has], vectors[~has], axis=0).statistic / counts)
    return np.stack(columns, axis=1)


def rank(
    vectors: NDArray[np.float32], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All channels, the best first: the best for each value, then each one's second, ...

    Returns:
        C channel numbers; and, by channel number, the value that it tells best.
    """
    apart = np.abs(areas(vectors, truth) - 0.5)
    by_value = np.argsort(-apart, axis=0, kind="stable")
    first = list(dict.fromkeys(by_value.ravel().tolist()))
    return np.array(first), apart.argmax(axis=1)


def _curve(
    vectors: NDArray[np.float32],
    truth: NDArray[np.bool_],
    learn: NDArray[np.bool_],
    ranking: NDArray[np.int64],
    *,
    many: bool,
) -> tuple[tuple[int, float], ...]:
    scaled = StandardScaler().fit(vectors[learn]).transform(vectors)
    counts = [1 << i for i in range(len(ranking).bit_length()) if 1 << i < len(ranking)]
    if not many:
        rows = truth.any(axis=1)
        scaled, learn, labels = scaled[rows], learn[rows], truth[rows].argmax(axis=1)[:, None]
    else:
        labels = truth
    return tuple(
        (count, _known(scaled[:, ranking[:count]], labels, learn))
        for count in (*counts, len(ranking))
    )


def _known(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], learn: NDArray[np.bool_]
) -> float:
    """Balanced accuracy on the other half, the mean over the columns of ``labels``."""
    scores = []
    for column in labels.T:
        head = LogisticRegression(C=0.02, class_weight="balanced", max_iter=1000)
        head.fit(vectors[learn], column[learn])
        scores.append(balanced_accuracy_score(column[~learn], head.predict(vectors[~learn])))
    return float(np.mean(scores))
