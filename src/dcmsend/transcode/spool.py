"""The interfaces for storing decoded pixels until all of them are there, and for running decoding jobs.

The caller provides files and threads; this module needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

__all__ = ["Job", "MemorySpool", "RunJobs", "Spool", "run_in_turn"]

Job = Callable[[], None]
"""Decodes a few frames into the spool."""

RunJobs = Callable[[Iterator[Job], int], None]
"""Runs all jobs, in any order and perhaps in parallel; each needs about so many bytes of memory.

Only one thread may fetch jobs, because that reads from the source.  Raises the exception of a failed job.
"""


class Spool(Protocol):
    """Stores native pixels until all of them are there."""

    def reserve(self, position: int, size: int) -> memoryview:
        """Memory of undefined content for the bytes from ``position``; one thread fills it completely."""
        ...

    def store(self, position: int, data: memoryview) -> None:
        """Keep filled memory."""
        ...

    def finish(self) -> None:
        """End storing; raises if some bytes could not be kept.  Reading is only allowed afterwards."""
        ...

    def read_at(self, position: int, size: int) -> bytes:
        """Read as a ByteSource does."""
        ...

    def close(self) -> None: ...


class MemorySpool:
    """A spool in memory."""

    __slots__ = ("_data",)

    def __init__(self, size: int) -> None:
        self._data = bytearray(size)

    def reserve(self, position: int, size: int) -> memoryview:
        return memoryview(self._data)[position : position + size]

    def store(self, position: int, data: memoryview) -> None:
        """Do nothing: the bytes are already in their place."""

    def finish(self) -> None:
        """Do nothing: memory cannot fail."""

    def read_at(self, position: int, size: int) -> bytes:
        return bytes(memoryview(self._data)[position : position + size])

    def close(self) -> None:
        self._data = bytearray()


def run_in_turn(jobs: Iterator[Job], _memory: int) -> None:
    """Run the jobs one after the other on this thread."""
    for job in jobs:
        job()
