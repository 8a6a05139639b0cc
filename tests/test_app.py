from __future__ import annotations

import io
import json
import os
import re
import socket
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut, coffee

from stickers import pipeline
from stickers.avatar import Avatar, default_avatar, random_avatar
from stickers.catalog import Catalog
from stickers.compose import compose
from stickers.errors import PhotoError, UnknownValue
from stickers.records import Analysis, Guess
from stickers.traits import COLOURS, HAIRLESS, PREDICTED, TRAITS
from stickers.web import app as webapp
from stickers.web import visit
from stickers.web.markup import swatches_css
from stickers.web.studio import (
    GROUPS,
    WORDS,
    choices,
    describe,
    edited,
    offered,
    picker_looks,
    unsure_of,
)

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


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_a_picker_that_is_not_offered_would_change_nothing(sly: Catalog, seed: int) -> None:
    who = random_avatar(seed, sly.style)
    assert {"skin_tone", "nose", "cloth_colour"} <= offered(who, sly)
    for name in sorted(set(PICKERS) - offered(who, sly)):
        other = next(
            (v for _, v in choices(name, who) if v != picker_looks(who, sly)[name]["value"])
        )
        after = edited(who, {name: other})
        assert drawn(after, sly) == drawn(who, sly), name


def test_an_offered_colour_changes_the_picture(sly: Catalog, somebody: Avatar) -> None:
    worn = somebody.changed({"glasses": "round", "headwear": "cap"})
    for name in sorted(offered(worn, sly) & {"hair_colour", *COLOURS}):
        other = choices(name, worn)[-1][1]
        assert drawn(worn.changed({name: other}), sly) != drawn(worn, sly), name


def test_every_choice_can_be_made(sly: Catalog, somebody: Avatar) -> None:
    for who in (somebody, somebody.changed({"hair_style": "bald"}), random_avatar(5, sly.style)):
        for name in sorted(offered(who, sly)):
            for label, value in choices(name, who):
                given: Any = [value] if name in TRAITS and TRAITS[name].many else value
                after = edited(who, {name: given})
                assert picker_looks(after, sly)[name]["value"] == given
                assert label[0].isupper() or label[0].isdigit()


def test_picks_that_came_too_late_are_passed_over(sly: Catalog, somebody: Avatar) -> None:
    looks = {name: look["value"] for name, look in picker_looks(somebody, sly).items()}
    picks: Any = looks
    assert edited(somebody, picks) == somebody
    bald = edited(somebody, picks | {"hair_style": "bald", "hair_colour": "red"})
    assert bald.traits["hair_style"] in HAIRLESS
    assert edited(bald, picks | {"hair_style": "bald", "nose": "broad"}).traits["nose"] == "broad"
    assert edited(somebody, picks | {"hair_style": "hidden"}) == somebody
    assert edited(somebody, picks | {"marks": ["mole", "freckles"]}).traits["marks"] == (
        "freckles",
        "mole",
    )


def test_every_colour_has_a_swatch(sly: Catalog) -> None:
    css = swatches_css(sly.style)
    for slot in ("skin_tone", "hair_colour", "eye_colour", *COLOURS):
        for name in sly.style.palettes[sly.style.palette_of.get(slot, slot)]:
            assert sly.style.palette(slot, name)["base"] in css
    assert "#pick-beard_colour label:nth-of-type(2) {--swatch: #2b2630}" in css


# What happens.


def test_a_photo_is_met_with_questions(monkeypatch: pytest.MonkeyPatch, somebody: Avatar) -> None:
    monkeypatch.setattr(pipeline, "analyze", lambda photo: seen(somebody, nose=0.2))
    shown = visit.look(b"a photo", None)
    assert "not sure about the nose" in str(shown["said"])
    traits = shown["session"].avatar.traits  # type: ignore[attr-defined]
    assert traits == somebody.traits | {"outfit": traits["outfit"]}
    question: Any = shown["ask-0"]
    assert question["visible"] and "nose" in question["label"]
    assert len(question["choices"]) == 3
    assert not shown["ask-1"]["visible"]  # type: ignore[index]
    session: Any = shown["session"]
    answered = visit.answer(session, 0, "broad")
    assert answered["pick-nose"] == {"value": "broad"}
    assert "not sure" not in str(answered["said"])


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()


