"""A drawn file: one SVG as an illustrator saved it, read into a small tree.

Only plain shapes are kept (`SHAPES`), so that every renderer shows the same
picture. Names matter, wherever an editor puts them (Inkscape's label or the id):

=====================  ====================================================
top group ``LAYER``    everything in it is drawn in that layer of the style
``shape-LAYER``        a path that is the silhouette of its layer
``within-LAYER``       a group that is clipped to the silhouette of LAYER
``keep-LAYER``         a path, not drawn: LAYER is shown only inside it
``dye-LAYER``          a path, not drawn: LAYER's hair has its second colour inside it
``when-TRAIT-VALUE``   a group that is drawn only for that value
``left``, ``right``    the two sides of eyes and brows, as the viewer sees them
``iris-*``, ``lid-*``  what a look and a lid position move inside an eye
=====================  ====================================================
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PIL import ImageColor

from stickers.errors import BadStyle

SVG = "{http://www.w3.org/2000/svg}"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
LABEL = "{http://www.inkscape.org/namespaces/inkscape}label"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
CREATIVE_COMMONS = "{http://creativecommons.org/ns#}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"

SHAPES = frozenset({"path", "circle", "ellipse", "rect", "line", "polyline", "polygon"})
GEOMETRY = frozenset("d cx cy r rx ry x y width height x1 y1 x2 y2 points transform".split())
PAINT = frozenset(
    """fill stroke stroke-width stroke-linecap stroke-linejoin stroke-miterlimit
    fill-opacity stroke-opacity fill-rule clip-rule""".split()
)
_GUIDES = ("keep-", "dye-")
_IGNORED = frozenset({"title", "desc", "metadata", "defs", "namedview"})


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A shape or a group. Nodes are compared by identity: what is made of one is kept by it.

    Attributes:
        tag: ``g`` or one of `SHAPES`.
        name: what the illustrator called it, or "".
        attrs: geometry and paint as drawn, sorted; colours as ``#rrggbb`` or ``none``.
        children: of a group, back to front.
        clip: shapes that it is clipped to; empty for no clipping.
    """

    tag: str
    name: str = ""
    attrs: tuple[tuple[str, str], ...] = ()
    children: tuple[Node, ...] = ()
    clip: tuple[Node, ...] = ()

    def get(self, key: str, default: str = "") -> str:
        """The attribute ``key``, or ``default``."""
        return next((v for k, v in self.attrs if k == key), default)

    def with_attrs(self, **changes: str) -> Node:
        """A copy with these attributes set; ``_`` in a name stands for ``-``."""
        merged = dict(self.attrs) | {k.replace("_", "-"): v for k, v in changes.items()}
        return replace(self, attrs=tuple(sorted(merged.items())))

    def walk(self) -> Iterator[Node]:
        """This node and all below it, clips excluded."""
        yield self
        for child in self.children:
            yield from child.walk()

    def edited(self, edit: Callable[[Node], Node | None]) -> Node | None:
        """A copy with ``edit`` applied from the leaves up; None drops a node."""
        children = tuple(c for c in (child.edited(edit) for child in self.children) if c)
        return edit(replace(self, children=children) if children != self.children else self)


def recoloured(node: Node, paints: Mapping[str, str]) -> Node:
    """A copy of ``node`` with every colour that ``paints`` names replaced."""

    def paint(n: Node) -> Node:
        changes = {k: paints[n.get(k)] for k in ("fill", "stroke") if n.get(k) in paints}
        return n.with_attrs(**changes) if changes else n

    return node.edited(paint) or node


