"""Contact sheets of a style: one page per trait, and one of all scenes.

The people on them differ in skin and hair, so that a part is seen on more than one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle
from pathlib import Path

from PIL import Image

from stickers.avatar import Avatar, default_avatar, random_avatar
from stickers.catalog import Catalog
from stickers.compose import compose
from stickers.output import staged
from stickers.pack import Progress, unwatched
from stickers.raster import rasterise, sheet
from stickers.traits import AS_HAIR, COLOURS, HAIRLESS, NONE, TRAITS

COLUMNS = 10
CELL = 144
PEOPLE = (
    {"skin_tone": "4", "hair_colour": "dark_brown", "cloth_colour": "teal"},
    {"skin_tone": "8", "hair_colour": "black", "cloth_colour": "mustard"},
    {"skin_tone": "2", "hair_colour": "auburn", "cloth_colour": "forest"},
    {"skin_tone": "6", "hair_colour": "black", "cloth_colour": "coral"},
    {"skin_tone": "3", "hair_colour": "dark_blonde", "cloth_colour": "navy"},
    {"skin_tone": "9", "hair_colour": "dark_brown", "cloth_colour": "sky"},
    {"skin_tone": "5", "hair_colour": "brown", "cloth_colour": "plum"},
)
SEEN_ON = {
    "dye_colour": {"hair_dye": "ombre", "hair_style": "long_wavy"},
    "frame_colour": {"glasses": "round"},
    "frame_weight": {"glasses": "round"},
    "hair_dye": {"hair_style": "long_wavy"},
    "hair_texture": {"hair_style": "pixie"},
    "headwear": {"hair_style": "shoulder_wavy"},
    "headwear_colour": {"headwear": "beanie"},
}
"""What must be there for a trait or colour to be seen at its best."""
SCENES = "stickers"


def pages(catalog: Catalog, progress: Progress = unwatched) -> Iterator[tuple[str, Image.Image]]:
    """(name, page) of each trait and colour and of all scenes, RGB, labelled.

    Args:
        catalog: the style.
        progress: told the name of each page that is done.
    """
    usual = default_avatar(catalog.style)
    cells = {name: list(_values(name, usual)) for name in (*TRAITS, *COLOURS)}
    crowd = (random_avatar(seed, catalog.style) for seed in count())
    cells[SCENES] = list(zip(catalog.style.scenes, crowd, strict=False))
    for page, shown in cells.items():
        pictures = [
            rasterise(compose(who, catalog, name if page == SCENES else None).svg, CELL)
            for name, who in shown
        ]
        labels = [name.replace("_", " ") for name, _ in shown]
        yield page, sheet(pictures, COLUMNS, CELL, labels)
        progress(page)


def write_pages(
    catalog: Catalog, folder: str | Path, progress: Progress = unwatched
) -> tuple[Path, ...]:
    """Write the pages as ``<name>.png`` into ``folder``; all appear at once.

    Returns:
        The files, in the order of `pages`.

    Raises:
        CannotWrite: the folder refuses us.
    """
    names: list[str] = []
    with staged(Path(folder)) as stage:
        for name, page in pages(catalog, progress):
            # Flat colours: a palette loses nothing that is seen.
            page.quantize(160, dither=Image.Dither.NONE).save(stage / f"{name}.png", optimize=True)
            names.append(name)
    return tuple(Path(folder) / f"{name}.png" for name in names)


def _values(name: str, usual: Avatar) -> Iterator[tuple[str, Avatar]]:
    """(value, somebody who has it) of everything that can be seen of a trait or colour."""
    values = COLOURS.get(name) or TRAITS[name].values
    shown = [v for v in values if v not in (NONE, AS_HAIR, "hidden")]
    for value, person in zip(shown, cycle(PEOPLE)):
        looks = {**person, **SEEN_ON.get(name, {}), name: value}
        if value in HAIRLESS:
            del looks["hair_colour"]
        yield value, usual.changed(looks)
