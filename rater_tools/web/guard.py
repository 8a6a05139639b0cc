"""Who may see and do what: the access code, signed cookies, requests from other sites."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rater"
KEPT = 30 * 24 * 3600
"""Seconds for which somebody stays signed in."""
MAX_BODY = 64 * 1024
"""Bytes of the largest request."""
HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        rater: the rater's id.
        manager: whether the manager's screen opens.
    """

    rater: int
    manager: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """Makes cookies and reads them.

    Attributes:
        secret: signs cookies.
        code: without it nobody signs in; "" where none is asked.
        manager_code: opens the manager's screen; "" where none was set.
    """

    secret: str
    code: str = ""
    manager_code: str = ""

    def admits(self, code: str) -> bool:
        """Whether ``code`` lets somebody in."""
        return not self.code or _same(code, self.code) or self._manages(code)

    def manages(self, code: str) -> bool:
        """Whether ``code`` opens the manager's screen; so does none where none is asked."""
        return self._manages(code) or not (self.code or self.manager_code)

    def _manages(self, code: str) -> bool:
        return bool(self.manager_code) and _same(code, self.manager_code)

    def cookie(self, visitor: Visitor) -> str:
        """A value that only this guard can make; another code makes it void."""
        until = int(time.time()) + KEPT
        text = f"{visitor.rater}.{int(visitor.manager)}.{until}"
        return f"{text}.{self._sign(text)}"

    def visitor(self, cookie: str) -> Visitor | None:
        """Who comes with ``cookie``; None if it was not made here or is too old."""
        text, _, signature = cookie.rpartition(".")
        if not _same(signature, self._sign(text)):
            return None
        rater, manager, until = text.split(".")
        return Visitor(int(rater), manager == "1") if int(until) > time.time() else None

    def _sign(self, text: str) -> str:
        key = f"{self.secret}\n{self.code}\n{self.manager_code}".encode()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


class SameOrigin:
    """Lets only the site's own pages change anything, and tells browsers to be strict."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD"):
            if not _own(headers):
                await PlainTextResponse("not from this site", 403)(scope, receive, send)
                return
            length = headers.get("content-length", "")
            if not length.isdigit() or int(length) > MAX_BODY:
                await PlainTextResponse("too large", 413)(scope, receive, send)
                return

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(k.encode(), v.encode()) for k, v in HEADERS.items()]
            await send(message)

        await self.app(scope, receive, strict)


def _own(headers: Headers) -> bool:
    """Whether a browser says that the request is from a page of this very host."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")
