"""Opening input files and reading from them at any position."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from dcmsend.dicom.byte_source import ByteSource, BytesSource
from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.reasons import Rejection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "NO_DESCRIPTOR", "UNLIMITED", "FileChanged", "FileSource", "OpenFile", "identity_of", "most_descriptors",
    "open_beginning", "open_file", "open_input", "read_into", "read_once", "read_opened", "refuse_special", "status_of",
    "unreadable",
]  # fmt: skip

NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE)
"""The system's errors when too many files are open."""
UNLIMITED: Final = 1 << 31
"""What ``most_descriptors`` returns where the system sets no limit."""

_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"):  # as far as the system has them
    _FLAGS |= getattr(os, _name, 0)
_LARGEST_READ = 1 << 20
_pread = getattr(os, "pread", None)
_preadv = getattr(os, "preadv", None)


def identity_of(path: str, status: os.stat_result) -> tuple[int, int] | str:
    """By which a file or directory is known again: device and inode, as long as it exists.

    Where the system does not number its files all would look like one, so there it is the path without links.
    """
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


class FileChanged(DataSetError):
    """A file, or the archive that it lies in, was changed after its structure was checked."""

    is_permanent = False

    def __init__(self, detail: str, condition: str = "Invalid stream") -> None:
        super().__init__(condition, detail, Rejection.FILE_CHANGED)


class OpenFile:
    """An open file and its first bytes.

    Attributes:
        descriptor: the code that takes it over closes it; -1 when ``head`` has all bytes of the file.
        size, modified: bytes, and nanoseconds since the epoch, both when the file was opened.
        head: the first bytes.
        identity: device and inode.
        start: position of the input's first byte in the open file; 0 unless the file is an archive.
        stamp: size and time by which journal and reports know the input.
        state: size and time that the open file must still have when all was sent; None if nothing else can change it.
        crc: CRC-32 of all bytes of the input, which is still to be checked; None if there is nothing to check.
        closer: closes the descriptor, or keeps it to be used again.
    """

    __slots__ = ("closer", "crc", "descriptor", "head", "identity", "modified", "size", "stamp", "start", "state")

    def __init__(
        self, descriptor: int, size: int, modified: int, head: bytes, identity: tuple[int, int] | None = None
    ) -> None:
        self.identity = identity
        self.descriptor = descriptor
        self.size = size
        self.modified = modified
        self.head = head
        self.start = 0
        self.stamp = (size, modified)
        self.state: tuple[int, int] | None = self.stamp
        self.crc: int | None = None
        self.closer: Callable[[int], None] = os.close

    @classmethod
    def of_member(
        cls,
        descriptor: int,
        size: int,
        head: bytes,
        stamp: tuple[int, int],
        start: int = 0,
        is_private: bool = False,
        crc: int | None = None,
    ) -> OpenFile:
        """A member of an archive, or an object of a store, with this ``stamp``.

        The bytes are those of the archive from ``start`` on, or with ``is_private`` those of an anonymous file.
        """
        file = cls(descriptor, size, stamp[1], head)
        file.start = start
        file.stamp = stamp
        file.state = None if is_private else stamp
        file.crc = crc
        return file

    def source(self) -> ByteSource:
        """All bytes of the input; needs the descriptor to stay open."""
        if self.descriptor < 0:
            return BytesSource(self.head)
        return FileSource(self.descriptor, self.start, self.start + self.size)

    def close(self) -> None:
        """Close the descriptor unless it was taken over."""
        if self.descriptor >= 0:
            self.closer(self.descriptor)
            self.descriptor = -1


def most_descriptors() -> int | None:
    """How many descriptors the system allows a process; None where it does not say."""
    if not hasattr(os, "sysconf"):  # Windows
        return None
    try:
        allowed: int = os.sysconf("SC_OPEN_MAX")
    except (ValueError, OSError):
        return None
    return UNLIMITED if allowed < 0 else allowed


