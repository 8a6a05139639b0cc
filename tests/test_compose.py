from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_files import Golden, canonical
from stickers.avatar import Avatar
from stickers.catalog import Catalog, load_catalog
from stickers.compose import MARGIN, compose
from stickers.die_cut import WIDTH
from stickers.document import SIDE
from stickers.raster import rasterise
from stickers.style import load_style
from strategies import avatars

SVG = "{http://www.w3.org/2000/svg}"
PEOPLE = {
    "somebody": ({}, None),
    "her": (
        {"headwear": "headscarf", "headwear_colour": "plum", "glasses": "round", "skin_tone": "6"},
        "side_eye_tea",
    ),
    "him": (
        {"hair_style": "bald", "facial_hair": "full_beard", "age": "middle", "outfit": "shirt"},
        "facepalm",
    ),
    "them": (
        {"hair_style": "afro_big", "hair_colour": "black", "skin_tone": "9", "earrings": "hoop"},
        "its_fine",
    ),
    "she": (
        {"hair_style": "long_wavy", "hair_dye": "ombre", "dye_colour": "red", "lashes": "winged"},
        "call_me",
    ),
    "kid": (
        {
            "age": "child",
            "hair_style": "space_buns",
            "hearing": "cochlear_implant",
            "outfit": "overalls",
            "skin_tone": "7",
        },
        "dance",
    ),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_drawings_are_those_that_were_looked_at(
    name: str, golden: Golden, sly: Catalog, somebody: Avatar
) -> None:
    changes, scene = PEOPLE[name]
    sticker = compose(somebody.changed(changes), sly, scene)
    golden.check_svg(name, sticker.svg)
    golden.check_picture(name, rasterise(sticker.svg, 128))


def test_the_golden_comparison_can_fail(golden: Golden, sly: Catalog, somebody: Avatar) -> None:
    golden = replace(golden, update=False)
    other = compose(somebody.changed({"nose": "bulbous"}), sly)
    with pytest.raises(AssertionError, match="drawn differently"):
        golden.check_svg("somebody", other.svg)
    with pytest.raises(AssertionError):
        golden.check_picture("somebody", rasterise(compose(somebody, sly, "lol").svg, 128))
    with pytest.raises(AssertionError, match="missing"):
        golden.check_svg("nobody", other.svg)


def test_canonical_svg_ignores_what_means_nothing() -> None:
    assert canonical('<a b="1" c="2"/>') == canonical('<a  c="2"\n b="1" ></a>')
    assert canonical('<a b="1"/>') != canonical('<a b="2"/>')


scenes = st.sampled_from([None, *load_style("sly").scenes])


@settings(max_examples=40)
@given(avatars(), scenes)
def test_any_avatar_in_any_scene_keeps_the_art_contract(avatar: Avatar, scene: str | None) -> None:
    sticker = compose(avatar, load_catalog("sly"), scene)
    root = ET.fromstring(sticker.svg)
    tags = {e.tag.removeprefix(SVG) for e in root.iter()}
    assert not tags & {"text", "image", "use", "style", "script", "foreignObject", "filter"}
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)
    references = set(re.findall(r"url\(#([^)]+)\)", sticker.svg))
    assert references <= set(ids)
    assert "href" not in sticker.svg
    assert root.findtext(f"{SVG}title") == sticker.alt
    alpha = np.asarray(rasterise(sticker.svg))[..., 3]
    rows, columns = np.nonzero(alpha > 8)
    assert min(rows.min(), columns.min()) >= MARGIN - 1
    assert max(rows.max(), columns.max()) <= SIDE - MARGIN


def test_the_die_cut_is_white_and_as_wide_as_the_contract_says(
    sly: Catalog, somebody: Avatar
) -> None:
    pixels = np.asarray(rasterise(compose(somebody, sly).svg)).astype(int)
    row = pixels[440]
    inside = np.nonzero(row[:, 3] > 250)[0]
    border = row[inside[0] : inside[0] + WIDTH - 2]
    assert (border[:, :3] > 250).all()
    assert (row[inside[0] + WIDTH + 2, :3] < 200).all()


def test_master_colours_are_all_replaced(sly: Catalog, somebody: Avatar) -> None:
    palettes = str(sly.style.palettes).lower()
    left = {c for c in sly.slot_of if c in compose(somebody, sly).svg and c not in palettes}
    assert left == set()


def test_two_stickers_on_one_page_share_no_id(sly: Catalog, somebody: Avatar) -> None:
    first, second = (compose(somebody, sly, s).svg for s in ("sure", "nope"))
    assert not set(re.findall(r'id="([^"]+)"', first)) & set(re.findall(r'id="([^"]+)"', second))


@pytest.mark.parametrize(
    "change",
    [
        {"lips": "full"},
        {"marks": "lipstick"},
        {"hair_texture": "coily"},
        {"age": "senior"},
        {"beard_colour": "red"},
    ],
    ids=str,
)
def test_every_choice_is_seen(sly: Catalog, somebody: Avatar, change: dict[str, str]) -> None:
    before = np.asarray(rasterise(compose(somebody, sly).svg)).astype(int)
    after = np.asarray(rasterise(compose(somebody.changed(change), sly).svg)).astype(int)
    assert (np.abs(before - after).max(axis=2) > 24).sum() > 60


COMPOSE = """
import sys
from stickers.avatar import random_avatar
from stickers.catalog import load_catalog
from stickers.compose import compose
sys.stdout.buffer.write(compose(random_avatar(11), load_catalog("sly"), "its_fine").svg.encode())
"""


def test_fresh_processes_compose_the_same_bytes() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", COMPOSE],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
