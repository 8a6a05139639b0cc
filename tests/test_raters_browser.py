"""The screens in a real browser: rated by keyboard alone, undone, judged, commented."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from rater_tools.answers import read_answers
from rater_tools.demo import demo
from rater_tools.store import NONE_FITS, SKIP, UNDO, UNSEEN, VALUE, Entry, Rater, Store, open_store
from raters_help import NASTY, free_port, served

pytestmark = pytest.mark.browser


class Server(NamedTuple):
    """The running tool."""

    process: subprocess.Popen[bytes]
    port: int


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store(str(tmp_path / "ratings.db"))
    demo(opened, tmp_path / "no ratings here", tmp_path / "people")
    return opened


@pytest.fixture
def server(store: Store, tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    with served(str(tmp_path / "ratings.db"), port, "--code", "open sesame") as process:
        yield Server(process, port)


@pytest.fixture
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    """The page of somebody who signed in with the code, by keyboard."""
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{server.port}", viewport={"width": 1366, "height": 768}
    )
    page = context.new_page()
    page.set_default_timeout(180_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto("/")
    page.locator("input[name=name]:focus").wait_for()  # what is typed sooner is lost
    page.keyboard.type("Kim")
    page.keyboard.press("Tab")
    page.keyboard.type("open sesame")
    page.keyboard.press("Enter")
    page.get_by_text("has rated here yet").wait_for()
    page.locator("button:focus").wait_for()
    page.keyboard.press("Enter")
    page.locator(".home").wait_for()
    yield page
    assert faults == []
    context.close()


def entries(store: Store) -> list[Entry]:
    with store.read() as session:
        mine = select(Rater.id).where(Rater.name == "Kim").scalar_subquery()
        return list(session.scalars(select(Entry).where(Entry.rater_id == mine).order_by(Entry.id)))


def settled(page: Page, store: Store, count: int) -> list[Entry]:
    """The log, once ``count`` rows of it are there."""
    for _ in range(300):
        if len(found := entries(store)) >= count:
            return found
        page.wait_for_timeout(100)
    with store.read() as session:
        everybody = list(session.scalars(select(Rater.name)))
    raise AssertionError(f"{len(entries(store))} rows, not {count}; raters: {everybody}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def answer(page: Page, *keys: str) -> None:
    """A key an answer, each when the next task is shown."""
    for key in keys:
        page.locator("#screen[data-task]").wait_for()
        press(page, key)


def opened(page: Page, path: str) -> None:
    page.goto(path)
    page.locator("#screen[data-task]").wait_for()


def test_ten_faces_by_keyboard_one_undone_three_stickers_judged(page: Page, store: Store) -> None:
    opened(page, "/rate/glasses")
    answer(page, "1", "2", "3", "-", ".", "ArrowRight", "1", "1", "Shift+2", "3", "1")
    last = page.locator("#screen[data-task]").get_attribute("data-task")
    answer(page, "1")
    settled(page, store, 11)
    press(page, "Backspace")
    settled(page, store, 12)
    page.locator(f'#screen[data-task="{last}"]').wait_for()
    answer(page, "4")
    log = settled(page, store, 13)
    said = [(e.kind, e.value, e.second) for e in log]
    assert said[:6] == [
        (VALUE, "none", None),
        (VALUE, "round", None),
        (VALUE, "rectangular", None),
        (NONE_FITS, "", None),
        (UNSEEN, "?", None),
        (SKIP, "", None),
    ]
    assert said[8] == (VALUE, "rectangular", "round")
    assert said[11:] == [(UNDO, "", None), (VALUE, "thick", None)]
    assert log[11].undoes == log[10].id
    assert log[12].item_id == log[10].item_id
    assert all(e.seconds is not None and e.digest for e in log if e.kind == VALUE)
    with store.read() as session:
        assert sum(a.rater == "Kim" for a in read_answers(session)) == 10

    opened(page, "/judge/identity")
    press(page, "2")
    settled(page, store, 14)
    opened(page, "/judge/likeness")
    press(page, "4", "q", "e", "Enter")
    settled(page, store, 15)
    press(page, "2", "Enter")
    log = settled(page, store, 16)
    assert [(e.attribute, e.wrong.split()) for e in log[13:]] == [
        ("identity", []),
        ("likeness", ["hair_style", "hair_texture"]),
        ("likeness", []),
    ]
    assert [e.value for e in log[14:]] == ["4", "2"]


def test_hair_takes_two_keys_and_two_choices(page: Page, store: Store) -> None:
    opened(page, "/rate/hair_style")
    press(page, "q", "8", "q", "9")  # quiff, then spiky
    press(page, "w", "1", "Enter")  # bowl cut, no second
    log = settled(page, store, 2)
    assert [(e.value, e.second) for e in log] == [("quiff", "spiky"), ("bowl_cut", None)]


def test_the_whole_face_of_one_photo_then_the_next(page: Page, store: Store) -> None:
    opened(page, "/rate/face")
    press(page, "q", "1", "Enter")
    answer(page, *["1"] * 14)
    press(page, "1", "3", "Enter")  # marks: freckles and lipstick
    log = settled(page, store, 16)
    assert len({e.item_id for e in log}) == 1
    assert len({e.attribute for e in log}) == 16
    assert (log[-1].attribute, log[-1].value) == ("marks", "FL")
    assert page.locator("#screen[data-task]").is_visible()


def test_a_comment_goes_with_the_answer_unharmed(page: Page, store: Store) -> None:
    comment = NASTY.replace("\n", " ")  # one line is all the field takes
    opened(page, "/rate/lips")
    press(page, "c")
    page.keyboard.insert_text(comment)
    press(page, "Enter", "3")
    (entry,) = settled(page, store, 1)
    assert (entry.value, entry.comment) == ("full", comment)


def test_what_is_said_while_the_server_is_away_is_sent_when_it_is_back(
    page: Page, server: Server, store: Store, tmp_path: Path
) -> None:
    opened(page, "/rate/lips")
    server.process.kill()
    server.process.wait()
    press(page, "1", "2")
    page.get_by_text("does not answer").wait_for()
    assert entries(store) == []
    with served(str(tmp_path / "ratings.db"), server.port, "--code", "open sesame"):
        assert [e.value for e in settled(page, store, 2)] == ["thin", "medium"]


def test_the_next_photo_is_there_before_it_is_shown(page: Page) -> None:
    fetched: list[str] = []
    page.on("response", lambda r: fetched.append(r.url))
    opened(page, "/rate/lips")
    page.wait_for_load_state("networkidle")
    assert sum("/photo/" in url for url in fetched) >= 2
