"""From an avatar to the SVG of a sticker: pure, deterministic to the byte.

The figure's layers are laid on each other with the scene's props between them, the head
turns, the caption is lettered, everything is brought onto the page, the white die-cut
border is cut around the silhouette of it all, and master colours become the avatar's.
"""

from __future__ import annotations

import hashlib
from math import floor

from stickers import die_cut
from stickers.avatar import Avatar
from stickers.catalog import Catalog, values_of
from stickers.document import SIDE, document
from stickers.drawing import Node, group
from stickers.figure import Figure, figure
from stickers.lettering import letter
from stickers.records import Sticker
from stickers.silhouette import Box, number
from stickers.style import Pose, Scene

MARGIN = 16
MIDDLE = SIDE / 2
RESTING = "avatar"
"""The name of the plain portrait, which is no scene of a pack."""


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
            expression=style.resting.face(avatar.traits),
            pose=Pose(tilt=style.resting.tilt),
        )
    elif isinstance(scene, str):
        scene = style.scene(scene)
    person = figure(avatar, catalog, scene)
    turn, pose = _turn(scene.pose, catalog), _posed(scene.pose)
    caption = () if scene.caption is None else (letter(scene.caption),)
    pieces = die_cut.pieces(person, style.head_layers, turn, pose)
    pieces += [die_cut.Piece((((node,), None),)) for node in caption]
    fit = _fit(die_cut.box(pieces))
    nodes = (
        die_cut.border(pieces, fit),
        *_stacked(person, f"{fit} {pose}", turn, catalog),
        *(group(node, transform=fit) for node in caption),
    )
    prefix = hashlib.sha256(f"{avatar.code()} {scene!r}".encode()).hexdigest()[:8]
    svg = document(nodes, _paints(avatar, catalog), f"s{prefix}", scene.alt, style)
    return Sticker(scene.name, svg, scene.alt, scene.emoji, scene.keywords)


def _turn(pose: Pose, catalog: Catalog) -> str:
    """The transform of a tilted head."""
    x, y = catalog.style.neck
    return f"rotate({number(pose.tilt)} {number(x)} {number(y)})" if pose.tilt else ""


def _posed(pose: Pose) -> str:
    """The transform of the whole figure."""
    steps: list[str] = []
    dx, dy = pose.shift
    if dx or dy:
        steps.append(f"translate({number(dx)} {number(dy)})")
    if pose.lean:
        steps.append(f"rotate({number(pose.lean)} {number(MIDDLE)} {SIDE})")
    if pose.scale != 1:
        back = number(MIDDLE * (1 - pose.scale))
        steps.append(f"translate({back} {back}) scale({pose.scale:g})")
    return " ".join(steps)


def _stacked(person: Figure, place: str, turn: str, catalog: Catalog) -> list[Node]:
    """The layers in order, each in its place and clipped to what headwear keeps of it."""
    stack: list[Node] = []
    for layer in catalog.style.layers:
        if nodes := (*person.layers.get(layer, ()), *person.props.get(layer, ())):
            turned = turn if layer in catalog.style.head_layers else ""
            keep = person.keep.get(layer)
            transform = f"{place} {turned}".strip()
            stack.append(group(*nodes, transform=transform, clip=(keep,) if keep else ()))
    return stack


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


def _fit(box: Box) -> str:
    """The transform that brings ``box`` onto the page; "" where it lies on it."""
    edge = MARGIN + die_cut.WIDTH + 0.5
    low, high = edge, SIDE - edge
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
