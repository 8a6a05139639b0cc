"""One visitor's work: an avatar with its captions, and the steps back and forward."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stickers.avatar import Avatar
from stickers.catalog import Catalog
from stickers.errors import BadAvatar
from stickers.pack import Pack, draw
from stickers.style import Scene

STEPS = 100
"""How many steps can be undone."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is drawn.

    Attributes:
        avatar: who it is.
        captions: scene -> the visitor's own words; blank for none.
        left_out: the scenes that are not in the pack.
    """

    avatar: Avatar
    captions: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    def to_json(self) -> str:
        """The document that `from_json` reads: the page sends it for a pack to be downloaded."""
        left_out = sorted(self.left_out)
        told = {"avatar": self.avatar.code(), "captions": dict(self.captions), "left_out": left_out}
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Draft:
        """A draft that came from the page; raises BadAvatar if it is none."""
        try:
            told = json.loads(text)
            captions = {str(scene): str(says) for scene, says in told["captions"].items()}
            left_out = frozenset(str(scene) for scene in told["left_out"])
            return cls(Avatar.from_code(str(told["avatar"])), captions, left_out)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadAvatar("not a pack of this page", hint="load the page again") from None

    def scene(self, name: str, catalog: Catalog) -> Scene:
        """A scene of the style with the visitor's caption, if there is one.

        Raises:
            UnknownValue: no such scene, or a caption that is too long.
        """
        scene = catalog.style.scene(name)
        return scene.saying(self.captions[name]) if name in self.captions else scene

    def pack(self, catalog: Catalog) -> Pack:
        """The stickers that are in the pack, drawn; raises as `stickers.pack.draw`."""
        wanted = [name for name in sorted(catalog.style.scenes) if name not in self.left_out]
        return draw(self.avatar, catalog, only=[self.scene(name, catalog) for name in wanted])


@dataclass(frozen=True, slots=True)
class Session:
    """A visit.

    Attributes:
        steps: every draft so far, the first being what the visit began with.
        at: the place of the present one.
        unsure: trait -> its likeliest values, for what the photo left open.
        picker: the trait or colour that is being changed.
        note: a sentence about where the avatar came from.
        faces: the sessions that the photo's other faces would begin.
    """

    steps: tuple[Draft, ...]
    at: int = 0
    unsure: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    picker: str = "hair_style"
    note: str = ""
    faces: tuple[Session, ...] = ()

    @property
    def draft(self) -> Draft:
        """What is drawn now."""
        return self.steps[self.at]

    @property
    def avatar(self) -> Avatar:
        """Who it is now."""
        return self.draft.avatar

    def changed(self, draft: Draft) -> Session:
        """One step further; what was undone is forgotten, and so is what was long ago."""
        if draft == self.draft:
            return self
        first, *steps = (*self.steps[: self.at + 1], draft)
        steps = [first, *steps[-STEPS:]]
        return replace(self, steps=tuple(steps), at=len(steps) - 1)

    def moved(self, by: int) -> Session:
        """``by`` steps forward, or back if negative, as far as there are any."""
        return replace(self, at=min(max(self.at + by, 0), len(self.steps) - 1))

    def reset(self) -> Session:
        """As it began, in one step that can be undone."""
        return self.changed(self.steps[0])
