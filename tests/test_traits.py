from __future__ import annotations

import re

import pytest

from stickers.errors import UnknownValue
from stickers.traits import COLOURS, PREDICTED, TRAITS, trait


def test_values_are_unique_and_can_stand_in_names_of_files_and_options() -> None:
    for t in TRAITS.values():
        assert len(set(t.values)) == len(t.values)
        assert all(re.fullmatch(r"[a-z0-9_]+", v) for v in t.values)


def test_traits_and_colours_share_no_name_so_that_set_is_clear() -> None:
    assert not set(TRAITS) & set(COLOURS)


def test_every_value_fits_the_byte_that_a_share_code_gives_it() -> None:
    assert all(len(t.values) <= (16 if t.many else 255) for t in TRAITS.values())


def test_chosen_only_values_are_not_predicted() -> None:
    assert "outfit" not in {t.name for t in PREDICTED}
    assert all(not set(t.predicted) & t.chosen_only for t in TRAITS.values())


@pytest.mark.parametrize(
    ("name", "code", "values"),
    [
        ("hair_colour", "-", ("none",)),
        ("hair_colour", "black", ("black",)),
        ("skin_tone", "10", ("10",)),
        ("marks", "WF", ("freckles", "wrinkles")),
        ("marks", "-", ()),
        ("nose", "?", None),
    ],
)
def test_ratings_become_values(name: str, code: str, values: tuple[str, ...] | None) -> None:
    assert trait(name).from_rating(code) == values


@pytest.mark.parametrize("t", TRAITS.values(), ids=lambda t: t.name)
def test_values_go_to_ratings_and_back(t) -> None:
    for value in t.values:
        rated = not t.many or value in t.codes
        assert t.from_rating(t.to_rating([value])) == ((value,) if rated else ())


@pytest.mark.parametrize(("name", "code"), [("nose", "long"), ("marks", "FX")])
def test_an_unknown_rating_is_told_with_what_is_known(name: str, code: str) -> None:
    with pytest.raises(UnknownValue, match="use"):
        trait(name).from_rating(code)


def test_the_vocabulary_is_that_of_the_raters(shared) -> None:
    rubric = (shared / "ratings" / "RUBRIC.md").read_text(encoding="utf-8")
    styles = re.findall(r"^\| (\w+) \|", rubric.split("## Hair styles")[1], flags=re.M)
    assert list(TRAITS["hair_style"].predicted) == [s for s in styles if s != "code"]
    for name in ("nose", "face_shape", "facial_hair", "glasses", "eye_colour", "age"):
        row = re.search(rf"^\| {name} \| (.*) \|$", rubric, flags=re.M)
        assert row is not None
        assert all(v in row[1] for v in trait(name).predicted)
