"""Comparing what is drawn with what was drawn and looked at before."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

FEW_LEVELS = 2.0
"""Mean difference per channel, of 255, that anti-aliasing may make between machines."""


def canonical(svg: str) -> str:
    """``svg`` with attribute order and white space that mean nothing made alike."""
    return ET.canonicalize(svg, strip_text=True)


@dataclass(frozen=True)
class Golden:
    folder: Path
    update: bool

    def check_svg(self, name: str, svg: str) -> None:
        path = self.folder / f"{name}.svg"
        if self.update:
            path.write_text(svg, encoding="utf-8")
        assert path.is_file(), f"{path} is missing: look at the drawing, then --update-golden"
        assert canonical(svg) == canonical(path.read_text(encoding="utf-8")), (
            f"{name} is drawn differently: look at it, then pytest --update-golden"
        )

    def check_picture(self, name: str, picture: Image.Image) -> None:
        path = self.folder / f"{name}.png"
        if self.update:
            picture.save(path)
        assert path.is_file(), f"{path} is missing: look at the picture, then --update-golden"
        with Image.open(io.BytesIO(path.read_bytes())) as seen:
            before = np.asarray(seen.convert("RGBA"), dtype=np.float64)
        now = np.asarray(picture.convert("RGBA"), dtype=np.float64)
        assert now.shape == before.shape
        assert np.abs(now - before).mean() <= FEW_LEVELS
