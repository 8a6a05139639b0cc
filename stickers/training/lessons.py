"""What the backbone learns from: pictures of two sets, with what is known of each.

CelebA's pictures come with forty attributes, ours with raters' labels and the mesh's
proportions. Of a picture, whatever the other set would have said is unknown (nan) until
the network itself, half-way, says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stickers.geometry import PROPORTIONS
from stickers.traits import PREDICTED

Kind = Literal["yes_no", "one", "many", "measure"]
ATTRIBUTES, MEASURES = "celeba", "proportions"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to tell.

    Attributes:
        name: a trait's, or `ATTRIBUTES`, or `MEASURES`.
        kind: how the columns are read: independent yes-or-no, one of many (soft),
            any of many, or plain numbers.
        columns: where in a row of `Lessons.known`.
        ordinal: whether neighbouring values are nearer than distant ones.
    """

    name: str
    kind: Kind
    columns: slice
    ordinal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Pictures to learn from.

    Attributes:
        crops: N squares, uint8, RGB, of any side.
        known: N x T, float32: what is known of each; nan where nobody knows.
        tasks: how the T columns are read.
    """

    crops: Sequence[NDArray[np.uint8]]
    known: NDArray[np.float32]
    tasks: tuple[Task, ...]


def tasks(attributes: int) -> tuple[Task, ...]:
    """CelebA's attributes, every predicted trait, and the mesh's proportions."""
    out = [Task(ATTRIBUTES, "yes_no", slice(0, attributes))] if attributes else []
    start = attributes
    for trait in PREDICTED:
        end = start + len(trait.predicted)
        kind: Kind = "many" if trait.many else "one"
        out.append(Task(trait.name, kind, slice(start, end), trait.ordinal))
        start = end
    out.append(Task(MEASURES, "measure", slice(start, start + PROPORTIONS)))
    return tuple(out)


def join(
    celeba_crops: Sequence[NDArray[np.uint8]],
    labels: NDArray[np.uint8],
    rated_crops: Sequence[NDArray[np.uint8]],
    targets: Mapping[str, NDArray[np.float32]],
    measures: NDArray[np.float32],
) -> Lessons:
    """Both sets in one.

    Args:
        celeba_crops: N squares.
        labels: N x A, 0 or 1.
        rated_crops: M squares.
        targets: per predicted trait M x K, see `ratings.targets`.
        measures: M x `PROPORTIONS`; standardised here.
    """
    every = tasks(labels.shape[1])
    known = np.full((len(labels) + len(rated_crops), every[-1].columns.stop), np.nan, np.float32)
    known[: len(labels), : labels.shape[1]] = labels
    mean, spread = np.nanmean(measures, axis=0), np.nanstd(measures, axis=0) + 1e-4
    for task in every:
        rated = known[len(labels) :, task.columns]
        if task.name in targets:
            rated[:] = targets[task.name]
        elif task.name == MEASURES:
            rated[:] = np.clip((measures - mean) / spread, -4, 4)
    return Lessons([*celeba_crops, *rated_crops], known, every)
