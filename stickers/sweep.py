"""Whether a style's parts go together: every part drawn with every part that it touches.

`check` reads the files one by one; this looks at pictures. Ten thousand are composed, so
it takes minutes; `stickers catalog --sweep` runs it for an illustrator.

`meet` looks at each picture for what the art contract promises: it is well-formed, it
keeps the margin, it has no see-through pixel inside and no gap between head, neck and
clothes, and no hair stands out of headwear that covers the head. `apart` looks whether
every value of every trait changes the picture against every other value, and `shown`
whether it still does where another trait could swallow it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_fill_holes

from stickers.avatar import Avatar, Value, default_avatar, impossible, settle
from stickers.catalog import Catalog
from stickers.check import Problem
from stickers.compose import MARGIN, compose
from stickers.contact import SEEN_ON
from stickers.die_cut import covered_by, gaps
from stickers.document import SIDE
from stickers.figure import figure
from stickers.raster import rasterise
from stickers.silhouette import geometry
from stickers.style import Expression, Scene
from stickers.traits import NONE, TRAITS

LOOK = 256
"""px: how large a picture is looked at."""
SOLID = 128
"""Alpha from which a pixel counts as drawn."""
CHANGED = 40
"""Pixels of the page that must differ between two values by `SEEN`; a mole has about 60."""
SEEN = 24
"""Levels of 255."""
APART = 9.0
"""Distance in RGB that neighbouring colours of a slot must keep in their base tone."""
SCENE, MOUTH, EYES, BROWS = "scene", "mouth", "eyes", "brow state"
"""What a part can touch beside traits: a scene, or a state of an expression."""

TOUCHING: tuple[tuple[str, str], ...] = (
    *(("hair_style", other) for other in ("headwear", "face_shape", "glasses", "outfit", "age")),
    *(("hair_style", other) for other in ("hair_texture", "hair_dye", "hearing", "earrings")),
    *(("headwear", other) for other in ("face_shape", "glasses", "facial_hair", "earrings")),
    *(("headwear", other) for other in ("hearing", "outfit", "age", BROWS)),
    *(("facial_hair", other) for other in ("face_shape", "outfit", MOUTH)),
    *(("face_shape", other) for other in ("outfit", "age", "hearing")),
    *(("eye_shape", other) for other in (EYES, "lashes", "glasses")),
    *(("glasses", other) for other in ("frame_weight", "nose", BROWS)),
    ("brows", BROWS),
    ("lips", MOUTH),
    ("nose", "marks"),
    *((SCENE, other) for other in ("hair_style", "headwear", "facial_hair", "glasses")),
    *((SCENE, other) for other in ("outfit", "age")),
)
"""Every pair of which one part lies on, over or beside the other."""

SHOWN_ON: tuple[tuple[str, str], ...] = (
    *((other, "hair_style") for other in ("hair_texture", "hair_dye", "earrings", "hearing")),
    *((other, "headwear") for other in ("hair_dye", "earrings", "hearing", "face_shape")),
    *(("facial_hair", "face_shape"), ("face_shape", "facial_hair"), ("lips", MOUTH)),
    *(("lashes", "eye_shape"), ("frame_weight", "glasses"), ("eye_shape", "glasses")),
    *(("marks", "age"), ("age", "face_shape")),
)
"""Traits that another could swallow: every value must be seen on every value of the other."""
NECK = (236.0, 356.0, 276.0, 384.0)
"""px: a box that is neck or clothes on every figure."""
EARS = 236
"""px: above the lobes hair lies on the head, without a gap."""
CROWN = (256, 76)
"""px: a point over the skull; headwear that keeps no hair there covers the head."""

Watch = Callable[[int, int], None]
Fault = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture to look at: the two values that meet in it, the avatar, the scene."""

    name: str
    avatar: Avatar
    scene: Scene


def meet(
    catalog: Catalog,
    pairs: Iterable[tuple[str, str]] = TOUCHING,
    progress: Watch = lambda done, total: None,
) -> tuple[Problem, ...]:
    """Look at every part with every part that it touches.

    Args:
        catalog: a style without `check.problems`.
        pairs: those of `TOUCHING` to go through.
        progress: told (pictures looked at, pictures in all).
    """
    looks = [look for a, b in pairs for look in _looks(catalog, a, b)]
    found: list[Problem] = []
    for done, look in enumerate(looks, 1):
        found += [Problem(look.name, what, fix) for what, fix in _faults(catalog, look)]
        progress(done, len(looks))
    return tuple(found)


def apart(catalog: Catalog) -> tuple[Problem, ...]:
    """The values that cannot be told from another of their trait, and colours too alike."""
    found = [p for name in TRAITS for p in _twins(catalog, name)]
    for slot, table in catalog.style.palettes.items():
        for (a, one), (b, two) in combinations(table.items(), 2):
            if float(np.linalg.norm(_rgb(one["base"]) - _rgb(two["base"]))) < APART:
                what = f"{slot} {a} looks like {b}"
                found.append(Problem("style.toml", what, "choose them further apart"))
    return tuple(found)


def shown(catalog: Catalog, pairs: Iterable[tuple[str, str]] = SHOWN_ON) -> tuple[Problem, ...]:
    """The values that cannot be told from another on some value of another trait.

    Args:
        catalog: a style without `check.problems`.
        pairs: those of `SHOWN_ON` to go through.
    """
    return tuple(
        problem
        for name, on in pairs
        for value in _values(catalog, on)
        for problem in _twins(catalog, name, {on: value})
    )


