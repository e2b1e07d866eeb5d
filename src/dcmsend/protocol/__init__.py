"""DICOM network messages: bytes to values and back, and which message is legal when; no input or output.

``UpperLayer`` is the conversation, the PDUs and DIMSE commands are values, ``FramedBuffer`` says where the bytes of a
data set have to lie so that they can be sent as they are.  Source: PS3.8 (upper layer), PS3.7 (DIMSE).
"""

from __future__ import annotations

from .command_set import decode_command, encode_command
from .contexts import AcceptedContext, ContextResult, PresentationContext
from .dimse import CEchoRQ, CEchoRSP, Command, CommandParseError, CStoreRQ, CStoreRSP, UnknownCommand
from .events import (
    AssociationAccepted,
    AssociationRefused,
    AssociationRequested,
    CommandReceived,
    DataReceived,
    Event,
    PeerAborted,
    PeerReleaseRequested,
    ReleaseConfirmed,
    TransportClosed,
)
from .fragment import FramedBuffer, encode_command_pdus, max_fragment_length
from .implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from .pdu import (
    APPLICATION_CONTEXT,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    Pdu,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
)
from .pdu_decode import decode_pdu
from .pdu_encode import encode_pdu
from .states import State
from .status import StatusClass, is_stored, status_class, status_text
from .upper_layer import UpperLayer
from .user_information import (
    AsynchronousOperationsWindow,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentity,
    UserInformation,
)

__all__ = [
    "APPLICATION_CONTEXT",
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "Abort",
    "AcceptedContext",
    "AssociateAC",
    "AssociateRJ",
    "AssociateRQ",
    "AssociationAccepted",
    "AssociationRefused",
    "AssociationRequested",
    "AsynchronousOperationsWindow",
    "CEchoRQ",
    "CEchoRSP",
    "CStoreRQ",
    "CStoreRSP",
    "Command",
    "CommandParseError",
    "CommandReceived",
    "ContextResult",
    "DataReceived",
    "Event",
    "FramedBuffer",
    "PDataTF",
    "Pdu",
    "PeerAborted",
    "PeerReleaseRequested",
    "PresentationContext",
    "PresentationDataValue",
    "ReleaseConfirmed",
    "ReleaseRP",
    "ReleaseRQ",
    "RoleSelection",
    "SOPClassCommonExtendedNegotiation",
    "SOPClassExtendedNegotiation",
    "State",
    "StatusClass",
    "TransportClosed",
    "UnknownCommand",
    "UpperLayer",
    "UserIdentity",
    "UserInformation",
    "decode_command",
    "decode_pdu",
    "encode_command",
    "encode_command_pdus",
    "encode_pdu",
    "is_stored",
    "max_fragment_length",
    "status_class",
    "status_text",
]
