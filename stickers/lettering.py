"""Captions as paths, so that no viewer needs the font."""

from __future__ import annotations

from functools import lru_cache

from font_fredoka_one import FredokaOne
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

from stickers.drawing import Node, group
from stickers.errors import UnknownValue
from stickers.silhouette import number
from stickers.style import Caption

INK = "#2a2430"
INK_WIDTH = 0.13
"""Width of the letters' dark border, as a share of the letter height."""
WIDEST = 440
"""px: a longer caption is drawn smaller."""
SMALLEST = 26
"""px: a caption whose letters would be lower cannot be read on a sticker."""


@lru_cache(maxsize=1)
def _font() -> TTFont:
    return TTFont(FredokaOne)


@lru_cache(maxsize=256)
def letter(caption: Caption) -> Node:
    """The caption as a group: a dark border below, the coloured letters above.

    Raises:
        UnknownValue: a character that the font does not have, or more than can be read.
    """
    font = _font()
    glyphs, cmap, advances = font.getGlyphSet(), font.getBestCmap(), font["hmtx"]
    missing = sorted({c for c in caption.text if ord(c) not in cmap})
    if missing:
        raise UnknownValue(
            f"the caption {caption.text!r} has characters that the font cannot draw",
            hint=f"leave out {' '.join(missing)}",
        )
    names = [cmap[ord(c)] for c in caption.text]
    em = font["head"].unitsPerEm
    width = sum(advances[n][0] for n in names) / em
    size = min(caption.size, WIDEST / width)
    if size < min(caption.size, SMALLEST):
        raise UnknownValue(
            f"the caption {caption.text!r} is too long to be read on a sticker",
            hint=f"use about {int(len(names) * size / SMALLEST)} letters or fewer",
        )
    pen = SVGPathPen(glyphs, ntos=number)
    x = -width * size / 2
    for name in names:
        glyphs[name].draw(TransformPen(pen, (size / em, 0, 0, -size / em, x, 0)))
        x += advances[name][0] / em * size
    outline = pen.getCommands()
    paint = {
        "d": outline,
        "fill": INK,
        "stroke": INK,
        "stroke-width": number(size * INK_WIDTH),
        "stroke-linejoin": "round",
    }
    border = Node("path", attrs=tuple(sorted(paint.items())))
    face = Node("path", attrs=(("d", outline), ("fill", caption.fill)))
    across, down = caption.at
    place = f"translate({number(across)} {number(down)}) rotate({number(caption.turn)})"
    return group(border, face, name="caption", transform=place)
