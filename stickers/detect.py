"""Where a face is in a picture, and which way up.

A ladder of views (whole picture, brightened, tiled, padded, turned ...) is shown
to two detectors; each sighting is looked at again, large and level, before it is
believed. Cheap views come first, and a plain selfie needs only the first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stickers.affine import Matrix, Pixels, Points, apply, level, warp
from stickers.detectors import MOUTH, Detectors, Sighting, detectors

CERTAIN = 0.88
"""Detector score, looking closely, from which a face is not looked at twice."""
SURE = 0.8
"""Detector score, looking closely, from which a face needs no second opinion."""
LIKELY = 0.78
"""Detector score, looking closely, from which a face with a mesh is believed in the end."""
FAIR = 0.77
"""Mean of the scores from afar and looking closely that does as well, if the face is upright."""

_CLOSE_SIDE = 384
_MESH_SPAN = 2.2
_LOOKED_AT = 6
_VIEW_SIDE = 640
_SMALLEST_TILE = 160.0
# (face widths, degrees, lightened), and the score from which no further look is needed:
# the detectors see a face upside-down too, but never as surely as upright.
_LOOKS = (
    (((2.2, 0, False),), CERTAIN),
    (((2.2, 180, False), (3.2, 0, False)), SURE),
    (((2.2, 0, True), (2.2, 180, True), (2.2, 90, False), (2.2, -90, False)), 0.0),
)


def find_faces(pixels: Pixels, most: int = 1) -> tuple[tuple[Sighting, ...], int]:
    """The largest faces of a picture, and how many faces were seen.

    Args:
        pixels: H x W x 3, uint8, RGB.
        most: how many faces to look at closely, at least 1.

    Returns:
        The faces in px of the picture, largest first, none where there is none; the count.
    """
    weak: list[Sighting] = []
    with detectors() as by:
        for rung in _ladder(pixels):
            seen: list[Sighting] = []
            for view, matrix in rung:
                back = cv2.invertAffineTransform(matrix)
                seen += [s.moved(back) for s in by.near(view) + by.far(view)]
            faces = _distinct(seen)
            sure: list[Sighting] = []
            for face in sorted(faces[:_LOOKED_AT], key=lambda s: -s.size):
                close = _look_closely(by, pixels, face)
                if close is None:
                    continue
                if close.score - _doubt(close) >= SURE:
                    sure.append(close)
                    if len(sure) == most:
                        break
                elif _believable(close, face, pixels):
                    weak.append(close)
            if sure:
                count = sum(s.score >= LIKELY for s in faces)
                return tuple(sure), max(len(sure), count)
    best = max(weak, key=lambda s: s.score, default=None)
    return () if best is None else (best,), 1


def segment(pixels: Pixels) -> NDArray[np.float32]:
    """How likely each pixel is a person: same height and width, float32, 0..1."""
    with detectors() as by:
        return by.person(pixels)


def _doubt(close: Sighting) -> float:
    """Few photos are turned, and much that is no face looks like one when turned."""
    return 0.04 if abs(close.tilt) > 60 else 0.0


def _believable(close: Sighting, afar: Sighting, pixels: Pixels) -> bool:
    """Whether a face that is not sure may be taken when the ladder ends without a better one."""
    if close.mesh is None:
        return False
    if close.score - _doubt(close) >= LIKELY:
        return True
    large = afar.size > 0.15 * max(pixels.shape[:2])
    return large and abs(close.tilt) < 30 and (close.score + afar.score) / 2 >= FAIR


# --- looking ------------------------------------------------------------------------


def _look_closely(by: Detectors, pixels: Pixels, seen: Sighting) -> Sighting | None:
    """The face again, large and level; turned over where that looks more like a face."""
    best: Sighting | None = None
    how = (0.0, False)
    for looks, enough in _LOOKS:
        for span, degrees, lighten in looks:
            found = _look(by, pixels, seen, span, degrees, lighten)
            if found is not None and (best is None or found.score > best.score):
                best, how = found, (span, lighten)
        if best is not None and best.score >= enough:
            break
    if best is None:
        return None
    if best.score < CERTAIN:
        # What only resembles a face seldom does so from two distances.
        again = _look(by, pixels, best, how[0] * 1.25, 0.0, how[1])
        best = replace(best, score=(best.score + (again.score if again else 0.0)) / 2)
    return _with_mesh(by, pixels, best)


def _look(
    by: Detectors, pixels: Pixels, seen: Sighting, span: float, degrees: float, lighten: bool
) -> Sighting | None:
    matrix = level(seen.centre, seen.tilt + degrees, seen.size * span, _CLOSE_SIDE)
    view = warp(pixels, matrix, _CLOSE_SIDE, cv2.BORDER_CONSTANT)
    back = cv2.invertAffineTransform(matrix)
    found = [s.moved(back) for s in by.near(lit(view) if lighten else view)]
    same = [s for s in found if np.linalg.norm(s.centre - seen.centre) < 0.5 * seen.size]
    return max(same, key=lambda s: s.score, default=None)


def _with_mesh(by: Detectors, pixels: Pixels, found: Sighting) -> Sighting:
    matrix = level(found.centre, found.tilt, found.size * _MESH_SPAN, _CLOSE_SIDE)
    view = warp(pixels, matrix, _CLOSE_SIDE, cv2.BORDER_CONSTANT)
    back = cv2.invertAffineTransform(matrix)
    straight = found.moved(matrix)
    for lighten in (False, True):
        for mesh in by.mesh(lit(view) if lighten else view):
            if _agree(straight, mesh):
                return replace(found, mesh=apply(back, mesh))
    return found


def _agree(found: Sighting, mesh: Points) -> bool:
    """Whether a mesh is of this face, its right way up and of a human's proportions."""
    eyes, mouth = mesh_eyes(mesh), (mesh[13] + mesh[14]) / 2
    up = mouth - eyes.mean(axis=0)
    reach = 0.35 * found.size
    return bool(
        up[1] > 0.15 * found.size
        and np.linalg.norm(eyes.mean(axis=0) - found.keys[:2].mean(axis=0)) < reach
        and np.linalg.norm(mouth - found.keys[MOUTH]) < reach
        and 0.6 < np.ptp(mesh[:, 1]) / found.size < 2.0
    )


