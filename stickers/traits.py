"""The one vocabulary: every trait of a person and every value it may take.

Names and values are those of the raters' rubric. Nothing else in the project
spells them out; the heads, the catalogue, the avatars and the rating tool all
read them from here.

Values are append-only: a share code stores positions in these tuples, so a
value never moves and is never removed. Traits and colours are append-only too:
what an avatar made before there was such a trait has of it is its first value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from stickers.errors import UnknownValue

NONE = "none"


@dataclass(frozen=True, slots=True)
class Trait:
    """One thing that can be said of a face.

    Attributes:
        name: the key used in avatars, in ratings and on the command line.
        values: all values, in their fixed order.
        chosen_only: the values that people can pick and no head predicts.
        ordinal: whether neighbouring values are nearer than distant ones.
        many: whether an avatar holds a set of values rather than one.
        codes: the rubric's code for a value, where it is not the value itself.
    """

    name: str
    values: tuple[str, ...]
    chosen_only: frozenset[str] = frozenset()
    ordinal: bool = False
    many: bool = False
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def predicted(self) -> tuple[str, ...]:
        """The values a head gives a probability for, in the head's output order."""
        return tuple(v for v in self.values if v not in self.chosen_only)

    def check(self, value: str) -> str:
        """Return ``value`` if it is one of this trait's, else raise UnknownValue."""
        if value not in self.values:
            raise UnknownValue(
                f"{self.name} has no value {value!r}", hint=f"use one of {', '.join(self.values)}"
            )
        return value

    def from_rating(self, code: str) -> tuple[str, ...] | None:
        """The values that a rater's code stands for; None when it says "cannot be seen".

        A trait with ``many`` is rated by letters run together, ``-`` for none of
        them; any other by one value, ``-`` for "there is none to rate".
        """
        if code == "?":
            return None
        if self.many:
            letters = {letter: value for value, letter in self.codes.items()}
            try:
                return tuple(sorted((letters[c] for c in code if c != "-"), key=self.values.index))
            except KeyError as exc:
                raise UnknownValue(
                    f"{self.name} has no code {exc.args[0]!r}",
                    hint=f"use letters of {''.join(letters)} or -",
                ) from None
        return (self.check(NONE if code == "-" else code),)

    def to_rating(self, values: Iterable[str]) -> str:
        """The rater's code for ``values``: the inverse of `from_rating`.

        Of a trait with ``many``, what raters have no letter for is left out.
        """
        given = [self.check(v) for v in values]
        if self.many:
            return "".join(code for v, code in self.codes.items() if v in given) or "-"
        (value,) = given
        return "-" if value == NONE and self.name in NOT_APPLICABLE else value


HAIR_COLOURS = (
    "black",
    "dark_brown",
    "brown",
    "light_brown",
    "auburn",
    "red",
    "dark_blonde",
    "blonde",
    "platinum",
    "gray",
    "white",
    "dyed",
)

CLOTH_COLOURS = (
    "coral",
    "teal",
    "mustard",
    "navy",
    "plum",
    "forest",
    "sky",
    "rose",
    "cream",
    "charcoal",
    "orange",
    "mint",
)


def _trait(
    name: str,
    rated: str = "",
    *,
    chosen: str = "",
    many: bool = False,
    codes: Mapping[str, str] = MappingProxyType({}),
) -> Trait:
    """A trait from words: those that raters give, then those that people only choose."""
    only = chosen.split()
    return Trait(name, (*rated.split(), *only), frozenset(only), many=many, codes=codes)


