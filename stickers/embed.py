"""From a `Face` to an `Embedding`: the frozen network and its heads, in one pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from stickers.errors import BadModel
from stickers.geometry import PROPORTIONS as MEASURED
from stickers.geometry import proportions
from stickers.records import Embedding, Face
from stickers.traits import PREDICTED

MODELS = Path(__file__).parent / "models"
"""Where the shipped model is."""

FACE, PROPORTIONS = "face", "proportions"
"""The network's inputs."""

EMBEDDING, MAPS, ATTRIBUTES = "embedding", "maps", "celeba"
"""Its outputs beside a row of logits per trait; the last only where it learnt CelebA."""

_AGAIN = "install the package again, or train a model with `stickers train`"
_THREADS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A loaded model. One may be used by many threads at once.

    Attributes:
        name: what its manifest calls it.
        folder: where it was loaded from.
        side: the network takes ``side`` x ``side`` x 3 uint8 RGB squares.
        width: D, length of the embedding.
        channels: C, how many of its first numbers the network gives; the rest are the
            face's proportions.
        thresholds: per trait of many values, the probability from which each is said.
        manifest: everything its manifest says.
        session: onnxruntime's.
    """

    name: str
    folder: Path
    side: int
    width: int
    channels: int
    thresholds: Mapping[str, tuple[float, ...]]
    manifest: Mapping[str, Any]
    session: onnxruntime.InferenceSession

    def trained_on(self) -> frozenset[str]:
        """Digests of the photos that the heads learnt from; see `training.ratings`."""
        path = self.folder / "trained_on.txt"
        return (
            frozenset(path.read_text(encoding="ascii").split()) if path.is_file() else frozenset()
        )


def load_model(folder: Path | None = None) -> Model:
    """The model in ``folder``, or the shipped one; loaded once per process.

    Raises:
        BadModel: no manifest, a file that is not the one the manifest describes, or
            heads that are not those of the vocabulary.
    """
    return _load((folder or MODELS).resolve())


@cache
def _load(folder: Path) -> Model:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        data = (folder / manifest["file"]).read_bytes()
        side, width = int(manifest["preprocessing"]["side"]), int(manifest["embedding"])
        heads, thresholds = manifest["heads"], manifest["thresholds"]
        name, sha256 = str(manifest["name"]), manifest["sha256"]
    except OSError as exc:
        raise BadModel("a file of the model is missing", where=exc.filename, hint=_AGAIN) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise BadModel("a damaged manifest", where=path, hint=_AGAIN) from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadModel(
            "not the file that its manifest describes", where=folder / manifest["file"], hint=_AGAIN
        )
    _check_heads(heads, path)
    return Model(
        name=name,
        folder=folder,
        side=side,
        width=width,
        channels=width - MEASURED,
        thresholds=MappingProxyType({k: tuple(map(float, v)) for k, v in thresholds.items()}),
        manifest=MappingProxyType(manifest),
        session=_session(data, path),
    )


def _check_heads(heads: Any, path: Path) -> None:
    """The heads must be those of the vocabulary, value by value and in its order."""
    if not isinstance(heads, dict):
        raise BadModel("a damaged manifest", where=path, hint=_AGAIN)
    wanted = {trait.name: list(trait.predicted) for trait in PREDICTED}
    for trait in sorted(wanted.keys() | heads.keys()):
        if wanted.get(trait) != heads.get(trait):
            raise BadModel(
                f"the head {trait} does not give the vocabulary's values",
                where=path,
                hint="train a model with this version's `stickers train`",
            )


def _session(data: bytes, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(_THREADS, cv2.getNumThreads())  # one knob for both
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's own exceptions share no public base
        raise BadModel("onnxruntime cannot load the network", where=path, hint=_AGAIN) from exc
    outputs = {output.name for output in session.get_outputs()}
    missing = {EMBEDDING, MAPS, *(trait.name for trait in PREDICTED)} - outputs
    if missing:
        raise BadModel(f"no output {', '.join(sorted(missing))}", where=path, hint=_AGAIN)
    return session


def embed(face: Face, model: Model | None = None) -> Embedding:
    """What the network makes of a face.

    Args:
        face: its crop is what is looked at, its landmarks give the proportions.
        model: the shipped one if not given.

    Raises:
        BadModel: see `load_model`.
    """
    return embed_many([face], model)[0]


def embed_many(faces: Sequence[Face], model: Model | None = None) -> list[Embedding]:
    """`embed` for many faces in one pass; the caller bounds how many."""
    if not faces:
        return []
    model = model or load_model()
    names = [EMBEDDING, *(trait.name for trait in PREDICTED)]
    vectors, *logits = model.session.run(names, inputs(faces, model.side))
    return [
        Embedding(
            vector=vectors[i],
            logits=MappingProxyType(
                {trait.name: rows[i] for trait, rows in zip(PREDICTED, logits, strict=True)}
            ),
        )
        for i in range(len(faces))
    ]


def inputs(faces: Sequence[Face], side: int) -> dict[str, NDArray[Any]]:
    """What the network takes: per input, an array whose first axis is the faces."""
    return {
        FACE: np.stack([fit(face.crop, side) for face in faces]),
        PROPORTIONS: np.stack([proportions(face.landmarks) for face in faces]),
    }


def fit(crop: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A square crop at the network's side: `side` x `side` x 3, uint8."""
    if crop.shape[0] == side:
        return crop
    smaller = cv2.INTER_AREA if side < crop.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (side, side), interpolation=smaller), dtype=np.uint8)
