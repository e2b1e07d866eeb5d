"""C-FIND, C-CANCEL, N-ACTION and N-EVENT-REPORT against pynetdicom; what is missing in them."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom import dimse_messages as messages
from pynetdicom.dimse_primitives import C_CANCEL, C_FIND, N_ACTION, N_EVENT_REPORT

from dcmsend.errors import LocalProtocolError
from dcmsend.protocol import (
    CCancelRQ,
    CFindRQ,
    CFindRSP,
    Command,
    CommandParseError,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    NEventReportRSP,
    decode_command,
    encode_command,
    general_status_text,
)
from protocol.messages import FIND, PUSH, PUSH_INSTANCE
from protocol.test_command_set import command_set, element, from_judge, us

DATA_SET = BytesIO(b"\x08\x00\x05\x00\x00\x00\x00\x00")


def primitive(kind: type, **values: object) -> Any:
    made = kind()
    for name, value in values.items():
        setattr(made, name, value)
    return made


MADE_BY_PYNETDICOM: dict[str, tuple[Any, Any, Command]] = {
    "find": (
        messages.C_FIND_RQ,
        primitive(C_FIND, MessageID=4, AffectedSOPClassUID=UID(FIND), Priority=2, Identifier=DATA_SET),
        CFindRQ(4, FIND, 2),
    ),
    "match": (
        messages.C_FIND_RSP,
        primitive(
            C_FIND, MessageIDBeingRespondedTo=4, AffectedSOPClassUID=UID(FIND), Status=0xFF00, Identifier=DATA_SET
        ),
        CFindRSP(4, 0xFF00, FIND, has_data_set=True),
    ),
    "end of matches": (
        messages.C_FIND_RSP,
        primitive(C_FIND, MessageIDBeingRespondedTo=4, Status=0xA700, ErrorComment="too many"),
        CFindRSP(4, 0xA700, None, error_comment="too many"),
    ),
    "cancel": (messages.C_CANCEL_RQ, primitive(C_CANCEL, MessageIDBeingRespondedTo=4), CCancelRQ(4)),
    "action": (
        messages.N_ACTION_RQ,
        primitive(
            N_ACTION, MessageID=5, RequestedSOPClassUID=UID(PUSH), RequestedSOPInstanceUID=UID(PUSH_INSTANCE),
            ActionTypeID=1, ActionInformation=DATA_SET,
        ),
        NActionRQ(5, PUSH, PUSH_INSTANCE),
    ),
    "action taken": (
        messages.N_ACTION_RSP,
        primitive(
            N_ACTION, MessageIDBeingRespondedTo=5, AffectedSOPClassUID=UID(PUSH),
            AffectedSOPInstanceUID=UID(PUSH_INSTANCE), ActionTypeID=1, Status=0,
        ),
        NActionRSP(5, 0, PUSH, PUSH_INSTANCE, 1),
    ),
    "action refused": (
        messages.N_ACTION_RSP,
        primitive(N_ACTION, MessageIDBeingRespondedTo=5, Status=0x0213, ErrorComment="busy", ErrorID=7),
        NActionRSP(5, 0x0213, error_comment="busy", error_id=7),
    ),
    "report": (
        messages.N_EVENT_REPORT_RQ,
        primitive(
            N_EVENT_REPORT, MessageID=6, AffectedSOPClassUID=UID(PUSH), AffectedSOPInstanceUID=UID(PUSH_INSTANCE),
            EventTypeID=2, EventInformation=DATA_SET,
        ),
        NEventReportRQ(6, PUSH, PUSH_INSTANCE, 2),
    ),
    "report taken": (
        messages.N_EVENT_REPORT_RSP,
        primitive(
            N_EVENT_REPORT, MessageIDBeingRespondedTo=6, AffectedSOPClassUID=UID(PUSH),
            AffectedSOPInstanceUID=UID(PUSH_INSTANCE), EventTypeID=2, Status=0x0110,
        ),
        NEventReportRSP(6, 0x0110, PUSH, PUSH_INSTANCE, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_BY_PYNETDICOM)
def test_commands_made_by_pynetdicom(name: str) -> None:
    message, made, expected = MADE_BY_PYNETDICOM[name]
    encoded = from_judge(message(), made)
    assert decode_command(encoded) == expected
    assert encode_command(expected) == encoded


@pytest.mark.parametrize(
    ("command_field", "mandatory"),
    [
        (
            0x0020,
            {0x0002: "AffectedSOPClassUID", 0x0110: "MessageID", 0x0700: "Priority", 0x0800: "CommandDataSetType"},
        ),
        (0x8020, {0x0120: "MessageIDBeingRespondedTo", 0x0800: "CommandDataSetType", 0x0900: "Status"}),
        (0x0FFF, {0x0120: "MessageIDBeingRespondedTo"}),
        (
            0x0130,
            {
                0x0003: "RequestedSOPClassUID", 0x0110: "MessageID", 0x0800: "CommandDataSetType",
                0x1001: "RequestedSOPInstanceUID", 0x1008: "ActionTypeID",
            },
        ),
        (0x8130, {0x0120: "MessageIDBeingRespondedTo", 0x0800: "CommandDataSetType", 0x0900: "Status"}),
        (
            0x0100,
            {
                0x0002: "AffectedSOPClassUID", 0x0110: "MessageID", 0x0800: "CommandDataSetType",
                0x1000: "AffectedSOPInstanceUID", 0x1002: "EventTypeID",
            },
        ),
        (0x8100, {0x0120: "MessageIDBeingRespondedTo", 0x0800: "CommandDataSetType", 0x0900: "Status"}),
    ],
    ids=lambda value: hex(value) if isinstance(value, int) else "",
)  # fmt: skip
def test_mandatory_fields(command_field: int, mandatory: dict[int, str]) -> None:
    values = {number: element(number, us(0x0101)) for number in mandatory}
    head = element(0x0100, us(command_field))
    whole = decode_command(command_set(head, *values.values()))
    assert not isinstance(whole, CommandParseError)
    assert whole.command_field == command_field
    for left_out, name in mandatory.items():
        for replacement in (b"", element(left_out, b"")):
            parts = [replacement if number == left_out else value for number, value in values.items()]
            fault = decode_command(command_set(head, *parts))
            assert isinstance(fault, CommandParseError)
            assert fault.text == f"DIMSE: Command Parse Failed: Element: (0000,{left_out:04x}) {name}"
            assert fault.code == "0006:020b"


def test_what_is_not_repeated_may_be_empty() -> None:
    parts = [element(0x0100, us(0x8130)), element(0x0120, us(5)), element(0x0800, us(0x0101)), element(0x0900, us(0))]
    empty = [element(0x0002, b""), element(0x1000, b""), element(0x1008, b""), element(0x0903, b"")]
    assert decode_command(command_set(*parts, *empty)) == NActionRSP(5, 0, "", "")


@pytest.mark.parametrize("status", [0xFF00, 0xFF01, 0x0000, 0xFE00, 0xB001, 0xFF02])
def test_only_two_statuses_are_pending(status: int) -> None:
    assert CFindRSP(1, status).is_pending == (status in (0xFF00, 0xFF01))


@pytest.mark.parametrize(
    "command",
    [
        CFindRQ(65536, FIND), CFindRSP(1, -1), CFindRSP(1, 0, offending_elements=(1 << 32,)), CCancelRQ(-1),
        NActionRQ(1, PUSH, PUSH_INSTANCE, 65536), NActionRSP(1, 0, action_type_id=65536),
        NEventReportRQ(1, PUSH, PUSH_INSTANCE, -1), NEventReportRSP(1, 0, error_id=1 << 16),
    ],
    ids=repr,
)  # fmt: skip
def test_a_number_that_does_not_fit_is_our_error(command: Command) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command(command)


def test_long_uids_and_comments_are_cut_as_for_storing() -> None:
    uid, words = "1." + "2" * 80, "w" * 80
    assert decode_command(encode_command(NActionRQ(1, uid, uid))) == NActionRQ(1, uid[:64], uid[:64])
    assert decode_command(encode_command(NActionRSP(1, 0, uid, None, None, False, words))) == NActionRSP(
        1, 0, uid[:64], error_comment=words[:64]
    )


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x0112, "no such SOP Instance"), (0x0131, "duplicate Transaction UID"), (0x0213, "resource limitation"),
        (0xA701, "out of resources"), (0xC123, "unable to process"), (0x0001, "unknown status"),
        (0xFFFF, "unknown status"), (0xB001, "unknown status"),
    ],
)  # fmt: skip
def test_statuses_in_words(code: int, text: str) -> None:
    assert general_status_text(code) == text


def test_numbers_are_little_endian() -> None:
    assert struct.pack("<HHIH", 0, 0x1002, 2, 2) in encode_command(NEventReportRQ(1, PUSH, PUSH_INSTANCE, 2))
