"""The outline of a drawing as one path, for the die-cut border and the exact bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

import skia
from fontTools.pens.basePen import BasePen
from fontTools.svgLib.path import parse_path

from stickers.drawing import Node

Box = tuple[float, float, float, float]

_CAPS = {"round": skia.Paint.kRound_Cap, "square": skia.Paint.kSquare_Cap}
_JOINS = {"round": skia.Paint.kRound_Join, "bevel": skia.Paint.kBevel_Join}
_LETTERS = {
    skia.Path.kLine_Verb: "L",
    skia.Path.kQuad_Verb: "Q",
    skia.Path.kCubic_Verb: "C",
    skia.Path.kClose_Verb: "Z",
}
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


def silhouette(nodes: tuple[Node, ...]) -> skia.Path:
    """Everything that ``nodes`` paint, fills and strokes, as the union of one path."""
    builder = skia.OpBuilder()
    for node in nodes:
        builder.add(_painted(node), skia.kUnion_PathOp)
    return builder.resolve()


@lru_cache(maxsize=8192)
def _painted(node: Node) -> skia.Path:
    """What a node covers, after clip and transform. Shared: copy to change."""
    path = silhouette(node.children) if node.tag == "g" else _covered(node)
    if node.clip:
        path = skia.Op(path, silhouette(node.clip), skia.kIntersect_PathOp)
    if transform := node.get("transform"):
        path.transform(matrix(transform))
    return path


def _covered(node: Node) -> skia.Path:
    """What a shape covers, fill and stroke, before its transform."""
    outline = geometry(node)
    path = skia.Simplify(outline) if node.get("fill") != "none" else skia.Path()
    if node.get("stroke", "none") == "none":
        return path
    stroke = skia.Path()
    skia.Paint(
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=float(node.get("stroke-width", "1")),
        StrokeCap=_CAPS.get(node.get("stroke-linecap"), skia.Paint.kButt_Cap),
        StrokeJoin=_JOINS.get(node.get("stroke-linejoin"), skia.Paint.kMiter_Join),
    ).getFillPath(outline, stroke)
    return skia.Op(path, skia.Simplify(stroke), skia.kUnion_PathOp)


SMALL_GAP = 1600.0
"""px²: a gap whose box is smaller is filled, because it would only look like a fault."""


def grown(path: skia.Path, by: float) -> skia.Path:
    """``path`` with a border of ``by`` px around it and its small gaps filled; even-odd."""
    border = skia.Path()
    skia.Paint(
        Style=skia.Paint.kStroke_Style, StrokeWidth=2 * by, StrokeJoin=skia.Paint.kRound_Join
    ).getFillPath(path, border)
    return _without_small_gaps(skia.Op(path, border, skia.kUnion_PathOp))


def _without_small_gaps(path: skia.Path) -> skia.Path:
    kept: list[skia.Path] = []
    filled: list[skia.Path] = []
    for contour in sorted(_contours(path), key=_area, reverse=True):
        start = contour.getPoint(0)
        depth = sum(outer.contains(start.x(), start.y()) for outer in kept)
        within = any(gap.contains(start.x(), start.y()) for gap in filled)
        small = depth % 2 == 1 and _area(contour) < SMALL_GAP
        (filled if within or small else kept).append(contour)
    result = skia.Path()
    result.setFillType(skia.PathFillType.kEvenOdd)
    for contour in kept:
        result.addPath(contour)
    return result


def _contours(path: skia.Path) -> list[skia.Path]:
    found: list[skia.Path] = []
    for letter, points in _segments(path):
        if letter == "M":
            found.append(skia.Path())
            found[-1].moveTo(*points)
        elif letter == "L":
            found[-1].lineTo(*points)
        elif letter == "Q":
            found[-1].quadTo(*points)
        elif letter == "C":
            found[-1].cubicTo(*points)
        else:
            found[-1].close()
    return found


def _segments(path: skia.Path) -> Iterator[tuple[str, list[skia.Point]]]:
    """The path as SVG commands M, L, Q, C and Z; conics become two quadratics each."""
    walk = skia.Path.Iter(path, False)
    while True:
        verb, points = walk.next()
        if verb == skia.Path.kDone_Verb:
            return
        if verb == skia.Path.kConic_Verb:
            quads = skia.Path.ConvertConicToQuads(*points, walk.conicWeight(), 1)
            for i in range(1, len(quads) - 1, 2):
                yield "Q", quads[i : i + 2]
        elif verb == skia.Path.kMove_Verb:
            yield "M", points
        else:
            yield _LETTERS[verb], [] if verb == skia.Path.kClose_Verb else points[1:]


def _area(contour: skia.Path) -> float:
    box = contour.computeTightBounds()
    return float(box.width() * box.height())


def bounds(path: skia.Path) -> Box:
    """(left, top, right, bottom) in px, tight."""
    box = path.computeTightBounds()
    return box.left(), box.top(), box.right(), box.bottom()


def path_data(path: skia.Path) -> str:
    """SVG path data at a tenth of a pixel."""
    return "".join(c + " ".join(_pair(p) for p in points) for c, points in _segments(path))


def _pair(point: skia.Point) -> str:
    return f"{number(point.x())} {number(point.y())}"


def number(value: float) -> str:
    """A coordinate as short text, at most one decimal."""
    if not math.isfinite(value):
        raise ValueError(f"not a coordinate: {value}")
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
