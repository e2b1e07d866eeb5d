"""The bytes of an object that was fetched, in an anonymous file."""

from __future__ import annotations

import os
from typing import Final

from ..anonymous import LARGEST_IN_MEMORY, anonymous_file, write_all
from ..file_source import FileSource, OpenFile, unreadable
from ..source import Stamp

__all__ = ["Content", "TooLong"]

LARGEST_OBJECT: Final = 64 << 30
_PIECE: Final = 1 << 20
_WHAT: Final = "an object of a store"


class TooLong(Exception):
    """More bytes have come than the object has according to the list."""


class Content:
    """An anonymous file with the bytes of one object; closed by whoever has it.

    Args:
        expected: number of bytes that the list of objects tells, None if it tells none.

    Attributes:
        size: bytes so far.
    """

    __slots__ = ("__weakref__", "_descriptor", "_expected", "_is_in_memory", "size")

    def __init__(self, expected: int | None) -> None:
        """Raises FileUnreadable without a descriptor or room."""
        self._expected = expected
        self._is_in_memory = expected is None or expected <= LARGEST_IN_MEMORY
        self._descriptor = anonymous_file(expected or 0, _WHAT)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes, not more than are expected.  Raises TooLong if there are more, FileUnreadable."""
        room = (LARGEST_OBJECT if self._expected is None else self._expected) - self.size
        if self._is_in_memory and self.size + min(len(data), room) > LARGEST_IN_MEMORY:
            self._move_to_disk()
        write_all(self._descriptor, data[:room], _WHAT)
        self.size += min(len(data), room)
        if len(data) > room:
            raise TooLong

    def _move_to_disk(self) -> None:
        self._is_in_memory = False
        descriptor = anonymous_file(LARGEST_IN_MEMORY + 1, _WHAT)
        try:
            for position in range(0, self.size, _PIECE):
                write_all(descriptor, FileSource(self._descriptor).read_at(position, _PIECE), _WHAT)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor

    def restart(self) -> None:
        """Forget all bytes, because they are fetched again."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        except OSError as error:
            raise unreadable(error) from error
        self.size = 0

    def beginning(self, size: int) -> tuple[int, bytes]:
        """A further descriptor, which the caller closes, and the first bytes."""
        data = FileSource(self._descriptor).read_at(0, min(size, self.size))
        try:
            return os.dup(self._descriptor), data
        except OSError as error:
            raise unreadable(error) from error

    def opened(self, stamp: Stamp, head_size: int) -> OpenFile:
        """An open file with the bytes, which owns the descriptor from now on."""
        head = FileSource(self._descriptor).read_at(0, min(head_size, self.size))
        if len(head) == self.size:
            self.close()
        descriptor, self._descriptor = self._descriptor, -1
        return OpenFile.of_member(descriptor, self.size, head, stamp, is_private=True)

    @property
    def descriptor(self) -> int:
        """Of the file; -1 when it is closed."""
        return self._descriptor

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
