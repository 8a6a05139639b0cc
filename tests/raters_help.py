"""What tests of the rating tool share: photographs, stores, a server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from skimage import data as pictures

from rater_tools.assignment import Desk
from rater_tools.imports import import_path
from rater_tools.plan import plan, rater_called
from rater_tools.store import VALUE, Store, open_store
from rater_tools.tasks import Given, Reply

ROOT = Path(__file__).parents[1]
NASTY = '“O\'Hara” <b>&amp;</b>\n"x"; DROP TABLE log;-- 🦊'
"""A name or comment with all that could go wrong."""


def photographs(folder: Path, count: int, side: int = 96) -> Path:
    """``count`` photographs of one face in different light, in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    face = Image.fromarray(pictures.astronaut()[0:230, 110:340]).resize((side, side))
    rng = np.random.default_rng(0)
    for i in range(count):
        noise = rng.integers(-20, 20, (side, side, 3))
        shade = np.clip(np.asarray(face) * (0.5 + 0.5 * (i % 2)) + noise, 0, 255)
        Image.fromarray(shade.astype(np.uint8)).save(folder / f"p{i:03}.png")
    return folder


def filled(tmp: Path, count: int, attributes: tuple[str, ...], overlap: int) -> Store:
    """A store with photographs that are planned to be rated."""
    store = open_store(str(tmp / "ratings.db"))
    import_path(store, photographs(tmp / "photos", count, 32))
    plan(store, attributes, overlap)
    return store


def raters(store: Store, *names: str) -> list[int]:
    """Their ids."""
    with store.write() as session:
        return [rater_called(session, name, add=True).id for name in names]


def says(desk: Desk, rater: int, given: Given, value: str, second: str | None = None) -> None:
    """``rater`` answers."""
    desk.reply(rater, given.task, Reply(os.urandom(8).hex(), VALUE, value, second))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def served(db: str, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """``raters serve`` as a process of its own, until the block ends."""
    command = [sys.executable, "-m", "rater_tools", "serve", "--db", db, "--port", str(port)]
    server = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(b"raters: http")
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield server
    finally:
        server.kill()
        server.wait()


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL cluster of its own, run by a user who is not root; yields its URL."""
    home = postgres_programs()
    assert home is not None
    user = "postgres" if os.geteuid() == 0 else ""
    # Not in pytest's folder, which is closed to other users.
    data = Path(tempfile.mkdtemp(prefix="raters-"))
    if user:
        shutil.chown(data, user)
    port = free_port()
    how = f"-c listen_addresses=127.0.0.1 -p {port} -k {data}"

    def run(program: str, *arguments: str) -> None:
        who: dict[str, str] = {"user": user} if user else {}
        subprocess.run(
            [home / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=data,
            **who,  # type: ignore[call-overload]
        )

    run("initdb", "-D", str(data), "-U", "raters", "-A", "trust", "-E", "UTF8")
    run("pg_ctl", "-D", str(data), "-w", "-t", "120", "-l", str(data / "log"), "-o", how, "start")
    try:
        yield f"postgresql://raters@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(data)


def postgres_programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where PostgreSQL is not installed."""
    for found in (
        shutil.which("initdb"),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    ):
        if found is not None:
            return Path(found).resolve().parent
    return None
