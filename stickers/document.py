"""A tree of nodes written as a self-contained SVG document."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import svgwrite

from stickers.drawing import CREATIVE_COMMONS, DUBLIN_CORE, RDF, Node
from stickers.style import Style

SIDE = 512

for _prefix, _space in (("rdf", RDF), ("cc", CREATIVE_COMMONS), ("dc", DUBLIN_CORE)):
    ET.register_namespace(_prefix, _space[1:-1])

_COLOUR = re.compile("#[0-9a-f]{6}")
_PREFIX = "@"
"""Stands in kept text where the document's own prefix will be."""


@dataclass(frozen=True, slots=True)
class Markup:
    """Nodes as SVG text in master colours.

    Attributes:
        text: the elements; ids have no prefix yet.
        clips: id -> the clip path that the text refers to by it.
    """

    text: str
    clips: Mapping[str, str]


@lru_cache(16384)
def _part(node: Node) -> Markup:
    """The text of a part; kept, because parts are used again and again."""
    return _written(node)


def _layer(node: Node) -> Markup:
    """The text of a layer: parts that meet once, in one place."""
    return _written(node, _part)


def _written(node: Node, child: Callable[[Node], Markup] | None = None) -> Markup:
    clips: dict[str, str] = {}
    clip = ""
    if node.clip:
        shapes = "".join(_element(shape.tag, _geometry_only(shape)) for shape in node.clip)
        name = hashlib.sha256(shapes.encode()).hexdigest()[:10]
        clips[name] = shapes
        clip = f' clip-path="url(#{_PREFIX}-{name})"'
    if node.tag != "g":
        return Markup(_element(node.tag, node.attrs, clip), clips)
    children = [(child or _written)(inner) for inner in node.children]
    for inner in children:
        clips |= inner.clips
    return Markup(_element("g", node.attrs, clip, "".join(c.text for c in children)), clips)


def document(
    nodes: Iterable[Node], paints: Mapping[str, str], prefix: str, alt: str, style: Style
) -> str:
    """The SVG text of ``nodes`` on a page of `SIDE` x `SIDE`.

    Args:
        nodes: layers, back to front, made of parts.
        paints: master colour -> colour.
        prefix: starts every id, so that several documents can stand on one page.
        alt: alternative text, the document's title.
        style: whose author and licence go into the metadata.
    """
    written = [_layer(node) for node in nodes]
    clips = {name: shapes for m in written for name, shapes in m.clips.items()}
    defs = "".join(
        f'<clipPath id="{_PREFIX}-{name}">{shapes}</clipPath>' for name, shapes in clips.items()
    )
    body = f'<defs id="{_PREFIX}-defs">{defs}</defs>{"".join(m.text for m in written)}'
    body = _COLOUR.sub(lambda found: paints.get(found[0], found[0]), body)
    return f"{_page(alt, style.author, style.licence)}{body.replace(_PREFIX, prefix)}</svg>\n"


@lru_cache(1024)
def _page(alt: str, author: str, licence: str) -> str:
    """The document's start, up to what is drawn."""
    page = svgwrite.Drawing(size=(SIDE, SIDE), viewBox=f"0 0 {SIDE} {SIDE}", debug=False)
    page.attribs |= {"role": "img", "aria-label": alt}
    page.set_desc(title=alt)
    page.set_metadata(_metadata(alt, author, licence))
    page.elements.remove(page.defs)
    return str(page.tostring()).removesuffix("</svg>")


def _element(
    tag: str, attrs: Iterable[tuple[str, str]], more: str = "", children: str | None = None
) -> str:
    given = "".join(f' {key}="{value}"' for key, value in attrs)
    end = "/>" if children is None else f">{children}</{tag}>"
    return f"<{tag}{given}{more}{end}"


def _geometry_only(node: Node) -> list[tuple[str, str]]:
    return [(k, v) for k, v in node.attrs if not k.startswith(("fill", "stroke", "opacity"))]


def _metadata(title: str, author: str, licence: str) -> ET.Element:
    root = ET.Element(f"{RDF}RDF")
    work = ET.SubElement(root, f"{CREATIVE_COMMONS}Work", {f"{RDF}about": ""})
    ET.SubElement(work, f"{DUBLIN_CORE}title").text = title
    agent = ET.SubElement(ET.SubElement(work, f"{DUBLIN_CORE}creator"), f"{CREATIVE_COMMONS}Agent")
    ET.SubElement(agent, f"{DUBLIN_CORE}title").text = author
    ET.SubElement(work, f"{CREATIVE_COMMONS}license", {f"{RDF}resource": licence})
    return root
