"""A session of the transfer that is one connection to a web service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcmsend.errors import Cancelled, DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.transfer import Counter, Observer, StoreOutcome, Timings, TransferOptions

from .batch import BatchLimits, Gatherer
from .batch_loop import BatchLoop
from .errors import WebSessionFailed, in_web_words
from .http_connection import HttpConnection
from .requests import Requests
from .web_peer import WebPeer

if TYPE_CHECKING:
    from dcmsend.transfer import Pace, Taker

__all__ = ["StowSession"]

_app_log = get_logger("dcmsend.app")


class StowSession:
    """One connection at a time to a web service; see ``transfer.Session``.

    ``open`` connects and sends no request.  A connection that the server has closed between two requests is replaced
    without a word, as HTTP has it.

    Args:
        counter: counts the sessions of the whole transfer.
        limits: how large requests may be.
        make_gatherer: makes the ``Gatherer`` for a work.
        observer: is told when the session opens and closes, and of bytes sent.
        pace: limits how fast data are sent, None for no limit.
    """

    def __init__(
        self,
        peer: WebPeer,
        options: TransferOptions,
        counter: Counter,
        limits: BatchLimits,
        interrupt: Interrupt,
        observer: Observer | None,
        pace: Pace | None,
        *,
        make_gatherer: Callable[[Taker, Interrupt], Gatherer],
    ) -> None:
        self._peer = peer
        self._options = options
        self._counter = counter
        self._limits = limits
        self._interrupt = interrupt
        self._observer = observer
        self._pace = pace
        self._make_gatherer = make_gatherer
        self._connection = HttpConnection(peer, options, interrupt)
        self._requests = Requests(peer, interrupt)
        self._number = 0
        self._how = "closed"
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0
        self.takes_nothing: DcmsendError | None = None
        self.timings = Timings()

    def open(self) -> None:
        """Connect.  Raises WebSessionFailed, Cancelled."""
        _app_log.info("connecting to %s ...", self._peer.facts.label)
        try:
            self._requests.check()
            self._connection.open()
        except Cancelled:
            raise
        except DcmsendError as error:
            raise WebSessionFailed(in_web_words(error)) from error
        self._number = self._counter.add()
        if self._observer is not None:
            from dcmsend.transfer import AssociationOpened

            try:
                self._observer.association_opened(AssociationOpened(self._number, 0, 0, 0))
            except BaseException:
                self.close()
                raise

    def run(self, work: Taker) -> Iterator[StoreOutcome]:
        """Send the instances of ``work`` until none is left or the session has ended; then close the connection."""
        loop = BatchLoop(
            self._connection, self._requests, self._number, work, self._make_gatherer(work, self._interrupt),
            self._limits, self._options, self._peer.facts, self._interrupt, self._observer, self._pace, self.timings,
        )  # fmt: skip
        try:
            yield from loop.run()
        except BaseException:  # the caller takes no more outcomes, or an observer has failed
            self._how = "aborted"
            raise
        finally:
            self.error, self.halted, self.answered = loop.error, loop.halted, loop.answered
            if self.error is not None:
                self._how = str(getattr(self.error, "cause", self.error))
            self.close()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._connection.close()
        number, self._number = self._number, 0
        if number and self._observer is not None:
            from dcmsend.transfer import AssociationClosed

            self._observer.association_closed(AssociationClosed(number, self._how))
