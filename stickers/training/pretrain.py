"""Pretraining: the backbone learns all that is known of the faces at hand.

CelebA's attributes, raters' labels and the mesh's proportions are learnt at once; from
`Schedule.teach` on, the averaged network answers for the set that was never asked, and
the network learns from its answers too. One epoch at a time, with a checkpoint after
each, so that a run that was killed goes on where it was.
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
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stickers.attributes import sigmoid, softmax
from stickers.embed import fit
from stickers.output import whole
from stickers.training.augment import augment
from stickers.training.lessons import Lessons
from stickers.training.losses import task_loss
from stickers.training.network import Start, create_backbone, normalisation

Progress = Callable[[str], None]
Score = Callable[[nn.Module, int], str]
log = logging.getLogger(__name__)

_TAUGHT = 0.5  # how much the network's own answers count, against what people said
_CAREFUL = 5.0  # the gradient's greatest norm
_EARLY = 8  # layers that see a picture at this part of its side, or more, are early
_BATCH = 64  # pictures at once when nothing is learnt


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
        freeze: the share of the epochs after which the early layers, which see edges and
            colours, stay as they are: they cost most of the time.
        teach: the share of the epochs after which the network's own answers are
            learnt where people were not asked; 1 never does.
    """

    sides: tuple[int, ...]
    batch: int = 48
    rate: float = 5e-4
    decay: float = 0.05
    ema: float = 0.998
    strength: float = 0.8
    freeze: float = 0.38
    teach: float = 0.6


class Seen:
    """Turns N x S x S x 3 uint8 RGB into what the backbone takes: N x 3 x S x S float32."""

    def __init__(self, backbone: nn.Module) -> None:
        mean, spread = normalisation(backbone)
        self.mean = torch.tensor(mean).view(1, 3, 1, 1) * 255
        self.spread = torch.tensor(spread).view(1, 3, 1, 1) * 255

    def __call__(self, images: NDArray[np.uint8]) -> Tensor:
        """Normalised, channels last."""
        planes = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        planes = (planes - self.mean) / self.spread
        return planes.contiguous(memory_format=torch.channels_last)


def pretrain(
    lessons: Lessons,
    schedule: Schedule,
    checkpoint: Path,
    *,
    backbone: str,
    start: Start = "packaged",
    seed: int = 0,
    score: Score | None = None,
    progress: Progress | None = None,
) -> nn.Module:
    """Train the backbone; returns its average, whose outputs are the lessons' columns.

    Args:
        lessons: what to learn, and nothing of what it will be measured on.
        schedule: the course of training.
        checkpoint: where the state after each epoch goes, and is resumed from.
        backbone: timm's name of it.
        start: from which weights.
        seed: of weights, order and augmentation.
        score: told (network, side) every few epochs, gives a few words for the progress.
        progress: told one line an epoch.
    """
    torch.manual_seed(seed)
    model = create_backbone(backbone, lessons.known.shape[1], start)
    _expect(model, lessons)
    model = model.to(memory_format=torch.channels_last)
    blend = get_ema_multi_avg_fn(schedule.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=blend, use_buffers=True)
    optimiser = torch.optim.AdamW(_groups(model, schedule.decay), lr=schedule.rate)
    state = {"model": model, "average": average, "optimiser": optimiser}
    key = f"{backbone} {schedule} seed={seed} start={start} {_print(lessons)}"
    first = _resume(checkpoint, state, key)
    course = len(schedule.sides)
    taught: NDArray[np.float32] | None = None
    for epoch in range(first, course):
        side = schedule.sides[epoch]
        if taught is None and epoch >= schedule.teach * course:
            taught = answers(average, lessons, side)
        loss = _epoch(lessons, taught, schedule, epoch, seed, model, average, optimiser)
        _save(checkpoint, state, key, epoch + 1)
        if progress is not None:
            line = f"epoch {epoch + 1}/{course} at {side} px: loss {loss:.4f}"
            if score is not None and (epoch % 3 == 2 or epoch + 1 == course):
                line += f", {score(average.module, side)}"
            progress(line)
    return average.module.eval()


