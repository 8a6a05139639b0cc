from __future__ import annotations

import re

import numpy as np
import pytest
import shapely

from stickers.die_cut import WIDTH, Piece, border, box, covered_by, gaps
from stickers.drawing import Node


def ring(radius: float) -> Node:
    attrs = {"cx": "100", "cy": "100", "r": str(radius), "fill": "none", "stroke": "#000000"}
    return Node("circle", attrs=tuple(sorted({**attrs, "stroke-width": "2"}.items())))


def square(left: float, side: float = 20) -> Node:
    attrs = {"x": str(left), "y": "90", "width": str(side), "height": str(side)}
    return Node("rect", attrs=tuple(sorted({**attrs, "fill": "#000000"}.items())))


def edge(*pieces: Piece, fit: str = "") -> shapely.Geometry:
    """The border as polygons, read from its path data."""
    found = []
    for start, steps in re.findall(r"M([^l]+)l([^z]+)z", border(list(pieces), fit).get("d")):
        points = np.array([*map(float, start.split()), *map(float, steps.split())]).reshape(-1, 2)
        found.append(shapely.Polygon(points.cumsum(axis=0)))
    return shapely.union_all(found)


def alone(node: Node, place: str = "") -> Piece:
    return Piece((((node,), None),), place)


def test_the_border_is_as_wide_as_it_should_be_and_has_no_hole() -> None:
    cut = edge(alone(ring(50)))
    assert cut.bounds == pytest.approx((41, 41, 159, 159), abs=0.3)
    assert not cut.interiors
    assert cut.contains(shapely.Point(100, 100))


def test_what_is_drawn_smaller_has_a_border_of_the_same_width() -> None:
    cut = edge(alone(ring(50), "scale(0.5)"), fit="scale(0.8)")
    assert 20.4 + WIDTH - 0.3 < 40 - cut.bounds[0] <= 20.4 + WIDTH + 0.2


def test_pieces_are_united_and_narrow_slits_closed() -> None:
    near, far = (
        edge(alone(square(100)), alone(square(138))),
        edge(alone(square(100)), alone(square(170))),
    )
    assert near.geom_type == "Polygon"
    assert far.geom_type == "MultiPolygon"


def test_the_box_holds_all_pieces() -> None:
    assert box([alone(square(100)), alone(square(10), "translate(0 5)")]) == (10, 90, 120, 115)


def test_gaps_and_cover_are_those_of_all_parts_together() -> None:
    parts = (((ring(30),), None), ((square(95, 10),), None))
    assert len(gaps(parts)) == 1
    assert covered_by(parts, (96, 91, 104, 99))
    assert not covered_by(parts, (96, 91, 110, 99))
