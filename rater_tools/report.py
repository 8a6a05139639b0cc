"""The page that raters' work ends in: agreement, likeness, what the artist should draw next.

One HTML file with the drawings in it. Photographs are only linked, so they are seen on
this computer and nowhere else.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader
from sqlalchemy import select

from rater_tools.agreement import Agreement, Figure, agreement
from rater_tools.answers import Answer, read_answers, values
from rater_tools.backlog import Backlog, backlog, value_of
from rater_tools.confusion import Pair, confusions
from rater_tools.consensus import dawid_skene, majority
from rater_tools.judge import Judged, judged
from rater_tools.plan import photo_of
from rater_tools.questions import ASKED
from rater_tools.store import Item, Store
from rater_tools.tiles import catalog, tile
from stickers.output import whole
from stickers.training.ratings import NOT_OF_A_PERSON, SECOND_CHOICE
from stickers.web.studio import title, words

TILE = 112
_PAIRS = 4


@dataclass(frozen=True, slots=True)
class Settled:
    """How the answers of one attribute come together.

    Attributes:
        people: how many have two answers or more.
        tied: of how many the majority is a tie.
        differs: for how many Dawid and Skene say otherwise than the majority.
        certainty: mean probability of their verdicts, 0..1.
    """

    attribute: str
    people: int
    tied: int
    differs: int
    certainty: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page."""

    people: int
    raters: int
    answers: int
    agreements: tuple[Agreement, ...]
    settled: tuple[Settled, ...]
    confused: tuple[tuple[str, tuple[Pair, ...]], ...]
    judged: Judged
    backlog: Backlog


def agreements(answers: Iterable[Answer]) -> tuple[Agreement, ...]:
    """Agreement on every attribute that two raters judged of the same photo."""
    answers = tuple(answers)
    names = (*ASKED, SECOND_CHOICE, *sorted(NOT_OF_A_PERSON))
    found = (agreement(name, values(answers, name)) for name in names)
    return tuple(a for a in found if a is not None)


def settle(attribute: str, answers: Iterable[Answer]) -> Settled | None:
    """Majority and Dawid-Skene beside each other; None where nobody was rated twice."""
    votes = {i: said for i, said in values(answers, attribute).items() if len(said) > 1}
    if not votes:
        return None
    most = majority(votes)
    likely = dawid_skene(votes).verdicts(votes)
    return Settled(
        attribute=attribute,
        people=len(votes),
        tied=sum(bool(v.tied) for v in most.values()),
        differs=sum(likely[i].value not in (v.value, *v.tied) for i, v in most.items()),
        certainty=sum(v.certainty for v in likely.values()) / len(likely),
    )


def make_report(store: Store, progress: Callable[[int, int], None] | None = None) -> Report:
    """Read and reckon everything; ``progress`` is told of photos that are looked at."""
    with store.read() as session:
        answers = read_answers(session)
        photos = {i.name: p for i in session.scalars(select(Item)) if (p := photo_of(i))}
    stickers = judged(answers)
    by_attribute = {name: values(answers, name) for name in ASKED}
    return Report(
        people=len({a.item for a in answers}),
        raters=len({a.rater for a in answers}),
        answers=len(answers),
        agreements=agreements(answers),
        settled=tuple(s for name in ASKED if (s := settle(name, answers)) is not None),
        confused=tuple(
            (name, found)
            for name in ASKED
            if (found := tuple(p for p in confusions(by_attribute[name]) if p.people > 1)[:_PAIRS])
        ),
        judged=stickers,
        backlog=backlog(answers, stickers, photos, catalog(), progress),
    )


def write_report(
    store: Store, path: Path, progress: Callable[[int, int], None] | None = None
) -> int:
    """Write the page to ``path``; returns how many things there are to draw next."""
    report = make_report(store, progress)
    pages = Environment(loader=PackageLoader("rater_tools"), autoescape=True, trim_blocks=True)
    pages.filters |= {"figure": _figure, "percent": _percent, "title": _title, "words": _words}
    pages.globals |= {"tile": _tile, "uri": lambda p: Path(p).absolute().as_uri()}
    html = pages.get_template("report.html").render(
        r=report, style=catalog().style.title, day=datetime.now(UTC).date().isoformat()
    )
    with whole(path) as part:
        part.write_text(html, encoding="utf-8", errors="replace")
    return len(report.backlog.needs)


def _figure(f: Figure, digits: int = 2) -> str:
    if f.value != f.value:
        return "–"
    interval = "" if f.low != f.low else f" ({f.low:.{digits}f} to {f.high:.{digits}f})"
    return f"{f.value:.{digits}f}{interval}"


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def _title(attribute: str) -> str:
    return "Hair style, second choice" if attribute == SECOND_CHOICE else title(attribute)


def _words(code: str, attribute: str) -> str:
    return words(value_of(attribute, code)).capitalize()


def _tile(attribute: str, code: str) -> str:
    data = base64.b64encode(tile(attribute, value_of(attribute, code), TILE)).decode()
    return f"data:image/webp;base64,{data}"
