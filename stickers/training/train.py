"""From ratings to a shipped model: pretraining, frozen vectors, heads, one ONNX file.

Everything costly is kept in a cache, so a run that was killed goes on where it was.
The cache holds people's faces: never ship it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch

from stickers.errors import BadRatings
from stickers.geometry import PROPORTIONS
from stickers.training.config import HUB, TrainConfig
from stickers.training.data import RatedFaces, read_rated
from stickers.training.evaluate import evaluate
from stickers.training.export import attach_heads, halve, write_model
from stickers.training.heads import Head, HeadConfig, agreement, fit_heads
from stickers.training.origin import Origin, find_origin
from stickers.training.ratings import digest, photo_folder, targets
from stickers.training.search import search
from stickers.training.vectors import look_at
from stickers.traits import PREDICTED

Progress = Callable[[str], None]


def train(config: TrainConfig, progress: Progress | None = None) -> Path:
    """Train a model and write it to ``config.output``; returns that folder.

    Raises:
        BadRatings: ratings or CelebA are not in form, or leave nothing to learn from.
        BadModel: the hub's weights cannot be had.
        UnknownValue: no such backbone, or a setting out of range.
        CannotWrite: the output refuses.
    """
    config.validate()
    tell = progress or (lambda line: None)
    if config.threads:
        torch.set_num_threads(config.threads)
    faces = read_rated(config.table, config.kept / "faces", config.seed, progress=tell)
    tell(f"{len(faces.items)} rated faces, {len(faces.no_face)} photos without a face")
    if not len(faces.rows("train")) or not len(faces.rows("valid")):
        raise BadRatings("too few faces to learn from", where=config.ratings, hint="rate more")
    origin = find_origin(config, faces, tell)
    how, heads = _heads(config, faces, origin.network, tell)
    model = halve(attach_heads(origin.network, heads))
    manifest = _manifest(config, how, faces, heads, origin)
    digests = [faces.digests[i] for part in ("train", "valid") for i in faces.rows(part)]
    digests += origin.digests
    name = f"faces-{origin.facts['backbone'].removeprefix(HUB)}"
    write_model(config.output, model, manifest, digests, name)
    if len(faces.rows("test")):
        tell("measuring on the faces held out")
        report = evaluate(config.table, photo_folder(config.table), model=config.output)
        manifest["metrics"] = report.as_json()
        write_model(config.output, model, manifest, digests, name)
    return config.output


def _heads(
    config: TrainConfig, faces: RatedFaces, network: onnx.ModelProto, tell: Progress
) -> tuple[HeadConfig, dict[str, Head]]:
    """The heads, and the settings they were fitted with."""
    learn, valid = faces.rows("train"), faces.rows("valid")
    vectors = look_at(
        network,
        [faces.cuts[i] for i in learn],
        config.kept / "vectors",
        views=config.looks,
        seed=config.seed,
        progress=tell,
    )
    trial = look_at(network, [faces.cuts[i] for i in valid], config.kept / "vectors")[:, 0]

    def fitted(how: HeadConfig, told: Progress | None) -> dict[str, Head]:
        want = targets(faces.ratings, faces.items, how.second)
        of_learn = {name: rows[learn] for name, rows in want.items()}
        of_valid = {name: rows[valid] for name, rows in want.items()}
        return fit_heads(vectors, of_learn, trial, of_valid, how, seed=config.seed, progress=told)

    plain = {k: v[valid] for k, v in targets(faces.ratings, faces.items, 0.0).items()}

    def worth(how: HeadConfig) -> float:
        heads = fitted(how, None)
        return float(np.nanmean([agreement(heads[k], trial, plain[k]) for k in heads]))

    how = config.heads
    if config.search:
        how = search(
            worth,
            how,
            config.search,
            config.kept / "search.db",
            study=f"heads {digest(vectors[:, 0].tobytes())} {how}",
            seed=config.seed,
            progress=tell,
        )
    return how, fitted(how, tell)


def _manifest(
    config: TrainConfig,
    how: HeadConfig,
    faces: RatedFaces,
    heads: Mapping[str, Head],
    origin: Origin,
) -> dict[str, object]:
    width = next(iter(heads.values())).layers[0][0].shape[0]
    return {
        "backbone": origin.facts["backbone"],
        "terms": origin.facts["terms"],
        "preprocessing": {
            "side": origin.side,
            "input": "face, N x side x side x 3, uint8, RGB: stickers.face's crop; proportions, "
            f"N x {PROPORTIONS}, float32: stickers.geometry's; the network itself normalises both",
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
            "heads": {k: getattr(how, k) for k in HeadConfig.__slots__},
        },
        "pretraining": origin.facts["pretraining"],
    }
