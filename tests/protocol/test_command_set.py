"""DIMSE command sets against golden bytes and against pynetdicom; what DCMTK takes and what it does not."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_ECHO_RQ, C_ECHO_RSP, C_GET_RQ, C_STORE_RQ, C_STORE_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import C_ECHO, C_GET, C_STORE
from pynetdicom.dsutils import decode, encode

from dcmsend.errors import LocalProtocolError
from dcmsend.protocol import (
    CEchoRQ,
    CEchoRSP,
    Command,
    CommandParseError,
    CStoreRQ,
    CStoreRSP,
    UnknownCommand,
    decode_command,
    encode_command,
)
from protocol.messages import COMMANDS, CT, INSTANCE, STORE_REQUEST
from vectors.reader import read_vector

MISSING_COMMAND_FIELD = "DIMSE_parseCmdObject: Missing CommandField"
READ_FAILED = "DIMSE: receiveCommand: cmdSet->read() Failed"


def element(number: int, value: bytes, *, group: int = 0, length: int | None = None) -> bytes:
    """One element, perhaps with a length that lies."""
    return struct.pack("<HHI", group, number, len(value) if length is None else length) + value


def us(value: int) -> bytes:
    return struct.pack("<H", value)


RESPONSE = {
    0x0002: element(0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
    0x0100: element(0x0100, us(0x8001)),
    0x0120: element(0x0120, us(7)),
    0x0800: element(0x0800, us(0x0101)),
    0x0900: element(0x0900, us(0xB000)),
    0x1000: element(0x1000, b"1.2.3\0"),
}
DECODED = CStoreRSP(7, 0xB000, "1.2.840.10008.5.1.4.1.1.2", "1.2.3")


def command_set(*parts: bytes, group_length: int | None = None) -> bytes:
    body = b"".join(parts)
    return element(0, struct.pack("<I", len(body) if group_length is None else group_length)) + body


def response(**changed: bytes) -> bytes:
    """The response with some elements replaced, keyword ``e0900`` for (0000,0900)."""
    return command_set(*({**RESPONSE, **{int(key[1:], 16): value for key, value in changed.items()}}).values())


def judged(data: bytes) -> Any:
    """pydicom's reading of a command set."""
    return decode(BytesIO(data), True, True)


