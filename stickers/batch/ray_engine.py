"""The engine of many machines: tasks on a Ray cluster.

Nodes need this package and nothing else in common: a photo travels to its task, and the
pack's files travel back to be put in their place by this process, unless the place is a
URL, which every node reaches itself. What a lost node had at work is done again
elsewhere. No more is in flight than the cluster's object store holds.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast

from stickers.batch.folder import Folder
from stickers.batch.job import Job, Work
from stickers.batch.manifest import Result
from stickers.batch.places import Files
from stickers.errors import CannotWrite, MissingExtra, StickersError
from stickers.photo import MAX_BYTES

_RETRIES = 3
_KNOCK = 10.0
_IN_FLIGHT = MAX_BYTES + 14 * 2**20
"""Bytes of the object store for one job: the largest photo, and an ample pack."""


class Basket:
    """A folder's stand-in on another machine: what is put there is carried home."""

    def __init__(self) -> None:
        self.files: list[tuple[str, bytes]] = []

    def put(self, files: Files) -> int:
        """Keep a pack's files."""
        self.files = list(files)
        return sum(len(data) for _, data in self.files)

    def takes_files(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class _Task:
    job: Job
    again: int


class Ray:
    """Tasks on a Ray cluster.

    Args:
        work: what to do with each job.
        workers: jobs at a time; two per core of the cluster if not given, so that no
            core waits for this process, or fewer if its object store is small.
        address: of the cluster (``auto``: the one that this machine is part of); None
            for the one that ``RAY_ADDRESS`` names or that runs here, or else a new one
            of this machine alone.
        patience: seconds after which a job's process is ended.

    Raises:
        MissingExtra: Ray is not installed.
        StickersError: the cluster does not answer.
    """

    def __init__(
        self, work: Work, workers: int | None, address: str | None, patience: float
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
        try:
            self._ray: Any = import_module("ray")
        except ImportError:
            raise MissingExtra(
                "the engine ray is not installed", hint='pip install "stickers[ray]"'
            ) from None
        with ExitStack() as undo:
            if not self._ray.is_initialized():
                undo.callback(self._ray.shutdown)
                self._join(address)
            self.slots = workers or _slots(self._ray.cluster_resources())
            # Ray itself begins a task again when its process or node is lost.
            self._task = self._ray.remote(num_cpus=1, max_retries=_RETRIES)(_on_node)
            self._undo = undo.pop_all()
        self._work, self._patience = work, patience
        self._at_work: dict[Any, _Task] = {}
        self._ended: list[Result] = []

    def _join(self, address: str | None) -> None:
        where = address or os.environ.get("RAY_ADDRESS")
        try:
            _knock(where)
            self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as exc:
            hint = "check the address, or leave it out to use this machine alone"
            raise StickersError("the Ray cluster does not answer", where=where, hint=hint) from exc

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not yet collected."""
        return len(self._at_work) + len(self._ended)

    def submit(self, job: Job) -> None:
        """Hand a job to the cluster, with its photo."""
        data = _bytes(job)
        if data is None:
            self._ended.append(self._work(job))
        else:
            self._begin(replace(job, data=data), _RETRIES)

    def _begin(self, job: Job, again: int) -> None:
        carried = isinstance(job.place, Folder)
        sent = replace(job, place=Basket()) if carried else job
        reference = self._task.remote(self._work, sent, self._patience)
        self._at_work[reference] = _Task(job, again)

    def collect(self) -> Result:
        """Wait for any job to end, and put its pack in place; raises what its work raised."""
        if self._ended:
            return self._ended.pop()
        errors = self._ray.exceptions
        ready, _ = self._ray.wait(list(self._at_work), num_returns=1, fetch_local=True)
        task = self._at_work.pop(ready[0])
        try:
            result, files = self._ray.get(ready[0])
        except (errors.NodeDiedError, errors.ObjectLostError):
            if task.again:  # the pack was made, and lost with the node before it got here
                self._begin(task.job, task.again - 1)
                return self.collect()
            return task.job.lost("worker_died", "the nodes that worked on the photo were lost")
        except (errors.WorkerCrashedError, errors.OutOfMemoryError):
            return task.job.lost("worker_died", "the process that worked on the photo died")
        except errors.RayTaskError as exc:
            if isinstance(exc.cause, StickersError):
                raise exc.cause from None
            hint = "install this version of stickers on every node"
            raise StickersError("a node of the Ray cluster cannot do the work", hint=hint) from exc
        except errors.RayError as exc:
            hint = "see to it; the same command then goes on"
            raise StickersError("the Ray cluster failed", hint=hint) from exc
        return self._carried_home(task.job, cast(Result, result), files)

    def _carried_home(self, job: Job, result: Result, files: Files) -> Result:
        try:
            job.place.put(files)
        except CannotWrite as exc:
            if not job.place.takes_files():
                raise
            return job.failed(exc)
        return result

    def close(self) -> None:
        """Give up what is at work, and a cluster of our own."""
        for reference in self._at_work:
            self._ray.cancel(reference, force=True)
        self._at_work.clear()
        self._undo.close()


def _knock(address: str | None) -> None:
    """See in seconds whether somebody is at ``host:port``; Ray itself waits for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()


def _slots(resources: dict[str, float]) -> int:
    wanted = 2 * max(1, int(resources.get("CPU", 1)))
    store = resources.get("object_store_memory", float("inf"))
    return int(max(1, min(wanted, store // _IN_FLIGHT)))


def _bytes(job: Job) -> bytes | None:
    """The photo's bytes; None where decoding it here tells better why there are none."""
    with contextlib.suppress(OSError, ValueError):
        if job.photo.is_file() and job.photo.stat().st_size <= MAX_BYTES:
            return job.photo.read_bytes()
    return None


def _on_node(work: Work, job: Job, patience: float) -> tuple[Result, list[tuple[str, bytes]]]:
    """Do a job on a node: what became of it, and the files to be carried home."""
    with _limited(patience):
        result = work(job)
    return result, job.place.files if isinstance(job.place, Basket) else []


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """The system ends this process when the block takes too long, whatever it hangs in."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
