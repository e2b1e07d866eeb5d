"""The acceptor's side of one association in which an archive reports on storage commitment; does no I/O.

Source: PS3.4 J.3.3, PS3.7 §10.1.1, PS3.8 §9.2.
"""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from typing import Final

from dcmsend.dicom.value import Value
from dcmsend.errors import RemoteProtocolError

from .acceptance import BUSY, AcceptanceTerms, answer_association
from .command_set import encode_command
from .commitment import STORAGE_COMMITMENT_PUSH_MODEL
from .dimse import VERIFICATION_SOP_CLASS, CEchoRQ, CEchoRSP, Command
from .events import AssociationRequested, CommandReceived, DataReceived, Event, PeerReleaseRequested
from .fragment import encode_command_pdus, max_fragment_length
from .further_commands import NEventReportRQ, NEventReportRSP
from .items import INVALID_PARAMETER_VALUE
from .message_assembly import Message, MessageAssembly
from .pdu import Abort, AssociateRQ, ReleaseRP
from .states import State
from .upper_layer import UpperLayer

__all__ = ["ReceivedReport", "ReportAcceptor", "answer_to_report"]

MOST_UNANSWERED: Final = 8
"""Unanswered reports accepted from a peer; without a negotiated window it may send one."""

_CAN_ANSWER: Final = (State.DATA_TRANSFER, State.AWAITING_LOCAL_RELEASE_RESPONSE)
_SERVICE_PROVIDER: Final = 2


class ReceivedReport(Value):
    """A complete N-EVENT-REPORT-RQ.

    Attributes:
        context_id: of the accepted presentation context.
        request: the command.
        data_set: as received, see ``decode_commitment_report``; empty if there is none.
        transfer_syntax: UID of the transfer syntax of the data set.
    """

    __slots__ = ("context_id", "request", "data_set", "transfer_syntax")

    def __init__(self, context_id: int, request: NEventReportRQ, data_set: bytes, transfer_syntax: str) -> None:
        self.context_id: Final = context_id
        self.request: Final = request
        self.data_set: Final = data_set
        self.transfer_syntax: Final = transfer_syntax


def answer_to_report(request: NEventReportRQ, status: int = 0) -> NEventReportRSP:
    """The response to a report; status 0 is success.  Source: PS3.7 §10.3.1.2."""
    return NEventReportRSP(
        request.message_id, status, request.affected_sop_class_uid, request.affected_sop_instance_uid,
        request.event_type_id,
    )  # fmt: skip


