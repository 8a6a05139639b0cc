"""Serving the screens until interrupted."""

from __future__ import annotations

import socket
import webbrowser

import uvicorn

from rater_tools.assignment import LEASE, Desk
from rater_tools.store import Store
from rater_tools.web.app import create_app
from stickers.errors import UnknownValue

HERE = ("127.0.0.1", "localhost", "::1")
"""Names of this very computer."""


def serve(
    store: Store,
    host: str,
    port: int,
    *,
    code: str = "",
    manager_code: str = "",
    lease: float = LEASE,
    open_browser: bool = False,
) -> None:
    """Show the screens until interrupted.

    Args:
        store: where ratings go.
        host: the address; any but this computer's own needs ``code``.
        port: the port.
        code: see `app.create_app`.
        manager_code: see `app.create_app`.
        lease: seconds, see `assignment.LEASE`.
        open_browser: show the page.

    Raises:
        UnknownValue: nothing can be shown there, or others could come in without a code.
    """
    if host not in HERE and not code:
        raise UnknownValue(
            f"others could come in at {host} without a code", hint="give --code as well"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise UnknownValue(
            f"cannot listen on {host}, port {port} ({reason})", hint="choose another --port"
        ) from None
    hosts = ("127.0.0.1", "localhost", "[::1]") if host in HERE else ("*",)
    app = create_app(Desk(store, lease), code=code, manager_code=manager_code, hosts=hosts)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    print(f"raters: {url}  (Ctrl+C ends it)", flush=True)
    if open_browser:
        webbrowser.open(url)
    config = uvicorn.Config(app, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listening])
    store.close()
