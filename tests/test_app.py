from __future__ import annotations

import io
import json
import re
import zipfile
from html import unescape

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut, coffee

from stickers import pipeline
from stickers.avatar import Avatar, random_avatar
from stickers.catalog import Catalog, values_of
from stickers.compose import compose
from stickers.errors import BadAvatar, NoFace, PhotoError, UnknownValue
from stickers.export.targets import TARGETS
from stickers.face import CROP_SIDE
from stickers.records import Analysis, Face, Guess
from stickers.traits import COLOURS, PREDICTED, TRAITS
from stickers.web import visit
from stickers.web.markup import editor_html, gallery_html
from stickers.web.pictures import zip_of
from stickers.web.session import STEPS, Draft, Session
from stickers.web.studio import GROUPS, WORDS, choices, describe, offered, picked, unsure_of

PICKERS = [name for group in GROUPS.values() for name in group]
VALUES = {v for t in TRAITS.values() for v in t.values} | {c for n in COLOURS.values() for c in n}


def drawn(avatar: Avatar, catalog: Catalog) -> str:
    """The portrait without the mark of who it is, which its ids carry."""
    return re.sub(r"\bs[0-9a-f]{8}", "s", compose(avatar, catalog).svg)


def seen(who: Avatar, **confidence: float) -> Analysis:
    """What a photo of ``who`` would give, as sure as said."""
    guesses = {}
    for t in PREDICTED:
        value = who.traits[t.name]
        values = value if isinstance(value, tuple) else (value,)
        sure = confidence.get(t.name, 0.9)
        rest = [v for v in t.predicted if v not in values]
        ranked = [(v, sure) for v in values] + [(v, (1 - sure) / len(rest)) for v in rest]
        guesses[t.name] = Guess(values, sure, tuple(ranked))
    return Analysis("<bytes>", (0, 0, 9, 9), 1, guesses, {})


# What is said and offered.


def test_every_trait_and_colour_has_one_picker() -> None:
    assert sorted(PICKERS) == sorted([*TRAITS, *COLOURS])
    assert set(WORDS) <= VALUES


def test_an_avatar_in_words(somebody: Avatar) -> None:
    bob = somebody.changed({"hair_style": "bob_wavy", "eye_colour": "green"})
    assert describe(bob) == "Wavy bob, dark brown; green eyes."
    unsure = bob.model_copy(update={"confidence": {"nose": 0.15, "lips": 0.4, "age": 0.9}})
    assert describe(unsure).endswith("not sure about the nose and the lips.")
    worn = bob.changed({"glasses": "cat_eye", "marks": "freckles", "headwear": "cap"})
    assert describe(worn) == "Wavy bob, dark brown; green eyes; cat-eye glasses; cap; freckles."
    assert describe(bob.changed({"hair_style": "bald"})) == "Bald; green eyes."


def test_the_least_certain_come_first_and_only_what_applies(somebody: Avatar) -> None:
    sure = {"nose": 0.15, "lips": 0.2, "hair_colour": 0.1, "age": 0.9, "marks": 0.01}
    unsure = somebody.model_copy(update={"confidence": sure})
    assert unsure_of(unsure) == ("lips", "nose", "hair_colour")
    assert "hair_colour" not in unsure_of(unsure.changed({"hair_style": "bald"}))


def values(avatar: Avatar, picker: str) -> tuple[str, ...]:
    return values_of(avatar.traits[picker] if picker in TRAITS else avatar.colours[picker])


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_a_picker_that_is_not_offered_would_change_nothing(sly: Catalog, seed: int) -> None:
    who = random_avatar(seed, sly.style)
    assert {"skin_tone", "nose", "cloth_colour"} <= offered(who, sly)
    for name in sorted(set(PICKERS) - offered(who, sly) - {"hair_colour", "hair_texture"}):
        other = next(v for _, v in choices(name, who) if v not in values(who, name))
        assert drawn(picked(who, name, other), sly) == drawn(who, sly), name


def test_an_offered_colour_changes_the_picture(sly: Catalog, somebody: Avatar) -> None:
    worn = somebody.changed({"glasses": "round", "headwear": "cap"})
    for name in sorted(offered(worn, sly) & {"hair_colour", *COLOURS}):
        other = choices(name, worn)[-1][1]
        assert drawn(worn.changed({name: other}), sly) != drawn(worn, sly), name


def test_every_choice_can_be_made(sly: Catalog, somebody: Avatar) -> None:
    for who in (somebody, somebody.changed({"hair_style": "bald"}), random_avatar(5, sly.style)):
        for name in sorted(offered(who, sly)):
            for label, value in choices(name, who):
                assert value in values(picked(who, name, value), name)
                assert label[0].isupper() or label[0].isdigit()


