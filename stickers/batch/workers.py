"""The engine of one machine: processes that keep their models, replaced when they are lost.

Each works through one photo at a time, with one thread: what overlaps is photos, not the
stages of one, and so no core is idle while there are as many photos as cores.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from stickers.batch.job import Job, Work
from stickers.batch.manifest import Result
from stickers.errors import StickersError

PATIENCE = 60.0
"""Seconds after which a photo is given up."""


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
                # One that was stopped, or hangs in native code, hears nothing else.
                os.kill(self._started.result(), getattr(signal, "SIGKILL", signal.SIGTERM))
        self._pool.shutdown(wait=False, cancel_futures=True)

    def bury(self) -> None:
        """Close a worker that died; raises if it never began, as then none will."""
        self.close()
        if not self._has_started():
            hint = "use fewer; a script that calls this needs `if __name__ == '__main__'`"
            raise StickersError("worker processes cannot start", hint=hint)

    def _has_started(self) -> bool:
        return self._started.done() and self._started.exception() is None


@dataclass(frozen=True, slots=True)
class _Task:
    worker: _Worker
    job: Job
    deadline: float


class Local:
    """Processes on this machine. One that dies or hangs fails its photo and is replaced."""

    def __init__(self, work: Work, workers: int | None, patience: float = PATIENCE) -> None:
        self.slots = workers or _cores()
        self._work, self._patience = work, patience
        self._idle: list[_Worker] = []
        self._at_work: dict[Future[Result], _Task] = {}

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
            self._at_work[future] = _Task(worker, job, time.monotonic() + self._patience)

    def collect(self) -> Result:
        """Wait for any job to end; raises what its work raised."""
        first = next(iter(self._at_work.values()))
        left = max(0.0, first.deadline - time.monotonic())
        done, _ = wait(self._at_work, timeout=left, return_when=FIRST_COMPLETED)
        if not done:
            return self._give_up()
        future = next(f for f in self._at_work if f in done)  # the one submitted first
        task = self._at_work.pop(future)
        try:
            result = future.result()
        except BrokenProcessPool:
            task.worker.bury()
            return task.job.lost("worker_died", "the process that worked on the photo died")
        except BaseException:
            self._idle.append(task.worker)
            raise
        self._idle.append(task.worker)
        return result

    def _give_up(self) -> Result:
        """The job submitted first took too long: its worker goes."""
        task = self._at_work.pop(next(iter(self._at_work)))
        task.worker.close(kill=True)
        what = f"the photo took more than {self._patience:.0f} s"
        return task.job.lost("worker_hung", what, "try it alone, or use fewer workers")

    def close(self) -> None:
        """End the workers, busy ones at once."""
        for worker in self._idle:
            worker.close()
        for task in self._at_work.values():
            task.worker.close(kill=True)
        self._at_work.clear()


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
