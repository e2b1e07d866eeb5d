"""Command sets: DIMSE messages in Implicit VR Little Endian, group 0000.  Source: PS3.7 §6.3, §9.3, E.1."""

from __future__ import annotations

from struct import Struct, error, unpack

from dcmsend.errors import LocalProtocolError

from .dimse import CEchoRQ, CEchoRSP, Command, CommandParseError, CStoreRQ, CStoreRSP, UnknownCommand
from .items import decode_text, decode_uid, encode_text, encode_uid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "CommandFault", "Elements", "decode_command", "decode_tags", "encode_command", "encode_number", "encode_tags",
    "number_of", "optional_number_of", "optional_uid_of", "uid_of",
]  # fmt: skip

Elements = dict[int, bytes]
"""Values by element number; all have an even length."""

AFFECTED_SOP_CLASS_UID: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO: Final = 0x0120
PRIORITY: Final = 0x0700
COMMAND_DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
OFFENDING_ELEMENT: Final = 0x0901
ERROR_COMMENT: Final = 0x0902
ERROR_ID: Final = 0x0903
AFFECTED_SOP_INSTANCE_UID: Final = 0x1000

DATA_SET_PRESENT: Final = 0x0001
NO_DATA_SET: Final = 0x0101

OTHER_COMMAND_FIELDS: Final = frozenset((
    0x0010, 0x0020, 0x0021, 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150, 0x0FFF,
    0x8010, 0x8020, 0x8021, 0x8100, 0x8110, 0x8120, 0x8130, 0x8140, 0x8150,
))  # fmt: skip
"""C-GET, C-FIND, C-MOVE, N-EVENT-REPORT, N-GET, N-SET, N-ACTION, N-CREATE, N-DELETE, C-CANCEL, and their responses."""

_ELEMENT: Final = Struct("<HHI")
_GROUP_LENGTH: Final = Struct("<HHII")
_UINT16: Final = Struct("<H")
encode_number: Final = _UINT16.pack
"""Encodes the value of a US element."""
_LENGTH: Final = Struct("<I").unpack_from
_RESPONSE_BEGIN: Final = _GROUP_LENGTH.pack(0, 0, 4, 0)[:8]
_RESPONSE_CLASS: Final = _ELEMENT.pack(0, AFFECTED_SOP_CLASS_UID, 0)[:4]
_RESPONSE_MIDDLE: Final = (
    _ELEMENT.pack(0, COMMAND_FIELD, 2) + _UINT16.pack(CStoreRSP.command_field)
    + _ELEMENT.pack(0, MESSAGE_ID_BEING_RESPONDED_TO, 2)
)  # fmt: skip
_RESPONSE_STATUS: Final = (
    _ELEMENT.pack(0, COMMAND_DATA_SET_TYPE, 2) + _UINT16.pack(NO_DATA_SET) + _ELEMENT.pack(0, STATUS, 2)
)
_RESPONSE_INSTANCE: Final = _ELEMENT.pack(0, AFFECTED_SOP_INSTANCE_UID, 0)[:4]
_STORE_REQUEST_MIDDLE: Final = Struct("<HHIHHHIHHHIHHHIHHHI")


def encode_command(command: Command) -> bytes:
    """The command set with its group length.  Raises LocalProtocolError when a number does not fit its field."""
    try:
        if isinstance(command, CStoreRQ):
            return _encode_store_request(command)
        if isinstance(command, CStoreRSP | CEchoRQ | CEchoRSP | UnknownCommand):
            return _encode_elements(_elements_of(command))
        from .further_command_set import further_elements

        return _encode_elements(further_elements(command))
    except error as fault:
        raise LocalProtocolError(f"{type(command).__name__} cannot be encoded: {fault}") from fault


def _encode_store_request(request: CStoreRQ) -> bytes:
    """The elements in ascending order, packed in two steps because every instance needs them."""
    sop_class = _even(encode_uid(request.affected_sop_class_uid))
    instance = _even(encode_uid(request.affected_sop_instance_uid))
    middle = _STORE_REQUEST_MIDDLE.pack(
        0, COMMAND_FIELD, 2, CStoreRQ.command_field,
        0, MESSAGE_ID, 2, request.message_id,
        0, PRIORITY, 2, request.priority,
        0, COMMAND_DATA_SET_TYPE, 2, DATA_SET_PRESENT if request.has_data_set else NO_DATA_SET,
        0, AFFECTED_SOP_INSTANCE_UID, len(instance),
    )  # fmt: skip
    body = _ELEMENT.pack(0, AFFECTED_SOP_CLASS_UID, len(sop_class)) + sop_class + middle + instance
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


def _even(value: bytes) -> bytes:
    return value + b"\0" if len(value) & 1 else value