class ReportAcceptor:
    """One association that an archive has opened: answers C-ECHO, hands out reports, aborts at anything else.

    The caller sends the bytes that ``receive_data`` and ``answer`` return, and closes the connection when ``is_over``.
    It answers each report before it passes in further bytes; otherwise reports gather in memory.

    Attributes:
        peer: the peer's A-ASSOCIATE-RQ, None until it has arrived.
        error: why the association was aborted or has ended early, None while it is good.
        is_busy: whether a request is rejected because too many associations are open; the caller sets it.
    """

    def __init__(self, terms: AcceptanceTerms) -> None:
        """Wait for a request; ``terms`` decide whether it is accepted."""
        self.peer: AssociateRQ | None = None
        self.error: RemoteProtocolError | None = None
        self.is_busy = False
        self._terms = terms
        self._layer = UpperLayer(terms.max_pdu_length, is_acceptor=True)
        self._assembly = MessageAssembly()
        self._reports: list[ReceivedReport] = []
        self._unanswered = 0
        self._owes_release = False

    @property
    def is_associated(self) -> bool:
        """Whether the association is established, so that the peer may still report."""
        return self._layer.state in _CAN_ANSWER

    @property
    def is_over(self) -> bool:
        """Whether the conversation is over: close the connection, after a time if ``peer_closes``."""
        return self._layer.state in (State.IDLE, State.AWAITING_TRANSPORT_CLOSE)

    @property
    def peer_closes(self) -> bool:
        """Whether it is over and the peer has to close, for which it has a time (PS3.8's ARTIM)."""
        return self._layer.state is State.AWAITING_TRANSPORT_CLOSE

    def receive_data(self, data: bytes) -> bytes:
        """Take received bytes; return the bytes to send at once.  ``take_reports`` then returns the reports.

        Never raises: a protocol violation by the peer is in ``error``, and the answer is an A-ABORT.
        """
        reply = bytearray()
        if self.is_over:
            return b""
        try:
            for event in self._layer.receive_data(data):
                reply += self._react(event)
            if self._layer.violation is not None:
                raise self._layer.violation
        except RemoteProtocolError as error:
            reply += self._abort(error)
        return bytes(reply)

    def receive_closed(self) -> None:
        """Note that the peer has closed the connection."""
        try:
            self._layer.receive_closed()
        except RemoteProtocolError as error:
            self.error = self.error or error

    def take_reports(self) -> list[ReceivedReport]:
        """The reports received since the last call, in order."""
        reports, self._reports = self._reports, []
        return reports

    def answer(self, report: ReceivedReport, status: int = 0) -> bytes:
        """The bytes of the response to a report; empty if the association has ended in the meantime."""
        self._unanswered -= 1
        response = self._encode(report.context_id, answer_to_report(report.request, status))
        if self._owes_release and not self._unanswered:
            response += self._release()
        return response

    def abort(self) -> bytes:
        """The bytes that abort the association for reasons of our own; empty if there is none."""
        if self.is_over or self._layer.state is State.AWAITING_ASSOCIATE_RQ:
            return b""
        return self._layer.send(Abort())

    def _react(self, event: Event) -> bytes:
        """The answer to an event; empty if a later event has already ended the association."""
        if isinstance(event, AssociationRequested):
            self.peer = event.pdu
            if self._layer.state is not State.AWAITING_LOCAL_ASSOCIATE_RESPONSE:
                return b""
            return self._layer.send(BUSY if self.is_busy else answer_association(event.pdu, self._terms))
        if isinstance(event, CommandReceived | DataReceived):
            message = self._assembly.receive(event)
            return b"" if message is None else self._take(message)
        if isinstance(event, PeerReleaseRequested):
            self._owes_release = True
            return b"" if self._unanswered else self._release()
        return b""  # the peer has aborted

    def _take(self, message: Message) -> bytes:
        """The immediate answer to a message.  Raises RemoteProtocolError for messages that are not accepted."""
        context = self._layer.accepted_contexts.get(message.context_id)
        if context is None:
            raise RemoteProtocolError(f"DIMSE: presentation context {message.context_id} was not accepted")
        command = message.command
        if isinstance(command, CEchoRQ) and context.abstract_syntax == VERIFICATION_SOP_CLASS:
            return self._encode(message.context_id, CEchoRSP(command.message_id, 0))
        if isinstance(command, NEventReportRQ) and context.abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL:
            if self._unanswered == MOST_UNANSWERED:
                raise RemoteProtocolError("DIMSE: too many reports at once", INVALID_PARAMETER_VALUE)
            self._unanswered += 1
            data_set = message.data_set or b""
            self._reports.append(ReceivedReport(message.context_id, command, data_set, context.transfer_syntax))
            return b""
        name = type(command).__name__
        raise RemoteProtocolError(f"DIMSE: {name} where only C-ECHO and storage commitment reports are taken")

    def _encode(self, context_id: int, command: Command) -> bytes:
        """The PDUs of a response; empty when the association has ended."""
        if not self.is_associated:
            return b""
        fragment_length = max_fragment_length(self._layer.peer_max_length)
        return encode_command_pdus(encode_command(command), context_id, fragment_length)

    def _release(self) -> bytes:
        self._owes_release = False
        if self._layer.state is not State.AWAITING_LOCAL_RELEASE_RESPONSE:
            return b""
        return self._layer.send(ReleaseRP())

    def _abort(self, error: RemoteProtocolError) -> bytes:
        """Our A-ABORT for a violation; its source is the service user if the upper layer was not violated."""
        self.error = self.error or error
        if self._layer.violation is None and self.is_over:
            return b""
        source = _SERVICE_PROVIDER if error.abort_reason else 0
        return self._layer.send(Abort(source, error.abort_reason))
