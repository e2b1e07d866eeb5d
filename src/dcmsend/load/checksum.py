"""The CRC-32 of an input that lies in an archive; compared before the last byte of the input is sent."""

from __future__ import annotations

from collections.abc import Iterable

from dcmsend.errors import DataSetError
from dcmsend.inputs import FileSource, crc32

__all__ = ["Checksum", "check_range", "crc_of_range"]

_PIECE = 1 << 17


class Checksum:
    """The checksum of an input whose data set is read to be sent, so that it need not be read for this alone.

    Args:
        expected: CRC-32 of all bytes of the input.
        before: CRC-32 of the bytes in front of those that are sent.
        rest: position in the file, and number, of the bytes behind those that are sent.
    """

    __slots__ = ("_expected", "_rest", "_value")

    def __init__(self, expected: int, before: int, rest: tuple[int, int]) -> None:
        self._expected = expected
        self._value = before
        self._rest = rest

    def take(self, parts: Iterable[memoryview]) -> None:
        """Add the next bytes."""
        value = self._value
        for part in parts:
            value = crc32(part, value)
        self._value = value

    def finish(self, descriptor: int) -> None:
        """Compare, when all bytes that are sent have been added.  Raises DataSetError, FileUnreadable."""
        check_range(descriptor, *self._rest, self._expected, self._value)


def crc_of_range(descriptor: int, start: int, size: int, value: int = 0) -> int:
    """The CRC-32 of a range, which continues ``value``; read in pieces, however long it is.  Raises FileUnreadable."""
    source = FileSource(descriptor, start, start + size)
    position = 0
    while position < size:
        piece = source.read_at(position, min(_PIECE, size - position))
        if not piece:
            break
        value = crc32(piece, value)
        position += len(piece)
    return value


def check_range(descriptor: int, start: int, size: int, expected: int, value: int = 0) -> None:
    """Compare the CRC-32 of a range, which continues ``value``.  Raises DataSetError, FileUnreadable."""
    if crc_of_range(descriptor, start, size, value) != expected:
        raise DataSetError("the member is damaged: its CRC-32 is wrong")
