"""The web app's own markup, where Gradio has no component: pictures to pick from, the gallery."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stickers.avatar import Avatar
from stickers.catalog import values_of
from stickers.export.targets import TARGETS
from stickers.photo import MAX_BYTES
from stickers.style import LONGEST_CAPTION
from stickers.traits import AS_HAIR, TRAITS
from stickers.web.pictures import (
    LONGEST_NAME,
    avatar_url,
    catalog,
    part_url,
    sticker_url,
)
from stickers.web.session import Draft, Session
from stickers.web.studio import GROUPS, capital, choices, offered, title, words

Crop = NDArray[np.uint8]

_ONLY_HERE = "This is what I looked at, turned upright. Only your browser still has it."


def title_html() -> str:
    """What the page is, and what becomes of a photo."""
    return (
        "<h1>Stickers <em>of you</em></h1>"
        "<p>Show me a selfie and I draw you a pack of stickers. Change whatever you like, "
        "then send them.</p>"
    )


def intake_html() -> str:
    """Where a photo comes in: camera, file, drop or paste."""
    return (
        f'<div class="intake" data-limit="{MAX_BYTES}">'
        '<video hidden playsinline muted aria-label="Your camera"></video>'
        '<p class="row" data-when="camera" hidden>'
        '<button type="button" class="main" data-do="snap">Snap</button>'
        '<button type="button" data-do="stop">Cancel</button></p>'
        '<p class="row" data-when="idle">'
        '<button type="button" class="main" data-do="camera">Take a selfie</button>'
        '<label class="file">Choose a photo'
        '<input type="file" accept="image/*,.heic,.heif"></label></p>'
        '<p class="quiet" data-when="idle">or drop one here, or paste it</p>'
        '<p class="quiet">Your photo is looked at in memory and never stored or sent on.</p>'
        '<p class="sorry" role="alert" hidden></p>'
        "</div>"
    )


def examples_html(people: Iterable[Avatar]) -> str:
    """Drawn people to begin with, to be tapped."""
    buttons = "".join(
        f'<button type="button" data-code="{who.code()}" aria-label="Begin with example {n}">'
        f'<img src="{avatar_url(who, "webp", small=True)}" alt=""></button>'
        for n, who in enumerate(people, 1)
    )
    invite = '<p class="quiet">No camera? Begin with somebody drawn:</p>'
    return f'{invite}<div class="examples">{buttons}</div>'


def portrait_html(svg: str, text: str) -> str:
    """The avatar, large; without a text it is only an example."""
    source = _data("image/svg+xml", svg.encode())
    return f'<div class="portrait"><img src="{source}" alt="{escape(text)}"></div>'


def said_html(text: str, note: str = "", *, sorry: str = "") -> str:
    """What is said beneath the portrait; ``sorry`` comes first and is read out at once."""
    return "".join(
        f"<p {how}>{escape(said)}</p>"
        for how, said in (
            ('class="sorry" role="alert"', sorry),
            ('role="status"', text),
            ('class="quiet"', note),
        )
        if said
    )


def found_html(crops: Sequence[Crop]) -> str:
    """The levelled photo; of several faces, which is the visitor's."""
    if len(crops) == 1:
        seen = f'<img src="{_jpeg(crops[0])}" alt="Your photo, levelled and cut out">'
        return f'<figure class="found">{seen}<figcaption>{_ONLY_HERE}</figcaption></figure>'
    faces = "".join(
        f'<label><input type="radio" name="face" value="{n}"{" checked" if n == 0 else ""}>'
        f'<img src="{_jpeg(crop)}" alt=""><span>Face {n + 1}</span></label>'
        for n, crop in enumerate(crops)
    )
    legend = f"I see {len(crops)} faces. Which one is you?"
    return f'<fieldset class="choices faces"><legend>{legend}</legend>{faces}</fieldset>'


def asked_html(session: Session) -> str:
    """The traits that the photo left open, each with its likeliest values."""
    seen = offered(session.avatar, catalog())
    questions = "".join(
        _choices(session.avatar, name, values, f"Not sure: which {title(name).lower()}?")
        for name, values in session.unsure.items()
        if name in seen
    )
    return f'<div class="asked">{questions}</div>' if questions else ""


def editor_html(session: Session) -> str:
    """What can be changed, and everything to pick from for one of it."""
    seen = offered(session.avatar, catalog())
    groups = {
        heading: [name for name in pickers if name in seen] for heading, pickers in GROUPS.items()
    }
    here = next((h for h, names in GROUPS.items() if session.picker in names), "Hair")
    now = session.picker if session.picker in groups[here] else groups[here][0]
    tabs = "".join(_turn(names[0], heading, heading == here) for heading, names in groups.items())
    pickers = "".join(_turn(name, title(name), name == now) for name in groups[here])
    options = [value for _, value in choices(now, session.avatar)]
    return (
        f'<nav aria-label="What to change"><div class="tabs">{tabs}</div>'
        f'<div class="pickers">{pickers}</div></nav>'
        f"{_choices(session.avatar, now, options, title(now))}"
    )


