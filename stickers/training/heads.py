"""One small head per trait, fitted on the frozen network's vectors.

All heads are fitted at once, but each keeps the weights of its own best epoch, has
its own temperature, and could be replaced alone. Only where they are fitted jointly do
they share a hidden layer, and one best epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stickers.errors import UnknownValue
from stickers.training.calibration import calibrate, pick_thresholds, set_overlap
from stickers.training.losses import rated_loss
from stickers.traits import PREDICTED, TRAITS

Progress = Callable[[str], None]
Vectors = NDArray[np.float32] | NDArray[np.float16]
Targets = Mapping[str, NDArray[np.float32]]
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]

EACH = 3
"""Hidden units that a value needs: with fewer, hair styles and seniors' hair were told worse
(see ``benchmarks/recognition.md``)."""


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
        hidden: units between vector and logits; 0 makes a head linear. So is that of a
            trait with fewer than `EACH` units for each of its values, unless joint.
        joint: whether all heads share the hidden layer, so that one learns from another.
        balance: 0..1, how far rare values are weighted up to frequent ones.
        ordinal: how much it counts, beside the value, how many steps away an answer is.
        second: 0..0.5, how much of a rating of hair style goes to its second choice.
    """

    epochs: int = 20
    patience: int = 4
    batch: int = 256
    rate: float = 3e-4
    decay: float = 0.05
    dropout: float = 0.5
    hidden: int = 32
    joint: bool = False
    balance: float = 0.15
    ordinal: float = 1.0
    second: float = 0.25

    def validate(self) -> None:
        """Refuse what cannot be fitted.

        Raises:
            UnknownValue: joint heads without a hidden layer to share.
        """
        if self.joint and not self.hidden:
            raise UnknownValue("joint heads share a hidden layer", hint="give them hidden units")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A fitted head.

    Attributes:
        layers: (weights in x out, bias out) float32 each; ReLU between them.
        loss: cross-entropy on the validation faces, after calibration.
        temperature: what the logits were divided by (it is in the weights already).
        thresholds: of a trait of many values, the probability from which each is said.
    """

    layers: tuple[Layer, ...]
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
    heads = _heads(len(mean), config)
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
                [
                    rated_loss(heads[n](batch), known[n][rows], weights[n], n, config.ordinal)
                    for n in heads
                ]
            ).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            pace.step()
        better = _keep_best(heads, trial, asked, best, together=config.joint)
        idle = 0 if better else idle + 1
        if progress is not None and epoch % 5 == 4:
            total = sum(value for value, _ in best.values()) / len(best)
            progress(f"heads, epoch {epoch + 1}: best validation loss {total:.4f}")
        if idle >= config.patience:
            break
    for name, (_, state) in best.items():
        heads[name].load_state_dict(state)
    shared: dict[int, Layer] = {}
    return {
        n: _finish(n, heads[n], mean, spread, shared, valid_vectors, valid_targets[n])
        for n in heads
    }


def _heads(width: int, config: HeadConfig) -> nn.ModuleDict:
    shared = _hidden(width, config) if config.joint else []
    return nn.ModuleDict(
        {
            t.name: nn.Sequential(
                *(shared or _hidden(width, config)),
                nn.Linear(config.hidden, len(t.predicted)),
            )
            if config.joint or config.hidden >= EACH * len(t.predicted)
            else nn.Sequential(nn.Linear(width, len(t.predicted)))
            for t in PREDICTED
        }
    )


def _hidden(width: int, config: HeadConfig) -> list[nn.Module]:
    return [nn.Linear(width, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)]


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


@torch.inference_mode()
def _keep_best(
    heads: nn.ModuleDict,
    trial: Tensor,
    asked: Mapping[str, Tensor],
    best: dict[str, tuple[float, dict[str, Tensor]]],
    *,
    together: bool,
) -> bool:
    """Remember each head that has never been better; True if there is one.

    Heads that share a layer are better ``together`` or not at all.
    """
    heads.eval()
    values = {n: rated_loss(head(trial), asked[n], None, n).item() for n, head in heads.items()}
    total = sum(values.values())
    before = sum(value for value, _ in best.values())
    better = [
        name
        for name, value in values.items()
        if name not in best or (total < before if together else value < best[name][0])
    ]
    for name in better:
        state = {k: v.clone() for k, v in heads[name].state_dict().items()}
        best[name] = values[name], state
    return bool(better)


def _finish(
    name: str,
    head: nn.Module,
    mean: NDArray[np.float32],
    spread: NDArray[np.float32],
    shared: dict[int, Layer],
    vectors: Vectors,
    target: NDArray[np.float32],
) -> Head:
    """Calibrate, and fold standardising and temperature into the weights.

    A first layer that several heads have is folded once, and is one array in all of them.
    """
    first, *rest = [m for m in head.modules() if isinstance(m, nn.Linear)]
    if id(first) not in shared:
        weight, bias = _layer(first)
        shared[id(first)] = (weight / spread[:, None], bias - (mean / spread) @ weight)
    layers = [shared[id(first)], *map(_layer, rest)]
    raw = Head(tuple(layers), 0.0, 1.0).logits(vectors.astype(np.float32))
    temperature, loss = calibrate(raw, target, name)
    weight, bias = layers[-1]
    layers[-1] = (weight / temperature, bias / temperature)
    chance = 1 / (1 + np.exp(-raw / temperature))
    thresholds = pick_thresholds(chance, target) if TRAITS[name].many else ()
    return Head(tuple(layers), loss, temperature, thresholds)


def _layer(linear: nn.Linear) -> Layer:
    return linear.weight.detach().numpy().T.copy(), linear.bias.detach().numpy().copy()


def agreement(head: Head, vectors: Vectors, target: NDArray[np.float32]) -> float:
    """0..1: how often a head says what raters say, on the faces (M x D) they rated."""
    seen = ~np.isnan(target[:, 0])
    if not seen.any():
        return float("nan")
    logits, target = head.logits(vectors[seen].astype(np.float32)), target[seen]
    if head.thresholds:
        chance = 1 / (1 + np.exp(-logits))
        return set_overlap(chance >= np.array(head.thresholds), target >= 0.5)
    return float(target[np.arange(len(target)), logits.argmax(1)].mean())