def mesh_eyes(mesh: Points) -> Points:
    """2 x 2, px: middles between the corners of the person's right and left eye."""
    return np.stack([mesh[[33, 133]].mean(axis=0), mesh[[263, 362]].mean(axis=0)])


def _distinct(seen: list[Sighting]) -> list[Sighting]:
    kept: list[Sighting] = []
    for one in sorted(seen, key=lambda s: -s.score):
        near = (np.linalg.norm(one.centre - k.centre) < 0.5 * max(one.size, k.size) for k in kept)
        if not any(near):
            kept.append(one)
    return kept


# --- the ladder of views ------------------------------------------------------------

View = tuple[Pixels, Matrix]


def _ladder(pixels: Pixels) -> Iterator[Iterator[View]]:
    """Rungs of (view, affine map from the picture to the view), cheapest first."""
    height, width = pixels.shape[:2]
    whole = np.eye(2, 3)
    yield iter([(pixels, whole)])
    bright = lit(pixels)
    yield iter([(bright, whole)])
    yield (_padded(image, share) for share in (0.6, 0.35) for image in (pixels, bright))
    yield (_turned(pixels, degrees) for degrees in (90, -90, 180, 35, -35))
    for share in (0.5, 0.3):
        side = share * max(height, width)
        if side >= _SMALLEST_TILE:
            yield _tiles(pixels, side)
            yield _tiles(bright, side)


def _padded(pixels: Pixels, share: float) -> View:
    side = max(pixels.shape[:2]) / share
    return _square(pixels, np.array(pixels.shape[1::-1]) / 2, 0.0, side)


def _turned(pixels: Pixels, degrees: float) -> View:
    height, width = pixels.shape[:2]
    side = max(height, width) if degrees % 90 == 0 else float(np.hypot(height, width))
    return _square(pixels, np.array([width, height]) / 2, degrees, side)


def _tiles(pixels: Pixels, side: float) -> Iterator[View]:
    height, width = pixels.shape[:2]
    for y, x in itertools.product(_starts(height, side), _starts(width, side)):
        yield _square(pixels, np.array([x, y]) + side / 2, 0.0, side)


def _starts(length: float, side: float) -> NDArray[np.float64]:
    """Where tiles begin so that neighbours share at least a third."""
    spare = max(0.0, length - side)
    return np.linspace(0, spare, 1 + int(np.ceil(spare / (side * 2 / 3))))


def _square(pixels: Pixels, centre: NDArray[Any], degrees: float, side: float) -> View:
    size = int(min(side, _VIEW_SIDE))
    matrix = level(centre, degrees, side, size)
    return warp(pixels, matrix, size, cv2.BORDER_CONSTANT), matrix


def lit(pixels: Pixels) -> Pixels:
    """Stretched and locally equalised: shows faces in the dark or against the light."""
    top = max(8.0, float(np.percentile(pixels[::4, ::4], 99.5)))
    stretched = cv2.convertScaleAbs(pixels, alpha=255.0 / top)
    lab = cv2.cvtColor(stretched, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(3.0, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), dtype=np.uint8)
