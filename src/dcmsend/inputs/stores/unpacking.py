"""Unpacks objects that are stored with a Content-Encoding, where a library of a store does not do it."""

from __future__ import annotations

import zlib
from typing import Final

from dcmsend.errors import FileUnreadable

from .store import PIECE, Sink

__all__ = ["UNPACKED", "Unpacking"]

UNPACKED: Final = frozenset(("gzip", "x-gzip", "deflate"))
"""Content-Encodings that are."""

_ANY: Final = zlib.MAX_WBITS | 32
"""Both formats, told apart by their first bytes."""


class Unpacking:
    """Gives to ``sink`` what was compressed by gzip or deflate, in pieces of bounded length."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._state = zlib.decompressobj(_ANY)

    def write(self, data: bytes) -> None:
        """Take packed bytes.  Raises FileUnreadable if they are none."""
        try:
            while data and not self._state.eof:
                self._sink(self._state.decompress(data, PIECE))
                data = self._state.unconsumed_tail
        except zlib.error as error:
            raise _broken() from error

    def end(self) -> None:
        """Give what is left.  Raises FileUnreadable if more would have to follow."""
        try:
            self._sink(self._state.flush())
        except zlib.error as error:
            raise _broken() from error
        if not self._state.eof:
            raise _broken()


def _broken() -> FileUnreadable:
    return FileUnreadable("it is not packed by gzip or deflate, as its Content-Encoding has it, or it is damaged")
