"""What a visitor of the web app does, and where it runs."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from stickers.avatar import Avatar
from stickers.style import load_style

PATIENCE = 120_000
"""ms: a busy machine is no fault of the page."""


@dataclass(frozen=True)
class Site:
    """The running app.

    Attributes:
        url: where it is.
        folder: its home, its place for temporary files, and where it was started.
        log: what it said on standard error.
    """

    url: str
    folder: Path
    log: Path

    def outside(self) -> list[str]:
        """Whom the app tried to call."""
        return self._said("outside ")

    def written(self) -> list[str]:
        """The files that the app opened to write; not the nameless one for mediapipe's chatter."""
        return [path for path in self._said("wrote ") if path != str(self.folder)]

    def _said(self, what: str) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines()
        return [line.removeprefix(what) for line in lines if line.startswith(what)]

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


Launch = Callable[..., Browser]

SCENES = len(load_style("sly").scenes)
expect.set_options(timeout=PATIENCE)


def choose_photo(page: Page, path: Path) -> None:
    page.locator("#intake input[type=file]").set_input_files(path)


def wait_for_pack(page: Page) -> None:
    expect(page.locator("#gallery li img")).to_have_count(SCENES)
    page.wait_for_function(
        "[...document.querySelectorAll('#gallery li img')].every(i => i.complete && i.naturalWidth)"
    )


def turn_to(page: Page, group: str, picker: str) -> None:
    page.locator("#editor .tabs").get_by_role("button", name=group).click()
    page.locator("#editor .pickers").get_by_role("button", name=picker, exact=True).click()
    expect(page.locator("#editor fieldset legend")).to_have_text(picker)


def option(page: Page, label: str) -> Locator:
    return page.locator("#editor fieldset").get_by_label(label, exact=True)


def avatar_of(page: Page) -> Avatar:
    """Who the page's address says is drawn."""
    return Avatar.from_code(parse_qs(urlsplit(page.url).query)["avatar"][0])


def expect_avatar(page: Page, **traits: str) -> Avatar:
    """Wait until the address, which follows the avatar, says so."""
    for name, value in traits.items():
        for _ in range(PATIENCE // 50):
            if avatar_of(page).traits[name] == value:
                break
            page.wait_for_timeout(50)
        assert avatar_of(page).traits[name] == value
    return avatar_of(page)


def portrait(page: Page) -> str:
    return str(page.locator("#portrait img").get_attribute("src"))


def picture(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return out.getvalue()
