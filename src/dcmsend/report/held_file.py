"""Keeps other runs away from a report that grows under its name."""

from __future__ import annotations

import contextlib
import os

from dcmsend.file_lock import try_lock
from dcmsend.fork import own

__all__ = ["HeldFile"]


class HeldFile:
    """An open file that this run alone writes, until it is closed or the process ends.

    The object has to be dropped before the file is closed.
    """

    def __init__(self, descriptor: int) -> None:
        """Lock the file.  Raises OSError if another run writes it."""
        self._descriptor = descriptor
        try:
            is_free = try_lock(descriptor)
        except OSError:
            is_free = True  # a file system without locks
        if not is_free:
            raise OSError(0, "another run is writing it")
        own(self)

    def give_up(self) -> None:
        """Let go of the file in a forked child: the lock ends with the parent, and the child writes nothing there."""
        with contextlib.suppress(OSError):
            nothing = os.open(os.devnull, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))
            os.dup2(nothing, self._descriptor, inheritable=False)
            os.close(nothing)
