"""A request to end the run, seen by everything that waits."""

from __future__ import annotations

import time

from dcmsend.errors import Cancelled

__all__ = ["Interrupt"]


class Interrupt:
    """Ends a run early: first politely, then at once.

    One object is shared by all associations of a run.  ``request`` and ``abort`` only store values, so they may be
    called from a signal handler and from any thread; who waits for the network looks at the object every
    ``transport.WAIT_SLICE`` seconds.

    Attributes:
        by: who asked, e.g. ``SIGINT``; ``""`` while nobody has.
        drain_until: ``time.monotonic()`` value until which answers may still be waited for; None while nobody asked.
        aborted: everything has to end now.
    """

    __slots__ = ("aborted", "by", "drain_seconds", "drain_until")

    def __init__(self, drain_seconds: float = 10.0) -> None:
        self.by = ""
        self.drain_seconds = drain_seconds
        self.drain_until: float | None = None
        self.aborted = False

    @property
    def requested(self) -> bool:
        """Whether the run shall end: nothing new may be started."""
        return self.drain_until is not None

    def request(self, by: str = "caller") -> None:
        """Ask to finish what is in flight and to start nothing new; a second request changes nothing."""
        if self.drain_until is None:
            self.by = by
            self.drain_until = time.monotonic() + self.drain_seconds

    def abort(self, by: str = "caller") -> None:
        """Ask to end at once."""
        self.request(by)
        self.aborted = True

    def check(self) -> None:
        """Raise Cancelled when not even what is in flight may be waited for any longer."""
        if self.aborted or (self.drain_until is not None and time.monotonic() >= self.drain_until):
            raise Cancelled(self.by)
