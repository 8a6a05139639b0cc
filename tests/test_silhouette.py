from __future__ import annotations

import math

import pytest
from shapely import MultiPoint

from stickers.drawing import Node, group
from stickers.silhouette import matrix, number, painted, polygons, reach, tenths, union


def shape(tag: str, **attrs: str) -> Node:
    named = {k.replace("_", "-"): v for k, v in {"fill": "#000000", **attrs}.items()}
    return Node(tag, attrs=tuple(sorted(named.items())))


def box(*nodes: Node) -> tuple[float, ...]:
    return tuple(round(x, 1) for x in polygons(union(*map(painted, nodes))).bounds)


def test_strokes_count_with_half_their_width() -> None:
    line = shape("line", x1="10", y1="10", x2="30", y2="10", fill="none", stroke="#000000")
    thick = line.with_attrs(stroke_width="6", stroke_linecap="round")
    assert box(thick) == (7, 7, 33, 13)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (shape("rect", x="1", y="2", width="3", height="4"), (1, 2, 4, 6)),
        (shape("circle", cx="10", cy="10", r="5"), (5, 5, 15, 15)),
        (shape("ellipse", cx="10", cy="10", rx="5", ry="2"), (5, 8, 15, 12)),
        (shape("polygon", points="0,0 10,0 10,10"), (0, 0, 10, 10)),
        (shape("path", d="M0 0h10v10z"), (0, 0, 10, 10)),
        (shape("path", d="M0 0H10V10Z", transform="translate(5 5) scale(2)"), (5, 5, 25, 25)),
        (shape("path", d="M0 0H10V10Z", transform="rotate(90 0 0)"), (-10, 0, 0, 10)),
        (shape("path", d="M0 0H10V10Z", transform="matrix(1 0 0 1 3 4)"), (3, 4, 13, 14)),
    ],
    ids=lambda x: x.tag + x.get("transform") if isinstance(x, Node) else "",
)
def test_every_shape_is_measured(node: Node, expected: tuple[float, ...]) -> None:
    assert box(node) == expected


def test_what_is_clipped_away_does_not_count() -> None:
    wide = shape("rect", x="0", y="0", width="100", height="10")
    clip = shape("rect", x="20", y="0", width="30", height="30")
    assert box(group(wide, clip=(clip,))) == (20, 0, 50, 10)


def test_outlines_become_polygons_with_their_holes() -> None:
    ring = shape("circle", cx="100", cy="100", r="50", fill="none", stroke="#000000")
    area = polygons(painted(ring.with_attrs(stroke_width="4")))
    assert abs(area.area - math.pi * (52**2 - 48**2)) < 5
    assert len(area.interiors) == 1


def test_numbers_are_short_and_finite() -> None:
    assert (number(-0.01), number(12.30), number(-0.46), tenths(-123)) == (
        "0",
        "12.3",
        "-0.5",
        "-12.3",
    )
    with pytest.raises(ValueError, match="coordinate"):
        number(float("nan"))


def test_the_reach_of_a_node_holds_all_that_it_paints() -> None:
    dot = shape("circle", cx="90", cy="90", r="20", stroke="#000000", stroke_width="6")
    clip = shape("rect", x="80", y="80", width="10", height="10")
    turned = group(dot, transform="rotate(30) scale(2)")
    for node in (dot, turned, group(dot, clip=(clip,))):
        hull = MultiPoint(reach(node)).convex_hull
        assert hull.buffer(0.5).covers(polygons(painted(node)))
    assert tuple(reach(group(dot, clip=(clip,))).max(axis=0)) == (90, 90)


def test_what_is_clipped_to_a_filled_shape_adds_nothing_to_the_outline() -> None:
    mass = shape("path", d="M0 0H40V40H0Z")
    strand = shape("path", d="M-10 10H90V20H-10Z")
    assert box(group(mass, group(strand, clip=(mass,)))) == (0, 0, 40, 40)
    assert box(group(mass, group(strand, clip=(shape("path", d="M0 0H60V40H0Z"),)))) == (
        0,
        0,
        60,
        40,
    )


def test_transforms_apply_from_left_to_right() -> None:
    point = matrix("translate(10 0) scale(2) rotate(90)").mapXY(1, 0)
    assert (round(point.x()), round(point.y())) == (10, 2)
