"""What axe-core finds on the page, in its three states."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from visiting import PATIENCE, Site, choose_photo, option, turn_to, wait_for_pack

pytestmark = pytest.mark.browser


def grave(page: Page) -> list[str]:
    """Violations that keep people out, with where they are."""
    page.wait_for_timeout(300)  # colours fade in, and half-faded they have no contrast
    found = Axe().run(page).response["violations"]
    assert isinstance(found, list)
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"][:3]
    ]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_nobody_is_kept_out(
    chromium: Browser, site: Site, me: Path, theme: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 844})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{site.url}?__theme={theme}")
    page.get_by_role("button", name="Take a selfie").wait_for()
    assert grave(page) == []
    choose_photo(page, me)
    wait_for_pack(page)
    assert grave(page) == []
    turn_to(page, "Face", "Details")
    option(page, "Freckles").check()
    page.get_by_label("Words on “bye”").fill("hello ☃")
    page.get_by_label("Words on “bye”").press("Enter")
    page.locator("#gallery [role=alert]").wait_for()
    assert grave(page) == []
    context.close()


def test_axe_can_find_something(page: Page) -> None:
    page.evaluate("document.querySelector('#intake').innerHTML = '<img src=x><button></button>'")
    assert any(line.startswith("image-alt") for line in grave(page))
