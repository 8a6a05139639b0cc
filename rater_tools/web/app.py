"""The raters' web app: FastAPI, HTML from the server, one script, one style sheet.

The project's web toolkit is Gradio. Here every answer is one key: the next photo, loaded
before, must be there in the same frame, the answer follows by itself, and a server that
is gone for a while must cost no answer. Gradio puts a queued round trip between a key and
what it shows, and sends photos through its own cache of files; so these screens use what
Gradio itself stands on.

Raters are blind: no screen says what the model, the truth or another rater says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, select_autoescape
from sqlalchemy import select
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rater_tools.assignment import Desk
from rater_tools.plan import pause, photo_of, rater_called
from rater_tools.progress import progress, waiting
from rater_tools.questions import (
    ASKED,
    IDENTITY,
    JUDGED,
    LIKENESS,
    SCORES,
    WHOLE_FACE,
    question,
)
from rater_tools.store import Item, Rater, Task
from rater_tools.tasks import Given, Lost, Refused, Reply
from rater_tools.tiles import portrait, tile
from rater_tools.web.guard import COOKIE, KEPT, Guard, SameOrigin, Visitor
from rater_tools.web.messages import Said, Undone, Wanted
from stickers.errors import StickersError, UnknownValue
from stickers.traits import TRAITS
from stickers.web.studio import title

HERE = Path(__file__).parent
CACHED = {"cache-control": "private, max-age=86400"}
_KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_pages = Environment(
    loader=PackageLoader("rater_tools.web"), autoescape=select_autoescape(), trim_blocks=True
)


def create_app(
    desk: Desk, *, code: str = "", manager_code: str = "", hosts: tuple[str, ...] = ("*",)
) -> FastAPI:
    """The app.

    Args:
        desk: gives tasks and takes answers.
        code: what people must know to sign in; "" asks for none.
        manager_code: what opens the manager's screen, which stays shut where only ``code``
            is set.
        hosts: names by which the site may be called.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(SameOrigin)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    guard = Guard(desk.store.secret(), code, manager_code)
    _errors(app)
    _entrance(app, desk, guard)
    _screens(app, desk, guard)
    _manage(app, desk, guard)
    _rating(app, desk, guard)
    _pictures(app, desk, guard)
    return app


def _visitor(guard: Guard, request: Request) -> Visitor:
    visitor = guard.visitor(request.cookies.get(COOKIE, ""))
    if visitor is None:
        raise HTTPException(401)
    return visitor


def _signed_in(guard: Guard) -> Any:
    def visitor(request: Request) -> Visitor:
        return _visitor(guard, request)

    return Depends(visitor)


def _page(template: str, status: int = 200, /, **what: object) -> HTMLResponse:
    return HTMLResponse(_pages.get_template(f"{template}.html").render(what), status)


def _errors(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    def refused(request: Request, exc: HTTPException) -> Response:
        if exc.status_code == 401 and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303)
        return JSONResponse({"error": exc.detail}, exc.status_code)

    @app.exception_handler(StickersError)
    def failed(request: Request, exc: StickersError) -> Response:
        status = 409 if isinstance(exc, Lost) else 403 if isinstance(exc, Refused) else 400
        return JSONResponse({"error": str(exc), "code": exc.code}, status)


def _entrance(app: FastAPI, desk: Desk, guard: Guard) -> None:
    asks = bool(guard.code or guard.manager_code)

    @app.get("/")
    def entrance(request: Request) -> Response:
        if guard.visitor(request.cookies.get(COOKIE, "")):
            return RedirectResponse("/home", 303)
        return _page("entrance", asks=asks)

    @app.post("/sign-in")
    def sign_in(
        name: Annotated[str, Form(max_length=200)] = "",
        code: Annotated[str, Form(max_length=200)] = "",
        join: Annotated[bool, Form()] = False,
    ) -> Response:
        if not guard.admits(code):
            return _page("entrance", 403, asks=asks, name=name, sorry="That is not the code.")
        try:
            with desk.store.write() as session:
                rater = rater_called(session, name, add=join).id
        except UnknownValue:
            ask = name.strip()
            sorry = "" if ask else "Please say who you are."
            return _page("entrance", 200, asks=asks, name=name, code=code, ask=ask, sorry=sorry)
        answer = RedirectResponse("/home", 303)
        cookie = guard.cookie(Visitor(rater, guard.manages(code)))
        answer.set_cookie(COOKIE, cookie, max_age=KEPT, httponly=True, samesite="strict")
        return answer

    @app.post("/sign-out")
    def sign_out() -> Response:
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE)
        return answer


