from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from batch_album import good_files
from golden_files import Golden
from stickers.avatar import Avatar, default_avatar
from stickers.catalog import Catalog, load_catalog

# A busy machine is no fault of the code: nothing here is timed.
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")

# What a shell begins in the background ignores Ctrl+C, and so would what tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

STARTING = 120_000
"""ms that a browser may take to start: a busy machine is no fault of the page."""

SHARED = Path(__file__).parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser may lose a click on a busy machine: what is wrong is wrong three times."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    update = bool(request.config.getoption("--update-golden"))
    return Golden(Path(__file__).parent / "golden", update=update)


@pytest.fixture(scope="session")
def sly() -> Catalog:
    return load_catalog("sly")


@pytest.fixture(scope="session")
def somebody(sly: Catalog) -> Avatar:
    return default_avatar(sly.style)


@pytest.fixture(scope="session")
def shared() -> Path:
    if not (SHARED / "ratings" / "ratings.csv").is_file():
        pytest.skip("the rated photographs are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def selfies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six photos of a person, ``0000.jpg`` to ``0005.jpg``."""
    folder = tmp_path_factory.mktemp("selfies")
    good_files(folder, 6)
    return folder


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers: a process can have no more than one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def launch(playwright: Playwright) -> Callable[..., Browser]:
    """Starts Debian's Chromium with more arguments, if any."""
    path = shutil.which("chromium")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed, and .ci/run should have seen to it")
        pytest.skip("chromium is not installed")

    def start(*more: str) -> Browser:
        args = ["--no-sandbox", *more]
        return playwright.chromium.launch(executable_path=path, args=args, timeout=STARTING)

    return start


@pytest.fixture(scope="session")
def chromium(launch: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()
