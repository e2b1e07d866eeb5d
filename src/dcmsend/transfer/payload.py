"""Puts the bytes of a data set into the slots of a framed buffer, without a copy where the file can be read there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.protocol import FramedBuffer

__all__ = ["BytesPayload", "ChunkPayload", "FileChanged", "FilePayload", "Payload", "check_unchanged"]


class FileChanged(DataSetError):
    """A file is no longer what it was when its structure was checked."""

    def __init__(self, detail: str) -> None:
        super().__init__("Invalid stream", detail)

    def __reduce__(self) -> tuple[type[FileChanged], tuple[str]]:  # type: ignore[override]
        return type(self), (self.detail,)


class Payload(Protocol):
    """The bytes of one data set, in order."""

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        """Put the next bytes into the slots of ``buffer``: how many, and whether the data set ends with them.

        All slots are filled except at the end; a data set of odd length (only a deflated one, or one in an unknown
        syntax, can have it) gets one zero byte (PS3.5 A.5).  Raises FileUnreadable, DataSetError, TranscodeError.
        """
        ...

    def close(self) -> None:
        """Give the file back; may be called twice."""
        ...


class BytesPayload:
    """A data set that is in memory already, because it is small."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: memoryview) -> None:
        self._data = data
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

    def close(self) -> None:
        """Nothing to give back."""


class FilePayload:
    """A run of bytes of an open file, read straight into the slots.

    After the last byte the file's size and time of modification are compared with those at its opening, so that a
    file that was written to meanwhile is never taken for sent.  Raises FileChanged then.
    """

    __slots__ = ("_fd", "_offset", "_remaining", "_stamp")

    def __init__(self, fd: int, offset: int, length: int, stamp: tuple[int, int]) -> None:
        self._fd = fd
        self._offset = offset
        self._remaining = length
        self._stamp = stamp

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        wanted = min(self._remaining, buffer.capacity)
        got = 0
        try:
            while got < wanted:
                count = read_into(self._fd, _targets(buffer, got, wanted), self._offset)
                if count == 0:
                    raise FileChanged(f"the file ends {self._remaining} bytes earlier than when it was checked")
                got += count
                self._offset += count
                self._remaining -= count
            if self._remaining == 0:
                check_unchanged(self._fd, self._stamp)
        except OSError as error:
            raise FileUnreadable(error.strerror or str(error), error.errno or 0) from error
        if self._remaining == 0:
            return _padded(buffer, got), True
        return got, False

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def check_unchanged(fd: int, stamp: tuple[int, int]) -> None:
    """Compare size and time of modification (nanoseconds) of an open file.  Raises FileChanged, OSError."""
    status = os.fstat(fd)
    if (status.st_size, status.st_mtime_ns) != stamp:
        raise FileChanged("the file was changed while it was sent")


def _padded(buffer: FramedBuffer, length: int) -> int:
    """The even length of what lies in the slots, after a zero byte where it was odd.

    Slots are even, so a full buffer never needs one.
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


def _read_into_by_slot(fd: int, targets: Sequence[memoryview], offset: int) -> int:
    """What ``os.preadv`` does, for systems without it: fills one slot after the other."""
    os.lseek(fd, offset, os.SEEK_SET)
    total = 0
    with open(fd, "rb", buffering=0, closefd=False) as file:
        for target in targets:
            count = file.readinto(target) or 0
            total += count
            if count < len(target):
                break
    return total


read_into: Callable[[int, Sequence[memoryview], int], int] = getattr(os, "preadv", _read_into_by_slot)


class ChunkPayload:
    """A data set that comes in pieces, e.g. from the re-encoder; each piece is copied once, into the slots."""

    __slots__ = ("_chunks", "_close", "_rest")

    def __init__(self, chunks: Iterator[bytes | memoryview], close: Callable[[], None]) -> None:
        self._chunks = chunks
        self._close = close
        self._rest: bytes | memoryview = b""

    def fill(self, buffer: FramedBuffer) -> tuple[int, bool]:
        filled = 0
        capacity = buffer.capacity
        while True:
            # One piece is always looked at ahead: the last fragment has to be known when it is framed.
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

    def close(self) -> None:
        close, self._close = self._close, _nothing
        close()


def _nothing() -> None:
    """What is left to do when a payload was closed."""


def _scatter(buffer: FramedBuffer, start: int, data: memoryview) -> None:
    position = 0
    for target in _targets(buffer, start, start + len(data)):
        size = len(target)
        target[:] = data[position : position + size]
        position += size
