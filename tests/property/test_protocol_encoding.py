"""Encode and decode are each other's reverse, and decode takes any bytes."""

from __future__ import annotations

import contextlib
import struct
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dsutils import decode as judge_command

from dcmsend.errors import RemoteProtocolError
from dcmsend.protocol import Command, CommandParseError, Pdu, decode_command, decode_pdu, encode_command, encode_pdu
from property.protocol_values import commands, pdus

HEADER = struct.Struct(">BxI")


@given(pdus)
def test_a_pdu_survives(pdu: Pdu) -> None:
    encoded = encode_pdu(pdu)
    pdu_type, length = HEADER.unpack_from(encoded)
    assert length == len(encoded) - HEADER.size
    assert decode_pdu(pdu_type, encoded[HEADER.size :]) == pdu


@given(commands)
def test_a_command_survives(command: Command) -> None:
    encoded = encode_command(command)
    assert len(encoded) % 2 == 0
    assert decode_command(encoded) == command


@given(commands)
def test_pydicom_finds_our_command_set_well_formed(command: Command) -> None:
    encoded = encode_command(command)
    elements = judge_command(BytesIO(encoded), True, True)
    assert elements.CommandGroupLength == len(encoded) - 12
    assert elements.CommandField == command.command_field
    tags = [element.tag for element in elements]
    assert tags == sorted(tags)


@given(st.integers(0, 255), st.binary(max_size=300))
def test_any_bytes_are_a_pdu_or_a_breach(pdu_type: int, body: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        decode_pdu(pdu_type, body)


@given(pdus, st.data())
def test_a_damaged_pdu_is_a_pdu_or_a_breach(pdu: Pdu, data: st.DataObject) -> None:
    damaged = bytearray(encode_pdu(pdu))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(HEADER.size, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(HEADER.size, len(damaged)))
    try:
        found = decode_pdu(damaged[0], bytes(damaged[HEADER.size : end]))
    except RemoteProtocolError:
        return
    assert type(found) is type(pdu)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_parse_error(data: bytes) -> None:
    decode_command(data)


@given(commands, st.data())
def test_a_damaged_command_is_a_command_or_a_parse_error(command: Command, data: st.DataObject) -> None:
    damaged = bytearray(encode_command(command))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = decode_command(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    if not isinstance(found, CommandParseError):
        assert decode_command(encode_command(found)) == found, "decode, encode, decode is the same"
