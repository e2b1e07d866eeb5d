"""DICOM network messages: converts bytes to values and back, and knows which message is legal when; does no I/O.

``UpperLayer`` is the conversation, the PDUs and DIMSE commands are values, ``FramedBuffer`` is the layout in which a
data set is sent without a copy.  Source: PS3.8 (upper layer), PS3.7 (DIMSE).
"""

from __future__ import annotations

from dcmsend.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

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
from .fragment import FramedBuffer, encode_command_pdus, encode_message_pdus, max_fragment_length
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from .acceptance import BUSY, AcceptanceTerms, answer_association
    from .commitment import (
        STORAGE_COMMITMENT_PUSH_MODEL,
        STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
        CommitmentReport,
        FailedReference,
        SOPReference,
        decode_commitment_report,
        encode_commitment_request,
    )
    from .data_set_values import MESSAGE_TRANSFER_SYNTAXES
    from .further_commands import CCancelRQ, CFindRQ, CFindRSP, NActionRQ, NActionRSP, NEventReportRQ, NEventReportRSP
    from .general_status import general_status_text, status_name
    from .image_query import STUDY_ROOT_FIND, ImageMatch, ImageQuery, decode_image_match, encode_image_query
    from .message_assembly import MAX_DATA_SET_LENGTH, Message, MessageAssembly
    from .report_acceptor import ReceivedReport, ReportAcceptor, answer_to_report

__all__ = [
    "APPLICATION_CONTEXT",
    "BUSY",
    "IMPLEMENTATION_CLASS_UID",
    "IMPLEMENTATION_VERSION_NAME",
    "MAX_DATA_SET_LENGTH",
    "MESSAGE_TRANSFER_SYNTAXES",
    "STORAGE_COMMITMENT_PUSH_MODEL",
    "STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE",
    "STUDY_ROOT_FIND",
    "Abort",
    "AcceptanceTerms",
    "AcceptedContext",
    "AssociateAC",
    "AssociateRJ",
    "AssociateRQ",
    "AssociationAccepted",
    "AssociationRefused",
    "AssociationRequested",
    "AsynchronousOperationsWindow",
    "CCancelRQ",
    "CEchoRQ",
    "CEchoRSP",
    "CFindRQ",
    "CFindRSP",
    "CStoreRQ",
    "CStoreRSP",
    "Command",
    "CommandParseError",
    "CommandReceived",
    "CommitmentReport",
    "ContextResult",
    "DataReceived",
    "Event",
    "FailedReference",
    "FramedBuffer",
    "ImageMatch",
    "ImageQuery",
    "Message",
    "MessageAssembly",
    "NActionRQ",
    "NActionRSP",
    "NEventReportRQ",
    "NEventReportRSP",
    "PDataTF",
    "Pdu",
    "PeerAborted",
    "PeerReleaseRequested",
    "PresentationContext",
    "PresentationDataValue",
    "ReceivedReport",
    "ReleaseConfirmed",
    "ReleaseRP",
    "ReleaseRQ",
    "ReportAcceptor",
    "RoleSelection",
    "SOPClassCommonExtendedNegotiation",
    "SOPClassExtendedNegotiation",
    "SOPReference",
    "State",
    "StatusClass",
    "TransportClosed",
    "UnknownCommand",
    "UpperLayer",
    "UserIdentity",
    "UserInformation",
    "answer_association",
    "answer_to_report",
    "decode_command",
    "decode_commitment_report",
    "decode_image_match",
    "decode_pdu",
    "encode_command",
    "encode_command_pdus",
    "encode_commitment_request",
    "encode_image_query",
    "encode_message_pdus",
    "encode_pdu",
    "general_status_text",
    "is_stored",
    "max_fragment_length",
    "status_class",
    "status_name",
    "status_text",
]

_LATER: Final = {
    "acceptance": ("BUSY", "AcceptanceTerms", "answer_association"),
    "commitment": (
        "STORAGE_COMMITMENT_PUSH_MODEL", "STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE", "CommitmentReport",
        "FailedReference", "SOPReference", "decode_commitment_report", "encode_commitment_request",
    ),
    "data_set_values": ("MESSAGE_TRANSFER_SYNTAXES",),
    "further_commands": (
        "CCancelRQ", "CFindRQ", "CFindRSP", "NActionRQ", "NActionRSP", "NEventReportRQ", "NEventReportRSP",
    ),
    "general_status": ("general_status_text", "status_name"),
    "image_query": ("STUDY_ROOT_FIND", "ImageMatch", "ImageQuery", "decode_image_match", "encode_image_query"),
    "message_assembly": ("MAX_DATA_SET_LENGTH", "Message", "MessageAssembly"),
    "report_acceptor": ("ReceivedReport", "ReportAcceptor", "answer_to_report"),
}  # fmt: skip
"""Names by module that are only loaded by a run that asks for proof."""

_HOME_OF: Final = {name: home for home, names in _LATER.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
