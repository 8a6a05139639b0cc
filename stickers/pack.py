"""A pack: the portrait and all stickers of one avatar, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stickers.avatar import Avatar
from stickers.catalog import Catalog
from stickers.compose import compose
from stickers.document import SIDE
from stickers.errors import UnknownValue
from stickers.output import staged
from stickers.raster import png, rasterise, sheet, webp
from stickers.records import Sticker
from stickers.style import Scene

FORMATS = ("svg", "webp", "png")

Progress = Callable[[str], None]
"""Called with the name of each thing that is done."""


def unwatched(_: str) -> None:
    """The progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Pack:
    """One avatar, drawn.

    Attributes:
        avatar: who it is.
        portrait: the avatar at rest.
        stickers: the scenes, sorted by name.
    """

    avatar: Avatar
    portrait: Sticker
    stickers: tuple[Sticker, ...]

    def write(
        self,
        folder: str | Path,
        *,
        formats: Iterable[str] = FORMATS,
        side: int = SIDE,
        progress: Progress = unwatched,
    ) -> tuple[Path, ...]:
        """Write ``avatar.json``, ``avatar.svg``, ``avatar.png``, ``sheet.png`` and the stickers.

        Args:
            folder: made if need be; all files appear in it at once.
            formats: of the stickers: ``svg``, ``webp`` (at most 100 kB each), ``png``.
            side: px of the stickers' rasters, square.
            progress: told the name of each sticker written.

        Returns:
            The files, sorted.

        Raises:
            UnknownValue: a format that we do not write.
            CannotWrite: the folder refuses us.
        """
        folder, wanted = Path(folder), checked_formats(formats)
        with staged(folder) as stage:
            paths = []
            for path, data in self.files(wanted, side=side, progress=progress):
                (stage / path).parent.mkdir(exist_ok=True)
                (stage / path).write_bytes(data)
                paths.append(folder / path)
        return tuple(sorted(paths))

    def files(
        self,
        formats: Iterable[str] = FORMATS,
        *,
        side: int = SIDE,
        progress: Progress = unwatched,
    ) -> Iterator[tuple[str, bytes]]:
        """(path, content) of everything that `write` writes, one after another; as there."""
        wanted = checked_formats(formats)
        pictures = [rasterise(self.portrait.svg, side)]
        yield "avatar.json", self.avatar.to_json().encode()
        yield "avatar.svg", self.portrait.svg.encode()
        yield "avatar.png", png(pictures[0])
        for sticker in self.stickers:
            picture = rasterise(sticker.svg, side)
            pictures.append(picture)
            if "svg" in wanted:
                yield f"stickers/{sticker.name}.svg", sticker.svg.encode()
            if "webp" in wanted:
                yield f"stickers/{sticker.name}.webp", webp(picture)
            if "png" in wanted:
                yield f"stickers/{sticker.name}.png", png(picture)
            progress(sticker.name)
        yield "sheet.png", png(sheet(pictures))


def checked_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """``formats``, if each is one of `FORMATS`; raises `UnknownValue` otherwise."""
    wanted = tuple(formats)
    for name in wanted:
        if name not in FORMATS:
            raise UnknownValue(f"there is no format {name!r}", hint=f"use {', '.join(FORMATS)}")
    return wanted


def draw(
    avatar: Avatar,
    catalog: Catalog,
    *,
    only: Iterable[str | Scene] | None = None,
    progress: Progress = unwatched,
) -> Pack:
    """The pack of ``avatar``: all scenes of the style, or ``only`` those given.

    Args:
        avatar: who it is.
        catalog: the style to draw in.
        only: names of scenes, or scenes with a caption of their own (`Scene.saying`).
        progress: told the name of each sticker drawn.

    Raises:
        UnknownValue: no such scene, or a caption that cannot be lettered.
        BadStyle: a drawing breaks the art contract.
    """
    drawn: list[Sticker] = []
    for scene in sorted(catalog.style.scenes) if only is None else only:
        drawn.append(compose(avatar, catalog, scene))
        progress(drawn[-1].name)
    return Pack(avatar, compose(avatar, catalog), tuple(drawn))
