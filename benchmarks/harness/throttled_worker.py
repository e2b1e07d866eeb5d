"""Makes this process a host with a slow share and a slow line; loaded into workers, or run as the command itself.

What stands for what: each open of an input waits 5 ms, as one over a network file system does while the caller waits;
and the kernel sends at most 20 MB a second over each association (SO_MAX_PACING_RATE), as the network card of a host
with one association would.  Nothing is computed for it: a host that waits takes no processor from the others, so that
several fit into one machine.  Dask's own connections are not slower: they carry little.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

__all__ = ["dask_setup", "install"]

_SO_MAX_PACING_RATE = 47  # include/uapi/asm-generic/socket.h
OPEN_SECONDS = float(os.environ.get("THROTTLE_OPEN_SECONDS", "0.005"))
BYTES_A_SECOND = int(os.environ.get("THROTTLE_BYTES_A_SECOND", "20000000"))


def install() -> None:
    """Slow this process down, from now on."""
    from dcmsend.inputs import InputFile
    from dcmsend.transport import tcp

    def slowly(method: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*arguments: Any) -> Any:
            time.sleep(OPEN_SECONDS)
            return method(*arguments)

        return wait

    for name in ("open", "open_beginning"):
        setattr(InputFile, name, slowly(getattr(InputFile, name)))

    connect = tcp._connect

    def paced(sock: socket.socket, *arguments: Any) -> None:
        sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, BYTES_A_SECOND)
        connect(sock, *arguments)

    tcp._connect = paced


def dask_setup(worker: object) -> None:
    """Called by Dask in each worker."""
    install()


if __name__ == "__main__":
    install()
    from dcmsend.cli.console import console

    sys.exit(console())
