"""The web app as it is served, spoken to as its own script does."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import tomllib
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from stickers.avatar import Avatar, default_avatar, random_avatar
from stickers.compose import compose
from stickers.errors import UnknownValue
from stickers.web import app as webapp
from stickers.web.pictures import LARGE_SIDE, PART_SIDE, SMALL_SIDE, catalog
from stickers.web.session import Draft
from stickers.web.studio import describe


@dataclass
class Site:
    """The running page."""

    url: str
    folder: Path

    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = httpx.get(f"{self.url}config").json()
        return config

    def call(self, name: str, *, visitor: str, query: str = "", **said: Any) -> dict[str, Any]:
        """Named parts of the page that ``name`` changes, ``said`` being told of the event."""
        config = self.config()
        event = next(d for d in config["dependencies"] if d["api_name"] == name)
        named = {c["id"]: c["props"].get("elem_id") for c in config["components"]}
        body = {
            "data": [None for _ in event["inputs"]],
            "event_data": said,
            "fn_index": event["id"],
            "session_hash": visitor,
        }
        api = f"{self.url}gradio_api"
        joined = httpx.post(f"{api}/queue/join{query}", json=body)
        assert joined.status_code == 200, joined.text
        with httpx.stream("GET", f"{api}/queue/data?session_hash={visitor}", timeout=60) as lines:
            for line in lines.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    assert message["success"], message
                    outputs = message["output"]["data"]
                    return {
                        str(named[i]): given
                        for i, given in zip(event["outputs"], outputs, strict=True)
                        if named[i] and not isinstance(given, dict)
                    }
        raise AssertionError("no answer")

    def picture(self, address: str) -> Image.Image:
        got = httpx.get(self.url + address, timeout=60)
        assert got.status_code == 200, got.text
        return Image.open(io.BytesIO(got.content))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
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
        yield Site(url, folder)
        app.close()


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


def test_a_visit(site: Site) -> None:
    me = visitor()
    met = site.call("surprise", visitor=me)
    who = Avatar.from_code(met["code"])
    assert unescape(describe(who)) in unescape(met["said"])
    assert 'src="data:image/svg+xml;base64,' in met["portrait"]

    tone = "1" if who.traits["skin_tone"] != "1" else "10"
    picked = {"picker": "skin_tone", "value": tone, "on": True}
    changed = site.call("pick_editor", visitor=me, **picked)
    now = Avatar.from_code(changed["code"])
    assert now.traits == {**who.traits, "skin_tone": tone}
    assert site.call("undo", visitor=me)["code"] == met["code"]
    assert site.call("redo", visitor=me)["code"] == changed["code"]

    linked = site.call("open", visitor=visitor(), query=f"?avatar={now.code()}")
    assert (linked["code"], linked["portrait"]) == (changed["code"], changed["portrait"])
    assert site.call("open", visitor=visitor()) == {}


def test_a_photo_never_becomes_a_file(site: Site) -> None:
    me = visitor()
    site.call("surprise", visitor=me)
    for said, answer in (
        ({"photo": b64encode(b"no picture at all").decode()}, "not a photo I can read"),
        ({"photo": "%"}, "choose it once more"),
        ({"size": 99 * 2**20}, "too large"),
    ):
        shown = site.call("look", visitor=me, **said)
        assert set(shown) == {"said"} and answer in shown["said"]
    assert [path for path in site.folder.rglob("*") if path.is_file()] == []


def test_many_at_once_are_served_and_none_is_mistaken(site: Site) -> None:
    def visit_(number: int) -> bool:
        me, who = visitor(), random_avatar(number)
        met = site.call("take", visitor=me, code=who.code())
        other = site.call("random", visitor=me)
        back = site.call("undo", visitor=me)
        return met["code"] == back["code"] == who.code() and other["code"] != who.code()

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(visit_, range(20)))


def test_a_page_whose_session_is_gone_says_so(site: Site) -> None:
    assert "load it again" in site.call("undo", visitor=visitor())["said"]


def test_pictures_come_from_their_address_alone(site: Site) -> None:
    who = default_avatar(catalog().style)
    code = who.code()
    assert site.picture(f"part/{code}/nose/broad.webp").size == (PART_SIDE, PART_SIDE)
    assert site.picture(f"part/{code}/hair_style/bald.webp").size == (PART_SIDE, PART_SIDE)
    assert site.picture(f"sticker/{code}/bye.webp").size == (512, 512)
    assert site.picture(f"sticker/{code}/bye.webp?small=1").size == (SMALL_SIDE, SMALL_SIDE)
    assert site.picture(f"avatar/{code}.png").size == (LARGE_SIDE, LARGE_SIDE)
    plain = site.picture(f"sticker/{code}/bye.webp")
    assert site.picture(f"sticker/{code}/bye.webp?says=so%20long") != plain
    assert httpx.get(f"{site.url}avatar/{code}.svg").text == compose(who, catalog()).svg
    assert Avatar.from_json(httpx.get(f"{site.url}avatar/{code}.json").content) == who


@pytest.mark.parametrize(
    "address",
    [
        "part/nobody/nose/broad.webp",
        "part/{code}/nose/long.webp",
        "part/{code}/tail/long.webp",
        "part/{code}/hair_style/hidden.webp",
        "sticker/{code}/dinner.webp",
        "sticker/{code}/bye.webp?says=%E2%98%83",
        "avatar/{code}.exe",
    ],
)
def test_an_address_of_nothing_is_refused_in_a_line(site: Site, address: str) -> None:
    code = default_avatar(catalog().style).code()
    got = httpx.get(site.url + address.format(code=code))
    assert got.status_code == 404
    assert len(got.text.splitlines()) == 1 and "Traceback" not in got.text


def test_the_zip_comes_through(site: Site) -> None:
    out = frozenset(sorted(catalog().style.scenes)[1:])
    draft = Draft(random_avatar(7), left_out=out)
    form = {"draft": draft.to_json(), "title": "Żółw; \r\n me", "author": ""}
    got = httpx.post(f"{site.url}pack.zip", data=form, timeout=60)
    assert got.status_code == 200
    assert "filename*=UTF-8''%C5%BB%C3%B3%C5%82w" in got.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert Avatar.from_json(archive.read("avatar.json")) == draft.avatar
        assert json.loads(archive.read("pack.json"))["author"] == "Me"
    refused = httpx.post(f"{site.url}pack.zip", data={"draft": "{}"})
    assert refused.status_code == 422 and "load the page again" in refused.text


def test_a_port_that_is_taken_is_said(site: Site) -> None:
    with pytest.raises(UnknownValue, match=r"cannot listen on 127.0.0.1, port \d+: choose another"):
        webapp.serve("127.0.0.1", httpx.URL(site.url).port)


def test_the_folder_of_gradio_goes_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with webapp._own_folder():
        folder = Path(os.environ["GRADIO_TEMP_DIR"])
        (folder / "left.txt").write_text("over")
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists() and "GRADIO_TEMP_DIR" not in os.environ


def test_a_hosted_space_installs_what_the_package_needs() -> None:
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = [*project["dependencies"], *project["optional-dependencies"]["app"]]
    assert [line for line in lines if not line.startswith("#")] == needed


def test_nobody_can_leave_files(site: Site) -> None:
    photo = {"files": ("me.jpg", b"a photo that the page would never send")}
    sent = httpx.post(f"{site.url}gradio_api/upload", files=photo)
    assert sent.status_code >= 400
    assert [path for path in site.folder.rglob("*") if path.is_file()] == []
