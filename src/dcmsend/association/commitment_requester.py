"""Asks an archive to commit itself to instances, and takes the reports that come over the same association.

Source: PS3.4 J.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dcmsend.errors import PeerDataSetError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.protocol import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
    Message,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    SOPReference,
    answer_to_report,
    decode_commitment_report,
    encode_commitment_request,
    general_status_text,
)
from dcmsend.transfer import CommitmentAnswer, TransferOptions

from .commitment_answer import answer_of
from .exchange import Exchange
from .peer import Peer
from .report_taker import PROCESSING_FAILURE, shown

__all__ = ["CommitmentRequester"]

_REQUEST_STORAGE_COMMITMENT: Final = 1
"""Action Type ID.  Source: PS3.4 J.3.2.1.1."""
_MOST_REPORTS: Final = 1000
"""Reports taken in one call; an archive has a few requests of ours at a time."""

_log = get_logger("dcmsend.network")


class CommitmentRequester:
    """Requests storage commitment from one archive, over an association that stays open; used by one thread.

    Many transactions may be without a report at a time.  Reports over other associations are not seen here.
    After every error but LocalProtocolError the association has been aborted; the next request opens another.
    """

    def __init__(
        self,
        peer: Peer,
        options: TransferOptions,
        interrupt: Interrupt,
        take: Callable[[CommitmentAnswer], int],
    ) -> None:
        """Nothing is opened yet.

        Args:
            peer: the archive.
            options: the time-outs, and the longest PDU.
            interrupt: ends a wait early.
            take: called with each report, even for unknown transactions; returns the status for the archive, 0 for
                success (PS3.7 §10.1.1.1.8).  What it raises passes through, and the archive gets no answer.
        """
        self._exchange = Exchange(peer, STORAGE_COMMITMENT_PUSH_MODEL, options, interrupt)
        self._take = take
        self._syntax = ""
        self._is_first = True

    @property
    def is_open(self) -> bool:
        """Whether there is an association; call ``take_waiting`` first to notice that the archive has ended it."""
        return self._exchange.is_open

    def open(self) -> None:
        """Open the association if there is none.

        Raises NegotiationFailed, SopClassRefused, RemoteProtocolError, Cancelled.
        """
        self._syntax = self._exchange.open()

    def request(self, transaction_uid: str, instances: Sequence[tuple[str, str]]) -> int:
        """Ask for a commitment to at least one instance; return the status of the archive's answer.

        Status 0 says that the request has arrived; the report comes later, or has been taken already: reports that
        come before the answer are taken at once, and so are those that have waited since the last call.
        The association is opened if there is none.

        Raises NegotiationFailed, SopClassRefused, RemoteProtocolError, AssociationAborted, AssociationReleased,
        ConnectionLost, TimedOut, Cancelled; LocalProtocolError for no instance.
        """
        self.take_waiting()
        self.open()
        request = NActionRQ(
            self._exchange.next_message_id(), STORAGE_COMMITMENT_PUSH_MODEL, STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
            _REQUEST_STORAGE_COMMITMENT,
        )  # fmt: skip
        references = [SOPReference(*instance) for instance in instances]
        data_set = encode_commitment_request(transaction_uid, references, self._syntax)
        self._log_request(request, transaction_uid, len(references))
        self._exchange.send(request, data_set)
        for _ in range(_MOST_REPORTS + 1):
            message = self._exchange.hear("the answer to N-ACTION")
            response = message.command
            if isinstance(response, NActionRSP) and response.message_id_responded_to == request.message_id:
                _log.debug("Received N-ACTION Response (%s)", general_status_text(response.status))
                return response.status
            self._receive(message)
        raise self._exchange.broken("the archive reports on storage commitment without end")

    def take_waiting(self) -> None:
        """Take the reports that have arrived, without waiting; does nothing if there is no association.

        A release by the archive is confirmed, and is no error.
        Raises RemoteProtocolError, AssociationAborted, ConnectionLost, TimedOut, Cancelled.
        """
        for _ in range(_MOST_REPORTS):
            message = self._exchange.heard()
            if message is None:
                return
            self._receive(message)

    def close(self) -> None:
        """Release the association; never raises, may be called twice."""
        self._exchange.close()

    def abort(self) -> None:
        """Abort the association, if there is one; never raises."""
        self._exchange.abort()

    def _receive(self, message: Message) -> None:
        """Take a report and answer it; nothing else may come."""
        request = message.command
        if not isinstance(request, NEventReportRQ):
            raise self._exchange.broken("the peer sends something else than the answer to N-ACTION or a report")
        try:
            report = decode_commitment_report(message.data_set or b"", self._syntax)
        except PeerDataSetError as error:
            _log.warning("A report of the archive on storage commitment cannot be read: %s", shown(error))
            status = PROCESSING_FAILURE
        else:
            _log.debug(
                "Received N-EVENT-REPORT Request (MsgID %d, transaction %s, committed: %d, failed: %d)",
                request.message_id, shown(report.transaction_uid), len(report.committed), len(report.failed),
            )  # fmt: skip
            try:
                status = self._take(answer_of(report))
            except BaseException:
                self._exchange.abort()
                raise
        self._exchange.reply(answer_to_report(request, status))

    def _log_request(self, request: NActionRQ, transaction_uid: str, count: int) -> None:
        if self._is_first:
            self._is_first = False
            _log.info("Requesting Storage Commitment")
        _log.debug(
            "Sending N-ACTION Request (MsgID %d, transaction %s, instances: %d)",
            request.message_id, transaction_uid, count,
        )  # fmt: skip
