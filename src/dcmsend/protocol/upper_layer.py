"""The DICOM upper layer without I/O: bytes in, events out; PDUs in, bytes out.  Source: PS3.8 §9.2."""

from __future__ import annotations

from struct import Struct

from dcmsend.errors import LocalProtocolError, RemoteProtocolError

from .command_set import decode_command
from .contexts import AcceptedContext, accepted_contexts
from .events import (
    AssociationAccepted,
    AssociationRefused,
    AssociationRequested,
    CommandReceived,
    Event,
    PeerAborted,
    PeerReleaseRequested,
    ReleaseConfirmed,
    TransportClosed,
)
from .items import INVALID_PARAMETER_VALUE
from .pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, Pdu, ReleaseRP, ReleaseRQ
from .pdu_decode import decode_pdu, unrecognized_pdu
from .pdu_encode import encode_pdu
from .reassembly import MAX_COMMAND_LENGTH, Reassembly
from .states import TRANSITIONS, Action, Evt, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["UpperLayer"]

UNEXPECTED_PDU: Final = 2
"""Reason in our A-ABORT.  Source: PS3.8 Table 9-26."""
PROTOCOL_VERSION_1: Final = 1

_HEADER: Final = Struct(">BxI")
_WHOLE_HEADER: Final = Struct(">BxIIBB")
"""PDU type and length, PDV length, context id, message control header."""
COMMAND_LAST: Final = 3
MAX_ASSOCIATE_LENGTH: Final = 1 << 20
MAX_FIXED_LENGTH: Final = 1024
"""Longest PDU accepted of those with four bytes; future versions may extend them, but not by much."""
UNLIMITED_LENGTH: Final = 1 << 24
"""Longest P-DATA-TF accepted when we have announced no maximum."""
LENGTH_SLACK: Final = 1024
"""Bytes accepted beyond our maximum length; peers differ in whether it includes headers."""

_SEND_EVENTS: Final[dict[type[Pdu], Evt]] = {
    AssociateRQ: Evt.ASSOCIATE_REQUEST,
    AssociateAC: Evt.ASSOCIATE_RESPONSE_ACCEPT,
    AssociateRJ: Evt.ASSOCIATE_RESPONSE_REJECT,
    PDataTF: Evt.P_DATA_REQUEST,
    ReleaseRQ: Evt.RELEASE_REQUEST,
    ReleaseRP: Evt.RELEASE_RESPONSE,
    Abort: Evt.ABORT_REQUEST,
}

_RECEIVE_EVENTS: Final = {
    AssociateRQ.pdu_type: Evt.ASSOCIATE_RQ_RECEIVED,
    AssociateAC.pdu_type: Evt.ASSOCIATE_AC_RECEIVED,
    AssociateRJ.pdu_type: Evt.ASSOCIATE_RJ_RECEIVED,
    PDataTF.pdu_type: Evt.P_DATA_RECEIVED,
    ReleaseRQ.pdu_type: Evt.RELEASE_RQ_RECEIVED,
    ReleaseRP.pdu_type: Evt.RELEASE_RP_RECEIVED,
    Abort.pdu_type: Evt.ABORT_RECEIVED,
}


def _too_long(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, INVALID_PARAMETER_VALUE)


