"""The ``stickers`` command: parse, call the library, show."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stickers import __version__
from stickers.errors import StickersError, UnknownValue

if TYPE_CHECKING:
    from stickers.records import Analysis

app = typer.Typer(
    name="stickers",
    help="A selfie goes in; an illustrated you comes out, as a pack of stickers.",
    epilog="Example: stickers make me.jpg -o out",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write into.", show_default=False)]
StyleName = Annotated[str, typer.Option("--style", help="A style's name or folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Who = Annotated[str, typer.Argument(metavar="AVATAR", help="An avatar.json or a share code.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="TRAIT=VALUE", help="Choose a trait or colour yourself."),
]


def main() -> None:
    """Run the command; errors of the library become one line and an exit code."""
    try:
        app()
    except StickersError as exc:
        print(f"error: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"stickers {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal; nothing elsewhere, where the last line tells it all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def done(name: str) -> None:
            bar.update(task, advance=1, description=f"{what} {name}")

        yield done


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not equals:
            raise UnknownValue(f"--set {item} is not TRAIT=VALUE", hint="e.g. --set nose=button")
        pairs[name.strip()] = value.strip()
    return pairs


def _names(given: str | None) -> list[str] | None:
    return None if given is None else [n.strip() for n in given.split(",") if n.strip()]


@app.command(epilog="Example: stickers make me.jpg -o out --set glasses=round")
def make(
    out_dir: Out,
    photo: Annotated[Path | None, typer.Argument(help="A photo with a face.")] = None,
    style: StyleName = "sly",
    set_: Changes = None,
    sample: Annotated[bool, typer.Option("--sample", help="Use a free photo instead.")] = False,
    as_json: Json = False,
) -> None:
    """Make a sticker pack from a photo."""
    from stickers import pipeline
    from stickers.catalog import load_catalog
    from stickers.pack import draw
    from stickers.sample import sample_photo

    if (photo is None) != sample:
        raise UnknownValue("one photo is needed", hint="give PHOTO, or --sample for a free one")
    catalog = load_catalog(style)
    changes = _pairs(set_)
    with _progress("looking at the photo", None):
        analysis = pipeline.analyze(photo or sample_photo())
        avatar = pipeline.avatar_of(analysis.attributes, catalog.style).changed(changes)
    with _progress("drawing", 2 * len(catalog.style.scenes)) as done:
        pack = draw(avatar, catalog, progress=done)
        files = pack.write(out_dir, progress=done)
    if as_json:
        print(
            json.dumps({"avatar": json.loads(avatar.to_json()), "files": [str(f) for f in files]})
        )
        return
    if out.is_terminal:
        _show(analysis)
    _say_written(len(pack.stickers), out_dir, avatar.code())


def _say_written(count: int, folder: Path, code: str) -> None:
    out.print(f"{count} stickers in {folder}, all on {folder / 'sheet.png'}")
    out.print(f"share code: {code}")


@app.command(epilog="Example: stickers analyze me.jpg friend.png --json")
def analyze(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photos with a face.")],
    as_json: Json = False,
) -> None:
    """Say what the model sees in photos."""
    from stickers import pipeline

    failed: list[StickersError] = []
    for photo in photos:
        try:
            analysis = pipeline.analyze(photo)
        except StickersError as exc:
            failed.append(exc)
            if as_json:
                error = {"code": exc.code, "message": str(exc)}
                print(json.dumps({"photo": str(photo), "error": error}, ensure_ascii=False))
            elif len(photos) > 1:
                print(f"error: {exc}", file=sys.stderr)
            continue
        if as_json:
            print(json.dumps(analysis.as_json(), ensure_ascii=False), flush=True)
        else:
            _show(analysis)
    if failed and len(photos) == 1 and not as_json:
        raise failed[0]
    if failed:
        raise typer.Exit(failed[0].exit_code if len(failed) == len(photos) else 1)


def _show(analysis: Analysis) -> None:
    faces = "1 face" if analysis.count == 1 else f"{analysis.count} faces, the largest is used"
    if not out.is_terminal:
        out.print(f"{analysis.photo}: {faces}")
        for name, guess in analysis.attributes.items():
            out.print(f"  {name}: {','.join(guess.values) or 'none'} ({guess.confidence:.2f})")
        return
    table = Table(title=f"{analysis.photo}: {faces}", title_justify="left")
    for column in ("trait", "seen as", "sure", "or"):
        table.add_column(column, justify="right" if column == "sure" else "left")
    for name, guess in analysis.attributes.items():
        others = [f"{v} {p:.0%}" for v, p in guess.probabilities[:3] if v not in guess.values]
        table.add_row(
            name,
            ", ".join(guess.values) or "none",
            f"{guess.confidence:.0%}",
            ", ".join(others[:2]),
        )
    out.print(table)


@app.command(epilog="Example: stickers render out/avatar.json -o again --only sure,nope")
def render(
    avatar: Who,
    out_dir: Out,
    only: Annotated[str | None, typer.Option(help="Stickers to draw, with commas.")] = None,
    formats: Annotated[str, typer.Option(help="Of svg, webp, png.")] = "svg,webp,png",
    size: Annotated[int, typer.Option(min=16, max=4096, help="Pixels of the rasters.")] = 512,
    style: Annotated[str | None, typer.Option(help="Draw in another style.")] = None,
    set_: Changes = None,
) -> None:
    """Draw the pack of an avatar.json or a share code."""
    from stickers.avatar import read_avatar
    from stickers.catalog import load_catalog

    who = read_avatar(avatar).changed(_pairs(set_))
    _draw_into(who, load_catalog(style or who.style), out_dir, _names(only), _names(formats), size)


@app.command(name="random", epilog="Example: stickers random --seed 7 -o someone")
def random_(
    out_dir: Out,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same avatar.")] = None,
    style: StyleName = "sly",
) -> None:
    """Make up an avatar and draw its pack."""
    from stickers.avatar import random_avatar
    from stickers.catalog import load_catalog

    catalog = load_catalog(style)
    _draw_into(random_avatar(seed, catalog.style), catalog, out_dir)


def _draw_into(
    avatar: Any,
    catalog: Any,
    folder: Path,
    only: list[str] | None = None,
    formats: list[str] | None = None,
    side: int = 512,
) -> None:
    from stickers.pack import FORMATS, draw

    count = len(catalog.style.scenes if only is None else only)
    with _progress("drawing", 2 * count) as done:
        pack = draw(avatar, catalog, only=only, progress=done)
        pack.write(folder, formats=formats or FORMATS, side=side, progress=done)
    _say_written(len(pack.stickers), folder, avatar.code())


@app.command(epilog="Example: stickers catalog --style sly --json")
def catalog(style: StyleName = "sly", as_json: Json = False) -> None:
    """Say what a style can draw, and check its files."""
    from stickers.catalog import load_catalog
    from stickers.check import problems
    from stickers.errors import BadStyle

    loaded = load_catalog(style)
    found = problems(loaded)
    summary = {} if found else loaded.summary()
    if as_json:
        print(json.dumps(summary | {"problems": [str(p) for p in found]}, ensure_ascii=False))
    elif not found:
        _show_catalog(summary)
    else:
        for problem in found:
            print(problem, file=sys.stderr)
    if found:
        raise BadStyle(f"{len(found)} things to mend", where=loaded.style.folder, hint="see above")


def _show_catalog(summary: dict[str, Any]) -> None:
    counts = " x ".join(
        f"{n} {name}" for name, n in (summary["parts"] | summary["colours"]).items()
    )
    out.print(f"{summary['style']}: {summary['combinations']:,} avatars that can be told apart")
    out.print(f"looks: {counts}")
    out.print(f"{len(summary['stickers'])} stickers: {', '.join(summary['stickers'])}")
    if summary["stand_ins"]:
        out.print(f"{len(summary['stand_ins'])} stand-ins:")
    for trait, value, drawn in summary["stand_ins"]:
        out.print(f"  {trait} {value} is drawn as {drawn}")


@app.command(epilog="Example: stickers export out/avatar.json --for whatsapp,telegram -o packs")
def export(
    avatar: Who,
    out_dir: Out,
    targets: Annotated[str, typer.Option("--for", help="Messengers, with commas.")],
    title: Annotated[str, typer.Option(help="The pack's name.")] = "My stickers",
    author: Annotated[str, typer.Option(help="Who publishes the pack.")] = "Me",
    style: Annotated[str | None, typer.Option(help="Draw in another style.")] = None,
) -> None:
    """Write a pack in messengers' own formats."""
    from stickers import pipeline
    from stickers.export import export as write

    pack = pipeline.render(avatar, style=style)
    files = write(pack, _names(targets) or [], out_dir, title=title, author=author)
    out.print(f"{len(files)} files in {out_dir}")
