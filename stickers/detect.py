"""Where a face is in a picture, and which way up.

A ladder of views (whole picture, brightened, tiled, padded, turned ...) is shown
to two detectors; each sighting is looked at again, large and level, before it is
believed. Cheap views come first, and a plain selfie needs only the first.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]
Matrix = NDArray[np.float64]

CERTAIN = 0.88
"""Detector score, looking closely, from which a face is not looked at twice."""
SURE = 0.8
"""Detector score, looking closely, from which a face needs no second opinion."""
LIKELY = 0.78
"""Detector score, looking closely, from which a face with a mesh is believed in the end."""
SEEN = 0.3
"""Detector score from which it is worth looking closely."""

_CLOSE_SIDE = 384
_MESH_SPAN = 2.2
_VIEW_SIDE = 640
_SMALLEST_TILE = 160.0
_GRAY = (127, 127, 127)
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3
# (face widths, degrees, lightened), and the score from which no further look is needed:
# the detectors see a face upside-down too, but never as surely as upright.
_LOOKS = (
    (((2.2, 0, False),), CERTAIN),
    (((2.2, 180, False), (3.2, 0, False)), SURE),
    (((2.2, 0, True), (2.2, 180, True), (2.2, 90, False), (2.2, -90, False)), 0.0),
)


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face as a detector saw it.

    Attributes:
        keys: 6 x 2, float32, px: the person's right eye, left eye, nose tip, mouth,
            right ear, left ear.
        centre: 2, float32, px: middle of the detector's box.
        size: side of the detector's box, px.
        score: the detector's confidence, 0..1.
        mesh: 478 x 2, float32, px; None where there is none.
    """

    keys: Points
    centre: Points
    size: float
    score: float
    mesh: Points | None = None

    @property
    def tilt(self) -> float:
        """Degrees clockwise from upright, -180..180, by the eyes."""
        return angle_of(self.keys[_LEFT_EYE] - self.keys[_RIGHT_EYE])

    def moved(self, matrix: Matrix) -> Sighting:
        """The same sighting after an affine map of the picture."""
        return replace(
            self,
            keys=apply(matrix, self.keys),
            centre=apply(matrix, self.centre[None])[0],
            size=self.size * scale_of(matrix),
            mesh=None if self.mesh is None else apply(matrix, self.mesh),
        )


def find_faces(pixels: Pixels) -> tuple[Sighting | None, int]:
    """The largest face of a picture, and how many faces were seen.

    Args:
        pixels: H x W x 3, uint8, RGB.

    Returns:
        The face in px of the picture, None where there is none; the count.
    """
    weak: list[Sighting] = []
    with engines() as engine:
        for rung in _ladder(pixels):
            seen: list[Sighting] = []
            for view, matrix in rung:
                back = cv2.invertAffineTransform(matrix)
                seen += [s.moved(back) for s in engine.near(view) + engine.far(view)]
            faces = _distinct(seen)
            for face in sorted(faces, key=lambda s: -s.size)[:6]:
                close = _look_closely(engine, pixels, face)
                if close is None:
                    continue
                if close.score >= SURE:
                    return close, sum(s.score >= LIKELY for s in faces) or 1
                weak.append(close)
    believed = [s for s in weak if s.mesh is not None and s.score >= LIKELY]
    return max(believed, key=lambda s: s.score, default=None), 1


def segment(pixels: Pixels) -> NDArray[np.float32]:
    """How likely each pixel is a person: same height and width, float32, 0..1."""
    with engines() as engine:
        return engine.person(pixels)


# --- looking ------------------------------------------------------------------------


def _look_closely(engine: Engine, pixels: Pixels, seen: Sighting) -> Sighting | None:
    """The face again, large and level; turned over where that looks more like a face."""
    best: Sighting | None = None
    how = (0.0, False)
    for looks, enough in _LOOKS:
        for span, degrees, lighten in looks:
            found = _look(engine, pixels, seen, span, degrees, lighten)
            if found is not None and (best is None or found.score > best.score):
                best, how = found, (span, lighten)
        if best is not None and best.score >= enough:
            break
    if best is None:
        return None
    if best.score < CERTAIN:
        # What only resembles a face seldom does so from two distances.
        again = _look(engine, pixels, best, how[0] * 1.25, 0.0, how[1])
        best = replace(best, score=(best.score + (again.score if again else 0.0)) / 2)
    return _with_mesh(engine, pixels, best)


def _look(
    engine: Engine, pixels: Pixels, seen: Sighting, span: float, degrees: float, lighten: bool
) -> Sighting | None:
    matrix = level(seen.centre, seen.tilt + degrees, seen.size * span, _CLOSE_SIDE)
    view = warp(pixels, matrix, _CLOSE_SIDE, cv2.BORDER_CONSTANT)
    back = cv2.invertAffineTransform(matrix)
    found = [s.moved(back) for s in engine.near(lit(view) if lighten else view)]
    same = [s for s in found if np.linalg.norm(s.centre - seen.centre) < 0.5 * seen.size]
    return max(same, key=lambda s: s.score, default=None)


