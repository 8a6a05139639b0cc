"""Many photos: a plan of what there is to do, and a run that does it.

>>> plan = plan_batch(["photos"], "packs")                # doctest: +SKIP
>>> for result in run_batch(plan):                        # doctest: +SKIP
...     print(result.photo, result.folder or result.error)
>>> summarise(plan).made                                  # doctest: +SKIP

Every photo gets a folder of its own, and a line in the journal when it is done. Packs
appear whole or not at all and lines are appended, so that a run may be killed at any
moment: planned again with the same inputs, it goes on where it stood.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from stickers.avatar import DEFAULT_STYLE
from stickers.batch.inputs import find_photos, folder_names
from stickers.batch.job import UNFINISHED, Job, Work, make_pack
from stickers.batch.journal import JOURNAL, Journal, Result, read_journal
from stickers.batch.workers import start_engine
from stickers.errors import UnknownValue
from stickers.style import load_style, style_names


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch has to do, and what it finds done.

    Attributes:
        folder: where packs and journal go, absolute.
        photos: all photos, in the order of the inputs.
        jobs: what is to be done, in the same order.
        skipped: what an earlier run left, and is not done again: made or failed.
    """

    folder: Path
    photos: tuple[Path, ...]
    jobs: tuple[Job, ...]
    skipped: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch stands, all of its runs taken together.

    Attributes:
        folder: where the packs are.
        photos: how many there are.
        made: how many have a pack.
        failed: those that have none, in the order of the inputs.
        left: how many were not come to.
    """

    folder: Path
    photos: int
    made: int
    failed: tuple[Result, ...]
    left: int

    @property
    def reasons(self) -> Mapping[str, int]:
        """Error code -> how many photos failed with it, the commonest first."""
        return dict(Counter(r.error.code for r in self.failed if r.error).most_common())

    @property
    def exit_code(self) -> int:
        """0 when every photo is made, 3 when none is, 1 in between."""
        if self.made == self.photos:
            return 0
        return 1 if self.made else 3


def plan_batch(
    inputs: Iterable[str | Path],
    folder: str | Path,
    *,
    style: str | Path = DEFAULT_STYLE,
    resume: bool = True,
    retry_failed: bool = False,
) -> Plan:
    """Find the photos, name their folders, and see in the journal what is done.

    Args:
        inputs: photos, folders, patterns and list files; see `inputs.find_photos`.
        folder: gets a folder for each photo, named by its stem, and ``batch.jsonl``.
        style: to draw in.
        resume: skip photos whose pack in this style is there, and those that failed;
            otherwise all are done again, each in the folder it had.
        retry_failed: do those that failed again.

    Raises:
        UnknownValue: no inputs, or a style that does not exist.
        BadStyle: the style's description breaks the art contract.
        CannotWrite: there is a journal that may not be read.
    """
    root = Path(folder).resolve()
    photos = find_photos(inputs)
    if not photos:
        raise UnknownValue("no photos were given", hint="name photos, folders or list files")
    drawn_in = load_style(style)
    named = str(style) if str(style) in style_names() else str(drawn_in.folder)
    lines = read_journal(root)
    latest = {line.photo: line for line in lines}
    known = {line.photo: line.folder.name for line in lines if line.folder is not None}
    names = folder_names(photos, known, (JOURNAL, UNFINISHED))
    skipped = {
        photo: latest[photo]
        for photo in photos
        if resume and photo in latest and _stands(latest[photo], drawn_in.name, retry_failed)
    }
    jobs = tuple(Job(p, root / names[p], named) for p in photos if p not in skipped)
    return Plan(root, photos, jobs, tuple(skipped.values()))


def _stands(line: Result, style: str, retry_failed: bool) -> bool:
    """Whether what the journal says of a photo need not be done again."""
    if line.folder is None:
        return not retry_failed
    return line.style == style and (line.folder / "avatar.json").is_file()


def run_batch(
    plan: Plan,
    *,
    workers: int | None = None,
    engine: str = "local",
    work: Work = make_pack,
) -> Generator[Result, None, None]:
    """Do what ``plan`` says; gives each photo's result when it is done and in the journal.

    A photo that fails gives a failed result and stops nothing. At most one photo for
    each worker is in flight (two with Ray). An iterator that is closed or interrupted
    first finishes what is in flight; a second interrupt gives that up.

    Args:
        plan: from `plan_batch`, made after any earlier run has ended.
        workers: photos at a time; one per core (of the cluster) if not given.
        engine: ``local``, processes on this machine, or ``ray``.
        work: the importable function that makes one pack.

    Raises:
        CannotWrite: the folder refuses us, or another batch is at work in it.
        MissingExtra, UnknownValue: see `workers.start_engine`.
        BadModel, BadStyle: nothing can be made.
    """
    if not plan.jobs:
        return
    waiting = iter(plan.jobs)
    with closing(start_engine(engine, work, workers)) as crew, Journal(plan.folder) as journal:
        shutil.rmtree(plan.folder / UNFINISHED, ignore_errors=True)
        result: Result | None = None
        try:
            while True:
                for job in islice(waiting, crew.slots - crew.busy):
                    crew.submit(job)
                if result is not None:
                    yield result
                if not crew.busy:
                    break
                result = crew.collect()
                journal.add(result)
        finally:
            while crew.busy:
                journal.add(crew.collect())
            shutil.rmtree(plan.folder / UNFINISHED, ignore_errors=True)


def summarise(plan: Plan) -> Summary:
    """How the batch stands by its journal, earlier runs included.

    Raises:
        CannotWrite: the journal may not be read.
    """
    latest = {line.photo: line for line in read_journal(plan.folder)}
    known = [latest[photo] for photo in plan.photos if photo in latest]
    failed = tuple(line for line in known if line.error is not None)
    left = len(plan.photos) - len(known)
    return Summary(plan.folder, len(plan.photos), len(known) - len(failed), failed, left)
