"""Confidences that mean what they say: temperatures, and where to say yes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from stickers.training.losses import rated_loss


def calibrate(
    logits: NDArray[np.float32], target: NDArray[np.float32], name: str
) -> tuple[float, float]:
    """The temperature at which ``logits`` (N x K) fit ``target`` best, and the loss there."""
    if np.isnan(target[:, 0]).all():
        return 1.0, float("nan")
    raw, want = torch.from_numpy(logits), torch.from_numpy(target)
    grid = np.exp(np.linspace(np.log(0.4), np.log(4.0), 60))
    losses = [rated_loss(raw / float(t), want, None, name).item() for t in grid]
    best = int(np.argmin(losses))
    return float(grid[best]), losses[best]


def pick_thresholds(chance: NDArray[np.float32], target: NDArray[np.float32]) -> tuple[float, ...]:
    """Per value the probability (0.2..0.8) from which saying it agrees best.

    Agreement is the overlap of the set that is said with the raters' sets; see
    `evaluate.overlap`. One value at a time, twice round.
    """
    seen = ~np.isnan(target[:, 0])
    thresholds = np.full(chance.shape[1], 0.5)
    if not seen.any():
        return tuple(thresholds.tolist())
    chance, truth = chance[seen], target[seen] >= 0.5
    grid = np.arange(0.2, 0.81, 0.05)
    for _ in range(2):
        for k in range(len(thresholds)):
            trials = np.repeat(thresholds[None], len(grid), axis=0)
            trials[:, k] = grid
            scores = [set_overlap(chance >= t, truth) for t in trials]
            top = np.flatnonzero(np.array(scores) >= max(scores) - 1e-9)
            thresholds[k] = grid[top[np.abs(grid[top] - 0.5).argmin()]]
    return tuple(round(float(t), 2) for t in thresholds)


def set_overlap(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """The mean overlap of N sets with N sets (N x K booleans); see `agreement.overlap`."""
    either, both = (said | truth).sum(1), (said & truth).sum(1)
    return float(np.where(either == 0, 1.0, both / np.maximum(either, 1)).mean())
