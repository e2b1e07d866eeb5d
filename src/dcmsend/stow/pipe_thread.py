"""Reads a pipe where the system cannot wait for one with a time limit (Windows): on a thread."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from dcmsend.interrupt import WAIT_SLICE

from .errors import CredentialsUnusable

__all__ = ["read_on_thread"]


def read_on_thread(descriptor: int, longest: int, until: float, check: Callable[[], None]) -> bytes | None:
    """All bytes of a pipe, of more than ``longest`` the first ones; None if they do not end before ``until``.

    ``until`` is a time of ``time.monotonic``.  ``check`` is called now and then, and may raise.  Whatever happens, the
    caller may close the descriptor: the thread reads from a duplicate, and ends with the last writer of the pipe.
    """
    pieces: list[bytes] = []
    own = os.dup(descriptor)

    def read() -> None:
        try:
            with suppress(OSError):
                while sum(map(len, pieces)) <= longest and (piece := os.read(own, longest)):
                    pieces.append(piece)
        finally:
            os.close(own)

    thread = threading.Thread(target=read, name="token", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # a limit of processes
        os.close(own)
        raise CredentialsUnusable(f"cannot read the token: {error}", is_permanent=False) from error
    while thread.is_alive():
        check()
        left = until - time.monotonic()
        if left <= 0:
            return None
        thread.join(min(WAIT_SLICE, left))
    return b"".join(pieces)
