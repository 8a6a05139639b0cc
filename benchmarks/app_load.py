"""What the web app does when many come at once: ``python benchmarks/app_load.py``.

Each visitor shows the free photo, picks another nose, and takes the portrait and all
stickers, three times over; the answers are compared with what belongs to that visitor.
First one visitor alone, then twenty at once, on the same running app.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import httpx
from PIL import Image

from stickers.avatar import Avatar, random_avatar
from stickers.catalog import load_catalog
from stickers.compose import compose
from stickers.sample import sample_photo

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).parents[1] / "app.py"
PORT = 7899
VISITORS, PACKS = 20, 3
PATIENCE = httpx.Timeout(300)


class Walk(NamedTuple):
    """Seconds until the portrait and until the whole pack was there; what was wrong."""

    portrait: float
    pack: float
    wrong: tuple[str, ...]


@contextmanager
def app() -> Iterator[str]:
    """The running app's address."""
    env = os.environ | {"GRADIO_SERVER_PORT": str(PORT)}
    running = subprocess.Popen([sys.executable, APP], env=env, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{PORT}/"
    try:
        for _ in range(600):
            try:
                httpx.get(url, timeout=PATIENCE)
                break
            except httpx.ConnectError:
                time.sleep(0.2)
        yield url
    finally:
        running.terminate()
        running.wait()


class Visitor:
    """Speaks to the app as its page does."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        self.url, self.config, self.name = url, config, uuid4().hex[:11]
        self.http = httpx.Client(timeout=PATIENCE)

    def call(self, name: str, **said: Any) -> dict[str, Any]:
        """Named parts of the page that ``name`` changes."""
        event = next(d for d in self.config["dependencies"] if d["api_name"] == name)
        ids = {c["id"]: c["props"].get("elem_id") for c in self.config["components"]}
        data = [None for _ in event["inputs"]]
        body = {"data": data, "event_data": said, "fn_index": event["id"]}
        api = f"{self.url}gradio_api/queue"
        self.http.post(f"{api}/join", json=body | {"session_hash": self.name}).raise_for_status()
        with self.http.stream("GET", f"{api}/data?session_hash={self.name}") as lines:
            for line in lines.iter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    given = zip(event["outputs"], message["output"]["data"], strict=True)
                    return {ids[i]: value for i, value in given if ids[i]}
        raise RuntimeError("the app gave no answer")

    def pack(self, gallery: str) -> list[bytes]:
        """All pictures of a gallery, asked for as a browser does: six at a time."""
        sources = [unescape(piece.split('"')[0]) for piece in gallery.split('<img src="')[1:]]

        def fetched(source: str) -> bytes:
            return self.http.get(self.url + source).raise_for_status().content

        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(fetched, sources))


@cache
def photo() -> str:
    """The free photo as the page sends it."""
    out = io.BytesIO()
    Image.fromarray(sample_photo().pixels).save(out, "JPEG", quality=92)
    return b64encode(out.getvalue()).decode()


def walk(url: str, config: dict[str, Any], number: int) -> Walk:
    """A visitor's photo, somebody else instead, and the whole pack."""
    me, catalog = Visitor(url, config), load_catalog("sly")
    wrong: list[str] = []
    start = time.perf_counter()
    met = me.call("look", photo=photo())
    portrait = time.perf_counter() - start
    stickers = me.pack(met["gallery"])
    pack = time.perf_counter() - start
    if len(stickers) != len(catalog.style.scenes):
        wrong.append(f"{len(stickers)} stickers")
    who = random_avatar(number)  # nobody else's: whatever is mixed up shows
    me.call("take", code=who.code())
    picked = me.call("pick_editor", picker="nose", value="broad", on=True)
    mine = who.changed({"nose": "broad"})
    if Avatar.from_code(picked["code"]) != mine:
        wrong.append("somebody else's avatar")
    drawn = b64decode(picked["portrait"].split("base64,")[1].split('"')[0]).decode()
    if drawn != compose(mine, catalog).svg:
        wrong.append("somebody else's portrait")
    return Walk(portrait, pack, tuple(wrong))


def walks(url: str, config: dict[str, Any], visitor: int) -> list[Walk]:
    """One visitor's packs, one after another."""
    return [walk(url, config, 100 * visitor + number) for number in range(PACKS)]


def told(name: str, seconds: list[float]) -> str:
    """A row of the table."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"| {name} | {statistics.median(ordered):.2f} | {p95:.2f} | {len(ordered)} |"


def main() -> None:
    with app() as url:
        config = httpx.get(f"{url}config", timeout=PATIENCE).json()
        walk(url, config, 0)  # the first waits for the models
        alone = walks(url, config, 0)
        with ThreadPoolExecutor(VISITORS) as pool:
            visits = pool.map(lambda n: walks(url, config, n), range(1, VISITORS + 1))
            crowd = [walked for visit in visits for walked in visit]
    print("| | p50, s | p95, s | packs |\n|---|---|---|---|")
    for name, walked in (("one visitor", alone), (f"{VISITORS} at once", crowd)):
        print(told(f"{name}: portrait", [w.portrait for w in walked]))
        print(told(f"{name}: whole pack", [w.pack for w in walked]))
    lost = VISITORS * PACKS - len(crowd)
    wrong = [what for w in crowd for what in w.wrong]
    print(f"\n{lost} lost, {len(wrong)} mixed up {wrong or ''}".strip())
    sys.exit(bool(lost or wrong))


if __name__ == "__main__":
    main()
