from __future__ import annotations

import json

import pytest
from hypothesis import given

from stickers.avatar import Avatar, avatar_of, default_avatar, random_avatar, read_avatar
from stickers.catalog import Catalog
from stickers.errors import BadAvatar, UnknownValue
from stickers.records import Guess
from stickers.traits import COLOURS, PREDICTED, TRAITS
from strategies import avatars


def seen(**values: tuple[str, float]) -> dict[str, Guess]:
    """Attributes in which the named traits are as given, the others quite uncertain."""
    result = {}
    for t in PREDICTED:
        value, confidence = values.get(t.name, (t.predicted[0], 1 / len(t.predicted)))
        rest = [(v, (1 - confidence) / len(t.predicted)) for v in t.predicted if v != value]
        chosen = () if t.many else (value,)
        result[t.name] = Guess(chosen, confidence, ((value, confidence), *rest))
    return result


@given(avatars())
def test_the_share_code_round_trips_and_can_stand_in_a_url(avatar: Avatar) -> None:
    code = avatar.code()
    assert Avatar.from_code(code) == avatar
    assert code.replace("-", "").replace("_", "").isalnum()
    assert len(code) < 64


@given(avatars())
def test_the_document_round_trips(avatar: Avatar) -> None:
    assert Avatar.from_json(avatar.to_json()) == avatar


def test_an_old_share_code_keeps_its_meaning() -> None:
    avatar = Avatar.from_code("AQNzbHkPCgIFBAMEAAMAAwAAAgMAIAMAAAECZ7o")
    assert avatar.traits["hair_style"] == "afro_big"
    assert avatar.traits["marks"] == ("dimples",)
    assert avatar.colours["frame_colour"] == "tortoise"
    assert avatar.traits["hearing"] == avatar.traits["hair_dye"] == "none"


def test_an_old_document_keeps_its_meaning(somebody: Avatar) -> None:
    document = json.loads(somebody.to_json())
    for later in ("hair_dye", "lashes", "frame_weight", "hearing"):
        del document["traits"][later]
    del document["colours"]["dye_colour"]
    with pytest.raises(BadAvatar, match="missing"):
        Avatar.from_json(json.dumps(document))
    old = Avatar.from_json(json.dumps(document | {"schema_version": 1}))
    assert old.traits == somebody.traits
    assert old.schema_version == somebody.schema_version


@pytest.mark.parametrize(
    "code",
    ["", "AQ", "no such code", "AQNzbHkPCgIFBAMEAAMAAwAAAgMAIAMAAAECZ7p", "é" * 40, "A" * 41],
)
def test_a_mistyped_share_code_is_refused(code: str) -> None:
    with pytest.raises(BadAvatar):
        Avatar.from_code(code)


def test_the_share_code_leaves_out_what_the_photo_gave(somebody: Avatar) -> None:
    unsure = somebody.model_copy(update={"confidence": {"nose": 0.3}})
    assert unsure.code() == somebody.code()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "JSON"),
        ("[]", "object"),
        ('{"traits": {}, "colours": {}}', "missing or unknown trait"),
        ('{"schema_version": 3}', "schema_version"),
    ],
)
def test_a_document_that_is_no_avatar_is_told_why(text: str, complaint: str) -> None:
    with pytest.raises(BadAvatar, match=complaint):
        Avatar.from_json(text, where="a.json")


def test_unknown_values_and_impossible_pairs_are_refused_in_a_document(somebody: Avatar) -> None:
    document = json.loads(somebody.to_json())
    for trait, value in (("nose", "long"), ("hair_style", "bald"), ("hair_style", "hidden")):
        spoilt = document | {"traits": document["traits"] | {trait: value}}
        with pytest.raises(BadAvatar):
            Avatar.from_json(json.dumps(spoilt))


def test_the_schema_names_every_trait_and_value() -> None:
    properties = Avatar.json_schema()["properties"]
    assert set(properties["traits"]["properties"]) == set(TRAITS)
    assert set(properties["colours"]["properties"]) == set(COLOURS)
    assert properties["traits"]["properties"]["nose"]["enum"] == list(TRAITS["nose"].values)


def test_low_confidence_leaves_a_trait_to_the_style(sly: Catalog) -> None:
    avatar = avatar_of(seen(nose=("broad", 0.9), lips=("full", 0.4)), sly.style)
    assert avatar.traits["nose"] == "broad"
    assert avatar.traits["lips"] == sly.style.defaults["lips"] != "full"
    assert avatar.confidence["nose"] == 0.9
    assert avatar.confidence["lips"] == 0.4


