"""The outline of a drawing as one path, for the die-cut border and the exact bounds.

Paths in here have no conics, which SVG has not: what is painted is turned into
quadratics once, and stays without through unions and cuts.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

import skia
from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path

from stickers.drawing import Node

Box = tuple[float, float, float, float]

_CAPS = {"round": skia.Paint.kRound_Cap, "square": skia.Paint.kSquare_Cap}
_JOINS = {"round": skia.Paint.kRound_Join, "bevel": skia.Paint.kBevel_Join}
_VERBS = {
    skia.Path.kMove_Verb: ("M", 1, skia.Path.moveTo),
    skia.Path.kLine_Verb: ("L", 1, skia.Path.lineTo),
    skia.Path.kQuad_Verb: ("Q", 2, skia.Path.quadTo),
    skia.Path.kCubic_Verb: ("C", 3, skia.Path.cubicTo),
    skia.Path.kClose_Verb: ("Z", 0, skia.Path.close),
}
"""Verb -> its letter in SVG, how many points it adds, how it is drawn."""
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


def union(*paths: skia.Path) -> skia.Path:
    """All ``paths`` as one, a new one."""
    builder = skia.OpBuilder()
    for path in paths:
        builder.add(path, skia.kUnion_PathOp)
    return builder.resolve()


@lru_cache(maxsize=KEPT)
def painted(node: Node) -> skia.Path:
    """What a node paints, fills and strokes, after clip and transform. Shared: copy to change."""
    path = union(*map(painted, node.children)) if node.tag == "g" else _covered(node)
    if node.clip:
        path = clipped(path, node.clip)
    if transform := node.get("transform"):
        path.transform(matrix(transform))
    return path


def moved(path: skia.Path, transform: str) -> skia.Path:
    """A copy of ``path`` under an SVG transform."""
    result = skia.Path(path)
    result.transform(matrix(transform))
    return result


def clipped(path: skia.Path, clip: tuple[Node, ...]) -> skia.Path:
    """What of ``path`` lies in the shapes of ``clip``, however they are painted."""
    return skia.Op(path, union(*map(_area, clip)), skia.kIntersect_PathOp)


@lru_cache(maxsize=KEPT)
def _area(shape: Node) -> skia.Path:
    path = _simple(geometry(shape))
    path.transform(matrix(shape.get("transform")))
    return path


@lru_cache(maxsize=KEPT)
def covers(whole: Node, part: Node) -> bool:
    """Whether the box of what ``part`` paints lies in ``whole``, a convex shape."""
    left, top, right, bottom = bounds(painted(part))
    outline = painted(whole)
    return all(outline.contains(x, y) for x in (left, right) for y in (top, bottom))


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
    """``path`` without overlaps and conics.

    Skia gives up on a few paths for want of precision; a hair's turn helps it.
    """
    for degrees in (0, 0.01, -0.02, 0.05):
        turned = skia.Path(path)
        turned.transform(skia.Matrix.RotateDeg(degrees, skia.Point(256, 256)))
        try:
            return _without_conics(skia.Simplify(turned))
        except RuntimeError:
            continue
    raise ValueError("skia cannot find the outline of a path")


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
        else:
            _, count, draw = _VERBS[verb]
            draw(result, *points[len(points) - count :])


def bounds(path: skia.Path) -> Box:
    """(left, top, right, bottom) in px, tight."""
    box = path.computeTightBounds()
    return box.left(), box.top(), box.right(), box.bottom()


Contour = list[tuple[skia.Path.Verb, list[skia.Point]]]
"""A closed curve: its verbs, each with the points that it adds."""


def path_data(path: skia.Path) -> str:
    """SVG path data of ``path`` at a tenth of a pixel, its holes left out.

    A sticker is cut around, not out of its middle.
    """
    return "".join(
        [
            _VERBS[verb][0]
            + " ".join([_tenths(round(x * 10)) for p in points for x in (p.x(), p.y())])
            for contour in _outer(path)
            for verb, points in contour
        ]
    )


def without_holes(path: skia.Path) -> skia.Path:
    """``path`` with its holes filled."""
    result = skia.Path()
    for contour in _outer(path):
        _draw(contour, result)
    return result


def _outer(path: skia.Path) -> list[Contour]:
    """The closed curves of ``path`` that lie in no other."""
    kept: list[Contour] = []
    drawn: list[skia.Path] = []
    for contour in sorted(_contours(path), key=_box_area, reverse=True):
        for whole in kept[len(drawn) :]:
            drawn.append(skia.Path())
            _draw(whole, drawn[-1])
        start = contour[0][1][0]
        if not any(whole.contains(start.x(), start.y()) for whole in drawn):
            kept.append(contour)
    return kept


def _contours(path: skia.Path) -> list[Contour]:
    points = path.getPoints(path.countPoints())
    found: list[Contour] = []
    done = 0
    for verb in path.getVerbs(path.countVerbs()):
        if verb == skia.Path.kMove_Verb:
            found.append([])
        count = _VERBS[verb][1]
        found[-1].append((verb, points[done : done + count]))
        done += count
    return found


def _draw(contour: Contour, path: skia.Path) -> None:
    for verb, points in contour:
        _VERBS[verb][2](path, *points)


def _box_area(contour: Contour) -> float:
    points = [point for _, added in contour for point in added]
    xs, ys = [p.x() for p in points], [p.y() for p in points]
    return float((max(xs) - min(xs)) * (max(ys) - min(ys)))


def number(value: float) -> str:
    """A coordinate as short text, at most one decimal; raises ValueError if it is not finite."""
    if not math.isfinite(value):
        raise ValueError(f"not a coordinate: {value}")
    return _tenths(round(value * 10))


@lru_cache(maxsize=KEPT)
def _tenths(count: int) -> str:
    whole, rest = divmod(abs(count), 10)
    return f"{'-' if count < 0 else ''}{whole}{f'.{rest}' if rest else ''}"
