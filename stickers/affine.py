"""Affine maps between a photo and views of it, and cutting the views out.

A map is 2 x 3, float64, from px of the first picture to px of the second (x right, y down).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]
Matrix = NDArray[np.float64]

_GRAY = (127, 127, 127)


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
        width, height = (max(1, round(1.4 * zoom * n)) for n in pixels.shape[1::-1])
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        shrunk = np.diag([pixels.shape[1] / width, pixels.shape[0] / height, 1.0])
        pixels, matrix = small, matrix @ shrunk
    cut = cv2.warpAffine(pixels, matrix, (size, size), borderMode=border, borderValue=_GRAY)
    return np.asarray(cut, dtype=np.uint8)


def apply(matrix: Matrix, points: NDArray[Any]) -> Points:
    """Map N x 2 points."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def scale_of(matrix: Matrix) -> float:
    """By how much a map enlarges."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def angle_of(right: NDArray[Any]) -> float:
    """Degrees clockwise, on a screen, of a vector that should point right."""
    return float(np.degrees(np.arctan2(right[1], right[0])))
