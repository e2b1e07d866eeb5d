"""The port on which an archive reports on storage commitment.

Source: PS3.4 J.3.3: the archive opens an association of its own, as the SCP of the Push Model.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable

from dcmsend.errors import CannotListen
from dcmsend.fork import own
from dcmsend.interrupt import WAIT_SLICE, Interrupt
from dcmsend.loggers import get_logger
from dcmsend.protocol import AcceptanceTerms, ReportAcceptor
from dcmsend.transfer import CommitmentAnswer
from dcmsend.transport import AddressFamily, Listener

from .report_connection import ReportConnection, ReportLimits
from .report_taker import ReportTaker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transport import TlsClient

__all__ = ["ReportListener"]

_PAUSE = 1.0
"""Seconds without accepting after the system had no means for a further connection."""
_MOST_PARTINGS = 10
"""So many times ``parting_seconds`` pass at most, whatever time taking further reports needs."""

_log = get_logger("dcmsend.network")


class ReportListener:
    """Takes the reports of archives, and answers C-ECHO, in a thread of its own, from ``start`` to ``close``.

    Attributes:
        address: as people are shown it, e.g. ``port 104``; ``""`` before ``start``.
        port: number of the bound port; as it was given before ``start``.
    """

    def __init__(
        self,
        terms: AcceptanceTerms,
        take: Callable[[CommitmentAnswer], int],
        port: int,
        *,
        address: str = "",
        address_family: AddressFamily = AddressFamily.IPV4,
        expected_ae_title: str | None = None,
        tls: TlsClient | None = None,
        limits: ReportLimits | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            terms: which associations are accepted.
            take: called with each report that can be read, in the listener's thread, one at a time; returns the status
                of the answer, 0 for success.  It may take its time: the peers' limits are not running meanwhile.
            port: 0..65535, 0 for a free one.
            address: name or address of an interface of this machine, ``""`` for all.
            address_family: which kinds of address are meant by ``""`` or a name.
            expected_ae_title: the archive that was asked; reports of others are taken with a warning.  None for any.
            tls: callers must speak TLS, with a certificate that this client's options trust; None for plain TCP.
            limits: by default those of ReportLimits.
        """
        self.address = ""
        self.port = port
        self._terms = terms
        self._where = address, address_family
        self._tls = tls
        self._limits = limits or ReportLimits()
        self._taker = ReportTaker(take, expected_ae_title)
        self._failure: BaseException | None = None
        self._is_closing = False
        self._is_paused_until = 0.0
        self._connections: set[ReportConnection] = set()
        self._listener: Listener | None = None
        self._selector: selectors.BaseSelector | None = None
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._interrupt: Interrupt | None = None
        self._thread: threading.Thread | None = None

    @property
    def error(self) -> BaseException | None:
        """What ``take`` has raised, or what has ended the thread; None as long as all is well."""
        return self._taker.error or self._failure

    def start(self, interrupt: Interrupt | None = None) -> None:
        """Listen from now on; call it once.  ``interrupt`` ends the wait for a name server, and that of ``close``.

        Raises CannotListen, Cancelled; UsageError when a file of ``tls`` cannot be used; ValueError for an impossible
        port, or if ``tls`` has no certificate of ours.
        """
        server = None if self._tls is None else self._tls.make_server()
        self._interrupt = interrupt
        try:
            self._listener = Listener(self._where[0], self.port, self._where[1], interrupt, server)
            self.address, self.port = self._listener.address, self._listener.port
            self._selector = selectors.DefaultSelector()
            self._wake = socket.socketpair()
            self._wake[0].setblocking(False)
            self._selector.register(self._wake[0], selectors.EVENT_READ)
            own(self)
            thread = threading.Thread(target=self._run, name="reports", daemon=True)
            thread.start()
            self._thread = thread
        except BaseException as error:
            self._release()
            if isinstance(error, OSError | RuntimeError):  # no descriptor, no thread is left
                raise CannotListen(self.address, str(error)) from error
            raise
        _log.debug("listening for storage commitment reports on %s as '%s'", self.address, self._terms.ae_title)

    def close(self) -> None:
        """Stop listening, abort what is open, and wait for the thread; may be called twice, and without ``start``.

        An archive that has just reported is let read the answer and release, for at most the limits'
        ``parting_seconds``, unless the ``interrupt`` of ``start`` asks to end.  Time in which ``take`` works does not
        count, up to ten times as much; after that an abort may follow the answer at once.
        Called by ``take`` it only has the thread end afterwards; a second call then frees the rest.
        """
        self._is_closing = True
        thread = self._thread
        if thread is threading.current_thread():
            return
        if thread is not None and self._wake is not None:
            self._wake[1].send(b"x")
            thread.join()
        self._thread = None
        self._release()

    def give_up(self) -> None:
        """Close the copies in a forked child, which has no such thread; the parent goes on listening."""
        self._thread = None
        for connection in list(self._connections):
            connection.give_up()
        self._connections.clear()
        self._release()

    def _release(self) -> None:
        """Close everything but the connections."""
        if self._listener is not None:
            self._listener.close()
        if self._selector is not None:
            self._selector.close()
        for sock in self._wake or ():
            sock.close()
        self._wake = None

    # -- the thread

    def _run(self) -> None:
        assert self._selector is not None
        try:
            while not self._is_closing:
                self._turn(self._selector)
            self._part(self._selector)
        except BaseException as error:  # the run raises it; a thread could only lose it
            self._failure = error
        finally:
            for connection in self._connections:
                with contextlib.suppress(Exception):
                    connection.abort()
                connection.close()
            self._connections.clear()
            if self._listener is not None:
                self._listener.close()

    def _part(self, selector: selectors.BaseSelector) -> None:
        """Let archives that have just reported release their associations; take no further callers.

        An abort would tell them that something was wrong, and some would report once more.
        """
        assert self._listener is not None
        assert self._wake is not None
        _watch(selector, self._listener, 0)
        self._listener.close()
        selector.unregister(self._wake[0])  # nobody reads from it: it would wake each turn
        seconds = self._limits.parting_seconds
        end, last = self._now() + seconds, time.monotonic() + _MOST_PARTINGS * seconds
        while (self._interrupt is None or not self._interrupt.requested) and time.monotonic() < last:
            until = min(end, max((each.parting_until for each in self._connections), default=-math.inf))
            now = self._now()
            if now >= until:
                return
            self._turn(selector, min(until, now + WAIT_SLICE))

    def _now(self) -> float:
        """Seconds of a clock that stands still while a report is taken, for nobody can be too slow then."""
        return time.monotonic() - self._taker.seconds

    def _turn(self, selector: selectors.BaseSelector, end: float = math.inf) -> None:
        """Wait, not beyond ``end``, and do what there is to do."""
        listener = self._listener
        assert listener is not None
        now = self._now()
        if not self._is_closing:
            wants_callers = len(self._connections) < self._limits.connections and now >= self._is_paused_until
            _watch(selector, listener, selectors.EVENT_READ if wants_callers else 0)
        for connection in self._connections:
            _watch(selector, connection, selectors.EVENT_WRITE if connection.has_unsent else selectors.EVENT_READ)
        times = [connection.deadline for connection in self._connections]
        if end < math.inf:
            times.append(end)
        if now < self._is_paused_until:
            times.append(self._is_paused_until)
        ready = selector.select(max(0.0, min(times) - now) if times else None)
        now = self._now()
        for key, _ in ready:
            if isinstance(key.fileobj, ReportConnection):
                are_many = sum(each.is_associated for each in self._connections) >= self._limits.associations
                key.fileobj.react(now, is_busy=are_many or self._is_closing)
            elif key.fileobj is listener:
                self._accept(listener, now)
        for connection in list(self._connections):
            connection.check_time(now)
            if connection.is_done:
                _watch(selector, connection, 0)
                self._connections.discard(connection)
                connection.close()

    def _accept(self, listener: Listener, now: float) -> None:
        try:
            connection = listener.accept()
        except OSError as error:
            self._taker.warn_once("accept", f"no further caller can be taken for now: {error.strerror or error}")
            self._is_paused_until = now + _PAUSE
            return
        if connection is not None:
            acceptor = ReportAcceptor(self._terms)
            self._connections.add(ReportConnection(connection, acceptor, self._taker, self._limits, now))


def _watch(selector: selectors.BaseSelector, thing: Listener | ReportConnection, events: int) -> None:
    """Register for ``events``, change them, or unregister for 0; no system call if nothing changes."""
    key = selector.get_map().get(thing)
    if key is None:
        if events:
            selector.register(thing, events)
    elif not events:
        selector.unregister(thing)
    elif key.events != events:
        selector.modify(thing, events)
