from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from stickers.avatar import random_avatar
from stickers.batch.folder import Folder
from stickers.batch.manifest import Failure, Result, Status
from stickers.batch.page import PAGE, write_page
from stickers.batch.recipe import Layout, Recipe, recipe_of
from stickers.batch.run import Summary
from stickers.catalog import Catalog

ODD = '<b>it\'s "odd"</b>\n🙂 #1'


def made(photo: Path, name: str, seed: int, sly: Catalog) -> Result:
    code = random_avatar(seed, sly.style).code()
    return Result(photo, name, Status.MADE, code=code, ms={"face": 10.0 * seed, "draw": 5.0})


@pytest.fixture
def summary(tmp_path: Path, sly: Catalog, selfies: Path) -> Summary:
    photos = sorted(selfies.iterdir())
    packs = [made(photo, photo.stem, n, sly) for n, photo in enumerate(photos)]
    packs[1] = replace(packs[1], name=ODD)
    twin = packs[0].again(tmp_path / "gone.jpg", "twin", None)
    reasons = ("no_face", "no_face", "photo_damaged")
    failed = tuple(
        Result(Path(f"/in/{n}{ODD}.jpg"), "x", Status.FAILED, error=Failure(code, f"why {ODD}"))
        for n, code in enumerate(reasons)
    )
    return Summary(Folder(tmp_path), 12, (*packs, twin), failed, (), 2)


class Page(HTMLParser):
    """What a page shows: its text, its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.elements = "", list[tuple[str, dict[str, str | None]]]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipe_of()


def test_the_page_shows_every_avatar_with_its_name_and_what_failed(
    summary: Summary, recipe: Recipe
) -> None:
    write_page(summary, recipe)
    page = Page((summary.place.root / PAGE).read_text())  # type: ignore[attr-defined]
    alts = [img["alt"] for img in page.all("img")]
    assert alts == [f"Avatar of {r.name}" for r in summary.packs]
    for said in ("7 of 12 photos", "no face 2", "photo damaged 1", f"why {ODD}", "0005", "left"):
        assert said in page.text
    assert "b" not in [tag for tag, attrs in page.elements if attrs]  # names are no markup
    assert page.text.index("no face") < page.text.index("photo damaged")
    (slowest,) = re.findall(r"most of it(\S+?)0\.0", page.text)
    assert slowest.startswith("0005")


def test_the_page_needs_nothing_else_and_shows_photos_only_when_asked(
    summary: Summary, recipe: Recipe
) -> None:
    write_page(summary, recipe)
    plain = (summary.place.root / PAGE).read_text()  # type: ignore[attr-defined]
    assert "Photo of" not in plain
    sources = [img["src"] or "" for img in Page(plain).all("img")]
    assert all(src.startswith("data:image/webp;base64,") for src in sources)
    assert not re.search(r"https?://|<script|<link|url\(", plain)
    write_page(summary, recipe, with_photos=True)
    page = Page((summary.place.root / PAGE).read_text())  # type: ignore[attr-defined]
    photos = [i["alt"] for i in page.all("img") if str(i["alt"]).startswith("Photo of")]
    assert photos == [f"Photo of {r.name}" for r in summary.packs if r.name != "twin"]


@pytest.mark.parametrize("layout", list(Layout))
def test_each_avatar_leads_to_its_pack(summary: Summary, recipe: Recipe, layout: Layout) -> None:
    write_page(summary, replace(recipe, layout=layout))
    page = Page((summary.place.root / PAGE).read_text())  # type: ignore[attr-defined]
    links = [link["href"] for link in page.all("a")]
    end = {Layout.FOLDER: "/sheet.png", Layout.FLAT: ".sheet.png", Layout.ZIP: ".zip"}[layout]
    assert links[0] == f"0000{end}" and links[-1] == f"twin{end}"
    assert "%23" in str(links[1]) and "\n" not in str(links[1])


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_telephone(
    summary: Summary, recipe: Recipe, chromium: Browser, scheme: str
) -> None:
    write_page(summary, recipe, with_photos=True)
    page = chromium.new_page(viewport={"width": 360, "height": 700}, color_scheme=scheme)
    page.goto((summary.place.root / PAGE).as_uri())  # type: ignore[attr-defined]
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    found = Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()
    page.close()
