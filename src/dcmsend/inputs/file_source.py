"""Opening input files and reading from them at any position."""

from __future__ import annotations

import os
import stat

from dcmsend.errors import FileUnreadable

__all__ = ["FileSource", "open_input"]

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_LARGEST_READ = 1 << 20
_pread = getattr(os, "pread", None)


def open_input(path: str) -> int:
    """Open a file for reading and return its descriptor, which the caller closes.

    Never blocks: a FIFO without a writer is opened as well, and then refused, because an input is read more than once.

    Raises:
        FileUnreadable: the system refuses (its own text), or the file is neither regular nor empty by nature.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise FileUnreadable(error.strerror or str(error), error.errno or 0) from error
    except ValueError as error:  # a NUL inside the name: no such file can exist
        raise FileUnreadable("No such file or directory", 2) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            _refuse_special(mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_special(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise FileUnreadable(os.strerror(21), 21)
    if stat.S_ISFIFO(mode):
        raise FileUnreadable("Illegal seek", 29)


class FileSource:
    """A ``ByteSource`` over an open descriptor, or over a part of the file.

    It does not own the descriptor and keeps no file position, so several may share one.

    Args:
        fd: an open descriptor that can be read at any position.
        start: position in the file of the source's first byte.
        end: position in the file after the source's last byte, None for the end of the file.
    """

    __slots__ = ("_end", "_fd", "_start")

    def __init__(self, fd: int, start: int = 0, end: int | None = None) -> None:
        self._fd = fd
        self._start = start
        self._end = end

    def read_at(self, position: int, size: int) -> bytes:
        """Up to ``size`` bytes from ``position``; fewer only at the end.  Raises FileUnreadable."""
        position += self._start
        if self._end is not None:
            size = min(size, self._end - position)
        if size <= 0:
            return b""
        data = _read(self._fd, min(size, _LARGEST_READ), position)
        if len(data) == size or not data:
            return data
        # A large request, or a file system that gives less than asked: memory grows with what is really there.
        parts = [data]
        got = len(data)
        while got < size:
            data = _read(self._fd, min(size - got, _LARGEST_READ), position + got)
            if not data:
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)


def _read(fd: int, size: int, position: int) -> bytes:
    try:
        if _pread is not None:
            data: bytes = _pread(fd, size, position)
            return data
        os.lseek(fd, position, os.SEEK_SET)
        return os.read(fd, size)
    except (OSError, OverflowError) as error:
        errno = getattr(error, "errno", None) or 0
        raise FileUnreadable(getattr(error, "strerror", None) or str(error), errno) from error
