"""Server processes on 127.0.0.1: start, wait until they listen, stop without fail."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .ports import free_port

__all__ = ["ServerProcess", "is_listening", "wait_until"]

START_SECONDS = 90.0
STOP_SECONDS = 10.0
_running: set[ServerProcess] = set()


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that only another process can tell; raises AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    """Whether the port has a listener; asked of the kernel, because a trial connection is an event for the peer."""
    if sys.platform.startswith("linux"):
        return port in _listeners(are_first=_are_listeners_first())
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _listeners(*, are_first: bool) -> Iterator[int]:
    """The ports that have a listener; if these are first, the thousands that this suite has closed are not read."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            next(lines, None)
            for _number, local, _remote, state, *_ in map(str.split, lines):
                if state == "0A":
                    yield int(local.rpartition(":")[2], 16)
                elif are_first:
                    break


@functools.cache
def _are_listeners_first() -> bool:
    """Linux lists all that listen before all others (its documentation, proc_net_tcp.rst), gVisor does not."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()),
        socket.create_server(("127.0.0.1", 0)) as later,
    ):
        port = later.getsockname()[1]
        return all(port in _listeners(are_first=True) for _ in range(10))  # there it can be first by chance


class ServerProcess:
    """A program that serves one TCP port until it is stopped; use it as a context manager.

    ``command`` makes the argument list for a port; when another program takes the port first, another one is tried.

    Attributes:
        port: where it listens.
        log_path: its standard output and error together.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        working_directory: Path | None = None,
    ) -> None:
        self.log_path = log_path
        self._environment = {**os.environ, **(environment or {})}
        self._working_directory = working_directory
        for attempt in range(5):
            self.port = free_port()
            self._start(command(self.port))
            try:
                wait_until(lambda: self.has_ended or is_listening(self.port), START_SECONDS, f"port {self.port}")
            except BaseException:
                self.stop()
                raise
            if not self.has_ended:
                return
            if attempt == 4 or "in use" not in self.log:
                raise AssertionError(f"{command(self.port)[0]} did not start:\n{self.log}")

    def _start(self, command: Sequence[str]) -> None:
        argv = list(command)
        setpriv = shutil.which("setpriv")
        if setpriv is not None:
            # Even a test run that is killed outright leaves no server behind.
            argv = [setpriv, "--pdeathsig", "KILL", "--", *argv]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._working_directory,
                start_new_session=True,
            )
        _running.add(self)

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    @property
    def log(self) -> str:
        """The output of the process so far."""
        return self.log_path.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, for a program that takes its time to end and that nobody asks for anything it writes then."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for it and everything it has forked; harmless when it is gone already."""
        if self not in _running:
            return
        _running.discard(self)
        if not self.has_ended:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(6 * STOP_SECONDS)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@atexit.register
def _stop_all() -> None:
    for server in list(_running):
        server.stop()
