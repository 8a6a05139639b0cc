"""What the command prints: tables and bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import Progress

    from stickers.batch.run import Summary
    from stickers.records import Analysis
    from stickers.training.agreement import Share
    from stickers.training.celeba_score import AttributesReport
    from stickers.training.evaluate import Report
    from stickers.training.probe import Probe

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

LISTED = 100
"""Failed photos that are named at the end of a batch."""


@contextmanager
def count(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, to be told (done, total); nothing elsewhere."""
    with _bar() as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, to be told the name of each thing done; nothing elsewhere."""
    with _bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{what} {name}")


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def one_line(text: str) -> str:
    """``text`` that prints on any terminal, whatever a file is called."""
    return " ".join(text.encode(errors="replace").decode().splitlines())


def written(count: int, folder: Path, code: str) -> None:
    """Where a pack lies, and the code that stands for its avatar."""
    out.print(f"{count} stickers in {folder}, all on {folder / 'sheet.png'}", markup=False)
    out.print(f"share code: {code}")


def analysis(seen: Analysis) -> None:
    """What the model sees in a photo."""
    faces = "1 face" if seen.count == 1 else f"{seen.count} faces, the largest is used"
    title = one_line(f"{seen.photo}: {faces}")
    if not out.is_terminal:
        print(title)
        for name, guess in seen.attributes.items():
            print(f"  {name}: {','.join(guess.values) or 'none'} ({guess.confidence:.2f})")
        return
    table = Table(title=title, title_justify="left")
    for column in ("trait", "seen as", "sure", "or"):
        table.add_column(column, justify="right" if column == "sure" else "left")
    for name, guess in seen.attributes.items():
        others = [f"{v} {p:.0%}" for v, p in guess.probabilities[:3] if v not in guess.values]
        values = ", ".join(guess.values) or "none"
        table.add_row(name, values, f"{guess.confidence:.0%}", ", ".join(others[:2]))
    out.print(table)


def catalog(summary: dict[str, Any]) -> None:
    """What a style can draw."""
    looks = summary["parts"] | summary["colours"]
    print(f"{summary['style']}: {summary['combinations']:,} avatars that can be told apart")
    print(f"looks: {' x '.join(f'{n} {name}' for name, n in looks.items())}")
    print(f"{len(summary['stickers'])} stickers: {', '.join(summary['stickers'])}")
    print(f"{len(summary['stand_ins'])} stand-ins")
    for trait, value, drawn in summary["stand_ins"]:
        print(f"  {trait} {value} is drawn as {drawn}")


def batch(summary: Summary, seconds: float) -> None:
    """How a batch stands: counts, reasons, and which photos failed."""
    table = Table("photos", "", title=one_line(f"Packs in {summary.place}"), title_justify="left")
    table.columns[1].justify = "right"
    made = len(summary.packs) - summary.linked
    for what, count in (
        ("made", made),
        ("linked, same photo", summary.linked),
        *((f"failed: {code}", count) for code, count in summary.reasons.items()),
        ("no pictures, skipped", len(summary.skipped)),
        ("left to do", summary.left),
    ):
        if count or what == "made":
            table.add_row(what, f"{count:,}")
    table.add_section()
    table.add_row("this run took", f"{seconds:.1f} s")
    out.print(table)
    for result in summary.failed[:LISTED]:
        if result.error:
            err.print(one_line(f"error: {result.error.message}"), markup=False)
    if len(summary.failed) > LISTED:
        err.print(f"... and {len(summary.failed) - LISTED:,} more, all in the manifest")


def report(found: Report) -> None:
    """A model's agreement with raters beside the raters' own, trait by trait."""
    from stickers.training.groups import ENOUGH

    columns = ("trait", "model and rater", "n", "rater and rater", "n", "ratio", "off by")
    table = Table(*columns)
    rows = [(name, r) for name, r in found.traits.items()]
    rows += [(f"{name}, milder", r) for name, r in found.milder.items()]
    for name, r in sorted(rows):
        ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
        off = f"{r.calibration:.2f}" if r.model.n else ""
        table.add_row(
            name, _share(r.model), str(r.model.n), _share(r.raters), str(r.raters.n), ratio, off
        )
    _wide(table)
    print(f"{found.faces} faces, seen by {found.model}; intervals are 95%, by resampling faces")
    print("ratio: on the faces that several raters judged; milder: see `stickers evaluate --help`")
    print("off by: expected calibration error, how far confidence and agreement are apart")
    _wide(_groups(found))
    print(f"worst: of the groups with {ENOUGH} faces or more; gap: points below the mean")
    for what, items in (("no usable face", found.no_face), ("photo not found", found.no_photo)):
        if items:
            print(
                f"{len(items)} left out, {what}: {', '.join(items[:8])}{' ...' * (len(items) > 8)}"
            )
    if found.trained:
        print(f"{found.trained} left out, because the model learnt from them")


def _groups(found: Report) -> Table:
    """Each trait in each group of people, and where it is worst."""
    table = Table("trait", *(f"{g.name}\n{g.n}" for g in found.groups), "worst", "gap")
    for trait in found.traits:
        cells = [f"{g.traits[trait].mean:.2f}" if trait in g.traits else "" for g in found.groups]
        least = found.worst(trait)
        end = ("", "") if least is None else (least[0].name, f"{least[1]:.1f}")
        table.add_row(f"{trait}, milder" if trait in found.milder else trait, *cells, *end)
    return table


def attributes_report(found: AttributesReport) -> None:
    """How well a model knows CelebA's attributes."""
    table = Table("attribute", "accuracy", "balanced")
    for name, (accuracy, balanced) in found.each.items():
        table.add_row(name, f"{accuracy:.3f}", f"{balanced:.3f}")
    table.add_section()
    table.add_row("mean", f"{found.accuracy:.4f}", f"{found.balanced:.4f}")
    _wide(table)
    print(f"{found.pictures} pictures")
    if found.trained:
        print(f"{found.trained} left out, because the model learnt from them")


def probe(found: Probe) -> None:
    """Which channels know a trait."""
    table = Table("channel", "best at", "AUC")
    for channel in found.top:
        table.add_row(str(channel.number), channel.best, f"{channel.auc[channel.best]:.3f}")
    _wide(table)
    print(
        f"{found.needed} of {found.channels} channels come within 2% of what all know of "
        f"{found.trait}: balanced accuracy {found.whole:.3f} on {found.faces} faces"
    )


def _wide(table: Table) -> None:
    """Print a table: as wide as the terminal, or wide enough for a file."""
    Console(width=None if out.is_terminal else 140, highlight=False).print(table)


def _share(share: Share) -> str:
    return f"{share.mean:.3f} ({share.low:.3f}..{share.high:.3f})" if share.n else "-"