def from_judge(message: DIMSEMessage, primitive: Any) -> bytes:
    """The command set that pynetdicom sends for a primitive."""
    message.primitive_to_message(primitive)
    fragments = [value[1:] for pdata in message.encode_msg(1, 0) for _, value in pdata.presentation_data_value_list[:1]]
    return bytes(fragments[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_golden_bytes(name: str) -> None:
    assert encode_command(COMMANDS[name]) == read_vector(name)
    assert decode_command(read_vector(name)) == COMMANDS[name]


def test_golden_bytes_of_a_store_request() -> None:
    command = read_vector("p_data_tf_dcmtk")[12:]
    assert encode_command(STORE_REQUEST) == command
    assert decode_command(command) == STORE_REQUEST


@pytest.mark.parametrize(
    "command",
    [STORE_REQUEST, CStoreRQ(65535, "1.2", "1.3.4", 2, has_data_set=False), *COMMANDS.values()],
    ids=lambda command: type(command).__name__,
)
def test_the_judge_writes_the_same(command: Command) -> None:
    encoded = encode_command(command)
    again = encode(judged(encoded), True, True)
    assert again == encoded
    assert decode_command(encoded) == command


def test_commands_made_by_pynetdicom() -> None:
    store = C_STORE()
    store.MessageID = 3
    store.AffectedSOPClassUID = UID(CT)
    store.AffectedSOPInstanceUID = UID(INSTANCE)
    store.Priority = 1
    store.DataSet = BytesIO(b"\x08\x00\x05\x00\x00\x00\x00\x00")
    assert decode_command(from_judge(C_STORE_RQ(), store)) == CStoreRQ(3, CT, INSTANCE, 1)

    answer = C_STORE()
    answer.MessageIDBeingRespondedTo = 3
    answer.AffectedSOPClassUID = UID(CT)
    answer.AffectedSOPInstanceUID = UID(INSTANCE)
    answer.Status = 0xA700
    answer.ErrorComment = "disk full"
    answer.OffendingElement = [0x00100010]
    assert decode_command(from_judge(C_STORE_RSP(), answer)) == CStoreRSP(
        3, 0xA700, CT, INSTANCE, "disk full", (0x00100010,)
    )

    echo = C_ECHO()
    echo.MessageID = 9
    echo.AffectedSOPClassUID = UID("1.2.840.10008.1.1")
    assert decode_command(from_judge(C_ECHO_RQ(), echo)) == CEchoRQ(9)
    echo = C_ECHO()
    echo.MessageIDBeingRespondedTo = 9
    echo.Status = 0
    assert decode_command(from_judge(C_ECHO_RSP(), echo)) == CEchoRSP(9, 0, None)


def test_another_message_is_unknown_but_whole() -> None:
    get = C_GET()
    get.MessageID = 4
    get.AffectedSOPClassUID = UID("1.2.840.10008.5.1.4.1.2.2.3")
    get.Priority = 0
    get.Identifier = BytesIO(b"\x08\x00\x05\x00\x00\x00\x00\x00")
    encoded = from_judge(C_GET_RQ(), get)
    command = decode_command(encoded)
    assert isinstance(command, UnknownCommand)
    assert command.command_field == 0x0010
    assert (0x0110, us(4)) in command.elements
    assert encode_command(command) == encoded


def test_uids_are_cut_at_64_characters() -> None:
    uid = "1." + "2" * 80
    assert decode_command(encode_command(CStoreRQ(1, uid, uid))) == CStoreRQ(1, uid[:64], uid[:64])


@pytest.mark.parametrize(
    "command",
    [CStoreRQ(65536, CT, INSTANCE), CStoreRQ(-1, CT, INSTANCE), CStoreRSP(1, 65536), CEchoRQ(70000)],
    ids=repr,
)
def test_a_number_that_does_not_fit_is_our_error(command: Command) -> None:
    with pytest.raises(LocalProtocolError):
        encode_command(command)


PUT_UP_WITH = {
    "no group length": b"".join(RESPONSE.values()),
    "group length too small": command_set(*RESPONSE.values(), group_length=4),
    "group length too large": command_set(*RESPONSE.values(), group_length=4000),
    "descending": command_set(*list(RESPONSE.values())[::-1]),
    "status twice, the first counts": command_set(*RESPONSE.values(), element(0x0900, us(0xA700))),
    "status of 4 bytes, the first 2 count": response(e0900=element(0x0900, us(0xB000) + us(1))),
    "another group": command_set(*RESPONSE.values(), element(0x0018, b"1.2.", group=8)),
    "an unknown element": command_set(*RESPONSE.values(), element(0x5555, b"ab")),
    "UIDs padded with blanks": response(e1000=element(0x1000, b"1.2.3 ")),
}


@pytest.mark.parametrize("name", PUT_UP_WITH)
def test_what_dcmtk_puts_up_with(name: str) -> None:
    assert decode_command(PUT_UP_WITH[name]) == DECODED


@pytest.mark.parametrize(
    ("missing", "expected"), [(0x0002, (None, "1.2.3")), (0x1000, (DECODED.affected_sop_class_uid, None))]
)
def test_affected_uids_may_be_missing(missing: int, expected: tuple[str | None, str | None]) -> None:
    command = decode_command(command_set(*(part for number, part in RESPONSE.items() if number != missing)))
    assert isinstance(command, CStoreRSP)
    assert (command.affected_sop_class_uid, command.affected_sop_instance_uid) == expected


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        (0x0100, MISSING_COMMAND_FIELD),
        (0x0120, "DIMSE: Command Parse Failed: Element: (0000,0120) MessageIDBeingRespondedTo"),
        (0x0800, "DIMSE: Command Parse Failed: Element: (0000,0800) CommandDataSetType"),
        (0x0900, "DIMSE: Command Parse Failed: Element: (0000,0900) Status"),
    ],
)
def test_mandatory_fields(missing: int, text: str) -> None:
    for data in (
        command_set(*(part for number, part in RESPONSE.items() if number != missing)),
        response(**{f"e{missing:04x}": element(missing, b"")}) if missing != 0x0100 else b"",
    ):
        error = decode_command(data)
        assert isinstance(error, CommandParseError)
        assert (str(error), error.code) == (text, "0006:020b")


