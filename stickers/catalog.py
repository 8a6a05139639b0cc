"""What a style can draw: its parts, whether they keep the art contract, how many avatars.

A trait is shown in one of four ways: by a part of its own (``parts/<trait>/<value>.svg``),
by groups ``when-<trait>-<value>`` inside another part (``drawn_by``), by a palette, or by a
recolouring. `check.problems` says where a style falls short of the vocabulary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path

from stickers.avatar import Value
from stickers.drawing import Drawing, Node, read_drawing
from stickers.style import Style, load_style
from stickers.traits import COLOURS, NONE, NOT_APPLICABLE, TRAITS, Trait

HEAD = frozenset({"head"})
"""The layers whose silhouette is always there to draw within."""


@dataclass(frozen=True)
class Catalog:
    """A style with its drawings."""

    style: Style

    def drawing(self, trait: str, value: str) -> Drawing | None:
        """What draws ``value`` of ``trait``, stand-in included; None if nothing does."""
        if (trait, value) not in self._drawings:
            self._drawings[trait, value] = self._read(trait, value)
        return self._drawings[trait, value]

    @cached_property
    def _drawings(self) -> dict[tuple[str, str], Drawing | None]:
        return {}

    def _read(self, trait: str, value: str) -> Drawing | None:
        if value == NONE or trait in self.style.drawn_by or not self.has_parts(trait):
            return None
        if value in self.style.nothing.get(trait, ()):
            return None
        if value in self.style.recolour.get(trait, {}):
            return None
        drawn = self.style.stand_ins.get(trait, {}).get(value, value)
        return read_drawing(self.style.folder / "parts" / trait / f"{drawn}.svg")

    def has_parts(self, trait: str) -> bool:
        """Whether ``trait`` is shown by parts rather than by a palette."""
        return trait not in self.style.keys

    def expression(self, kind: str, state: str) -> Drawing:
        """A drawing that belongs to an expression: ``mouth`` or replaced ``eyes``."""
        return read_drawing(self.style.folder / "parts" / kind / f"{state}.svg")

    def prop(self, name: str) -> Drawing:
        """A hand, prop or effect of a scene."""
        return read_drawing(self.style.folder / "props" / f"{name}.svg")

    def drawn(self, traits: Mapping[str, Value]) -> tuple[tuple[str, str, Drawing], ...]:
        """(trait, value, drawing) of all parts that an avatar with ``traits`` shows."""
        hidden = self.hidden(traits)
        found = (
            (name, v, self.drawing(name, v))
            for name in TRAITS
            if name not in hidden
            for v in values_of(traits[name])
            if f"{name}={v}" not in hidden
        )
        return tuple((name, v, d) for name, v, d in found if d is not None)

    def hidden(self, traits: Mapping[str, Value]) -> frozenset[str]:
        """The traits, and ``trait=value``, that another's value hides, as ``hides`` says."""
        return frozenset(
            covered
            for name, table in self.style.hides.items()
            for value in values_of(traits[name])
            for covered in table.get(value, ())
        )

    def slots(self, drawing: Drawing, shapes: frozenset[str] = HEAD) -> frozenset[str]:
        """The colour slots that ``drawing`` shows where the layers ``shapes`` are drawn.

        What lies within a layer that is not drawn is not seen, nor are its colours.
        """
        seen = (c for layer in drawing.layers.values() for c in _colours(layer, shapes))
        used = frozenset(self.slot_of[c][0] for c in seen if c in self.slot_of)
        return used | {"dye_colour"} if any("dye-" in g for g in drawing.guides) else used

    @cached_property
    def slot_of(self) -> Mapping[str, tuple[str, str]]:
        """Master colour -> (slot, tone)."""
        return {
            colour.lower(): (slot, tone)
            for slot, tones in self.style.keys.items()
            for tone, colour in tones.items()
        }

    @cached_property
    def dye(self) -> Mapping[str, str]:
        """Master colour of hair -> that of the second colour of dyed hair."""
        hair, dye = self.style.keys["hair_colour"], self.style.keys["dye_colour"]
        return {colour.lower(): dye[tone].lower() for tone, colour in hair.items()}

    def stand_ins(self) -> tuple[tuple[str, str, str], ...]:
        """(trait, value, the value whose drawing stands in), in the vocabulary's order."""
        return tuple(
            (t.name, v, self.style.stand_ins[t.name][v])
            for t in TRAITS.values()
            for v in t.values
            if v in self.style.stand_ins.get(t.name, {})
        )

    def summary(self) -> dict[str, object]:
        """What ``stickers catalog --json`` prints: names, numbers and stand-ins."""
        return {
            "style": self.style.name,
            "parts": {t.name: self._distinct(t) for t in TRAITS.values()},
            "colours": {slot: self._palettes(slot) for slot in COLOURS},
            "stickers": list(self.style.scenes),
            "combinations": self.count(),
            "stand_ins": [list(row) for row in self.stand_ins()],
        }

    def _distinct(self, t: Trait) -> int:
        """How many values of ``t`` look different, the plain ones included."""
        if not self.has_parts(t.name):
            return self._palettes(t.name)
        if t.many or t.name in self.style.drawn_by:
            return len(t.values)
        return sum(self._looks(t).values())

    def count(self) -> int:
        """How many avatars can be told apart when drawn plainly, exactly.

        Two avatars count once if the same parts are seen in the same colours: a hidden
        trait, a stand-in or a colour that nothing is painted with adds nothing. Nor does
        hair dyed in part in its own colour.
        """
        deciding = frozenset(self.style.hides)
        total: Counter[frozenset[str]] = Counter()
        for (seen, shapes, hidden), number in Counter(self._decided()).items():
            looks = Counter({seen | self._always(): number})
            for t in TRAITS.values():
                if t.name not in deciding | hidden and self.has_parts(t.name):
                    looks = _times(looks, self._looks(t, shapes, hidden))
            total += looks
        return sum(n * prod(map(self._choices, slots)) for slots, n in total.items())

    def _choices(self, slot: str) -> int:
        """How many colours of ``slot`` show: of the dye, all but the hair's own."""
        return self._palettes(slot) - (slot == "dye_colour")

    def _always(self) -> frozenset[str]:
        resting = self.style.resting
        return self.slots(self.expression("mouth", resting.mouth))

    def _palettes(self, slot: str) -> int:
        table = self.style.palettes[self.style.palette_of.get(slot, slot)]
        return len({tuple(sorted(p.items())) for p in table.values()})

    def _looks(
        self, t: Trait, shapes: frozenset[str] = HEAD, hidden: frozenset[str] = frozenset()
    ) -> Counter[frozenset[str]]:
        """Slots used -> number of distinct looks of one trait where ``shapes`` are drawn."""
        if t.name in self.style.drawn_by:
            return Counter({frozenset[str](): len(t.values)})
        if t.many:
            looks = Counter({frozenset[str](): 1})
            for value in t.values:
                drawing = self.drawing(t.name, value)
                own = self.slots(drawing, shapes) if drawing else frozenset[str]()
                looks = _times(looks, Counter({frozenset[str](): 1}) + Counter({own: 1}))
            return looks
        # A value that never goes with what is drawn (no texture on hair) adds no look.
        possible = [
            v
            for v in t.values
            if f"{t.name}={v}" not in hidden and (t.name not in NOT_APPLICABLE or v != NONE)
        ]
        drawings = {d.path if d else None: d for d in (self.drawing(t.name, v) for v in possible)}
        return Counter(self.slots(d, shapes) if d else frozenset[str]() for d in drawings.values())

    def _decided(self) -> Iterator[tuple[frozenset[str], frozenset[str], frozenset[str]]]:
        """Each distinct look of the traits that hide others: slots used, shapes drawn, hidden."""
        names = sorted(self.style.hides)
        seen: set[tuple[object, ...]] = set()
        for values in product(*(TRAITS[n].values for n in names)):
            traits: dict[str, Value] = dict(zip(names, values, strict=True))
            if traits.get("hair_style") == "hidden" and traits.get("headwear", NONE) == NONE:
                continue
            hidden = self.hidden(traits)
            drawings = [
                d
                for n, v in traits.items()
                if n not in hidden and (d := self.drawing(n, str(v))) is not None
            ]
            hidden -= set(names)
            key = (*(d.path for d in drawings), hidden)
            if key not in seen:
                seen.add(key)
                shapes = HEAD | {layer for d in drawings for layer in d.shapes}
                slots = frozenset[str]().union(*(self.slots(d, shapes) for d in drawings))
                yield slots, shapes, hidden


def values_of(value: Value) -> tuple[str, ...]:
    """A trait's value or values as a tuple."""
    return (value,) if isinstance(value, str) else value


def _colours(node: Node, shapes: frozenset[str]) -> Iterator[str]:
    kind, _, layer = node.name.partition("-")
    if kind != "within" or layer in shapes:
        yield from (node.get("fill"), node.get("stroke"))
        for child in node.children:
            yield from _colours(child, shapes)


def _times(a: Counter[frozenset[str]], b: Counter[frozenset[str]]) -> Counter[frozenset[str]]:
    result: Counter[frozenset[str]] = Counter()
    for (slots, n), (more, m) in product(a.items(), b.items()):
        result[slots | more] += n * m
    return result


def load_catalog(style: str | Path) -> Catalog:
    """The catalogue of a style, by its name or its folder; see `style.load_style`."""
    return Catalog(load_style(style))
