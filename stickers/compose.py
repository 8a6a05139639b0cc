"""From an avatar to the SVG of a sticker: pure, deterministic to the byte.

The parts of an avatar are gathered by layer, the expression moves brows, eyes and
mouth, master colours become the avatar's, the head turns, the caption is lettered,
and the white die-cut border is cut around the silhouette of it all.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import floor

from stickers.avatar import Avatar
from stickers.catalog import Catalog, values_of
from stickers.document import SIDE, document
from stickers.drawing import Drawing, Node, group
from stickers.lettering import letter
from stickers.records import Sticker
from stickers.silhouette import Box, bounds, grown, matrix, number, path_data, silhouette
from stickers.style import BrowState, Expression, EyeState, Gaze, Nudge, Pair, Pose, Scene

MARGIN = 16
DIE_CUT = 8
MIDDLE = SIDE / 2
RESTING = "avatar"
"""The name of the plain portrait, which is no scene of a pack."""

Layers = defaultdict[str, list[Node]]


@dataclass(frozen=True, slots=True)
class _Figure:
    """An avatar's parts by layer, with what other parts clip to."""

    layers: Layers
    shapes: Mapping[str, Node]
    guides: Mapping[str, Node]


def compose(avatar: Avatar, catalog: Catalog, scene: str | Scene | None = None) -> Sticker:
    """Draw ``avatar`` in one scene, or as the plain portrait when there is none.

    Raises:
        UnknownValue: no such scene, or a caption with letters the font lacks.
        BadStyle: a drawing that the avatar needs breaks the art contract.
    """
    style = catalog.style
    if scene is None:
        scene = Scene(
            name=RESTING,
            alt=f"An illustrated portrait in the {style.title} style.",
            emoji=("🙂",),
            keywords=("avatar", "portrait"),
            expression=style.resting,
        )
    elif isinstance(scene, str):
        scene = style.scene(scene)
    figure = _figure(avatar, catalog, scene.expression)
    for name in scene.props:
        for layer, node in catalog.prop(name).layers.items():
            figure.layers[layer].append(node)
    drawn = _posed(_assemble(figure, avatar, catalog, scene.pose), scene.pose)
    parts = (drawn,) if scene.caption is None else (drawn, letter(scene.caption))
    # Cut before it is coloured: the outlines of parts are cached for avatars of any colour.
    cut = _recoloured(_die_cut(group(*parts, name=scene.name)), _paints(avatar, catalog))
    prefix = hashlib.sha256(f"{avatar.code()} {scene!r}".encode()).hexdigest()[:8]
    svg = document(cut, f"s{prefix}", scene.alt, style)
    return Sticker(scene.name, svg, scene.alt, scene.emoji, scene.keywords)


def _figure(avatar: Avatar, catalog: Catalog, expression: Expression) -> _Figure:
    states = catalog.style.expressions
    layers: Layers = defaultdict(list)
    shapes: dict[str, Node] = {}
    guides: dict[str, Node] = {}
    for name, _, drawing in catalog.drawn(avatar.traits):
        for layer, node in drawing.layers.items():
            if name == "brows":
                node = _brows(node, states.brows[expression.brows], catalog.style.brow_centres)
            elif name == "eye_shape":
                node = _eyes(node, states.eyes[expression.eyes], catalog)
            layers[layer].append(node)
            if shape := drawing.shape(layer):
                shapes[layer] = shape
        guides |= drawing.guides
    for layer, node in catalog.expression("mouth", expression.mouth).layers.items():
        layers[layer].append(node)
    return _Figure(layers, shapes, guides)


def _brows(layer: Node, state: BrowState, centres: tuple[Pair, Pair]) -> Node:
    def nudged(node: Node) -> Node:
        if node.name not in ("left", "right"):
            return node
        return group(node, transform=_nudge(state.side(node.name), centres[node.name == "right"]))

    return layer.edited(nudged) or layer


def _nudge(nudge: Nudge, centre: Pair) -> str:
    (dx, dy), (cx, cy) = nudge.shift, centre
    steps = f"translate({number(dx)} {number(dy)})" if dx or dy else ""
    turn = f"rotate({number(nudge.turn)} {number(cx)} {number(cy)})" if nudge.turn else ""
    return f"{steps} {turn}".strip()


def _eyes(layer: Node, state: EyeState, catalog: Catalog) -> Node:
    def side(node: Node) -> Node:
        if node.name not in ("left", "right"):
            return node
        gaze = state.side(node.name)
        if gaze.draw is not None:
            return _side(catalog.expression("eyes", gaze.draw), node.name)
        eye = node.edited(partial(_gazing, gaze)) or node
        return _grown(eye, gaze.scale, catalog.style.eye_centres[node.name == "right"])

    return replace(layer, children=tuple(side(child) for child in layer.children))


def _grown(eye: Node, scale: float, centre: Pair) -> Node:
    x, y = (number(c * (1 - scale)) for c in centre)
    return eye if scale == 1 else group(eye, transform=f"translate({x} {y}) scale({scale:g})")


