"""How far a batch is, told while it runs: a bar, a line every ten seconds, or events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stickers import show
from stickers.batch.manifest import Result

if TYPE_CHECKING:
    from rich.progress import Progress

EVERY = 10.0
"""Seconds between two lines."""

Watch = Callable[[Result], None]
"""Told each result."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run is.

    Attributes:
        total: photos to do in this run.
        done: of these, ended well or not.
        failed: of these, failed.
        seconds: since the run began.
    """

    total: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Photos per second so far; 0 before the first."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None before the first photo."""
        return (self.total - self.done) / self.rate if self.rate else None

    def __str__(self) -> str:
        left = "" if self.left is None else f", {_clock(self.left)} left"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done} of {self.total} done{failed}, {self.rate:.1f} a second{left}"

    def as_json(self) -> dict[str, object]:
        """The event ``progress``."""
        left = None if self.left is None else round(self.left, 1)
        return {
            "event": "progress",
            "done": self.done,
            "failed": self.failed,
            "total": self.total,
            "rate": round(self.rate, 3),
            "left_s": left,
        }


@contextmanager
def watching(total: int, *, as_json: bool, every: float = EVERY) -> Iterator[Watch]:
    """Show how far a run of ``total`` photos is, as suits whoever reads it.

    Events go to standard output, a line each: ``photo`` with a manifest's line for every
    photo, and ``progress`` every ``every`` seconds. So does the plain line; a bar goes to
    the terminal.
    """
    if as_json:
        with _ticking(total, every, lambda tally: event(tally.as_json())) as count:

            def photo(result: Result) -> None:
                event({"event": "photo"} | result.as_json())
                count(result)

            yield photo
    elif show.err.is_terminal:
        with _bar(total) as watch:
            yield watch
    else:
        with _ticking(total, every, lambda tally: print(tally, flush=True)) as count:
            yield count


def event(said: dict[str, object]) -> None:
    """One event for a program."""
    print(json.dumps(said), flush=True)


class _Counter:
    """Counts results, and tells the tally at any time."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._failed = total, 0, 0
        self._start = time.monotonic()

    def add(self, result: Result) -> None:
        self._done += 1
        self._failed += not result.is_pack

    def tally(self) -> Tally:
        seconds = time.monotonic() - self._start
        return Tally(self._total, self._done, self._failed, seconds)


@contextmanager
def _ticking(total: int, every: float, say: Callable[[Tally], None]) -> Iterator[Watch]:
    """Counts results, and says the tally at intervals, whether or not results come."""
    counter, ended = _Counter(total), threading.Event()

    def tick() -> None:
        while not ended.wait(every):
            say(counter.tally())

    clock = threading.Thread(target=tick, daemon=True)
    clock.start()
    try:
        yield counter.add
    finally:
        ended.set()
        clock.join()


@contextmanager
def _bar(total: int) -> Iterator[Watch]:
    counter = _Counter(total)
    with _progress() as bar:
        task = bar.add_task("", total=total)

        def watch(result: Result) -> None:
            counter.add(result)
            tally = counter.tally()
            failed = f"[red]{tally.failed} failed[/], " if tally.failed else ""
            note = f"{failed}{tally.rate:.1f} a second"
            bar.update(task, completed=tally.done, description=note)

        yield watch


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeLeft())
    return Progress(*columns, console=show.err, transient=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
