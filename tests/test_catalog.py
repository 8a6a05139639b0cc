from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from stickers.avatar import Avatar, impossible
from stickers.catalog import Catalog, values_of
from stickers.traits import COLOURS, NONE, TRAITS


def test_all_values_are_those_a_style_draws_with_nothing_extra(sly: Catalog) -> None:
    folder = sly.style.folder / "parts"
    for t in TRAITS.values():
        if t.name in sly.style.keys or t.name in sly.style.drawn_by:
            continue
        drawn = {p.stem for p in (folder / t.name).glob("*.svg")}
        declared = (
            set(sly.style.stand_ins.get(t.name, {}))
            | set(sly.style.nothing.get(t.name, ()))
            | set(sly.style.recolour.get(t.name, {}))
            | {NONE} & set(t.values)
        )
        assert drawn | declared == set(t.values)
        assert not drawn & declared


def look(catalog: Catalog, avatar: Avatar) -> tuple[object, ...]:
    """What can be seen of an avatar, worked out from scratch: parts, and colours in use."""
    parts = catalog.drawn(avatar.traits)
    if avatar.colours["dye_colour"] == avatar.traits["hair_colour"]:
        parts = tuple(part for part in parts if part[0] != "hair_dye")
    mouth = catalog.expression("mouth", catalog.style.resting.mouth)
    drawings = [mouth, *(d for _, _, d in parts)]
    shapes = frozenset(layer for d in drawings for layer in d.shapes)
    used = {slot for d in drawings for slot in catalog.slots(d, shapes)}
    hidden = catalog.hidden(avatar.traits)
    elsewhere = tuple(avatar.traits[n] for n in catalog.style.drawn_by if n not in hidden)
    painted = tuple(
        v
        for n, table in catalog.style.recolour.items()
        for v in values_of(avatar.traits[n])
        if v in table
    )
    colours = tuple(sorted((slot, avatar.colour(slot)) for slot in used))
    return (tuple(d.path for _, _, d in parts), elsewhere, painted, colours)


ALLOS_ARTIST = 563 * 10**15
"""How many avatars could be drawn of the parts of Allo's artist (Google, 2017)."""
HAIR = ("black", "red")
CLOTH = ("teal", "navy")
SMALL = {
    "hair_style": ("bald", "quiff", "hidden"),
    "hair_colour": (NONE, "black", "red"),
    "hair_texture": (NONE, "straight", "coily"),
    "facial_hair": (NONE, "goatee"),
    "headwear": (NONE, "cap", "headscarf"),
    "hair_dye": (NONE, "roots"),
    "glasses": (NONE, "round"),
    "frame_weight": ("medium", "heavy"),
    "marks": ("mole", "lipstick"),
}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, sly: Catalog) -> Catalog:
    """The sly style with a vocabulary small enough to go through every avatar of it."""
    from dataclasses import replace

    from stickers import catalog as module

    traits = {
        name: replace(t, values=SMALL.get(name, (str(sly.style.defaults[name]),)))
        for name, t in TRAITS.items()
    }
    monkeypatch.setattr(module, "TRAITS", traits)
    palettes = {
        slot: {
            name: tones
            for name, tones in table.items()
            if name in (HAIR if slot == "hair_colour" else {"teal", "navy", "black", "4", "brown"})
        }
        for slot, table in sly.style.palettes.items()
    }
    return Catalog(sly.style.model_copy(update={"palettes": palettes}))


def test_the_count_is_that_of_going_through_every_avatar(small: Catalog) -> None:
    style = small.style
    names = list(SMALL)
    marks = [(), ("mole",), ("lipstick",), ("mole", "lipstick")]
    values = [marks if n == "marks" else SMALL[n] for n in names]
    seen = set()
    for choice in product(*values):
        traits = dict(style.defaults) | dict(zip(names, choice, strict=True))
        if impossible(traits):
            continue
        for beard, headwear, cloth, dye in product(HAIR, CLOTH, CLOTH, HAIR):
            colours = dict(style.default_colours) | {
                "beard_colour": beard,
                "headwear_colour": headwear,
                "cloth_colour": cloth,
                "dye_colour": dye,
            }
            seen.add(look(small, Avatar(traits=traits, colours=colours)))
    assert small.count() == len(seen)


def test_a_summary_counts_parts_stickers_and_combinations(sly: Catalog) -> None:
    summary = sly.summary()
    assert summary["combinations"] == sly.count() > ALLOS_ARTIST
    assert summary["parts"]["nose"] == 7
    assert summary["parts"]["skin_tone"] == 10
    assert len(summary["stickers"]) >= 32
    assert summary["stand_ins"] == []
    assert set(summary["colours"]) == set(COLOURS)


def test_at_least_fifty_five_hairstyles_are_drawn(sly: Catalog) -> None:
    drawn = {p.stem for p in (Path(sly.style.folder) / "parts/hair_style").glob("*.svg")}
    assert len(drawn) >= 55


def test_expressions_have_states_to_combine(sly: Catalog) -> None:
    mouths = {p.stem for p in (Path(sly.style.folder) / "parts/mouth").glob("*.svg")}
    states = sly.style.expressions
    assert (len(mouths) >= 10, len(states.eyes) >= 8, len(states.brows) >= 6) == (True,) * 3
