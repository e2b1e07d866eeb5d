"""The sources that the element walk and the encoder read from: bytes that need not be in memory."""

from __future__ import annotations

from dcmsend.bases import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BoundedSource", "ByteSource", "BytesSource", "InflatedSource", "SourceFrom", "read_into"]


class ByteSource(Protocol):
    """Random access to an encoded data set (or to any run of bytes); position 0 is its first byte."""

    def read_at(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position``.

        Shorter than ``size`` only at the end, so ``b''`` means that ``position`` is the end or past it.
        Raises FileUnreadable when the system fails, DataSetError when a deflate stream is corrupt.
        """


class BytesSource:
    """A ByteSource over bytes in memory."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_at(self, position: int, size: int) -> bytes:
        return self._data[position : position + size]


class InflatedSource:
    """Base of a ByteSource whose bytes are made from fewer bytes, so that its length is no measure of its content."""

    __slots__ = ()

    def read_at(self, position: int, size: int) -> bytes:
        raise NotImplementedError

    def header_allowance(self) -> int:
        """How much work the walk may be (see ``WalkFindings``), given the input that has been read."""
        raise NotImplementedError


class BoundedSource:
    """A part of another ByteSource: the bytes before an end position."""

    __slots__ = ("_end", "_source")

    def __init__(self, source: ByteSource, end: int) -> None:
        self._source = source
        self._end = end

    def read_at(self, position: int, size: int) -> bytes:
        return self._source.read_at(position, max(0, min(size, self._end - position)))


class SourceFrom:
    """A part of another ByteSource: the bytes from a start position on."""

    __slots__ = ("_source", "_start")

    def __init__(self, source: ByteSource, start: int) -> None:
        self._source = source
        self._start = start

    def read_at(self, position: int, size: int) -> bytes:
        return self._source.read_at(self._start + position, size)


def read_into(source: ByteSource, position: int, target: memoryview) -> int:
    """Fill the beginning of ``target`` with the bytes from ``position``; their number, 0 at the end.

    A source that can do it without making bytes of its own has a method ``read_into``.  Raises as ``read_at`` does.
    """
    fill: Callable[[int, memoryview], int] | None = getattr(source, "read_into", None)
    if fill is not None:
        return fill(position, target)
    data = source.read_at(position, len(target))
    target[: len(data)] = data
    return len(data)
