"""The web app's own markup, where Gradio has no component: pictures, what is said, swatches."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from stickers.pack import Pack
from stickers.raster import png, rasterise, webp
from stickers.style import Style
from stickers.traits import AS_HAIR, COLOURS, NONE, TRAITS
from stickers.web.studio import words


def portrait_html(svg: str, text: str, *, example: bool = False) -> str:
    """The avatar, large; an example is shown faintly and hidden from screen readers."""
    source = _data("image/svg+xml", svg.encode())
    if example:
        return f'<div class="portrait example"><img src="{source}" alt=""></div>'
    return f'<div class="portrait"><img src="{source}" alt="{escape(text)}"></div>'


def said_html(text: str, note: str = "", *, sorry: str = "") -> str:
    """What is said beneath the portrait; ``sorry`` comes first and is read out at once."""
    return "".join(
        f"<p {how}>{escape(words_)}</p>"
        for how, words_ in (
            ('class="sorry" role="alert"', sorry),
            ('role="status"', text),
            ('class="quiet"', note),
        )
        if words_
    )


def pack_html(pack: Pack) -> str:
    """All stickers as pictures that save themselves, and the avatar's own files."""
    stickers = "".join(
        f'<li><a download="{s.name}.webp" href="{(source := _data("image/webp", _webp(s.svg)))}" '
        f'title="Save {escape(words(s.name))}"><img src="{source}" alt="{escape(s.alt)}"></a></li>'
        for s in pack.stickers
    )
    files = {
        "avatar.json": _data("application/json", pack.avatar.to_json().encode()),
        "avatar.svg": _data("image/svg+xml", pack.portrait.svg.encode()),
        "avatar.png": _data("image/png", png(rasterise(pack.portrait.svg, 1024))),
    }
    links = " ".join(
        f'<a download="{name}" href="{href}">{name}</a>' for name, href in files.items()
    )
    return f'<ul class="pack">{stickers}</ul><p class="files">The avatar alone: {links}</p>'


def _webp(svg: str) -> bytes:
    return webp(rasterise(svg))


def _data(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{b64encode(data).decode()}"


def swatches_css(style: Style) -> str:
    """Rules that show each colour before its name in the pickers of colours."""
    rules = []
    for picker in (*style.keys,):
        names = COLOURS.get(picker) or TRAITS[picker].values
        named = [n for n in names if n not in (NONE, AS_HAIR)]
        first = 1 + (AS_HAIR in names)
        for place, name in enumerate(named, first):
            colour = style.palette(picker, name)["base"]
            rules.append(f"#pick-{picker} label:nth-of-type({place}) {{--swatch: {colour}}}")
    return "\n".join(rules)
