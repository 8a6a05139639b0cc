"""A visit to the web app: what happens when a visitor does something.

Each function takes a session as it was and returns what the page shows next, by the
names of its parts; a `Props` changes a part's properties, anything else its value.
Parts that are not named stay as they are, so nothing that goes wrong loses an avatar.
Nothing here knows of Gradio, and nothing keeps a photo: several faces are all drawn at
once, so that a visitor can tap another without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stickers import pipeline
from stickers.avatar import Avatar, avatar_of, random_avatar
from stickers.compose import compose
from stickers.errors import StickersError
from stickers.records import Analysis
from stickers.web.markup import (
    asked_html,
    editor_html,
    found_html,
    gallery_html,
    portrait_html,
    said_html,
    send_html,
)
from stickers.web.pictures import catalog
from stickers.web.session import Draft, Session
from stickers.web.studio import capital, choices, describe, offered, picked, unsure_of

EXAMPLES = (35, 24, 18, 11, 9, 16)
"""Seeds of the people who stand in for those without a photo."""

_KINDLY = {
    "no_face": "I could not find a face in this photo. Try one that shows your whole face, "
    "looking at the camera, in good light.",
    "too_dark": "This photo is too dark to see a face in. Try again with a lamp or a window "
    "in front of you.",
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


# Coming.


def open_link(code: str) -> Shown:
    """Somebody comes with a share code, or with none."""
    if not code:
        return {}
    try:
        avatar = Avatar.from_code(code)
    except StickersError as exc:
        return sorry(exc, None)
    return _meet(_begun(avatar, "Drawn from a link."))


def examples() -> tuple[Avatar, ...]:
    """The drawn people to begin with."""
    return tuple(random_avatar(seed, catalog().style) for seed in EXAMPLES)


def look(photo: bytes, session: Session | None) -> Shown:
    """A photo is shown; what cannot be used leaves the avatar as it was."""
    try:
        seen = pipeline.analyze_faces(photo)
    except StickersError as exc:
        return sorry(exc, session)
    first, *others = (session_of(analysis) for _, analysis in seen)
    met = replace(first, faces=(first, *others)) if others else first
    return _meet(met) | {"found": found_html([face.crop for face, _ in seen])}


def session_of(analysis: Analysis) -> Session:
    """The session that a face of a photo begins."""
    avatar = avatar_of(analysis.attributes, catalog().style)
    asked = [name for name in unsure_of(avatar) if name in offered(avatar, catalog())]
    unsure = {name: _likeliest(name, analysis, avatar) for name in asked}
    return replace(_begun(avatar, "Your photo is forgotten already."), unsure=unsure)


def _likeliest(name: str, analysis: Analysis, avatar: Avatar, top: int = 3) -> tuple[str, ...]:
    possible = {value for _, value in choices(name, avatar)}
    ranked = [v for v, _ in analysis.attributes[name].probabilities if v in possible]
    return tuple(ranked[:top])


def choose_face(session: Session, number: int) -> Shown:
    """Another of the photo's faces is the visitor's."""
    faces = session.faces
    shown = _meet(replace(faces[number], faces=faces))
    return {part: value for part, value in shown.items() if part != "found"}


def take(session: Session | None, code: str) -> Shown:
    """One of the drawn people is taken."""
    return _instead(session, Avatar.from_code(code))


def make_up(session: Session | None, seed: int | None = None) -> Shown:
    """Somebody is made up."""
    return _instead(session, random_avatar(seed, catalog().style))


def _instead(session: Session | None, avatar: Avatar) -> Shown:
    """Somebody else is drawn; who was there before can be had back by undoing."""
    if session is None:
        return _meet(_begun(avatar, "Change whatever is not you."))
    return _show(session.changed(replace(session.draft, avatar=avatar)))


def _begun(avatar: Avatar, note: str) -> Session:
    here = avatar.model_copy(update={"style": catalog().style.name})
    return Session((Draft(here),), note=note)


# Changing.


def turn_to(session: Session, picker: str) -> Shown:
    """Something else is to be changed."""
    now = replace(session, picker=picker)
    return {"session": now, "editor": editor_html(now)}


def pick(session: Session, picker: str, value: str, on: bool = True) -> Shown:
    """A value of a trait or colour is picked, or taken away where there may be many."""
    try:
        avatar = picked(session.avatar, picker, value, on)
    except StickersError as exc:
        return sorry(exc, session)
    return _show(session.changed(replace(session.draft, avatar=avatar)))


def move(session: Session, by: int) -> Shown:
    """Undo, or redo."""
    return _show(session.moved(by))


def reset(session: Session) -> Shown:
    """Back to what the visit began with."""
    return _show(session.reset())


def say(session: Session, scene: str, text: str) -> Shown:
    """A sticker gets words of the visitor's own; what cannot be lettered is said beside it."""
    draft = session.draft
    captions = {**draft.captions, scene: text.strip()}
    try:
        was = catalog().style.scene(scene).caption
        if captions[scene] == (was.text if was else ""):
            del captions[scene]
        now = replace(draft, captions=captions)
        compose(now.avatar, catalog(), now.scene(scene, catalog()))
    except StickersError as exc:
        return {"gallery": gallery_html(draft, refused=(scene, text, kindly(exc)))}
    return _show(session.changed(now))


def keep(session: Session, scene: str, wanted: bool) -> Shown:
    """A sticker is to be in the pack, or not."""
    draft = session.draft
    left_out = draft.left_out - {scene} if wanted else draft.left_out | {scene}
    return _show(session.changed(replace(draft, left_out=left_out)))


# Showing.


def kindly(error: StickersError) -> str:
    """A sentence for people, and what they can try."""
    return _KINDLY.get(error.code, f"{capital(error.what)}. {capital(error.hint)}.".strip())


def asleep() -> Shown:
    """The page is there, but nobody knows any more what it was about."""
    return {"said": said_html("", sorry="This page has slept too long. Please load it again.")}


def sorry(error: StickersError, session: Session | None) -> Shown:
    """Something cannot be used."""
    text = describe(session.avatar) if session else ""
    return {"said": said_html(text, sorry=kindly(error))}


def _meet(session: Session) -> Shown:
    """Show somebody new, with everything that can be changed."""
    return {
        **_show(session),
        "found": "",
        "start": Props(open=False, label="Start again with another photo"),
        "change": Props(visible=True),
        "steps": Props(visible=True),
        "made": Props(visible=True),
    }


def _show(session: Session) -> Shown:
    """Everything that depends on the draft."""
    text, last = describe(session.avatar), len(session.steps) - 1
    return {
        "session": session,
        "portrait": portrait_html(compose(session.avatar, catalog()).svg, text),
        "said": said_html(text, session.note),
        "asked": asked_html(session),
        "editor": editor_html(session),
        "gallery": gallery_html(session.draft),
        "send": send_html(session.draft),
        "code": session.avatar.code(),
        "undo": Props(interactive=session.at > 0),
        "redo": Props(interactive=session.at < last),
        "reset": Props(interactive=session.draft != session.steps[0]),
    }
