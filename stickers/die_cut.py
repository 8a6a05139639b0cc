"""The white border that is cut around a sticker.

A sticker is made of few pieces that keep their outline from scene to scene: the body, the
head, the hands and props, the caption. Each piece is bordered once and kept; a scene only
moves the bordered pieces and unites them. A sticker is cut around, not out of its middle:
what lies within has no holes.

Parts are outlined by skia, which knows strokes; what is united differs from avatar to avatar,
so that is shapely's, whose unions hold where skia's sometimes lose a piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform

from stickers.drawing import Node
from stickers.figure import MADE, Figure
from stickers.silhouette import Box, clipped, matrix, painted, polygons, reach, tenths

WIDTH = 8
"""px on the page."""
CLOSED = 8
"""px: a narrower slit between two edges of the border is closed, as with a knife."""
SMOOTH = 0.2
"""px by which the border's edge may leave its true course."""
PIECES = 4096
"""How many pieces are kept: those of the last hundred avatars or so."""

Part = tuple[tuple[Node, ...], Node | None]
"""Nodes of one layer, and the path inside which alone they are shown."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What moves together: the parts, and the transform that brings them to their place."""

    parts: tuple[Part, ...]
    place: str = ""


def pieces(person: Figure, head_layers: frozenset[str], turn: str, pose: str) -> list[Piece]:
    """The pieces of a figure and its props; ``turn`` tilts the head, ``pose`` moves it all."""
    body: list[Part] = []
    head: list[Part] = []
    for layer, nodes in person.layers.items():
        keep = person.keep.get(layer)
        if layer in head_layers:
            # What lies on the face cannot change the head's outline.
            head.append((tuple(n for n in nodes if not _on_head(person.head, n)), keep))
        else:
            body.append((nodes, keep))
    held = tuple((ns, None) for layer, ns in person.props.items() if layer not in head_layers)
    worn = tuple((ns, None) for layer, ns in person.props.items() if layer in head_layers)
    found = [Piece(tuple(body), pose), Piece(tuple(head), f"{pose} {turn}")]
    return found + [p for p in (Piece(held, pose), Piece(worn, f"{pose} {turn}")) if p.parts]


def box(found: list[Piece]) -> Box:
    """(left, top, right, bottom) in px of what all pieces paint."""
    points: list[NDArray[np.float64]] = []
    for piece in found:
        a, b, d, e, x, y = _affine(piece.place)
        points.append(_hull(piece.parts) @ [[a, d], [b, e]] + [x, y])
    every = np.concatenate(points)
    (left, top), (right, bottom) = every.min(axis=0).tolist(), every.max(axis=0).tolist()
    return left, top, right, bottom


def border(found: list[Piece], fit: str) -> Node:
    """The border around all pieces, brought onto the page by ``fit``."""
    placed: list[shapely.Geometry] = []
    for piece in found:
        place = f"{fit} {piece.place}"
        # In whole pixels, so that scenes share what was bordered.
        width = round(WIDTH / matrix(place).mapRadius(1))
        placed.append(affine_transform(_bordered(piece.parts, width), _affine(place)))
    closed = _filled(shapely.union_all(placed).buffer(CLOSED / 2, quad_segs=2))
    outline = closed.buffer(-CLOSED / 2, quad_segs=2).simplify(SMOOTH, preserve_topology=False)
    data = "".join(_data(polygon) for polygon in _polygons(outline))
    return Node("path", "die-cut", (("d", data), ("fill", "#ffffff")))


def gaps(parts: tuple[Part, ...]) -> list[Box]:
    """The boxes of the holes that ``parts`` enclose together."""
    outline = shapely.union_all(_outlines(parts))
    return [ring.bounds for polygon in _polygons(outline) for ring in polygon.interiors]


def covered_by(parts: tuple[Part, ...], area: Box) -> bool:
    """Whether ``parts`` paint all of a box."""
    return bool(shapely.union_all(_outlines(parts)).covers(shapely.box(*area)))


@lru_cache(MADE)
def _on_head(head: Node, node: Node) -> bool:
    """Whether all that ``node`` paints lies on the head, a convex shape."""
    points = reach(node)
    return bool(shapely.contains_xy(_outline(head, None), points[:, 0], points[:, 1]).all())


@lru_cache(PIECES)
def _bordered(parts: tuple[Part, ...], width: int) -> shapely.Geometry:
    """The border of a piece: that of its nodes together, which many pieces share."""
    edges = [_edge(node, keep, width) for nodes, keep in parts for node in nodes]
    return _filled(shapely.union_all(edges)).simplify(SMOOTH)


@lru_cache(MADE)
def _edge(node: Node, keep: Node | None, width: int) -> shapely.Geometry:
    return _filled(_outline(node, keep).buffer(width, quad_segs=8)).simplify(SMOOTH)


@lru_cache(PIECES)
def _hull(parts: tuple[Part, ...]) -> NDArray[np.float64]:
    """N x 2 px: corners of the smallest convex shape around a piece, as far to all sides."""
    whole = shapely.convex_hull(shapely.GeometryCollection(_outlines(parts)))
    return np.asarray(shapely.get_coordinates(whole), dtype=np.float64)


def _outlines(parts: tuple[Part, ...]) -> list[shapely.Geometry]:
    return [_outline(node, keep) for nodes, keep in parts for node in nodes]


@lru_cache(MADE)
def _outline(node: Node, keep: Node | None) -> shapely.Geometry:
    path = painted(node)
    return polygons(path if keep is None else clipped(path, (keep,))).simplify(SMOOTH / 2)


def _filled(outline: shapely.Geometry) -> shapely.Geometry:
    """``outline`` without holes."""
    whole = [shapely.Polygon(polygon.exterior) for polygon in _polygons(outline)]
    return whole[0] if len(whole) == 1 else shapely.union_all(whole)


def _polygons(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(geometry)
    return [part for part in parts if isinstance(part, shapely.Polygon) and not part.is_empty]


def _affine(place: str) -> list[float]:
    """A transform as shapely wants it: x' = ax + by + x0, y' = dx + ey + y0."""
    m = matrix(place)
    terms = [m.getScaleX(), m.getSkewX(), m.getSkewY(), m.getScaleY()]
    return [*terms, m.getTranslateX(), m.getTranslateY()]


def _data(polygon: shapely.Polygon) -> str:
    """Path data of the edge at a tenth of a pixel."""
    at = np.rint(shapely.get_coordinates(polygon.exterior)[:-1] * 10).astype(int)
    start, steps = at[0].tolist(), np.diff(at, axis=0).ravel().tolist()
    return f"M{' '.join(map(tenths, start))}l{' '.join(map(tenths, steps))}z"
