"""An avatar in words, and what can be picked to change it: pure functions.

A *picker* is named after the trait or colour that it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stickers.avatar import ABSTAIN, Avatar
from stickers.catalog import HEAD, Catalog
from stickers.traits import AS_HAIR, COLOURS, HAIRLESS, NONE, NOT_APPLICABLE, TRAITS

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Hair": ("hair_style", "hair_colour", "hair_texture", "hair_dye", "dye_colour"),
        "Face": ("skin_tone", "face_shape", "nose", "lips", "age", "marks"),
        "Eyes": ("eye_shape", "eye_colour", "lashes", "brows"),
        "Beard": ("facial_hair", "beard_colour"),
        "Wear": (
            *("glasses", "frame_weight", "frame_colour", "headwear", "headwear_colour"),
            *("earrings", "hearing", "outfit", "cloth_colour"),
        ),
    }
)
"""Every picker, by the heading it stands under."""

_TITLES = {
    "age": "Age",
    "beard_colour": "Colour of beard and brows",
    "cloth_colour": "Colour of the outfit",
    "dye_colour": "Second colour of the hair",
    "frame_colour": "Colour of the glasses",
    "frame_weight": "Frame of the glasses",
    "hair_dye": "Dyed in part",
    "headwear_colour": "Colour of the headwear",
    "hearing": "Hearing device",
    "marks": "Details",
    "skin_tone": "Skin tone",
}

# Where "word word" would not read well; every other value is its own name.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "afro_big": "big afro",
        "afro_short": "short afro",
        "as_hair": "same as the hair",
        "bob_fringe": "bob with a fringe",
        "bob_straight": "straight bob",
        "bob_wavy": "wavy bob",
        "bob_wavy_fringe": "wavy bob with a fringe",
        "buzz": "buzz cut",
        "caesar_fringe": "short fringe",
        "cat_eye": "cat-eye",
        "crown_braid": "crown braid",
        "curly_fade": "curls with faded sides",
        "curly_short": "short curls",
        "fade_straight": "straight hair with faded sides",
        "flat_top": "flat-top",
        "fringe_tied_back": "tied-back hair with a fringe",
        "half_up": "half-up hair",
        "headscarf": "hijab",
        "hidden": "covered hair",
        "horseshoe": "hair at the sides only",
        "long_curly": "long curls",
        "long_fringe": "long hair with a fringe",
        "long_straight": "long straight hair",
        "long_wavy": "long wavy hair",
        "low_ponytail": "low ponytail",
        "low_soft_bun": "soft low bun",
        "messy_short": "short messy hair",
        "mid_shag": "layered shag",
        "other": "paper crown",
        "pixie": "pixie cut",
        "pulled_back": "hair pulled back",
        "receding": "receding hair",
        "set_short": "short set hair",
        "shoulder_curly": "curly shoulder-length hair",
        "shoulder_straight": "straight shoulder-length hair",
        "shoulder_wavy": "wavy shoulder-length hair",
        "side_part": "side parting",
        "side_swept_long": "long side-swept hair",
        "slick_back": "slicked-back hair",
        "spiky": "spiky hair",
        "swept_back": "swept-back hair",
        "thinning": "thinning hair",
        "twist_out": "twist-out",
        "two_strand_twists": "two-strand twists",
        "undercut_side": "shaved side",
        "updo": "pinned-up hair",
        "v_neck": "V-neck",
    }
)

_SURE = 0.45


def title(picker: str) -> str:
    """What a picker is called on the page."""
    return _TITLES.get(picker, picker.replace("_", " ").capitalize())


def words(value: str) -> str:
    """A value in words."""
    return WORDS.get(value, value.replace("_", " "))


def describe(avatar: Avatar) -> str:
    """What there is to see, as in "Wavy bob, dark brown; not sure about the nose.".

    It leaves out age, skin and the shapes of features: nobody wants to be told.
    """
    t, colour = avatar.traits, avatar.colour("hair_colour")
    hair = words(str(t["hair_style"]))
    covered = t["hair_style"] == "hidden"
    parts = [hair if colour is None or covered else f"{hair}, {words(colour)}"]
    parts.append(f"{words(str(t['eye_colour']))} eyes")
    if t["glasses"] != NONE:
        sun = t["glasses"] == "sunglasses"
        parts.append("sunglasses" if sun else f"{words(str(t['glasses']))} glasses")
    if t["facial_hair"] != NONE:
        parts.append(words(str(t["facial_hair"])))
    if t["headwear"] not in (NONE, "other"):
        parts.append(words(str(t["headwear"])))
    if t["earrings"] != NONE:
        parts.append(f"{words(str(t['earrings']))} earrings")
    parts += [v for v in t["marks"] if v in ("freckles", "dimples")]
    if open_ := [f"the {title(name).lower()}" for name in unsure_of(avatar)]:
        parts.append(f"not sure about {_listed(open_)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def unsure_of(avatar: Avatar, limit: int = 3) -> tuple[str, ...]:
    """The traits that a photo left open, the least certain for its number of values first."""
    doubt = {
        name: sure * len(TRAITS[name].predicted)
        for name, sure in avatar.confidence.items()
        if not TRAITS[name].many
        and not (name in NOT_APPLICABLE and avatar.traits[name] == NONE)
        and sure < max(_SURE, ABSTAIN / len(TRAITS[name].predicted))
    }
    return tuple(sorted(doubt, key=lambda name: doubt[name])[:limit])


def choices(picker: str, avatar: Avatar) -> list[tuple[str, str]]:
    """(words, value) of everything that can be picked for ``avatar`` as it is."""
    values = COLOURS[picker] if picker in COLOURS else TRAITS[picker].values
    if picker in ("hair_colour", "hair_texture"):
        values = tuple(v for v in values if v != NONE)
    if picker == "hair_style" and avatar.traits["headwear"] == NONE:
        values = tuple(v for v in values if v != "hidden")
    return [(f"Monk {v}" if picker == "skin_tone" else capital(words(v)), v) for v in values]


def capital(text: str) -> str:
    """``text`` with a capital letter first."""
    return text[0].upper() + text[1:]


def offered(avatar: Avatar, catalog: Catalog) -> frozenset[str]:
    """The pickers that would change the picture: no hair colour for the bald, and so on."""
    drawn = catalog.drawn(avatar.traits)
    shapes = HEAD | {layer for _, _, d in drawn for layer in d.shapes}
    seen = frozenset[str]().union(*(catalog.slots(d, shapes) for _, _, d in drawn))
    hairless = avatar.traits["hair_style"] in HAIRLESS
    if avatar.colours["beard_colour"] == AS_HAIR and "beard_colour" in seen:
        seen |= {"hair_colour"}
    if hairless:
        seen -= {"hair_colour"}
    traits = set(TRAITS) - {"hair_colour", "hair_texture"} - catalog.hidden(avatar.traits)
    if not hairless and "hair_texture" not in catalog.hidden(avatar.traits):
        traits.add("hair_texture")
    return frozenset(traits) | (seen & {"hair_colour", *COLOURS})


def picked(avatar: Avatar, picker: str, value: str, on: bool = True) -> Avatar:
    """``avatar`` with ``value`` picked; of a trait of many it is added, or taken away.

    Raises:
        UnknownValue: no such picker or value, or one that cannot be as things stand.
    """
    if picker in TRAITS and TRAITS[picker].many:
        others = set(avatar.traits[picker]) - {value}
        value = ",".join(sorted(others | ({value} if on else set()))) or NONE
    return avatar.changed({picker: value})
