"""The avatar: a small JSON document with one value per trait, and its share code.

The written rule from a photo's attributes to an avatar:

1. A trait whose confidence is below `ABSTAIN` times chance takes the style's default.
2. Impossible pairs are kept apart (`settle`): the bald have neither hair colour nor
   texture, everybody else has both, and hair is ``hidden`` only under headwear.
3. Headwear removes nothing: a headscarf covers the hair when drawn, and the beard
   stays. Taking it off brings the hair back.
4. Brows and beard follow the hair's colour; on the bald they take the likeliest
   colour that the photo suggests.
5. What nobody rates, the outfit, is picked from the style's wardrobe by the other traits:
   the same face wears the same, a class is not in one shirt.
6. The confidences are carried along, so that an editor can offer unsure traits first.
"""

from __future__ import annotations

import base64
import binascii
import random
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from stickers.errors import BadAvatar, UnknownValue
from stickers.records import Attributes
from stickers.style import Style, load_style
from stickers.traits import (
    AS_HAIR,
    COLOURS,
    FIRST_COLOURS,
    FIRST_TRAITS,
    HAIRLESS,
    NONE,
    TRAITS,
    trait,
)

SCHEMA_VERSION: Final = 2
CODE_VERSION = 2
DEFAULT_STYLE = "sly"
ABSTAIN = 1.6

Value = str | tuple[str, ...]


def _object(properties: dict[str, object]) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TRAITS_SCHEMA = _object(
    {
        t.name: {"type": "array", "items": {"enum": list(t.values)}, "uniqueItems": True}
        if t.many
        else {"enum": list(t.values)}
        for t in TRAITS.values()
    }
)
_COLOURS_SCHEMA = _object({slot: {"enum": list(names)} for slot, names in COLOURS.items()})


