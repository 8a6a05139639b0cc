"""A style as its folder describes it: ``style.toml`` and the scenes beside it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stickers.errors import BadStyle, UnknownValue

Pair = tuple[float, float]
Palette = Mapping[str, str]

LONGEST_CAPTION = 40
"""Characters."""
LONGEST_ALT = 125
"""Characters, the strictest of the messengers' limits."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Nudge(_Record):
    """How far one brow leaves its rest: px right and down, degrees clockwise."""

    shift: Pair = (0, 0)
    turn: float = 0


class BrowState(Nudge):
    """A state of both brows; a side given on its own replaces the common nudge."""

    left: Nudge | None = None
    right: Nudge | None = None

    def side(self, name: str) -> Nudge:
        """The nudge of ``left`` or ``right``."""
        own = self.left if name == "left" else self.right
        return own or self


class Gaze(_Record):
    """One eye: iris shift and lid fall in px, its size, or the drawing that replaces it."""

    look: Pair = (0, 0)
    lid: float = 0
    scale: Annotated[float, Field(gt=0, le=2)] = 1
    draw: str | None = None


class EyeState(Gaze):
    """A state of both eyes; a side given on its own replaces the common gaze."""

    left: Gaze | None = None
    right: Gaze | None = None

    def side(self, name: str) -> Gaze:
        """The gaze of ``left`` or ``right``."""
        own = self.left if name == "left" else self.right
        return own or self


class Build(_Record):
    """Layers drawn larger or smaller: a factor, the point that stays, px right and down."""

    layers: frozenset[str]
    scale: Annotated[float, Field(gt=0, le=2)] = 1
    about: Pair = (256, 256)
    shift: Pair = (0, 0)


class Expression(_Record):
    """Names of a brow state, an eye state and a mouth drawing."""

    brows: str
    eyes: str
    mouth: str


class Resting(Expression):
    """The face and the pose of the plain portrait.

    Attributes:
        tilt: degrees clockwise that the head leans.
        of: trait -> value -> the face of those who have it, instead.
    """

    tilt: float = 0
    of: Mapping[str, Mapping[str, Expression]] = {}

    def face(self, traits: Mapping[str, str | tuple[str, ...]]) -> Expression:
        """The expression at rest of somebody with ``traits``."""
        for name, table in self.of.items():
            for value, face in table.items():
                if traits[name] == value:
                    return face
        return Expression(brows=self.brows, eyes=self.eyes, mouth=self.mouth)


class Pose(_Record):
    """How the figure stands: degrees clockwise, a factor, px right and down."""

    tilt: float = 0
    lean: float = 0
    scale: Annotated[float, Field(gt=0, le=2)] = 1
    shift: Pair = (0, 0)


