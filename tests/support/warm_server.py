"""A process that has imported ``dcmsend`` once and forks for every start; ``support.warm_start`` talks to it.

It is a program of its own, run with the number of a Unix socket, and with modules that it imports beside the usual
ones: each message of one byte on the socket brings four descriptors, the connection of a request and standard input,
output and error of the program that it asks for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import time

# What a plain run and a plain failure import; the rest stays lazy, as it is in a start of its own.
_PRELOADED = ("cli", "run", "library", "report", "journal", "association", "advice", "transfer", "load", "index")


def preload(more: list[str]) -> None:
    """Import what most starts need, and some modules more."""
    import dcmsend

    for package in _PRELOADED:
        for module in pkgutil.iter_modules([os.path.join(dcmsend.__path__[0], package)], f"dcmsend.{package}."):
            if not module.name.startswith("dcmsend.cli.cluster"):
                importlib.import_module(module.name)
    for name in more:
        importlib.import_module(name)


def serve(listener: socket.socket) -> dict[str, object]:
    """Take requests for ever.  Returns in a process forked for one, which shall now be the program."""
    ended, wake_up = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake_up, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_up, warn_on_full_buffer=False)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([listener, ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _tell_who_has_ended(running)
        if listener in ready:
            message, descriptors, _flags, _sender = socket.recv_fds(listener, 1, 4)
            if not message:
                os._exit(0)
            request = socket.socket(fileno=descriptors[0])
            process = os.fork()
            if process == 0:
                return _begin(request, descriptors[1:])
            running[process] = request
            for descriptor in descriptors[1:]:
                os.close(descriptor)


def _tell_who_has_ended(running: dict[int, socket.socket]) -> None:
    """The exit code is the second line of an answer."""
    for process in list(running):
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            with running.pop(process) as request, contextlib.suppress(OSError):  # who has asked may be gone
                request.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _begin(request: socket.socket, streams: list[int]) -> dict[str, object]:
    """Tell the process number, and take the request and the streams."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request.sendall(b"%d\n" % os.getpid())
    with request.makefile("rb") as file:
        wanted: dict[str, object] = json.loads(file.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    request.detach()
    os.closerange(3, 1024)
    return wanted


def become(wanted: dict[str, object]) -> None:
    """What the interpreter and the script of the command do before ``console``."""
    environment, argv, folder = wanted["environment"], wanted["argv"], wanted["cwd"]
    assert isinstance(environment, dict)
    assert isinstance(argv, list)
    assert isinstance(folder, str)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = argv
    sys.stdin = _stream(sys.stdin, 0, "rb")
    sys.stdout = _stream(sys.stdout, 1, "wb")
    sys.stderr = _stream(sys.stderr, 2, "wb")


def _stream(old: object, number: int, mode: str) -> io.TextIOWrapper:
    assert isinstance(old, io.TextIOWrapper)
    raw = open(number, mode, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, old.encoding, old.errors, line_buffering=number == 2, write_through=old.write_through)


if __name__ == "__main__":
    preload(sys.argv[2:])
    gc.freeze()  # a collection in a forked process would copy the pages of what all have
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    become(request)
    if request["program"] == "dcmsend-journal":
        from dcmsend.cli.journal_command import console
    else:
        from dcmsend.cli.console import console
    sys.exit(console())
