"""What a phone, a lamp and a messenger do to a face, done to a cut-out.

Everything works on uint8 RGB squares and is driven by one numpy generator, so a
run with the same seed sees the same pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def augment(crop: Image, side: int, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """A ``side`` x ``side`` x 3 variation of a square cut-out.

    Mirrored half of the time, moved, turned and scaled, with other light, other
    colours, and now and then blurred, shrunk or saved as a poor JPEG.

    Args:
        crop: S x S x 3, uint8, RGB.
        side: pixels of the result.
        rng: where chance comes from.
        strength: 0..1: scales how far light and geometry go.
    """
    out = _move(crop, side, rng, strength)
    out = _light(out, rng, strength)
    return _cover(_spoil(out, rng, strength), rng, strength)


def _move(crop: Image, side: int, rng: np.random.Generator, strength: float) -> Image:
    source = crop.shape[0]
    zoom = float(np.exp(rng.uniform(-0.18, 0.22) * strength)) * side / source
    angle = np.deg2rad(rng.uniform(-8, 8) * strength)
    shift = rng.uniform(-0.05, 0.05, 2) * strength * side
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    linear = np.array([[cos * flip, -sin], [sin * flip, cos]])
    offset = side / 2 + shift - linear @ np.array([source / 2, source / 2])
    matrix = np.hstack([linear, offset[:, None]])
    return np.asarray(
        cv2.warpAffine(
            crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        ),
        dtype=np.uint8,
    )


def _light(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Gamma, brightness, contrast and a colour cast as one table; then saturation."""
    ramp = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.15) * strength)
    gain = np.exp(rng.normal(0, 0.12) * strength + rng.normal(0, 0.04, 3) * strength)
    contrast = np.exp(rng.normal(0, 0.12) * strength)
    table = ((ramp**gamma * gain - 0.45) * contrast + 0.45) * 255
    out = cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None])
    keep = float(np.clip(1 + rng.normal(0, 0.15) * strength, 0, 2))
    if rng.random() < 0.03 * strength:
        keep = 0.0
    grey = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(out, keep, grey, 1 - keep, 0), dtype=np.uint8)


def _spoil(image: Image, rng: np.random.Generator, strength: float) -> Image:
    side = image.shape[0]
    if rng.random() < 0.15 * strength:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3)), dtype=np.uint8)
    if rng.random() < 0.15 * strength:
        small = int(side * rng.uniform(0.4, 0.8))
        image = np.asarray(
            cv2.resize(
                cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA),
                (side, side),
                interpolation=cv2.INTER_LINEAR,
            ),
            dtype=np.uint8,
        )
    if rng.random() < 0.2 * strength:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 85))])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return image


def _cover(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Now and then a patch of some colour over a tenth of the picture, as a hand or a pole."""
    if rng.random() >= 0.25 * strength:
        return image
    side = image.shape[0]
    width, height = (rng.uniform(0.12, 0.4, 2) * side).astype(int)
    left, top = rng.integers(0, side - width + 1), rng.integers(0, side - height + 1)
    image[top : top + height, left : left + width] = rng.integers(0, 256, 3, dtype=np.uint8)
    return image
