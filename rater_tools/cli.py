"""The ``raters`` command: parse, call the library, show."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stickers import show
from stickers.errors import MissingExtra, StickersError, UnknownValue

if TYPE_CHECKING:
    from rater_tools.imports import Imported
    from rater_tools.store import Store

app = typer.Typer(
    name="raters",
    help="From photographs to labels to better art.",
    epilog="Example: raters demo && raters serve",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Db = Annotated[
    str,
    typer.Option(
        "--db", envvar="RATERS_DB", help="A file (SQLite), or postgresql://user@host/name."
    ),
]
Attributes = Annotated[
    str | None,
    typer.Option(help="Traits to rate, with commas.", show_default="all that have a head"),
]
Overlap = Annotated[int, typer.Option(min=1, help="Raters for each photo and trait.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
DB = "ratings.db"
SHARED = Path("../shared/ratings")


def main() -> None:
    """Run the command; errors of the library become one line and an exit code."""
    try:
        app()
    except StickersError as exc:
        print(show.one_line(f"error: {exc}"), file=sys.stderr)
        sys.exit(exc.exit_code)


def _open(db: str) -> Store:
    try:
        from rater_tools.store import open_store
    except ModuleNotFoundError as exc:
        raise MissingExtra(
            f"the rating tool needs the package {exc.name}", hint="pip install 'stickers[raters]'"
        ) from None
    return open_store(db)


def _names(given: str | None) -> tuple[str, ...]:
    from rater_tools.questions import ASKED

    return ASKED if given is None else tuple(n.strip() for n in given.split(",") if n.strip())


@app.command(epilog="Example: raters demo && raters serve")
def demo(
    db: Db = DB,
    ratings: Annotated[Path, typer.Option(help="A folder of rated photographs.")] = SHARED,
) -> None:
    """Fill a database to look at: rated photographs, or drawn people where there are none."""
    store = _open(db)
    from rater_tools.demo import demo as fill

    photos = Path("raters-demo" if "://" in db else f"{db}.photos")
    _imported(fill(store, ratings, photos), ratings if ratings.is_dir() else photos)
    print("now run `raters serve`")


@app.command(name="import", epilog="Example: raters import photos --overlap 2")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="A folder of photos, or ratings as .csv, .jsonl, Label Studio's .json."
        ),
    ],
    db: Db = DB,
    photos: Annotated[
        Path | None, typer.Option(help="The folder of the photos, if not beside PATH.")
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(min=1, help="Also plan that each photo gets so many raters."),
    ] = None,
    attributes: Attributes = None,
) -> None:
    """Import photographs or ratings; what is there already is not imported twice."""
    store = _open(db)
    from rater_tools.imports import import_path
    from rater_tools.plan import plan as make

    _imported(import_path(store, path, photos), path)
    if overlap is not None:
        print(f"{make(store, _names(attributes), overlap):,} tasks for {overlap} raters each")


def _imported(done: Imported, path: Path) -> None:
    print(show.one_line(f"{done.items:,} new items, {done.ratings:,} new answers from {path}"))
    if done.no_photo:
        shown = ", ".join(done.no_photo[:5]) + " ..." * (len(done.no_photo) > 5)
        print(
            show.one_line(f"{len(done.no_photo)} without a photo in that folder: {shown}"),
            file=sys.stderr,
        )


@app.command(epilog="Example: raters plan --attributes hair_style,glasses --overlap 3")
def plan(overlap: Overlap = 2, attributes: Attributes = None, db: Db = DB) -> None:
    """Have every photo rated; answers that are there already count."""
    store = _open(db)
    from rater_tools.plan import plan as make

    print(f"{make(store, _names(attributes), overlap):,} tasks for {overlap} raters each")


@app.command(epilog="Example: raters gold known.csv")
def gold(
    answers: Annotated[Path, typer.Argument(help="A CSV file: item, attribute, value.")],
    db: Db = DB,
) -> None:
    """Mix in photos with known answers, to see how well raters rate."""
    store = _open(db)
    from rater_tools.plan import set_gold
    from rater_tools.rows import read_gold

    print(f"{set_gold(store, read_gold(answers)):,} known answers are mixed in")


@app.command(epilog="Example: raters judge --count 100 --round 'new hair'")
def judge(
    count: Annotated[int, typer.Option(min=1, help="Stickers to judge.")] = 100,
    overlap: Overlap = 2,
    turn: Annotated[str, typer.Option("--round", help="A new name judges new art anew.")] = "1",
    model: Annotated[
        bool, typer.Option("--model", help="Draw what the model sees, not what raters said.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the lot.")] = 0,
    db: Db = DB,
) -> None:
    """Have stickers judged: how like the person they are, and who it is."""
    store = _open(db)
    from rater_tools.judge import plan_judging

    made = plan_judging(store, count, overlap=overlap, turn=turn, by_model=model, seed=seed)
    print(f"{made} stickers to judge, by {overlap} raters for either question")


@app.command(epilog="Example: raters order")
def order(
    model: Annotated[Path | None, typer.Option(help="A model's folder, not the shipped.")] = None,
    db: Db = DB,
) -> None:
    """Put first what the model is unsure of and raters disagree on."""
    store = _open(db)
    from rater_tools.active import order as sort
    from stickers.embed import load_model

    with show.count("looking at") as seen:
        tasks = sort(store, None if model is None else load_model(model), seen)
    print(f"{tasks:,} open tasks are in order")


@app.command(epilog="Example: raters add 'Ada Lovelace'")
def add(name: Annotated[str, typer.Argument(help="The rater's name.")], db: Db = DB) -> None:
    """Add a rater."""
    store = _open(db)
    from rater_tools.plan import rater_called

    with store.write() as session:
        rater_called(session, name, add=True)


@app.command(epilog="Example: raters pause 'Ada Lovelace'")
def pause(name: Annotated[str, typer.Argument(help="The rater's name.")], db: Db = DB) -> None:
    """Give a rater no more tasks; what they said stays."""
    store = _open(db)
    from rater_tools.plan import pause as stop

    stop(store, name)


@app.command(epilog="Example: raters resume 'Ada Lovelace'")
def resume(name: Annotated[str, typer.Argument(help="The rater's name.")], db: Db = DB) -> None:
    """Give a rater tasks again."""
    store = _open(db)
    from rater_tools.plan import pause as stop

    stop(store, name, paused=False)


@app.command(epilog="Example: raters progress")
def progress(db: Db = DB, as_json: Json = False) -> None:
    """Show how far the work is, and how fast and how well each rater rates."""
    store = _open(db)
    from rater_tools.progress import progress as look

    with store.read() as session:
        overview = look(session)
    if as_json:
        print(json.dumps(asdict(overview), ensure_ascii=False))
        return
    for a in overview.attributes:
        print(f"{a.attribute}: {a.closed:,} of {a.tasks:,} done")
    for r in overview.raters:
        pace = f", {r.per_minute:.0f} a minute" if r.per_minute else ""
        right = f", gold {r.gold[0]:.0%} of {r.gold[1]}" if r.gold else ""
        same = f", as others {r.others[0]:.0%} of {r.others[1]:,}" if r.others else ""
        paused = " (paused)" if r.paused else ""
        print(show.one_line(f"{r.name}{paused}: {r.answers:,} answers{pace}{right}{same}"))


@app.command(epilog="Example: raters export rated && stickers train --ratings rated -o model")
def export(
    out: Annotated[Path, typer.Argument(help="A folder, or a .jsonl or .json file.")],
    db: Db = DB,
) -> None:
    """Write ratings.csv and items.csv into a folder, the log as .jsonl, or Label Studio's .json."""
    store = _open(db)
    from rater_tools.exports import write_csv, write_jsonl
    from rater_tools.label_studio import write_label_studio

    if out.suffix == ".jsonl":
        print(show.one_line(f"{write_jsonl(store, out):,} lines in {out}"))
    elif out.suffix == ".json":
        print(show.one_line(f"{write_label_studio(store, out):,} tasks in {out}"))
    elif out.suffix:
        raise UnknownValue(f"cannot export as {out.suffix}", hint="give a folder, .jsonl or .json")
    else:
        print(show.one_line(f"{write_csv(store, out):,} ratings in {out / 'ratings.csv'}"))


@app.command(epilog="Example: raters report -o report.html")
def report(
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path(
        "report.html"
    ),
    db: Db = DB,
) -> None:
    """Write one page: agreement, likeness, and what the artist should draw next."""
    store = _open(db)
    from rater_tools.report import write_report

    with show.count("looking at") as seen:
        needs = write_report(store, out, seen)
    print(show.one_line(f"{needs} things to draw next in {out}"))


@app.command(epilog="Example: raters serve --code 'sesame seed'")
def serve(
    db: Db = DB,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this computer need --code.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 7870,
    code: Annotated[str, typer.Option(envvar="RATERS_CODE", help="Asked of every rater.")] = "",
    manager_code: Annotated[
        str, typer.Option(envvar="RATERS_MANAGER_CODE", help="Opens the manager's screen.")
    ] = "",
    lease: Annotated[
        float, typer.Option(min=1, help="Seconds until a photo goes to somebody else.")
    ] = 600,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Show the page in a browser.")
    ] = False,
) -> None:
    """Open the raters' screens."""
    store = _open(db)
    from rater_tools.web.server import serve as run

    run(
        store,
        host,
        port,
        code=code,
        manager_code=manager_code,
        lease=lease,
        open_browser=open_browser,
    )
