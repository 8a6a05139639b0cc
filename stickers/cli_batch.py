"""The command that does many photos; `stickers.cli` adds it to the others."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer

from stickers import show
from stickers.errors import UnknownValue
from stickers.options import Changes, Json, ModelFolder, StyleName, names


def batch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Photos, folders, patterns ('in/*.jpg'), lists (.txt, or - for standard input), "
            "tables (.csv with the columns photo, name, set).",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("-o", "--out", help="Folder, or URL, to write into.", show_default=False),
    ],
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Photos at a time.", show_default="one per core"),
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster: auto, or ray://host:10001.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on where an earlier run stopped.")
    ] = True,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try photos again that failed before.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first failure.")] = False,
    style: StyleName = "sly",
    set_: Changes = None,
    only: Annotated[str | None, typer.Option(help="Stickers to draw, with commas.")] = None,
    formats: Annotated[str, typer.Option(help="Of svg, webp, png.")] = "svg,webp,png",
    flat: Annotated[bool, typer.Option("--flat", help="All files in one folder.")] = False,
    as_zip: Annotated[bool, typer.Option("--zip", help="One zip per photo.")] = False,
    with_photos: Annotated[
        bool, typer.Option("--with-photos", help="Show photos too in summary.html.")
    ] = False,
    model: ModelFolder = None,
    as_json: Json = False,
) -> None:
    """Make the packs of many photos; a run that was stopped goes on where it stood."""
    from stickers.avatar import read_changes
    from stickers.batch import Layout, plan_batch, recipe_of, run_batch, summarise, write_page
    from stickers.batch.page import PAGE
    from stickers.batch.watch import event, watching

    if flat and as_zip:
        raise UnknownValue("--flat and --zip exclude each other", hint="choose one")
    start = time.monotonic()
    recipe = recipe_of(
        style=style,
        model=model,
        formats=names(formats) or (),
        only=names(only),
        layout=Layout.FLAT if flat else Layout.ZIP if as_zip else Layout.FOLDER,
    )
    plan = plan_batch(
        inputs,
        out,
        recipe,
        changes=read_changes(set_ or ()),
        resume=resume,
        retry_failed=retry_failed,
    )
    if as_json:
        event({"event": "start", "photos": len(plan.names), "todo": plan.todo, "out": out})
    elif plan.done:
        nothing = "" if plan.todo else ": nothing to do"
        print(f"{len(plan.done)} of {len(plan.names)} photos were done before{nothing}", flush=True)
    with interruptible() as stopped, watching(plan.todo, as_json=as_json) as watch:
        run = run_batch(plan, workers=workers, engine=engine, address=address, stop=stopped)
        with closing(run) as results:
            for result in results:
                watch(result)
                if strict and not result.is_pack:
                    break
    summary = summarise(plan)
    if plan.todo or with_photos or plan.place.sizes()(PAGE) is None:
        with show.progress("drawing the summary", len(summary.packs)) as done:
            write_page(summary, recipe, with_photos=with_photos, progress=done)
    code = 130 if stopped() else summary.exit_code
    if as_json:
        event({"event": "end"} | summary.as_json() | {"page": PAGE, "exit_code": code})
    else:
        show.batch(summary, time.monotonic() - start)
    if summary.left:
        print(f"stopped; to go on: {_again()}", file=sys.stderr)
    elif summary.failed and not as_json:
        print("--retry-failed tries these again", file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C within is noted, and finishes what is in flight; a second one ends at once."""
    asked = False

    def note(number: int, _: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print("finishing what is in flight; once more ends at once", file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _again() -> str:
    """The command that goes on with this run."""
    given = [arg for arg in sys.argv[1:] if arg not in ("--no-resume", "--resume")]
    return show.one_line(shlex.join(["stickers", *given, "--resume"]))


COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (
        batch,
        "Examples:\n\n"
        "stickers batch photos -o packs\n\n"
        "stickers batch 'photos/*.jpg' -o flat --flat --formats png --only sure,lol\n\n"
        "stickers batch class.csv -o zips --zip --workers 2 --set outfit=hoodie",
    ),
)
"""The command, and the examples that its help ends with."""
