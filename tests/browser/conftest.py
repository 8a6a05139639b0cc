"""A real browser on the real app, which runs in a process of its own and under watch."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page
from visiting import PATIENCE, Site

from stickers.sample import sample_photo


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, log = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("log") / "stderr"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    homes = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(folder))
    with log.open("w") as stderr:
        app = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("guarded.py")],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=os.environ
            | homes
            | {"GRADIO_SERVER_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        url = f"http://127.0.0.1:{port}/"
        _wait_for(url, app, log)
        yield Site(url, folder, log)
        app.terminate()
        app.wait(PATIENCE / 1000)


def _wait_for(url: str, app: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 2 * PATIENCE / 1000
    while time.monotonic() < deadline:
        assert app.poll() is None, log.read_text()
        try:
            httpx.get(url)
            return
        except httpx.TransportError:
            time.sleep(0.25)
    raise AssertionError(f"the app did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def me(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real photo."""
    path = tmp_path_factory.mktemp("photos") / "me.jpg"
    Image.fromarray(sample_photo().pixels).save(path, quality=92)
    return path


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, site: Site) -> Iterator[Page]:
    """The app as a visitor first sees it; its script must not fail."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(site.url)
    page.get_by_role("button", name="Take a selfie").wait_for()
    yield page
    assert problems == []


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a webcam sees of a real person: a few frames of YUV4MPEG2, 640 x 480."""
    photo = cv2.resize(np.asarray(sample_photo().pixels), (480, 480))
    frame = cv2.copyMakeBorder(photo, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
    yuv = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes()
    path = tmp_path_factory.mktemp("camera") / "me.y4m"
    head = b"YUV4MPEG2 W640 H480 F20:1 Ip A1:1 C420mpeg2\n"
    path.write_bytes(head + (b"FRAME\n" + yuv) * 20)
    return path
