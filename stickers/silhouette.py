"""The outline of a drawing as one path, for the die-cut border and the exact bounds.

Paths in here have no conics: what is painted is turned into quadratics once, and stays
without through unions and cuts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import comb

import numpy as np
import shapely
import skia
from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path
from numpy.typing import NDArray

from stickers.drawing import Node

Box = tuple[float, float, float, float]

_CAPS = {"round": skia.Paint.kRound_Cap, "square": skia.Paint.kSquare_Cap}
_JOINS = {"round": skia.Paint.kRound_Join, "bevel": skia.Paint.kBevel_Join}
_POINTS = {
    skia.Path.kMove_Verb: 1,
    skia.Path.kLine_Verb: 1,
    skia.Path.kQuad_Verb: 2,
    skia.Path.kCubic_Verb: 3,
    skia.Path.kClose_Verb: 0,
}
"""Verb -> how many points it adds."""
KEPT = 16384
"""How many outlines are kept; a style has a few hundred parts."""

_COMMAND = re.compile(r"(matrix|translate|scale|rotate)\s*\(([^)]*)\)")


class _SkiaPen(BasePen):  # type: ignore[misc]
    def __init__(self, path: skia.Path) -> None:
        super().__init__(None)
        self.path = path

    def _moveTo(self, pt: tuple[float, float]) -> None:
        self.path.moveTo(*pt)

    def _lineTo(self, pt: tuple[float, float]) -> None:
        self.path.lineTo(*pt)

    def _curveToOne(
        self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]
    ) -> None:
        self.path.cubicTo(*pt1, *pt2, *pt3)

    def _closePath(self) -> None:
        self.path.close()


@lru_cache(maxsize=KEPT)
def matrix(transform: str) -> skia.Matrix:
    """The matrix of an SVG transform list of matrix, translate, scale and rotate."""
    result = skia.Matrix()
    for name, arguments in _COMMAND.findall(transform):
        n = [float(x) for x in re.split(r"[\s,]+", arguments.strip())]
        if name == "matrix":
            step = skia.Matrix.MakeAll(n[0], n[2], n[4], n[1], n[3], n[5], 0, 0, 1)
        elif name == "translate":
            step = skia.Matrix.Translate(n[0], n[1] if len(n) > 1 else 0)
        elif name == "scale":
            step = skia.Matrix.Scale(n[0], n[1] if len(n) > 1 else n[0])
        else:
            step = skia.Matrix.RotateDeg(n[0], skia.Point(*(n[1:] or (0, 0))))
        result = skia.Matrix.Concat(result, step)
    return result


def geometry(node: Node) -> skia.Path:
    """The path of a shape, without stroke and transform."""
    path = skia.Path()

    def number(key: str) -> float:
        return float(node.get(key, "0"))

    if node.tag == "path":
        parse_path(node.get("d"), _SkiaPen(path))
    elif node.tag == "circle":
        path.addCircle(number("cx"), number("cy"), number("r"))
    elif node.tag == "ellipse":
        rx, ry = number("rx"), number("ry")
        path.addOval(skia.Rect.MakeXYWH(number("cx") - rx, number("cy") - ry, 2 * rx, 2 * ry))
    elif node.tag == "rect":
        box = skia.Rect.MakeXYWH(number("x"), number("y"), number("width"), number("height"))
        path.addRoundRect(box, number("rx"), number("ry") or number("rx"))
    elif node.tag == "line":
        path.moveTo(number("x1"), number("y1"))
        path.lineTo(number("x2"), number("y2"))
    else:
        n = [float(x) for x in re.split(r"[\s,]+", node.get("points").strip())]
        points = [skia.Point(x, y) for x, y in zip(n[::2], n[1::2], strict=True)]
        path.addPoly(points, node.tag == "polygon")
    if node.get("fill-rule") == "evenodd":
        path.setFillType(skia.PathFillType.kEvenOdd)
    return path


def _tried(work: Callable[..., skia.Path], *paths: skia.Path) -> skia.Path | None:
    """What ``work`` makes of ``paths``; None if it cannot.

    Skia gives up on a few paths for want of precision; turned, it sees other numbers.
    """
    try:
        return work(*paths)
    except RuntimeError:
        pass
    for degrees in (7, 23, 45, 71, 101):
        turn = skia.Matrix.RotateDeg(degrees, skia.Point(256, 256))
        back = skia.Matrix.RotateDeg(-degrees, skia.Point(256, 256))
        turned = [skia.Path(path) for path in paths]
        for path in turned:
            path.transform(turn)
        try:
            result = work(*turned)
        except RuntimeError:
            continue
        result.transform(back)
        return result
    return None


def union(*paths: skia.Path) -> skia.Path:
    """All ``paths`` as one, a new one."""

    def united(*paths: skia.Path) -> skia.Path:
        builder = skia.OpBuilder()
        for path in paths:
            builder.add(path, skia.kUnion_PathOp)
        return builder.resolve()

    if result := _tried(united, *paths):
        return result
    together = skia.Path()  # overlapping, which looks the same
    for path in paths:
        together.addPath(path)
    return together


def painted(node: Node) -> skia.Path:
    """What a node paints, fills and strokes, after clip and transform. Shared: copy to change."""
    return _kept(node) if node.tag == "g" else _painted(node)


@lru_cache(maxsize=KEPT)
def _kept(node: Node) -> skia.Path:
    return _painted(node)


def _painted(node: Node) -> skia.Path:
    path = union(*map(painted, _telling(node))) if node.tag == "g" else _covered(node)
    if node.clip:
        path = clipped(path, node.clip)
    if transform := node.get("transform"):
        path.transform(matrix(transform))
    return path


def _telling(group: Node) -> list[Node]:
    """The children that matter to the outline: not those clipped to what another one fills."""
    filled = {child.get("d") for child in group.children if child.get("fill", "none") != "none"}
    return [n for n in group.children if not n.clip or {s.get("d") for s in n.clip} - filled]


def clipped(path: skia.Path, clip: tuple[Node, ...]) -> skia.Path:
    """What of ``path`` lies in the shapes of ``clip``, however they are painted."""
    area = union(*map(_area, clip))
    cut = _tried(lambda a, b: skia.Op(a, b, skia.kIntersect_PathOp), path, area)
    return path if cut is None else cut


@lru_cache(maxsize=KEPT)
def _area(shape: Node) -> skia.Path:
    path = _simple(geometry(shape))
    path.transform(matrix(shape.get("transform")))
    return path


@lru_cache(maxsize=KEPT)
def reach(node: Node) -> NDArray[np.float64]:
    """N x 2 px: points whose convex hull holds all that a node paints; quick to find."""
    points = np.concatenate([_reach(shape) for shape in node.clip]) if node.clip else _reach(node)
    m = matrix(node.get("transform"))
    turn = np.array([[m.getScaleX(), m.getSkewY()], [m.getSkewX(), m.getScaleY()]])
    moved: NDArray[np.float64] = points @ turn + [m.getTranslateX(), m.getTranslateY()]
    return moved


def _reach(node: Node) -> NDArray[np.float64]:
    if node.tag == "g":
        return np.concatenate([np.empty((0, 2)), *map(reach, node.children)])
    path = geometry(node)
    points = np.array([(p.x(), p.y()) for p in path.getPoints(path.countPoints())]).reshape(-1, 2)
    if node.get("stroke", "none") != "none":
        half = float(node.get("stroke-width", "1")) / 2
        points = np.concatenate([points + half * side for side in _SIDES])
    return points


_SIDES = np.array(
    [(1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7)]
)


def _covered(node: Node) -> skia.Path:
    """What a shape covers, fill and stroke, before its transform."""
    outline = geometry(node)
    path = _simple(outline) if node.get("fill") != "none" else skia.Path()
    if node.get("stroke", "none") == "none":
        return path
    stroke = skia.Path()
    skia.Paint(
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=float(node.get("stroke-width", "1")),
        StrokeCap=_CAPS.get(node.get("stroke-linecap"), skia.Paint.kButt_Cap),
        StrokeJoin=_JOINS.get(node.get("stroke-linejoin"), skia.Paint.kMiter_Join),
    ).getFillPath(outline, stroke)
    return union(path, _simple(stroke))


def _simple(path: skia.Path) -> skia.Path:
    """``path`` without overlaps and conics."""
    simple = _tried(skia.Simplify, path)
    return _without_conics(path if simple is None else simple)


def _without_conics(path: skia.Path) -> skia.Path:
    """``path`` with two quadratics for each conic."""
    if skia.Path.kConic_Verb not in path.getVerbs(path.countVerbs()):
        return path
    result = skia.Path()
    result.setFillType(path.getFillType())
    walk = skia.Path.Iter(path, False)
    while True:
        verb, points = walk.next()
        if verb == skia.Path.kDone_Verb:
            return result
        if verb == skia.Path.kConic_Verb:
            quads = skia.Path.ConvertConicToQuads(*points, walk.conicWeight(), 1)
            for i in range(1, len(quads) - 1, 2):
                result.quadTo(quads[i], quads[i + 1])
        elif verb == skia.Path.kMove_Verb:
            result.moveTo(points[0])
        elif verb == skia.Path.kLine_Verb:
            result.lineTo(points[1])
        elif verb == skia.Path.kQuad_Verb:
            result.quadTo(*points[1:])
        elif verb == skia.Path.kCubic_Verb:
            result.cubicTo(*points[1:])
        else:
            result.close()


STEPS = 8
"""Straight pieces that a curve is flattened to; parts have many short curves."""
_T = np.linspace(0, 1, STEPS + 1)[1:]
_BERNSTEIN = {
    n: np.stack([comb(n - 1, k) * _T**k * (1 - _T) ** (n - 1 - k) for k in range(n)], axis=1)
    for n in (3, 4)
}
"""Number of control points -> the weights that they have at each step."""


def polygons(path: skia.Path) -> shapely.Geometry:
    """``path``, which has no overlaps, as polygons."""
    rings: list[list[Sequence[float]]] = []
    points = [(p.x(), p.y()) for p in path.getPoints(path.countPoints())]
    done = 0
    for verb in path.getVerbs(path.countVerbs()):
        if verb == skia.Path.kMove_Verb:
            rings.append([])
        added = points[done : done + _POINTS[verb]]
        done += len(added)
        if len(added) < 2:
            rings[-1] += added
        else:
            rings[-1] += _curve([rings[-1][-1], *added])
    # A ring within another is a hole; the xor of all gives each its meaning.
    areas = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) > 2]
    whole = shapely.Polygon()
    for area in areas:
        whole = shapely.symmetric_difference(whole, area)
    return whole


def _curve(control: list[Sequence[float]]) -> list[list[float]]:
    """Points on the Bézier curve of 3 or 4 control points, its start left out."""
    points: list[list[float]] = (_BERNSTEIN[len(control)] @ control).tolist()
    return points


def number(value: float) -> str:
    """A coordinate as short text, at most one decimal; raises ValueError if it is not finite."""
    if not math.isfinite(value):
        raise ValueError(f"not a coordinate: {value}")
    return tenths(round(value * 10))


@lru_cache(maxsize=KEPT)
def tenths(count: int) -> str:
    """Tenths of a pixel as short text in pixels."""
    whole, rest = divmod(abs(count), 10)
    return f"{'-' if count < 0 else ''}{whole}{f'.{rest}' if rest else ''}"
