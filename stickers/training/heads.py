"""One small head per trait, fitted on the frozen network's vectors.

All heads are fitted at once, but each keeps the weights of its own best epoch, has
its own temperature, and could be replaced alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stickers.traits import PREDICTED, TRAITS

Progress = Callable[[str], None]
Vectors = NDArray[np.float32] | NDArray[np.float16]
Targets = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """How heads are fitted.

    Attributes:
        epochs: at most so many passes.
        patience: passes without any head getting better before stopping.
        batch: faces a step.
        rate: the highest learning rate.
        decay: weight decay.
        dropout: share of the vector that is hidden in a step.
        hidden: units between vector and logits; 0 makes a head linear.
        balance: 0..1, how far rare values are weighted up to frequent ones.
    """

    epochs: int = 20
    patience: int = 4
    batch: int = 256
    rate: float = 3e-4
    decay: float = 0.05
    dropout: float = 0.5
    hidden: int = 0
    balance: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A fitted head.

    Attributes:
        layers: (weights in x out, bias out) float32 each; ReLU between them.
        loss: cross-entropy on the validation faces, after calibration.
        temperature: what the logits were divided by (it is in the weights already).
        thresholds: of a trait of many values, the probability from which each is said.
    """

    layers: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    loss: float
    temperature: float
    thresholds: tuple[float, ...] = ()

    def logits(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """N x K, for N x D."""
        out = vectors
        for number, (weight, bias) in enumerate(self.layers):
            out = np.maximum(out, 0) if number else out
            out = out @ weight + bias
        return out


def fit_heads(
    vectors: Vectors,
    targets: Targets,
    valid_vectors: Vectors,
    valid_targets: Targets,
    config: HeadConfig | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Head]:
    """Fit a head for every predicted trait.

    Args:
        vectors: N x V x D, float32 or float16: V views of each face.
        targets: per trait N x K, see `ratings.targets`; rows of nan are unknown.
        valid_vectors: M x D: faces that decide when to stop, and calibrate.
        valid_targets: per trait M x K.
        config: how.
        seed: of weights and order.
        progress: told a line every few epochs.
    """
    config = config or HeadConfig()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = vectors.reshape(-1, vectors.shape[-1])
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = sample.std(axis=0, dtype=np.float64).astype(np.float32) + 1e-3
    heads = nn.ModuleDict({t.name: _head(len(mean), len(t.predicted), config) for t in PREDICTED})
    for trait in PREDICTED:
        _expect(heads[trait.name], targets[trait.name], trait.many)
    weights = {t.name: _weights(targets[t.name], t.many, config.balance) for t in PREDICTED}
    known = {k: torch.from_numpy(v) for k, v in targets.items()}
    asked = {k: torch.from_numpy(v) for k, v in valid_targets.items()}
    trial = torch.from_numpy((valid_vectors.astype(np.float32) - mean) / spread)
    best: dict[str, tuple[float, dict[str, Tensor]]] = {}
    optimiser = torch.optim.AdamW(heads.parameters(), lr=config.rate, weight_decay=config.decay)
    steps = max(1, -(-len(vectors) // config.batch))
    pace = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.rate, total_steps=steps * config.epochs, pct_start=0.1
    )
    idle = 0
    for epoch in range(config.epochs):
        heads.train()
        order = rng.permutation(len(vectors))
        for rows in np.array_split(order, steps):
            views = rng.integers(0, vectors.shape[1], len(rows))
            batch = torch.from_numpy((vectors[rows, views].astype(np.float32) - mean) / spread)
            batch = functional.dropout(batch, config.dropout)  # one mask for all: it is costly
            loss = torch.stack(
                [_loss(heads[n](batch), known[n][rows], weights[n], n) for n in heads]
            ).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            pace.step()
        better = _keep_best(heads, trial, asked, best)
        idle = 0 if better else idle + 1
        if progress is not None and epoch % 5 == 4:
            total = sum(value for value, _ in best.values()) / len(best)
            progress(f"heads, epoch {epoch + 1}: best validation loss {total:.4f}")
        if idle >= config.patience:
            break
    for name, (_, state) in best.items():
        heads[name].load_state_dict(state)
    return {n: _finish(n, heads[n], mean, spread, valid_vectors, valid_targets[n]) for n in heads}


def _head(width: int, values: int, config: HeadConfig) -> nn.Sequential:
    if not config.hidden:
        return nn.Sequential(nn.Linear(width, values))
    return nn.Sequential(
        nn.Linear(width, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, values),
    )


@torch.no_grad()
def _expect(head: nn.Module, targets: NDArray[np.float32], many: bool) -> None:
    """Begin by saying how frequent each value is: rates that suit weights never get there."""
    known = targets[~np.isnan(targets[:, 0])]
    if not len(known):
        return
    often = np.clip(known.mean(axis=0), 1e-3, 1 - 1e-3)
    start = np.log(often / (1 - often)) if many else np.log(often)
    last = [part for part in head.modules() if isinstance(part, nn.Linear)][-1]
    last.bias.copy_(torch.from_numpy(start.astype(np.float32)))
    last.weight.mul_(0.1)


def _weights(targets: NDArray[np.float32], many: bool, balance: float) -> Tensor:
    """K: how much each value counts; mean 1 over the faces (over "no" for many)."""
    known = targets[~np.isnan(targets[:, 0])]
    often = known.mean(axis=0) if len(known) else np.ones(targets.shape[1])
    if many:
        weight = (np.clip(1 - often, 0.01, 1) / np.clip(often, 0.01, 1)) ** balance
    else:
        weight = (1 / np.clip(often, 0.002, 1)) ** balance
        weight /= max(1e-6, float((weight * often).sum()))
    return torch.from_numpy(weight.astype(np.float32))


def _loss(logits: Tensor, target: Tensor, weights: Tensor, name: str) -> Tensor:
    """Mean cross-entropy over the rows that somebody rated."""
    seen = ~target[:, 0].isnan()
    if not bool(seen.any()):
        return logits.sum() * 0
    logits, target = logits[seen], target[seen]
    if TRAITS[name].many:
        return functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weights)
    return -(target * weights * functional.log_softmax(logits, dim=1)).sum(1).mean()


@torch.inference_mode()
def _keep_best(
    heads: nn.ModuleDict,
    trial: Tensor,
    asked: Mapping[str, Tensor],
    best: dict[str, tuple[float, dict[str, Tensor]]],
) -> bool:
    """Remember each head that has never been better; True if there is one."""
    heads.eval()
    better = False
    for name, head in heads.items():
        value = _loss(head(trial), asked[name], torch.ones(1), name).item()
        if name not in best or value < best[name][0] - 1e-5:
            best[name] = value, {k: v.clone() for k, v in head.state_dict().items()}
            better = True
    return better


def _finish(
    name: str,
    head: nn.Module,
    mean: NDArray[np.float32],
    spread: NDArray[np.float32],
    vectors: Vectors,
    target: NDArray[np.float32],
) -> Head:
    """Calibrate, and fold standardising and temperature into the weights."""
    layers = [
        (m.weight.detach().numpy().T.copy(), m.bias.detach().numpy().copy())
        for m in head.modules()
        if isinstance(m, nn.Linear)
    ]
    weight, bias = layers[0]
    layers[0] = (weight / spread[:, None], bias - (mean / spread) @ weight)
    raw = Head(tuple(layers), 0.0, 1.0).logits(vectors.astype(np.float32))
    temperature, loss = calibrate(raw, target, name)
    weight, bias = layers[-1]
    layers[-1] = (weight / temperature, bias / temperature)
    chance = 1 / (1 + np.exp(-raw / temperature))
    thresholds = pick_thresholds(chance, target) if TRAITS[name].many else ()
    return Head(tuple(layers), loss, temperature, thresholds)


def calibrate(
    logits: NDArray[np.float32], target: NDArray[np.float32], name: str
) -> tuple[float, float]:
    """The temperature at which ``logits`` (N x K) fit ``target`` best, and the loss there."""
    if np.isnan(target[:, 0]).all():
        return 1.0, float("nan")
    raw, want, ones = torch.from_numpy(logits), torch.from_numpy(target), torch.ones(1)
    grid = np.exp(np.linspace(np.log(0.4), np.log(4.0), 60))
    losses = [_loss(raw / float(t), want, ones, name).item() for t in grid]
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
            scores = [_overlap(chance >= t, truth) for t in trials]
            top = np.flatnonzero(np.array(scores) >= max(scores) - 1e-9)
            thresholds[k] = grid[top[np.abs(grid[top] - 0.5).argmin()]]
    return tuple(round(float(t), 2) for t in thresholds)


def _overlap(said: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    either, both = (said | truth).sum(1), (said & truth).sum(1)
    return float(np.where(either == 0, 1.0, both / np.maximum(either, 1)).mean())
