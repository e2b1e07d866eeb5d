"""Worker threads that decode the frames of one instance, several at a time.

The codecs release the interpreter's lock while they decode, so threads are enough.  The threads live only while one
instance is decoded: starting them costs nothing compared with decoding a megabyte of pixels.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Final

from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt
from dcmsend.threads import start_threads
from dcmsend.transcode import Job

__all__ = ["DecodeWorkers"]

_MOST_MEMORY: Final = 64 << 20
"""Total size of frames beyond which they are decoded one by one."""


class DecodeWorkers:
    """Runs jobs in up to ``count`` threads; see ``transcode.RunJobs``.

    Raises Cancelled between two jobs once the run is asked to end: nothing of the instance is in flight then.
    """

    def __init__(self, count: int, interrupt: Interrupt) -> None:
        self._count = count
        self._interrupt = interrupt

    def __call__(self, jobs: Iterator[Job], memory: int) -> None:
        first, second = next(jobs, None), next(jobs, None)
        if first is None:
            return
        count = min(self._count, max(1, _MOST_MEMORY // max(1, memory)))
        if second is None or count == 1:
            self._check()
            first()
            while second is not None:
                self._check()
                second()
                second = next(jobs, None)
            return
        crew = _Crew(count)
        try:
            crew.take(first)
            crew.take(second)
            for job in jobs:
                self._check()
                if not crew.take(job):
                    break
        finally:
            crew.finish()
        self._check()
        crew.raise_failure()

    def _check(self) -> None:
        if self._interrupt.requested:
            raise Cancelled(self._interrupt.by)


class _Crew:
    """Threads that take jobs from a short queue; if several jobs fail, the error of the earliest counts.

    Where the system permits no thread, who brings the jobs does them.
    """

    def __init__(self, count: int) -> None:
        self._jobs: queue.Queue[tuple[int, Job] | None] = queue.Queue(count)
        self._failures: dict[int, BaseException] = {}
        self._taken = 0
        self._threads = start_threads(self._work, ["dcmsend-decode"] * count)

    def take(self, job: Job) -> bool:
        """Queue a job, waiting for a free place; return False when a job has failed and no more are needed."""
        if self._failures:
            return False
        if self._threads:
            self._jobs.put((self._taken, job))
        else:
            self._do(self._taken, job)
        self._taken += 1
        return True

    def finish(self) -> None:
        """Wait until all jobs are done; after a failure, jobs that have not begun are skipped."""
        for _thread in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def raise_failure(self) -> None:
        if self._failures:
            raise self._failures[min(self._failures)]

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            number, job = entry
            if any(failed < number for failed in tuple(self._failures)):
                continue  # the first failure is told, also if a later job has failed sooner
            self._do(number, job)

    def _do(self, number: int, job: Job) -> None:
        try:
            job()
        except BaseException as error:  # raised in the thread that waits
            self._failures[number] = error
