"""Opening input files and reading from them at any position."""

from __future__ import annotations

import errno
import os
import stat

from dcmsend.errors import DataSetError, FileUnreadable

__all__ = ["FileSource", "open_input"]

_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"):  # those that the system has
    _FLAGS |= getattr(os, _name, 0)
_LARGEST_READ = 1 << 20
_pread = getattr(os, "pread", None)


def open_input(path: str) -> int:
    """Open a file for reading and return its descriptor, which the caller closes.

    Never blocks: a FIFO without a writer is opened as well, and then refused, because an input is read more than once.

    Raises:
        FileUnreadable: the system refuses, in its own words; a pipe: ``Illegal seek``.
        DataSetError: what DCMTK finds in a directory (``I/O suspension or premature end of stream``) and in a device
            (``End of stream``).
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise FileUnreadable(error.strerror or str(error), error.errno or 0) from error
    except ValueError as error:  # a NUL inside the name: no such file can exist
        raise FileUnreadable(os.strerror(errno.ENOENT), errno.ENOENT) from error
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
        raise DataSetError("I/O suspension or premature end of stream", "it is a directory")
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise FileUnreadable(os.strerror(errno.ESPIPE), errno.ESPIPE)
    if not stat.S_ISBLK(mode):
        raise DataSetError("End of stream", "it is a device")


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
        number = getattr(error, "errno", None) or 0
        raise FileUnreadable(getattr(error, "strerror", None) or str(error), number) from error
