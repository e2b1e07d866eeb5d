"""Keeps a few files of the scan open until they are sent, so that each is opened only once.

A small file is kept as its bytes, without a descriptor.  A larger one is kept open, and read when its turn comes.
One look at the name, without opening it, shows whether it still means the same, unchanged file.
"""

from __future__ import annotations

import os
import stat
import threading
import time

from dcmsend.errors import FileUnreadable
from dcmsend.fork import own

from .file_source import NO_DESCRIPTOR, FileSource, OpenFile, most_descriptors, read_opened
from .input_file import InputFile
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["KeptFiles"]

MOST_KEPT: Final = 64
LARGEST_WHOLE: Final = 16 * 1024
"""Largest file that is kept as its content, in bytes; all kept contents together have at most 1 MiB."""

_SETTLED: Final = 2_000_000_000
"""Age in nanoseconds of the last change that a file must have to be kept as its content.  Two changes in quick
succession may have the same time of modification: FAT counts in steps of two seconds, others in some milliseconds."""
_FEWEST_ALLOWED: Final = 256
_SHARE: Final = 4


class _Kept:
    """One file: its descriptor (-1 where ``content`` is the whole file), and its status before it was read."""

    __slots__ = ("content", "descriptor", "state")

    def __init__(self, descriptor: int, content: bytes, state: tuple[int, ...]) -> None:
        self.descriptor = descriptor
        self.content = content
        self.state = state


class KeptFiles:
    """Files that were opened once, by their names.  One thread adds files, any thread takes them.

    Attributes:
        room: how many more files may be added.
        count: how many files are kept.

    Args:
        most: most files that are kept.
    """

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.room = self._most = most
        self.count = 0
        self._files: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._first_too_high = _first_too_high()
        own(self)

    def add(self, item: Source, descriptor: int) -> bool:
        """Keep an open input; return False if it is not kept, and the caller has to close ``descriptor``."""
        if descriptor < 0 or type(item) is not InputFile or item.path in self._files:
            return False
        try:
            kept = self._look_at(descriptor)
        except (OSError, FileUnreadable):  # the error is reported when the file is opened to be sent
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
        """The file with this name and its first bytes; None if it is not kept, or was changed or replaced."""
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
        except FileUnreadable:  # the descriptor was closed in the meantime
            return None

    def give_way(self, error: FileUnreadable) -> bool:
        """Close all files if ``error`` means that no descriptor is left; return True if that may have helped."""
        if error.errno not in NO_DESCRIPTOR or not self.count:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Close the files that were not taken; no file is kept from now on."""
        with self._lock:
            files, self._files, self._most = self._files, {}, 0
            self._count()
        for kept in files.values():
            _close(kept)

    def give_up(self) -> None:
        """Close the copies in a forked child; the lock is replaced, because it may have been held during the fork."""
        self._lock = threading.Lock()
        self.close()

    def _count(self) -> None:
        self.count = len(self._files)
        self.room = self._most - self.count


def _close(kept: _Kept) -> None:
    if kept.descriptor >= 0:
        os.close(kept.descriptor)


def _state(status: os.stat_result) -> tuple[int, ...]:
    """Values by which a file is recognised; the last one also changes when the time of modification is set back."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _first_too_high() -> int:
    """The lowest descriptor that is not kept.  The system assigns the lowest free one, so most are free below it.

    0 if the system permits few, or does not say (Windows, where other programs could not rename an open file either).
    """
    allowed = most_descriptors()
    return 0 if allowed is None or allowed < _FEWEST_ALLOWED else allowed // _SHARE
