"""Doing what a plan says, and how the batch stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from stickers.batch.engines import start_engine
from stickers.batch.job import Job, Work, make_pack
from stickers.batch.manifest import Manifest, Result, Status, read_manifest
from stickers.batch.places import Place
from stickers.batch.plan import Plan
from stickers.batch.workers import PATIENCE


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch stands, all of its runs taken together.

    Attributes:
        place: where the packs are.
        photos: how many there are.
        packs: those that have one, in the order of the inputs.
        failed: those that have none, in the same order.
        skipped: files of folders that are no pictures.
        left: how many were not come to.
    """

    place: Place
    photos: int
    packs: tuple[Result, ...]
    failed: tuple[Result, ...]
    skipped: tuple[Result, ...]
    left: int

    @property
    def linked(self) -> int:
        """How many of the packs are another photo's with the same content."""
        return sum(r.status is Status.LINKED for r in self.packs)

    @property
    def reasons(self) -> Mapping[str, int]:
        """Error code -> how many photos failed with it, the commonest first."""
        return dict(Counter(r.error.code for r in self.failed if r.error).most_common())

    def as_json(self) -> dict[str, object]:
        """Counts, and why photos failed."""
        return {
            "photos": self.photos,
            "made": len(self.packs) - self.linked,
            "linked": self.linked,
            "failed": len(self.failed),
            "skipped": len(self.skipped),
            "left": self.left,
            "reasons": dict(self.reasons),
        }

    @property
    def exit_code(self) -> int:
        """0 when every photo has a pack, 1 otherwise."""
        return 0 if len(self.packs) == self.photos else 1


def run_batch(
    plan: Plan,
    *,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    work: Work = make_pack,
    patience: float = PATIENCE,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[Result, None, None]:
    """Do what ``plan`` says; gives each photo's result when it is done and in the manifest.

    A photo that fails gives a failed result and stops nothing. At most one photo for
    each worker is in flight (two with Ray). When ``stop`` says so, or the iterator is
    closed or interrupted, what is in flight is finished and nothing more is begun; a
    second interrupt gives that up.

    Args:
        plan: from `plan_batch`, made after any earlier run has ended.
        workers: photos at a time; one per core (of the cluster) if not given.
        engine: ``local``, processes on this machine, or ``ray``.
        address: of a Ray cluster; see `ray_engine.Ray`.
        work: the importable function that makes one pack.
        patience: seconds after which a photo is given up and its worker replaced.
        stop: asked before each photo.

    Raises:
        CannotWrite: the place refuses us, or another batch is at work in it.
        MissingExtra, UnknownValue: see `engines.start_engine`.
        BadModel, BadStyle: nothing can be made.
    """
    others = [other for other in plan.others if other.photo not in plan.noted]
    if not plan.todo and not others:
        return
    with (
        closing(start_engine(engine, work, workers, address, patience)) as crew,
        Manifest(plan.place) as manifest,
    ):
        plan.place.clean()
        for other in others:
            manifest.add(other)
        waiting = iter(plan.jobs)
        try:
            for name, twins in plan.twins.items():
                if name in plan.done:
                    yield from _linked(plan.done[name], twins, plan.place, manifest)
            while True:
                while crew.busy < crew.slots and not stop() and (job := next(waiting, None)):
                    crew.submit(job)
                if not crew.busy:
                    break
                result = crew.collect()
                if not stop() and (job := next(waiting, None)):
                    crew.submit(job)  # before the disk is waited for
                manifest.add(result)
                yield result
                twins = plan.twins.get(result.name, ())
                yield from _linked(result, twins, plan.place, manifest)
        except KeyboardInterrupt:
            if stop():  # and now at once
                crew.close()
            raise
        finally:
            while crew.busy:
                manifest.add(crew.collect())
            plan.place.clean()


def _linked(
    original: Result, twins: tuple[Job, ...], place: Place, manifest: Manifest
) -> Iterator[Result]:
    """The results of photos with the same content as one that is done."""
    for twin in twins:
        if original.is_pack:
            paths = twin.recipe.paths(original.name), twin.recipe.paths(twin.name)
            place.copy(zip(*paths, strict=True))
        result = original.again(twin.photo, twin.name, twin.stat)
        manifest.add(result)
        yield result


def summarise(plan: Plan) -> Summary:
    """How the batch stands by its manifest, earlier runs included.

    Raises:
        CannotWrite: the manifest may not be read.
    """
    since = read_manifest(plan.place)[plan.lines :]
    latest = {**plan.done, **{line.name: line for line in since}}
    known = [latest[name] for name in plan.names if name in latest]
    packs = tuple(line for line in known if line.is_pack)
    failed = tuple(line for line in known if not line.is_pack)
    left = len(plan.names) - len(known)
    return Summary(plan.place, len(plan.names), packs, failed, plan.others, left)