class Avatar(BaseModel):
    """An illustrated person.

    Attributes:
        schema_version: of this document; version 1, with fewer traits, is still read.
        style: the style it is drawn in; others can draw it too.
        traits: trait -> value, every trait of the vocabulary in its order; a tuple for
            a trait that holds many.
        colours: colour slot -> name.
        confidence: trait -> 0..1, for what a photo suggested; empty for a made-up one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = SCHEMA_VERSION
    style: Annotated[str, Field(min_length=1, max_length=64)] = DEFAULT_STYLE
    traits: Annotated[Mapping[str, Value], WithJsonSchema(_TRAITS_SCHEMA)]
    colours: Annotated[Mapping[str, str], WithJsonSchema(_COLOURS_SCHEMA)]
    confidence: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = {}

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, data: Any) -> Any:
        """A document of version 1 with the traits and colours that came later."""
        if not isinstance(data, dict) or data.get("schema_version") != 1:
            return data
        newer = dict(data) | {"schema_version": SCHEMA_VERSION}
        for key, later in (
            ("traits", {t.name: t.values[0] for t in TRAITS.values()}),
            ("colours", {slot: names[0] for slot, names in COLOURS.items()}),
        ):
            if isinstance(given := data.get(key), dict):
                first = FIRST_TRAITS if key == "traits" else FIRST_COLOURS
                newer[key] = dict(list(later.items())[first:]) | given
        return newer

    @model_validator(mode="after")
    def _is_of_the_vocabulary(self) -> Avatar:
        for kind, given, known in (
            ("trait", self.traits, tuple(TRAITS)),
            ("colour", self.colours, tuple(COLOURS)),
        ):
            if tuple(given) != known and set(given) != set(known):
                odd = sorted(set(given) ^ set(known))
                raise ValueError(f"missing or unknown {kind}: {', '.join(odd)}")
        try:
            traits = {name: _checked(name, self.traits[name]) for name in TRAITS}
            colours = {slot: _checked_colour(slot, self.colours[slot]) for slot in COLOURS}
        except UnknownValue as exc:
            raise ValueError(str(exc)) from None
        if conflict := impossible(traits):
            raise ValueError(conflict)
        object.__setattr__(self, "traits", traits)
        object.__setattr__(self, "colours", colours)
        return self

    def changed(self, changes: Mapping[str, str]) -> Avatar:
        """A copy with traits or colours set by name, as ``--set`` and the editor do.

        A trait of many values takes them with commas between, or ``none``. What an
        impossible pair needs follows by itself: ``hair_style=bald`` drops the colour.

        Raises:
            UnknownValue: no such trait, colour or value, or a pair that cannot be.
        """
        traits, colours = dict(self.traits), dict(self.colours)
        for name, given in changes.items():
            if name in COLOURS:
                colours[name] = _checked_colour(name, given)
            else:
                many = trait(name).many
                value = tuple(v for v in given.split(",") if v != NONE) if many else given
                traits[name] = _checked(name, value)
        settled = settle(traits, load_style(self.style).defaults)
        if any(settled[name] != traits[name] for name in changes if name in traits):
            raise UnknownValue(str(impossible(traits)), hint="change both, or leave one out")
        was = self.traits["hair_colour"]
        if settled["hair_colour"] == NONE != was and colours["beard_colour"] == AS_HAIR:
            colours["beard_colour"] = str(was)
        kept = {t: c for t, c in self.confidence.items() if t not in changes}
        return Avatar(style=self.style, traits=settled, colours=colours, confidence=kept)

    def colour(self, slot: str) -> str | None:
        """The name of the colour in ``slot``, traits included; None where there is none.

        The beard's ``as_hair`` is resolved; the bald's falls back to dark brown.
        """
        if slot in TRAITS:
            value = str(self.traits[slot])
            return None if value == NONE else value
        name = self.colours[slot]
        return name if name != AS_HAIR else self.colour("hair_colour") or "dark_brown"

    def to_json(self) -> str:
        """The document, with a final newline."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str | Path | None = None) -> Avatar:
        """Read a document; raises BadAvatar with what is wrong in it."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as exc:
            first = exc.errors()[0]
            place = ".".join(str(step) for step in first["loc"])
            what = f"{place}: {first['msg']}" if place else first["msg"]
            raise BadAvatar(
                f"not an avatar ({what})", where=where, hint="make one with `stickers make`"
            ) from None

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The document's JSON Schema, values enumerated."""
        return cls.model_json_schema()

    def code(self) -> str:
        """A short URL-safe share code: style, traits and colours, not the confidences."""
        name = self.style.encode()
        body = bytes([CODE_VERSION, len(name)]) + name + bytes([len(TRAITS), len(COLOURS)])
        for t in TRAITS.values():
            value = self.traits[t.name]
            if t.many:
                body += sum(1 << t.values.index(v) for v in value).to_bytes(2, "big")
            else:
                body += bytes([t.values.index(str(value))])
        body += bytes(names.index(self.colours[slot]) for slot, names in COLOURS.items())
        return _as_text(body + zlib.crc32(body).to_bytes(4, "big")[:2])

    @classmethod
    def from_code(cls, code: str) -> Avatar:
        """The avatar of a share code; raises BadAvatar if it was mistyped or cut."""
        bad = BadAvatar("not a share code", where=code[:80], hint="copy all of it")
        try:
            raw = base64.b64decode(code + "=" * (-len(code) % 4), altchars=b"-_", validate=True)
            body, version = raw[:-2], raw[0]
            checked = zlib.crc32(body).to_bytes(4, "big")[:2] == raw[-2:]
            if not checked or version not in (1, CODE_VERSION) or _as_text(raw) != code:
                raise bad
            style = body[2 : 2 + body[1]].decode()
            rest = iter(body[2 + body[1] :])
            sizes = (FIRST_TRAITS, FIRST_COLOURS) if version == 1 else (next(rest), next(rest))
            traits: dict[str, Value] = {t.name: t.values[0] for t in TRAITS.values()}
            for t in list(TRAITS.values())[: sizes[0]]:
                if t.many:
                    mask = next(rest) << 8 | next(rest)
                    traits[t.name] = tuple(v for i, v in enumerate(t.values) if mask >> i & 1)
                else:
                    traits[t.name] = t.values[next(rest)]
            colours = {slot: names[0] for slot, names in COLOURS.items()}
            for slot in list(COLOURS)[: sizes[1]]:
                colours[slot] = COLOURS[slot][next(rest)]
            if next(rest, None) is not None:
                raise bad
            return cls(style=style, traits=traits, colours=colours)
        except (binascii.Error, UnicodeError, IndexError, StopIteration, ValueError):
            raise bad from None


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _checked(name: str, value: Value) -> Value:
    t = trait(name)
    if not t.many:
        return t.check(value if isinstance(value, str) else ",".join(value))
    given = {t.check(v) for v in ([value] if isinstance(value, str) else value)}
    return tuple(v for v in t.values if v in given)


def _checked_colour(slot: str, name: str) -> str:
    if name not in COLOURS[slot]:
        raise UnknownValue(
            f"{slot} has no colour {name!r}", hint=f"use one of {', '.join(COLOURS[slot])}"
        )
    return name


def impossible(traits: Mapping[str, Value]) -> str | None:
    """What in ``traits`` cannot go together (rule 2), in words; None if all can."""
    style = traits["hair_style"]
    if style == "hidden" and traits["headwear"] == NONE:
        return "hair_style hidden cannot go with headwear none"
    for name in ("hair_colour", "hair_texture"):
        if (style in HAIRLESS) != (traits[name] == NONE):
            return f"{name} {traits[name]} cannot go with hair_style {style}"
    return None


