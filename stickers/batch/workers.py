"""Who does the work of a batch: processes on this machine, or a Ray cluster.

An engine takes jobs and gives results back in the order in which they end. Both
engines call one plain function with one job, in a process that keeps its models.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import Any, Protocol

from stickers.batch.job import Job, Work
from stickers.batch.journal import Result
from stickers.errors import MissingExtra, StickersError, UnknownValue


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


def start_engine(name: str, work: Work, workers: int | None) -> Engine:
    """The engine called ``name``: ``local`` or ``ray``.

    Args:
        name: of the engine.
        work: what to do with each job.
        workers: jobs at a time; one per core (of the cluster) if not given.

    Raises:
        UnknownValue: no such engine, or less than one worker.
        MissingExtra: ``ray`` is not installed.
    """
    if name not in ENGINES:
        raise UnknownValue(f"there is no engine {name!r}", hint=f"use {' or '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise UnknownValue(f"{workers} workers can do nothing", hint="use one or more")
    return ENGINES[name](work, workers)


class _Worker:
    """A pool of one process, so that when it dies it is plain whose photo it was on."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=spawn, initializer=_settle_in)
        with _interrupts_held():
            self._started = self._pool.submit(os.getpid)

    def submit(self, work: Work, job: Job) -> Future[Result]:
        return self._pool.submit(work, job)

    def close(self, *, kill: bool = False) -> None:
        if kill and self._has_started():
            with suppress(ProcessLookupError):
                os.kill(self._started.result(), signal.SIGTERM)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def bury(self) -> None:
        """Close a worker that died; raises if it never began, as then none will."""
        self.close()
        if not self._has_started():
            hint = "use fewer; a script that calls this needs `if __name__ == '__main__'`"
            raise StickersError("worker processes cannot start", hint=hint)

    def _has_started(self) -> bool:
        return self._started.done() and self._started.exception() is None


class Local:
    """Processes on this machine. One that dies fails its photo and is replaced."""

    def __init__(self, work: Work, workers: int | None) -> None:
        self.slots = workers or _cores()
        self._work = work
        self._idle: list[_Worker] = []
        self._at_work: dict[Future[Result], tuple[_Worker, Job]] = {}

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not yet collected."""
        return len(self._at_work)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker, or to a new one."""
        worker = self._idle.pop() if self._idle else _Worker()
        try:
            future = worker.submit(self._work, job)
        except BrokenProcessPool:  # it died while it had nothing to do
            worker.bury()
            self.submit(job)
        else:
            self._at_work[future] = (worker, job)

    def collect(self) -> Result:
        """Wait for any job to end; raises what its work raised."""
        done, _ = wait(self._at_work, return_when=FIRST_COMPLETED)
        future = next(f for f in self._at_work if f in done)  # the one submitted first
        worker, job = self._at_work.pop(future)
        try:
            result = future.result()
        except BrokenProcessPool:
            worker.bury()
            return Result.died(job.photo)
        except BaseException:
            self._idle.append(worker)
            raise
        self._idle.append(worker)
        return result

    def close(self) -> None:
        """End the workers, busy ones at once."""
        for worker in self._idle:
            worker.close()
        for worker, _ in self._at_work.values():
            worker.close(kill=True)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C reaches a terminal's every process; one started in here never sees it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settle_in() -> None:
    """Set up a worker process: the batch alone ends it, and it ends with the batch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # A pool's process waits for work for ever when its parent is killed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Ray:
    """Tasks on a Ray cluster: the one that ``RAY_ADDRESS`` names, or one of this machine.

    Photos and the output folder must have the same paths on every node, and this
    package must be installed there.
    """

    def __init__(self, work: Work, workers: int | None) -> None:
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
                self._join()
            # Two a core, so that no core waits for this process.
            self.slots = workers or 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._task = self._ray.remote(num_cpus=1)(work)
            self._undo = undo.pop_all()
        self._at_work: dict[Any, Job] = {}

    def _join(self) -> None:
        try:
            self._ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as exc:
            address = os.environ.get("RAY_ADDRESS")
            hint = "check RAY_ADDRESS, or unset it to use this machine alone"
            raise StickersError(
                "the Ray cluster does not answer", where=address, hint=hint
            ) from exc

    @property
    def busy(self) -> int:
        """How many jobs were submitted and not yet collected."""
        return len(self._at_work)

    def submit(self, job: Job) -> None:
        """Hand a job to the cluster."""
        self._at_work[self._task.remote(job)] = job

    def collect(self) -> Result:
        """Wait for any job to end; raises what its work raised."""
        errors = self._ray.exceptions
        ready, _ = self._ray.wait(list(self._at_work), num_returns=1)
        job = self._at_work.pop(ready[0])
        try:
            result: Result = self._ray.get(ready[0])
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError):
            return Result.died(job.photo)
        except errors.RayTaskError as exc:
            if isinstance(exc.cause, StickersError):
                raise exc.cause from None
            hint = "install this version of stickers on every node"
            raise StickersError("a node of the Ray cluster cannot do the work", hint=hint) from exc
        except errors.RayError as exc:
            hint = "see to it; the same command then goes on"
            raise StickersError("the Ray cluster failed", hint=hint) from exc
        return result

    def close(self) -> None:
        """Give up what is at work, and a cluster of our own."""
        for reference in self._at_work:
            self._ray.cancel(reference, force=True)
        self._undo.close()


ENGINES: dict[str, Callable[[Work, int | None], Engine]] = {"local": Local, "ray": Ray}
"""Name -> engine."""
