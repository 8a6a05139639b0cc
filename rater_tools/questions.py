"""What raters are asked, in words and keys; the values are those of the vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stickers.errors import UnknownValue
from stickers.traits import NONE, NOT_APPLICABLE, PREDICTED, TRAITS, Trait, trait
from stickers.web.studio import capital, title

LIKENESS = "likeness"
IDENTITY = "identity"
JUDGED = (LIKENESS, IDENTITY)
"""What is asked of a sticker, beside the traits that are asked of a photo."""

WHOLE_FACE = "face"
"""The pass that asks everything about one photo."""

ASKED = tuple(t.name for t in PREDICTED)
"""The traits that are asked unless others are named."""

SECOND_CHOICE = frozenset({"hair_style"})
"""Traits whose second choice is always asked; of others it can be given."""

SCORES = ("1", "2", "3", "4", "5")

_DIGITS = "1234567890"
_LETTERS = "qwertyuiop"

_ASK: Mapping[str, str] = MappingProxyType(
    {
        "hair_style": "Which of these does the hair resemble most?",
        "hair_colour": "Which colour is the hair?",
        "hair_texture": "How does the hair grow?",
        "skin_tone": "Which skin tone is nearest?",
        "marks": "Which of these are there?",
        "age": "How old does this person look?",
    }
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: the code that is stored, its name, and the keys that pick it."""

    value: str
    code: str
    label: str
    keys: str


@dataclass(frozen=True, slots=True)
class Question:
    """One attribute as it is asked.

    Attributes:
        attribute: its name.
        title: what it is called.
        ask: the question.
        choices: in the order of the screen.
        many: whether several may be picked.
        second: whether a second choice is asked.
    """

    attribute: str
    title: str
    ask: str
    choices: tuple[Choice, ...]
    many: bool
    second: bool

    @property
    def rows(self) -> bool:
        """Whether a choice takes two keys: its row's, then its column's."""
        return len(self.choices[0].keys) > 1


def question(attribute: str) -> Question:
    """How ``attribute`` is asked; raises UnknownValue if it is no trait."""
    t = trait(attribute)
    values = [v for v in t.values if not t.many or v in t.codes]
    if attribute in NOT_APPLICABLE:
        values = [v for v in values if v != NONE] + [NONE]
    keys = _keys(len(values))
    choices = tuple(
        Choice(v, t.codes[v] if t.many else t.to_rating([v]), _label(t, v), key)
        for v, key in zip(values, keys, strict=True)
    )
    ask = _ask(attribute)
    return Question(attribute, title(attribute), ask, choices, t.many, attribute in SECOND_CHOICE)


def _ask(attribute: str) -> str:
    return _ASK.get(attribute, f"{title(attribute)}: which of these is nearest?")


def _label(t: Trait, value: str) -> str:
    if value == NONE:
        return "No hair" if t.name in NOT_APPLICABLE else "None"
    return capital(value.replace("_", " "))


def _keys(count: int) -> list[str]:
    if count <= len(_DIGITS + _LETTERS):
        return list((_DIGITS + _LETTERS)[:count])
    return [row + column for row in _LETTERS for column in _DIGITS][:count]


def check_attribute(attribute: str) -> str:
    """``attribute`` if raters can be asked about it, else raise UnknownValue."""
    if attribute not in TRAITS and attribute not in JUDGED:
        raise UnknownValue(
            f"there is no attribute {attribute!r}",
            hint=f"use one of {', '.join((*TRAITS, *JUDGED))}",
        )
    return attribute


def check_code(attribute: str, code: str, choices: tuple[str, ...] = ()) -> str:
    """``code`` if it answers ``attribute``, else raise UnknownValue.

    Args:
        attribute: a trait, ``likeness`` or ``identity``.
        code: as raters write it.
        choices: of ``identity``, the items there are to choose from.
    """
    known = {LIKENESS: SCORES, IDENTITY: choices}.get(attribute)
    if known is None:
        trait(attribute).from_rating(code)
    elif code not in known:
        raise UnknownValue(f"{attribute} has no answer {code!r}", hint=f"use {', '.join(known)}")
    return code
