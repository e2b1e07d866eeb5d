"""Cuts messages into P-DATA-TF PDUs, and provides the buffer in which a data set is sent without a copy.

Source: PS3.8 §9.3.5, D.1, E.2; sizes as in DCMTK (one fragment a PDU, whose header counts as part of the peer's maximum
length).
"""

from __future__ import annotations

import mmap
import sys
from struct import Struct

from dcmsend.errors import LocalProtocolError, RemoteProtocolError

from .pdu import PDataTF
from .pdu_encode import pdv_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["FramedBuffer", "encode_command_pdus", "encode_message_pdus", "max_fragment_length"]

_HEADER: Final = Struct(">BxIIBB")  # PDU type and length, PDV length, context id, message control header
HEADER_LENGTH: Final = _HEADER.size
LONGEST_PDU: Final = 131072
MAX_SLOTS: Final = 1000
"""Limit because ``readv`` takes no more buffers on some systems (IOV_MAX is 1024 on Linux and macOS)."""


def max_fragment_length(peer_max_length: int, own_limit: int | None = None) -> int:
    """The number of message bytes in one P-DATA-TF PDU; even, at least 2.

    Args:
        peer_max_length: maximum length that the peer has announced, 0 for unlimited.
        own_limit: longest PDU to send, None or 0 for no limit of our own.

    Raises RemoteProtocolError if the peer's limit leaves no room for data, LocalProtocolError if ours does.
    """
    longest = min(peer_max_length or LONGEST_PDU, LONGEST_PDU)
    if longest <= HEADER_LENGTH + 1:
        raise RemoteProtocolError(
            f"DUL Cannot send P-DATA PDU because receiver's max PDU size of {longest} is illegal (must be > 12)"
        )
    if own_limit:
        longest = min(longest, own_limit)
        if longest <= HEADER_LENGTH + 1:
            raise LocalProtocolError(f"PDUs of {longest} bytes hold no data")
    return longest // 2 * 2 - HEADER_LENGTH


def _header(data_length: int, context_id: int, flags: int) -> bytes:
    return _HEADER.pack(PDataTF.pdu_type, data_length + 6, data_length + 2, context_id, flags)


def encode_command_pdus(command_set: bytes, context_id: int, fragment_length: int) -> bytes:
    """The P-DATA-TF PDUs of a command set, each with one fragment of at most ``fragment_length`` bytes."""
    if len(command_set) <= fragment_length:
        return _header(len(command_set), context_id, pdv_flags(True, True)) + command_set
    return _encode_fragments(command_set, context_id, fragment_length, is_command=True)


def encode_message_pdus(command_set: bytes, data_set: bytes, context_id: int, fragment_length: int) -> bytes:
    """The P-DATA-TF PDUs of a message with a small data set, which is copied; an empty one is left out."""
    command = encode_command_pdus(command_set, context_id, fragment_length)
    return command + _encode_fragments(data_set, context_id, fragment_length, is_command=False)


def _encode_fragments(data: bytes, context_id: int, fragment_length: int, *, is_command: bool) -> bytes:
    parts: list[bytes] = []
    for start in range(0, len(data), fragment_length):
        fragment = data[start : start + fragment_length]
        is_last = start + fragment_length >= len(data)
        parts += (_header(len(fragment), context_id, pdv_flags(is_command, is_last)), fragment)
    return b"".join(parts)


def _untouched_memory(length: int) -> mmap.mmap:
    """Zero bytes that cost neither memory nor time until they are used: most instances are small."""
    if sys.platform == "win32":
        return mmap.mmap(-1, length)
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE)


class FramedBuffer:
    """A buffer that is already laid out as P-DATA-TF PDUs, so that sending data needs no work for each PDU.

    Layout: ``[room for the command][header][slot][header][slot]...``.  The reader fills the slots; ``frame`` returns
    the slice to send.  Only the header of the last PDU is changed, and restored by the next call.

    Attributes:
        slots: memory for the data bytes, in order; each is ``slot_bytes`` long.
        slot_bytes: data bytes in a full PDU.
        capacity: data bytes in all slots together.
    """

    __slots__ = ("_buffer", "_context_id", "_patched", "_stride", "_view", "capacity", "slot_bytes", "slots")

    HEAD_ROOM: Final = 1024

    def __init__(self, fragment_length: int, capacity: int = 1 << 20) -> None:
        """Make a buffer of about ``capacity`` bytes (always room for one fragment, never more than 1000 slots)."""
        if fragment_length < 1:
            raise LocalProtocolError(f"a fragment cannot have {fragment_length} bytes")
        self._stride: Final = fragment_length + HEADER_LENGTH
        slot_count = max(1, min(capacity // self._stride, MAX_SLOTS))
        self.slot_bytes: Final = fragment_length
        self.capacity: Final = slot_count * fragment_length
        self._context_id = 0
        self._patched: int | None = None
        full_header = _header(fragment_length, self._context_id, pdv_flags(False, False))
        self._buffer = _untouched_memory(self.HEAD_ROOM + self._stride * slot_count)
        self._view = memoryview(self._buffer)
        for start in range(self.HEAD_ROOM, len(self._buffer), self._stride):
            self._buffer[start : start + HEADER_LENGTH] = full_header
        first_slot = self.HEAD_ROOM + HEADER_LENGTH
        self.slots: Final = tuple(
            self._view[start : start + fragment_length]
            for start in range(first_slot, len(self._buffer), self._stride)
        )

    def frame(self, data_length: int, *, context_id: int, is_last: bool, command: bytes = b"") -> memoryview:
        """The bytes to send for the first ``data_length`` bytes in the slots; valid until the next call.

        Args:
            data_length: 0..capacity; every slot but the last used one is full.  0 with ``is_last`` makes one empty
                last fragment, 0 without it the command alone.
            context_id: presentation context of the data.
            is_last: whether the data set ends here.
            command: encoded command PDUs, sent before the data.

        Raises LocalProtocolError when the data or the command does not fit.
        """
        if not 0 <= data_length <= self.capacity:
            raise LocalProtocolError(f"{data_length} bytes do not lie in the {self.capacity} bytes of the slots")
        begin = self.HEAD_ROOM - len(command)
        if begin < 0:
            raise LocalProtocolError(f"a command of {len(command)} bytes does not fit before the data")
        self._buffer[begin : self.HEAD_ROOM] = command
        last_slot = max(0, data_length - 1) // self.slot_bytes
        if self._patched is not None and self._patched != last_slot:
            self._write_header(self._patched, self.slot_bytes, is_last=False)
            self._patched = None
        if context_id != self._context_id:
            self._context_id = context_id
            self._buffer[self.HEAD_ROOM + 10 :: self._stride] = bytes((context_id,)) * len(self.slots)
        if not data_length and not is_last:
            return self._view[begin : self.HEAD_ROOM]
        rest = data_length - last_slot * self.slot_bytes
        if is_last or rest != self.slot_bytes or self._patched is not None:
            self._write_header(last_slot, rest, is_last=is_last)
            self._patched = last_slot
        end = self.HEAD_ROOM + last_slot * self._stride + HEADER_LENGTH + rest
        return self._view[begin:end]

    def _write_header(self, slot: int, data_length: int, *, is_last: bool) -> None:
        _HEADER.pack_into(
            self._buffer,
            self.HEAD_ROOM + slot * self._stride,
            PDataTF.pdu_type,
            data_length + 6,
            data_length + 2,
            self._context_id,
            pdv_flags(False, is_last),
        )