class Caption(_Record):
    """Lettering: middle of the base line, height in px, degrees clockwise, colour."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_CAPTION)]
    at: Pair = (256, 488)
    size: Annotated[float, Field(gt=8, le=256)] = 84
    turn: float = 0
    fill: str = "#ffffff"


class Scene(_Record):
    """A sticker: what the figure does, holds and says."""

    name: str
    alt: Annotated[str, Field(min_length=1, max_length=LONGEST_ALT)]
    emoji: Annotated[tuple[str, ...], Field(min_length=1, max_length=3)]
    keywords: Annotated[tuple[str, ...], Field(min_length=1)]
    expression: Expression
    pose: Pose = Pose()
    props: tuple[str, ...] = ()
    caption: Caption | None = None

    def saying(self, text: str) -> Scene:
        """The same scene with another caption, in the same place; with none if it is blank.

        Raises:
            UnknownValue: more than `LONGEST_CAPTION` characters.
        """
        words = " ".join(text.split())
        if not words:
            return self.model_copy(update={"caption": None})
        if len(words) > LONGEST_CAPTION:
            raise UnknownValue(
                f"the caption has {len(words)} characters",
                hint=f"use {LONGEST_CAPTION} or fewer",
            )
        look = self.caption.model_dump(exclude={"text"}) if self.caption else {}
        alt = shorten(f"“{words}”: {self.alt}", LONGEST_ALT, placeholder=" …")
        return self.model_copy(update={"caption": Caption(text=words, **look), "alt": alt})


class Expressions(_Record):
    """The states that scenes may name."""

    brows: Mapping[str, BrowState]
    eyes: Mapping[str, EyeState]


class Style(_Record):
    """Everything ``style.toml`` says, with the folder it stands in.

    Attributes:
        layers: names, back to front; ``head_layers`` turn with the head.
        neck: the point on which the head turns, px.
        brow_centres: (left, right) points on which brows turn, px.
        eye_centres: (left, right) points from which eyes grow, px.
        drawn_by: trait -> the expression's drawing that shows it.
        nothing: trait -> values that draw nothing on purpose.
        stand_ins: trait -> value -> the value whose drawing stands in for it.
        hides: trait -> value -> traits, or ``trait=value``, that are not seen meanwhile.
        resting: the face and the pose of the plain portrait.
        defaults: trait -> value where the photo does not say.
        default_colours: colour slot -> name.
        keys: slot -> tone -> the master colour that the drawings are painted with.
        palettes: slot -> name -> tone -> colour.
        palette_of: slot -> the slot whose palettes it takes.
        wardrobe: trait or colour slot -> what people from a photo may wear.
        recolour: trait -> value -> "slot.tone" -> colour.
        build: trait -> value -> how that value changes proportions.
        scenes: by name, sorted.
    """

    folder: Path
    name: str
    title: str
    author: str
    licence: str
    layers: tuple[str, ...]
    head_layers: frozenset[str]
    neck: Pair
    brow_centres: tuple[Pair, Pair]
    eye_centres: tuple[Pair, Pair]
    resting: Resting
    defaults: Mapping[str, str | tuple[str, ...]]
    default_colours: Mapping[str, str]
    keys: Mapping[str, Palette]
    palettes: Mapping[str, Mapping[str, Palette]]
    expressions: Expressions
    scenes: Mapping[str, Scene]
    drawn_by: Mapping[str, str] = {}
    nothing: Mapping[str, frozenset[str]] = {}
    stand_ins: Mapping[str, Mapping[str, str]] = {}
    hides: Mapping[str, Mapping[str, frozenset[str]]] = {}
    palette_of: Mapping[str, str] = {}
    recolour: Mapping[str, Mapping[str, Palette]] = {}
    wardrobe: Mapping[str, tuple[str, ...]] = {}
    build: Mapping[str, Mapping[str, tuple[Build, ...]]] = {}

    def palette(self, slot: str, name: str) -> Palette:
        """The tones of colour ``name`` in ``slot``."""
        return self.palettes[self.palette_of.get(slot, slot)][name]

    def scene(self, name: str) -> Scene:
        """The scene called ``name``; raises UnknownValue."""
        try:
            return self.scenes[name]
        except KeyError:
            raise UnknownValue(
                f"the {self.name} style has no sticker {name!r}",
                hint=f"use one of {', '.join(self.scenes)}",
            ) from None


def art_folder() -> Path:
    """Where the styles lie: beside the package in a checkout, inside it when installed."""
    here = Path(__file__).resolve().parent
    inside = here / "art_assets"
    return inside if inside.is_dir() else here.parent / "art_assets"


def style_names() -> tuple[str, ...]:
    """The styles that come with the project, sorted."""
    return tuple(sorted(p.parent.name for p in art_folder().glob("*/style.toml")))


def load_style(style: str | Path) -> Style:
    """Read a style by its name, or by the folder it lies in.

    Raises:
        UnknownValue: there is no such style.
        BadStyle: style.toml or a scene is not what the art contract asks for.
    """
    named = art_folder() / style
    folder = named if (named / "style.toml").is_file() else Path(style)
    if not (folder / "style.toml").is_file():
        raise UnknownValue(
            f"there is no style {str(style)!r}",
            hint=f"use one of {', '.join(style_names())}, or a folder with a style.toml",
        )
    return _read_style(folder.resolve())


@lru_cache(maxsize=16)
def _read_style(folder: Path) -> Style:
    scenes = {p.stem: _read_scene(p) for p in sorted((folder / "stickers").glob("*.toml"))}
    path = folder / "style.toml"
    return _validate(Style, _toml(path) | {"folder": folder, "scenes": scenes}, path)


def _read_scene(path: Path) -> Scene:
    return _validate(Scene, {"name": path.stem} | _toml(path), path)


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadStyle(f"not readable TOML ({exc})", where=path, hint="mend that line") from None


_M = TypeVar("_M", bound=BaseModel)


def _validate(model: type[_M], data: dict[str, object], path: Path) -> _M:
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole file"
        raise BadStyle(
            f"{place}: {first['msg'].lower()}", where=path, hint="see art_assets/README.md"
        ) from None