def _twins(
    catalog: Catalog, name: str, on: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Problem]:
    """The values of ``name`` that look alike on somebody who has ``on``, hidden ones left out."""
    pictures: dict[str, NDArray[np.int16]] = {}
    for value in _values(catalog, name):
        given = {**SEEN_ON.get(name, {}), **on, name: value}
        avatar = _avatar(catalog, {n: v for n, v in given.items() if n in TRAITS})
        if avatar and not {name, f"{name}={value}"} & catalog.hidden(avatar.traits):
            svg = compose(avatar, catalog, _scene(catalog, given)).svg
            pictures[value] = np.asarray(rasterise(svg)).astype(np.int16)
    where = "".join(f" with {kind} {value}" for kind, value in on.items())
    for (a, first), (b, second) in combinations(pictures.items(), 2):
        if (np.abs(first - second).max(axis=2) > SEEN).sum() < CHANGED:
            what = f"looks like {name} {b}"
            yield Problem(f"{name} {a}{where}", what, "draw the difference larger")


def _rgb(colour: str) -> NDArray[np.int16]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.int16)


def _values(catalog: Catalog, kind: str) -> tuple[str, ...]:
    states = catalog.style.expressions
    if kind == SCENE:
        return tuple(catalog.style.scenes)
    if kind == MOUTH:
        return tuple(sorted(p.stem for p in (catalog.style.folder / "parts/mouth").glob("*.svg")))
    if kind in (EYES, BROWS):
        return tuple(states.eyes if kind == EYES else states.brows)
    return TRAITS[kind].values


def _avatar(catalog: Catalog, chosen: dict[str, str]) -> Avatar | None:
    """The style's default with ``chosen``; None where that cannot be."""
    usual = catalog.style.defaults
    wanted: dict[str, Value] = {
        name: (value,) if TRAITS[name].many else value for name, value in chosen.items()
    }
    traits = settle({**usual, **wanted}, usual)
    if impossible(traits) or any(traits[name] != value for name, value in wanted.items()):
        return None
    return default_avatar(catalog.style).model_copy(update={"traits": traits})


def _looks(catalog: Catalog, a: str, b: str) -> Iterator[Look]:
    for values in product(_values(catalog, a), _values(catalog, b)):
        given = dict(zip((a, b), values, strict=True))
        avatar = _avatar(catalog, {name: v for name, v in given.items() if name in TRAITS})
        if avatar:
            yield Look(
                " with ".join(f"{k} {v}" for k, v in given.items()), avatar, _scene(catalog, given)
            )


def _scene(catalog: Catalog, given: dict[str, str]) -> Scene:
    if SCENE in given:
        return catalog.style.scene(given[SCENE])
    rest = catalog.style.resting
    face = Expression(
        brows=given.get(BROWS, rest.brows),
        eyes=given.get(EYES, rest.eyes),
        mouth=given.get(MOUTH, rest.mouth),
    )
    return Scene(name="look", alt="look", emoji=("👀",), keywords=("look",), expression=face)


def _faults(catalog: Catalog, look: Look) -> Iterator[Fault]:
    svg = compose(look.avatar, catalog, look.scene).svg
    try:
        ET.fromstring(svg)
    except ET.ParseError as exc:
        yield f"is not well-formed ({exc})", "save the drawings again"
        return
    drawn = np.asarray(rasterise(svg, LOOK))[..., 3]
    margin = MARGIN * LOOK // SIDE
    inside = drawn[margin:-margin, margin:-margin]
    if (drawn > 8).sum() > (inside > 8).sum():
        yield "leaves the page's margin", "keep it between 24 and 488"
    solid = drawn >= SOLID
    if (binary_fill_holes(solid) & ~solid).any():
        yield "has a see-through pixel inside", "close the outline"
    if not look.scene.props:
        yield from _gaps(catalog, look)
        yield from _poking(catalog, look, solid)


def _gaps(catalog: Catalog, look: Look) -> Iterator[Fault]:
    person = figure(look.avatar, catalog, look.scene)
    parts = tuple((nodes, person.keep.get(layer)) for layer, nodes in person.layers.items())
    if not covered_by(parts, NECK):
        yield "leaves a gap at the neck", "let the clothes reach under the chin"
    for left, top, right, bottom in gaps(parts):
        if bottom < EARS and (right - left) * (bottom - top) > 4:
            where = f"({(left + right) / 2:.0f}, {(top + bottom) / 2:.0f})"
            yield f"leaves a gap at {where}", "let the parts overlap there"


def _poking(catalog: Catalog, look: Look, drawn: NDArray[np.bool_]) -> Iterator[Fault]:
    """Hair above or beside headwear that covers the head, higher than half the headwear."""
    drawing = catalog.drawing("headwear", str(look.avatar.traits["headwear"]))
    keep = drawing and drawing.guides.get("keep-hair_front")
    if not keep or geometry(keep).contains(*CROWN):
        return
    bald = look.avatar.changed({"hair_style": "bald"})
    covered, bare = (
        np.asarray(rasterise(compose(who, catalog, look.scene).svg, LOOK))[..., 3] >= SOLID
        for who in (bald, bald.changed({"headwear": NONE}))
    )
    rows = np.nonzero((covered & ~bare).any(axis=1))[0]
    middle = (rows.min() + min(rows.max(), LOOK // 2)) // 2
    # A pixel beside the edge may only be rounded otherwise.
    if (drawn & ~binary_dilation(covered))[:middle].any():
        yield "lets hair stand out of it", "make keep-hair_front and keep-hair_back smaller"
