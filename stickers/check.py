"""Whether a style keeps the art contract, said so that an illustrator can mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stickers.avatar import default_avatar
from stickers.catalog import Catalog
from stickers.drawing import Drawing, read_drawing
from stickers.errors import StickersError
from stickers.lettering import letter
from stickers.style import Expression, Scene
from stickers.traits import AS_HAIR, COLOURS, NONE, TRAITS, Trait

LARGEST_FILE = 60_000
"""Bytes of one drawn file; a sticker is made of about fifteen."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend in a style: the file, what is wrong, how to fix it."""

    file: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}; {self.fix}"


def problems(catalog: Catalog) -> tuple[Problem, ...]:
    """Everything that keeps ``catalog``'s style from drawing the whole vocabulary."""
    checks: tuple[Callable[[Catalog], Iterator[Problem]], ...] = (
        _vocabulary,
        _palettes,
        _defaults,
        _hiding,
        _building,
        _wardrobe,
        _files,
        _scenes,
    )
    return tuple(dict.fromkeys(p for check in checks for p in check(catalog)))


def _toml(what: str, fix: str) -> Problem:
    return Problem("style.toml", what, fix)


def _vocabulary(catalog: Catalog) -> Iterator[Problem]:
    """Every value is drawn in exactly one way, and nothing else is there."""
    for t in TRAITS.values():
        if not catalog.has_parts(t.name):
            continue
        folder = catalog.style.folder / "parts" / t.name
        files = {p.stem for p in folder.glob("*.svg")}
        if t.name in catalog.style.drawn_by:
            yield from _drawn_elsewhere(catalog, t)
        else:
            yield from (p for v in t.values for p in _value(catalog, t, v, files))
        for name in sorted(files - set(t.values)):
            yield Problem(
                f"parts/{t.name}/{name}.svg",
                f"{t.name} has no value {name!r}",
                f"rename it to one of {', '.join(t.values)}",
            )


def _value(catalog: Catalog, t: Trait, value: str, files: set[str]) -> Iterator[Problem]:
    style, file = catalog.style, f"parts/{t.name}/{value}.svg"
    stand_in = style.stand_ins.get(t.name, {}).get(value)
    ways = [
        way
        for way, used in (
            ("a drawing", value in files),
            (f"a stand-in under [stand_ins.{t.name}]", stand_in is not None),
            ("a place under [nothing]", value in style.nothing.get(t.name, ())),
            (f"a colour under [recolour.{t.name}]", value in style.recolour.get(t.name, {})),
            ("the name none, which draws nothing", value == NONE),
        )
        if used
    ]
    if not ways:
        yield Problem(file, "missing", f"draw it, or name a stand-in under [stand_ins.{t.name}]")
    elif len(ways) > 1:
        yield Problem(file, f"has both {' and '.join(ways)}", "keep one of them")
    if stand_in is not None and stand_in not in files:
        yield _toml(
            f"{t.name} {value} is stood in by {stand_in}, which is not drawn",
            "name a value that has a file",
        )


def _drawn_elsewhere(catalog: Catalog, t: Trait) -> Iterator[Problem]:
    kind = catalog.style.drawn_by[t.name]
    unseen = {v for v, covered in catalog.style.hides.get(kind, {}).items() if t.name in covered}
    for path in sorted((catalog.style.folder / "parts" / kind).glob("*.svg")):
        names = {n.name for layer in read_drawing(path).layers.values() for n in layer.walk()}
        for value in t.values:
            if value == NONE or path.stem in unseen:
                continue
            if f"when-{t.name}-{value}" not in names:
                yield Problem(
                    _short(catalog, path),
                    f"does not draw {t.name} {value}",
                    f"add a group when-{t.name}-{value}",
                )


def _palettes(catalog: Catalog) -> Iterator[Problem]:
    style = catalog.style
    if len(catalog.slot_of) < sum(len(tones) for tones in style.keys.values()):
        yield _toml("two tones under [keys] have the same master colour", "make them differ")
    for slot, tones in style.keys.items():
        table = style.palettes.get(style.palette_of.get(slot, slot), {})
        known = COLOURS[slot] if slot in COLOURS else TRAITS[slot].values
        names = {n for n in known if n not in (NONE, AS_HAIR)}
        for name in sorted(names ^ set(table)):
            fix = "add its palette" if name in names else "delete it: no such value"
            yield _toml(f"[palettes.{slot}] {name}: missing or unknown", fix)
        for name, palette in table.items():
            if set(palette) != set(tones):
                yield _toml(f"[palettes.{slot}] {name} has other tones than [keys.{slot}]", "match")


def _defaults(catalog: Catalog) -> Iterator[Problem]:
    try:
        default_avatar(catalog.style)
    except (ValueError, KeyError) as exc:
        yield _toml(f"[defaults] or [default_colours]: {exc}", "give every trait a value")


