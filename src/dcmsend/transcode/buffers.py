"""Memory that is used again and again.

The system has to find and to clear each page of fresh memory, which takes longer than to unpack run lengths into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["Buffers"]

_LARGEST_KEPT: Final = 8 << 20
"""Bytes of the largest memory that is kept."""
_MOST_KEPT: Final = 8
_GROWTH: Final = 8
"""New memory is larger by this part than asked for: compressed frames are of nearly, not exactly, the same size."""


class Buffers:
    """Lends memory; several threads may borrow at the same time."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, size: int) -> memoryview:
        """Memory of undefined content, of exactly ``size`` bytes."""
        try:
            room = self._free.pop()
        except IndexError:
            room = bytearray()
        if len(room) < size:
            room = bytearray(size + size // _GROWTH)
        return memoryview(room)[:size]

    def give_back(self, data: memoryview) -> None:
        """Take back what ``take`` has returned; nobody may use it any more."""
        room = data.obj
        assert isinstance(room, bytearray)
        if len(room) <= _LARGEST_KEPT and len(self._free) < _MOST_KEPT:
            self._free.append(room)

    @contextmanager
    def lent(self, size: int) -> Iterator[memoryview]:
        """``take`` and ``give_back``."""
        data = self.take(size)
        try:
            yield data
        finally:
            self.give_back(data)