def test_a_real_photo_becomes_an_avatar_in_words() -> None:
    shown = visit.look(jpeg(astronaut()), None)
    session: Any = shown["session"]
    assert session.avatar == pipeline.avatar_from_photo(jpeg(astronaut()))
    assert "brown" in str(shown["said"])
    assert "data:image/svg+xml" in str(shown["portrait"])


def test_what_goes_wrong_is_said_and_loses_nothing(somebody: Avatar) -> None:
    session = visit.Session(somebody)
    shown = visit.look(b"no picture", session)
    assert set(shown) == {"said"}
    assert "not a photo I can read" in str(shown["said"])
    assert "Short messy hair" in str(shown["said"])

    shown = visit.look(jpeg(coffee()), None)
    assert "in good light" in str(shown["said"])
    assert set(visit.open_link("AQNzb")) == {"said"}
    assert visit.open_link("") == {}


def test_each_error_of_a_photo_has_a_sentence() -> None:
    for kind in (PhotoError, *PhotoError.__subclasses__()):
        said = visit.kindly(kind("what failed", where="/tmp/file.jpg", hint="what to do"))
        assert said.endswith(".") and "/tmp" not in said and "what failed" not in said
    assert visit.kindly(UnknownValue("no such thing", hint="use another")) == (
        "No such thing. Use another"
    )


def test_the_zip_holds_the_whole_pack(somebody: Avatar, sly: Catalog) -> None:
    with zipfile.ZipFile(io.BytesIO(visit.zip_of(visit.Session(somebody)))) as archive:
        names = set(archive.namelist())
        assert {"avatar.json", "avatar.svg", "avatar.png", "sheet.png"} <= names
        for scene in sly.style.scenes:
            assert {f"stickers/{scene}.{kind}" for kind in ("svg", "webp", "png")} <= names
        assert Avatar.from_json(archive.read("avatar.json")) == somebody
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


# The page, served.


def is_skip(given: object) -> bool:
    """Whether a part of an answer says that nothing changes."""
    return isinstance(given, dict) and set(given) <= {"__type__", "props"}


@dataclass
class Site:
    """The running page, spoken to as its own script does."""

    url: str
    folder: Path
    outside: list[str]

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = httpx.get(f"{self.url}config").json()
        return config

    def call(self, name: str, *data: Any, visitor: str, query: str = "") -> dict[str, Any]:
        """Named parts of the page that ``name`` changes."""
        config = self.config()
        event = next(d for d in config["dependencies"] if d["api_name"] == name)
        named = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
        body = {"data": list(data), "fn_index": event["id"], "session_hash": visitor}
        api = f"{self.url}gradio_api"
        joined = httpx.post(f"{api}/queue/join{query}", json=body)
        assert joined.status_code == 200, joined.text
        with httpx.stream("GET", f"{api}/queue/data?session_hash={visitor}", timeout=30) as lines:
            for line in lines.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    outputs = message["output"]["data"]
                    return {
                        str(named[i]): given
                        for i, given in zip(event["outputs"], outputs, strict=True)
                        if named[i] and not is_skip(given)
                    }
        raise AssertionError("no answer")

    def upload(self, data: bytes, name: str) -> dict[str, Any]:
        sent = httpx.post(f"{self.url}gradio_api/upload", files={"files": (name, data)})
        return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}

    def files(self) -> list[Path]:
        return [p for p in self.folder.rglob("*") if p.is_file()]


