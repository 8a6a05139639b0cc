"""The rated faces as heads learn from them: cut out, split, and turned to pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.errors import BadRatings, PhotoError
from stickers.face import find_face
from stickers.geometry import proportions
from stickers.output import whole
from stickers.photo import load_photo
from stickers.training.ratings import (
    Ratings,
    find_photos,
    photo_digest,
    photo_folder,
    read_ratings,
)
from stickers.training.split import fraction, picture_hash, twins

Progress = Callable[[str], None]

TEST_OF_DOUBLES, TEST_OF_SINGLES = 0.4, 0.04
"""Shares of the faces held out: most of them rated twice, so that the raters' own
agreement is measured on the faces the model is measured on."""

VALID = 0.08
"""Share of the remaining faces that decides when to stop, and calibrates."""

_QUALITY = 95
_EVERY = 500


@dataclass(frozen=True, slots=True, eq=False)
class RatedFaces:
    """Faces that were found, with their ratings and their part in the split.

    Attributes:
        items: N item names, sorted.
        ratings: all ratings that were read.
        cuts: N files, each a face cut out by `stickers.face`; see `read_cut`.
        digests: N `photo_digest`.
        hashes: N x 32, uint8: `split.picture_hash` of each whole photo.
        part: N of "train", "valid", "test" or "twin"; a twin shows the same picture as
            a held-out face and is used for nothing.
        no_face: items whose photo shows no face that we find.
        no_photo: rated items without a photo.
    """

    items: tuple[str, ...]
    ratings: Ratings
    cuts: tuple[Path, ...]
    digests: tuple[str, ...]
    hashes: NDArray[np.uint8]
    part: NDArray[np.str_]
    no_face: tuple[str, ...]
    no_photo: tuple[str, ...]

    def rows(self, part: str) -> NDArray[np.int64]:
        """Positions of the faces in ``part``."""
        return np.flatnonzero(self.part == part)


def read_rated(
    table: Path,
    cache: Path,
    seed: int = 0,
    faces: Path | None = None,
    progress: Progress | None = None,
) -> RatedFaces:
    """Read ratings and cut out their faces, each photo once per cache.

    Args:
        table: a ``ratings.csv``.
        cache: where cut-outs are kept; holds people's faces, so never ship it.
        seed: of the split.
        faces: the folder of the photos, if not the one `photo_folder` tells.
        progress: told a line now and then.

    Raises:
        BadRatings: the ratings are not in our form, or show no face.
    """
    ratings = read_ratings(table)
    photos = find_photos(sorted(ratings), table, faces or photo_folder(table))
    cuts, digests, hashes, no_face = _cut_all(photos, cache, progress)
    if not cuts:
        raise BadRatings("no rated photo shows a face", where=table, hint="check items.csv")
    items = tuple(cuts)
    prints = np.stack([hashes[i] for i in items])
    return RatedFaces(
        items=items,
        ratings=ratings,
        cuts=tuple(cuts.values()),
        digests=tuple(digests[i] for i in items),
        hashes=prints,
        part=split(ratings, items, prints, seed),
        no_face=no_face,
        no_photo=tuple(i for i in ratings if i not in photos),
    )


def split(
    ratings: Ratings, items: Sequence[str], hashes: NDArray[np.uint8], seed: int
) -> NDArray[np.str_]:
    """Each item's part (see `RatedFaces.part`): by its name and nothing else."""
    parts = []
    for item in items:
        share = TEST_OF_DOUBLES if len(ratings[item]) > 1 else TEST_OF_SINGLES
        if fraction(seed, item) < share:
            parts.append("test")
        else:
            parts.append("valid" if fraction(seed, f"{item}/valid") < VALID else "train")
    part = np.array(parts)
    rest = np.flatnonzero(part != "test")
    same = twins(hashes[rest], hashes[part == "test"])
    part[rest[same]] = "twin"
    return part


def _cut_all(
    photos: Mapping[str, Path], cache: Path, progress: Progress | None
) -> tuple[dict[str, Path], dict[str, str], dict[str, NDArray[np.uint8]], tuple[str, ...]]:
    cache.mkdir(parents=True, exist_ok=True)
    cuts: dict[str, Path] = {}
    digests: dict[str, str] = {}
    hashes: dict[str, NDArray[np.uint8]] = {}
    missing = []
    for number, (item, photo) in enumerate(photos.items(), start=1):
        digest = photo_digest(photo)
        cut = cut_face(photo, cache / f"{digest}.npz")
        pixels = cv2.imread(str(photo))
        if cut is None or pixels is None:
            missing.append(item)
            continue
        cuts[item], digests[item] = cut, digest
        hashes[item] = picture_hash(np.asarray(pixels, dtype=np.uint8))
        if progress is not None and number % _EVERY == 0:
            progress(f"cut out {number} of {len(photos)} faces")
    return cuts, digests, hashes, tuple(missing)


def cut_face(photo: Path, cut: Path) -> Path | None:
    """Write a photo's face to ``cut``, unless it is there already.

    Returns:
        ``cut``, or None where the photo cannot be used; an empty file remembers that.
    """
    if cut.is_file():
        return cut if cut.stat().st_size else None
    try:
        face = find_face(load_photo(photo))
    except PhotoError:
        cut.touch()
        return None
    quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    jpeg = cv2.imencode(".jpg", np.ascontiguousarray(face.crop[..., ::-1]), quality)[1]
    landmarks = np.empty((0, 2), np.float32) if face.landmarks is None else face.landmarks
    with whole(cut) as part, part.open("wb") as stream:
        np.savez(stream, jpeg=jpeg, landmarks=landmarks)
    return cut


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A face that was cut out.

    Attributes:
        crop: S x S x 3, uint8, RGB.
        proportions: `geometry.PROPORTIONS` float32; nan without a mesh.
    """

    crop: NDArray[np.uint8]
    proportions: NDArray[np.float32]


def read_cut(path: Path) -> Cut:
    """What `cut_face` wrote.

    Raises:
        BadRatings: the file is damaged.
    """
    try:
        with np.load(path) as saved:
            jpeg, landmarks = saved["jpeg"], saved["landmarks"]
        pixels = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, cv2.error) as exc:
        raise BadRatings(
            "a cut-out cannot be read", where=path, hint="delete it and train again"
        ) from exc
    crop = np.asarray(pixels[..., ::-1], dtype=np.uint8).copy()
    return Cut(crop, proportions(landmarks if len(landmarks) else None))
