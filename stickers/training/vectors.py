"""Faces through the frozen network, once: what the heads learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from stickers.embed import EMBEDDING, FACE, PROPORTIONS, fit
from stickers.output import whole
from stickers.training.augment import augment
from stickers.training.data import read_cut

Progress = Callable[[str], None]

_BATCH = 16
_STRENGTH = 0.5
_EVERY = 1000


def look_at(
    network: onnx.ModelProto,
    cuts: Sequence[Path],
    cache: Path,
    *,
    views: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> NDArray[np.float16]:
    """The network's vectors of faces: N x (1 + views) x D, float16.

    The first view is the cut-out as it is, the others are augmented. Kept in ``cache``
    under a name made of everything that went in.

    Args:
        network: what `export.export_network` gave.
        cuts: N files, see `data.read_cut`.
        cache: a folder.
        views: augmented views of each face.
        seed: of the augmentation.
        progress: told a line now and then.
    """
    data = network.SerializeToString()
    key = hashlib.sha256(data)
    key.update("\n".join([cut.name for cut in cuts] + [f"{views} {seed}"]).encode())
    path = cache / f"{key.hexdigest()[:16]}.npy"
    if path.is_file():
        return np.asarray(np.load(path), dtype=np.float16)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    side = int(session.get_inputs()[0].shape[1])
    out: NDArray[np.float16] | None = None
    for start in range(0, len(cuts), _BATCH):
        names = cuts[start : start + _BATCH]
        faces, measured = [], []
        for name in names:
            cut = read_cut(name)
            faces += looks(cut.crop, side, views, seed, name.name)
            measured += [cut.proportions] * (1 + views)
        given = {FACE: np.stack(faces), PROPORTIONS: np.stack(measured)}
        vectors = session.run([EMBEDDING], given)[0]
        if out is None:
            out = np.empty((len(cuts), 1 + views, vectors.shape[1]), dtype=np.float16)
        part = vectors.reshape(len(names), 1 + views, -1)
        out[start : start + len(names)] = np.clip(part, -6e4, 6e4)
        if progress is not None and start // _EVERY != (start + _BATCH) // _EVERY:
            progress(f"looked at {start + len(names)} of {len(cuts)} faces")
    if out is None:
        return np.empty((0, 1 + views, 0), dtype=np.float16)
    _keep(path, out)
    return out


def looks(
    crop: NDArray[np.uint8], side: int, views: int, seed: int, name: str
) -> list[NDArray[np.uint8]]:
    """A cut-out and ``views`` variations of it, the same ones for the same name and seed."""
    chance = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(chance)
    return [fit(crop, side), *(augment(crop, side, rng, _STRENGTH) for _ in range(views))]


def _keep(path: Path, vectors: NDArray[np.float16]) -> None:
    """Write whole or not at all."""
    with whole(path) as part, part.open("wb") as stream:
        np.save(stream, vectors)
