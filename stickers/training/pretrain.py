"""Pretraining: a small network learns CelebA's forty attributes from scratch.

One epoch at a time, with a checkpoint after each, so that a run that was killed
goes on where it was.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stickers.output import whole
from stickers.training.augment import augment
from stickers.training.celeba import CelebA
from stickers.training.network import MEAN, STD, create_backbone

Progress = Callable[[str], None]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long, how large and how fast.

    Attributes:
        sides: input side per epoch, px; one entry an epoch, small first.
        batch: pictures a step.
        rate: the highest learning rate.
        decay: AdamW's weight decay.
        ema: how much of its average the averaged network keeps a step.
        strength: of the augmentation, 0..1.
    """

    sides: tuple[int, ...]
    batch: int = 48
    rate: float = 1e-3
    decay: float = 0.05
    ema: float = 0.998
    strength: float = 0.7


def to_input(images: NDArray[np.uint8]) -> Tensor:
    """N x S x S x 3 uint8 RGB to N x 3 x S x S float32, normalised, channels last."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return ((tensor - mean) / std).contiguous(memory_format=torch.channels_last)


def pretrain(
    data: CelebA,
    kept: NDArray[np.bool_],
    schedule: Schedule,
    checkpoint: Path,
    *,
    backbone: str,
    pretrained: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> nn.Module:
    """Train the backbone on the pictures that are not ``kept``; returns its average.

    Args:
        data: CelebA.
        kept: N booleans: pictures to measure on and never to learn from.
        schedule: the course of training.
        checkpoint: where the state after each epoch goes, and is resumed from.
        backbone: timm's name of it.
        pretrained: begin from the hub's weights.
        seed: of weights, order and augmentation.
        progress: told one line an epoch.
    """
    torch.manual_seed(seed)
    model = create_backbone(backbone, len(data.attributes), pretrained)
    _expect(model, data.labels[~kept])
    model = model.to(memory_format=torch.channels_last)
    blend = get_ema_multi_avg_fn(schedule.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=blend, use_buffers=True)
    optimiser = torch.optim.AdamW(_groups(model, schedule.decay), lr=schedule.rate)
    state = {"model": model, "average": average, "optimiser": optimiser}
    key = f"{backbone} {schedule} seed={seed} pretrained={pretrained} {_print(data, kept)}"
    first = _resume(checkpoint, state, key)
    learn = np.flatnonzero(~kept)
    for epoch in range(first, len(schedule.sides)):
        loss = _epoch(data, learn, schedule, epoch, seed, model, average, optimiser)
        _save(checkpoint, state, key, epoch + 1)
        if progress is not None:
            line = f"epoch {epoch + 1}/{len(schedule.sides)} at {schedule.sides[epoch]} px"
            line += f": loss {loss:.4f}"
            if epoch % 4 == 3 or epoch + 1 == len(schedule.sides):
                accuracy, balanced = score(average, data, kept, schedule.sides[epoch])
                line += f", held out: accuracy {accuracy.mean():.4f}"
                line += f", balanced {np.nanmean(balanced):.4f}"
            progress(line)
    return average.module


@torch.no_grad()
def _expect(model: nn.Module, labels: NDArray[np.uint8]) -> None:
    """Begin by saying how frequent each attribute is, instead of learning it first."""
    last = model.get_classifier()  # type: ignore[operator]
    often = np.clip(labels.mean(axis=0), 0.01, 0.99)
    last.bias.copy_(torch.from_numpy(np.log(often / (1 - often))).float())
    last.weight.mul_(0.1)


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and normalisation do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _epoch(
    data: CelebA,
    learn: NDArray[np.int64],
    schedule: Schedule,
    epoch: int,
    seed: int,
    model: nn.Module,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
) -> float:
    model.train()
    rng = np.random.default_rng([seed, epoch])
    torch.manual_seed(seed * 1000 + epoch)
    steps = max(1, len(learn) // schedule.batch)
    losses: list[float] = []
    batches = _batches(data, learn, schedule, schedule.sides[epoch], rng)
    for step, (images, labels) in enumerate(batches):
        done = (epoch + step / steps) / len(schedule.sides)
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate * pace(done, len(schedule.sides))
        loss = functional.binary_cross_entropy_with_logits(model(to_input(images)), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(model)
        losses.append(loss.item())
    return float(np.mean(losses))


def pace(done: float, epochs: int) -> float:
    """The learning rate's factor at ``done`` (0..1) of training: warm-up, then a cosine."""
    warm = min(0.5, 1.0 / max(epochs, 1))
    if done < warm:
        return max(done / warm, 0.01)
    return 0.5 * (1 + float(np.cos(np.pi * (done - warm) / (1 - warm)))) + 1e-3


def _batches(
    data: CelebA,
    learn: NDArray[np.int64],
    schedule: Schedule,
    side: int,
    rng: np.random.Generator,
) -> Iterator[tuple[NDArray[np.uint8], Tensor]]:
    """Augmented batches, one made ahead while the network works on another."""
    order = rng.permutation(learn)
    size = min(schedule.batch, len(order))
    chunks = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
    seeds = rng.integers(0, 2**62, len(chunks))

    def make(chunk: NDArray[np.int64], chance: int) -> tuple[NDArray[np.uint8], Tensor]:
        own = np.random.default_rng(chance)
        images = np.stack([augment(data.crops[i], side, own, schedule.strength) for i in chunk])
        return images, torch.from_numpy(data.labels[chunk]).float()

    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(make, c, int(s)) for c, s in zip(chunks[:2], seeds[:2], strict=True)]
        for number in range(len(chunks)):
            batch = ahead.pop(0).result()
            if number + 2 < len(chunks):
                ahead.append(pool.submit(make, chunks[number + 2], int(seeds[number + 2])))
            yield batch


@torch.inference_mode()
def score(
    model: nn.Module, data: CelebA, kept: NDArray[np.bool_], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per attribute, accuracy and balanced accuracy (0..1) on the ``kept`` pictures.

    Balanced accuracy is nan where an attribute is always or never there.
    """
    import cv2

    model.eval()
    rows = np.flatnonzero(kept)
    guesses = []
    for start in range(0, len(rows), 128):
        small = [
            cv2.resize(data.crops[i], (side, side), interpolation=cv2.INTER_AREA)
            for i in rows[start : start + 128]
        ]
        guesses.append(model(to_input(np.stack(small).astype(np.uint8))).numpy() > 0)
    guess, truth = np.concatenate(guesses), data.labels[rows] > 0
    with np.errstate(invalid="ignore"):
        hit = (guess & truth).sum(0) / truth.sum(0)
        miss = (~guess & ~truth).sum(0) / (~truth).sum(0)
    return (guess == truth).mean(0), (hit + miss) / 2


def _print(data: CelebA, kept: NDArray[np.bool_]) -> str:
    """A few digits that change with the pictures that are learnt from."""
    names = "\n".join(data.files[i] for i in np.flatnonzero(~kept))
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def _save(path: Path, state: dict[str, Any], key: str, epochs: int) -> None:
    """Write a checkpoint whole or not at all."""
    saved: dict[str, Any] = {name: thing.state_dict() for name, thing in state.items()}
    with whole(path) as part:
        torch.save(saved | {"key": key, "epochs": epochs}, part)


def _resume(path: Path, state: dict[str, Any], key: str) -> int:
    """Load a checkpoint of the same run; returns the epochs it has done."""
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True)
    if saved["key"] != key:
        log.warning("%s is of another run, starting anew", path)
        return 0
    for name, thing in state.items():
        thing.load_state_dict(saved[name])
    return int(saved["epochs"])
