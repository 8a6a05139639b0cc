"""The screens' server: who gets in, what is sent and taken, what harms nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from rater_tools.answers import read_answers
from rater_tools.assignment import Desk
from rater_tools.plan import rater_called
from rater_tools.store import Entry, Item, Rater, Store
from rater_tools.web.app import create_app
from rater_tools.web.guard import COOKIE, Guard, Visitor
from rater_tools.web.server import serve
from raters_help import NASTY, filled, photographs, raters
from stickers.errors import UnknownValue

SITE = "http://127.0.0.1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled(tmp_path, 3, ("glasses", "hair_style"), overlap=2)


def client(store: Store, **options: str) -> TestClient:
    app = create_app(Desk(store, gold=0), hosts=("127.0.0.1",), **options)
    return TestClient(app, base_url=SITE)


@pytest.fixture
def ada(store: Store) -> Iterator[TestClient]:
    """Somebody who is signed in where no code is asked."""
    with client(store) as c:
        c.post("/sign-in", data={"name": "Ada", "join": "true"})
        yield c


def reply(task: int, token: str = "token-one", **what: object) -> dict[str, object]:
    said = {"task": task, "token": token, "attribute": "glasses", "kind": "value", "value": "round"}
    return said | what


def test_without_the_code_no_screen_opens(store: Store) -> None:
    pages = ("/home", "/rate/glasses", "/judge/identity", "/manage", "/photo/1", "/sticker/1")
    with client(store, code="sesame") as c:
        for page in (*pages, "/tile/glasses/round"):
            assert c.get(page).status_code == 401
        for call in ("/api/take", "/api/reply", "/api/undo", "/manage/pause", "/manage/add"):
            assert c.post(call, json={}).status_code == 401
        for code in ("", "Sesame", "sesame "):
            answer = c.post("/sign-in", data={"name": "Eve", "code": code, "join": "true"})
            assert answer.status_code == 403
            assert COOKIE not in c.cookies
        page = c.get("/home", headers={"accept": "text/html"})
        assert page.url.path == "/"
        c.post("/sign-in", data={"name": "Ada", "code": "sesame", "join": "true"})
        assert c.get("/home").status_code == 200
        assert c.get("/manage").status_code == 403
    with store.read() as session:
        assert list(session.scalars(select(Rater.name))) == ["Ada"]


def test_a_cookie_is_of_this_site_this_code_and_this_rater(store: Store) -> None:
    secret = store.secret()
    guard = Guard(secret, "sesame")
    cookie = guard.cookie(Visitor(1, manager=False))
    assert guard.visitor(cookie) == Visitor(1, manager=False)
    assert Guard(secret, "another code").visitor(cookie) is None
    assert Guard("another secret", "sesame").visitor(cookie) is None
    assert guard.visitor(cookie.replace("1.0.", "2.1.", 1)) is None
    assert guard.visitor("") is None
    assert store.secret() == secret


def test_the_managers_screen_needs_the_managers_code(store: Store) -> None:
    with client(store, code="sesame", manager_code="boss") as c:
        c.post("/sign-in", data={"name": "Mia", "code": "boss", "join": "true"})
        c.post("/manage/add", data={"name": NASTY})
        page = c.get("/manage").text
        assert "“O&#39;Hara” &lt;b&gt;&amp;amp;&lt;/b&gt;" in page
        assert "<b>&amp;" not in page
        c.post("/manage/pause", data={"name": NASTY, "paused": "true"})
    with store.read() as session:
        assert rater_called(session, NASTY).paused


def test_a_new_name_is_asked_about_before_it_becomes_a_rater(store: Store) -> None:
    with client(store) as c:
        page = c.post("/sign-in", data={"name": NASTY})
        assert "has rated here yet" in page.text
        assert "<b>&amp;</b>" not in page.text
        with store.read() as session:
            assert not list(session.scalars(select(Rater)))
        assert "Please say who you are" in c.post("/sign-in", data={"name": "  "}).text


def test_photos_come_by_number_and_only_from_the_imported_folder(
    ada: TestClient, store: Store, tmp_path: Path
) -> None:
    photo = ada.get("/photo/1")
    assert photo.headers["content-type"] == "image/png"
    assert photo.content == (tmp_path / "photos" / "p000.png").read_bytes()
    secret = photographs(tmp_path / "secret", 1, 32) / "p000.png"
    (tmp_path / "notes.png.txt").write_text("private")
    with store.write() as session:
        folder = str(tmp_path / "photos")
        session.add(Item(name="up", folder=folder, file="../secret/p000.png"))
        session.add(Item(name="absolute", folder=folder, file=str(secret)))
        session.add(Item(name="text", folder=str(tmp_path), file="notes.png.txt"))
    for number in (4, 5, 6, 7, 99):
        assert ada.get(f"/photo/{number}").status_code == 404
    for path in (
        "/photo/..%2fp000.png",
        "/photo/p000.png",
        "/static/..%2fapp.py",
        "/static/../app.py",
    ):
        assert ada.get(path).status_code in (404, 422)


def test_answers_and_undo_reach_the_log_with_time_and_photo(ada: TestClient, store: Store) -> None:
    tasks = ada.post("/api/take", json={"attribute": "glasses"}).json()["tasks"]
    assert [t["photo"] for t in tasks] == ["/photo/1", "/photo/2", "/photo/3"]
    said = reply(tasks[0]["task"], comment=NASTY, seconds=2.5)
    left = ada.post("/api/reply", json=said).json()["tasks"]
    assert ada.post("/api/reply", json=said).json()["tasks"] == left
    assert [t["photo"] for t in left] == ["/photo/2", "/photo/3"]
    with store.read() as session:
        (entry,) = session.scalars(select(Entry))
        assert (entry.value, entry.comment, entry.seconds) == ("round", NASTY, 2.5)
        assert len(entry.digest) == 12
    again = ada.post("/api/undo", json={"token": "undo-one"}).json()["tasks"]
    assert again == tasks[:1]
    with store.read() as session:
        assert read_answers(session) == ()


def test_what_is_wrong_is_refused_with_a_reason(ada: TestClient) -> None:
    task = ada.post("/api/take", json={"attribute": "glasses"}).json()["tasks"][0]["task"]
    assert "monocle" in ada.post("/api/reply", json=reply(task, value="monocle")).json()["error"]
    lost = ada.post("/api/reply", json=reply(9999))
    assert (lost.status_code, lost.json()["code"]) == (409, "lost")
    assert ada.post("/api/take", json={"attribute": "glasses", "count": 9999}).status_code == 422
    assert ada.post("/api/reply", json=reply(task, comment="x" * 9999)).status_code == 422
    assert ada.get("/rate/aura").status_code == 404
    assert ada.get("/judge/aura").status_code == 404
    assert ada.get("/tile/glasses/monocle").status_code == 400


def test_other_sites_can_neither_post_nor_frame_nor_name_it(ada: TestClient, store: Store) -> None:
    task = ada.post("/api/take", json={"attribute": "glasses"}).json()["tasks"][0]["task"]
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert ada.post("/api/reply", json=reply(task), headers=headers).status_code == 403
        assert ada.post("/sign-out", headers=headers).status_code == 403
    own = {"origin": SITE, "sec-fetch-site": "same-origin"}
    assert ada.post("/api/reply", json=reply(task), headers=own).status_code == 200
    page = ada.get("/home")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert ada.get("/home", headers={"host": "evil.example"}).status_code == 400
    big = {"name": "x" * 70_000}
    assert ada.post("/sign-in", data=big).status_code == 413
    with store.read() as session:
        assert len(read_answers(session)) == 1


def test_raters_are_blind(ada: TestClient, store: Store) -> None:
    with client(store) as other:
        other.post("/sign-in", data={"name": "Benedetta", "join": "true"})
        task = other.post("/api/take", json={"attribute": "glasses"}).json()["tasks"][0]["task"]
        other.post("/api/reply", json=reply(task, comment="a telling comment"))
    seen = ada.get("/home").text + ada.get("/rate/glasses").text
    seen += ada.post("/api/take", json={"attribute": "glasses"}).text
    assert "Benedetta" not in seen
    assert "telling" not in seen
    assert "p000" not in seen


def test_every_choice_has_keys_of_its_own(ada: TestClient) -> None:
    for attribute in ("hair_style", "headwear", "marks", "face"):
        page = ada.get(f"/rate/{attribute}").text
        for section in page.split("<section data-attribute")[1:]:
            keys = re.findall(r'data-keys="(\w+)"', section)
            assert len(keys) == len(set(keys)) >= 3
            assert len({len(k) for k in keys}) == 1


def test_others_are_let_in_only_with_a_code(store: Store) -> None:
    with pytest.raises(UnknownValue, match="without a code"):
        serve(store, "0.0.0.0", 7870)


def test_names_are_trimmed_and_one_person_is_one_rater(store: Store) -> None:
    first, second = raters(store, "Ada", "  Ada ")
    assert first == second
