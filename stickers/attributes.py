"""From an `Embedding` to `Attributes`: what the heads say, as values and confidences."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stickers.embed import Model, load_model
from stickers.records import Attributes, Embedding, Guess
from stickers.traits import PREDICTED, Trait

_HALF = 0.5


def read_attributes(embedding: Embedding, model: Model | None = None) -> Attributes:
    """The heads' guess for every predicted trait, in the vocabulary's order.

    Args:
        embedding: from `stickers.embed.embed`.
        model: the model it came from, for its thresholds; the shipped one if not given.

    Raises:
        BadModel: the shipped model cannot be loaded.
    """
    thresholds = (model or load_model()).thresholds
    guesses = {}
    for trait in PREDICTED:
        logits = embedding.logits[trait.name]
        if trait.many:
            limits = thresholds.get(trait.name, (_HALF,) * len(trait.predicted))
            guesses[trait.name] = _several(trait, logits, limits)
        else:
            guesses[trait.name] = _one(trait, logits)
    return MappingProxyType(guesses)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities that sum to 1 along the last axis."""
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """A probability each."""
    return np.asarray(1 / (1 + np.exp(-logits.astype(np.float64))))


def _one(trait: Trait, logits: NDArray[np.float32]) -> Guess:
    ranked = _ranked(trait, softmax(logits))
    value, chance = ranked[0]
    return Guess(values=(value,), confidence=chance, probabilities=ranked)


def _several(trait: Trait, logits: NDArray[np.float32], limits: tuple[float, ...]) -> Guess:
    chances = sigmoid(logits)
    said = chances >= np.array(limits)
    sure = np.where(said, chances, 1 - chances)
    values = tuple(v for v, yes in zip(trait.predicted, said, strict=True) if yes)
    return Guess(values=values, confidence=float(sure.min()), probabilities=_ranked(trait, chances))


def _ranked(trait: Trait, chances: NDArray[np.float64]) -> tuple[tuple[str, float], ...]:
    """(value, probability), likeliest first; equal ones in the vocabulary's order."""
    order = np.argsort(-chances, kind="stable")
    return tuple((trait.predicted[i], float(chances[i])) for i in order)