@torch.no_grad()
def _expect(model: nn.Module, lessons: Lessons) -> None:
    """Begin by saying how frequent each answer is, instead of learning it first."""
    last = model.get_classifier()  # type: ignore[operator]
    mean = np.nan_to_num(np.nanmean(lessons.known, axis=0), nan=0.5)
    often = np.clip(mean, 0.003, 0.997)
    for task in lessons.tasks:
        share = often[task.columns]
        if task.kind == "one":
            begin = np.log(share)
        elif task.kind == "measure":
            begin = np.zeros_like(share)
        else:
            begin = np.log(share / (1 - share))
        last.bias[task.columns] = torch.from_numpy(begin).float()
    last.weight.mul_(0.1)


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights decay; biases and normalisation do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _epoch(
    lessons: Lessons,
    taught: NDArray[np.float32] | None,
    schedule: Schedule,
    epoch: int,
    seed: int,
    model: nn.Module,
    average: AveragedModel,
    optimiser: torch.optim.Optimizer,
) -> float:
    model.train()
    if epoch >= schedule.freeze * len(schedule.sides):
        freeze_early(model)
    rng = np.random.default_rng([seed, epoch])
    torch.manual_seed(seed * 1000 + epoch)
    steps = max(1, len(lessons.crops) // schedule.batch)
    losses: list[float] = []
    see = Seen(model)
    for step, (images, rows) in enumerate(_batches(lessons, schedule, epoch, rng)):
        done = (epoch + step / steps) / len(schedule.sides)
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate * pace(done, len(schedule.sides))
        with torch.autocast("cpu", torch.bfloat16, enabled=_short_floats()):
            out = model(see(images))
        known = torch.from_numpy(lessons.known[rows])
        loss = task_loss(out.float(), known, lessons.tasks)
        if taught is not None:
            own = torch.from_numpy(taught[rows])
            own[~known.isnan()] = float("nan")
            loss = loss + _TAUGHT * task_loss(out.float(), own, lessons.tasks)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), _CAREFUL)
        optimiser.step()
        average.update_parameters(model)
        losses.append(loss.item())
    return float(np.mean(losses))


def freeze_early(model: nn.Module) -> None:
    """Keep a timm model's layers up to its last stage of an eighth of the input's side."""
    info = model.feature_info
    stages = [s["module"] for s in info if s["reduction"] <= _EARLY]  # type: ignore[union-attr]
    layers = [name for name, m in model.named_modules() if list(m.parameters(recurse=False))]
    inside = [i for i, name in enumerate(layers) if name.startswith(f"{stages[-1]}.")]
    for name in layers[: inside[-1] + 1]:
        model.get_submodule(name).eval().requires_grad_(False)


def _short_floats() -> bool:
    """Whether this processor multiplies bfloat16 itself; elsewhere it would be slower."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def pace(done: float, epochs: int) -> float:
    """The learning rate's factor at ``done`` (0..1) of training: warm-up, then a cosine."""
    warm = min(0.5, 1.0 / max(epochs, 1))
    if done < warm:
        return max(done / warm, 0.01)
    return 0.5 * (1 + float(np.cos(np.pi * (done - warm) / (1 - warm)))) + 1e-3


def _batches(
    lessons: Lessons, schedule: Schedule, epoch: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Augmented batches with their rows, made ahead while the network works."""
    order = rng.permutation(len(lessons.crops))
    size = min(schedule.batch, len(order))
    chunks = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
    seeds = rng.integers(0, 2**62, len(chunks))
    side = schedule.sides[epoch]

    def make(chunk: NDArray[np.int64], chance: int) -> NDArray[np.uint8]:
        own = np.random.default_rng(chance)
        return np.stack([augment(lessons.crops[i], side, own, schedule.strength) for i in chunk])

    with ThreadPoolExecutor(1) as pool:
        ahead = [pool.submit(make, c, int(s)) for c, s in zip(chunks[:2], seeds[:2], strict=True)]
        for number, chunk in enumerate(chunks):
            batch = ahead.pop(0).result()
            if number + 2 < len(chunks):
                ahead.append(pool.submit(make, chunks[number + 2], int(seeds[number + 2])))
            yield batch, chunk


@torch.inference_mode()
def outputs(model: nn.Module, crops: list[NDArray[np.uint8]], side: int) -> Tensor:
    """The network's N x T outputs for N squares of any side, float32."""
    training = model.training
    model.eval()
    see = Seen(model)
    out = [
        model(see(np.stack([fit(c, side) for c in crops[i : i + _BATCH]]))).float()
        for i in range(0, len(crops), _BATCH)
    ]
    model.train(training)
    return torch.cat(out)


def answers(model: AveragedModel, lessons: Lessons, side: int) -> NDArray[np.float32]:
    """What the network itself says of every picture: N x T, as `Lessons.known`."""
    out = outputs(model.module, list(lessons.crops), side).numpy()
    for task in lessons.tasks:
        said = out[:, task.columns]
        if task.kind == "one":
            out[:, task.columns] = softmax(said)
        elif task.kind != "measure":
            out[:, task.columns] = sigmoid(said)
    return np.asarray(out, dtype=np.float32)


def _print(lessons: Lessons) -> str:
    """A few digits that change with the pictures and labels that are learnt from."""
    digest = hashlib.sha256(lessons.known.tobytes())
    for crop in lessons.crops:
        digest.update(crop[::16, ::16].tobytes())
    return digest.hexdigest()[:12]


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
