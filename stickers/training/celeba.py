"""CelebA's aligned faces, cut out the way `stickers.face` cuts out a selfie's face.

A table (file, identity, native, then forty 0/1 attributes) and the pictures themselves,
in a tar file or a folder. CelebA may be used for non-commercial research only.
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
from stickers.training.ratings import digest
from stickers.training.split import fraction, picture_hash

CROP = 144
"""Side of a cut-out, px: as many as the pictures have to give."""

_COLUMNS = ("file", "identity", "native")
_YES_NO = {"0": 0, "1": 1}
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
        digests: N digests of the files, as `ratings.photo_digest`.
    """

    files: tuple[str, ...]
    identities: NDArray[np.int64]
    attributes: tuple[str, ...]
    labels: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    hashes: NDArray[np.uint8]
    digests: tuple[str, ...]

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


def read_celeba(pictures: Path, table: Path) -> CelebA:
    """Read and cut out every labelled face.

    Args:
        pictures: a tar file or a folder of JPEG files.
        table: the labels, a CSV file.

    Raises:
        BadRatings: no such table or pictures, or a row that is not in form.
    """
    header, rows = _read_table(table)
    found = dict(_pictures(pictures))
    files: list[str] = []
    people: list[int] = []
    labels: list[list[int]] = []
    crops: list[NDArray[np.uint8]] = []
    hashes: list[NDArray[np.uint8]] = []
    digests: list[str] = []
    for number, row in enumerate(rows, start=2):
        data = found.get(row[0]) if row else None
        bgr = _decode(data)
        if data is None or bgr is None or len(row) != len(header):
            raise BadRatings(
                "a row without its picture or labels",
                where=f"{table}, line {number}",
                hint="unpack the data set again",
            )
        try:
            people.append(int(row[1]))
            labels.append([_YES_NO[cell] for cell in row[3:]])
        except (ValueError, KeyError) as exc:
            raise BadRatings(
                f"{exc} is no label",
                where=f"{table}, line {number}",
                hint="identities are whole numbers, attributes 0 or 1",
            ) from exc
        files.append(row[0])
        crops.append(cut(np.asarray(bgr[..., ::-1], dtype=np.uint8).copy()))
        hashes.append(picture_hash(bgr))
        digests.append(digest(data))
    if not files:
        raise BadRatings("no labelled picture", where=table, hint="check the path")
    return CelebA(
        tuple(files),
        np.array(people, dtype=np.int64),
        tuple(header[3:]),
        np.array(labels, dtype=np.uint8),
        np.stack(crops),
        np.stack(hashes),
        tuple(digests),
    )


def celeba_in(folder: Path) -> tuple[Path, Path]:
    """The pictures and the table of a folder: ``labelled.tar`` (or loose), ``labelled.csv``."""
    archive = folder / "labelled.tar"
    return archive if archive.is_file() else folder, folder / "labelled.csv"


def _read_table(table: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            header, *rows = list(csv.reader(stream))
    except (OSError, ValueError, csv.Error) as exc:
        raise BadRatings(
            "no CelebA labels", where=table, hint="give a labelled.csv: file, identity, native, ..."
        ) from exc
    if header[:3] != list(_COLUMNS) or len(header) == len(_COLUMNS):
        raise BadRatings(
            "not CelebA's columns",
            where=table,
            hint=f"the first line must name {', '.join(_COLUMNS)} and the attributes",
        )
    return header, rows


def _decode(data: bytes | None) -> NDArray[np.uint8] | None:
    if not data:
        return None
    bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else np.asarray(bgr, dtype=np.uint8)


def _pictures(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.glob("**/*.jpg")):
            yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                if stream is not None:
                    yield Path(member.name).name, stream.read()
    except (OSError, tarfile.TarError) as exc:
        raise BadRatings(
            "not a tar file of pictures", where=source, hint="give labelled.tar or a folder"
        ) from exc
