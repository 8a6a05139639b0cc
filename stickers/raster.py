"""SVG to pixels with skia, at any size; PNG, WebP and the contact sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence

import skia
from font_fredoka_one import FredokaOne
from PIL import Image, ImageDraw, ImageFont

from stickers.document import SIDE

WEBP_LIMIT = 100_000
"""Bytes: what WhatsApp takes for a static sticker, the strictest of the messengers."""
SHEET_BACKGROUND = (232, 238, 235)
SHEET_INK = (74, 82, 84)


Square = tuple[float, float, float]
"""Left, top and side of a part of the page, in px of the SVG."""
PAGE: Square = (0, 0, SIDE)


def rasterise(svg: str, side: int = SIDE, view: Square = PAGE) -> Image.Image:
    """``svg`` as a ``side`` x ``side`` RGBA picture, uint8, straight alpha.

    Args:
        svg: a sticker's document.
        side: px.
        view: the part of the page to be seen.

    Raises:
        ValueError: ``side`` is not positive, or ``svg`` is not readable.
    """
    if side < 1:
        raise ValueError(f"a picture cannot be {side} px wide")
    dom = skia.SVGDOM.MakeFromStream(skia.MemoryStream.MakeCopy(svg.encode()))
    if dom is None:
        raise ValueError("not a readable SVG")
    dom.setContainerSize(skia.Size(SIDE, SIDE))
    surface = skia.Surface(side, side)
    canvas = surface.getCanvas()
    left, top, width = view
    canvas.scale(side / width, side / width)
    canvas.translate(-left, -top)
    dom.render(canvas)
    pixels = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
    return Image.fromarray(pixels, "RGBA")


def png(picture: Image.Image) -> bytes:
    """``picture`` as PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()


def webp(picture: Image.Image, limit: int = WEBP_LIMIT) -> bytes:
    """``picture`` as WebP of at most ``limit`` bytes: the best quality that fits.

    Raises:
        ValueError: not even the lowest quality fits.
    """
    for quality in (92, 85, 75, 60, 40, 20, 1):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=4)
        if out.tell() <= limit:
            return out.getvalue()
    raise ValueError(f"a picture of {picture.width} px does not fit into {limit} bytes")


def sheet(
    pictures: Sequence[Image.Image],
    columns: int = 7,
    cell: int = 224,
    labels: Sequence[str] = (),
) -> Image.Image:
    """All ``pictures`` on one page, RGB, ``columns`` across in cells of ``cell`` px.

    With ``labels``, one beneath each picture.
    """
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    gap = cell // 16
    high = cell + gap + (cell // 10 if labels else 0)
    size = (columns * (cell + gap) + gap, rows * high + gap)
    page = Image.new("RGB", size, SHEET_BACKGROUND)
    draw, font = ImageDraw.Draw(page), ImageFont.truetype(FredokaOne, max(8, cell // 13))
    for i, picture in enumerate(pictures):
        small = picture.resize((cell, cell), Image.Resampling.LANCZOS)
        row, column = divmod(i, columns)
        left, top = gap + column * (cell + gap), gap + row * high
        page.paste(small, (left, top), small)
        if labels:
            at = (left + cell / 2, top + cell + cell // 20)
            draw.text(at, labels[i], SHEET_INK, font, anchor="mm")
    return page
