"""A pack: the portrait and all stickers of one avatar, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
        wanted = tuple(formats)
        for name in wanted:
            if name not in FORMATS:
                raise UnknownValue(f"there is no format {name!r}", hint=f"use {', '.join(FORMATS)}")
        folder = Path(folder)
        with staged(folder) as stage:
            (stage / "stickers").mkdir()
            portrait = rasterise(self.portrait.svg, side)
            (stage / "avatar.json").write_text(self.avatar.to_json(), encoding="utf-8")
            (stage / "avatar.svg").write_text(self.portrait.svg, encoding="utf-8")
            (stage / "avatar.png").write_bytes(png(portrait))
            pictures = [portrait]
            for sticker in self.stickers:
                picture = rasterise(sticker.svg, side)
                pictures.append(picture)
                target = stage / "stickers" / sticker.name
                if "svg" in wanted:
                    target.with_suffix(".svg").write_text(sticker.svg, encoding="utf-8")
                if "webp" in wanted:
                    target.with_suffix(".webp").write_bytes(webp(picture))
                if "png" in wanted:
                    target.with_suffix(".png").write_bytes(png(picture))
                progress(sticker.name)
            (stage / "sheet.png").write_bytes(png(sheet(pictures)))
            files = [p.relative_to(stage) for p in stage.rglob("*") if p.is_file()]
        return tuple(folder / f for f in sorted(files))


def draw(
    avatar: Avatar,
    catalog: Catalog,
    *,
    only: Iterable[str] | None = None,
    progress: Progress = unwatched,
) -> Pack:
    """The pack of ``avatar``: all scenes of the style, or ``only`` those named.

    Raises:
        UnknownValue: no such scene.
        BadStyle: a drawing breaks the art contract.
    """
    scenes = catalog.style.scenes
    chosen = sorted(scenes) if only is None else [catalog.style.scene(n).name for n in only]
    drawn: list[Sticker] = []
    for name in chosen:
        drawn.append(compose(avatar, catalog, name))
        progress(name)
    return Pack(avatar, compose(avatar, catalog), tuple(drawn))
