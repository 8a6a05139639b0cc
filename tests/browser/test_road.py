"""The road of a visitor, walked in a real browser."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from visiting import (
    PATIENCE,
    SCENES,
    Launch,
    Site,
    avatar_of,
    choose_photo,
    expect_avatar,
    option,
    picture,
    portrait,
    turn_to,
    wait_for_pack,
)

from stickers.avatar import Avatar
from stickers.photo import MAX_BYTES
from stickers.sample import sample_photo

pytestmark = pytest.mark.browser


def test_from_a_photo_to_a_pack_that_is_sent(page: Page, site: Site, me: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    choose_photo(page, me)
    wait_for_pack(page)
    expect(page.locator("#found img")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("eyes")
    first = avatar_of(page)

    option(page, "Big afro").check()
    turn_to(page, "Face", "Skin tone")
    option(page, "Monk 9").check()
    turn_to(page, "Face", "Nose")
    option(page, "Broad").check()
    now = expect_avatar(page, hair_style="afro_big", skin_tone="9", nose="broad")
    expect(page.locator("#said")).to_contain_text("Big afro")

    words = page.get_by_label("Words on “bye”")
    words.fill("so long & <thanks>")
    words.press("Enter")
    spoken = page.locator("#gallery li[data-scene=bye] a")
    expect(spoken).to_have_attribute("href", re.compile("says=so\\+long"))
    page.get_by_label("in the pack (rage)").uncheck()
    expect(page.get_by_role("button", name=f"Download {SCENES - 1} stickers")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("in the pack (rage)")).to_be_checked()
    page.get_by_role("button", name="Undo").click()
    expect(words).to_have_value("bye.")
    page.get_by_role("button", name="Redo").click()
    expect(words).to_have_value("so long & <thanks>")
    wait_for_pack(page)

    with page.expect_download() as single:
        spoken.click()
    assert Image.open(single.value.path()).size == (512, 512)
    page.get_by_label("Pack name").fill("Me, again")
    page.get_by_label("By", exact=True).fill("Myself")
    with page.expect_download() as whole:
        page.get_by_role("button", name="Download").click()
    assert whole.value.suggested_filename == "Me, again.zip"
    with zipfile.ZipFile(whole.value.path()) as archive:
        assert Avatar.from_json(archive.read("avatar.json")) == now.model_copy(
            update={"confidence": {}}
        )
        told = json.loads(archive.read("pack.json"))
        assert (told["title"], told["author"]) == ("Me, again", "Myself")
        assert len(told["stickers"]) == SCENES
        assert b"so long &amp; &lt;thanks&gt;" in archive.read("stickers/bye.svg")
        for kind in ("png", "webp", "svg"):
            assert f"stickers/rage.{kind}" in archive.namelist()

    link = page.locator("#link textarea, #link input").input_value()
    friend = page.context.browser.new_context()  # type: ignore[union-attr]
    there = friend.new_page()
    there.goto(link)
    wait_for_pack(there)
    assert portrait(there) == portrait(page)
    assert avatar_of(there) == avatar_of(page) != first
    friend.close()
    outside = [url for url in asked if not url.startswith((site.url, "data:", "blob:"))]
    assert outside == []


def test_a_snap_with_the_camera(launch: Launch, site: Site, camera: Path) -> None:
    browser = launch(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    page = browser.new_page()
    page.goto(site.url)
    page.get_by_role("button", name="Take a selfie").click()
    page.get_by_role("button", name="Snap").click()
    wait_for_pack(page)
    expect(page.locator("#found img")).to_be_visible()
    assert not page.evaluate("document.querySelector('#intake video').srcObject")
    browser.close()


def test_a_camera_that_is_refused_is_said(page: Page) -> None:
    page.get_by_role("button", name="Take a selfie").click()
    expect(page.locator("#intake [role=alert]")).to_contain_text("choose a photo")


def test_what_cannot_be_used_is_said_and_loses_nothing(
    page: Page, me: Path, tmp_path: Path
) -> None:
    choose_photo(page, me)
    wait_for_pack(page)
    before = portrait(page)
    page.get_by_text("Start again with another photo").click()
    photo = np.asarray(sample_photo().pixels)
    wall = np.random.default_rng(1).integers(90, 160, photo.shape).astype(np.uint8)
    for given, said in (
        (b"this is a letter", "not a photo I can read"),
        (picture(wall), "could not find a face"),
        (picture((photo * 0.004).astype(np.uint8)), "too dark"),
        (b"\xff\xd8\xff" + b"\0" * MAX_BYTES, "too large"),
    ):
        (tmp_path / "given.jpg").write_bytes(given)
        choose_photo(page, tmp_path / "given.jpg")
        expect(page.locator("#said [role=alert]")).to_contain_text(said)
        assert portrait(page) == before
    words = page.get_by_label("Words on “bye”")
    for text, said in (("hello ☃", "Leave out ☃"), ("w" * 40, "too long to be read")):
        words.fill(text)
        words.press("Enter")
        expect(page.locator("#gallery [role=alert]")).to_contain_text(said)
    assert "Traceback" not in page.content()
    page.get_by_role("button", name="Random").click()
    expect(page.locator("#gallery [role=alert]")).to_have_count(0)
    expect(words).to_have_value("bye.")


def test_of_several_faces_the_visitor_taps_one(page: Page, tmp_path: Path) -> None:
    photo = np.asarray(sample_photo().pixels)
    both = np.full((512, 960, 3), 200, np.uint8)
    both[:, :512] = photo
    both[60:460, 540:940] = cv2.resize(photo[:300, 370:70:-1].copy(), (400, 400))
    (tmp_path / "us.jpg").write_bytes(picture(both))
    choose_photo(page, tmp_path / "us.jpg")
    expect(page.locator("#found legend")).to_have_text("I see 2 faces. Which one is you?")
    expect(page.get_by_label("Face 1", exact=True)).to_be_checked()
    option(page, "Big afro").check()
    expect_avatar(page, hair_style="afro_big")
    page.get_by_label("Face 2", exact=True).check()
    expect(page.locator("#said")).not_to_contain_text("afro")
    assert avatar_of(page).traits["hair_style"] != "afro_big"
    expect(page.locator("#found label")).to_have_count(2)


def test_without_a_photo_and_back_again(page: Page) -> None:
    page.get_by_role("button", name="Begin with example 2").click()
    wait_for_pack(page)
    first = avatar_of(page)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.get_by_role("button", name="Random").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    option(page, "Buzz cut").check()
    expect_avatar(page, hair_style="buzz")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_function("code => location.href.includes(code)", arg=first.code())
    expect(option(page, "Buzz cut")).not_to_be_checked()
    page.reload()
    wait_for_pack(page)
    assert avatar_of(page) == first


def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_role("button", name="Surprise me").focus()
    page.keyboard.press("Enter")
    wait_for_pack(page)
    page.locator("#editor .tabs button").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#editor .tabs button").nth(1)).to_have_attribute("aria-pressed", "true")
    for _ in range(12):
        if page.evaluate("document.activeElement.type") == "radio":
            break
        page.keyboard.press("Tab")
    tone = avatar_of(page).traits["skin_tone"]
    page.keyboard.press("ArrowLeft" if tone == "10" else "ArrowRight")
    beside = str(int(str(tone)) - 1 if tone == "10" else int(str(tone)) + 1)
    expect_avatar(page, skin_tone=beside)
    focused = "document.activeElement.closest('fieldset')?.dataset.picker"
    assert page.evaluate(focused) == "skin_tone"  # drawing anew does not lose the place


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_telephone(chromium: Browser, site: Site, theme: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{site.url}?__theme={theme}")
    page.get_by_role("button", name="Surprise me").click()
    wait_for_pack(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
    box = page.locator("#portrait img").bounding_box()
    assert box and box["x"] >= 0 and box["width"] > 120
    page.locator("#editor fieldset").scroll_into_view_if_needed()
    expect(page.locator("#portrait img")).to_be_in_viewport()
    context.close()


def test_words_are_only_words(page: Page) -> None:
    page.get_by_role("button", name="Surprise me").click()
    wait_for_pack(page)
    words = page.get_by_label("Words on “bye”")
    for text in ("${alert(1)}", "{{value}}", '"><img src=x>', "`'\"&lt;"):
        words.fill(text)
        words.press("Enter")
        page.get_by_label("Words on “k”", exact=True).focus()
        card = page.locator("#gallery li[data-scene=bye]")
        expect(card.locator("a")).to_have_attribute("href", re.compile("says="))
        page.get_by_role("button", name="Undo").click()
        expect(words).to_have_value("bye.")
        page.get_by_role("button", name="Redo").click()
        expect(words).to_have_value(text)
        expect(card.locator("img")).to_have_count(1)
        page.get_by_role("button", name="Undo").click()
        expect(words).to_have_value("bye.")


def test_nothing_is_kept_and_nothing_goes_outside(page: Page, site: Site, me: Path) -> None:
    choose_photo(page, me)
    wait_for_pack(page)  # from here on, all that is loaded once is loaded
    before = site.written()
    page.get_by_role("button", name="Random").click()
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()  # somebody else is there
    page.get_by_text("Start again with another photo").click()
    choose_photo(page, me)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    wait_for_pack(page)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    assert site.written() == before
    assert site.outside() == []
    # The font list is matplotlib's, which mediapipe brings.
    assert {path.parent.name for path in site.files()} <= {"matplotlib"}
