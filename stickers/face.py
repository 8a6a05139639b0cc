"""From a `Photo` to a `Face`: the largest face, levelled and cut out with all its hair.

Distances are in face widths, so that a crop looks the same however near the camera was.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.affine import Matrix, Pixels, Points, angle_of, apply, level, warp
from stickers.detect import find_faces, lit, mesh_eyes, segment
from stickers.detectors import Sighting
from stickers.errors import NoFace, TooDark
from stickers.records import Face, Photo

CROP_SIDE = 288
"""Side of `Face.crop` and `Face.mask`, px."""

_SPAN, _WIDEST = 2.2, 3.0
_ABOVE, _BELOW = 0.6, 0.4
_MARGIN = 0.08
_FADE = 0.06
_WIDE_SPAN, _WIDE_ABOVE, _WIDE_SIDE = 3.2, 1.5, 320
_NARROWEST = 0.75
_DARK = 60
_BLACK = 25
_FOREHEAD, _CHIN, _NOSE = 10, 152, 1


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """A face in px of the levelled photo (the photo turned by -tilt about its corner).

    Attributes:
        tilt: degrees clockwise.
        x: middle of the head.
        top: hairline, or where it would be.
        chin: lowest point of the face.
        width: of the face, profile or not.
        bounds: 4, (left, top, right, bottom) in px of the photo as it is.
    """

    tilt: float
    x: float
    top: float
    chin: float
    width: float
    bounds: NDArray[np.float32]


def find_face(photo: Photo) -> Face:
    """Find the largest face of a photo, level it, and cut it out.

    Args:
        photo: a decoded photograph; a face may be small (5% of the longer side),
            dark, tilted, turned on its side or upside-down, or in profile.

    Returns:
        The face; `Face.landmarks` is None where only a detector saw it.

    Raises:
        NoFace: there is no face to be seen; `TooDark` where the photo is nearly black.
    """
    return faces_of(photo, most=1)[0]


def faces_of(photo: Photo, most: int = 6) -> tuple[Face, ...]:
    """All faces of a photo, the largest first and at most ``most``, each as `find_face` does.

    Raises:
        NoFace: as `find_face`.
    """
    seen, count = find_faces(photo.pixels, most)
    if not seen:
        raise _none_in(photo)
    return tuple(_face(photo, sighting, count) for sighting in seen)


def _none_in(photo: Photo) -> NoFace:
    if photo.pixels.mean() < _BLACK:
        return TooDark(
            "the photo is too dark to see a face in",
            where=photo.name,
            hint="take it again with light on the face",
        )
    return NoFace(
        "no face was found",
        where=photo.name,
        hint="use a photo in which one face is large, lit and looks at the camera",
    )


def _face(photo: Photo, seen: Sighting, count: int) -> Face:
    head = _head_of_mesh(seen.mesh) if seen.mesh is not None else _head_of_keys(seen)
    person, wide = _person_around(photo.pixels, head)
    matrix = _frame(head, person, wide, photo.pixels.shape)
    crop, inside = _cut_out(photo.pixels, matrix, CROP_SIDE)
    return Face(
        crop=crop,
        mask=_follow(person, wide, matrix) * inside,
        landmarks=None if seen.mesh is None else apply(matrix, seen.mesh),
        box=_box(head.bounds, photo),
        tilt=head.tilt,
        count=count,
        photo_name=photo.name,
    )


# --- where the head is --------------------------------------------------------------


def _turn(degrees: float) -> Matrix:
    """From the photo to the levelled photo."""
    return np.asarray(level(np.zeros(2), degrees, 1.0, 1) * [1, 1, 0], dtype=np.float64)


def _level_angle(eyes: Points, mouth: Points) -> float:
    """Degrees clockwise by which a face is tilted.

    The eyes tell, but in profile they are too close together for it; there the
    line from the mouth up to the eyes has its say.
    """
    across = eyes[1] - eyes[0]
    down = mouth - eyes.mean(axis=0)
    beside = np.array([down[1], -down[0]])
    share = np.clip(np.linalg.norm(across) / max(1e-6, float(np.linalg.norm(down))), 0.0, 1.0)
    weight = np.clip((share - 0.45) / 0.3, 0.0, 1.0)
    unit = weight * across / max(1e-6, float(np.linalg.norm(across)))
    return angle_of(unit + (1 - weight) * beside / max(1e-6, float(np.linalg.norm(beside))))


def _head_of_mesh(mesh: Points) -> _Head:
    tilt = _level_angle(mesh_eyes(mesh), (mesh[13] + mesh[14]) / 2)
    points = apply(_turn(tilt), mesh[:468])
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    width = max(right - left, _NARROWEST * (bottom - top))
    # In profile the nose leads and the back of the head is on the other side.
    middle = (left + right) / 2
    away = np.clip((points[_NOSE, 0] - middle) / (right - left), -0.5, 0.5)
    return _Head(
        tilt=tilt,
        x=float(middle - 0.35 * away * width),
        top=float(top),
        chin=float(bottom),
        width=float(width),
        bounds=np.concatenate([mesh[:468].min(axis=0), mesh[:468].max(axis=0)]),
    )


def _head_of_keys(seen: Sighting) -> _Head:
    tilt = _level_angle(seen.keys[:2], seen.keys[3])
    keys = apply(_turn(tilt), seen.keys)
    centre = apply(_turn(tilt), seen.centre[None])[0]
    eyes, mouth = float(keys[:2, 1].mean()), float(keys[3, 1])
    reach = mouth - eyes
    half = np.array([seen.size / 2, seen.size / 2], dtype=np.float32)
    return _Head(
        tilt=tilt,
        x=float(centre[0]),
        top=eyes - 0.95 * reach,
        chin=mouth + 0.75 * reach,
        width=seen.size,
        bounds=np.concatenate([seen.centre - half, seen.centre + half]),
    )


def _box(bounds: NDArray[np.float32], photo: Photo) -> tuple[int, int, int, int]:
    height, width = photo.pixels.shape[:2]
    limit = np.array([width, height, width, height], dtype=np.float32)
    left, top, right, bottom = np.round(np.clip(bounds, 0, limit) / photo.scale).astype(int)
    return int(left), int(top), int(max(1, right - left)), int(max(1, bottom - top))


# --- how much of the photo to keep ---------------------------------------------------


def _cut(head: _Head, left: float, top: float, side: float, size: int) -> Matrix:
    """From the photo to a level square whose corner is given in the levelled photo."""
    back = cv2.invertAffineTransform(_turn(head.tilt))
    centre = apply(back, np.array([[left + side / 2, top + side / 2]]))[0]
    return level(centre, head.tilt, side, size)


def _cut_out(pixels: Pixels, matrix: Matrix, size: int) -> tuple[Pixels, NDArray[np.float32]]:
    """A square of the photo, reflected beyond its edges; 1 inside them, falling to 0.

    What is reflected soon loses its detail: without that, a photo cropped to the
    face would come out with a second pair of eyes above and beside the first.
    """
    cut = warp(pixels, matrix, size)
    inside = cv2.warpAffine(np.ones(pixels.shape[:2], np.uint8), matrix, (size, size))
    if inside.all():
        return cut, np.ones((size, size), np.float32)
    beyond = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    keep = np.clip(1 - beyond / (_FADE * size), 0, 1).astype(np.float32)
    coarse = cv2.resize(cut, (size // 8, size // 8), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), _FADE * size / 8)
    vague = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    blend = cut * keep[..., None] + vague * (1 - keep[..., None])
    return np.round(blend).astype(np.uint8), keep


def _person_around(pixels: Pixels, head: _Head) -> tuple[NDArray[np.float32], Matrix]:
    """The person in the widest square a crop may take: mask, and map from the photo."""
    side = _WIDE_SPAN * head.width
    wide = _cut(head, head.x - side / 2, head.top - _WIDE_ABOVE * head.width, side, _WIDE_SIDE)
    view, _ = _cut_out(pixels, wide, _WIDE_SIDE)
    return segment(lit(view) if view.mean() < _DARK else view), wide


def _follow(person: NDArray[np.float32], wide: Matrix, matrix: Matrix) -> NDArray[np.float32]:
    """The mask, cut as the crop is."""
    step = np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(np.vstack([wide, [0, 0, 1]]))
    size = (CROP_SIDE, CROP_SIDE)
    mask = cv2.warpAffine(person, step[:2], size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(mask, 0, 1), dtype=np.float32)


def _frame(
    head: _Head, person: NDArray[np.float32], wide: Matrix, shape: tuple[int, ...]
) -> Matrix:
    """The map from the photo to a crop that holds the head and, if it can, all its hair."""
    above, aside = _hair_reach(head, person, wide, shape)
    width, tall = head.width, head.chin - head.top
    room = max(_SPAN * width, tall + (_ABOVE + _BELOW) * width)
    side = max(room, above + tall + _BELOW * width, 2 * aside)
    side = min(side, _WIDEST * width)
    spare = side - tall
    over = min(max(above, 0.6 * spare), spare - 0.3 * width)
    return _cut(head, head.x - side / 2, head.top - over, side, CROP_SIDE)


def _hair_reach(
    head: _Head, person: NDArray[np.float32], wide: Matrix, shape: tuple[int, ...]
) -> tuple[float, float]:
    """How far hair goes above the hairline and to either side, in px of the photo."""
    unit = _WIDE_SIDE / _WIDE_SPAN / head.width
    inside = cv2.warpAffine(np.ones(shape[:2], np.uint8), wide, (_WIDE_SIDE, _WIDE_SIDE))
    mouth = int((_WIDE_ABOVE * head.width + 0.75 * (head.chin - head.top)) * unit)
    hair = ((person > 0.5) & (inside > 0)).astype(np.uint8)[:mouth]
    labels = cv2.connectedComponents(hair, connectivity=4)[1]
    brow = int((_WIDE_ABOVE * head.width + 0.25 * (head.chin - head.top)) * unit)
    mine = labels == labels[brow, _WIDE_SIDE // 2]
    if not hair[brow, _WIDE_SIDE // 2]:
        return 0.0, 0.0
    few = 0.06 * head.width * unit
    rows = np.flatnonzero(mine.sum(axis=1) > few)
    columns = np.flatnonzero(mine.sum(axis=0) > few)
    if not len(rows) or not len(columns):
        return 0.0, 0.0
    aside = max(_WIDE_SIDE / 2 - columns[0], columns[-1] + 1 - _WIDE_SIDE / 2)
    above = _WIDE_ABOVE * head.width * unit - rows[0]
    margin = _MARGIN * head.width
    return float(above / unit + margin), float(aside / unit + margin)
