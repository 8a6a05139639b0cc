"""What it costs to say something else than the raters did."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from stickers.training.lessons import Task
from stickers.traits import TRAITS

_MEASURES = 0.1  # how much the mesh's proportions count, against a trait


def choice_loss(logits: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of soft choices (N x K, each row sums to 1), one of K values.

    Args:
        logits: N x K.
        target: N x K.
        weights: K, how much each value counts; all the same if not given.
    """
    wanted = target if weights is None else target * weights
    return -(wanted * functional.log_softmax(logits, dim=1)).sum(1).mean()


def steps_apart(logits: Tensor, target: Tensor) -> Tensor:
    """How far two distributions over ordered values lie apart (N x K), mean over N.

    The squared earth mover's distance: Hou, Yu and Samaras, 2016, "Squared Earth
    Mover's Distance-based Loss for Training Deep Neural Networks".
    """
    chance = functional.softmax(logits, dim=1)
    return (chance.cumsum(1) - target.cumsum(1)).square().sum(1).mean()


def rated_loss(
    logits: Tensor, target: Tensor, weights: Tensor | None, name: str, ordinal: float = 0.0
) -> Tensor:
    """What N x K answers about a trait cost, over the rows that somebody rated.

    Args:
        logits: N x K.
        target: N x K, see `ratings.targets`; rows of nan are unknown.
        weights: K, how much each value counts; all the same if not given.
        name: the trait's.
        ordinal: how much the steps between ordered values count beside the value.
    """
    seen = ~target[:, 0].isnan()
    if not bool(seen.any()):
        return logits.sum() * 0
    logits, target = logits[seen], target[seen]
    if TRAITS[name].many:
        return functional.binary_cross_entropy_with_logits(logits, target, pos_weight=weights)
    loss = choice_loss(logits, target, weights)
    return loss + ordinal * steps_apart(logits, target) if TRAITS[name].ordinal else loss


def task_loss(out: Tensor, known: Tensor, tasks: tuple[Task, ...]) -> Tensor:
    """The sum over tasks of the mean loss over the rows (N x T) that know the answer."""
    total = out.sum() * 0
    for task in tasks:
        said, target = out[:, task.columns], known[:, task.columns]
        seen = ~target[:, 0].isnan()
        if bool(seen.any()):
            total = total + _one_loss(said[seen], target[seen], task)
    return total


def _one_loss(said: Tensor, target: Tensor, task: Task) -> Tensor:
    if task.kind == "measure":
        return _MEASURES * functional.smooth_l1_loss(said, target)
    if task.kind == "one":
        loss = choice_loss(said, target)
        return loss + steps_apart(said, target) if task.ordinal else loss
    count = said.shape[1] / (8.0 if task.kind == "yes_no" else 4.0)
    return functional.binary_cross_entropy_with_logits(said, target) * count
