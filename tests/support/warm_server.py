"""A process that has imported ``dcmsend`` once and forks for every start; ``support.warm_start`` talks to it.

It is a program of its own, run with the number of a Unix socket, and with modules that it imports beside the usual
ones: each message of one byte on the socket brings four descriptors, the connection of a request and standard input,
output and error of the program that it asks for.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
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
    while True:
        message, descriptors, _flags, _sender = socket.recv_fds(listener, 1, 4)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            listener.close()
            return _attend(socket.socket(fileno=descriptors[0]), descriptors[1:])
        for descriptor in descriptors:
            os.close(descriptor)


def _attend(request: socket.socket, streams: list[int]) -> dict[str, object]:
    """Fork the program, wait for it and tell its process number and then its exit code.  Returns in the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with request.makefile("rb") as file:
        wanted: dict[str, object] = json.loads(file.readline())
    process = os.fork()
    if process == 0:
        request.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, max(streams) + 1)
        return wanted
    for number in (0, 1, 2, *streams):
        os.close(number)
    request.sendall(b"%d\n" % process)
    _process, status = os.waitpid(process, 0)
    request.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


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
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those ended that attend to a request
    preload(sys.argv[2:])
    gc.freeze()  # a collection in a forked process would copy the pages of what all have
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    become(request)
    if request["program"] == "dcmsend-journal":
        from dcmsend.cli.journal_command import console
    else:
        from dcmsend.cli.console import console
    sys.exit(console())
