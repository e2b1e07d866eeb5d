"""What the element walk and the re-encoder read from: bytes that need not be in memory."""

from __future__ import annotations

from typing import Protocol

__all__ = ["ByteSource", "BytesSource"]


class ByteSource(Protocol):
    """Random access to an encoded data set (or to any run of bytes); position 0 is its first byte."""

    def read_at(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position``.

        Shorter than ``size`` only at the end, so ``b''`` means that ``position`` is the end or past it.
        Raises FileUnreadable when the system fails, DataSetError when a deflate stream is corrupt.
        """
        ...


class BytesSource:
    """A ByteSource over bytes in memory."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_at(self, position: int, size: int) -> bytes:
        return self._data[position : position + size]
