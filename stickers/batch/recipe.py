"""How packs are made, and the files that they get: the same for all photos of a batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath

import stickers
from stickers.avatar import DEFAULT_STYLE
from stickers.embed import load_model
from stickers.errors import UnknownValue
from stickers.output import zipped
from stickers.pack import FORMATS, checked_formats
from stickers.style import load_style, style_names


class Layout(StrEnum):
    """Where a pack's files go: a folder each, all in one folder, or a zip each."""

    FOLDER = "folder"
    FLAT = "flat"
    ZIP = "zip"


@dataclass(frozen=True)
class Recipe:
    """How packs are made.

    Attributes:
        style: its name, or its folder, absolute.
        model: a folder that ``stickers train`` wrote; the shipped model if None.
        formats: of the stickers, in the order of `pack.FORMATS`.
        scenes: the stickers' names, sorted.
        layout: where the files go.
        style_version: the style's name and what stands for its content.
        model_version: the model's name and what stands for its content.
    """

    style: str
    model: Path | None
    formats: tuple[str, ...]
    scenes: tuple[str, ...]
    layout: Layout
    style_version: str
    model_version: str

    @cached_property
    def fingerprint(self) -> str:
        """The same for two batches whose packs of one photo are the same bytes."""
        parts = (self.style_version, self.model_version, self.formats, self.scenes, self.layout)
        return _digest(json.dumps((stickers.__version__, *parts)).encode())

    def paths(self, name: str) -> tuple[str, ...]:
        """Where the files of the pack called ``name`` are, from the output place."""
        drawn = [f"stickers/{scene}.{kind}" for scene in self.scenes for kind in self.formats]
        inside = ("avatar.json", "avatar.svg", "avatar.png", *drawn, "sheet.png")
        if self.layout is Layout.ZIP:
            return (f"{name}.zip",)
        return tuple(self._path(name, path) for path in inside)

    def laid_out(
        self, name: str, files: Iterable[tuple[str, bytes]]
    ) -> Iterator[tuple[str, bytes]]:
        """(path from the output place, content) of a pack's ``files``, as `Pack.files` gives."""
        if self.layout is Layout.ZIP:
            yield f"{name}.zip", zipped(files)
        else:
            for path, data in files:
                yield self._path(name, path), data

    def _path(self, name: str, path: str) -> str:
        flat = self.layout is Layout.FLAT
        return f"{name}.{PurePosixPath(path).name}" if flat else f"{name}/{path}"


def recipe_of(
    *,
    style: str | Path = DEFAULT_STYLE,
    model: str | Path | None = None,
    formats: Iterable[str] = FORMATS,
    only: Iterable[str] | None = None,
    layout: str = Layout.FOLDER,
) -> Recipe:
    """The recipe that these choices make.

    Raises:
        UnknownValue: a style, sticker, format or layout that does not exist.
        BadStyle, BadModel: nothing can be made.
    """
    drawn_in = load_style(style)
    known = drawn_in.scenes
    for name in only or ():
        if name not in known:
            raise UnknownValue(f"there is no sticker {name!r}", hint=f"use {', '.join(known)}")
    if layout not in list(Layout):
        raise UnknownValue(f"there is no layout {layout!r}", hint=f"use {', '.join(Layout)}")
    wanted = checked_formats(formats)
    folder = None if model is None else Path(model).resolve()
    loaded = load_model(folder)
    return Recipe(
        style=str(style) if str(style) in style_names() else str(drawn_in.folder),
        model=folder,
        formats=tuple(kind for kind in FORMATS if kind in wanted),
        scenes=tuple(sorted(known if only is None else set(only))),
        layout=Layout(layout),
        style_version=f"{drawn_in.name}@{_digest_of(drawn_in.folder)}",
        model_version=f"{loaded.name}@{loaded.manifest['sha256'][:12]}",
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _digest_of(folder: Path) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    lines = (f"{p.relative_to(folder).as_posix()} {_digest(p.read_bytes())}" for p in files)
    return _digest("\n".join(lines).encode())