@pytest.mark.parametrize(
    ("command_field", "elements"),
    [
        (0x0001, (0x0002, 0x0110, 0x0700, 0x0800, 0x1000)),
        (0x0030, (0x0002, 0x0110, 0x0800)),
        (0x8030, (0x0120, 0x0800, 0x0900)),
    ],
    ids=["C-STORE-RQ", "C-ECHO-RQ", "C-ECHO-RSP"],
)
def test_mandatory_fields_of_the_other_messages(command_field: int, elements: tuple[int, ...]) -> None:
    values = {number: element(number, us(0x0101)) for number in elements}
    head = element(0x0100, us(command_field))
    assert not isinstance(decode_command(command_set(head, *values.values())), CommandParseError)
    for left_out in elements:
        rest = [value for number, value in values.items() if number != left_out]
        error = decode_command(command_set(head, *rest))
        assert isinstance(error, CommandParseError)
        assert f"(0000,{left_out:04x})" in error.text


UNUSABLE = {
    "nothing": (b"", MISSING_COMMAND_FIELD),
    "status of 1 byte": (response(e0900=element(0x0900, b"\0")), MISSING_COMMAND_FIELD),
    "status of 3 bytes": (response(e0900=element(0x0900, bytes(3))), MISSING_COMMAND_FIELD),
    "UID of odd length at the end": (response(e1000=element(0x1000, b"1.2.3")), MISSING_COMMAND_FIELD),
    "two odd lengths": (
        response(e0002=element(0x0002, b"1.2.3"), e1000=element(0x1000, b"1.2.3")),
        MISSING_COMMAND_FIELD,
    ),
    "3 bytes too many": (response() + bytes(3), MISSING_COMMAND_FIELD),
    "4 bytes too many": (response() + bytes(4), READ_FAILED),
    "cut off": (response()[:-2], READ_FAILED),
    "a length that lies": (response(e1000=element(0x1000, b"1.2.3\0", length=60000)), READ_FAILED),
    "a length of 4 GiB": (response(e1000=element(0x1000, b"1.2.3\0", length=0xFFFFFFFE)), READ_FAILED),
    "undefined length": (response(e1000=element(0x1000, b"1.2.3\0", length=0xFFFFFFFF)), READ_FAILED),
    "no command set at all": (b"\x55" * 60, READ_FAILED),
    "unknown command": (
        response(e0100=element(0x0100, us(0x7777))),
        "DIMSE_parseCmdObject: Invalid Command Message: 0x7777",
    ),
    "a data set announced": (response(e0800=element(0x0800, us(1))), "DIMSE Badly formed message"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_dcmtk_does_not_put_up_with(name: str) -> None:
    data, text = UNUSABLE[name]
    error = decode_command(data)
    assert isinstance(error, CommandParseError)
    assert error.text == text


def test_offending_elements_and_error_id_of_odd_sizes() -> None:
    command = decode_command(
        command_set(*RESPONSE.values(), element(0x0901, us(8) + us(0x18) + us(9)), element(0x0903, b""))
    )
    assert isinstance(command, CStoreRSP)
    assert command.offending_elements == (0x00080018,)
    assert command.error_id is None
