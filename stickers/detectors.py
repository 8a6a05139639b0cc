"""Mediapipe's frozen models, lent to one thread at a time and kept quiet.

Mediapipe takes more than a second to import, so it is imported when the first
set of detectors is built, not with this module.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stickers.affine import Matrix, Pixels, Points, angle_of, apply, scale_of

SEEN = 0.3
"""Detector score from which a sighting is reported at all."""

RIGHT_EYE, LEFT_EYE, MOUTH = 0, 1, 3
"""Rows of `Sighting.keys`."""


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
        return angle_of(self.keys[LEFT_EYE] - self.keys[RIGHT_EYE])

    def moved(self, matrix: Matrix) -> Sighting:
        """The same sighting after an affine map of the picture."""
        return replace(
            self,
            keys=apply(matrix, self.keys),
            centre=apply(matrix, self.centre[None])[0],
            size=self.size * scale_of(matrix),
            mesh=None if self.mesh is None else apply(matrix, self.mesh),
        )


class Detectors:
    """One set of mediapipe's models. Not thread-safe: take one from `detectors`."""

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
        mask = self._person.process(pixels).segmentation_mask
        return np.asarray(np.clip(mask, 0, 1), dtype=np.float32)


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


_idle: list[Detectors] = []
_left_behind: list[Detectors] = []


def _leave_behind() -> None:
    # Mediapipe's threads do not survive a fork: using it would wait for them for ever,
    # and so would taking them down.
    _left_behind.extend(_idle)
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_behind)


@contextlib.contextmanager
def detectors() -> Iterator[Detectors]:
    """Lend detectors to this thread; as many are built as threads ask at once.

    Raises:
        RuntimeError: this process was forked from one that had already used detectors.
    """
    if _left_behind:
        raise RuntimeError("mediapipe was used before this process was forked: spawn workers")
    try:
        lent = _idle.pop()
    except IndexError:
        with _quiet():
            lent = Detectors()
    yield lent
    _idle.append(lent)


_CHATTER = re.compile(rb"[IW]\d{4} |INFO: |WARNING: All log|Matplotlib")
_quietening = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep native start-up chatter off stderr; anything else still gets there."""
    warnings.filterwarnings("ignore", message=".*GetPrototype", module="google.protobuf")
    if sys.stderr is None:  # a program without a console has nothing to keep clean
        yield
        return
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
