"""Unpacks objects that are stored with a Content-Encoding, where a library of a store does not do it."""

from __future__ import annotations

import zlib
from typing import Any, Final

from dcmsend.errors import FileUnreadable

from .store import PIECE, Sink

__all__ = ["UNPACKED", "Unpacking"]

UNPACKED: Final = frozenset(("gzip", "x-gzip", "deflate"))
"""Content-Encodings that are."""

_GZIP: Final = zlib.MAX_WBITS | 16
_MAGIC: Final = b"\x1f\x8b"
"""First bytes of what gzip makes."""
_STEP: Final = 1 << 14
"""Bytes that are looked at together: of many tiny members each has what follows it copied."""


class Unpacking:
    """Gives to ``sink`` what was compressed by gzip or deflate, in pieces of bounded length.

    There may be several members of gzip, one behind the other, and zeros at the end.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._state: Any = None
        self._format = 0
        self._kept = b""
        self._is_padded = False

    def write(self, data: bytes) -> None:
        """Take packed bytes.  Raises FileUnreadable if they are none."""
        for first in range(0, len(data), _STEP):
            self._write(data[first : first + _STEP])

    def _write(self, data: bytes) -> None:
        data, self._kept = self._kept + data, b""
        try:
            while data and (self._state is not None or self._begin(data)):
                self._sink(self._state.decompress(data, PIECE))
                data = self._state.unconsumed_tail
                if self._state.eof:
                    data, self._state = self._state.unused_data, None
        except zlib.error as error:
            raise _broken() from error

    def _begin(self, data: bytes) -> bool:
        """Begin to read what begins with ``data``; False if that tells too little, or nothing but zeros follows."""
        if self._format and not any(data):
            self._is_padded = True
            return False
        if self._format and (self._format != _GZIP or self._is_padded or not _MAGIC.startswith(data[:2])):
            raise _broken()
        if len(data) < len(_MAGIC):
            self._kept = data
            return False
        self._format = self._format or _format_of(data)
        self._state = zlib.decompressobj(self._format)
        return True

    def end(self) -> None:
        """Give what is left.  Raises FileUnreadable if more would have to follow."""
        is_whole = bool(self._format) and not self._kept
        try:
            if self._state is not None:
                self._sink(self._state.flush())
                is_whole = self._state.eof
        except zlib.error as error:
            raise _broken() from error
        if not is_whole:
            raise _broken()


def _format_of(data: bytes) -> int:
    """By the first bytes: gzip, zlib (what HTTP means by deflate), or what zlib has inside (what others mean)."""
    if data.startswith(_MAGIC):
        return _GZIP
    is_zlib = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS


def _broken() -> FileUnreadable:
    return FileUnreadable("it is not packed by gzip or deflate, as its Content-Encoding has it, or it is damaged")