def _hiding(catalog: Catalog) -> Iterator[Problem]:
    style = catalog.style
    for name, table in style.hides.items():
        for value, covered in table.items():
            known = {*TRAITS, *(f"{t.name}={v}" for t in TRAITS.values() for v in t.values)}
            unknown = covered - known
            if name not in TRAITS or value not in TRAITS[name].values or unknown:
                yield _toml(f"[hides.{name}] {value}: unknown trait or value", "check the spelling")
    for value in TRAITS["hair_style"].values:
        hides = style.hides.get("hair_style", {}).get(value, frozenset())
        if "hair_texture" not in hides and not _shows_texture(catalog, value):
            yield Problem(
                f"parts/hair_style/{value}.svg",
                "cannot show a texture: it has no shape-hair_front",
                "name its front path so, or add hair_texture to its line in [hides.hair_style]",
            )


def _wardrobe(catalog: Catalog) -> Iterator[Problem]:
    for name, choice in catalog.style.wardrobe.items():
        known = COLOURS[name] if name in COLOURS else TRAITS[name].values if name in TRAITS else ()
        for value in sorted(set(choice) - set(known)):
            yield _toml(f"[wardrobe] {name}: no value {value!r}", "check the spelling")


def _building(catalog: Catalog) -> Iterator[Problem]:
    style = catalog.style
    for name, table in style.build.items():
        for value, builds in table.items():
            known = name in TRAITS and value in TRAITS[name].values
            if not known or any(b.layers - set(style.layers) for b in builds):
                yield _toml(f"[build.{name}.{value}]: unknown trait, value or layer", "check it")


def _shows_texture(catalog: Catalog, hair_style: str) -> bool:
    try:
        drawing = catalog.drawing("hair_style", hair_style)
    except StickersError:
        return True  # told by _vocabulary or _files
    return drawing is not None and "hair_front" in drawing.shapes


def _files(catalog: Catalog) -> Iterator[Problem]:
    folder = catalog.style.folder
    for path in sorted((*folder.glob("parts/*/*.svg"), *folder.glob("props/*.svg"))):
        file = _short(catalog, path)
        if path.stat().st_size > LARGEST_FILE:
            yield Problem(file, f"larger than {LARGEST_FILE // 1000} kB", "simplify its paths")
        try:
            drawing = read_drawing(path)
        except StickersError as exc:
            yield Problem(file, exc.what, exc.hint)
            continue
        yield from (Problem(file, what, fix) for what, fix in _names(catalog, drawing))
        yield from _sides(path, drawing, file)


def _names(catalog: Catalog, drawing: Drawing) -> Iterator[tuple[str, str]]:
    layers = catalog.style.layers
    for layer, group in drawing.layers.items():
        if layer not in layers:
            yield f"{layer!r} is no layer of this style", f"use one of {', '.join(layers)}"
        for node in group.walk():
            kind, _, rest = node.name.partition("-")
            if kind in ("within", "shape") and rest not in layers:
                yield f"{node.name}: {rest!r} is no layer", f"use one of {', '.join(layers)}"
            name, _, value = rest.partition("-")
            if kind == "when" and (name not in TRAITS or value not in TRAITS[name].values):
                yield f"{node.name}: no such trait or value", "name it when-TRAIT-VALUE"
    for guide in drawing.guides:
        if guide.partition("-")[2] not in layers:
            yield f"{guide}: no such layer", f"use one of {', '.join(layers)}"


def _sides(path: Path, drawing: Drawing, file: str) -> Iterator[Problem]:
    needed: Mapping[str, Iterable[str]] = {
        "brows": ("left", "right"),
        "eyes": ("left", "right"),
        "eye_shape": ("left", "right", "iris-left", "iris-right", "lid-left", "lid-right"),
        "face_shape": ("shape-head",),
    }
    names = {n.name for layer in drawing.layers.values() for n in layer.walk()}
    for name in needed.get(path.parent.name, ()):
        if name not in names:
            yield Problem(file, f"has no {name}", f"name that group or path {name}")


def _scenes(catalog: Catalog) -> Iterator[Problem]:
    resting = catalog.style.resting
    faces = (face for table in resting.of.values() for face in table.values())
    for face in (resting, *faces):
        yield from _expression(catalog, "style.toml", face)
    for scene in catalog.style.scenes.values():
        file = f"stickers/{scene.name}.toml"
        yield from _expression(catalog, file, scene.expression)
        yield from _scene(catalog, file, scene)


def _scene(catalog: Catalog, file: str, scene: Scene) -> Iterator[Problem]:
    for prop in scene.props:
        if not (catalog.style.folder / "props" / f"{prop}.svg").is_file():
            yield Problem(file, f"props/{prop}.svg is missing", "draw it, or take it out")
    if scene.caption is not None:
        try:
            letter(scene.caption)
        except StickersError as exc:
            yield Problem(file, exc.what, exc.hint)


def _expression(catalog: Catalog, file: str, expression: Expression) -> Iterator[Problem]:
    style = catalog.style
    mouths = {p.stem for p in (style.folder / "parts" / "mouth").glob("*.svg")}
    for kind, state, known in (
        ("brows", expression.brows, set(style.expressions.brows)),
        ("eyes", expression.eyes, set(style.expressions.eyes)),
        ("mouth", expression.mouth, mouths),
    ):
        if state not in known:
            yield Problem(file, f"{kind}: no state {state!r}", f"use {', '.join(sorted(known))}")


def _short(catalog: Catalog, path: Path) -> str:
    return path.relative_to(catalog.style.folder).as_posix()