def _gazing(gaze: Gaze, node: Node) -> Node:
    if node.name.startswith("iris-"):
        dx, dy = gaze.look
    elif node.name.startswith("lid-"):
        dx, dy = 0.0, gaze.lid
    else:
        return node
    moved = f"translate({number(dx)} {number(dy)})"
    return group(node, transform=moved) if dx or dy else node


def _side(drawing: Drawing, name: str) -> Node:
    found = (n for layer in drawing.layers.values() for n in layer.walk() if n.name == name)
    return next(found, group())


def _assemble(figure: _Figure, avatar: Avatar, catalog: Catalog, pose: Pose) -> Node:
    """The layers in order, conditions met, clips in place, the head turned."""
    style = catalog.style
    edit = partial(_resolved, avatar, figure.shapes)
    out: list[Node] = []
    for layer in style.layers:
        nodes = tuple(n for n in (node.edited(edit) for node in figure.layers[layer]) if n)
        if not nodes:
            continue
        if dyed := figure.guides.get(f"dye-{layer}"):
            again = (_recoloured(node, catalog.dye) for node in nodes)
            nodes = (*nodes, group(*again, clip=(dyed,)))
        keep = figure.guides.get(f"keep-{layer}")
        clip = (keep,) if keep else ()
        turned = pose.tilt and layer in style.head_layers
        x, y = style.neck
        turn = f"rotate({number(pose.tilt)} {number(x)} {number(y)})" if turned else ""
        out.append(group(*nodes, name=layer, transform=turn, clip=clip))
    return group(*out)


def _resolved(avatar: Avatar, shapes: Mapping[str, Node], node: Node) -> Node | None:
    kind, _, rest = node.name.partition("-")
    if kind == "when":
        name, _, value = rest.partition("-")
        return node if value in values_of(avatar.traits[name]) else None
    if kind == "within":
        return replace(node, clip=(shapes[rest],)) if rest in shapes else None
    return node if node.tag != "g" or node.children else None


def _posed(figure: Node, pose: Pose) -> Node:
    steps: list[str] = []
    dx, dy = pose.shift
    if dx or dy:
        steps.append(f"translate({number(dx)} {number(dy)})")
    if pose.lean:
        steps.append(f"rotate({number(pose.lean)} {number(MIDDLE)} {SIDE})")
    if pose.scale != 1:
        back = number(MIDDLE * (1 - pose.scale))
        steps.append(f"translate({back} {back}) scale({pose.scale:g})")
    return group(figure, transform=" ".join(steps)) if steps else figure


def _paints(avatar: Avatar, catalog: Catalog) -> dict[str, str]:
    """Master colour -> the avatar's colour."""
    style = catalog.style
    changed = {
        key: colour
        for name, table in style.recolour.items()
        for value in values_of(avatar.traits[name])
        for key, colour in table.get(value, {}).items()
    }
    paints: dict[str, str] = {}
    for slot, tones in style.keys.items():
        name = avatar.colour(slot)
        palette = tones if name is None else style.palette(slot, name)
        for tone, master in tones.items():
            paints[master.lower()] = changed.get(f"{slot}.{tone}", palette[tone]).lower()
    return paints


def _recoloured(node: Node, paints: Mapping[str, str]) -> Node:
    def paint(n: Node) -> Node:
        changes = {
            key: paints[colour]
            for key in ("fill", "stroke")
            if (colour := n.get(key)) in paints and paints[colour] != colour
        }
        return n.with_attrs(**changes) if changes else n

    return node.edited(paint) or node


def _die_cut(drawn: Node) -> Node:
    """``drawn`` scaled and shifted onto the page if need be, on its white border."""
    outline = silhouette((drawn,))
    fit = _fit(bounds(outline))
    if fit:
        drawn = group(drawn, transform=fit)
        outline.transform(matrix(fit))
    data = path_data(grown(outline, DIE_CUT))
    border = (("d", data), ("fill", "#ffffff"), ("fill-rule", "evenodd"))
    return group(Node("path", "die-cut", border), drawn)


def _fit(box: Box) -> str:
    """The transform that brings ``box`` onto the page; "" where it lies on it."""
    low, high = MARGIN + DIE_CUT, SIDE - MARGIN - DIE_CUT
    left, top, right, bottom = box
    if left >= low and top >= low and right <= high and bottom <= high:
        return ""
    # Rounded down to what the SVG will say, with a hair to spare for the rounding of paths.
    scale = min(1.0, floor(1000 * (high - low - 0.4) / max(right - left, bottom - top)) / 1000)

    def shift(start: float, end: float) -> float:
        start, end = start * scale, end * scale
        return max(low + 0.2 - start, 0) + min(high - 0.2 - end, 0)

    dx, dy = shift(left, right), shift(top, bottom)
    return f"translate({number(dx)} {number(dy)}) scale({scale:g})"
