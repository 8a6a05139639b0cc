"""What tests of training share: made-up faces, and a network small enough for them."""

from __future__ import annotations

import numpy as np
from PIL import Image
from skimage import data as pictures

from stickers.training.celeba import CelebA
from stickers.training.pretrain import Schedule

BACKBONE = "mobilenetv4_conv_small_035"
TINY = Schedule(sides=(32, 32), batch=8, rate=3e-3)


def people(count: int, side: int = 144) -> np.ndarray:
    """Variations of one face: the even ones dark, the odd ones light."""
    whole = np.asarray(Image.fromarray(pictures.astronaut()[0:230, 110:340]).resize((side, side)))
    shades = np.where(np.arange(count) % 2, 1.0, 0.35)[:, None, None, None]
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 20, (count, side, side, 3))
    return np.clip(whole * shades + noise, 0, 255).astype(np.uint8)


def celeba() -> CelebA:
    """32 pictures of `people`, two of each person, labelled light or dark."""
    count = 32
    light = (np.arange(count) % 2).astype(np.uint8)
    return CelebA(
        files=tuple(f"{i}.jpg" for i in range(count)),
        identities=np.arange(count) // 2,
        attributes=("Light", "Dark"),
        labels=np.stack([light, 1 - light], 1),
        crops=people(count),
        hashes=np.zeros((count, 32), np.uint8),
        digests=tuple(f"{i:012x}" for i in range(count)),
    )
