"""The rated faces as heads learn from them: cut out, split, and turned to pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.errors import BadRatings, PhotoError
from stickers.face import find_face
from stickers.output import whole
from stickers.photo import load_photo
from stickers.training.ratings import Ratings, find_photos, photo_digest, read_ratings
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
        crops: N files, each a square cut-out by `stickers.face`.
        digests: N `photo_digest`.
        hashes: N x 32, uint8: `split.picture_hash` of each whole photo.
        part: N of "train", "valid", "test" or "twin"; a twin shows the same picture as
            a held-out face and is used for nothing.
        no_face: items whose photo shows no face that we find.
        no_photo: rated items without a photo.
    """

    items: tuple[str, ...]
    ratings: Ratings
    crops: tuple[Path, ...]
    digests: tuple[str, ...]
    hashes: NDArray[np.uint8]
    part: NDArray[np.str_]
    no_face: tuple[str, ...]
    no_photo: tuple[str, ...]

    def rows(self, part: str) -> NDArray[np.int64]:
        """Positions of the faces in ``part``."""
        return np.flatnonzero(self.part == part)


def read_rated(
    folder: Path, cache: Path, seed: int = 0, progress: Progress | None = None
) -> RatedFaces:
    """Read a folder of ratings and cut out its faces, each photo once per cache.

    Args:
        folder: holds ``ratings.csv`` and ``items.csv`` or ``faces/``.
        cache: where cut-outs are kept; holds people's faces, so never ship it.
        seed: of the split.
        progress: told a line now and then.

    Raises:
        BadRatings: the ratings are not in our form, or show no face.
    """
    table = folder / "ratings.csv"
    ratings = read_ratings(table)
    faces = folder / "faces" if (folder / "faces").is_dir() else folder
    photos = find_photos(sorted(ratings), table, faces)
    crops, digests, hashes, no_face = _cut_all(photos, cache, progress)
    if not crops:
        raise BadRatings("no rated photo shows a face", where=folder, hint="check items.csv")
    items = tuple(crops)
    prints = np.stack([hashes[i] for i in items])
    return RatedFaces(
        items=items,
        ratings=ratings,
        crops=tuple(crops.values()),
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
    crops: dict[str, Path] = {}
    digests: dict[str, str] = {}
    hashes: dict[str, NDArray[np.uint8]] = {}
    missing = []
    for number, (item, photo) in enumerate(photos.items(), start=1):
        digest = photo_digest(photo)
        crop = cut_face(photo, cache / f"{digest}.jpg")
        pixels = cv2.imread(str(photo))
        if crop is None or pixels is None:
            missing.append(item)
            continue
        crops[item], digests[item] = crop, digest
        hashes[item] = picture_hash(np.asarray(pixels, dtype=np.uint8))
        if progress is not None and number % _EVERY == 0:
            progress(f"cut out {number} of {len(photos)} faces")
    return crops, digests, hashes, tuple(missing)


def cut_face(photo: Path, crop: Path) -> Path | None:
    """Write the square around a photo's face to ``crop``, unless it is there already.

    Returns:
        ``crop``, or None where the photo cannot be used; an empty file remembers that.
    """
    if crop.is_file():
        return crop if crop.stat().st_size else None
    data = b""
    try:
        pixels = find_face(load_photo(photo)).crop
    except PhotoError:
        pass
    else:
        quality = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), quality)[1].tobytes()
    with whole(crop) as part:
        part.write_bytes(data)
    return crop if data else None


def read_crop(crop: Path) -> NDArray[np.uint8]:
    """A cut-out's pixels: S x S x 3, uint8, RGB."""
    pixels = cv2.imread(str(crop), cv2.IMREAD_COLOR)
    if pixels is None:
        raise BadRatings("a cut-out cannot be read", where=crop, hint="delete it and train again")
    return np.asarray(pixels[..., ::-1], dtype=np.uint8).copy()
