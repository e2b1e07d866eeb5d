"""A request to end the run, seen by everything that waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from dcmsend.errors import Cancelled

__all__ = ["WAIT_SLICE", "Interrupt"]

WAIT_SLICE = 0.25
"""Seconds after which a waiting call looks at its deadline and at the Interrupt."""


class Interrupt:
    """Ends a run early: first politely, then at once.

    One object is shared by all associations of a run.  ``request`` and ``abort`` only store values, so they may be
    called from a signal handler and from any thread; a call that waits looks at the object every
    ``WAIT_SLICE`` seconds.

    A child ends when its parent does, and may be ended alone: one association that nobody waits for any more.

    Attributes:
        drain_seconds: how long may be waited after a request for what is in flight; a child has its own, because
            while its association is opened or released nothing is in flight.
    """

    __slots__ = ("_aborted", "_by", "_is_over", "_parent", "_requested_at", "drain_seconds")

    def __init__(self, drain_seconds: float = 10.0, parent: Interrupt | None = None) -> None:
        self.drain_seconds: float = drain_seconds if parent is None else parent.drain_seconds
        self._parent = parent
        self._by = ""
        self._requested_at: float | None = None
        self._aborted = False
        self._is_over: Callable[[], bool] | None = None

    @property
    def by(self) -> str:
        """Who asked, e.g. ``SIGINT``; ``""`` while nobody has."""
        return self._by or (self._parent.by if self._parent is not None else "")

    @property
    def requested(self) -> bool:
        """Whether the run shall end: nothing new may be started."""
        return self._request_time() is not None

    @property
    def aborted(self) -> bool:
        """Whether everything has to end now."""
        return self._aborted or (self._parent is not None and self._parent.aborted)

    def request(self, by: str = "caller") -> None:
        """Ask to finish what is in flight and to start nothing new; a second request changes nothing."""
        if self._requested_at is None:
            self._by = by
            self._requested_at = time.monotonic()

    def abort(self, by: str = "caller") -> None:
        """Ask to end at once."""
        self.request(by)
        self._aborted = True

    def request_when(self, is_over: Callable[[], bool], by: str) -> None:
        """Count as asked, by ``by``, as soon as ``is_over()`` is true; it is called often, and by any thread."""

        def look() -> bool:
            if is_over():
                self.request(by)
                return True
            return False

        self._is_over = look

    def check_request(self) -> None:
        """Raise Cancelled once the end was asked for: before something new is begun, and where nothing is in flight."""
        if self.requested:
            raise Cancelled(self.by)

    def check(self) -> None:
        """Raise Cancelled when not even what is in flight may be waited for any longer."""
        if self.aborted:
            raise Cancelled(self.by)
        since = self._request_time()
        if since is not None and time.monotonic() >= since + self.drain_seconds:
            raise Cancelled(self.by)

    def _request_time(self) -> float | None:
        if self._requested_at is None:
            if self._is_over is not None:
                self._is_over()
            elif self._parent is not None:
                return self._parent._request_time()
        return self._requested_at
