"""Storage commitment, as a run does it: listens, requests, and tells in the log what is wrong with the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from dcmsend.association import CommitmentRequester, ReportLimits, ReportListener
from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.proof import Committer
from dcmsend.protocol import AcceptanceTerms
from dcmsend.settings import Settings
from dcmsend.transfer import CommitmentAnswer, Proof

from .transactions import JournalTransactions

if TYPE_CHECKING:
    from dcmsend.journal import Journal, MovingJournal, Proofs, StoredRow

__all__ = ["Committing", "listen_for_reports"]

_log = get_logger("dcmsend.app")


class Committing:
    """Asks the peer of a run to commit itself to what it has stored, and takes its reports meanwhile."""

    def __init__(self, settings: Settings, interrupt: Interrupt) -> None:
        """``settings.commit`` must not be None."""
        assert settings.commit is not None
        self._settings = settings
        self._options = settings.commit
        self._peer = settings.dimse_peer
        self._transfer = settings.transfer
        self._interrupt = interrupt
        facts = settings.dimse_peer.facts
        self._transactions = JournalTransactions(f"{facts.called_ae_title}@{facts.host}:{facts.port}")
        self._proofs: Proofs | None = None
        self._listener: ReportListener | None = None

    def listen(self) -> None:
        """Listen for reports, if there is a port for it; before anything is sent.  Raises CannotListen, UsageError."""
        if self._listener is None:
            self._listener = listen_for_reports(self._settings, self._transactions.take_in_turn, self._interrupt)

    def use(self, journal: Journal | MovingJournal | None) -> None:
        """Keep reports in a journal from now on; None before it is closed.  Raises JournalError."""
        from dcmsend.journal import Proofs

        before, self._proofs = self._proofs, None if journal is None else Proofs(journal.path)
        self._transactions.use(self._proofs)
        if before is not None:
            before.close()

    def proofs(self, rows: Iterable[StoredRow]) -> Iterator[tuple[StoredRow, Proof]]:
        """Yield each row with its proof, which is kept already; see ``Committer.commit``.

        Raises JournalError, Cancelled.
        """
        requester = CommitmentRequester(self._peer, self._transfer, self._interrupt, self._transactions.take)
        committer: Committer[StoredRow] = Committer(
            requester, self._transactions, self._options, self._interrupt, warn=_warn
        )
        try:
            yield from committer.commit(rows)
        finally:
            requester.close()
        if self._listener is not None and self._listener.error is not None:
            raise self._listener.error  # a fault of ours on its thread
        if committer.given_up is not None:
            _tell_error(committer.error, committer.given_up)
        elif committer.silent:
            self._tell_silence(committer.silent)

    def close(self) -> None:
        """Listen no longer; never raises, may be called twice."""
        listener, self._listener = self._listener, None
        self._transactions.finish()
        if listener is not None:
            listener.close()

    def _tell_silence(self, requests: int) -> None:
        from dcmsend.advice import for_silence

        options, peer = self._options, self._peer
        advice = for_silence(peer.calling_ae_title, options.port)
        if options.seconds:
            _log.error("the archive has not reported on %d requests within %g s\n%s", requests, options.seconds, advice)
        else:
            from dcmsend.advice import ASKED_AGAIN

            _log.info("%d requests for commitment are left open; %s", requests, ASKED_AGAIN)


def listen_for_reports(
    settings: Settings, take: Callable[[CommitmentAnswer], int], interrupt: Interrupt
) -> ReportListener | None:
    """Listen where the archive reports, on a thread of its own; None if the user gives no port.

    ``take`` is called on that thread.  The caller closes the listener.  Raises CannotListen, UsageError, Cancelled.
    """
    options, peer = settings.commit, settings.dimse_peer
    if options is None or options.port is None:
        return None
    allowed = None if options.report_from is None else frozenset((options.report_from,))
    listener = ReportListener(
        AcceptanceTerms(peer.calling_ae_title, allowed), take, options.port,
        address=options.address, address_family=peer.address_family, expected_ae_title=peer.called_ae_title,
        tls=peer.tls, limits=ReportLimits(opening_seconds=settings.transfer.acse_timeout),
    )  # fmt: skip
    listener.start(interrupt)
    return listener


def _warn(reason: int | str, error: DcmsendError | None) -> None:
    from dcmsend.advice import CANNOT_COMMIT

    _log.warning("the archive does not take a request for commitment: %s\n%s", _words(reason, error), CANNOT_COMMIT)


def _tell_error(error: DcmsendError | None, reason: int | str) -> None:
    _log.error("no more commitments are requested: %s", _words(reason, error))


def _words(reason: int | str, error: DcmsendError | None) -> str:
    if error is not None:
        return str(error)
    if isinstance(reason, int):
        from dcmsend.protocol import general_status_text

        return f"it answers with status 0x{reason:04X}, {general_status_text(reason)}"
    return reason
