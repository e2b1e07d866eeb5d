"""The events of an upper layer.  Source: PS3.8 §7 (indication and confirmation primitives)."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from dcmsend.dicom.value import Value

from .dimse import Command, CommandParseError
from .pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "AssociationAccepted",
    "AssociationRefused",
    "AssociationRequested",
    "CommandReceived",
    "DataReceived",
    "Event",
    "PeerAborted",
    "PeerReleaseRequested",
    "ReleaseConfirmed",
    "TransportClosed",
]


class AssociationRequested(Value):
    """The peer requests an association (acceptor only); answer with AssociateAC or AssociateRJ."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: AssociateRQ) -> None:
        self.pdu: Final = pdu


class AssociationAccepted(Value):
    """The peer has accepted; ``accepted_contexts`` and ``peer_max_length`` of the UpperLayer are now set."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: AssociateAC) -> None:
        self.pdu: Final = pdu


class AssociationRefused(Value):
    """The peer has rejected; close the connection."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: AssociateRJ) -> None:
        self.pdu: Final = pdu


class CommandReceived(Value):
    """A complete command set.

    Attributes:
        context_id: as received; perhaps none of the accepted ones.
        command: the command, or its fault.
    """

    __slots__ = ("context_id", "command")

    def __init__(self, context_id: int, command: Command | CommandParseError) -> None:
        self.context_id: Final = context_id
        self.command: Final = command


class DataReceived(Value):
    """One fragment of a data set.

    Attributes:
        context_id: as received; perhaps none of the accepted ones.
        data: the fragment, not longer than one PDU.
        is_last: whether the data set ends with this fragment.
    """

    __slots__ = ("context_id", "data", "is_last")

    def __init__(self, context_id: int, data: bytes, is_last: bool) -> None:
        self.context_id: Final = context_id
        self.data: Final = data
        self.is_last: Final = is_last


class PeerAborted(Value):
    """The peer has sent A-ABORT; close the connection."""

    __slots__ = ("pdu",)

    def __init__(self, pdu: Abort) -> None:
        self.pdu: Final = pdu


class PeerReleaseRequested(Value):
    """The peer has sent A-RELEASE-RQ; answer with ReleaseRP (or Abort)."""

    __slots__ = ()


class ReleaseConfirmed(Value):
    """The peer has answered our A-RELEASE-RQ; close the connection (unless the state awaits our own ReleaseRP)."""

    __slots__ = ()


class TransportClosed(Value):
    """The connection has ended before the association was released or aborted."""

    __slots__ = ()


Event = (
    AssociationRequested
    | AssociationAccepted
    | AssociationRefused
    | CommandReceived
    | DataReceived
    | PeerAborted
    | PeerReleaseRequested
    | ReleaseConfirmed
    | TransportClosed
)
