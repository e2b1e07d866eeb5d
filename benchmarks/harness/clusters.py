"""A cluster of programs on this machine, to be measured: what its scheduler has spent, and has been told."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .ports import free_port
from .programs import Programs, clean_environment

__all__ = ["MeasuredCluster", "Told", "begun_cluster", "measured_cluster"]

HERE = Path(__file__).resolve().parent
_START_SECONDS = 300.0
_TICK = os.sysconf("SC_CLK_TCK")


class Told(NamedTuple):
    """What a scheduler has been told of runs of dcmsend: groups of outcomes, and their bytes."""

    groups: int
    size: int


class MeasuredCluster:
    """A running cluster.

    Attributes:
        address: of the scheduler.
        workers: how many there are.
    """

    def __init__(self, address: str, scheduler: subprocess.Popen[bytes], workers: int) -> None:
        self.address, self.workers = address, workers
        self._scheduler = scheduler

    def wait(self) -> None:
        """Wait until its workers are there."""
        with _client(self.address) as client:
            client.wait_for_workers(self.workers, timeout=_START_SECONDS)

    def scheduler_seconds(self) -> float:
        """Seconds of the processor that the scheduler has used so far."""
        fields = Path(f"/proc/{self._scheduler.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def told(self) -> Told:
        """What workers have told so far."""

        def counts(dask_scheduler: Any) -> tuple[int, int]:  # in here: the scheduler cannot import this module
            return dask_scheduler.dcmsend_groups, dask_scheduler.dcmsend_bytes

        with _client(self.address) as client:
            return Told(*client.run_on_scheduler(counts))

    def kill_worker(self) -> float:
        """Kill the process of a worker; seconds until there is another one."""
        with _client(self.address) as client:
            pids: dict[str, int] = client.run(os.getpid)
            begin = time.monotonic()
            os.kill(min(pids.values()), signal.SIGKILL)
            while True:
                client.wait_for_workers(self.workers, timeout=_START_SECONDS)
                now = client.run(os.getpid, on_error="ignore")
                if len(now) == self.workers and set(now.values()) != set(pids.values()):
                    return time.monotonic() - begin


@contextmanager
def measured_cluster(
    programs: Programs, workers: int, folder: Path, preload: str = "", *, is_judged: bool = True
) -> Iterator[MeasuredCluster]:
    """A scheduler, and workers that run ``preload`` (a file of this folder): see ``begun_cluster``."""
    with begun_cluster(programs, workers, folder, preload, is_judged=is_judged) as cluster:
        cluster.wait()
        yield cluster


@contextmanager
def begun_cluster(
    programs: Programs, workers: int, folder: Path, preload: str = "", *, is_judged: bool = True
) -> Iterator[MeasuredCluster]:
    """A scheduler and workers that have been started, and take a while until they are there.

    Where the figures are not judged, workers are forked from one process that has loaded Dask, also in the place of
    one that was killed.
    """
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    settings = clean_environment(
        DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0", DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="60s",
        DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH="10000",
        DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD="spawn" if is_judged else "forkserver",
    )  # fmt: skip
    measure = [programs.compiled("measure"), "--serve", programs.sender_processors]
    dask = [*measure, programs.interpreter, "-m", "dask"]
    log = (folder / "cluster.log").open("ab")
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        started.append(subprocess.Popen(
            [*dask, *words], cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        ))  # fmt: skip

    try:
        start(
            "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-jupyter", "--preload",
            str(HERE / "counting_scheduler.py"),
        )  # fmt: skip
        start(
            "worker", address, "--nworkers", str(workers), "--nthreads", "1", "--memory-limit", "0", "--no-dashboard",
            "--local-directory", str(folder / "dask"), *(["--preload", str(HERE / preload)] if preload else []),
        )  # fmt: skip
        yield MeasuredCluster(address, started[0], workers)
    finally:
        for each in started:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()
        log.close()


@contextmanager
def _client(address: str) -> Iterator[Any]:
    from dask.distributed import Client

    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except OSError:
            if time.monotonic() > until:
                raise
            continue
        with client:
            yield client
        return
