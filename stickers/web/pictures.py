"""Pictures and files of an avatar, made from what their address says; nothing is kept.

An address holds a share code, so that a picture belongs to nobody's visit and none can
be mistaken for another's. Few are drawn at a time; the others wait.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from urllib.parse import quote, urlencode

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stickers.avatar import DEFAULT_STYLE, Avatar
from stickers.catalog import Catalog, load_catalog
from stickers.compose import RESTING, compose
from stickers.document import SIDE
from stickers.errors import StickersError, UnknownValue
from stickers.export import export_files
from stickers.output import zipped
from stickers.pack import Pack
from stickers.raster import Square, png, rasterise, webp
from stickers.web.session import Draft
from stickers.web.studio import picked

AT_ONCE = 2
"""How many pictures are drawn at the same time."""
PART_SIDE, SMALL_SIDE, LARGE_SIDE = 160, 256, 1024
"""px of a picker's pictures, of the gallery's, and of the avatar's own file."""
GONE = 499
"""What nobody waits for any more, having changed the avatar meanwhile, is not drawn."""
LONGEST_NAME = 128
"""Characters of a pack's name and author."""

_HEAD: Square = (36, 12, 440)
_FACE: Square = (116, 92, 290)
_VIEWS: dict[str, Square] = {
    "age": _FACE,
    "brows": (138, 104, 236),
    "earrings": (62, 206, 170),
    "eye_shape": (138, 120, 236),
    "face_shape": _FACE,
    "facial_hair": (122, 168, 270),
    "frame_weight": (128, 112, 250),
    "glasses": (128, 112, 250),
    "hearing": (62, 180, 190),
    "lashes": (138, 120, 236),
    "lips": (166, 226, 180),
    "marks": _FACE,
    "nose": (176, 180, 160),
    "outfit": (66, 140, 372),
}
"""The part of the page to be seen when a trait is picked; the head for all others."""

Picture = tuple[bytes, str]
"""A file's content and its type."""


@cache
def catalog() -> Catalog:
    """What the page draws in."""
    return load_catalog(DEFAULT_STYLE)


def part_url(avatar: Avatar, picker: str, value: str) -> str:
    """Where ``avatar`` with another value of a trait is to be seen, close up."""
    return f"part/{avatar.code()}/{picker}/{quote(value)}.webp"


def sticker_url(draft: Draft, scene: str, *, small: bool = False) -> str:
    """Where one sticker of a draft is to be had."""
    says = {"says": draft.captions[scene]} if scene in draft.captions else {}
    query = urlencode(says | ({"small": "1"} if small else {}))
    return f"sticker/{draft.avatar.code()}/{scene}.webp{'?' if query else ''}{query}"


def avatar_url(avatar: Avatar, kind: str, *, small: bool = False) -> str:
    """Where the avatar alone is to be had, as ``json``, ``svg``, ``png`` or ``webp``."""
    return f"avatar/{avatar.code()}.{kind}{'?small=1' if small else ''}"


def part(request: Request) -> Picture:
    """An avatar with another value of a trait, the part of it that shows the trait."""
    where = request.path_params
    avatar = picked(Avatar.from_code(where["code"]), where["picker"], where["value"])
    svg = compose(avatar, catalog()).svg
    view = _VIEWS.get(where["picker"], _HEAD)
    return webp(rasterise(svg, PART_SIDE, view)), "image/webp"


def sticker(request: Request) -> Picture:
    """A sticker, with the words that the address says."""
    name, says = request.path_params["scene"], request.query_params.get("says")
    draft = Draft(
        Avatar.from_code(request.path_params["code"]), {} if says is None else {name: says}
    )
    svg = compose(draft.avatar, catalog(), draft.scene(name, catalog())).svg
    return webp(rasterise(svg, _side(request))), "image/webp"


def avatar_file(request: Request) -> Picture:
    """The avatar alone: its document or its portrait."""
    kind, who = request.path_params["kind"], Avatar.from_code(request.path_params["code"])
    if kind == "json":
        return who.to_json().encode(), "application/json"
    svg = compose(who, catalog(), None).svg
    if kind == "svg":
        return svg.encode(), "image/svg+xml"
    if kind == "png":
        return png(rasterise(svg, LARGE_SIDE)), "image/png"
    if kind == "webp":
        return webp(rasterise(svg, _side(request))), "image/webp"
    raise UnknownValue(f"there is no {RESTING}.{kind}", hint="use json, svg, png or webp")


def _side(request: Request) -> int:
    return SMALL_SIDE if "small" in request.query_params else SIDE


def zip_of(draft: Draft, title: str, author: str, targets: tuple[str, ...] = ()) -> bytes:
    """A draft's whole pack in one zip; the same draft and words give the same bytes.

    Args:
        draft: what is drawn.
        title: the pack's name.
        author: who made it.
        targets: messengers whose own formats go in beside the pictures.

    Raises:
        StickersError: nothing is in the pack, or a messenger refuses what is.
    """
    pack = draft.pack(catalog())
    if not pack.stickers:
        raise UnknownValue("the pack is empty", hint="choose a sticker at least")
    files = dict(pack.files()) | {"pack.json": _contents(pack, title, author)}
    if targets:
        for path, data in export_files(pack, targets, author=author, title=title).items():
            files[f"for/{path}"] = data
    return zipped(sorted(files.items()))


def _contents(pack: Pack, title: str, author: str) -> bytes:
    stickers = [
        {"name": s.name, "alt": s.alt, "emoji": s.emoji, "keywords": s.keywords}
        for s in pack.stickers
    ]
    told = {"title": title, "author": author, "avatar": pack.avatar.code(), "stickers": stickers}
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()


_limit = CapacityLimiter(AT_ONCE)


async def _drawn(draw: Callable[[Request], Picture], request: Request) -> Response:
    """What ``draw`` makes of the request, or a line that says why not."""
    try:
        async with _limit:
            if await request.is_disconnected():
                return Response(status_code=GONE)
            data, kind = await to_thread.run_sync(draw, request)
    except StickersError as exc:
        return PlainTextResponse(f"{exc}\n", 404)
    # The same address always shows the same, until the drawings change.
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


async def _part(request: Request) -> Response:
    return await _drawn(part, request)


async def _sticker(request: Request) -> Response:
    return await _drawn(sticker, request)


async def _avatar(request: Request) -> Response:
    return await _drawn(avatar_file, request)


async def _zip(request: Request) -> Response:
    async with request.form(max_files=0, max_fields=32) as form:
        title, author = (str(form.get(n, ""))[:LONGEST_NAME].strip() for n in ("title", "author"))
        targets = tuple(str(target) for target in form.getlist("for"))
        document = str(form.get("draft", ""))
    title, author = title or "My stickers", author or "Me"
    try:
        data = await to_thread.run_sync(
            lambda: zip_of(Draft.from_json(document), title, author, targets), limiter=_limit
        )
    except StickersError as exc:
        return PlainTextResponse(f"{exc}\n", 422)
    name = f"attachment; filename=\"stickers.zip\"; filename*=UTF-8''{quote(title, safe='')}.zip"
    return Response(data, media_type="application/zip", headers={"Content-Disposition": name})


ROUTES = (
    Route("/part/{code}/{picker}/{value}.webp", _part),
    Route("/sticker/{code}/{scene}.webp", _sticker),
    Route("/avatar/{code}.{kind}", _avatar),
    Route("/pack.zip", _zip, methods=["POST"]),
)