def test_of_many_marks_one_is_added_or_taken_away(somebody: Avatar) -> None:
    both = picked(picked(somebody, "marks", "mole"), "marks", "freckles")
    assert both.traits["marks"] == ("freckles", "mole")
    assert picked(both, "marks", "mole", on=False).traits["marks"] == ("freckles",)
    assert picked(somebody, "marks", "mole", on=False) == somebody


# Steps back and forward.


def test_steps_are_taken_back_and_again(somebody: Avatar) -> None:
    first = Draft(somebody)
    second, third = Draft(somebody, {"bye": "hi"}), Draft(somebody, left_out=frozenset({"k"}))
    session = Session((first,)).changed(second).changed(third)
    assert session.moved(-1).draft == second
    assert session.moved(-9).draft == first
    assert session.moved(-2).moved(1).draft == second
    assert session.moved(-2).changed(third).steps == (first, third)
    assert session.changed(third) is session
    assert session.reset().draft == first
    assert session.reset().moved(-1).draft == third


def test_the_first_step_is_never_forgotten(somebody: Avatar) -> None:
    session = Session((Draft(somebody),))
    for number in range(3 * STEPS):
        session = session.changed(Draft(somebody, {"bye": str(number)}))
    assert len(session.steps) == STEPS + 1
    assert session.reset().avatar == somebody
    assert session.draft.captions == {"bye": str(3 * STEPS - 1)}


def test_a_draft_survives_the_way_through_the_page(somebody: Avatar) -> None:
    draft = Draft(somebody, {"bye": "“so” & <long>"}, frozenset({"k", "rage"}))
    assert Draft.from_json(draft.to_json()) == draft
    for text in (
        "",
        "[]",
        "{}",
        '{"avatar": "x", "captions": {}, "left_out": []}',
        '{"avatar": 1}',
    ):
        with pytest.raises(BadAvatar):
            Draft.from_json(text)


# What happens.


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


def face(shade: int = 0) -> Face:
    side = (CROP_SIDE, CROP_SIDE)
    crop, mask = np.full((*side, 3), shade, np.uint8), np.ones(side, np.float32)
    return Face(crop, mask, None, (0, 0, 9, 9), 0.0, 1, "<bytes>")


def begun(shown: visit.Shown) -> Session:
    session = shown["session"]
    assert isinstance(session, Session)
    return session


def test_a_photo_is_met_with_questions(monkeypatch: pytest.MonkeyPatch, somebody: Avatar) -> None:
    monkeypatch.setattr(
        pipeline, "analyze_faces", lambda photo: ((face(), seen(somebody, nose=0.2)),)
    )
    shown = visit.look(b"a photo", None)
    assert "not sure about the nose" in str(shown["said"])
    traits = begun(shown).avatar.traits
    assert traits == somebody.traits | {"outfit": traits["outfit"]}
    question = str(shown["asked"])
    assert "Not sure: which nose?" in question and question.count("<input") == 3
    answered = visit.pick(begun(shown), "nose", "broad")
    assert begun(answered).avatar.traits["nose"] == "broad"
    assert "not sure" not in str(answered["said"])


def test_of_several_faces_another_can_be_taken(
    monkeypatch: pytest.MonkeyPatch, somebody: Avatar
) -> None:
    other = somebody.changed({"hair_style": "afro_big"})
    found = ((face(10), seen(somebody)), (face(200), seen(other)))
    monkeypatch.setattr(pipeline, "analyze_faces", lambda photo: found)
    shown = visit.look(b"a photo", None)
    assert str(shown["found"]).count("<img") == 2 and "Which one is you?" in str(shown["found"])
    second = visit.choose_face(begun(shown), 1)
    assert begun(second).avatar.traits["hair_style"] == "afro_big"
    assert "found" not in second  # the faces stay to be chosen from
    back = visit.choose_face(begun(second), 0)
    assert begun(back).avatar == begun(shown).avatar


def test_a_real_photo_becomes_an_avatar_in_words() -> None:
    shown = visit.look(jpeg(astronaut()), None)
    assert begun(shown).avatar == pipeline.avatar_from_photo(jpeg(astronaut()))
    assert "hair, dark blonde; blue eyes" in str(shown["said"])
    assert "data:image/svg+xml" in str(shown["portrait"])
    assert str(shown["found"]).count("data:image/jpeg") == 1


def test_a_session_keeps_no_photo() -> None:
    kept = begun(visit.look(jpeg(astronaut()), None))
    assert len(repr(kept)) < 20_000
    assert "array" not in repr(kept) and "base64" not in repr(kept)