def settle(traits: Mapping[str, Value], usual: Mapping[str, Value]) -> dict[str, Value]:
    """``traits`` with impossible pairs resolved, taking what is missing from ``usual``."""
    result = dict(traits)
    if result["hair_style"] == "hidden" and result["headwear"] == NONE:
        result["hair_style"] = usual["hair_style"]
    for name in ("hair_colour", "hair_texture"):
        if result["hair_style"] in HAIRLESS:
            result[name] = NONE
        elif result[name] == NONE:
            result[name] = usual[name]
    return result


def read_changes(items: Iterable[str]) -> dict[str, str]:
    """``TRAIT=VALUE`` pairs as `Avatar.changed` takes them; empty ones are passed over.

    Raises:
        UnknownValue: one is no such pair.
    """
    changes: dict[str, str] = {}
    for item in filter(None, items):
        name, equals, value = item.partition("=")
        if not equals:
            raise UnknownValue(f"--set {item} is not TRAIT=VALUE", hint="e.g. --set nose=button")
        changes[name.strip()] = value.strip()
    return changes


def default_avatar(style: Style) -> Avatar:
    """The avatar that a style draws when nothing is known."""
    traits = settle(style.defaults, style.defaults)
    return Avatar(style=style.name, traits=traits, colours=style.default_colours)


def avatar_of(attributes: Attributes, style: Style) -> Avatar:
    """The avatar that the written rule (see the module) makes of a photo's attributes."""
    traits: dict[str, Value] = dict(style.defaults)
    for name, guess in attributes.items():
        t = TRAITS[name]
        if t.many:
            traits[name] = guess.values
        elif guess.confidence >= ABSTAIN / len(t.predicted):
            traits[name] = guess.values[0]
    if traits["hair_style"] == "hidden" and traits["headwear"] == NONE:
        ranked = (v for v, _ in attributes["hair_style"].probabilities if v != "hidden")
        traits["hair_style"] = next(ranked, style.defaults["hair_style"])
    colours = dict(style.default_colours)
    if traits["hair_style"] in HAIRLESS:
        ranked = (v for v, _ in attributes["hair_colour"].probabilities if v != NONE)
        colours["beard_colour"] = next(ranked, AS_HAIR)
    settled = settle(traits, style.defaults)
    seed = zlib.crc32(repr(sorted(settled.items())).encode())
    for name, choice in style.wardrobe.items():
        (colours if name in COLOURS else settled)[name] = choice[seed % len(choice)]
        seed //= len(choice)
    return Avatar(
        style=style.name,
        traits=settled,
        colours=colours,
        confidence={name: round(guess.confidence, 3) for name, guess in attributes.items()},
    )


OFTEN: Mapping[str, float] = MappingProxyType(
    {
        "earrings": 0.35,
        "facial_hair": 0.35,
        "glasses": 0.3,
        "hair_dye": 0.15,
        "headwear": 0.3,
        "hearing": 0.06,
        "lashes": 0.35,
        "marks": 0.07,
    }
)
"""How often a random avatar has any of what can be left out; each of ``marks``."""
GROWN_UP = frozenset({"facial_hair", "marks"})
"""What a random child has none of."""


def random_avatar(seed: int | None = None, style: Style | None = None) -> Avatar:
    """A valid avatar; the same for the same seed and vocabulary."""
    style = style or load_style(DEFAULT_STYLE)
    dice = random.Random(seed)
    traits: dict[str, Value] = {}
    for t in TRAITS.values():
        if t.many:
            traits[t.name] = tuple(v for v in t.values if dice.random() < OFTEN[t.name])
        elif t.name in OFTEN and dice.random() >= OFTEN[t.name]:
            traits[t.name] = NONE
        else:
            traits[t.name] = dice.choice([v for v in t.values if v not in (NONE, "hidden")])
    if traits["age"] == "child":
        traits |= {name: () if TRAITS[name].many else NONE for name in GROWN_UP}
    colours = {
        s: AS_HAIR if AS_HAIR in names else dice.choice(names) for s, names in COLOURS.items()
    }
    return Avatar(style=style.name, traits=settle(traits, style.defaults), colours=colours)


def read_avatar(source: str | Path) -> Avatar:
    """An avatar from a file or a share code, whichever ``source`` is.

    Raises:
        BadAvatar: it is neither, or what it says is not valid.
    """
    path = Path(source)
    try:
        if path.suffix == ".json" or path.is_file():
            return Avatar.from_json(path.read_bytes(), where=path)
    except OSError as exc:
        raise BadAvatar(
            f"cannot read the avatar ({exc.strerror})", where=path, hint="check the path"
        ) from None
    return Avatar.from_code(str(source))
