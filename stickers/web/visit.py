"""A visit to the web app: what happens when a visitor does something.

Each function takes a session as it was and returns what the page shows next, by the
names of its parts; a `Props` changes a part's properties, anything else its value.
Parts that are not named stay as they are, so nothing that goes wrong loses an avatar.
Nothing here knows of Gradio, and nothing keeps a photo.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from stickers import pipeline
from stickers.avatar import DEFAULT_STYLE, Avatar, avatar_of, default_avatar, random_avatar
from stickers.catalog import Catalog, load_catalog
from stickers.compose import compose
from stickers.errors import StickersError
from stickers.pack import draw
from stickers.records import Analysis
from stickers.web.markup import pack_html, portrait_html, said_html
from stickers.web.studio import (
    capital,
    choices,
    describe,
    edited,
    offered,
    picker_looks,
    title,
    unsure_of,
    words,
)

QUESTIONS = 3
"""How many unsure traits a visitor is asked about."""

_KINDLY = {
    "no_face": "I could not find a face in this photo. Try one that shows your whole face, "
    "looking at the camera, in good light.",
    "not_an_image": "That file is not a photo I can read. Try a JPEG, PNG, WebP or HEIC photo.",
    "photo_damaged": "That photo is damaged or incomplete. Try saving it again, or another one.",
    "photo_too_large": "That photo is too large. Try one of at most 50 MB and 100 megapixels.",
    "photo_not_found": "That photo did not arrive whole. Please choose it once more.",
    "bad_photo": "That photo is too small to see a face in. Try a larger one.",
    "bad_avatar": "That share link is not complete. Ask for all of it, or start from a photo.",
    "bad_model": "Reading photos does not work here just now. You can still make someone up "
    "with “Surprise me” and change everything.",
}


class Props(dict[str, Any]):
    """Properties of a part of the page that change."""


Shown = dict[str, object]
"""Part of the page -> its new value, or `Props`."""


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor's avatar.

    Attributes:
        avatar: as it is now.
        unsure: trait -> its likeliest values, for what the photo left open.
        note: a sentence about where the avatar came from.
    """

    avatar: Avatar
    unsure: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""


def session_of(analysis: Analysis, avatar: Avatar, catalog: Catalog) -> Session:
    """The session that a photo begins."""
    asked = [name for name in unsure_of(avatar) if name in offered(avatar, catalog)]
    unsure = {name: _likeliest(name, analysis, avatar) for name in asked}
    others = f"I saw {analysis.count} faces and took the largest. " if analysis.count > 1 else ""
    return Session(avatar, unsure, f"{others}Your photo is deleted.")


def _likeliest(name: str, analysis: Analysis, avatar: Avatar, top: int = 3) -> tuple[str, ...]:
    possible = {value for _, value in choices(name, avatar)}
    ranked = [v for v, _ in analysis.attributes[name].probabilities if v in possible]
    return tuple(ranked[:top])


def kindly(error: StickersError) -> str:
    """A sentence for people, and what they can try."""
    return _KINDLY.get(error.code, f"{capital(error.what)}. {capital(error.hint)}".strip())


@cache
def catalog() -> Catalog:
    """What the page draws in."""
    return load_catalog(DEFAULT_STYLE)


def example() -> str:
    """What stands in the portrait's place before there is one."""
    svg = compose(default_avatar(catalog().style), catalog()).svg
    return portrait_html(svg, "", example=True)


def open_link(code: str) -> Shown:
    """Somebody comes with a share code, or with none."""
    if not code:
        return {}
    try:
        avatar = Avatar.from_code(code)
    except StickersError as exc:
        return sorry(exc, None)
    avatar = avatar.model_copy(update={"style": catalog().style.name})
    return _meet(Session(avatar, note="Drawn from a share link."))


def look(photo: bytes, session: Session | None) -> Shown:
    """A photo is shown; what cannot be used leaves the avatar as it was."""
    try:
        analysis = pipeline.analyze(photo)
    except StickersError as exc:
        return sorry(exc, session)
    return _meet(session_of(analysis, avatar_of(analysis.attributes, catalog().style), catalog()))


def make_up(seed: int | None = None) -> Shown:
    """Somebody is made up."""
    avatar = random_avatar(seed, catalog().style)
    return _meet(Session(avatar, note="Made up. Change whatever is not you."))


def edit(session: Session | None, picks: Mapping[str, str | Sequence[str] | None]) -> Shown:
    """The pickers say ``picks``; they come all at once, so that no change is overtaken."""
    was = session or Session(default_avatar(catalog().style))
    now = replace(was, avatar=edited(was.avatar, picks))
    return _show(now) | _pickers(now.avatar, was.avatar, picks) | _still_asked(now)


def answer(session: Session, number: int, value: str) -> Shown:
    """Question ``number`` about an unsure trait is answered."""
    name = list(session.unsure)[number]
    try:
        now = replace(session, avatar=session.avatar.changed({name: value}))
    except StickersError as exc:
        return sorry(exc, session)
    return _show(now) | _pickers(now.avatar, session.avatar) | _still_asked(now)


def sorry(error: StickersError, session: Session | None) -> Shown:
    """Something cannot be used."""
    text = describe(session.avatar) if session else ""
    return {"said": said_html(text, sorry=kindly(error))}


def stickers_html(session: Session | None) -> str:
    """The pack, as pictures."""
    return pack_html(draw(session.avatar, catalog())) if session else ""


def _meet(session: Session) -> Shown:
    """Show somebody new, with everything that can be changed."""
    asked = [*session.unsure.items(), *[("", ())] * QUESTIONS][:QUESTIONS]
    questions = {
        f"ask-{number}": Props(
            visible=bool(name),
            label=f"Not sure about the {title(name).lower()}: which is you?" if name else "",
            choices=[(capital(words(v)), v) for v in values],
            value=None,
        )
        for number, (name, values) in enumerate(asked)
    }
    return {
        **_show(session),
        **_pickers(session.avatar),
        **questions,
        "start": Props(open=False, label="Start again"),
        "change": Props(visible=True),
        "made": Props(visible=True),
    }


def _still_asked(session: Session) -> Shown:
    """The questions, as far as they still mean something: nobody asks the bald for a colour."""
    seen = offered(session.avatar, catalog())
    return {f"ask-{n}": Props(visible=name in seen) for n, name in enumerate(session.unsure)}


def _show(session: Session) -> Shown:
    text = describe(session.avatar)
    return {
        "session": session,
        "portrait": portrait_html(compose(session.avatar, catalog()).svg, text),
        "said": said_html(text, session.note),
        "code": session.avatar.code(),
    }


def _pickers(
    now: Avatar,
    was: Avatar | None = None,
    picks: Mapping[str, str | Sequence[str] | None] | None = None,
) -> Shown:
    """Changes of the pickers: all of them, or what is not as before and as picked."""
    before = picker_looks(was, catalog()) if was else {}
    shown: Shown = {}
    for name, looks in picker_looks(now, catalog()).items():
        old = {**before.get(name, {}), **({"value": picks[name]} if picks else {})}
        changed = {key: v for key, v in looks.items() if key not in old or old[key] != v}
        if changed:
            shown[f"pick-{name}"] = Props(changed)
    return shown


def zip_of(session: Session) -> bytes:
    """Everything that `Pack.write` writes, in one zip; the same avatar gives the same bytes."""
    pack = draw(session.avatar, catalog())
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(out, "w") as archive:
        for path in pack.write(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            stored = path.suffix in (".png", ".webp")
            entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, Path(path).read_bytes())
    return out.getvalue()
