"""From ratings to a shipped model: pretraining, frozen vectors, heads, one ONNX file.

Everything costly is kept in a cache, so a run that was killed goes on where it was.
The cache holds people's faces: never ship it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from stickers.embed import MODELS, load_model
from stickers.errors import BadRatings, UnknownValue
from stickers.training.celeba import CelebA, read_celeba
from stickers.training.data import RatedFaces, read_rated
from stickers.training.evaluate import evaluate
from stickers.training.export import attach_heads, detach_heads, export_network, halve, write_model
from stickers.training.heads import Head, HeadConfig, fit_heads
from stickers.training.network import Features
from stickers.training.pretrain import Schedule, pretrain, score
from stickers.training.ratings import targets
from stickers.training.split import twins
from stickers.training.vectors import look_at
from stickers.traits import PREDICTED

Progress = Callable[[str], None]

BACKBONE = "mobilenetv4_conv_small"
SIDE = 288
VIEW = 96
"""What the backbone is shown, px: a multiple of its stride, as in pretraining."""
_KEPT = 0.08  # of CelebA's people
_FULL = Schedule(sides=(64,) * 16 + (VIEW,) * 14)
_QUICK = Schedule(sides=(64,) * 8 + (VIEW,) * 4)
_TERMS = (
    "Trained on CelebA (non-commercial research only) and on photographs that may be used for "
    "research and testing only. For any commercial use, train again on your own ratings with "
    "`stickers train`."
)
_OWN_TERMS = "The network: {network} The heads: as the photographs they learnt from allow."


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What to train, from what, and where to.

    Attributes:
        ratings: a folder with ``ratings.csv`` and its photos.
        output: the folder that becomes the model.
        celeba: a folder with CelebA's ``labelled.csv`` and pictures; None keeps the
            shipped network and trains only new heads for it.
        backbone: timm's name of the network.
        pretrained: begin with the hub's weights, which needs a network connection.
        quick: fewer passes, fewer views: a first look rather than a result.
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
    pretrained: bool = False
    quick: bool = False
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
        if not (self.ratings / "ratings.csv").is_file():
            raise BadRatings("no ratings.csv", where=self.ratings, hint="give a folder of ratings")
        if self.celeba is not None and not (self.celeba / "labelled.csv").is_file():
            raise BadRatings("no labelled.csv", where=self.celeba, hint="give CelebA's folder")
        if self.celeba is None and (self.pretrained or self.backbone != BACKBONE):
            raise UnknownValue(
                "a backbone without pictures to train it on", hint="give --celeba DIR as well"
            )
        if self.seed < 0 or self.threads < 0 or (self.views or 0) < 0:
            raise UnknownValue("a negative seed, threads or views", hint="use 0 or more")
        sides = () if self.schedule is None else self.schedule.sides
        if any(side < 32 for side in sides) or (self.schedule is not None and not sides):
            raise UnknownValue("an epoch under 32 px, or none at all", hint="use 64 or more")

    @property
    def course(self) -> Schedule:
        """The schedule of pretraining."""
        return self.schedule or (_QUICK if self.quick else _FULL)

    @property
    def looks(self) -> int:
        """Augmented views of each face for the heads."""
        return (1 if self.quick else 2) if self.views is None else self.views

    @property
    def kept(self) -> Path:
        """Where unfinished work is kept."""
        return self.cache or self.output / ".cache"


def train(config: TrainConfig, progress: Progress | None = None) -> Path:
    """Train a model and write it to ``config.output``; returns that folder.

    Raises:
        BadRatings: ratings or CelebA are not in form, or leave nothing to learn from.
        UnknownValue: no such backbone, or a setting out of range.
        CannotWrite: the output refuses.
    """
    config.validate()
    tell = progress or (lambda line: None)
    if config.threads:
        torch.set_num_threads(config.threads)
    faces = read_rated(config.ratings, config.kept / "crops", config.seed, tell)
    tell(f"{len(faces.items)} rated faces, {len(faces.no_face)} photos without a face")
    if not len(faces.rows("train")) or not len(faces.rows("valid")):
        raise BadRatings("too few faces to learn from", where=config.ratings, hint="rate more")
    network, origin = _network(config, faces, tell)
    heads = _heads(config, faces, network, tell)
    model = halve(attach_heads(network, heads))
    manifest = _manifest(config, faces, heads, origin)
    digests = [faces.digests[i] for part in ("train", "valid") for i in faces.rows(part)]
    name = f"faces-{origin['backbone']}"
    write_model(config.output, model, manifest, digests, name)
    if len(faces.rows("test")):
        tell("measuring on the faces held out")
        table = config.ratings / "ratings.csv"
        photos = config.ratings / "faces"
        report = evaluate(table, photos if photos.is_dir() else config.ratings, model=config.output)
        manifest["metrics"] = report.as_json()
        write_model(config.output, model, manifest, digests, name)
    return config.output


def _network(
    config: TrainConfig, faces: RatedFaces, tell: Progress
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The frozen network without heads, and where it comes from."""
    if config.celeba is None:
        shipped = load_model(MODELS)
        model = onnx.load(str(MODELS / shipped.manifest["file"]))
        origin = {k: shipped.manifest[k] for k in ("backbone", "pretraining", "terms")}
        return detach_heads(model), origin | {"side": shipped.side}
    tell("reading CelebA")
    data = read_celeba(config.celeba)
    kept = data.held_out(config.seed, _KEPT, twins(data.hashes, faces.hashes[faces.part == "test"]))
    backbone = pretrain(
        data,
        kept,
        config.course,
        config.kept / f"{config.backbone}.pt",
        backbone=config.backbone,
        pretrained=config.pretrained,
        seed=config.seed,
        progress=tell,
    )
    origin = {
        "backbone": config.backbone,
        "pretraining": _pretraining(config, data, kept, backbone),
        "terms": _TERMS,
        "side": SIDE,
    }
    return export_network(Features(backbone, SIDE, VIEW)), origin


