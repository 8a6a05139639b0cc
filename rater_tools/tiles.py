"""Pictures of the style's own parts, as raters and artists see them on tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from stickers.avatar import DEFAULT_STYLE, Avatar, default_avatar
from stickers.catalog import Catalog, load_catalog
from stickers.compose import compose
from stickers.contact import SEEN_ON
from stickers.errors import UnknownValue
from stickers.raster import rasterise, webp
from stickers.traits import HAIRLESS, NONE, trait

TILE = 160
"""px of a tile's side, twice what screens show."""

_WHOLE = (256, 256, 512)
_VIEW: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "age": (256, 232, 330),
        "brows": (256, 208, 210),
        "earrings": (256, 262, 330),
        "eye_colour": (256, 228, 200),
        "eye_shape": (256, 228, 200),
        "face_shape": (256, 232, 330),
        "facial_hair": (256, 290, 300),
        "glasses": (256, 232, 270),
        "hair_colour": (256, 210, 340),
        "hair_texture": (256, 200, 360),
        "lashes": (256, 228, 200),
        "lips": (256, 308, 150),
        "marks": (256, 250, 280),
        "nose": (256, 254, 150),
        "skin_tone": (256, 232, 330),
    }
)
"""Middle and side, px of the page, of what a small part's tile shows."""


@cache
def catalog() -> Catalog:
    """The style that is drawn."""
    return load_catalog(DEFAULT_STYLE)


@lru_cache(maxsize=1024)
def tile(attribute: str, value: str, side: int = TILE) -> bytes:
    """``value`` of ``attribute`` on somebody otherwise plain: WebP, ``side`` x ``side``.

    Raises:
        UnknownValue: no such trait or value.
    """
    x, y, span = _VIEW.get(attribute, _WHOLE)
    scale = side / span
    whole = rasterise(compose(wearer(attribute, value), catalog()).svg, round(512 * scale))
    left, top = round((x - span / 2) * scale), round((y - span / 2) * scale)
    return webp(whole.crop((left, top, left + side, top + side)))


def wearer(attribute: str, value: str) -> Avatar:
    """Somebody plain with ``value``, which is seen on them."""
    if attribute not in ("hair_colour", "hair_texture") or value != NONE:
        trait(attribute).check(value)
        looks = {**SEEN_ON.get(attribute, {}), attribute: value}
    else:
        looks = {"hair_style": next(iter(HAIRLESS))}
    if (attribute, value) == ("hair_style", "hidden"):
        looks["headwear"] = "headscarf"
    return default_avatar(catalog().style).changed(looks)


def portrait(code: str, side: int = 512) -> bytes:
    """The avatar of a share code, as WebP; raises BadAvatar or UnknownValue."""
    avatar = Avatar.from_code(code)
    if avatar.style != catalog().style.name:
        raise UnknownValue(f"no style {avatar.style!r} here", hint="judge stickers of this style")
    return webp(rasterise(compose(avatar, catalog()).svg, side))
