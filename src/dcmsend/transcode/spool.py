"""Where decoded pixels wait until all of them are there, and who does the decoding.

Files and threads are the caller's business; what stands here needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

__all__ = ["Job", "MemorySpool", "RunJobs", "Spool", "run_in_turn"]

Job = Callable[[], None]
"""Decodes a few frames into the spool."""

RunJobs = Callable[[Iterator[Job], int], None]
"""Runs all jobs, in any order, perhaps some at the same time; each needs about so many bytes of memory.

Getting the next job reads from the source, so that is done by one thread only.  Raises the exception of a failed job.
"""


class Spool(Protocol):
    """Where native pixels wait until all of them are there."""

    def reserve(self, position: int, size: int) -> memoryview:
        """Room for the bytes from ``position``, with anything in it; filled completely, by one thread."""
        ...

    def store(self, position: int, data: memoryview) -> None:
        """Keep what was filled."""
        ...

    def finish(self) -> None:
        """All is stored: raises when something could not be kept; only after that is it read."""
        ...

    def read_at(self, position: int, size: int) -> bytes:
        """As a ByteSource."""
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
        """The bytes are where they belong already."""

    def finish(self) -> None:
        """Memory keeps everything."""

    def read_at(self, position: int, size: int) -> bytes:
        return bytes(memoryview(self._data)[position : position + size])

    def close(self) -> None:
        self._data = bytearray()


def run_in_turn(jobs: Iterator[Job], _memory: int) -> None:
    """One job after the other, here."""
    for job in jobs:
        job()
