"""Scheduler and workers as programs of their own, as on several hosts: killed, stopped, and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dask.distributed import Client

from support.processes import free_port, is_listening

__all__ = ["Programs"]

_START_SECONDS = 600.0
_STOP_SECONDS = 20.0
_DASK = (sys.executable, "-m", "dask")


class Programs:
    """A cluster: one scheduler, and for each worker a program that starts it anew when it dies (Dask's nanny).

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, folder: Path, workers: int, ttl: float) -> None:
        """``ttl``: seconds after which the scheduler gives up a worker that it does not hear of."""
        self._folder, self._workers, self._ttl = folder, workers, ttl
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._log = (folder / "cluster.log").open("ab")
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._hosts: dict[int, subprocess.Popen[bytes]] = {}
        self._stopped: set[int] = set()

    def mend(self) -> None:
        """Start what has ended, and wait until the scheduler has all workers."""
        until = time.monotonic() + _START_SECONDS
        self.go_on()
        while not self._is_whole():
            if time.monotonic() > until:
                raise TimeoutError(f"the cluster does not get {self._workers} workers: {self._folder}/cluster.log")
            time.sleep(0.2)

    def start_ended(self) -> None:
        """Start the programs that have ended, as a system's supervisor does."""
        if self._scheduler is None or self._scheduler.poll() is not None:
            self._scheduler = self._run(
                "scheduler", "--host", "127.0.0.1", "--port", str(self._port), "--no-dashboard", "--no-jupyter"
            )
        for host in range(self._workers):
            if host not in self._hosts or self._hosts[host].poll() is not None:
                self._hosts[host] = self._run(
                    "worker", self.address, "--nworkers", "1", "--nthreads", "1", "--memory-limit", "0",
                    "--no-dashboard", "--local-directory", str(self._folder / "dask"),
                )  # fmt: skip

    def _is_whole(self) -> bool:
        self.start_ended()
        if not is_listening(self._port):
            return False
        wanted = {pid for host in range(self._workers) for pid in self._worker_pids(host)}
        if len(wanted) != self._workers:
            return False
        try:
            with Client(self.address, timeout=10, set_as_default=False) as client:
                return set(client.run(os.getpid, on_error="ignore").values()) == wanted
        except OSError:
            return False

    def kill_worker(self, host: int) -> bool:
        """Kill the process that sends, as a system does that runs out of memory; whether there was one."""
        pids = self._worker_pids(host)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def kill_host(self, host: int) -> None:
        """Kill all processes of a host at once; they come back with ``start_ended``."""
        _signal_group(self._hosts[host], signal.SIGKILL)
        self._hosts[host].wait(_STOP_SECONDS)

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self._scheduler is not None
        self._scheduler.kill()
        self._scheduler.wait(_STOP_SECONDS)

    def stop_host(self, host: int) -> None:
        """Let nothing of a host do anything, while its connections stay: nobody can reach it any more."""
        self._stopped.add(host)
        _signal_group(self._hosts[host], signal.SIGSTOP)

    def go_on(self) -> None:
        """Let hosts that are stopped go on."""
        for host in self._stopped:
            _signal_group(self._hosts[host], signal.SIGCONT)
        self._stopped.clear()

    def close(self) -> None:
        """End all programs."""
        for each in [*self._hosts.values(), *([self._scheduler] if self._scheduler else [])]:
            _signal_group(each, signal.SIGKILL)
            each.wait(_STOP_SECONDS)
        self._log.close()

    def _worker_pids(self, host: int) -> list[int]:
        """The process that sends: the one that the nanny has spawned (beside multiprocessing's resource tracker)."""
        found = []
        parent = self._hosts[host].pid
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and fields[0] != "Z" and b"spawn_main" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found

    def _run(self, *words: str) -> subprocess.Popen[bytes]:
        settings = {
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{self._ttl:g}s",
            "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "10000",
        }
        command: Sequence[str] = [*_DASK, *words]
        setpriv = shutil.which("setpriv")
        if setpriv is not None:  # also a soak that is killed leaves nothing behind
            command = [setpriv, "--pdeathsig", "KILL", "--", *command]
        return subprocess.Popen(
            command, cwd=self._folder, env={**os.environ, **settings}, stdin=subprocess.DEVNULL, stdout=self._log,
            stderr=self._log, start_new_session=True,
        )  # fmt: skip


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