def test_what_goes_wrong_is_said_and_loses_nothing(somebody: Avatar) -> None:
    session = Session((Draft(somebody),))
    shown = visit.look(b"no picture", session)
    assert set(shown) == {"said"}
    assert "not a photo I can read" in str(shown["said"])
    assert "Short messy hair" in str(shown["said"])

    assert "in good light" in str(visit.look(jpeg(coffee()), None)["said"])
    night = (astronaut() * 0.004).astype(np.uint8)
    assert "too dark" in str(visit.look(jpeg(night), None)["said"])
    assert set(visit.open_link("AQNzb")) == {"said"}
    assert visit.open_link("") == {}
    assert set(visit.pick(session, "hair_style", "hidden")) == {"said"}
    assert set(visit.asleep()) == {"said"}


def test_each_error_of_a_photo_has_a_sentence() -> None:
    for kind in (PhotoError, *PhotoError.__subclasses__(), *NoFace.__subclasses__()):
        said = visit.kindly(kind("what failed", where="/tmp/file.jpg", hint="what to do"))
        assert said.endswith(".") and "/tmp" not in said and "what failed" not in said
    assert visit.kindly(UnknownValue("no such thing", hint="use another")) == (
        "No such thing. Use another."
    )


def test_somebody_else_can_be_undone(somebody: Avatar) -> None:
    met = visit.take(None, somebody.code())
    assert begun(met).avatar == somebody
    other = visit.make_up(begun(met), seed=3)
    assert begun(other).avatar != somebody
    assert other["undo"] == {"interactive": True}
    assert begun(visit.move(begun(other), -1)).avatar == somebody
    assert begun(visit.reset(begun(other))).avatar == somebody


def test_words_of_ones_own(somebody: Avatar) -> None:
    session = Session((Draft(somebody),))
    said = begun(visit.say(session, "bye", "  so <long> "))
    assert said.draft.captions == {"bye": "so <long>"}
    assert 'value="so &lt;long&gt;"' in gallery_html(said.draft)
    assert begun(visit.say(said, "bye", "bye.")).draft.captions == {}
    assert begun(visit.say(said, "bye", "")).draft.captions == {"bye": ""}
    for text, why in (
        ("hello ☃", "leave out ☃"),
        ("w" * 40, "too long to be read"),
        ("so " * 30, "40 or fewer"),
    ):
        refused = visit.say(said, "bye", text)
        assert set(refused) == {"gallery"}
        shown = unescape(str(refused["gallery"]))
        assert why.lower() in shown.lower() and f'value="{text}"' in shown


def test_stickers_are_left_out_and_taken_in(somebody: Avatar) -> None:
    session = Session((Draft(somebody),))
    less = visit.keep(session, "rage", False)
    assert begun(less).draft.left_out == {"rage"}
    assert "Download 39 stickers" in str(less["send"])
    assert begun(visit.keep(begun(less), "rage", True)).draft == session.draft


def test_the_editor_shows_one_picker_with_what_is_chosen(somebody: Avatar) -> None:
    session = begun(visit.turn_to(Session((Draft(somebody),)), "skin_tone"))
    page = editor_html(session)
    assert re.findall(r'value="(\w+)" checked', page) == [somebody.traits["skin_tone"]]
    assert page.count('type="radio"') == 10 and "background:#" in page
    assert 'data-picker="skin_tone" aria-pressed="true">Skin tone' in page
    bald = begun(visit.pick(session, "hair_style", "bald"))
    gone = editor_html(begun(visit.turn_to(bald, "hair_colour")))
    assert "<legend>Hair style</legend>" in gone


def test_the_zip_holds_the_pack_that_was_asked_for(somebody: Avatar, sly: Catalog) -> None:
    out = frozenset(sly.style.scenes) - {"bye", "k", "rage"}
    draft = Draft(somebody, {"bye": "so long"}, out)
    data = zip_of(draft, "Us", "Me", ("telegram",))
    assert data == zip_of(draft, "Us", "Me", ("telegram",))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        assert {"avatar.json", "avatar.svg", "avatar.png", "sheet.png", "pack.json"} <= names
        for scene in sly.style.scenes:
            for kind in ("svg", "webp", "png"):
                assert (f"stickers/{scene}.{kind}" in names) == (scene not in out)
        assert Avatar.from_json(archive.read("avatar.json")) == somebody
        told = json.loads(archive.read("pack.json"))
        assert told["title"] == "Us" and told["author"] == "Me"
        assert told["stickers"][0]["alt"].startswith("“so long”")
        assert any(name.startswith("for/telegram/") for name in names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_pack_that_cannot_be_is_refused(somebody: Avatar, sly: Catalog) -> None:
    nothing = Draft(somebody, left_out=frozenset(sly.style.scenes))
    with pytest.raises(UnknownValue, match="the pack is empty"):
        zip_of(nothing, "Us", "Me")
    assert "disabled" in str(visit.keep(Session((nothing,)), "bye", False)["send"])
    assert set(TARGETS) == set(
        re.findall(
            r'name="for" value="(\w+)"', str(visit.reset(Session((Draft(somebody),)))["send"])
        )
    )
