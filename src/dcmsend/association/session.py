"""A session of the transfer that is one DICOM association."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

from dcmsend.errors import Cancelled, DcmsendError, PlanError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import DEBUG, INFO, get_logger
from dcmsend.transfer import (
    Counter,
    Observer,
    StoreOutcome,
    Timings,
    TransferOptions,
)

from .association import Association
from .dimse_stretch import DimseStretch
from .negotiation_log import log_request, warn_of_adjustments
from .opening import open_association
from .peer import Peer
from .prepare import Preparer
from .store_log import with_code
from .store_loop import StoreLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Pace, Taker

__all__ = ["DimseSession"]

_PATIENCE = 1.0
"""Seconds to wait for the peer when the caller has stopped, and for a release when the run is asked to end."""

_log = get_logger("dcmsend.network")
_app_log = get_logger("dcmsend.app")


class DimseSession:
    """One association from its opening to its end; see ``transfer.Session``.

    Args:
        counter: counts the associations of the whole transfer.
        is_numbered: whether the log shows the number of the association (not with ``-ma``).
        observer: is told when the association opens and closes, and of bytes sent.
        pace: limits how fast data are sent, None for no limit.
        make_preparer: makes the ``Preparer`` for an open association.
    """

    def __init__(
        self,
        peer: Peer,
        stretch: DimseStretch,
        options: TransferOptions,
        counter: Counter,
        interrupt: Interrupt,
        observer: Observer | None,
        pace: Pace | None,
        *,
        make_preparer: Callable[[Association, Interrupt], Preparer],
        is_numbered: bool,
    ) -> None:
        self._make_preparer = make_preparer
        self._peer = peer
        self._stretch = stretch
        self._options = options
        self._counter = counter
        self._interrupt = interrupt
        self._observer = observer
        self._pace = pace
        self._is_numbered = is_numbered
        self._number = 0
        self._how = "aborted"
        self._association: Association | None = None
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0
        self.takes_nothing: PlanError | None = None
        self.timings = Timings()

    def open(self) -> None:
        """Connect and negotiate.  Raises NegotiationFailed, Cancelled."""
        if self._is_numbered:
            is_debugging = _app_log.isEnabledFor(DEBUG)
            if is_debugging:
                _app_log.debug("-" * 65)
            level = DEBUG if is_debugging else INFO
            _app_log.log(level, "starting association #%d", self._counter.counts.sessions + 1)
        _app_log.info("initializing network ...")
        _app_log.info("negotiating network association ...")
        contexts = self._stretch.contexts
        log_request(self._peer, contexts, self._options)
        warn_of_adjustments(self._peer, self._options)
        patience, self._interrupt.drain_seconds = self._interrupt.drain_seconds, 0.0  # nothing is in flight yet
        try:
            association = open_association(self._peer, contexts, self._options, self._interrupt)
        finally:
            self._interrupt.drain_seconds = patience
        self._association = association
        self._number = self._counter.add(len(contexts))
        if association.accepted:
            association.prepare_to_send(self._pace)
        else:
            self.takes_nothing = PlanError("No acceptable Presentation Contexts")
        self._tell_opened(association, len(contexts))

    def _tell_opened(self, association: Association, proposed: int) -> None:
        if self._observer is None:
            return
        from dcmsend.transfer import AssociationOpened

        try:
            self._observer.association_opened(
                AssociationOpened(
                    self._number, proposed, len(association.accepted), association.fragment_length, association.window
                )
            )
        except BaseException:
            association.abort(_PATIENCE)
            self._close()
            raise

    def run(self, work: Taker) -> Iterator[StoreOutcome]:
        """Send the instances of ``work`` until none is left or the association has ended; then release it."""
        association = self._association
        assert association is not None
        tries_again = self._options.retry.attempts > 0
        loop = StoreLoop(
            association,
            self._number,
            self._stretch,
            work,
            self._make_preparer(association, self._interrupt),
            halt_on_failure=self._options.halt_on_failure and not tries_again,
            interrupt=self._interrupt,
            observer=self._observer,
            pace=self._pace,
            timings=self.timings,
        )
        try:
            with closing(loop.run()) as outcomes:  # a compiled generator does not end by itself when it is left
                for outcome in outcomes:
                    if tries_again and outcome.is_out_of_resources:
                        work.stop()  # for all associations
                    yield outcome
            self.error, self.halted, self.answered = loop.error, loop.halted, loop.answered
            if self.error is None:
                self._release(association)
            else:
                self._how = str(getattr(self.error, "cause", self.error))
        except BaseException:  # the caller takes no more outcomes, or an observer has failed
            association.abort(_PATIENCE)
            raise
        finally:
            self._close()

    def close(self) -> None:
        """Release and close an association that is open and no longer used; may be called twice."""
        if self._association is not None:
            self._release(self._association)
            self._close()

    def _release(self, association: Association) -> None:
        """Release in order; log it if the peer does something else."""
        _log.info("Releasing Association")
        self._interrupt.limit_wait(_PATIENCE)
        try:
            association.release()
            self._how = "released"
        except Cancelled:
            self._how = "release not confirmed"  # every instance has its outcome already
        except DcmsendError as error:
            self._how = str(error)
            _log.error("Association Release Failed: %s", with_code(error))

    def _close(self) -> None:
        """Close the connection and tell the observer how it ended."""
        if self._association is None:
            return
        self._association.close()
        self._association = None
        if self._observer is not None:
            from dcmsend.transfer import AssociationClosed

            self._observer.association_closed(AssociationClosed(self._number, self._how))
