from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from PIL import ImageColor

from stickers.catalog import load_catalog
from stickers.check import problems
from stickers.errors import BadStyle, UnknownValue
from stickers.style import art_folder, load_style, style_names


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sly style to spoil."""
    return Path(shutil.copytree(art_folder() / "sly", tmp_path / "mine"))


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("name", style_names())
def test_every_style_keeps_the_art_contract(name: str) -> None:
    assert [str(p) for p in problems(load_catalog(name))] == []


def test_a_style_is_found_by_name_or_by_folder(copy: Path) -> None:
    assert load_style("sly").name == load_style(copy).name == "sly"
    assert load_style(copy).folder == copy.resolve()


def test_an_unknown_style_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownValue, match="sly"):
        load_style("slytherin")


def test_a_mistake_in_a_toml_file_names_file_and_place(copy: Path) -> None:
    spoil(copy, "stickers/sure.toml", "scale = 0.94", "scale = -1")
    with pytest.raises(BadStyle, match=r"pose\.scale.*sure\.toml"):
        load_style(copy)


def test_broken_toml_names_the_line(copy: Path) -> None:
    spoil(copy, "style.toml", "[resting]", "[resting")
    with pytest.raises(BadStyle, match=r"line \d+"):
        load_style(copy)


def told(folder: Path) -> str:
    return "\n".join(str(p) for p in problems(load_catalog(folder)))


def test_a_missing_drawing_asks_for_it_or_for_a_stand_in(copy: Path) -> None:
    (copy / "parts/nose/broad.svg").unlink()
    assert "parts/nose/broad.svg: missing; draw it, or name a stand-in" in told(copy)


def test_a_stand_in_serves_and_one_too_many_is_told(copy: Path) -> None:
    (copy / "parts/nose/broad.svg").unlink()
    spoil(copy, "style.toml", "[resting]", '[stand_ins.nose]\nbroad = "button"\n\n[resting]')
    catalog = load_catalog(copy)
    assert told(copy) == ""
    assert ("nose", "broad", "button") in catalog.stand_ins()
    assert catalog.drawing("nose", "broad") == catalog.drawing("nose", "button")
    assert catalog.count() < load_catalog("sly").count()
    shutil.copy(copy / "parts/nose/button.svg", copy / "parts/nose/broad.svg")
    assert "has both a drawing and a stand-in" in told(copy)


def test_a_drawing_that_is_no_value_is_told(copy: Path) -> None:
    shutil.copy(copy / "parts/nose/button.svg", copy / "parts/nose/variant17.svg")
    assert "nose has no value 'variant17'" in told(copy)


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("parts/nose/button.svg", 'label="nose"', 'label="schnozz"', "'schnozz' is no layer"),
        ("parts/brows/thin.svg", 'id="left"', 'id="one"', "has no left"),
        ("parts/face_shape/oval.svg", 'id="shape-head"', 'id="head1"', "has no shape-head"),
        ("parts/mouth/smirk.svg", "when-lips-full", "when-lips-fat", "no such trait or value"),
        ("parts/mouth/smirk.svg", "when-lips-full", "when-lips-thin", "does not draw lips full"),
        ("stickers/sure.toml", 'mouth = "', 'mouth = "no-', "mouth: no state"),
        ("stickers/sure.toml", 'text = "', 'text = "☃', "cannot draw"),
        ("style.toml", "[palettes.eye_colour]", "[palettes.eye_colour]\nred = {}", "no such value"),
        ("style.toml", '"earrings", "hearing"]', '"ears"]', "unknown trait or value"),
        ("style.toml", 'nose = "straight"', 'nose = "long"', "[defaults]"),
        ("style.toml", 'dark = "#4a2e1a"', 'dark = "#7b5131"', "same master colour"),
    ],
)
def test_each_breach_of_the_contract_is_told(
    copy: Path, file: str, old: str, new: str, complaint: str
) -> None:
    spoil(copy, file, old, new)
    assert complaint in told(copy)


def test_an_unreadable_drawing_is_told_with_its_file(copy: Path) -> None:
    (copy / "parts/nose/broad.svg").write_text("<svg", encoding="utf-8")
    assert "parts/nose/broad.svg: not a readable SVG" in told(copy)


def test_every_hair_is_legible_on_every_skin() -> None:
    palettes = load_style("sly").palettes
    for tone, skin in palettes["skin_tone"].items():
        for name, hair in palettes["hair_colour"].items():
            apart = [
                math.dist(ImageColor.getrgb(skin["base"]), ImageColor.getrgb(hair[tone_]))
                for tone_ in ("base", "line")
            ]
            assert max(apart) > 50, (tone, name)
