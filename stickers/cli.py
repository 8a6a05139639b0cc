"""The ``stickers`` command: parse, call the library, show."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stickers import __version__, cli_batch, cli_models, show
from stickers.errors import StickersError, UnknownValue
from stickers.options import Changes, Json, ModelFolder, Out, StyleName, Who, extra, names

app = typer.Typer(
    name="stickers",
    help="A selfie goes in; an illustrated you comes out, as a pack of stickers.",
    epilog="Example: stickers make me.jpg -o out",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command(epilog="Example: stickers make me.jpg -o out --set glasses=round")
def make(
    out_dir: Out,
    photo: Annotated[Path | None, typer.Argument(help="A photo with a face.")] = None,
    style: StyleName = "sly",
    set_: Changes = None,
    sample: Annotated[bool, typer.Option("--sample", help="Use a free photo instead.")] = False,
    model: ModelFolder = None,
    as_json: Json = False,
) -> None:
    """Make a sticker pack from a photo."""
    from stickers.avatar import avatar_of, read_changes
    from stickers.catalog import load_catalog
    from stickers.pack import draw
    from stickers.pipeline import analyze as look
    from stickers.sample import sample_photo

    if (photo is None) != sample:
        raise UnknownValue("one photo is needed", hint="give PHOTO, or --sample for a free one")
    catalog = load_catalog(style)
    changes = read_changes(set_ or ())
    with show.progress("looking at the photo", None):
        analysis = look(photo or sample_photo(), model=model)
        avatar = avatar_of(analysis.attributes, catalog.style).changed(changes)
    with show.progress("drawing", 2 * len(catalog.style.scenes)) as done:
        pack = draw(avatar, catalog, progress=done)
        files = pack.write(out_dir, progress=done)
    if as_json:
        print(
            json.dumps({"avatar": json.loads(avatar.to_json()), "files": [str(f) for f in files]})
        )
        return
    if show.out.is_terminal:
        show.analysis(analysis)
    show.written(len(pack.stickers), out_dir, avatar.code())


@app.command(epilog="Example: stickers analyze me.jpg friend.png --json")
def analyze(
    photos: Annotated[list[Path], typer.Argument(metavar="PHOTO...", help="Photos with a face.")],
    model: ModelFolder = None,
    as_json: Json = False,
) -> None:
    """Say what the model sees in photos."""
    from stickers import pipeline

    failed: list[StickersError] = []
    for photo in photos:
        try:
            analysis = pipeline.analyze(photo, model=model)
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
            show.analysis(analysis)
    if failed and len(photos) == 1 and not as_json:
        raise failed[0]
    if failed:
        raise typer.Exit(failed[0].exit_code if len(failed) == len(photos) else 1)


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
    from stickers.avatar import read_avatar, read_changes
    from stickers.catalog import load_catalog

    who = read_avatar(avatar).changed(read_changes(set_ or ()))
    _draw_into(who, load_catalog(style or who.style), out_dir, names(only), names(formats), size)


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
    with show.progress("drawing", 2 * count) as done:
        pack = draw(avatar, catalog, only=only, progress=done)
        pack.write(folder, formats=formats or FORMATS, side=side, progress=done)
    show.written(len(pack.stickers), folder, avatar.code())


@app.command(epilog="Example: stickers catalog --style sly --sheet pages")
def catalog(
    style: StyleName = "sly",
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw everything, a page per trait.", show_default=False),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Also look at every part with all that it touches.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a style can draw, and check its files."""
    from stickers.catalog import load_catalog
    from stickers.check import problems
    from stickers.errors import BadStyle

    loaded = load_catalog(style)
    found = problems(loaded)
    if sweep and not found:
        from stickers.sweep import apart, meet, shown

        with show.count("looking at") as seen:
            found = (*apart(loaded), *shown(loaded), *meet(loaded, progress=seen))
    if sheet and not found:
        from stickers.contact import write_pages

        with show.progress("drawing", None) as done:
            write_pages(loaded, sheet, progress=done)
    summary = {} if found else loaded.summary()
    if as_json:
        print(json.dumps(summary | {"problems": [str(p) for p in found]}, ensure_ascii=False))
    elif not found:
        show.catalog(summary)
    else:
        for problem in found:
            print(problem, file=sys.stderr)
    if found:
        raise BadStyle(f"{len(found)} things to mend", where=loaded.style.folder, hint="see above")


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

    wanted = names(targets) or []
    pack = pipeline.render(avatar, style=style)
    with show.progress("writing", len(wanted) * len(pack.stickers)) as done:
        files = write(pack, wanted, out_dir, title=title, author=author, progress=done)
    print(f"{len(files)} files in {out_dir}")


@app.command(name="app", epilog="Example: stickers app --port 7861 --open")
def app_(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; 0.0.0.0 lets others in.",
            show_default="this computer only",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port.", show_default="the first free from 7860"),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the page in a browser.")
    ] = False,
) -> None:
    """Make stickers in a browser."""
    with extra("the web app", "app"):
        from stickers.web.app import serve
    serve(host, port, open_browser=open_browser)


for _command, _example in (*cli_batch.COMMANDS, *cli_models.COMMANDS):
    app.command(epilog=_example)(_command)
