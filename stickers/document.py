"""A tree of nodes written as a self-contained SVG document."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable

import svgwrite
from svgwrite.base import BaseElement

from stickers.drawing import CREATIVE_COMMONS, DUBLIN_CORE, RDF, Node
from stickers.style import Style

SIDE = 512

for _prefix, _space in (("rdf", RDF), ("cc", CREATIVE_COMMONS), ("dc", DUBLIN_CORE)):
    ET.register_namespace(_prefix, _space[1:-1])


def document(node: Node, prefix: str, alt: str, style: Style) -> str:
    """The SVG text of ``node`` on a page of `SIDE` x `SIDE`.

    Args:
        node: what is drawn.
        prefix: starts every id, so that several documents can stand on one page.
        alt: alternative text, the document's title.
        style: whose author and licence go into the metadata.
    """
    page = svgwrite.Drawing(size=(SIDE, SIDE), viewBox=f"0 0 {SIDE} {SIDE}", debug=False)
    page.attribs |= {"role": "img", "aria-label": alt}
    page.set_desc(title=alt)
    page.set_metadata(_metadata(alt, style))
    page.defs.attribs["id"] = f"{prefix}-defs"
    clips: dict[tuple[Node, ...], str] = {}
    page.add(_written(node, page, clips, prefix))
    return str(page.tostring()) + "\n"


class _Element(BaseElement):  # type: ignore[misc]
    """An svgwrite element with the tag and attributes of a node."""

    def __init__(self, tag: str, attrs: Iterable[tuple[str, str]]) -> None:
        self.elementname = tag
        super().__init__(debug=False)
        self.attribs.update(attrs)


def _written(
    node: Node, page: svgwrite.Drawing, clips: dict[tuple[Node, ...], str], prefix: str
) -> _Element:
    element = _Element(node.tag, node.attrs)
    if node.clip:
        if node.clip not in clips:
            clips[node.clip] = f"{prefix}-{len(clips) + 1}"
            clip = _Element("clipPath", [("id", clips[node.clip])])
            for shape in node.clip:
                clip.add(_Element(shape.tag, _geometry_only(shape)))
            page.defs.add(clip)
        element.attribs["clip-path"] = f"url(#{clips[node.clip]})"
    for child in node.children:
        element.add(_written(child, page, clips, prefix))
    return element


def _geometry_only(node: Node) -> list[tuple[str, str]]:
    return [(k, v) for k, v in node.attrs if not k.startswith(("fill", "stroke", "opacity"))]


def _metadata(title: str, style: Style) -> ET.Element:
    root = ET.Element(f"{RDF}RDF")
    work = ET.SubElement(root, f"{CREATIVE_COMMONS}Work", {f"{RDF}about": ""})
    ET.SubElement(work, f"{DUBLIN_CORE}title").text = title
    agent = ET.SubElement(ET.SubElement(work, f"{DUBLIN_CORE}creator"), f"{CREATIVE_COMMONS}Agent")
    ET.SubElement(agent, f"{DUBLIN_CORE}title").text = style.author
    ET.SubElement(work, f"{CREATIVE_COMMONS}license", {f"{RDF}resource": style.licence})
    return root
