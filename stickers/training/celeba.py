"""CelebA's aligned faces, cut out the way `stickers.face` cuts out a selfie's face.

The pictures are read from a folder that holds ``labelled.csv`` (file, identity,
native, then forty 0/1 attributes) and the pictures themselves, loose or in
``labelled.tar``. CelebA may be used for non-commercial research only.
"""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.errors import BadRatings
from stickers.training.split import fraction

CROP = 144
"""Side of a cut-out, px: as many as the pictures have to give."""

_NATIVE_WIDTH = 178.0
_SIDE = 2.2 * 92.0  # 2.2 face widths, in pixels of a 178 px wide picture
_CENTRE = (89.0, 102.0)  # between the eyes and a little above, to show the hair


@dataclass(frozen=True, slots=True, eq=False)
class CelebA:
    """The labelled faces.

    Attributes:
        files: N file names.
        identities: N, int64: who is in the picture.
        attributes: the names of the A attributes.
        labels: N x A, uint8, 0 or 1.
        crops: N x `CROP` x `CROP` x 3, uint8, RGB.
        hashes: N x 32, uint8: `split.picture_hash` of each picture.
    """

    files: tuple[str, ...]
    identities: NDArray[np.int64]
    attributes: tuple[str, ...]
    labels: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    hashes: NDArray[np.uint8]

    def held_out(
        self, seed: int, share: float, shared_with: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """N booleans: the pictures kept for measuring, whole identities at a time.

        Args:
            seed: which of the possible splits.
            share: 0..1, the part of the identities to keep.
            shared_with: N booleans: pictures whose identities must be kept, because
                they are among the rated faces that are held out.
        """
        people = set(self.identities[shared_with].tolist())
        people.update(i for i in set(self.identities.tolist()) if fraction(seed, i) < share)
        return np.isin(self.identities, np.array(sorted(people), dtype=np.int64))


def cut(picture: NDArray[np.uint8], side: int = CROP) -> NDArray[np.uint8]:
    """The square around an aligned face: `side` x `side` x 3, mirrored beyond the edges.

    Args:
        picture: H x W x 3, uint8, an aligned CelebA picture at any size.
        side: pixels of the result.
    """
    scale = side / (_SIDE * picture.shape[1] / _NATIVE_WIDTH)
    centre = (np.array(_CENTRE) * picture.shape[1] / _NATIVE_WIDTH + 0.5) * scale
    shift = side / 2 - centre
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    out = cv2.warpAffine(
        picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(out, dtype=np.uint8)


def read_celeba(folder: Path) -> CelebA:
    """Read and cut out every labelled face of ``folder``.

    Raises:
        BadRatings: no ``labelled.csv`` or no pictures, or a row that is not in form.
    """
    from stickers.training.split import picture_hash

    table = folder / "labelled.csv"
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream))
    except (OSError, ValueError) as exc:
        raise BadRatings(
            "no CelebA labels", where=table, hint="give the folder that holds labelled.csv"
        ) from exc
    pictures = dict(_pictures(folder))
    files: list[str] = []
    people: list[int] = []
    labels: list[list[int]] = []
    crops: list[NDArray[np.uint8]] = []
    hashes: list[NDArray[np.uint8]] = []
    for number, row in enumerate(rows, start=2):
        bgr = _decode(pictures.get(row[0]))
        if bgr is None or len(row) != len(header):
            raise BadRatings(
                "a row without its picture or labels",
                where=f"{table}, line {number}",
                hint="unpack the data set again",
            )
        files.append(row[0])
        people.append(int(row[1]))
        labels.append([int(cell) for cell in row[3:]])
        crops.append(cut(np.asarray(bgr[..., ::-1], dtype=np.uint8).copy()))
        hashes.append(picture_hash(bgr))
    return CelebA(
        tuple(files),
        np.array(people, dtype=np.int64),
        tuple(header[3:]),
        np.array(labels, dtype=np.uint8),
        np.stack(crops),
        np.stack(hashes),
    )


def _decode(data: bytes | None) -> NDArray[np.uint8] | None:
    if data is None:
        return None
    bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else np.asarray(bgr, dtype=np.uint8)


def _pictures(folder: Path) -> Iterator[tuple[str, bytes]]:
    archive = folder / "labelled.tar"
    if not archive.is_file():
        for path in sorted(folder.glob("**/*.jpg")):
            yield path.name, path.read_bytes()
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is not None:
                yield Path(member.name).name, stream.read()
