"""An avatar's parts, gathered by layer: what it looks like before it is laid on a page.

Conditions are met, what lies within a layer is clipped to it, the expression moves
brows and eyes and brings the mouth, dyed hair is doubled. Every node made here is made
once and kept, so that its text and its outline, which are kept by node, serve all scenes
and all avatars that share the part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from stickers.avatar import Avatar
from stickers.catalog import Catalog, values_of
from stickers.drawing import Node, group, recoloured
from stickers.silhouette import number
from stickers.style import BrowState, Build, EyeState, Gaze, Nudge, Pair, Scene

MADE = 16384
"""How many nodes of each kind are kept; a style has a few hundred parts."""

Layers = Mapping[str, tuple[Node, ...]]
Conditions = frozenset[tuple[str, str]]
Shapes = tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """An avatar's parts by layer, and what is about it.

    Attributes:
        layers: layer name -> its nodes, back to front; empty layers are left out.
        props: layer name -> the scene's hands, props and effects in it.
        keep: layer name -> the path inside which alone it is shown.
        head: the silhouette of the head, on which the face lies.
    """

    layers: Layers
    props: Layers
    keep: Mapping[str, Node]
    head: Node


def figure(avatar: Avatar, catalog: Catalog, scene: Scene) -> Figure:
    """Gather the parts of ``avatar`` with the face and the props of ``scene``.

    Raises:
        BadStyle: a drawing that the avatar needs breaks the art contract.
    """
    states, expression = catalog.style.expressions, scene.expression
    parts: list[tuple[str, Node]] = []
    shapes: dict[str, Node] = {}
    guides: dict[str, Node] = {}
    for trait, _, drawing in catalog.drawn(avatar.traits):
        for layer, node in drawing.layers.items():
            if trait == "brows":
                node = _brows(node, states.brows[expression.brows], catalog.style.brow_centres)
            elif trait == "eye_shape":
                node = _eyes(node, *_gazes(states.eyes[expression.eyes], catalog))
            parts.append((layer, node))
        shapes |= drawing.shapes
        guides |= drawing.guides
    parts += catalog.expression("mouth", expression.mouth).layers.items()
    hidden = catalog.hidden(avatar.traits)

    def ready(parts: Iterable[tuple[str, Node]]) -> dict[str, list[Node]]:
        layers: dict[str, list[Node]] = defaultdict(list)
        for layer, node in parts:
            if drawn := _ready(node, *_met(node, avatar, hidden, shapes)):
                layers[layer].append(drawn)
        return layers

    layers = ready(parts)
    props = ready(item for name in scene.props for item in catalog.prop(name).layers.items())
    drawn = {n: _dyed(nodes, guides.get(f"dye-{n}"), catalog) for n, nodes in layers.items()}
    for build in _builds(avatar, catalog):
        for layer in build.layers & set(drawn):
            drawn[layer] = (_built(drawn[layer], build),)
    return Figure(
        drawn,
        {layer: tuple(nodes) for layer, nodes in props.items()},
        {layer: guides[f"keep-{layer}"] for layer in layers if f"keep-{layer}" in guides},
        shapes["head"],
    )


def _met(
    node: Node, avatar: Avatar, hidden: frozenset[str], shapes: Mapping[str, Node]
) -> tuple[Conditions, Shapes]:
    """Of all that ``node`` asks for, what ``avatar`` has: values, and silhouettes."""
    conditions, within = _asked(node)
    return (
        frozenset(
            (trait, value)
            for trait, value in conditions
            if trait not in hidden and value in values_of(avatar.traits[trait])
        ),
        tuple((layer, shapes[layer]) for layer in within if layer in shapes),
    )


@lru_cache(MADE)
def _asked(node: Node) -> tuple[Conditions, tuple[str, ...]]:
    """The (trait, value) of ``when-`` groups and the layers of ``within-`` groups in ``node``."""
    conditions: set[tuple[str, str]] = set()
    within: set[str] = set()
    for inner in node.walk():
        kind, _, rest = inner.name.partition("-")
        if kind == "when":
            trait, _, value = rest.partition("-")
            conditions.add((trait, value))
        elif kind == "within":
            within.add(rest)
    return frozenset(conditions), tuple(sorted(within))


@lru_cache(MADE)
def _ready(node: Node, met: Conditions, shapes: Shapes) -> Node | None:
    """``node`` with only what is to be drawn, clips in place."""
    silhouettes = dict(shapes)

    def resolved(inner: Node) -> Node | None:
        kind, _, rest = inner.name.partition("-")
        if kind == "when":
            return inner if tuple(rest.split("-", 1)) in met else None
        if kind == "within":
            return replace(inner, clip=(silhouettes[rest],)) if rest in silhouettes else None
        return inner if inner.tag != "g" or inner.children else None

    return node.edited(resolved)


@lru_cache(MADE)
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


Side = tuple[Gaze, Pair, Node | None]
"""One eye's gaze, the point it grows from, and the drawing that replaces it."""


def _gazes(state: EyeState, catalog: Catalog) -> tuple[Side, Side]:
    def side(name: str, centre: Pair) -> Side:
        gaze = state.side(name)
        if gaze.draw is None:
            return gaze, centre, None
        return gaze, centre, catalog.expression("eyes", gaze.draw).named(name)

    left, right = catalog.style.eye_centres
    return side("left", left), side("right", right)


@lru_cache(MADE)
def _eyes(layer: Node, left: Side, right: Side) -> Node:
    def side(node: Node) -> Node:
        if node.name not in ("left", "right"):
            return node
        gaze, (cx, cy), drawn = left if node.name == "left" else right
        if drawn is not None:
            return drawn
        eye = node.edited(lambda n: _gazing(gaze, n)) or node
        if gaze.scale == 1:
            return eye
        x, y = (number(c * (1 - gaze.scale)) for c in (cx, cy))
        return group(eye, transform=f"translate({x} {y}) scale({gaze.scale:g})")

    return replace(layer, children=tuple(side(child) for child in layer.children))


def _gazing(gaze: Gaze, node: Node) -> Node:
    if node.name.startswith("iris-"):
        dx, dy = gaze.look
    elif node.name.startswith("lid-"):
        dx, dy = 0.0, gaze.lid
    else:
        return node
    moved = f"translate({number(dx)} {number(dy)})"
    return group(node, transform=moved) if dx or dy else node


def _dyed(nodes: list[Node], inside: Node | None, catalog: Catalog) -> tuple[Node, ...]:
    """``nodes``, and where the hair is dyed in part once more, in its second colour."""
    if inside is None:
        return tuple(nodes)
    return (*nodes, _again(tuple(nodes), inside, tuple(catalog.dye.items())))


@lru_cache(MADE)
def _again(nodes: tuple[Node, ...], inside: Node, dye: tuple[tuple[str, str], ...]) -> Node:
    return group(*(recoloured(node, dict(dye)) for node in nodes), clip=(inside,))


def _builds(avatar: Avatar, catalog: Catalog) -> Iterator[Build]:
    for trait, table in catalog.style.build.items():
        for value in values_of(avatar.traits[trait]):
            yield from table.get(value, ())


@lru_cache(MADE)
def _built(nodes: tuple[Node, ...], build: Build) -> Node:
    (cx, cy), (dx, dy), scale = build.about, build.shift, build.scale
    x, y = number(cx * (1 - scale) + dx), number(cy * (1 - scale) + dy)
    return group(*nodes, transform=f"translate({x} {y}) scale({scale:g})")