def group(
    *children: Node, name: str = "", transform: str = "", clip: tuple[Node, ...] = ()
) -> Node:
    """A group of ``children``."""
    attrs = (("transform", transform),) if transform else ()
    return Node("g", name, attrs, children, clip)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn file.

    Attributes:
        path: where it lies.
        title: the illustrator's title, or the file's name.
        author: who drew it.
        licence: URL of its licence.
        layers: layer name -> group.
        shapes: layer name -> its silhouette path, where it names one.
        guides: not drawn: ``keep-*`` and ``dye-*`` paths by name.
    """

    path: Path
    title: str
    author: str
    licence: str
    layers: dict[str, Node]
    shapes: dict[str, Node]
    guides: dict[str, Node]

    def named(self, name: str) -> Node | None:
        """The first node called ``name``."""
        nodes = (n for layer in self.layers.values() for n in layer.walk())
        return next((n for n in nodes if n.name == name), None)


@lru_cache(maxsize=4096)
def read_drawing(path: Path) -> Drawing:
    """Read one drawn file.

    Raises:
        BadStyle: it is no SVG, not 512 x 512, uses what the art contract leaves
            out (text, images, gradients, filters, style sheets), or names neither
            author nor licence.
    """
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as exc:
        raise BadStyle(f"not a readable SVG ({exc})", where=path, hint="save it again") from None
    if root.tag != f"{SVG}svg" or root.get("viewBox", "").split() != ["0", "0", "512", "512"]:
        raise BadStyle("the page is not 512 x 512", where=path, hint='set viewBox="0 0 512 512"')
    clips = {c.get("id", ""): c for c in root.iter(f"{SVG}clipPath")}
    layers: dict[str, Node] = {}
    guides: dict[str, Node] = {}
    for element in root:
        node = _node(element, clips, path, {})
        if node is None:
            continue
        if node.tag != "g" or not node.name:
            raise BadStyle(
                f"<{node.tag}> lies outside the layers", where=path, hint="put it into a layer"
            )
        guides |= {n.name: n for n in node.walk() if n.name.startswith(_GUIDES)}
        drawn = node.edited(lambda n: None if n.name.startswith(_GUIDES) else n)
        if drawn is not None:
            layers[node.name] = drawn
    author, licence = _credits(root, path)
    title = root.findtext(f"{SVG}title") or path.stem
    shapes = {
        layer: shape
        for layer, node in layers.items()
        if (shape := next((n for n in node.walk() if n.name == f"shape-{layer}"), None))
    }
    return Drawing(path, title, author, licence, layers, shapes, guides)


def _credits(root: ET.Element, path: Path) -> tuple[str, str]:
    author = root.findtext(f".//{DUBLIN_CORE}creator//{DUBLIN_CORE}title")
    terms = root.find(f".//{CREATIVE_COMMONS}license")
    licence = None if terms is None else terms.get(f"{RDF}resource")
    if not author or not licence:
        raise BadStyle(
            "no author or licence in its metadata",
            where=path,
            hint="fill in Document Properties > Metadata, or copy the metadata of template.svg",
        )
    return author, licence


def _node(
    element: ET.Element, clips: dict[str, ET.Element], path: Path, inherited: dict[str, str]
) -> Node | None:
    """The node of ``element``; paint that a group gives is handed down to its shapes."""
    if not isinstance(element.tag, str) or not element.tag.startswith(SVG):
        return None
    tag = element.tag.removeprefix(SVG)
    if tag in _IGNORED or tag == "clipPath":
        return None
    if tag not in SHAPES and tag != "g":
        raise BadStyle(f"<{tag}> cannot be used", where=path, hint="draw it with plain paths")
    given = _attributes(element, path)
    if given.get("display") == "none":
        return None
    paint = inherited | {k: v for k, v in given.items() if k in PAINT}
    own = {k: v for k, v in given.items() if k in GEOMETRY or k == "opacity"}
    name = given.get(LABEL) or given.get("id", "")
    clip = _clip(given, clips, path)
    if tag == "g":
        children = tuple(n for n in (_node(c, clips, path, paint) for c in element) if n)
        return Node(tag, name, tuple(sorted(own.items())), children, clip)
    paint.setdefault("fill", "#000000" if tag != "line" else "none")
    return Node(tag, name, tuple(sorted((own | paint).items())), (), clip)


def _attributes(element: ET.Element, path: Path) -> dict[str, str]:
    """An element's attributes with its ``style`` taken apart and its colours as #rrggbb."""
    given = dict(element.attrib)
    for rule in given.pop("style", "").split(";"):
        key, _, value = rule.partition(":")
        given[key.strip()] = value.strip()
    for key in ("class", "filter", "mask", XLINK_HREF, "href"):
        if key in given:
            raise BadStyle(
                f"the attribute {key.split('}')[-1]} cannot be used",
                where=path,
                hint="export with presentation attributes, without effects or links",
            )
    return given | {k: _colour(given[k], path) for k in ("fill", "stroke") if k in given}


def _clip(given: dict[str, str], clips: dict[str, ET.Element], path: Path) -> tuple[Node, ...]:
    reference = given.get("clip-path", "none")
    if reference == "none":
        return ()
    match = re.fullmatch(r"url\(['\"]?#([^'\")]+)['\"]?\)", reference)
    if match is None or match[1] not in clips:
        raise BadStyle(f"clip-path {reference} points to nothing", where=path, hint="clip again")
    return tuple(n for n in (_node(c, {}, path, {}) for c in clips[match[1]]) if n)


def _colour(value: str, path: Path) -> str:
    if value == "none":
        return value
    try:
        red, green, blue = ImageColor.getrgb(value)[:3]
    except ValueError:
        raise BadStyle(
            f"the paint {value} is not a plain colour", where=path, hint="use a flat #rrggbb fill"
        ) from None
    return f"#{red:02x}{green:02x}{blue:02x}"
