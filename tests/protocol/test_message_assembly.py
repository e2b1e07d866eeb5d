"""Commands and fragments become whole messages, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.errors import RemoteProtocolError
from dcmsend.protocol import (
    MAX_DATA_SET_LENGTH,
    CEchoRQ,
    CFindRSP,
    CommandParseError,
    CommandReceived,
    CStoreRQ,
    DataReceived,
    Message,
    MessageAssembly,
    NEventReportRQ,
    UnknownCommand,
    decode_command,
)
from protocol.messages import CT, PUSH, PUSH_INSTANCE
from protocol.test_command_set import command_set, element, us

REPORT = CommandReceived(1, NEventReportRQ(1, PUSH, PUSH_INSTANCE, 1))


def unknown(*, announces: bool) -> UnknownCommand:
    """A C-GET-RQ."""
    kind = element(0x0800, us(1 if announces else 0x0101))
    found = decode_command(command_set(element(0x0100, us(0x0010)), kind))
    assert isinstance(found, UnknownCommand)
    return found


@pytest.mark.parametrize(
    "command",
    [
        CEchoRQ(1), CFindRSP(1, 0), NEventReportRQ(1, PUSH, PUSH_INSTANCE, 1, has_data_set=False),
        unknown(announces=False), UnknownCommand(0x0010, ()), CommandParseError("x", "0006:020b"),
    ],
    ids=lambda command: type(command).__name__,
)  # fmt: skip
def test_a_command_alone_is_a_message(command: object) -> None:
    assembly = MessageAssembly()
    event = CommandReceived(3, command)  # type: ignore[arg-type]
    assert assembly.receive(event) == Message(3, command)  # type: ignore[arg-type]
    assert assembly.receive(event) == Message(3, command)  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=10), min_size=1, max_size=6), st.integers(1, 3))
def test_a_data_set_comes_in_fragments(fragments: list[bytes], times: int) -> None:
    assembly = MessageAssembly()
    for command in [CStoreRQ(1, CT, "1.2"), CFindRSP(1, 0xFF00, has_data_set=True), unknown(announces=True)] * times:
        assert assembly.receive(CommandReceived(5, command)) is None
        for fragment in fragments[:-1]:
            assert assembly.receive(DataReceived(5, fragment, False)) is None
        assert assembly.receive(DataReceived(5, fragments[-1], True)) == Message(5, command, b"".join(fragments))


def test_what_is_mixed_up() -> None:
    with pytest.raises(RemoteProtocolError, match="a data set without a command"):
        MessageAssembly().receive(DataReceived(1, b"", True))
    assembly = MessageAssembly()
    assembly.receive(REPORT)
    with pytest.raises(RemoteProtocolError, match="a command inside a data set"):
        assembly.receive(REPORT)
    with pytest.raises(RemoteProtocolError, match="different PresIDs inside a message: 1 != 3") as caught:
        assembly.receive(DataReceived(3, b"", True))
    assert caught.value.abort_reason == 6


def test_a_data_set_has_at_most_16_mib() -> None:
    assert MAX_DATA_SET_LENGTH == 16 * 1024 * 1024
    assembly = MessageAssembly()
    assembly.receive(REPORT)
    piece = bytes(1 << 20)
    for _ in range(16):
        assert assembly.receive(DataReceived(1, piece, False)) is None
    with pytest.raises(RemoteProtocolError, match="data set is longer than 16777216 bytes"):
        assembly.receive(DataReceived(1, b"\0", True))


def test_just_as_long_as_it_may_be() -> None:
    assembly = MessageAssembly(4)
    assembly.receive(REPORT)
    assert assembly.receive(DataReceived(1, b"abcd", False)) is None
    message = assembly.receive(DataReceived(1, b"", True))
    assert message is not None
    assert message.data_set == b"abcd"