LOCAL = {"127.0.0.1", "::1", "localhost", "0.0.0.0", None}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    outside: list[str] = []
    watching = True

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if not watching or event not in ("socket.connect", "socket.getaddrinfo"):
            return
        host = args[0] if event == "socket.getaddrinfo" else args[1]
        host = host[0] if isinstance(host, tuple) else host
        if host not in LOCAL and not str(host).startswith("/"):
            outside.append(f"{event} {host}")

    sys.addaudithook(watch)
    folder = tmp_path_factory.mktemp("gradio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        app = webapp.create_app()
        assert not app.analytics_enabled
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        _, url, _ = webapp.launch(
            app, prevent_thread_lock=True, server_name="127.0.0.1", server_port=port
        )
        yield Site(url, folder, outside)
        app.close()
    watching = False


def visitor() -> str:
    return uuid4().hex[:11]


def test_the_page_loads_nothing_from_elsewhere(site: Site) -> None:
    page = httpx.get(site.url).text
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=[\"']([^\"']+)", page)
    theme = httpx.get(f"{site.url}theme.css").text
    styles = theme + site.config()["css"]
    loaded += re.findall(r"(?:url\(|@import\s)\s*[\"']?([^\"')]+)", styles)
    assert loaded
    assert [link for link in loaded if re.match(r"(https?:)?//", link)] == []
    assert "stickersLink" in site.config()["head"]


def test_a_visit(site: Site) -> None:
    me, other = visitor(), visitor()
    met = site.call("make_up", visitor=me)
    who = Avatar.from_code(met["code"])
    assert unescape(describe(who)) in unescape(met["said"])
    assert 'src="data:image/svg+xml;base64,' in met["portrait"]
    picks = [v["value"] for k, v in met.items() if k.startswith("pick-")]
    assert len(picks) == len(PICKERS)

    tone = "1" if who.traits["skin_tone"] != "1" else "10"
    picks[PICKERS.index("skin_tone")] = tone
    changed = site.call("edit", None, *picks, visitor=me)
    now = Avatar.from_code(changed["code"])
    assert now.traits == {**who.traits, "skin_tone": tone}
    assert not [part for part in changed if part.startswith("pick-")]  # none is overwritten

    theirs = site.call("make_up", visitor=other)["code"]
    pack = site.call("draw", None, visitor=me)["pack"]
    assert pack.count("<li>") == len(visit.catalog().style.scenes)
    mine = re.search(r'download="avatar.svg" href="data:[^,]+,([^"]+)', pack)
    assert mine and mine[1] in changed["portrait"]
    assert theirs != changed["code"]

    linked = site.call("open", visitor=visitor(), query=f"?avatar={now.code()}")
    assert (linked["code"], linked["portrait"]) == (changed["code"], changed["portrait"])
    assert site.call("open", visitor=visitor()) == {}


def test_a_photo_is_deleted_whatever_it_shows(site: Site) -> None:
    me = visitor()
    site.call("make_up", visitor=me)
    photo = site.upload(b"no picture at all", "me.jpg")
    assert [p.name for p in site.files()] == ["me.jpg"]
    shown = site.call("look", photo, None, visitor=me)
    assert "not a photo I can read" in shown["said"]
    assert "code" not in shown and shown["photo"] is None
    assert site.files() == []
    again = site.call("look", photo, None, visitor=me)
    assert "choose it once more" in again["said"]


def test_a_file_that_nobody_sent_is_not_touched(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"mine")
    with pytest.raises(AssertionError):
        site.call(
            "look",
            {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
            None,
            visitor=visitor(),
        )
    shown = site.call("look", {"path": str(secret)}, None, visitor=visitor())
    assert "choose it once more" in shown["said"]
    assert secret.read_bytes() == b"mine"


def test_the_zip_comes_through(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "zip_of", lambda session: session.avatar.to_json().encode())
    me = visitor()
    code = site.call("make_up", visitor=me)["code"]
    file = site.call("save", None, visitor=me)["zip-file"]
    sent = httpx.get(file["url"])
    assert file["orig_name"] == "stickers.zip"
    assert Avatar.from_json(sent.content) == Avatar.from_code(code)
    Path(file["path"]).unlink()


def test_nothing_went_outside(site: Site) -> None:
    assert site.outside == []


def test_a_port_that_is_taken_is_said(site: Site) -> None:
    with pytest.raises(UnknownValue, match=r"cannot listen on 127.0.0.1, port \d+: choose another"):
        webapp.serve("127.0.0.1", httpx.URL(site.url).port)


def test_the_folder_of_uploads_goes_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with webapp._own_folder():
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        (folder / "left.txt").write_text("over")
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists() and "GRADIO_TEMP_DIR" not in os.environ


def test_app_py_is_the_same() -> None:
    source = (Path(__file__).parents[1] / "app.py").read_text(encoding="utf-8")
    assert "from stickers.web.app import serve" in source
    assert default_avatar(visit.catalog().style).code()
