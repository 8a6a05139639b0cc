"""Every part with every part that it touches, looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stickers import sweep
from stickers.catalog import Catalog, load_catalog
from stickers.records import Sticker
from stickers.sweep import BROWS, SHOWN_ON, TOUCHING, apart, meet, shown
from stickers.traits import TRAITS


@pytest.mark.sweep
@pytest.mark.parametrize("pair", TOUCHING, ids=" with ".join)
def test_parts_that_touch_go_together(sly: Catalog, pair: tuple[str, str]) -> None:
    assert [str(p) for p in meet(sly, [pair])] == []


@pytest.mark.sweep
def test_every_value_changes_the_picture(sly: Catalog) -> None:
    assert [str(p) for p in apart(sly)] == []


@pytest.mark.sweep
@pytest.mark.parametrize("pair", SHOWN_ON, ids=" on ".join)
def test_no_value_is_swallowed_by_another_trait(sly: Catalog, pair: tuple[str, str]) -> None:
    assert [str(p) for p in shown(sly, [pair])] == []


def test_every_trait_that_is_drawn_is_swept(sly: Catalog) -> None:
    met = {kind for pair in TOUCHING for kind in pair}
    assert {t for t in TRAITS if sly.has_parts(t)} <= met


@pytest.fixture
def mine(tmp_path: Path, sly: Catalog) -> Path:
    """A copy of the style that may be spoilt."""
    return Path(shutil.copytree(sly.style.folder, tmp_path / "mine"))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def told(folder: Path, *pair: str) -> str:
    return "\n".join(str(p) for p in meet(load_catalog(folder), [(pair[0], pair[1])]))


@pytest.mark.sweep
def test_hair_that_stands_out_of_a_hat_is_told(mine: Path) -> None:
    file = mine / "parts/headwear/cap.svg"
    replace(file, 'id="keep-hair_back"', 'id="unused"')
    assert "hair_style afro_big with headwear cap: lets hair stand out of it" in told(
        mine, "hair_style", "headwear"
    )


def test_a_gap_at_the_neck_is_told(mine: Path) -> None:
    file = mine / "parts/face_shape/oval.svg"
    replace(file, 'id="body" inkscape:groupmode="layer" inkscape:label="body"', 'id="ears"')
    assert "face_shape oval with outfit v_neck: leaves a gap at the neck" in told(
        mine, "face_shape", "outfit"
    )


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            '<circle cx="256" cy="256" r="90" fill="none" stroke="#000000" stroke-width="8"/>',
            "see-through pixel",
        ),
        ('<rect x="4" y="200" width="60" height="60"/>', "leaves the page's margin"),
        ("<rect", "not well-formed"),
    ],
)
def test_a_picture_that_breaks_a_promise_is_told(
    monkeypatch: pytest.MonkeyPatch, sly: Catalog, body: str, complaint: str
) -> None:
    page = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">{body}</svg>'
    drawn = Sticker("look", page, "look", ("👀",), ("look",))
    monkeypatch.setattr(sweep, "compose", lambda *_: drawn)
    assert complaint in str(meet(sly, [("brows", BROWS)])[0])


def test_values_that_look_alike_are_told(mine: Path) -> None:
    shutil.copy(mine / "parts/nose/button.svg", mine / "parts/nose/broad.svg")
    replace(mine / "style.toml", 'teal     = { base = "#2f8f8f"', 'teal     = { base = "#ec6a56"')
    problems = "\n".join(str(p) for p in apart(load_catalog(mine)))
    assert "nose button: looks like nose broad" in problems
    assert "cloth_colour coral looks like teal" in problems
