"""What the face mesh measures: the proportions of a face, as numbers for the heads.

Points come in pairs, one on each side of the face, and are told by half their distance
and their mean height, so that a mirrored face has the same proportions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OUTLINE = (
    *((234, 454), (93, 323), (132, 361), (58, 288), (172, 397), (136, 365), (150, 379)),
    *((149, 378), (176, 400), (148, 377), (127, 356), (162, 389), (21, 251), (54, 284)),
    *((103, 332), (67, 297), (109, 338)),
)
_NOSE = (
    *((129, 358), (64, 294), (98, 327), (49, 279), (48, 278), (122, 351), (196, 419)),
    *((198, 420), (45, 275)),
)
_EYES = (
    *((33, 263), (133, 362), (159, 386), (145, 374), (160, 387), (158, 385), (153, 380)),
    (144, 373),
)
_BROWS = (
    *((70, 300), (63, 293), (105, 334), (66, 296), (107, 336), (46, 276), (53, 283)),
    *((52, 282), (65, 295), (55, 285)),
)
_LIPS = ((61, 291), (37, 267), (39, 269), (84, 314), (91, 321), (40, 270), (181, 405))
_PAIRS = np.array((*_OUTLINE, *_NOSE, *_EYES, *_BROWS, *_LIPS))
_MIDLINE = np.array((10, 151, 9, 168, 6, 197, 195, 5, 4, 1, 2, 0, 13, 14, 17, 18, 200, 152))
"""Indices into mediapipe's face mesh of 468 points."""

_LEFT_EYE, _RIGHT_EYE = (33, 133), (362, 263)

PROPORTIONS = 2 * len(_PAIRS) + len(_MIDLINE)
"""How many numbers `proportions` gives."""


def proportions(landmarks: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The face's proportions: `PROPORTIONS` float32, in widths of the face.

    The origin is between the eyes, x runs along the eyes, y down. All nan where there
    is no mesh.

    Args:
        landmarks: at least 468 x 2, in pixels, or None.
    """
    if landmarks is None or not np.isfinite(landmarks[:468]).all():
        return np.full(PROPORTIONS, np.nan, dtype=np.float32)
    points = landmarks.astype(np.float64)
    left, right = points[list(_LEFT_EYE)].mean(0), points[list(_RIGHT_EYE)].mean(0)
    along = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
    turn = np.array([along, (-along[1], along[0])])
    level = (points - (left + right) / 2) @ turn.T
    level /= max(float(level[454, 0] - level[234, 0]), 1e-6)
    one, other = level[_PAIRS[:, 0]], level[_PAIRS[:, 1]]
    apart, height = (other[:, 0] - one[:, 0]) / 2, (other[:, 1] + one[:, 1]) / 2
    return np.concatenate([apart, height, level[_MIDLINE, 1]], dtype=np.float32)
