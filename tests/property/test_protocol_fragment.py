"""FramedBuffer against a naive encoder, and against pynetdicom as the decoder."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import P_DATA_TF

from dcmsend.protocol import FramedBuffer, encode_command_pdus

fragment_lengths = st.sampled_from([2, 4, 6, 13, 50, 128]) | st.integers(1, 300)
context_ids = st.integers(0, 127).map(lambda number: 2 * number + 1)


def naive(message: bytes, context_id: int, fragment_length: int, *, is_command: bool, is_last: bool) -> bytes:
    """P-DATA-TF PDUs, built one after the other."""
    encoded = b""
    pieces = [message[start : start + fragment_length] for start in range(0, len(message), fragment_length)]
    if not pieces and is_last:
        pieces = [b""]
    for number, piece in enumerate(pieces, 1):
        flags = (1 if is_command else 0) + (2 if is_last and number == len(pieces) else 0)
        value = struct.pack(">IBB", len(piece) + 2, context_id, flags) + piece
        encoded += struct.pack(">BBI", 4, 0, len(value)) + value
    return encoded


def judged(framed: bytes) -> list[tuple[int, int, bytes]]:
    """(context id, message control header, fragment) of each PDU, as pynetdicom reads them."""
    found = []
    offset = 0
    while offset < len(framed):
        end = offset + 6 + int.from_bytes(framed[offset + 2 : offset + 6], "big")
        pdu = P_DATA_TF()
        pdu.decode(framed[offset:end])
        found += [(value.context_id, value.data[0], value.data[1:]) for value in pdu.presentation_data_value_items]
        offset = end
    assert offset == len(framed)
    return found


@given(st.binary(min_size=1, max_size=400), context_ids, fragment_lengths)
def test_command_pdus(command_set: bytes, context_id: int, fragment_length: int) -> None:
    encoded = encode_command_pdus(command_set, context_id, fragment_length)
    assert encoded == naive(command_set, context_id, fragment_length, is_command=True, is_last=True)
    assert b"".join(data for _, _, data in judged(encoded)) == command_set


@given(fragment_lengths, st.integers(1, 2000), st.data())
def test_one_buffer_for_many_messages(fragment_length: int, capacity: int, data: st.DataObject) -> None:
    buffer = FramedBuffer(fragment_length, capacity)
    assert buffer.capacity == sum(map(len, buffer.slots))
    for _ in range(data.draw(st.integers(1, 6), label="messages")):
        whole = data.draw(st.booleans(), label="full")
        length = buffer.capacity if whole else data.draw(st.integers(0, buffer.capacity), label="length")
        content = bytes(number * 7 % 256 for number in range(length))
        context_id = data.draw(context_ids, label="context id")
        is_last = data.draw(st.booleans(), label="last")
        command = b""
        if data.draw(st.booleans(), label="with command"):
            command = encode_command_pdus(bytes(range(60)), context_id, max(fragment_length, 8))
        for number, slot in enumerate(buffer.slots):
            part = content[number * fragment_length : (number + 1) * fragment_length]
            slot[: len(part)] = part

        framed = bytes(buffer.frame(length, context_id=context_id, is_last=is_last, command=command))

        assert framed == command + naive(content, context_id, fragment_length, is_command=False, is_last=is_last)
        if length:
            fragments = judged(framed[len(command) :])
            assert b"".join(piece for _, _, piece in fragments) == content
            assert {number for number, _, _ in fragments} == {context_id}