def test_the_bald_have_no_hair_colour_but_brows_of_the_likeliest(sly: Catalog) -> None:
    attributes = seen(hair_style=("bald", 0.9), hair_colour=("gray", 0.8))
    avatar = avatar_of(attributes, sly.style)
    assert avatar.traits["hair_colour"] == avatar.traits["hair_texture"] == "none"
    assert avatar.colour("hair_colour") is None
    assert avatar.colour("beard_colour") == "gray"


def test_a_headscarf_covers_hair_but_not_a_beard(sly: Catalog) -> None:
    attributes = seen(
        headwear=("headscarf", 0.9), facial_hair=("full_beard", 0.9), hair_style=("locs", 0.9)
    )
    avatar = avatar_of(attributes, sly.style)
    shown = {name for name, _, _ in sly.drawn(avatar.traits)}
    assert "facial_hair" in shown
    assert "hair_style" not in shown
    assert avatar.changed({"headwear": "none"}).traits["hair_style"] == "locs"


def test_hidden_hair_without_headwear_takes_the_next_guess(sly: Catalog) -> None:
    attributes = seen(hair_style=("hidden", 0.9))
    assert avatar_of(attributes, sly.style).traits["hair_style"] == "bald"


def test_changes_are_made_by_name_and_forget_the_confidence(sly: Catalog) -> None:
    avatar = avatar_of(seen(nose=("broad", 0.9)), sly.style)
    changed = avatar.changed({"nose": "button", "marks": "mole,freckles", "cloth_colour": "plum"})
    assert changed.traits["nose"] == "button"
    assert changed.traits["marks"] == ("freckles", "mole")
    assert changed.colours["cloth_colour"] == "plum"
    assert "nose" not in changed.confidence
    assert changed.changed({"marks": "none"}).traits["marks"] == ()


def test_going_bald_keeps_the_brows_colour_and_hair_grows_again(somebody: Avatar) -> None:
    bald = somebody.changed({"hair_colour": "red"}).changed({"hair_style": "bald"})
    assert bald.colour("beard_colour") == "red"
    assert bald.changed({"hair_style": "quiff"}).traits["hair_colour"] != "none"


@pytest.mark.parametrize(
    "changes",
    [
        {"hair": "long"},
        {"nose": "none"},
        {"hair_style": "hidden"},
        {"hair_style": "bald", "hair_colour": "red"},
        {"cloth_colour": "beige"},
        {"marks": "freckles,spots"},
    ],
)
def test_changes_that_cannot_be_are_refused(somebody: Avatar, changes: dict[str, str]) -> None:
    with pytest.raises(UnknownValue):
        somebody.changed(changes)


def test_the_outfit_is_picked_from_the_wardrobe_by_the_face(sly: Catalog) -> None:
    worn = set()
    for nose in TRAITS["nose"].values:
        avatar = avatar_of(seen(nose=(nose, 0.9)), sly.style)
        assert avatar == avatar_of(seen(nose=(nose, 0.9)), sly.style)
        worn.add((avatar.traits["outfit"], avatar.colours["cloth_colour"]))
        assert avatar.traits["outfit"] in sly.style.wardrobe["outfit"]
    assert len(worn) > 3


def test_a_random_child_has_no_beard(sly: Catalog) -> None:
    people = [random_avatar(seed, sly.style).traits for seed in range(120)]
    children = [traits for traits in people if traits["age"] == "child"]
    assert children
    assert all(traits["facial_hair"] == "none" and not traits["marks"] for traits in children)
    assert any(traits["facial_hair"] != "none" for traits in people)


def test_a_seed_gives_the_same_random_avatar_and_another_seed_another() -> None:
    assert random_avatar(5) == random_avatar(5)
    assert len({random_avatar(seed).code() for seed in range(50)}) == 50


def test_an_avatar_is_read_from_a_file_or_a_code(sly: Catalog, tmp_path) -> None:
    avatar = default_avatar(sly.style)
    file = tmp_path / "me.json"
    file.write_text(avatar.to_json(), encoding="utf-8")
    assert read_avatar(file) == read_avatar(str(file)) == read_avatar(avatar.code()) == avatar
    with pytest.raises(BadAvatar, match=r"gone\.json"):
        read_avatar(tmp_path / "gone.json")
