"""Files without a name: they take up inflated members and fetched objects, and are gone once they are closed."""

from __future__ import annotations

import os
from typing import Final

from dcmsend.errors import FileUnreadable

__all__ = ["LARGEST_IN_MEMORY", "anonymous_file", "write_all"]

LARGEST_IN_MEMORY: Final = 8 << 20
"""Largest anonymous file that lies in memory, in bytes; larger ones lie on the disk for temporary files."""
MEMBER: Final = "a member of an archive"
_memfd_create = getattr(os, "memfd_create", None)


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


def write_all(descriptor: int, data: bytes, what: str = MEMBER) -> None:
    """Append bytes.  Raises FileUnreadable with the system's words, also for a full disk."""
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            data = data[written:]
            written = os.write(descriptor, data)
    except OSError as error:
        raise _no_room(error, what) from error


def _no_room(error: OSError, what: str) -> FileUnreadable:
    reason = error.strerror or str(error)
    return FileUnreadable(f"no temporary file for {what}: {reason}", error.errno or 0)
