"""Decodes PDUs.  Source: PS3.8 §9.3.  Any bytes give a PDU or a RemoteProtocolError."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from dcmsend.errors import RemoteProtocolError

from .contexts import ContextResult, PresentationContext
from .items import INVALID_PARAMETER_VALUE, decode_ae_title, decode_uid, ill_formed, iter_items
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["UNRECOGNIZED_PDU", "decode_pdu", "iter_data_values", "unrecognized_pdu"]

UNRECOGNIZED_PDU: Final = 1
"""Reason in our A-ABORT.  Source: PS3.8 Table 9-26."""

_ASSOCIATE_FIXED: Final = Struct(">H2x16s16s32x")


def decode_pdu(pdu_type: int, body: bytes | memoryview) -> Pdu:
    """The PDU whose header gave ``pdu_type`` and the length of ``body``.

    Unknown items are skipped, reserved fields not tested.  A-ASSOCIATE-RJ, A-RELEASE and A-ABORT are read whatever
    their length; missing fields are 0.
    Raises RemoteProtocolError for an unknown type and for inconsistent lengths.
    """
    data = bytes(body)
    if pdu_type == PDataTF.pdu_type:
        return PDataTF(
            tuple(
                PresentationDataValue(context_id, bool(flags & 1), bool(flags & 2), data[start:stop])
                for context_id, flags, start, stop in iter_data_values(data, 0, len(data))
            )
        )
    if pdu_type == AssociateRQ.pdu_type:
        return _decode_request(data)
    if pdu_type == AssociateAC.pdu_type:
        return _decode_acceptance(data)
    if not AssociateRJ.pdu_type <= pdu_type <= Abort.pdu_type:
        raise unrecognized_pdu(pdu_type)
    data = data.ljust(4, b"\0")
    if pdu_type == AssociateRJ.pdu_type:
        return AssociateRJ(data[1], data[2], data[3])
    if pdu_type == Abort.pdu_type:
        return Abort(data[2], data[3])
    return ReleaseRQ() if pdu_type == ReleaseRQ.pdu_type else ReleaseRP()


def unrecognized_pdu(pdu_type: int) -> RemoteProtocolError:
    """The error for a PDU type that does not exist, in DCMTK's words."""
    return RemoteProtocolError(f"Unrecognized PDU type: {pdu_type:2x}", UNRECOGNIZED_PDU, pdu_type=pdu_type)


def iter_data_values(data: bytes, offset: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Context id, message control header, start and end of each fragment in the P-DATA-TF body ``data[offset:end]``.

    Raises RemoteProtocolError for inconsistent lengths, and when there is no fragment at all.
    """
    if offset == end:
        raise RemoteProtocolError("PDU without any PDVs encountered.", INVALID_PARAMETER_VALUE)
    count = 0
    while offset < end:
        count += 1
        stop = offset + 4
        if stop <= end:
            length = int.from_bytes(data[offset:stop], "big")
            if length < 2:
                raise RemoteProtocolError(
                    f"PDV with invalid length {length} encountered. This probably indicates a malformed P DATA PDU.",
                    INVALID_PARAMETER_VALUE,
                )
            stop += length
        if stop > end:
            raise RemoteProtocolError(
                f"PDV lengths don't add up correctly: {count} PDVs. This probably indicates a malformed P-DATA PDU. "
                "PDU type is 04.",
                INVALID_PARAMETER_VALUE,
            )
        yield data[offset + 4], data[offset + 5], offset + 6, stop
        offset = stop


class _Associate:
    """The common fields of A-ASSOCIATE-RQ and -AC, and the positions of their presentation context items."""

    __slots__ = ("application_context", "called", "calling", "contexts", "user_information", "version")

    def __init__(self, data: bytes, context_item: int) -> None:
        if len(data) < _ASSOCIATE_FIXED.size:
            raise ill_formed(f"A-ASSOCIATE PDU has only {len(data)} bytes")
        self.version, called, calling = _ASSOCIATE_FIXED.unpack_from(data)
        self.called = decode_ae_title(called)
        self.calling = decode_ae_title(calling)
        self.application_context = ""
        self.user_information = UserInformation(0, "", "")
        self.contexts: list[tuple[int, int]] = []
        for item_type, start, end in iter_items(data, _ASSOCIATE_FIXED.size, len(data)):
            if item_type == context_item:
                if end - start < 4:
                    raise ill_formed("presentation context item is too short")
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
