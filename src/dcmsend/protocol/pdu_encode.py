"""Encodes PDUs.  Source: PS3.8 §9.3; reserved bytes and order as DCMTK writes them."""

from __future__ import annotations

from struct import Struct, error

from dcmsend.dicom.ae_title import encode_ae_title
from dcmsend.errors import LocalProtocolError

from .contexts import ContextResult, PresentationContext
from .items import encode_item, encode_uid
from .pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF, Pdu, PresentationDataValue
from .user_information_items import encode_user_information

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["encode_pdu", "pdv_flags"]

APPLICATION_CONTEXT_ITEM: Final = 0x10
PROPOSED_CONTEXT_ITEM: Final = 0x20
CONTEXT_RESULT_ITEM: Final = 0x21
ABSTRACT_SYNTAX_ITEM: Final = 0x30
TRANSFER_SYNTAX_ITEM: Final = 0x40

_PDU_HEADER: Final = Struct(">BxI")
_ASSOCIATE_FIXED: Final = Struct(">H2x16s16s32x")
_PDV_HEADER: Final = Struct(">IBB")


def encode_pdu(pdu: Pdu) -> bytes:
    """The PDU with its header.  Raises LocalProtocolError for an empty mandatory field or one that does not fit."""
    try:
        if isinstance(pdu, AssociateRQ | AssociateAC):
            body = _encode_associate(pdu)
        elif isinstance(pdu, AssociateRJ):
            body = bytes((0, pdu.result, pdu.source, pdu.reason))
        elif isinstance(pdu, PDataTF):
            body = b"".join([_encode_data_value(value) for value in pdu.values])
        elif isinstance(pdu, Abort):
            body = bytes((0, 0, pdu.source, pdu.reason))
        else:
            body = bytes(4)
    except (error, ValueError) as fault:  # a number outside its field
        raise LocalProtocolError(f"{type(pdu).__name__} cannot be encoded: {fault}") from fault
    return _PDU_HEADER.pack(pdu.pdu_type, len(body)) + body


def _encode_associate(pdu: AssociateRQ | AssociateAC) -> bytes:
    if isinstance(pdu, AssociateRQ):
        if not pdu.calling_ae_title:
            raise LocalProtocolError("Illegal service parameter: Calling AP Title")
        if not pdu.called_ae_title:
            raise LocalProtocolError("Illegal service parameter: Called AP Title")
        contexts = [_encode_proposal(context) for context in pdu.presentation_contexts]
    else:
        contexts = [_encode_result(result) for result in pdu.context_results]
    called, calling = encode_ae_title(pdu.called_ae_title), encode_ae_title(pdu.calling_ae_title)
    fixed = _ASSOCIATE_FIXED.pack(pdu.protocol_version, called, calling)
    application_context = encode_item(APPLICATION_CONTEXT_ITEM, encode_uid(pdu.application_context))
    return b"".join([fixed, application_context, *contexts, encode_user_information(pdu.user_information)])


def _encode_proposal(context: PresentationContext) -> bytes:
    body = bytes((context.id, 0, 0xFF, 0))  # reserved bytes as DCMTK sets them
    body += encode_item(ABSTRACT_SYNTAX_ITEM, encode_uid(context.abstract_syntax))
    for uid in context.transfer_syntaxes:
        body += encode_item(TRANSFER_SYNTAX_ITEM, encode_uid(uid))
    return encode_item(PROPOSED_CONTEXT_ITEM, body)


def _encode_result(result: ContextResult) -> bytes:
    body = bytes((result.id, 0, result.result, 0))
    body += encode_item(TRANSFER_SYNTAX_ITEM, encode_uid(result.transfer_syntax))
    return encode_item(CONTEXT_RESULT_ITEM, body)


def _encode_data_value(value: PresentationDataValue) -> bytes:
    flags = pdv_flags(value.is_command, value.is_last)
    return _PDV_HEADER.pack(len(value.data) + 2, value.context_id, flags) + value.data


def pdv_flags(is_command: bool, is_last: bool) -> int:
    """The message control header.  Source: PS3.8 E.2."""
    return is_command | is_last << 1