def _pretraining(
    config: TrainConfig, data: CelebA, kept: NDArray[np.bool_], backbone: torch.nn.Module
) -> dict[str, object]:
    accuracy, balanced = score(backbone, data, kept, config.course.sides[-1])
    return {
        "data": "CelebA, forty attributes",
        "pictures": int((~kept).sum()),
        "held_out": int(kept.sum()),
        "sides": list(config.course.sides),
        "seed": config.seed,
        "hub_weights": config.pretrained,
        "accuracy": round(float(accuracy.mean()), 4),
        "balanced_accuracy": round(float(np.nanmean(balanced)), 4),
        "attributes": {
            name: [round(float(a), 4), None if np.isnan(b) else round(float(b), 4)]
            for name, a, b in zip(data.attributes, accuracy, balanced, strict=True)
        },
    }


def _heads(
    config: TrainConfig, faces: RatedFaces, network: onnx.ModelProto, tell: Progress
) -> dict[str, Head]:
    learn, valid = faces.rows("train"), faces.rows("valid")
    want = targets(faces.ratings, faces.items)
    vectors = look_at(
        network,
        [faces.crops[i] for i in learn],
        config.kept / "vectors",
        views=config.looks,
        seed=config.seed,
        progress=tell,
    )
    trial = look_at(network, [faces.crops[i] for i in valid], config.kept / "vectors")
    return fit_heads(
        vectors,
        {name: rows[learn] for name, rows in want.items()},
        trial[:, 0],
        {name: rows[valid] for name, rows in want.items()},
        config.heads,
        seed=config.seed,
        progress=tell,
    )


def _manifest(
    config: TrainConfig, faces: RatedFaces, heads: Mapping[str, Head], origin: Mapping[str, Any]
) -> dict[str, object]:
    terms = origin["terms"]
    if config.celeba is None:
        terms = _OWN_TERMS.format(network=terms)
    width = next(iter(heads.values())).layers[0][0].shape[0]
    return {
        "backbone": origin["backbone"],
        "terms": terms,
        "preprocessing": {
            "side": origin["side"],
            "input": "N x side x side x 3, uint8, RGB: stickers.face's crop; the network itself "
            "normalises it",
        },
        "embedding": int(width),
        "heads": {trait.name: list(trait.predicted) for trait in PREDICTED},
        "thresholds": {t.name: list(heads[t.name].thresholds) for t in PREDICTED if t.many},
        "temperatures": {name: round(head.temperature, 4) for name, head in heads.items()},
        "training": {
            "seed": config.seed,
            "quick": config.quick,
            "faces": {part: len(faces.rows(part)) for part in ("train", "valid", "test", "twin")},
            "no_face": len(faces.no_face),
            "views": config.looks + 1,
            "heads": {k: getattr(config.heads, k) for k in HeadConfig.__slots__},
        },
        "pretraining": origin["pretraining"],
    }