def _with_mesh(engine: Engine, pixels: Pixels, found: Sighting) -> Sighting:
    matrix = level(found.centre, found.tilt, found.size * _MESH_SPAN, _CLOSE_SIDE)
    view = warp(pixels, matrix, _CLOSE_SIDE, cv2.BORDER_CONSTANT)
    back = cv2.invertAffineTransform(matrix)
    straight = found.moved(matrix)
    for lighten in (False, True):
        for mesh in engine.mesh(lit(view) if lighten else view):
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
        and np.linalg.norm(mouth - found.keys[_MOUTH]) < reach
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


# --- affine maps --------------------------------------------------------------------


def level(centre: NDArray[Any], degrees: float, side: float, size: int) -> Matrix:
    """The map that cuts a square of ``side`` px, tilted clockwise, level to ``size`` px."""
    zoom = size / side
    c, s = zoom * np.cos(np.radians(degrees)), zoom * np.sin(np.radians(degrees))
    turn = np.array([[c, s], [-s, c]])
    shift = size / 2 - turn @ np.asarray(centre, dtype=np.float64)
    return np.hstack([turn, shift[:, None]])


def warp(pixels: Pixels, matrix: Matrix, size: int, border: int = cv2.BORDER_REFLECT) -> Pixels:
    """Cut ``size`` x ``size`` px out of a picture, averaging where it shrinks."""
    zoom = scale_of(matrix)
    if zoom < 0.7:
        small = cv2.resize(pixels, None, fx=1.4 * zoom, fy=1.4 * zoom, interpolation=cv2.INTER_AREA)
        fx, fy = small.shape[1] / pixels.shape[1], small.shape[0] / pixels.shape[0]
        pixels, matrix = small, matrix @ np.diag([1 / fx, 1 / fy, 1.0])
    return cv2.warpAffine(  # type: ignore[no-any-return]
        pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=_GRAY
    )


def apply(matrix: Matrix, points: NDArray[Any]) -> Points:
    """Map N x 2 points."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def scale_of(matrix: Matrix) -> float:
    """By how much a map enlarges."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def angle_of(right: NDArray[Any]) -> float:
    """Degrees clockwise, on a screen, of a vector that should point right."""
    return float(np.degrees(np.arctan2(right[1], right[0])))


# --- mediapipe ----------------------------------------------------------------------


class Engine:
    """One set of mediapipe's models. Not thread-safe: take one from `engines`."""

    def __init__(self) -> None:
        from mediapipe.python import solutions  # 1.2 s, so only where a face is wanted

        detector = solutions.face_detection.FaceDetection
        self._near = detector(min_detection_confidence=SEEN, model_selection=0)
        self._far = detector(min_detection_confidence=SEEN, model_selection=1)
        self._mesh = solutions.face_mesh.FaceMesh(
            static_image_mode=True, refine_landmarks=True, min_detection_confidence=SEEN
        )
        self._warm = False
        self._person = solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)
        blank = np.zeros((64, 64, 3), dtype=np.uint8)
        for model in (self._near, self._far, self._mesh, self._person):
            model.process(blank)

    def near(self, pixels: Pixels) -> list[Sighting]:
        """Faces by the short-range detector."""
        return self._sightings(self._near, pixels)

    def far(self, pixels: Pixels) -> list[Sighting]:
        """Faces by the full-range detector."""
        return self._sightings(self._far, pixels)

    def _sightings(self, model: Any, pixels: Pixels) -> list[Sighting]:
        size = np.array(pixels.shape[1::-1], dtype=np.float32)
        return [_sighting(d, size) for d in model.process(pixels).detections or ()]

    def mesh(self, pixels: Pixels) -> list[Points]:
        """Meshes of faces, 478 x 2 px each."""
        size = np.array(pixels.shape[1::-1], dtype=np.float32)
        with contextlib.nullcontext() if self._warm else _quiet():
            found = self._mesh.process(pixels).multi_face_landmarks or ()
        self._warm = self._warm or bool(found)
        return [np.array([(p.x, p.y) for p in f.landmark], np.float32) * size for f in found]

    def person(self, pixels: Pixels) -> NDArray[np.float32]:
        """How likely each pixel is a person, 0..1."""
        return np.clip(self._person.process(pixels).segmentation_mask, 0, 1).astype(np.float32)


def _sighting(detection: Any, size: Points) -> Sighting:
    data = detection.location_data
    box = data.relative_bounding_box
    keys = np.array([(k.x, k.y) for k in data.relative_keypoints], np.float32) * size
    corner, extent = np.array([box.xmin, box.ymin]) * size, np.array([box.width, box.height]) * size
    return Sighting(
        keys=keys,
        centre=(corner + extent / 2).astype(np.float32),
        size=float(extent.max()),
        score=float(detection.score[0]),
    )


_idle: list[Engine] = []
_left_behind: list[Engine] = []


def _forget_engines() -> None:
    # Their threads do not survive a fork, and taking them down would wait for those.
    _left_behind.extend(_idle)
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engines)


@contextlib.contextmanager
def engines() -> Iterator[Engine]:
    """Lend an engine to this thread; as many are built as threads ask at once."""
    try:
        engine = _idle.pop()
    except IndexError:
        with _quiet():
            engine = Engine()
    yield engine
    _idle.append(engine)


_CHATTER = re.compile(rb"[IW]\d{4} |INFO: |WARNING: All log|Matplotlib")
_quietening = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep native start-up chatter off stderr; anything else still gets there."""
    warnings.filterwarnings("ignore", message=".*GetPrototype", module="google.protobuf")
    with _quietening, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not _CHATTER.match(line):
                    os.write(2, line)
