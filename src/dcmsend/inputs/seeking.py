"""Reads at a position of an open file where the system has no call for that: it is sought, read, and sought back.

A position belongs to all duplicates of a descriptor, so only one thread reads in this way at a time, and none writes
meanwhile to a file that others read already.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

__all__ = ["pread_by_seeking", "preadv_by_seeking", "write_in_turn"]

_lock: Final = threading.Lock()


def pread_by_seeking(descriptor: int, size: int, position: int) -> bytes:
    """Do what ``os.pread`` does.  Raises OSError, OverflowError."""
    with _sought(descriptor, position):
        return os.read(descriptor, size)


def preadv_by_seeking(descriptor: int, targets: Sequence[memoryview], position: int) -> int:
    """Do what ``os.preadv`` does: fill one target after the other.  Raises OSError, OverflowError."""
    total = 0
    with _sought(descriptor, position), open(descriptor, "rb", buffering=0, closefd=False) as file:
        for target in targets:
            count = file.readinto(target) or 0
            total += count
            if count < len(target):
                break
    return total


def write_in_turn(descriptor: int, data: bytes | memoryview) -> int:
    """Do what ``os.write`` does, where the position is, while nobody reads.  Raises OSError."""
    with _lock:
        return os.write(descriptor, data)


@contextmanager
def _sought(descriptor: int, position: int) -> Iterator[None]:
    """Within the block the file is read from ``position``; afterwards it is where it was."""
    with _lock:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, position, os.SEEK_SET)
        try:
            yield
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)
