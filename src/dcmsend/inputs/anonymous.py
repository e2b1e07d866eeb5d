"""Files without a name: they take up inflated members and fetched objects, and are gone once they are closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

from dcmsend.errors import FileUnreadable
from dcmsend.fork import own

from .file_source import NO_DESCRIPTOR

__all__ = ["LARGEST_IN_MEMORY", "SpareFiles", "anonymous_file", "write_all"]

LARGEST_IN_MEMORY: Final = 8 << 20
"""Largest anonymous file that lies in memory, in bytes; larger ones lie on the disk for temporary files."""
MEMBER: Final = "a member of an archive"
MOST_SPARE: Final = 8 << 20
MOST_SPARES: Final = 8
"""Bytes, and number, of the files that are kept to be used again."""
_memfd_create = getattr(os, "memfd_create", None)
_HAS_PREAD: Final = hasattr(os, "pread")
"""Whether files are read without moving the position at which they are written."""


def anonymous_file(expected_size: int, what: str = MEMBER) -> int:
    """A new anonymous file for about this many bytes; returns its descriptor, which the caller closes.

    ``what`` it is for is told in errors.  Raises FileUnreadable with the system's words.
    """
    try:
        if _memfd_create is not None and expected_size <= LARGEST_IN_MEMORY:
            in_memory: int = _memfd_create("dcmsend")
            return in_memory
        import tempfile  # not needed for small members

        with tempfile.TemporaryFile(prefix="dcmsend-", buffering=0) as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise _no_room(error, what) from error


class SpareFiles:
    """Anonymous files whose content is not needed any more, for the next members: the system need not find, and clear,
    memory for each of them anew.

    May be used from several threads.  A reader has to know how long the present content is: behind it an older one may
    stand.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: list[tuple[int, int]] = []
        self._room = MOST_SPARE
        own(self)

    def take(self, expected_size: int) -> int:
        """A file to be written from its beginning on, for about this many bytes; give it back, or close it.

        Raises FileUnreadable with the system's words.
        """
        with self._lock:
            if not self._files or expected_size > LARGEST_IN_MEMORY:
                descriptor = -1
            else:
                descriptor, size = self._files.pop()
                self._room += size
        if descriptor < 0:
            return anonymous_file(expected_size)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def give(self, descriptor: int) -> None:
        """Keep a file for the next member, or close it if enough are kept."""
        size = os.fstat(descriptor).st_size
        with self._lock:
            is_kept = size <= self._room and len(self._files) < MOST_SPARES
            if is_kept:
                self._files.append((descriptor, size))
                self._room -= size
        if not is_kept:
            os.close(descriptor)

    def close(self) -> None:
        """Close all files; none is kept from now on."""
        with self._lock:
            files, self._files, self._room = self._files, [], -1
        for descriptor, _ in files:
            os.close(descriptor)

    def give_up(self) -> None:
        """Close the copies in a forked child, which would write into the files of the parent."""
        self._lock = threading.Lock()
        self.close()


def write_all(descriptor: int, data: bytes | memoryview, what: str = MEMBER) -> None:
    """Append bytes.  Raises FileUnreadable with the system's words, also for a full disk."""
    write: Callable[[int, bytes | memoryview], int] = os.write
    if not _HAS_PREAD:
        from .seeking import write_in_turn  # on Windows

        write = write_in_turn
    try:
        written = write(descriptor, data)
        while written < len(data):
            data = data[written:]
            written = write(descriptor, data)
    except OSError as error:
        raise _no_room(error, what) from error


def _no_room(error: OSError, what: str) -> FileUnreadable:
    """The error for an input that finds no room here.

    Of the system's numbers it has only those that say something of this process: any other one, as "no such file" where
    there is no directory for temporary files, would be taken for what became of the input.
    """
    reason = error.strerror or str(error)
    number = error.errno if error.errno in NO_DESCRIPTOR else 0
    return FileUnreadable(f"no temporary file for {what}: {reason}", number)