def open_file(path: str, head_size: int) -> OpenFile:
    """Open a file and read its first bytes.  Raises as ``open_input`` does."""
    descriptor = _open(path)
    try:
        status = status_of(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return read_opened(descriptor, status, head_size)


def read_opened(descriptor: int, status: os.stat_result, head_size: int) -> OpenFile:
    """Read the first bytes of an open file with this ``status``.

    Takes over the descriptor, and closes it on an error.  Raises as ``open_input`` does.
    """
    try:
        if not stat.S_ISREG(status.st_mode):
            refuse_special(status.st_mode)
        size = status.st_size
        wanted = min(size, head_size)
        head = read_once(descriptor, wanted, 0)
        if len(head) < wanted:
            head = FileSource(descriptor).read_at(0, wanted)
        if len(head) == size:
            os.close(descriptor)
            descriptor = -1
        return OpenFile(descriptor, size, status.st_mtime_ns, head, (status.st_dev, status.st_ino))
    except BaseException:
        if descriptor >= 0:
            os.close(descriptor)
        raise


def open_beginning(path: str, size: int) -> tuple[int, bytes]:
    """Open a file and read up to ``size`` bytes; return the descriptor, which the caller closes, and the bytes.

    The check for special files is skipped if the bytes begin like a DICOM file.  Raises as ``open_input`` does.
    """
    descriptor = _open(path)
    try:
        try:
            data = read_once(descriptor, size, 0)
        except FileUnreadable:
            _check_kind(descriptor)
            raise
        if data[128:132] != b"DICM":
            _check_kind(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, data


def open_input(path: str) -> int:
    """Open a file for reading and return its descriptor, which the caller closes.

    Never blocks.  A FIFO without a writer is opened too, and then refused, because an input is read more than once.

    Raises:
        FileUnreadable: the system refuses, in the system's words; for a pipe ``Illegal seek``.
        DataSetError: with DCMTK's condition for a directory (``I/O suspension or premature end of stream``) and for a
            device (``End of stream``).
    """
    descriptor = _open(path)
    try:
        _check_kind(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except OSError as error:
        why = Rejection.UNSEARCHABLE if os.path.isdir(path) else None
        raise FileUnreadable(error.strerror or str(error), error.errno or 0, why) from error
    except ValueError as error:  # a NUL inside the name: no such file can exist
        raise FileUnreadable(os.strerror(errno.ENOENT), errno.ENOENT) from error


def status_of(descriptor: int) -> os.stat_result:
    """The status of an open file.  Raises FileUnreadable."""
    try:
        return os.fstat(descriptor)
    except OSError as error:  # a network file system may have lost the file since it was opened
        raise unreadable(error) from error


def unreadable(error: OSError | OverflowError) -> FileUnreadable:
    """What is raised for an error of the system while an input is read; an offset that is too large has no number."""
    number = getattr(error, "errno", None) or 0
    return FileUnreadable(getattr(error, "strerror", None) or str(error), number)


def _check_kind(descriptor: int) -> None:
    mode = status_of(descriptor).st_mode
    if not stat.S_ISREG(mode):
        refuse_special(mode)


def refuse_special(mode: int) -> None:
    """Raises DataSetError or FileUnreadable for what is no file, but a directory, a pipe or a device."""
    if stat.S_ISDIR(mode):
        raise DataSetError("I/O suspension or premature end of stream", "it is a directory", Rejection.UNSEARCHABLE)
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        raise FileUnreadable(os.strerror(errno.ESPIPE), errno.ESPIPE)
    if not stat.S_ISBLK(mode):
        raise DataSetError("End of stream", "it is a device")


class FileSource:
    """A ``ByteSource`` over an open descriptor, or over a part of the file.

    The source does not own the descriptor and keeps no file position, so several may share one.

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
        data = read_once(self._fd, min(size, _LARGEST_READ), position)
        if len(data) == size or not data:
            return data
        # A large request, or a file system that delivers less than asked: let memory grow with the bytes that exist.
        parts = [data]
        got = len(data)
        while got < size:
            data = read_once(self._fd, min(size - got, _LARGEST_READ), position + got)
            if not data:
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)


def read_once(fd: int, size: int, position: int) -> bytes:
    """Up to ``size`` bytes from ``position``, as many as one request yields.  Raises FileUnreadable."""
    try:
        if _pread is not None:
            data: bytes = _pread(fd, size, position)
            return data
        from .seeking import pread_by_seeking  # only where the system has no pread

        return pread_by_seeking(fd, size, position)
    except (OSError, OverflowError) as error:
        raise unreadable(error) from error


def read_into(fd: int, position: int, target: memoryview) -> int:
    """Fill the beginning of ``target`` with the bytes from ``position``; as ``read_once``, but makes no bytes."""
    try:
        if _preadv is not None:
            count: int = _preadv(fd, [target], position)
            return count
        from .seeking import preadv_by_seeking  # only where the system has no preadv

        return preadv_by_seeking(fd, [target], position)
    except (OSError, OverflowError) as error:
        raise unreadable(error) from error
