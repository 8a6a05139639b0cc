"""The web app: made, launched, served. Its page is `stickers.web.page`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from stickers import pipeline
from stickers.errors import UnknownValue
from stickers.sample import sample_photo
from stickers.web.page import Page
from stickers.web.pictures import ROUTES

WAITING = 32
"""How many requests may wait; more are told to come back."""
TIDY = (60, 600)
"""Seconds: how often the files that Gradio holds are looked at, and how old they may be."""

_FOLDER = "GRADIO_TEMP_DIR"
HERE = Path(__file__).parent


def create_app() -> gr.Blocks:
    """The page, to be shown by `launch`."""
    app = gr.Blocks(title="Stickers of you", analytics_enabled=False, delete_cache=TIDY)
    with app:
        Page(app)
    app.queue(max_size=WAITING, api_open=False)
    return app


def launch(app: gr.Blocks, **options: Any) -> tuple[Any, str, str]:
    """`Blocks.launch` with what the page needs: its looks and limits, nothing kept or sent."""
    fixed: dict[str, Any] = {
        "app_kwargs": {"routes": list(ROUTES)},
        "theme": _theme(),
        "css_paths": HERE / "app.css",
        "head": f"<script>{(HERE / 'app.js').read_text(encoding='utf-8')}</script>",
        "footer_links": [],
        "max_file_size": 1,  # bytes: the page sends no files, and nobody else shall leave any
        "pwa": False,
        "quiet": True,
        "run_history": False,  # Gradio would keep what was shown in the browser
        "share": False,
        "ssr_mode": False,
    }
    app_, here, elsewhere = app.launch(**fixed | options)
    return app_, here, elsewhere


def serve(host: str | None = None, port: int | None = None, *, open_browser: bool = False) -> None:
    """Show the page until interrupted; without host and port, where Gradio's variables say.

    Raises:
        UnknownValue: nothing can be shown on this host and port.
    """
    threading.Thread(target=_warm, daemon=True).start()
    with _ended_kindly(), _own_folder():
        _serve(create_app(), host, port, open_browser)


def _serve(app: gr.Blocks, host: str | None, port: int | None, open_browser: bool) -> None:
    where: dict[str, Any] = {"server_name": host, "server_port": port, "inbrowser": open_browser}
    try:
        _, url, _ = launch(app, prevent_thread_lock=True, **where)
    except OSError as exc:
        place = f"{host or 'this computer'}, port {port or 'any of the usual'}"
        raise UnknownValue(f"cannot listen on {place}", hint="choose another") from exc
    print(f"stickers of you: {url}  (Ctrl+C ends it)", flush=True)
    app.block_thread()


def _warm() -> None:
    """Walk the road once, so that the first visitor does not wait for models to load."""
    pipeline.make(sample_photo())


@contextmanager
def _ended_kindly() -> Iterator[None]:
    """Being told to end is like Ctrl+C: what has to be tidied is tidied."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _own_folder() -> Iterator[None]:
    """Where Gradio keeps uploads until they are read: private, and gone with the process."""
    before = os.environ.get(_FOLDER)
    with TemporaryDirectory(prefix="stickers-", dir=before) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[_FOLDER]
            else:
                os.environ[_FOLDER] = before


def _theme() -> Any:
    return gr.themes.Soft(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        font=("system-ui", "sans-serif"),  # the reader's own: none is fetched
        font_mono=("ui-monospace", "monospace"),
    ).set(
        body_background_fill="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*primary_800",
        block_title_text_color="*primary_800",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_background_color_selected="*primary_700",
        checkbox_background_color_selected_dark="*primary_700",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )
