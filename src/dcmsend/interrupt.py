"""A request to end the run, which every wait notices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcmsend.errors import Cancelled

__all__ = ["WAIT_SLICE", "Interrupt"]

WAIT_SLICE = 0.25
"""Seconds after which a waiting call checks its deadline and the Interrupt."""


class Interrupt:
    """Ends a run early: first in order, then at once.

    One object is shared by all associations of a run.  ``request`` and ``abort`` only store values, so a signal handler
    or any thread may call them; every wait looks at the object every ``WAIT_SLICE`` seconds.

    A child object ends when its parent does.  It may also be ended alone, e.g. for one association that is not needed
    any more.

    Attributes:
        drain_seconds: how long to wait for requests in flight after a stop request.  A child has its own value, because
            nothing is in flight while its association is opened or released.
    """

    __slots__ = ("_aborted", "_awaited", "_by", "_is_over", "_parent", "_requested_at", "drain_seconds")

    def __init__(self, drain_seconds: float = 10.0, parent: Interrupt | None = None) -> None:
        self.drain_seconds: float = drain_seconds if parent is None else parent.drain_seconds
        self._parent = parent
        self._by = ""
        self._requested_at: float | None = None
        self._aborted = False
        self._awaited: list[Callable[[], int]] = [] if parent is None else parent._awaited
        self._is_over: Callable[[], bool] | None = None

    @property
    def by(self) -> str:
        """The origin of the request, e.g. ``SIGINT``; ``""`` if there is none."""
        return self._by or (self._parent.by if self._parent is not None else "")

    @property
    def requested(self) -> bool:
        """Whether the run has to end: nothing new may be started."""
        if self._requested_at is not None:
            return True
        if self._is_over is not None:
            return self._is_over()
        return self._parent is not None and self._parent.requested

    @property
    def aborted(self) -> bool:
        """Whether everything has to end now."""
        return self._aborted or (self._parent is not None and self._parent.aborted)

    @property
    def answers_due(self) -> int:
        """How many requests are in flight, over all sessions of the run."""
        return sum(count() for count in tuple(self._awaited))

    @contextmanager
    def awaiting(self, count: Callable[[], int]) -> Iterator[None]:
        """Within the block ``count()`` tells how many requests of a session are in flight; any thread may call it."""
        self._awaited.append(count)
        try:
            yield
        finally:
            self._awaited.remove(count)

    def request(self, by: str = "caller") -> None:
        """Ask to finish requests in flight and to start nothing new; a second request changes nothing."""
        if self._requested_at is None:
            self._by = by
            self._requested_at = time.monotonic()

    def abort(self, by: str = "caller") -> None:
        """Ask to end at once."""
        self.request(by)
        self._aborted = True

    def request_when(self, is_over: Callable[[], bool], by: str) -> None:
        """Act as if ``by`` had asked once ``is_over()`` is true; any thread may call that function, often."""

        def look() -> bool:
            if is_over():
                self.request(by)
                return True
            return False

        self._is_over = look

    def check_request(self) -> None:
        """Raise Cancelled after a request to end: call it before new work, and where nothing is in flight."""
        if self.requested:
            raise Cancelled(self.by)

    def check(self) -> None:
        """Raise Cancelled when requests in flight may not be waited for any longer."""
        if not self.requested:
            return
        since = self._request_time()
        if self.aborted or (since is not None and time.monotonic() >= since + self.drain_seconds):
            raise Cancelled(self.by)

    def limit_wait(self, seconds: float) -> None:
        """Let what follows wait at most so long after a request to end, or from now on if there was one already.

        What was in flight has ended by now, and may have taken all the time that it had.
        """
        since = self._request_time()
        passed = 0.0 if since is None else time.monotonic() - since
        self.drain_seconds = passed + min(seconds, self.drain_seconds)

    def _request_time(self) -> float | None:
        if self._requested_at is None and self._parent is not None:
            return self._parent._request_time()
        return self._requested_at