def _elements_of(command: CStoreRSP | CEchoRQ | CEchoRSP | UnknownCommand) -> list[tuple[int, bytes]]:
    """Element numbers and values in ascending order, without the group length."""
    if isinstance(command, UnknownCommand):
        return [(element, value) for element, value in command.elements if element]
    number = encode_number
    elements = {COMMAND_FIELD: number(command.command_field), COMMAND_DATA_SET_TYPE: number(NO_DATA_SET)}
    if command.affected_sop_class_uid is not None:
        elements[AFFECTED_SOP_CLASS_UID] = encode_uid(command.affected_sop_class_uid)
    if isinstance(command, CEchoRQ):
        elements[MESSAGE_ID] = number(command.message_id)
    else:
        elements[MESSAGE_ID_BEING_RESPONDED_TO] = number(command.message_id_responded_to)
        elements[STATUS] = number(command.status)
    if isinstance(command, CStoreRSP):
        if command.affected_sop_instance_uid is not None:
            elements[AFFECTED_SOP_INSTANCE_UID] = encode_uid(command.affected_sop_instance_uid)
        if command.offending_elements:
            elements[OFFENDING_ELEMENT] = encode_tags(command.offending_elements)
        if command.error_comment is not None:
            elements[ERROR_COMMENT] = encode_text(command.error_comment[:64])
        if command.error_id is not None:
            elements[ERROR_ID] = number(command.error_id)
    return sorted(elements.items())


def encode_tags(tags: tuple[int, ...]) -> bytes:
    """Tags ``group << 16 | element`` as the value of an AT element."""
    return b"".join([encode_number(tag >> 16) + encode_number(tag & 0xFFFF) for tag in tags])


def _encode_elements(elements: list[tuple[int, bytes]]) -> bytes:
    """The elements after their group length; UIDs are padded with NUL, text with a blank."""
    parts: list[bytes] = []
    for element, value in elements:
        if len(value) & 1:
            value += b" " if element == ERROR_COMMENT else b"\0"
        parts.append(_ELEMENT.pack(0, element, len(value)))
        parts.append(value)
    body = b"".join(parts)
    return _GROUP_LENGTH.pack(0, 0, 4, len(body)) + body


class CommandFault(Exception):
    """Bytes are not a usable command; ``decode_command`` turns this into a CommandParseError."""

    def __init__(self, text: str, code: str, detail: str = "") -> None:
        self.error = CommandParseError(text, code, detail)


def decode_command(data: bytes) -> Command | CommandParseError:
    """The command in a complete command set, or a CommandParseError; never raises.

    The same deviations are tolerated as in DCMTK: elements in any order, twice (the first counts) or of other groups,
    and a missing or wrong group length.  A CommandParseError is returned for an odd length, an element that does not
    fit, a mandatory one that is missing or empty, and a response that announces a data set.
    """
    response = _decode_usual_response(data)
    if response is not None:
        return response
    try:
        elements = _decode_elements(data)
        if COMMAND_FIELD not in elements:
            raise CommandFault("DIMSE_parseCmdObject: Missing CommandField", "0006:020b")
        command_field = number_of(elements, COMMAND_FIELD, "CommandField")
        if command_field == CStoreRSP.command_field:
            return _decode_store_response(elements)
        if command_field == CStoreRQ.command_field:
            return _decode_store_request(elements)
        if command_field == CEchoRSP.command_field:
            return _decode_echo_response(elements)
        if command_field == CEchoRQ.command_field:
            return _decode_echo_request(elements)
        if command_field not in OTHER_COMMAND_FIELDS:
            raise CommandFault(f"DIMSE_parseCmdObject: Invalid Command Message: 0x{command_field:04x}", "0006:0201")
        from .further_command_set import decode_further_command  # most runs receive none of these

        further = decode_further_command(command_field, elements)
    except CommandFault as fault:
        return fault.error
    return further or UnknownCommand(command_field, tuple(sorted(elements.items())))


def _decode_usual_response(data: bytes) -> CStoreRSP | None:
    """A C-STORE response with the usual elements in order, as nearly all are; None for any other command."""
    if len(data) < 80 or data[:8] != _RESPONSE_BEGIN or data[12:16] != _RESPONSE_CLASS:
        return None
    middle = 20 + _LENGTH(data, 16)[0]
    status = middle + 20
    instance = status + 20
    if (
        instance + 8 > len(data)
        or data[middle : middle + 18] != _RESPONSE_MIDDLE
        or data[status : status + 18] != _RESPONSE_STATUS
        or data[instance : instance + 4] != _RESPONSE_INSTANCE
        or instance + 8 + _LENGTH(data, instance + 4)[0] != len(data)
        or (middle | len(data)) & 1
    ):
        return None
    return CStoreRSP(
        data[middle + 18] | data[middle + 19] << 8,
        data[status + 18] | data[status + 19] << 8,
        decode_uid(data[20:middle]),
        decode_uid(data[instance + 8 :]),
    )