_ALL = (
    _trait(
        "hair_style",
        """bald buzz receding horseshoe crew_cut side_part slick_back quiff spiky
        caesar_fringe bowl_cut messy_short curly_short curly_fade afro_short afro_big
        pixie bob_straight bob_fringe bob_wavy mid_shag shoulder_straight shoulder_wavy
        shoulder_curly long_straight long_fringe long_wavy long_curly pulled_back
        top_bun high_ponytail half_up updo box_braids cornrows locs pigtails side_braid
        mohawk hidden""",
        chosen="""fade_straight flat_top pompadour curtains swept_back thinning
        side_swept_long fringe_tied_back bob_wavy_fringe low_soft_bun low_ponytail mullet
        undercut_side man_bun set_short twist_out two_strand_twists bantu_knots
        space_buns crown_braid""",
    ),
    Trait("hair_colour", (NONE, *HAIR_COLOURS)),
    _trait("hair_texture", "none straight wavy curly coily"),
    Trait("skin_tone", tuple(str(n) for n in range(1, 11)), ordinal=True),
    _trait("face_shape", "oval round square oblong heart"),
    _trait("nose", "button straight pointed aquiline upturned broad bulbous"),
    _trait("eye_shape", "round almond monolid hooded narrow"),
    _trait("eye_colour", "dark_brown brown hazel green blue gray"),
    _trait("brows", "none thin medium thick", chosen="arched straight bushy angled rounded slit"),
    _trait(
        "facial_hair",
        "none stubble moustache goatee short_beard full_beard long_beard chinstrap",
        chosen="van_dyke handlebar mutton_chops",
    ),
    _trait(
        "glasses",
        "none round rectangular thick cat_eye rimless sunglasses",
        chosen="aviator oversized",
    ),
    _trait(
        "headwear",
        "none cap beanie hat headscarf turban headband hood other",
        chosen="dupatta kufi bow bandana flower",
    ),
    _trait("earrings", "none stud hoop drop", chosen="pearl tassel cuff"),
    _trait("lips", "thin medium full"),
    Trait("age", ("child", "young", "middle", "senior"), ordinal=True),
    _trait(
        "marks",
        "freckles mole lipstick blush wrinkles dimples",
        chosen="vitiligo scar bindi nose_stud",
        many=True,
        codes=MappingProxyType(
            {
                "freckles": "F",
                "mole": "M",
                "lipstick": "L",
                "blush": "B",
                "wrinkles": "W",
                "dimples": "D",
            }
        ),
    ),
    _trait(
        "outfit",
        chosen="""tee v_neck hoodie shirt turtleneck blazer denim_jacket overalls knit
        tank_top kurta puffer""",
    ),
    _trait("hair_dye", chosen="none roots ombre streaks split"),
    _trait("lashes", chosen="none long winged"),
    _trait("frame_weight", chosen="medium light heavy"),
    _trait("hearing", chosen="none hearing_aid cochlear_implant"),
)

TRAITS: Mapping[str, Trait] = MappingProxyType({t.name: t for t in _ALL})

PREDICTED: tuple[Trait, ...] = tuple(t for t in _ALL if t.predicted)
"""The traits that have a head."""

NOT_APPLICABLE = frozenset({"hair_colour", "hair_texture"})
"""Traits whose ``none`` raters write as ``-``: there is no hair to speak of."""

AS_HAIR = "as_hair"

COLOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "beard_colour": (AS_HAIR, *HAIR_COLOURS),
        "cloth_colour": CLOTH_COLOURS,
        "frame_colour": ("black", "tortoise", "gold", "silver", "red", "blue", "green", "clear"),
        "headwear_colour": CLOTH_COLOURS,
        "dye_colour": HAIR_COLOURS,
    }
)
"""Colours a person chooses beside the traits: slot -> names, append-only like values.

``beard_colour`` paints brows and facial hair; ``as_hair`` lets it follow the hair.
``dye_colour`` is the second colour of hair that is dyed in part.
"""

FIRST_TRAITS, FIRST_COLOURS = 17, 4
"""How many traits and colours there were in version 1 of documents and share codes."""

HAIRLESS = frozenset({"bald"})
"""Hair styles without hair: they take neither hair colour nor texture."""


def trait(name: str) -> Trait:
    """The trait called ``name``; raises UnknownValue with the list of names."""
    try:
        return TRAITS[name]
    except KeyError:
        raise UnknownValue(
            f"there is no trait {name!r}", hint=f"use one of {', '.join(TRAITS)}"
        ) from None
