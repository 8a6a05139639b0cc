"""Hypothesis strategies for the project's records."""

from __future__ import annotations

from hypothesis import strategies as st

from stickers.avatar import Avatar, settle
from stickers.style import load_style
from stickers.traits import COLOURS, TRAITS, Trait


def _value(t: Trait) -> st.SearchStrategy[str | tuple[str, ...]]:
    if not t.many:
        return st.sampled_from(t.values)
    return st.sets(st.sampled_from(t.values)).map(
        lambda chosen: tuple(v for v in t.values if v in chosen)
    )


def avatars() -> st.SearchStrategy[Avatar]:
    """Any valid avatar of the sly style."""
    usual = load_style("sly").defaults
    traits = st.fixed_dictionaries({t.name: _value(t) for t in TRAITS.values()})
    colours = st.fixed_dictionaries({s: st.sampled_from(n) for s, n in COLOURS.items()})
    return st.builds(lambda t, c: Avatar(traits=settle(t, usual), colours=c), traits, colours)
