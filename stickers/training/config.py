"""What to train, from what, and where to: one record, checked before hours are spent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from stickers.errors import BadRatings, UnknownValue
from stickers.training.celeba import celeba_in
from stickers.training.heads import HeadConfig
from stickers.training.network import Start
from stickers.training.pretrain import Schedule

BACKBONE = "tf_efficientnet_lite0"
HUB = "timm/"
"""What a backbone's name begins with that is taken as it is, with the hub's weights."""

SIDE = 144
"""What the pretrained backbone is shown, px."""

_FULL = Schedule(sides=(96,) * 5 + (SIDE,) * 8)
_QUICK = Schedule(sides=(96,) * 3)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What to train, from what, and where to.

    Attributes:
        ratings: a ``ratings.csv``, or a folder that holds one, with its photos.
        output: the folder that becomes the model.
        celeba: a folder with CelebA's ``labelled.csv`` and pictures; None trains only
            new heads: for the shipped network, or for one from the hub.
        backbone: timm's name of the network that is pretrained on CelebA, or ``timm/``
            and the name of one that is taken frozen from the hub.
        start: from which weights a backbone begins, instead of the usual: packaged
            ones for pretraining, the hub's for ``timm/``.
        quick: fewer passes, fewer views: a first look rather than a result.
        search: trials of other settings for the heads; 0 takes ``heads`` as they are.
        seed: of the split, weights, order and augmentation.
        cache: where unfinished work is kept; ``output/.cache`` if None.
        schedule: of pretraining, instead of the one that ``quick`` chooses.
        views: augmented views of each face for the heads, instead of ``quick``'s.
        heads: how heads are fitted.
        threads: that torch may use; 0 leaves it to torch.
    """

    ratings: Path
    output: Path
    celeba: Path | None = None
    backbone: str = BACKBONE
    start: Start | None = None
    quick: bool = False
    search: int = 0
    seed: int = 0
    cache: Path | None = None
    schedule: Schedule | None = None
    views: int | None = None
    heads: HeadConfig = field(default_factory=HeadConfig)
    threads: int = 0

    def validate(self) -> None:
        """Refuse what cannot work before hours are spent on it.

        Raises:
            BadRatings: a folder without what it should hold.
            UnknownValue: a number or name out of its range.
        """
        if not self.table.is_file():
            raise BadRatings(
                "no ratings.csv", where=self.ratings, hint="give the file, or its folder"
            )
        if self.celeba is not None and not celeba_in(self.celeba)[1].is_file():
            raise BadRatings("no labelled.csv", where=self.celeba, hint="give CelebA's folder")
        if self.celeba is not None and self.from_hub:
            raise UnknownValue(
                "a backbone of the hub stays as it is",
                hint=f"leave out --celeba, or the {HUB} to pretrain it",
            )
        if self.celeba is None and not self.from_hub and self.backbone != BACKBONE:
            raise UnknownValue(
                "a backbone without pictures to train it on",
                hint=f"give --celeba DIR as well, or {HUB}{self.backbone} for the hub's weights",
            )
        if min(self.seed, self.threads, self.views or 0, self.search) < 0:
            raise UnknownValue("a negative seed, threads, views or search", hint="use 0 or more")
        sides = () if self.schedule is None else self.schedule.sides
        if any(side < 32 for side in sides) or (self.schedule is not None and not sides):
            raise UnknownValue("an epoch under 32 px, or none at all", hint="use 64 or more")
        self.heads.validate()

    @property
    def table(self) -> Path:
        """The ratings' file."""
        return self.ratings / "ratings.csv" if self.ratings.is_dir() else self.ratings

    @property
    def from_hub(self) -> bool:
        """Whether the backbone is taken frozen from the hub."""
        return self.backbone.startswith(HUB)

    @property
    def course(self) -> Schedule:
        """The schedule of pretraining."""
        return self.schedule or (_QUICK if self.quick else _FULL)

    @property
    def looks(self) -> int:
        """Augmented views of each face for the heads."""
        return (1 if self.quick else 4) if self.views is None else self.views

    @property
    def kept(self) -> Path:
        """Where unfinished work is kept."""
        return self.cache or self.output / ".cache"
