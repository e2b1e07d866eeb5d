"""Files that the scan leaves open until they are sent, so that they are opened once: a few of them, and safely.

A small file is kept as its bytes, without a descriptor.  A larger one is kept open, and read when its turn comes.
Whether the name still means the very same, unchanged file is seen by one look at it, without opening it.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import Final, NamedTuple

from dcmsend.errors import FileUnreadable
from dcmsend.fork import own

from .file_source import NO_DESCRIPTOR, FileSource, OpenFile, read_opened
from .input_file import InputFile
from .source import Source

__all__ = ["KeptFiles"]

MOST_KEPT: Final = 64
LARGEST_WHOLE: Final = 16 * 1024
"""Bytes up to which a file is kept as its content.  So all that are kept have at most 1 MiB."""

_SETTLED: Final = 2_000_000_000
"""Nanoseconds for which a file must not have changed to be kept as its content.  A change at once after another one may
leave no trace in the time of modification: FAT counts in steps of two seconds, others in steps of some milliseconds."""
_FEWEST_ALLOWED: Final = 256
_SHARE: Final = 4


class _Kept(NamedTuple):
    """One file: its descriptor, -1 where ``content`` is all of it; what the system said of it before it was read."""

    descriptor: int
    content: bytes
    state: tuple[int, ...]


class KeptFiles:
    """Files that were open once, by their names.  One thread adds, any thread takes.

    Attributes:
        room: how many more may be added.
        count: how many are kept.

    Args:
        most: how many are kept at most.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.room = self._most = most
        self.count = 0
        self._files: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._first_too_high = _first_too_high()
        own(self)

    def add(self, item: Source, descriptor: int) -> bool:
        """Keep an input that is open; false if it is not kept, the caller closes ``descriptor`` then."""
        if descriptor < 0 or type(item) is not InputFile or item.path in self._files:
            return False
        try:
            kept = self._look_at(descriptor)
        except (OSError, FileUnreadable):  # whatever it is, it is told when the file is opened to be sent
            return False
        with self._lock:
            if kept is None or self.room <= 0:
                return False
            self._files[item.path] = kept
            self._count()
        if kept.descriptor < 0:
            os.close(descriptor)
        return True

    def _look_at(self, descriptor: int) -> _Kept | None:
        status = os.fstat(descriptor)
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            return None
        if size > LARGEST_WHOLE:
            return _Kept(descriptor, b"", _state(status)) if descriptor < self._first_too_high else None
        if time.time_ns() - status.st_mtime_ns < _SETTLED:
            return None
        content = FileSource(descriptor).read_at(0, size)
        return _Kept(-1, content, _state(status)) if len(content) == size else None

    def take(self, path: str, head_size: int) -> OpenFile | None:
        """The file of this name with its first bytes; None if it is not kept, or is not what it was any more."""
        with self._lock:
            kept = self._files.pop(path, None)
            self._count()
        if kept is None:
            return None
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            status = None
        if status is None or _state(status) != kept.state:
            _close(kept)
            return None
        if kept.descriptor < 0:
            return OpenFile(-1, status.st_size, status.st_mtime_ns, kept.content, (status.st_dev, status.st_ino))
        try:
            return read_opened(kept.descriptor, status, head_size)
        except FileUnreadable:  # closed by now
            return None

    def give_way(self, error: FileUnreadable) -> bool:
        """Close everything if ``error`` is that there is no descriptor left; true if that may have helped."""
        if error.errno not in NO_DESCRIPTOR or not self.count:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Close what nobody has taken; nothing is kept from now on."""
        with self._lock:
            files, self._files, self._most = self._files, {}, 0
            self._count()
        for kept in files.values():
            _close(kept)

    def give_up(self) -> None:
        """Close the copies of a child that was forked; its parent may have been forked while the lock was held."""
        self._lock = threading.Lock()
        self.close()

    def _count(self) -> None:
        self.count = len(self._files)
        self.room = self._most - self.count


def _close(kept: _Kept) -> None:
    if kept.descriptor >= 0:
        os.close(kept.descriptor)


def _state(status: os.stat_result) -> tuple[int, ...]:
    """By what a file is the same: the last value also changes where somebody sets the time of modification back."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _first_too_high() -> int:
    """From which descriptor on none is kept: the system gives the lowest that is free, so most are free below it.

    0 where the system allows few, or does not say (Windows, where an open file could not be renamed by others either).
    """
    try:
        allowed = os.sysconf("SC_OPEN_MAX")
    except (AttributeError, ValueError, OSError):
        return 0
    return 0 if allowed < _FEWEST_ALLOWED else allowed // _SHARE
