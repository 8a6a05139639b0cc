"""The frozen network before it has heads: pretrained here, the hub's, or the shipped one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from stickers.embed import MODELS, fit, load_model
from stickers.geometry import PROPORTIONS
from stickers.training.celeba import CelebA, celeba_in, read_celeba
from stickers.training.celeba_score import pick_leniency, score_attributes
from stickers.training.config import HUB, TrainConfig
from stickers.training.data import RatedFaces, read_cut
from stickers.training.export import detach_heads, export_network
from stickers.training.lessons import ATTRIBUTES, Lessons, join
from stickers.training.network import (
    Features,
    Start,
    create_backbone,
    input_side,
    packaged_weights,
)
from stickers.training.pretrain import outputs, pretrain
from stickers.training.ratings import targets
from stickers.training.split import fraction, twins

Progress = Callable[[str], None]

_ROOM = 176  # px of a face in memory: enough to be moved about in at `SIDE`
_KEPT = 0.08  # of CelebA's people
_TERMS = (
    "Trained on CelebA (non-commercial research only) and on photographs that may be used for "
    "research and testing only. For any commercial use, train again on your own ratings with "
    "`stickers train`."
)
_OWN_TERMS = "The network: {network} The heads: as the photographs they learnt from allow."
_HUB_TERMS = "weights of timm's {name}, under the terms that its model card on the hub tells."


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A frozen network without heads, and where it comes from.

    Attributes:
        network: see `export.export_network`.
        side: pixels of the square that it takes.
        facts: what the manifest says of it.
        digests: of the pictures that it learnt from, beside the rated ones at hand.
    """

    network: onnx.ModelProto
    side: int
    facts: Mapping[str, Any]
    digests: tuple[str, ...] = ()


def find_origin(config: TrainConfig, faces: RatedFaces, tell: Progress) -> Origin:
    """The network that the heads are fitted on: the hub's, a pretrained one, or the shipped.

    Raises:
        BadRatings: CelebA is not in form.
        BadModel: the hub's weights cannot be had.
        UnknownValue: no such backbone.
    """
    if config.from_hub:
        return _from_hub(config, faces)
    if config.celeba is not None:
        return _pretrained(config, config.celeba, faces, tell)
    shipped = load_model(MODELS)
    model = onnx.load(str(MODELS / shipped.manifest["file"]))
    facts = {k: shipped.manifest[k] for k in ("backbone", "pretraining", "terms")}
    facts["terms"] = _OWN_TERMS.format(network=facts["terms"])
    return Origin(detach_heads(model), shipped.side, facts, tuple(shipped.trained_on()))


def _from_hub(config: TrainConfig, faces: RatedFaces) -> Origin:
    name = config.backbone.removeprefix(HUB)
    backbone = create_backbone(name, 0, config.start or "hub")
    side = input_side(backbone)
    measures = _measures([faces.cuts[i] for i in faces.rows("train")])
    network = export_network(Features(backbone, side, 0, _usual(measures)))
    terms = _OWN_TERMS.format(network=_HUB_TERMS.format(name=name))
    return Origin(
        network,
        side,
        {"backbone": config.backbone, "terms": terms, "pretraining": {"data": "the hub's"}},
    )


def _pretrained(config: TrainConfig, folder: Path, faces: RatedFaces, tell: Progress) -> Origin:
    tell("reading CelebA")
    data = read_celeba(*celeba_in(folder))
    test = twins(data.hashes, faces.hashes[faces.part == "test"])
    kept = data.held_out(config.seed, _KEPT, test)
    lessons, measures = _lessons(data, kept, faces)

    def score(model: torch.nn.Module, side: int) -> str:
        rows = np.flatnonzero(kept)
        said = outputs(model, [data.crops[i] for i in rows], side)[:, : len(data.attributes)]
        found = score_attributes(said.numpy(), data.labels[rows])
        return f"CelebA held out: accuracy {found.accuracy:.4f}, balanced {found.balanced:.4f}"

    backbone = pretrain(
        lessons,
        config.course,
        config.kept / f"{config.backbone}.pt",
        backbone=config.backbone,
        start=config.start or "packaged",
        seed=config.seed,
        score=score if kept.any() else None,
        progress=tell,
    )
    side = config.course.sides[-1]
    network = export_network(Features(backbone, side, len(data.attributes), _usual(measures)))
    facts = {
        "backbone": config.backbone,
        "terms": _TERMS,
        "pretraining": _pretraining(config, data, kept, backbone),
    }
    learnt = tuple(data.digests[i] for i in np.flatnonzero(~kept))
    return Origin(network, side, facts, learnt)


def _lessons(
    data: CelebA, kept: NDArray[np.bool_], faces: RatedFaces
) -> tuple[Lessons, NDArray[np.float32]]:
    """What the backbone learns from, and the proportions of the rated faces in it."""
    learn = faces.rows("train")
    cuts = [read_cut(faces.cuts[i]) for i in learn]
    measures = np.stack([cut.proportions for cut in cuts])
    wanted = targets(faces.ratings, [faces.items[i] for i in learn])
    crops = [data.crops[i] for i in np.flatnonzero(~kept)]
    rated = [fit(cut.crop, _ROOM) for cut in cuts]
    return join(crops, data.labels[~kept], rated, wanted, measures), measures


def _measures(cuts: list[Path]) -> NDArray[np.float32]:
    return np.stack([read_cut(cut).proportions for cut in cuts])


def _usual(measures: NDArray[np.float32]) -> torch.Tensor:
    """The mean of each proportion over the faces with a mesh; 0 if there is none."""
    known = measures[~np.isnan(measures[:, 0])]
    return torch.from_numpy(known.mean(axis=0) if len(known) else np.zeros(PROPORTIONS))


def _start(config: TrainConfig) -> Start:
    """From which weights the pretraining really began."""
    if config.start is None or config.start == "packaged":
        return "packaged" if packaged_weights(config.backbone) else "random"
    return config.start


def _pretraining(
    config: TrainConfig, data: CelebA, kept: NDArray[np.bool_], backbone: torch.nn.Module
) -> dict[str, object]:
    """How the network was pretrained, and how well it knows CelebA's attributes.

    Half of the people held out decide how readily an attribute is said; the figures
    are the other half's.
    """
    facts: dict[str, object] = {
        "data": f"CelebA, {len(data.attributes)} attributes, and the rated faces",
        "pictures": int((~kept).sum()),
        "sides": list(config.course.sides),
        "seed": config.seed,
        "start": _start(config),
        ATTRIBUTES: list(data.attributes),
        "often": [round(float(v), 4) for v in data.labels[~kept].mean(axis=0)],
    }
    rows = np.flatnonzero(kept)
    halves = np.array([fraction(config.seed, f"{data.identities[i]}/half") < 0.5 for i in rows])
    if not halves.any() or halves.all():
        return facts | {"leniency": 0.0}
    crops = [data.crops[i] for i in rows]
    said = outputs(backbone, crops, config.course.sides[-1])[:, : len(data.attributes)].numpy()
    often, labels = data.labels[~kept].mean(axis=0), data.labels[rows]
    leniency = pick_leniency(said[halves], labels[halves], often)
    found = score_attributes(said[~halves], labels[~halves], often, leniency, data.attributes)
    return facts | {"leniency": leniency, "held_out": found.as_json()}