def _turn(picker: str, text: str, on: bool) -> str:
    pressed = str(on).lower()
    return (
        f'<button type="button" data-picker="{picker}" aria-pressed="{pressed}">'
        f"{escape(text)}</button>"
    )


def _choices(avatar: Avatar, name: str, values: Sequence[str], legend: str) -> str:
    style, many = catalog().style, name in TRAITS and TRAITS[name].many
    chosen = values_of(avatar.traits[name] if name in TRAITS else avatar.colours[name])
    named = {value: label for label, value in choices(name, avatar)}
    kind = "checkbox" if many else "radio"
    looks = "swatches" if name in style.keys else "pictures"

    def picture(value: str) -> str:
        if looks == "pictures":
            return f'<img src="{part_url(avatar, name, value)}" alt="" loading="lazy">'
        if value == AS_HAIR:
            return '<i class="as-hair"></i>'
        return f'<i style="background:{style.palette(name, value)["base"]}"></i>'

    options = "".join(
        f'<label><input type="{kind}" name="{legend}" value="{value}"'
        f"{' checked' if value in chosen else ''}>{picture(value)}"
        f"<span>{escape(named.get(value, capital(words(value))))}</span></label>"
        for value in values
    )
    return (
        f'<fieldset class="choices {looks}" data-picker="{name}">'
        f"<legend>{escape(legend)}</legend><div>{options}</div></fieldset>"
    )


def gallery_html(draft: Draft, refused: tuple[str, str, str] | None = None) -> str:
    """All stickers: each can be saved, left out and given words.

    Args:
        draft: what is drawn.
        refused: a scene, the words that it cannot have, and why.
    """
    scenes = catalog().style.scenes
    cards = "".join(_card(draft, name, refused) for name in sorted(scenes))
    return (
        f'<p class="progress"><progress max="{len(scenes)}" value="0" '
        'aria-label="Stickers drawn"></progress></p>'
        f'<ul class="gallery">{cards}</ul>'
    )


def _card(draft: Draft, name: str, refused: tuple[str, str, str] | None) -> str:
    scene, spoken = catalog().style.scene(name), escape(words(name))
    says = draft.captions.get(name, scene.caption.text if scene.caption else "")
    problem = ""
    if refused and refused[0] == name:
        _, says, why = refused
        problem = f'<p class="sorry" role="alert">{escape(why)}</p>'
    wanted = name not in draft.left_out
    return (
        f'<li data-scene="{name}"{"" if wanted else " class=out"}>'
        f'<a href="{escape(sticker_url(draft, name))}" download="{name}.webp" '
        f'title="Save this sticker"><img src="{escape(sticker_url(draft, name, small=True))}" '
        f'alt="{escape(scene.alt)}"></a>'
        f'<label class="keep"><input type="checkbox"{" checked" if wanted else ""}>'
        f'<span>in the pack<span class="sr"> ({spoken})</span></span></label>'
        f'<input type="text" maxlength="{LONGEST_CAPTION}" value="{escape(says)}" '
        f'placeholder="no words" aria-label="Words on “{spoken}”" autocomplete="off">{problem}</li>'
    )


def send_html(draft: Draft) -> str:
    """The form that downloads the pack, and the avatar's own files."""
    count = len(catalog().style.scenes) - len(draft.left_out)
    messengers = "".join(
        f'<label><input type="checkbox" name="for" value="{t.name}">'
        f"<span>{escape(t.label)}</span></label>"
        for t in TARGETS.values()
    )
    files = " ".join(
        f'<a href="{avatar_url(draft.avatar, kind)}" download="avatar.{kind}">avatar.{kind}</a>'
        for kind in ("json", "svg", "png")
    )
    name = f'maxlength="{LONGEST_NAME}" autocomplete="off"'
    return (
        '<form method="post" action="pack.zip" target="_self">'
        f'<input type="hidden" name="draft" value="{escape(draft.to_json())}">'
        '<p class="names"><label>Pack name'
        f'<input type="text" name="title" placeholder="My stickers" {name}></label>'
        f'<label>By<input type="text" name="author" placeholder="Me" {name}></label></p>'
        f"<details><summary>Also for a messenger</summary><p>{messengers}</p></details>"
        f'<p><button type="submit" class="main"{"" if count else " disabled"}>'
        f"Download {count} stickers (zip)</button></p></form>"
        f'<p class="files">The avatar alone: {files}</p>'
    )


def _jpeg(crop: Crop) -> str:
    """A crop for the page alone: it is in the page's text, and nowhere else."""
    out = io.BytesIO()
    Image.fromarray(crop).save(out, "JPEG", quality=85)
    return _data("image/jpeg", out.getvalue())


def _data(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{b64encode(data).decode()}"
