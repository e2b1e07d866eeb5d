"""Reads values of a data set that lie close to one another with few calls to its source."""

from __future__ import annotations

from typing import Final

from dcmsend.dicom.byte_source import ByteSource
from dcmsend.errors import DataSetError

__all__ = ["BufferedReader"]

_WINDOW: Final = 64 * 1024
_CHANGED: Final = "the file has become shorter while it was read"


class BufferedReader:
    """A window of 64 KiB on a ByteSource."""

    __slots__ = ("_base", "_data", "_source")

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._base = 0
        self._data = b""

    def read(self, position: int, length: int) -> bytes:
        """Exactly ``length`` bytes.  Raises DataSetError if the source was shortened, FileUnreadable."""
        offset = position - self._base
        if offset < 0 or offset + length > len(self._data):
            if length > _WINDOW:
                data = self._source.read_at(position, length)
                if len(data) != length:
                    raise DataSetError("I/O suspension or premature end of stream", _CHANGED)
                return data
            self._data = self._source.read_at(position, _WINDOW)
            self._base, offset = position, 0
            if len(self._data) < length:
                raise DataSetError("I/O suspension or premature end of stream", _CHANGED)
        return self._data[offset : offset + length]
