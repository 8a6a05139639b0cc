from __future__ import annotations

import pytest

from stickers.errors import UnknownValue
from stickers.lettering import WIDEST, letter
from stickers.silhouette import painted, polygons
from stickers.style import Caption


def test_a_caption_stands_on_the_middle_of_its_base_line() -> None:
    caption = letter(Caption(text="nope", at=(256, 400), size=80))
    left, top, right, bottom = polygons(painted(caption)).bounds
    assert abs((left + right) / 2 - 256) < 6
    assert top < 360 < 400 < bottom


def test_a_long_caption_shrinks_to_the_page() -> None:
    text = "whatever you say, my dear friend"
    left, _, right, _ = polygons(painted(letter(Caption(text=text, at=(256, 400), size=90)))).bounds
    assert right - left < WIDEST + 20


def test_a_letter_that_the_font_lacks_is_told() -> None:
    with pytest.raises(UnknownValue, match="leave out ☃"):
        letter(Caption(text="hi ☃", at=(0, 0), size=20))
