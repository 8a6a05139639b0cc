"""Runs ``app.py`` under watch: it cannot speak to anybody outside, and what it writes is told.

Lines on standard error begin with ``wrote`` or ``outside``.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

APP = Path(__file__).parents[2] / "app.py"
HERE = {"127.0.0.1", "::1", "localhost", "0.0.0.0", None, ""}
WRITING = os.O_WRONLY | os.O_RDWR


def watch(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo"):
        place = args[1] if event == "socket.connect" else args[0]
        host = place[0] if isinstance(place, tuple) else place
        if host not in HERE and not str(host).startswith("/"):
            print(f"outside {host}", file=sys.stderr, flush=True)
            raise OSError(f"no way to {host}")
    elif event == "open" and isinstance(args[0], str | bytes) and args[2] & WRITING:
        path = os.fsdecode(args[0])
        if not path.startswith("/dev/"):
            print(f"wrote {path}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.addaudithook(watch)
    sys.path.insert(0, str(APP.parent))
    runpy.run_path(str(APP), run_name="__main__")
