"""The frozen network: a timm backbone, and one vector out of everything it sees."""

from __future__ import annotations

from collections.abc import Sequence

import timm
import torch
from torch import Tensor, nn

from stickers.errors import UnknownValue

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

STAGE_GRIDS = (1, 1, 2, 3, 1)
"""Into how many rows and columns each of the backbone's five stages is pooled."""

FACE_CENTRE = 0.53
"""How far down its square the middle of a face is, by `stickers.face`'s way to cut."""

COLOUR_GRID = 8
"""Into how many rows and columns the picture itself is pooled."""


def create_backbone(name: str, outputs: int, pretrained: bool = False) -> nn.Module:
    """A timm model with ``outputs`` logits.

    Args:
        name: any timm model that can hand out its intermediate features.
        outputs: attributes to tell in pretraining.
        pretrained: fetch the hub's weights, which needs a network connection.

    Raises:
        UnknownValue: timm has no such model.
    """
    if name not in timm.list_models():
        near = timm.list_models(f"*{name.split('_')[0]}*")[:8]
        raise UnknownValue(f"there is no backbone {name!r}", hint=f"try {', '.join(near)}")
    model: nn.Module = timm.create_model(
        name, pretrained=pretrained, num_classes=outputs, drop_rate=0.1
    )
    return model


class Shrink(nn.Module):
    """Means over the cells of a grid: N x C x side x side to N x C x grid x grid.

    Two products with a fixed matrix, so that any side divides and any runtime has the
    operators.
    """

    matrix: Tensor

    def __init__(self, side: int, grid: int) -> None:
        super().__init__()
        self.register_buffer("matrix", cells(side, grid))

    def forward(self, maps: Tensor) -> Tensor:
        """N x C x grid x grid."""
        return torch.matmul(torch.matmul(self.matrix, maps), self.matrix.T)


def cells(side: int, grid: int) -> Tensor:
    """A grid x side float32 matrix: the share of each pixel in each cell's mean."""
    edges = torch.linspace(0, side, grid + 1)
    pixel = torch.arange(side, dtype=torch.float32)
    overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    overlap = overlap.clamp(min=0)
    return overlap / overlap.sum(1, keepdim=True)


class Features(nn.Module):
    """A frozen backbone as one vector.

    Input N x S x S x 3 uint8 RGB; output N x D float32. The backbone looks twice: at
    the whole square, for hair and headwear, and at the middle quarter of it, where
    the face is, for eyes, brows, lips and skin. Each look gives the picture's own
    colours on a coarse grid, every stage's means on a grid of its own (colour and
    texture live in the early ones, and where hair is matters), and the last layer
    before the logits.

    Args:
        backbone: a timm model; its logits are unused.
        side: S, pixels, even.
        view: pixels a side of what the backbone is shown.
        grids: into how many rows and columns each stage is pooled; 0 leaves one out.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: nn.Module, side: int, view: int, grids: Sequence[int] = STAGE_GRIDS
    ) -> None:
        super().__init__()
        self.backbone = backbone.eval()
        self.side, self.reach = side, side // 2
        self.top, self.left = round(FACE_CENTRE * side) - side // 4, side // 4
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1) * 255)
        self.whole, self.face = Shrink(side, view), Shrink(self.reach, view)
        with torch.inference_mode():
            stages = self.stages(torch.zeros(1, 3, view, view))[1]
        sides = [int(maps.shape[-1]) for maps in stages]
        self.pools = nn.ModuleList(
            Shrink(s, min(g, s)) if g else Nothing() for s, g in zip(sides, grids, strict=False)
        )
        self.colours = Shrink(view, COLOUR_GRID)

    def stages(self, planes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last maps, and those of each stage."""
        last, stages = self.backbone.forward_intermediates(planes)  # type: ignore[operator]
        return last, stages

    def look(self, planes: Tensor) -> Tensor:
        """What one look gives: N x (D / 2)."""
        last, stages = self.stages(planes)
        top = self.backbone.forward_head(last, pre_logits=True)  # type: ignore[operator]
        pooled = [pool(maps) for pool, maps in zip(self.pools, stages, strict=False)]
        parts = [self.colours(planes), *pooled, top]
        return torch.cat([part.flatten(1) for part in parts], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """N x D, of N x S x S x 3 uint8."""
        planes = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
        middle = planes[:, :, self.top : self.top + self.reach, self.left : self.left + self.reach]
        return torch.cat([self.look(self.whole(planes)), self.look(self.face(middle))], dim=1)


class Nothing(nn.Module):
    """A stage that is left out: N x C x H x W to N x 0."""

    def forward(self, maps: Tensor) -> Tensor:
        """N x 0."""
        return maps.flatten(1)[:, :0]