class UpperLayer:
    """One association's protocol state, as requestor or as acceptor; it owns no connection and no clock.

    The caller sends the bytes that ``send`` returns, and passes in received bytes.  The caller closes the connection
    when the state is IDLE again, or after a time in AWAITING_TRANSPORT_CLOSE (the standard's ARTIM timer).

    A protocol violation by the peer is raised once, after the events before it have been returned: by this call of
    ``receive_data``, or by the next one if this one still had events (then ``violation`` has it at once).  After it
    only ``send(Abort(...))`` is useful.

    Attributes:
        state: PS3.8 Table 9-10.
        accepted_contexts: usable contexts by id, once the association is established.
        peer_max_length: longest P-DATA-TF PDU the peer accepts, 0 for unlimited.
        peer: the peer's A-ASSOCIATE-AC, None before it has arrived.
        violation: the peer's protocol violation, None as long as there is none.
    """

    def __init__(self, max_pdu_length: int, *, is_acceptor: bool = False) -> None:
        """Begin one association.

        Args:
            max_pdu_length: longest P-DATA-TF PDU we announce to receive, 0 for unlimited.
            is_acceptor: whether the peer has connected to us and will send A-ASSOCIATE-RQ.
        """
        self.state = State.IDLE
        self.accepted_contexts: dict[int, AcceptedContext] = {}
        self.peer_max_length = 0
        self.peer: AssociateAC | None = None
        self.violation: RemoteProtocolError | None = None
        self._is_acceptor = is_acceptor
        self._max_pdu_length = max_pdu_length
        self._max_data_length = max_pdu_length + LENGTH_SLACK if max_pdu_length else UNLIMITED_LENGTH
        self._request: AssociateRQ | None = None
        self._received = bytearray()
        self._reassembly = Reassembly()
        self._owes_abort = False
        self._raises_violation = False
        self._is_deaf = False
        self._needed = _HEADER.size
        if is_acceptor:
            self._enter(self._action(Evt.TRANSPORT_CONNECT_INDICATION))

    def send(self, pdu: Pdu) -> bytes:
        """The bytes of a PDU.  Raises LocalProtocolError when it may not be sent now, or is ill-formed."""
        encoded = encode_pdu(pdu)
        if self._owes_abort and isinstance(pdu, Abort):
            self._owes_abort = False  # the state was changed when the violation was found
            return encoded
        event = _SEND_EVENTS[type(pdu)]
        if TRANSITIONS[event][self.state] is None:
            self._raise_violation()
        self._enter(self._action(event))
        if isinstance(pdu, AssociateRQ):
            self._request = pdu
            self._enter(self._action(Evt.TRANSPORT_CONNECT_CONFIRM))  # asking for bytes implies a connection
        elif isinstance(pdu, AssociateAC) and self._request is not None:
            self.accepted_contexts = accepted_contexts(self._request.presentation_contexts, pdu.context_results)
        return encoded

    def check_can_send_data(self) -> None:
        """Raise LocalProtocolError unless the association is established and neither side has asked for its end.

        A caller that sends P-DATA-TF PDUs of a FramedBuffer calls this once a message, instead of ``send`` for each
        PDU.  Raises RemoteProtocolError when a violation by the peer has not been raised yet.
        """
        if self.state is not State.DATA_TRANSFER:
            self._raise_violation()
            raise LocalProtocolError(f"data cannot be sent in state {self.state.name}")

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """The events in received bytes; an incomplete PDU is kept, as a copy, for the next call.

        Raises RemoteProtocolError when the peer violates the protocol, LocalProtocolError without a connection.
        """
        self._raise_violation()
        if self._request is None and not self._is_acceptor:
            raise LocalProtocolError("data cannot come before a connection was made")
        if self.state is State.IDLE or self._is_deaf:
            return []
        received = self._received
        if received:
            received += data
            if len(received) < self._needed:
                return []
            data = bytes(received)
            received.clear()
        elif self.state is State.DATA_TRANSFER:
            event = self._whole_command(data)
            if event is not None:
                return [event]
        events: list[Event] = []
        is_closing = self.state is State.AWAITING_TRANSPORT_CLOSE
        try:
            self._receive_pdus(bytes(data), events)
        except RemoteProtocolError as error:
            self._enter(self._action(Evt.INVALID_PDU_RECEIVED))
            self._owes_abort = self._is_deaf = True
            if not is_closing:  # else the association is over, and events have no receiver
                self.violation = error
                self._raises_violation = True
            if not events:
                self._raise_violation()
        return events

    def receive_closed(self) -> list[Event]:
        """The events when the connection has ended: TransportClosed if the association was still established.

        Raises RemoteProtocolError when a violation by the peer has not been raised yet.
        """
        self._raise_violation()
        self._received.clear()
        action = TRANSITIONS[Evt.TRANSPORT_CLOSED][self.state]
        if action is None:
            return []
        self._enter(action)
        return [TransportClosed()] if action.indicates else []

    def artim_expired(self) -> None:
        """Note that the peer has not closed the connection in time; has no effect in states without that timer."""
        action = TRANSITIONS[Evt.ARTIM_EXPIRED][self.state]
        if action is not None:
            self._enter(action)

    def _whole_command(self, data: bytes | bytearray | memoryview) -> Event | None:
        """The command in data that is one PDU with one whole command set, as most answers are; else None."""
        if len(data) < _WHOLE_HEADER.size or not self._reassembly.is_empty:
            return None
        pdu_type, length, pdv_length, context_id, flags = _WHOLE_HEADER.unpack_from(data)
        if (
            pdu_type != PDataTF.pdu_type
            or flags != COMMAND_LAST
            or length != len(data) - _HEADER.size
            or pdv_length != length - 4
            or length > min(self._max_data_length, MAX_COMMAND_LENGTH)
        ):
            return None
        return CommandReceived(context_id, decode_command(bytes(data[_WHOLE_HEADER.size :])))

    def _receive_pdus(self, data: bytes, events: list[Event]) -> None:
        """Take the complete PDUs, and keep the rest unless the connection is about to end."""
        offset, end = 0, len(data)
        while True:
            start = offset + _HEADER.size
            if start > end:
                self._needed = _HEADER.size
                break
            pdu_type, length = _HEADER.unpack_from(data, offset)
            self._check_header(pdu_type, length)
            stop = start + length
            if stop > end:
                self._needed = stop - offset
                break
            self._receive_pdu(pdu_type, data, start, stop, events)
            if self.state is State.IDLE:
                return
            offset = stop
        self._received += data[offset:]

    def _check_header(self, pdu_type: int, length: int) -> None:
        """Raise RemoteProtocolError for an impossible header, before any of the PDU is kept."""
        if pdu_type == PDataTF.pdu_type:
            if length > self._max_data_length:
                raise _too_long(f"DUL Illegal PDU Length {length}.  Max expected {self._max_pdu_length}")
        elif pdu_type == AssociateRQ.pdu_type or pdu_type == AssociateAC.pdu_type:
            if length > MAX_ASSOCIATE_LENGTH:
                raise _too_long(f"A-ASSOCIATE PDU too large: {length} bytes")
        elif pdu_type not in _RECEIVE_EVENTS:
            raise unrecognized_pdu(pdu_type)
        elif length > MAX_FIXED_LENGTH:
            raise _too_long("DUL Illegal PDU Length")

    def _receive_pdu(self, pdu_type: int, data: bytes, start: int, stop: int, events: list[Event]) -> None:
        event = _RECEIVE_EVENTS[pdu_type]
        action = self._action(event)
        if action.aborts:
            raise RemoteProtocolError(f"Unexpected PDU type: {pdu_type:02X}H in {self.state.name}", UNEXPECTED_PDU)
        if action.indicates:
            if event is Evt.P_DATA_RECEIVED:
                self._reassembly.receive(data, start, stop, events)
            else:
                events.append(self._indicate(decode_pdu(pdu_type, data[start:stop])))
        self._enter(action)

    def _indicate(self, pdu: Pdu) -> Event:
        """Note the results of negotiation in a PDU, and return its event."""
        if isinstance(pdu, AssociateAC):
            if not pdu.protocol_version & PROTOCOL_VERSION_1:
                text = f"DUL Unsupported peer protocol {pdu.protocol_version:04x}; expected 0001"
                raise RemoteProtocolError(text, INVALID_PARAMETER_VALUE)
            self.peer = pdu
            self.peer_max_length = pdu.user_information.max_length
            if self._request is not None:
                self.accepted_contexts = accepted_contexts(self._request.presentation_contexts, pdu.context_results)
            return AssociationAccepted(pdu)
        if isinstance(pdu, AssociateRQ):
            self._request = pdu
            self.peer_max_length = pdu.user_information.max_length
            return AssociationRequested(pdu)
        if isinstance(pdu, AssociateRJ):
            return AssociationRefused(pdu)
        if isinstance(pdu, Abort):
            return PeerAborted(pdu)
        return PeerReleaseRequested() if isinstance(pdu, ReleaseRQ) else ReleaseConfirmed()

    # -- the state machine

    def _action(self, event: Evt) -> Action:
        action = TRANSITIONS[event][self.state]
        if action is None:
            raise LocalProtocolError(f"{event.name} cannot happen in state {self.state.name}")
        return action

    def _enter(self, action: Action) -> None:
        self.state = action.acceptor_next_state if self._is_acceptor else action.next_state

    def _raise_violation(self) -> None:
        if self._raises_violation and self.violation is not None:
            self._raises_violation = False
            raise self.violation
