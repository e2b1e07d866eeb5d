"""Holds decoded pixels until they are sent: few in memory, many in a temporary file without a name."""

from __future__ import annotations

import contextlib
import os
import queue
import tempfile
import threading
from typing import Final

from dcmsend.errors import TranscodeError
from dcmsend.inputs import unreadable
from dcmsend.threads import is_started
from dcmsend.transcode import MemorySpool, Spool

from .room import free_bytes

__all__ = ["LARGEST_IN_MEMORY", "FileSpool", "make_spool", "spool_trouble"]

LARGEST_IN_MEMORY: Final = 32 << 20
"""Largest native pixels that are kept in memory, in bytes."""

_MOST_WAITING: Final = 4
_LARGEST_WAITING: Final = 4 << 20
"""Largest piece that is queued for writing, in bytes; the calling thread writes a larger one itself."""

_CANNOT_CHANGE: Final = "Pixel representation cannot be changed"


def make_spool(size: int) -> Spool:
    """A spool for ``size`` bytes.  Raises TranscodeError when there is no room for it."""
    return MemorySpool(size) if size <= LARGEST_IN_MEMORY else FileSpool()


def spool_trouble() -> str:
    """Why pixels that are too many for memory will find no room in a file; ``""`` if they may."""
    try:
        directory = tempfile.gettempdir()
    except OSError as error:
        return f"there is no directory for temporary files: {error.strerror}"
    room = free_bytes(directory)
    if room is None or room > LARGEST_IN_MEMORY:
        return ""
    return f"there is no room for temporary files in '{directory}': {room} bytes are free"


class FileSpool:
    """A temporary file that is deleted as soon as it is open, so that it never outlives the run.

    The file lies where ``tempfile`` puts it (``TMPDIR``), is private, and is as large as the native pixels.  A thread
    of its own writes it, so that frames are decoded meanwhile.  Raises TranscodeError when the file cannot be made or
    written; by ``finish`` at the latest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[bytearray] = []
        self._waiting: queue.Queue[tuple[int, bytearray] | None] = queue.Queue(_MOST_WAITING)
        self._writer: threading.Thread | None = None
        self._failure: OSError | None = None
        try:
            self._file = tempfile.TemporaryFile(prefix="dcmsend-", buffering=0)  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise _failure(error) from error

    def reserve(self, _position: int, size: int) -> memoryview:
        """Memory for a few frames, which ``store`` writes to the file.  The same memory is used again and again."""
        try:
            room = self._free.pop()
        except IndexError:
            room = bytearray(size)
        return memoryview(room if len(room) == size else bytearray(size))

    def store(self, position: int, data: memoryview) -> None:
        room = data.obj
        assert isinstance(room, bytearray)
        if len(room) > _LARGEST_WAITING or not self._has_writer():
            self._write(position, room)
        else:
            self._waiting.put((position, room))
        self._raise_failure()

    def _has_writer(self) -> bool:
        """Whether there is a thread that writes, or the system permits one."""
        with self._lock:
            if self._writer is None:
                writer = threading.Thread(target=self._write_waiting, name="dcmsend-spool", daemon=True)
                if not is_started(writer):
                    return False
                self._writer = writer
            return True

    def finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._waiting.put(None)
            writer.join()
        self._free.clear()
        self._raise_failure()

    def read_at(self, position: int, size: int) -> bytes:
        """Read as a ByteSource does; raises FileUnreadable."""
        try:
            return self._read_at(position, size)
        except OSError as error:
            raise unreadable(error) from error

    def close(self) -> None:
        with contextlib.suppress(TranscodeError):
            self.finish()
        self._file.close()

    def _write_waiting(self) -> None:
        while (entry := self._waiting.get()) is not None:
            self._write(*entry)

    def _write(self, position: int, room: bytearray) -> None:
        """Write ``room`` to the file, unless an earlier write has failed."""
        data = memoryview(room)
        try:
            while data and self._failure is None:
                count = self._write_at(position, data)
                position += count
                data = data[count:]
        except OSError as error:
            self._failure = error
        self._free.append(room)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise _failure(self._failure) from self._failure

    def _write_at(self, position: int, data: memoryview) -> int:
        if hasattr(os, "pwrite"):
            count: int = os.pwrite(self._file.fileno(), data, position)
            return count
        with self._lock:
            self._file.seek(position)
            return self._file.write(data)

    def _read_at(self, position: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            found: bytes = os.pread(self._file.fileno(), size, position)
            return found
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)


def _failure(error: OSError) -> TranscodeError:
    return TranscodeError(_CANNOT_CHANGE, f"temporary file for the decompressed pixels: {error.strerror or error}")
