"""Starts of the installed command in a tenth of the time: by a process that has imported it and forks for each.

Nine tenths of most starts in this suite are the interpreter's and the imports'.  What runs is the same function that
the installed script calls, in a process of its own, with the same arguments, environment, folder and streams.  The
script itself is started by tests that use ``subprocess`` or ``run_measured``, and by all with ``pytest --cold-starts``.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .programs import installed_dcmsend

__all__ = ["begin_warm_starts", "run_program"]

PROGRAMS: Final = ("dcmsend", "dcmsend-journal")
_PIPE_TAKES: Final = 4096  # the input is written before the program is there to read it; every pipe takes so much
_LIMITS: Final = (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)
# What an interpreter or the loader reads when it starts, once and for all.
_READ_AT_START: Final = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_", "FAKETIME", "OPENBLAS", "OMP_", "DASK_")


class _Server:
    """The process that forks, one for a process of pytest and each of a few environments.

    Args:
        more: modules that it imports beside those that most starts need.

    Attributes:
        limits: what the system allows it, and with it what it starts.
    """

    def __init__(self, environment: Mapping[str, str], more: Sequence[str] = ()) -> None:
        ours, its = socket.socketpair()
        self._socket = ours
        with its:
            program = Path(__file__).with_name("warm_server.py")
            self._process = subprocess.Popen(
                [sys.executable, "-P", program, str(its.fileno()), *more], pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
        self.limits = _limits()

    def ask(self, request: socket.socket, streams: Sequence[int]) -> None:
        """Have it fork a process that attends to a request."""
        socket.send_fds(self._socket, [b"1"], [request.fileno(), *streams])


_servers: dict[frozenset[tuple[str, str]], _Server] = {}
_with_dask: dict[frozenset[tuple[str, str]], _Server] = {}


def begin_warm_starts() -> None:
    """From now on; for the environment of this process, and for that of the comparisons with DCMTK.

    Called before the first test, because some tests count the open descriptors of their process.
    """
    for changes in ({}, {"LC_ALL": "C"}):
        environment = {**os.environ, **changes}
        _servers[_read_at_start(environment)] = _Server(environment)


def run_program(
    argv: Sequence[str | bytes | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """``subprocess.run`` with captured output, and a warm start where that is the same as a start of its own."""
    words = [os.fsdecode(word) for word in argv]
    environment = os.environ if env is None else env
    server = _server_for(words, environment) if _may_be_warm(words[0], stdin) else None
    if server is None or server.limits != _limits():
        return subprocess.run(argv, input=stdin, capture_output=True, cwd=cwd, env=env, timeout=timeout, check=False)
    return _run_warm(server, words, cwd, environment, stdin, timeout)


def _may_be_warm(program: str, stdin: bytes) -> bool:
    folder, name = os.path.split(program)
    return len(stdin) <= _PIPE_TAKES and name in PROGRAMS and folder == os.path.dirname(installed_dcmsend())


def _server_for(argv: Sequence[str], environment: Mapping[str, str]) -> _Server | None:
    """A run over a cluster has a server that knows Dask, too: nine tenths of such a start are its import."""
    key = _read_at_start(environment)
    if key not in _servers or "--cluster" not in argv:
        return _servers.get(key)
    if key not in _with_dask:
        _with_dask[key] = _Server(environment, ["dask.distributed"])
    return _with_dask[key]


def _run_warm(
    server: _Server,
    argv: Sequence[str],
    cwd: Path | None,
    environment: Mapping[str, str],
    stdin: bytes,
    timeout: float | None,
) -> subprocess.CompletedProcess[bytes]:
    request = {
        "program": os.path.basename(argv[0]), "argv": list(argv), "cwd": os.fspath(cwd or os.getcwd()),
        "environment": dict(environment),
    }  # fmt: skip
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error, contextlib.ExitStack() as stack:
        ours, its = socket.socketpair()
        stack.enter_context(ours)
        with its:
            reading, writing = os.pipe()
            try:
                os.write(writing, stdin)
            finally:
                os.close(writing)
            try:
                server.ask(its, [reading, out.fileno(), error.fileno()])
            finally:
                os.close(reading)
        ours.sendall(json.dumps(request).encode() + b"\n")
        answers = stack.enter_context(ours.makefile("rb"))
        process = int(answers.readline())
        ours.settimeout(timeout)
        code, late = 0, False
        try:
            code = int(answers.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            late = True
        for file in (out, error):
            file.seek(0)
        output, errors = out.read(), error.read()
    if late:
        raise subprocess.TimeoutExpired(list(argv), timeout or 0.0, output, errors)
    return subprocess.CompletedProcess(list(argv), code, output, errors)


def _read_at_start(environment: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in environment.items() if name.startswith(_READ_AT_START))


def _limits() -> list[tuple[int, int]]:
    return [resource.getrlimit(limit) for limit in _LIMITS]