def _screens(app: FastAPI, desk: Desk, guard: Guard) -> None:
    signed_in = _signed_in(guard)

    @app.get("/home")
    def home(visitor: Visitor = signed_in) -> Response:
        with desk.store.read() as session:
            rater = session.get(Rater, visitor.rater)
            left = waiting(session, visitor.rater)
        if rater is None:
            raise HTTPException(401)
        traits = [(name, title(name), left[name]) for name in TRAITS if left.get(name)]
        face = max((n for name, _, n in traits if name in ASKED), default=0)
        judged = [(name, _JUDGED[name], left[name]) for name in JUDGED if left.get(name)]
        return _page(
            "home",
            rater=rater,
            traits=traits,
            face=face if len(traits) > 1 else 0,
            judged=judged,
            manager=visitor.manager,
        )

    @app.get("/rate/{attribute}")
    def rate(attribute: str, visitor: Visitor = signed_in) -> Response:
        if attribute != WHOLE_FACE and attribute not in TRAITS:
            raise HTTPException(404)
        names = ASKED if attribute == WHOLE_FACE else (attribute,)
        return _page(
            "rate",
            rater=visitor.rater,
            kind=attribute,
            questions=[question(name) for name in names],
        )

    @app.get("/judge/{kind}")
    def judge(kind: str, visitor: Visitor = signed_in) -> Response:
        if kind not in JUDGED:
            raise HTTPException(404)
        parts = list(zip(ASKED, map(title, ASKED), "qwertyuiopasdfghjkl", strict=False))
        return _page(
            "judge",
            rater=visitor.rater,
            kind=kind,
            ask=_JUDGED[kind],
            scores=SCORES,
            parts=parts,
        )


_JUDGED = {
    LIKENESS: "How well does the sticker show this person?",
    IDENTITY: "Which of these people is it?",
}


def _manage(app: FastAPI, desk: Desk, guard: Guard) -> None:
    def manager(request: Request) -> Visitor:
        visitor = _visitor(guard, request)
        if not visitor.manager:
            raise HTTPException(403, "sign in with the manager's code")
        return visitor

    managing = Depends(manager)

    @app.get("/manage")
    def manage(visitor: Visitor = managing) -> Response:
        with desk.store.read() as session:
            overview = progress(session)
        return _page("manage", overview=overview, title=title)

    @app.post("/manage/pause")
    def pause_rater(
        name: Annotated[str, Form()],
        paused: Annotated[bool, Form()],
        visitor: Visitor = managing,
    ) -> Response:
        pause(desk.store, name, paused=paused)
        return RedirectResponse("/manage", 303)

    @app.post("/manage/add")
    def add_rater(name: Annotated[str, Form()], visitor: Visitor = managing) -> Response:
        with desk.store.write() as session:
            rater_called(session, name, add=True)
        return RedirectResponse("/manage", 303)


def _rating(app: FastAPI, desk: Desk, guard: Guard) -> None:
    signed_in = _signed_in(guard)

    @app.post("/api/take")
    def take(wanted: Wanted, visitor: Visitor = signed_in) -> dict[str, object]:
        given = desk.take(visitor.rater, wanted.attribute, wanted.count)
        return {"tasks": _shown(desk, given)}

    @app.post("/api/reply")
    def reply(said: Said, visitor: Visitor = signed_in) -> dict[str, object]:
        what = said.model_dump(exclude={"task", "attribute", "count"})
        words = Reply(**what | {"wrong": tuple(said.wrong)})
        given = desk.reply_and_take(visitor.rater, said.task, words, said.attribute, said.count)
        return {"tasks": _shown(desk, given)}

    @app.post("/api/undo")
    def undo(undone: Undone, visitor: Visitor = signed_in) -> dict[str, object]:
        given = desk.undo(visitor.rater, undone.token)
        return {"tasks": _shown(desk, [given] if given else [])}


def _shown(desk: Desk, given: list[Given]) -> list[dict[str, object]]:
    """Tasks as screens get them: pictures by number, nothing that tells an answer."""
    shown: list[dict[str, object]] = []
    for g in given:
        what: dict[str, object] = {"task": g.task, "attribute": g.attribute}
        if g.attribute in JUDGED:
            what["sticker"] = f"/sticker/{g.task}"
        if g.attribute == IDENTITY:
            what["choices"] = [
                {"value": name, "photo": f"/photo/{key}"}
                for name, key in _ids(desk, g.data["choices"])
            ]
        else:
            what["photo"] = f"/photo/{g.item}"
        shown.append(what)
    return shown


def _ids(desk: Desk, names: list[str]) -> list[tuple[str, int]]:
    with desk.store.read() as session:
        found = session.execute(select(Item.name, Item.id).where(Item.name.in_(names)))
        ids = dict(found.all())
    return [(name, ids[name]) for name in names]


def _pictures(app: FastAPI, desk: Desk, guard: Guard) -> None:
    signed_in = _signed_in(guard)

    @app.get("/photo/{number}")
    def photo(number: int, visitor: Visitor = signed_in) -> Response:
        with desk.store.read() as session:
            item = session.get(Item, number)
            path = None if item is None else photo_of(item)
        kind = None if path is None else _KINDS.get(path.suffix.lower())
        if path is None or kind is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=kind, headers=CACHED)

    @app.get("/tile/{attribute}/{value}")
    def picture(attribute: str, value: str, visitor: Visitor = signed_in) -> Response:
        return Response(tile(attribute, value), media_type="image/webp", headers=CACHED)

    @app.get("/sticker/{number}")
    def sticker(number: int, visitor: Visitor = signed_in) -> Response:
        with desk.store.read() as session:
            task = session.get(Task, number)
        if task is None or task.attribute not in JUDGED:
            raise HTTPException(404)
        drawn = portrait(str(task.data["code"]))
        return Response(drawn, media_type="image/webp", headers=CACHED)