def _decode_elements(data: bytes) -> Elements:
    """Values by element number."""
    elements: Elements = {}
    unpack_from = _ELEMENT.unpack_from
    offset, end = 0, len(data)
    while offset < end:
        try:
            group, element, length = unpack_from(data, offset)
        except error:
            detail = f"element header of {end - offset} bytes"
            if end & 1:
                raise CommandFault("DIMSE_parseCmdObject: Missing CommandField", "0006:020b", detail) from None
            raise CommandFault("DIMSE: receiveCommand: cmdSet->read() Failed", "0006:020d", detail) from None
        start = offset + 8
        offset = start + length
        if offset > end:
            detail = f"({group:04x},{element:04x}) of {length} bytes, {end - start} are left"
            raise CommandFault("DIMSE: receiveCommand: cmdSet->read() Failed", "0006:020d", detail)
        if length & 1:
            detail = f"({group:04x},{element:04x}) has an odd length"
            raise CommandFault("DIMSE_parseCmdObject: Missing CommandField", "0006:020b", detail)
        if not group and element not in elements:
            elements[element] = data[start:offset]
    return elements


def _decode_store_response(elements: Elements) -> CStoreRSP:
    message_id = number_of(elements, MESSAGE_ID_BEING_RESPONDED_TO, "MessageIDBeingRespondedTo")
    _require_no_data_set(elements)
    comment = elements.get(ERROR_COMMENT)
    return CStoreRSP(
        message_id,
        number_of(elements, STATUS, "Status"),
        optional_uid_of(elements, AFFECTED_SOP_CLASS_UID),
        optional_uid_of(elements, AFFECTED_SOP_INSTANCE_UID),
        None if comment is None else decode_text(comment),
        decode_tags(elements[OFFENDING_ELEMENT]) if OFFENDING_ELEMENT in elements else (),
        optional_number_of(elements, ERROR_ID),
    )


def _decode_store_request(elements: Elements) -> CStoreRQ:
    return CStoreRQ(
        number_of(elements, MESSAGE_ID, "MessageID"),
        uid_of(elements, AFFECTED_SOP_CLASS_UID, "AffectedSOPClassUID"),
        uid_of(elements, AFFECTED_SOP_INSTANCE_UID, "AffectedSOPInstanceUID"),
        number_of(elements, PRIORITY, "Priority"),
        number_of(elements, COMMAND_DATA_SET_TYPE, "CommandDataSetType") != NO_DATA_SET,
    )


def _decode_echo_response(elements: Elements) -> CEchoRSP:
    message_id = number_of(elements, MESSAGE_ID_BEING_RESPONDED_TO, "MessageIDBeingRespondedTo")
    _require_no_data_set(elements)
    sop_class = optional_uid_of(elements, AFFECTED_SOP_CLASS_UID)
    return CEchoRSP(message_id, number_of(elements, STATUS, "Status"), sop_class)


def _decode_echo_request(elements: Elements) -> CEchoRQ:
    message_id = number_of(elements, MESSAGE_ID, "MessageID")
    _require_no_data_set(elements)
    return CEchoRQ(message_id, uid_of(elements, AFFECTED_SOP_CLASS_UID, "AffectedSOPClassUID"))


def decode_tags(value: bytes) -> tuple[int, ...]:
    """Tags ``group << 16 | element``; an incomplete tag at the end is dropped."""
    halves = unpack(f"<{len(value) // 4 * 2}H", value[: len(value) // 4 * 4])
    return tuple([group << 16 | element for group, element in zip(halves[::2], halves[1::2], strict=True)])


def _require_no_data_set(elements: Elements) -> None:
    if number_of(elements, COMMAND_DATA_SET_TYPE, "CommandDataSetType") != NO_DATA_SET:
        raise CommandFault("DIMSE Badly formed message", "0006:0203", "a message without data set announces one")


def number_of(elements: Elements, element: int, name: str) -> int:
    value = elements.get(element)
    if not value:
        raise _missing(element, name)
    return value[0] | value[1] << 8


def optional_number_of(elements: Elements, element: int) -> int | None:
    value = elements.get(element)
    return value[0] | value[1] << 8 if value else None


def uid_of(elements: Elements, element: int, name: str) -> str:
    value = elements.get(element)
    if not value:
        raise _missing(element, name)
    return decode_uid(value)


def optional_uid_of(elements: Elements, element: int) -> str | None:
    value = elements.get(element)
    return None if value is None else decode_uid(value)


def _missing(element: int, name: str) -> CommandFault:
    return CommandFault(f"DIMSE: Command Parse Failed: Element: (0000,{element:04x}) {name}", "0006:020b")
