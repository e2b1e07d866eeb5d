"""How messages are cut into P-DATA-TF PDUs; every layout is taken apart again by pynetdicom."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from pynetdicom.pdu import P_DATA_TF

from dcmsend.errors import LocalProtocolError, RemoteProtocolError
from dcmsend.protocol import FramedBuffer, encode_command_pdus, max_fragment_length


def pdus(data: bytes) -> Iterator[P_DATA_TF]:
    """The P-DATA-TF PDUs in ``data``, decoded by pynetdicom."""
    offset = 0
    while offset < len(data):
        pdu_type, length = struct.unpack_from(">BxI", data, offset)
        assert pdu_type == 4
        end = offset + 6 + length
        assert end <= len(data)
        pdu = P_DATA_TF()
        pdu.decode(data[offset:end])
        yield pdu
        offset = end


def fragments(data: bytes) -> list[tuple[int, int, bytes]]:
    """(context id, message control header, fragment) of each PDU; asserts that there is one fragment in each."""
    found = []
    for pdu in pdus(data):
        (value,) = pdu.presentation_data_value_items
        found.append((value.context_id, value.data[0], value.data[1:]))
    return found


def fill(buffer: FramedBuffer, data: bytes) -> None:
    """Put data into the slots, as a scattering read would."""
    for slot in buffer.slots:
        part, data = data[: len(slot)], data[len(slot) :]
        slot[: len(part)] = part
    assert not data


# observed with DCMTK dcmsend 3.6.7: announced maximum length, data bytes in a full PDU
@pytest.mark.parametrize(
    ("peer_max_length", "expected"),
    [
        (14, 2),
        (15, 2),
        (16, 4),
        (19, 6),
        (20, 8),
        (65, 52),
        (4096, 4084),
        (16384, 16372),
        (16385, 16372),
        (131071, 131058),
        (131072, 131060),
        (131073, 131060),
        (0xFFFFFFFF, 131060),
        (0, 131060),
    ],
)
def test_longest_fragment(peer_max_length: int, expected: int) -> None:
    assert max_fragment_length(peer_max_length) == expected
    assert max_fragment_length(peer_max_length, None) == expected
    assert max_fragment_length(peer_max_length, 1 << 20) == expected


def test_our_own_limit_only_lowers_it() -> None:
    assert max_fragment_length(0, 4096) == 4084
    assert max_fragment_length(16384, 4096) == 4084
    assert max_fragment_length(4096, 16384) == 4084
    assert max_fragment_length(16384, 4097) == 4084
    assert max_fragment_length(16384, 0) == 16372


@pytest.mark.parametrize("peer_max_length", [1, 6, 11, 12, 13])
def test_a_peer_that_leaves_no_room(peer_max_length: int) -> None:
    text = f"DUL Cannot send P-DATA PDU because receiver's max PDU size of {peer_max_length} is illegal (must be > 12)"
    with pytest.raises(RemoteProtocolError) as caught:
        max_fragment_length(peer_max_length)
    assert caught.value.text == text


def test_a_limit_of_our_own_that_leaves_no_room() -> None:
    with pytest.raises(LocalProtocolError):
        max_fragment_length(16384, 13)


@pytest.mark.parametrize("length", [2, 4, 100, 149, 150, 151, 152, 1000])
def test_command_pdus(length: int) -> None:
    command_set = bytes(range(150))
    found = fragments(encode_command_pdus(command_set, 77, length))
    assert b"".join(data for _, _, data in found) == command_set
    assert {context_id for context_id, _, _ in found} == {77}
    assert [flags for _, flags, _ in found] == [1] * (len(found) - 1) + [3]
    assert {len(data) for _, _, data in found[:-1]} <= {length}
    assert 0 < len(found[-1][2]) <= length


def test_command_and_data_in_one_piece() -> None:
    buffer = FramedBuffer(100)
    data = bytes(range(250))
    fill(buffer, data)
    command = encode_command_pdus(b"command!", 5, 100)
    framed = bytes(buffer.frame(250, context_id=5, is_last=True, command=command))
    assert fragments(framed) == [
        (5, 3, b"command!"),
        (5, 0, data[:100]),
        (5, 0, data[100:200]),
        (5, 2, data[200:]),
    ]


def test_the_buffer_is_as_new_after_each_message() -> None:
    buffer = FramedBuffer(10, 220)
    assert buffer.capacity == 100
    data = bytes(range(100))
    fill(buffer, data)
    assert fragments(bytes(buffer.frame(15, context_id=1, is_last=True))) == [(1, 0, data[:10]), (1, 2, data[10:15])]
    assert fragments(bytes(buffer.frame(100, context_id=1, is_last=False))) == [
        (1, 0, data[start : start + 10]) for start in range(0, 100, 10)
    ]
    assert fragments(bytes(buffer.frame(100, context_id=255, is_last=True))) == [
        (255, 2 if start == 90 else 0, data[start : start + 10]) for start in range(0, 100, 10)
    ]
    assert fragments(bytes(buffer.frame(10, context_id=3, is_last=True, command=b""))) == [(3, 2, data[:10])]
    assert fragments(bytes(buffer.frame(20, context_id=3, is_last=False))) == [(3, 0, data[:10]), (3, 0, data[10:20])]


def test_the_slice_is_the_buffer_itself() -> None:
    buffer = FramedBuffer(8)
    framed = buffer.frame(8, context_id=1, is_last=True)
    buffer.slots[0][:] = b"written!"
    assert bytes(framed[-8:]) == b"written!", "no byte of data is copied"


def test_no_data() -> None:
    buffer = FramedBuffer(10)
    assert bytes(buffer.frame(0, context_id=1, is_last=False)) == b""
    command = encode_command_pdus(b"x", 1, 10)
    assert bytes(buffer.frame(0, context_id=1, is_last=False, command=command)) == command
    # pynetdicom refuses an empty fragment; PS3.8 does not
    assert bytes(buffer.frame(0, context_id=1, is_last=True)) == struct.pack(">BxIIBB", 4, 6, 2, 1, 2)


def test_a_command_that_just_fits_and_one_that_does_not() -> None:
    buffer = FramedBuffer(10)
    command = bytes(buffer.HEAD_ROOM)
    assert len(buffer.frame(0, context_id=1, is_last=False, command=command)) == buffer.HEAD_ROOM
    with pytest.raises(LocalProtocolError):
        buffer.frame(0, context_id=1, is_last=False, command=command + b"x")


@pytest.mark.parametrize("data_length", [-1, 101, 1 << 40])
def test_data_that_does_not_lie_in_the_slots(data_length: int) -> None:
    buffer = FramedBuffer(10, 220)
    with pytest.raises(LocalProtocolError):
        buffer.frame(data_length, context_id=1, is_last=True)


def test_sizes() -> None:
    small = FramedBuffer(2)
    assert len(small.slots) == 1000, "a scattering read takes no more than IOV_MAX buffers"
    assert small.capacity == 2000
    large = FramedBuffer(131060)
    assert len(large.slots) == 8
    assert large.capacity == 8 * 131060
    assert len(FramedBuffer(131060, 1).slots) == 1, "there is always room for one fragment"
    with pytest.raises(LocalProtocolError):
        FramedBuffer(0)
