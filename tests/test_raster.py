from __future__ import annotations

import io

import pytest
from PIL import Image

from stickers.avatar import Avatar
from stickers.catalog import Catalog
from stickers.compose import compose
from stickers.raster import WEBP_LIMIT, png, rasterise, sheet, webp


@pytest.mark.parametrize("side", [16, 96, 512, 1024])
def test_a_sticker_is_drawn_at_any_size(side: int, sly: Catalog, somebody: Avatar) -> None:
    picture = rasterise(compose(somebody, sly).svg, side)
    assert (picture.mode, picture.size) == ("RGBA", (side, side))
    assert picture.getpixel((0, 0)) == (0, 0, 0, 0)
    assert picture.getpixel((side // 2, side // 2))[3] == 255


def test_bad_sizes_and_documents_are_refused() -> None:
    with pytest.raises(ValueError, match="px wide"):
        rasterise("<svg/>", 0)
    with pytest.raises(ValueError, match="not a readable SVG"):
        rasterise("<svg")


def test_every_sticker_fits_into_the_strictest_messengers_limit(
    sly: Catalog, somebody: Avatar
) -> None:
    busy = somebody.changed({"hair_style": "box_braids", "glasses": "thick", "age": "senior"})
    for scene in sly.style.scenes:
        assert len(webp(rasterise(compose(busy, sly, scene).svg))) <= WEBP_LIMIT


def test_webp_gives_up_quality_before_size() -> None:
    noise = Image.effect_noise((256, 256), 100).convert("RGBA")
    assert len(webp(noise, 30_000)) <= 30_000
    with pytest.raises(ValueError, match="does not fit"):
        webp(noise, 100)


def test_files_open_as_what_they_say(sly: Catalog, somebody: Avatar) -> None:
    picture = rasterise(compose(somebody, sly).svg, 128)
    for data, kind in ((png(picture), "PNG"), (webp(picture), "WEBP")):
        with Image.open(io.BytesIO(data)) as read:
            assert (read.format, read.size, read.mode) == (kind, (128, 128), "RGBA")


def test_a_sheet_holds_every_picture() -> None:
    red = Image.new("RGBA", (10, 10), (255, 0, 0, 255))
    page = sheet([red] * 5, columns=2, cell=32)
    assert page.size == (2 * 34 + 2, 3 * 34 + 2)
    assert page.getpixel((40, 70)) != page.getpixel((3, 3))
