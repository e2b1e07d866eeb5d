"""Puts the bytes of a payload into the slots of a framed buffer, and reads files straight into them."""

from __future__ import annotations

from collections.abc import Sequence

from dcmsend.bases import Protocol
from dcmsend.inputs import FileChanged, unreadable
from dcmsend.load import BytesPayload, ChunkPayload, FilePayload, Payload, read_into
from dcmsend.protocol import FramedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.load import Checksum

__all__ = ["Framing", "framing_of"]


class Framing(Protocol):
    """Copies a payload into framed buffers, and remembers how far it has got."""

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        """Put the next bytes into the slots of ``buffer``; return their number and whether the data set ends there.

        All slots are filled except at the end.  A data set of odd length gets one zero byte (PS3.5 A.5); only deflated
        ones and those in an unknown syntax can be odd.  Raises FileUnreadable, DataSetError, TranscodeError.
        """


def framing_of(payload: Payload) -> Framing:
    """The framing for a payload; the caller closes the payload."""
    if isinstance(payload, BytesPayload):
        return _BytesFraming(payload)
    if isinstance(payload, FilePayload):
        return _FileFraming(payload) if payload.checksum is None else _CheckedFraming(payload, payload.checksum)
    return _ChunkFraming(payload)


class _BytesFraming:
    """Frames a data set in memory."""

    __slots__ = ("_data", "_position")

    def __init__(self, payload: BytesPayload) -> None:
        self._data = payload.data
        self._position = 0

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        start = self._position
        length = len(self._data) - start
        if not start and length <= buffer.slot_bytes:
            buffer.slots[0][:length] = self._data
            return _padded(buffer, length), True
        size = min(length, buffer.capacity)
        _scatter(buffer, 0, self._data[start : start + size])
        self._position += size
        if size == length:
            return _padded(buffer, size), True
        return size, False


class _FileFraming:
    """Frames a range of a file, which is read straight into the slots.

    ``fill`` raises FileChanged when the file was replaced or shortened since it was opened.
    """

    __slots__ = ("_offset", "_payload", "_remaining")

    def __init__(self, payload: FilePayload) -> None:
        self._payload = payload
        self._offset = payload.offset
        self._remaining = payload.length

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        wanted = min(self._remaining, buffer.capacity)
        got = 0
        try:
            while got < wanted:
                count = read_into(self._payload.descriptor, _targets(buffer, got, wanted), self._offset)
                if count == 0:
                    raise FileChanged(f"the file ends {self._remaining} bytes earlier than when it was checked")
                got += count
                self._offset += count
                self._remaining -= count
            if self._remaining == 0:
                self._payload.check_unchanged()
        except OSError as error:
            raise unreadable(error) from error
        if self._remaining == 0:
            return _padded(buffer, got), True
        return got, False


class _CheckedFraming(_FileFraming):
    """Frames a range of a file whose checksum is known; ``fill`` raises DataSetError instead of the last bytes."""

    __slots__ = ("_checksum",)

    def __init__(self, payload: FilePayload, checksum: Checksum) -> None:
        super().__init__(payload)
        self._checksum = checksum

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        before = self._remaining
        filled = super().fill(buffer)
        self._checksum.take(_targets(buffer, 0, before - self._remaining))
        if self._remaining == 0:
            self._checksum.finish(self._payload.descriptor)
        return filled


class _ChunkFraming:
    """Frames a data set that comes in pieces; each piece is copied once, into the slots."""

    __slots__ = ("_chunks", "_rest")

    def __init__(self, payload: ChunkPayload) -> None:
        self._chunks = payload.chunks
        self._rest: bytes | memoryview = b""

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        filled = 0
        capacity = buffer.capacity
        while True:
            # Always fetch one piece ahead: the last fragment must be known when it is framed.
            while not self._rest:
                piece = next(self._chunks, None)
                if piece is None:
                    return _padded(buffer, filled), True
                self._rest = memoryview(piece)
            if filled == capacity:
                return filled, False
            size = min(capacity - filled, len(self._rest))
            _scatter(buffer, filled, memoryview(self._rest)[:size])
            self._rest = memoryview(self._rest)[size:]
            filled += size


def _padded(buffer: FramedBuffer, length: int) -> int:
    """The even length of the bytes in the slots; writes a zero byte after an odd number of them.

    Slots are even, so a full buffer never needs the zero byte.
    """
    if length & 1:
        _targets(buffer, length, length + 1)[0][0] = 0
        return length + 1
    return length


def _targets(buffer: FramedBuffer, start: int, end: int) -> Sequence[memoryview]:
    """The parts of the slots that lie between the data set positions ``start`` and ``end`` of the buffer."""
    size = buffer.slot_bytes
    slots = buffer.slots
    if start == 0 and end == buffer.capacity:
        return slots
    first, skip = divmod(start, size)
    last, rest = divmod(end, size)
    if first == last:
        return (slots[first][skip:rest],)
    parts = list(slots[first:last])
    if skip:
        parts[0] = parts[0][skip:]
    if rest:
        parts.append(slots[last][:rest])
    return parts


def _scatter(buffer: FramedBuffer, start: int, data: memoryview) -> None:
    position = 0
    for target in _targets(buffer, start, start + len(data)):
        size = len(target)
        target[:] = data[position : position + size]
        position += size
