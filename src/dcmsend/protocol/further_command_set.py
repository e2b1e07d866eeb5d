"""Command sets of C-FIND, C-CANCEL, N-ACTION and N-EVENT-REPORT: one row of fields for each message.

Source: PS3.7 Tables 9.3-3 to 9.3-5, 10.3-1, 10.3-2, 10.3-7, 10.3-8, E.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from .command_set import (
    AFFECTED_SOP_CLASS_UID,
    AFFECTED_SOP_INSTANCE_UID,
    COMMAND_DATA_SET_TYPE,
    COMMAND_FIELD,
    DATA_SET_PRESENT,
    ERROR_COMMENT,
    ERROR_ID,
    MESSAGE_ID,
    MESSAGE_ID_BEING_RESPONDED_TO,
    NO_DATA_SET,
    OFFENDING_ELEMENT,
    PRIORITY,
    STATUS,
    Elements,
    decode_tags,
    encode_number,
    encode_tags,
    number_of,
    optional_number_of,
    optional_uid_of,
    uid_of,
)
from .further_commands import (
    CCancelRQ,
    CFindRQ,
    CFindRSP,
    FurtherCommand,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    NEventReportRSP,
)
from .items import decode_text, encode_text, encode_uid

__all__ = ["decode_further_command", "further_elements"]

_Any = TypeVar("_Any")
Encode = Callable[[Any], bytes | None]
Decode = Callable[[Elements, int, str], Any]
Field = tuple[int, str, Encode, Decode]

REQUESTED_SOP_CLASS_UID: Final = 0x0003
REQUESTED_SOP_INSTANCE_UID: Final = 0x1001
EVENT_TYPE_ID: Final = 0x1002
ACTION_TYPE_ID: Final = 0x1008


def _optional(encode: Callable[[_Any], bytes]) -> Callable[[_Any | None], bytes | None]:
    return lambda value: None if value is None else encode(value)


def _presence_of(elements: Elements, element: int, name: str) -> bool:
    return number_of(elements, element, name) != NO_DATA_SET


def _comment_of(elements: Elements, element: int, _name: str) -> str | None:
    value = elements.get(element)
    return None if value is None else decode_text(value)


def _number(element: int, name: str) -> Field:
    return element, name, encode_number, number_of


def _optional_number(element: int, name: str) -> Field:
    return element, name, _optional(encode_number), lambda elements, element, _: optional_number_of(elements, element)


def _uid(element: int, name: str) -> Field:
    return element, name, encode_uid, uid_of


def _optional_uid(element: int, name: str) -> Field:
    return element, name, _optional(encode_uid), lambda elements, element, _: optional_uid_of(elements, element)


_MESSAGE_ID: Final = _number(MESSAGE_ID, "MessageID")
_RESPONDED_TO: Final = _number(MESSAGE_ID_BEING_RESPONDED_TO, "MessageIDBeingRespondedTo")
_STATUS: Final = _number(STATUS, "Status")
_DATA_SET: Final[Field] = (
    COMMAND_DATA_SET_TYPE,
    "CommandDataSetType",
    lambda is_present: encode_number(DATA_SET_PRESENT if is_present else NO_DATA_SET),
    _presence_of,
)
_COMMENT: Final[Field] = (
    ERROR_COMMENT, "ErrorComment", _optional(lambda text: encode_text(text[:64])), _comment_of,
)  # fmt: skip
_OFFENDING: Final[Field] = (
    OFFENDING_ELEMENT,
    "OffendingElement",
    lambda tags: encode_tags(tags) or None,
    lambda elements, element, _: decode_tags(elements.get(element, b"")),
)
_ERROR_ID: Final = _optional_number(ERROR_ID, "ErrorID")
_CLASS: Final = _uid(AFFECTED_SOP_CLASS_UID, "AffectedSOPClassUID")
_INSTANCE: Final = _uid(AFFECTED_SOP_INSTANCE_UID, "AffectedSOPInstanceUID")
_REPEATED_CLASS: Final = _optional_uid(AFFECTED_SOP_CLASS_UID, "AffectedSOPClassUID")
_REPEATED_INSTANCE: Final = _optional_uid(AFFECTED_SOP_INSTANCE_UID, "AffectedSOPInstanceUID")

_ROWS: Final[dict[type[FurtherCommand], tuple[Field, ...]]] = {
    CFindRQ: (_MESSAGE_ID, _CLASS, _number(PRIORITY, "Priority"), _DATA_SET),
    CFindRSP: (_RESPONDED_TO, _STATUS, _REPEATED_CLASS, _DATA_SET, _COMMENT, _OFFENDING, _ERROR_ID),
    CCancelRQ: (_RESPONDED_TO,),
    NActionRQ: (
        _MESSAGE_ID,
        _uid(REQUESTED_SOP_CLASS_UID, "RequestedSOPClassUID"),
        _uid(REQUESTED_SOP_INSTANCE_UID, "RequestedSOPInstanceUID"),
        _number(ACTION_TYPE_ID, "ActionTypeID"),
        _DATA_SET,
    ),
    NActionRSP: (
        _RESPONDED_TO, _STATUS, _REPEATED_CLASS, _REPEATED_INSTANCE, _optional_number(ACTION_TYPE_ID, "ActionTypeID"),
        _DATA_SET, _COMMENT, _ERROR_ID,
    ),
    NEventReportRQ: (_MESSAGE_ID, _CLASS, _INSTANCE, _number(EVENT_TYPE_ID, "EventTypeID"), _DATA_SET),
    NEventReportRSP: (
        _RESPONDED_TO, _STATUS, _REPEATED_CLASS, _REPEATED_INSTANCE, _optional_number(EVENT_TYPE_ID, "EventTypeID"),
        _DATA_SET, _COMMENT, _ERROR_ID,
    ),
}  # fmt: skip
"""The fields of each message, in the order of its constructor's arguments."""

_KINDS: Final = {kind.command_field: kind for kind in _ROWS}


def further_elements(command: FurtherCommand) -> list[tuple[int, bytes]]:
    """Element numbers and values in ascending order, without the group length.

    Raises struct.error when a number does not fit its field.
    """
    elements = {
        COMMAND_FIELD: encode_number(command.command_field),
        COMMAND_DATA_SET_TYPE: encode_number(NO_DATA_SET),  # replaced if the message has a field for it
    }
    for name, (element, _, encode, _) in zip(command.__slots__, _ROWS[type(command)], strict=True):
        value = encode(getattr(command, name))
        if value is not None:
            elements[element] = value
    return sorted(elements.items())


def decode_further_command(command_field: int, elements: Elements) -> FurtherCommand | None:
    """The message with this command field, None for other messages; raises CommandFault for a missing field."""
    kind = _KINDS.get(command_field)
    if kind is None:
        return None
    return kind(*[decode(elements, element, name) for element, name, _, decode in _ROWS[kind]])
