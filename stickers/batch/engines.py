"""Who does the work of a batch: processes on this machine, or a Ray cluster.

An engine takes jobs and gives results back in the order in which they end. Both
engines call one plain function with one job, in a process that keeps its models.
"""

from __future__ import annotations

from typing import Protocol

from stickers.batch.job import Job, Work
from stickers.batch.manifest import Result
from stickers.errors import UnknownValue

ENGINES = ("local", "ray")


class Engine(Protocol):
    """Who does jobs. `submit` while ``busy < slots``, `collect` while ``busy``."""

    slots: int

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not yet collected."""

    def submit(self, job: Job) -> None:
        """Begin a job."""

    def collect(self) -> Result:
        """Wait for any job to end; raises what its work raised."""

    def close(self) -> None:
        """Let go of all workers; what is still busy is given up."""


def start_engine(
    name: str, work: Work, workers: int | None, address: str | None, patience: float
) -> Engine:
    """The engine called ``name``: ``local`` or ``ray``.

    Args:
        name: of the engine.
        work: what to do with each job.
        workers: jobs at a time; one per core (of the cluster) if not given.
        address: of a Ray cluster; None for ``RAY_ADDRESS``, or one of this machine.
        patience: seconds after which a job is given up.

    Raises:
        UnknownValue: no such engine, less than one worker, or an address without Ray.
        MissingExtra: ``ray`` is not installed.
    """
    if workers is not None and workers < 1:
        raise UnknownValue(f"{workers} workers can do nothing", hint="use one or more")
    if name == "ray":
        from stickers.batch.ray_engine import Ray

        return Ray(work, workers, address, patience)
    if name != "local":
        raise UnknownValue(f"there is no engine {name!r}", hint=f"use {' or '.join(ENGINES)}")
    if address is not None:
        raise UnknownValue("an address without a cluster", hint="add --engine ray")
    from stickers.batch.workers import Local

    return Local(work, workers, patience)
