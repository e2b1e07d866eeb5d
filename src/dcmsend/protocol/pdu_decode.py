"""Bytes to PDUs.  Source: PS3.8 §9.3.  Any bytes give a PDU or a RemoteProtocolError."""

from __future__ import annotations

from struct import Struct
from typing import Final, NoReturn

from dcmsend.errors import RemoteProtocolError

from .contexts import ContextResult, PresentationContext
from .items import INVALID_PARAMETER_VALUE, decode_ae_title, decode_uid, iter_items
from .pdu import (
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
from .pdu_encode import (
    ABSTRACT_SYNTAX_ITEM,
    APPLICATION_CONTEXT_ITEM,
    CONTEXT_RESULT_ITEM,
    PROPOSED_CONTEXT_ITEM,
    TRANSFER_SYNTAX_ITEM,
)
from .user_information import UserInformation
from .user_information_items import USER_INFORMATION, decode_user_information

__all__ = ["UNRECOGNIZED_PDU", "decode_data_values", "decode_pdu", "unrecognized_pdu"]

UNRECOGNIZED_PDU: Final = 1
"""Reason for our A-ABORT.  Source: PS3.8 Table 9-26."""

_ASSOCIATE_FIXED: Final = Struct(">H2x16s16s32x")
_PDV_HEADER: Final = Struct(">IBB")


def decode_pdu(pdu_type: int, body: bytes | memoryview) -> Pdu:
    """The PDU whose header gave ``pdu_type`` and the length of ``body``.

    Unknown items are skipped, reserved fields not tested, what follows the fixed fields of a short PDU is ignored.
    Raises RemoteProtocolError for an unknown type and for lengths that lie.
    """
    data = bytes(body)
    if pdu_type == PDataTF.pdu_type:
        return PDataTF(tuple(decode_data_values(data, 0, len(data))))
    if pdu_type == AssociateRQ.pdu_type:
        return _decode_request(data)
    if pdu_type == AssociateAC.pdu_type:
        return _decode_acceptance(data)
    if not AssociateRJ.pdu_type <= pdu_type <= Abort.pdu_type:
        raise unrecognized_pdu(pdu_type)
    if len(data) < 4:
        _refuse(f"PDU of type {pdu_type:02X}H has only {len(data)} bytes")
    if pdu_type == AssociateRJ.pdu_type:
        return AssociateRJ(data[1], data[2], data[3])
    if pdu_type == Abort.pdu_type:
        return Abort(data[2], data[3])
    return ReleaseRQ() if pdu_type == ReleaseRQ.pdu_type else ReleaseRP()


def unrecognized_pdu(pdu_type: int) -> RemoteProtocolError:
    """The error for a PDU type that does not exist, in DCMTK's words."""
    return RemoteProtocolError(f"Unrecognized PDU type: {pdu_type:2x}", UNRECOGNIZED_PDU)


def decode_data_values(data: bytes, offset: int, end: int) -> list[PresentationDataValue]:
    """The presentation data values in ``data[offset:end]``.  Raises RemoteProtocolError for lengths that lie."""
    values: list[PresentationDataValue] = []
    while offset < end:
        if end - offset < 6:
            _refuse("presentation data value is cut off")
        length, context_id, flags = _PDV_HEADER.unpack_from(data, offset)
        start = offset + 6
        offset += 4 + length
        if length < 2 or offset > end:
            _refuse(f"presentation data value of {length} bytes does not fit its PDU")
        values.append(PresentationDataValue(context_id, bool(flags & 1), bool(flags & 2), data[start:offset]))
    return values


def _refuse(message: str) -> NoReturn:
    raise RemoteProtocolError(message, INVALID_PARAMETER_VALUE)


class _Associate:
    """What A-ASSOCIATE-RQ and -AC have in common, and where their presentation context items lie."""

    __slots__ = ("application_context", "called", "calling", "contexts", "user_information", "version")

    def __init__(self, data: bytes, context_item: int) -> None:
        if len(data) < _ASSOCIATE_FIXED.size:
            _refuse(f"A-ASSOCIATE PDU has only {len(data)} bytes")
        self.version, called, calling = _ASSOCIATE_FIXED.unpack_from(data)
        self.called = decode_ae_title(called)
        self.calling = decode_ae_title(calling)
        self.application_context = ""
        self.user_information = UserInformation(0, "", "")
        self.contexts: list[tuple[int, int]] = []
        for item_type, start, end in iter_items(data, _ASSOCIATE_FIXED.size, len(data)):
            if item_type == context_item:
                if end - start < 4:
                    _refuse("presentation context item is too short")
                self.contexts.append((start, end))
            elif item_type == APPLICATION_CONTEXT_ITEM:
                self.application_context = decode_uid(data[start:end])
            elif item_type == USER_INFORMATION:
                self.user_information = decode_user_information(data, start, end)


def _decode_request(data: bytes) -> AssociateRQ:
    common = _Associate(data, PROPOSED_CONTEXT_ITEM)
    contexts: list[PresentationContext] = []
    for start, end in common.contexts:
        abstract_syntax = ""
        transfer_syntaxes: list[str] = []
        for item_type, item_start, item_end in iter_items(data, start + 4, end):
            if item_type == ABSTRACT_SYNTAX_ITEM:
                abstract_syntax = decode_uid(data[item_start:item_end])
            elif item_type == TRANSFER_SYNTAX_ITEM:
                transfer_syntaxes.append(decode_uid(data[item_start:item_end]))
        contexts.append(PresentationContext(data[start], abstract_syntax, tuple(transfer_syntaxes)))
    return AssociateRQ(
        common.called, common.calling, tuple(contexts), common.user_information, common.application_context,
        common.version,
    )  # fmt: skip


def _decode_acceptance(data: bytes) -> AssociateAC:
    common = _Associate(data, CONTEXT_RESULT_ITEM)
    results: list[ContextResult] = []
    for start, end in common.contexts:
        transfer_syntax = ""
        for item_type, item_start, item_end in iter_items(data, start + 4, end):
            if item_type == TRANSFER_SYNTAX_ITEM:
                transfer_syntax = decode_uid(data[item_start:item_end])
        results.append(ContextResult(data[start], data[start + 2], transfer_syntax))
    return AssociateAC(
        common.called, common.calling, tuple(results), common.user_information, common.application_context,
        common.version,
    )  # fmt: skip
