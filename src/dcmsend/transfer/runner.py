"""Opens an association, has it serve work, ends it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence

from dcmsend.errors import Cancelled, DcmsendError, NegotiationFailed
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities, FilesAhead
from dcmsend.protocol import PresentationContext

from .association import Association
from .events import AssociationClosed, AssociationOpened, Observer
from .messages import with_code
from .negotiation_log import log_accepted, log_rejected, log_request, warn_of_adjustments
from .opening import open_association
from .options import Peer, TransferOptions
from .outcome import StoreOutcome
from .prepare import Preparer
from .rate import Pace
from .store_loop import StoreLoop
from .work import Work

__all__ = ["MAX_FRUITLESS", "Counter", "Runner"]

MAX_FRUITLESS = 3
"""Associations in a row without a single answer after which the run is given up."""

_PATIENCE = 1.0
"""Seconds that are granted to the peer when the caller has left, and for a release when the end was asked for."""

_log = logging.getLogger("dcmsend.network")
_app_log = logging.getLogger("dcmsend.app")


class Counter:
    """Counts over all associations of a transfer; safe to be shared by threads.

    Attributes:
        associations: negotiations that were answered, also by "no context accepted".
        contexts: presentation contexts proposed in them.
    """

    __slots__ = ("_lock", "associations", "contexts")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.associations = 0
        self.contexts = 0

    def add(self, contexts: int) -> int:
        """Count an association; its number, from 1."""
        with self._lock:
            self.associations += 1
            self.contexts += contexts
            return self.associations


class Runner:
    """One association from its opening to its end.

    Attributes:
        association: None before ``open``.
        error: what ended it before its time; None while it is good.
        halted: the run has to end because of ``error``.
        answered: how many answers came.
    """

    def __init__(
        self,
        peer: Peer,
        options: TransferOptions,
        abilities: Abilities,
        files: FilesAhead,
        counter: Counter,
        interrupt: Interrupt,
        observer: Observer | None,
        *,
        is_numbered: bool,
        tries_again: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self._peer = peer
        self._options = options
        self._abilities = abilities
        self._files = files
        self._counter = counter
        self._interrupt = interrupt
        self._observer = observer
        self._is_numbered = is_numbered
        self._tries_again = tries_again
        self._pace = pace
        self._number = 0
        self._how = "aborted"
        self.association: Association | None = None
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0

    def open(self, contexts: Sequence[PresentationContext]) -> bool:
        """Connect and negotiate; false, and ``error`` set to NegotiationFailed or Cancelled, if that fails."""
        if self._is_numbered:
            _app_log.info("starting association #%d", self._counter.associations + 1)
        _app_log.info("initializing network ...")
        _app_log.info("negotiating network association ...")
        log_request(self._peer, contexts, self._options)
        warn_of_adjustments(self._peer, self._options)
        patience, self._interrupt.drain_seconds = self._interrupt.drain_seconds, 0.0  # nothing is in flight yet
        try:
            self.association = open_association(self._peer, contexts, self._options, self._interrupt)
        except Cancelled as error:
            self.error = error
            return False
        except DcmsendError as error:
            log_rejected(error)
            self.error = NegotiationFailed(error)
            return False
        finally:
            self._interrupt.drain_seconds = patience
        log_accepted(self.association, self._peer, contexts, self._options)
        self._number = self._counter.add(len(contexts))
        if self.association.accepted:
            self.association.prepare_to_send(self._pace)
        self._tell_opened(self.association, len(contexts))
        return True

    def _tell_opened(self, association: Association, proposed: int) -> None:
        if self._observer is None:
            return
        try:
            self._observer.association_opened(
                AssociationOpened(
                    self._number, proposed, len(association.accepted), association.fragment_length, association.window
                )
            )
        except BaseException:
            association.abort(_PATIENCE)
            self.close()
            raise

    def run(self, work: Work) -> Iterator[StoreOutcome]:
        """Serve ``work`` until there is no more, or until the association has ended; then release it."""
        assert self.association is not None
        loop = StoreLoop(
            self.association,
            self._number,
            work,
            Preparer(self.association, self._options, self._abilities, self._files, self._interrupt),
            halt_on_failure=self._options.halt_on_failure and not self._tries_again,
            interrupt=self._interrupt,
            observer=self._observer,
            pace=self._pace,
        )
        try:
            for outcome in loop.run():
                if self._tries_again and outcome.is_out_of_resources:
                    work.stop()  # for all associations
                yield outcome
            self.error, self.halted, self.answered = loop.error, loop.halted, loop.answered
            if self.error is None:
                self.release()
            else:
                self._how = str(getattr(self.error, "cause", self.error))
        except BaseException:  # nobody takes the outcomes any more, or an observer has failed
            self.association.abort(_PATIENCE)
            raise
        finally:
            self.close()

    def release(self) -> None:
        """Release in order; the log tells if the peer does something else."""
        assert self.association is not None
        _log.info("Releasing Association")
        self._interrupt.drain_seconds = min(self._interrupt.drain_seconds, _PATIENCE)
        try:
            self.association.release()
            self._how = "released"
        except Cancelled:
            pass  # everything has its outcome already
        except DcmsendError as error:
            self._how = str(error)
            _log.error("Association Release Failed: %s", with_code(error))

    def close(self) -> None:
        """Close the connection and tell the observer how it ended."""
        if self.association is None:
            return
        self.association.close()
        self.association = None
        if self._observer is not None:
            self._observer.association_closed(AssociationClosed(self._number, self._how))

