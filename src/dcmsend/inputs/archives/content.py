"""How the bytes of a member are had: as a range of the archive, or through an anonymous file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, Protocol

from dcmsend.errors import DataSetError
from dcmsend.reasons import Rejection

from ..anonymous import SpareFiles, anonymous_file, write_all
from ..file_source import FileChanged, FileSource, OpenFile, open_input, status_of
from ..input_file import InputFile
from ..source import Source, Stamp
from .libdeflate import crc32

__all__ = [
    "CHANGED", "ArchiveFile", "MemberContent", "RangeContent", "cannot_be_read", "open_archive", "open_pieces",
    "open_range",
]  # fmt: skip

CHANGED: Final = "the archive was changed after its list of members was read"


class MemberContent(Protocol):
    """The bytes of one member; may be asked from several threads at once."""

    @property
    def etag(self) -> str:
        """See ``Source.etag``."""
        ...

    @property
    def effort(self) -> int:
        """See ``ArchiveMember``."""
        ...

    @property
    def size(self) -> int:
        """Number of bytes, inflated."""
        ...

    def beginning(self, size: int) -> bytes:
        """The first ``size`` bytes, or all there are.  Raises DataSetError, FileUnreadable."""
        ...

    def open(self, head_size: int, spares: SpareFiles | None = None, *, to_send: bool = True) -> OpenFile:
        """The whole member; with a ``crc`` its content is still to be checked.  Raises DataSetError, FileUnreadable.

        ``spares`` has files in which a content may be put.  Without ``to_send`` it will be asked for once more.
        """
        ...


class ArchiveFile(Protocol):
    """An archive in the state in which its list of members was read."""

    @property
    def item(self) -> Source:
        """The archive as an input."""
        ...

    @property
    def stamp(self) -> Stamp:
        """Size in bytes, and time of modification in nanoseconds, by which a later run knows it again."""
        ...

    @property
    def size(self) -> int:
        """Number of bytes that can be read; that in the stamp of an object that is stored packed is another one."""
        ...

    @property
    def is_private(self) -> bool:
        """Whether nobody else can change the bytes, because they are in an anonymous file of ours."""
        ...

    def open(self) -> int:
        """Open the archive once more; return the descriptor, which the caller closes and reads by position only.

        Raises FileChanged if it was changed or replaced, DataSetError, FileUnreadable.
        """
        ...


def open_archive(item: Source) -> tuple[ArchiveFile, int]:
    """Open an archive to read its list of members; the caller closes the descriptor.

    Raises DataSetError, FileUnreadable; for an object of a store also StoreUnusable, Cancelled.
    """
    if isinstance(item, InputFile):
        return _LocalArchive.opened(item)
    from ..stores import FetchedArchive  # only where an object of a store is an archive

    archive = FetchedArchive.fetched(item)
    return archive, archive.open()


class _LocalArchive:
    """An archive that is a file.

    It is opened by its name for each member, which costs no more than opening a file and leaves no descriptor open.

    Attributes:
        item: the archive.
        stamp: size in bytes, time of modification in nanoseconds.
    """

    __slots__ = ("_identity", "item", "size", "stamp")

    is_private: bool = False

    def __init__(self, item: InputFile, status: os.stat_result) -> None:
        self.item = item
        self.stamp: Stamp = (status.st_size, status.st_mtime_ns)
        self.size = status.st_size
        self._identity = (status.st_dev, status.st_ino)

    @classmethod
    def opened(cls, item: InputFile) -> tuple[_LocalArchive, int]:
        """See ``open_archive``."""
        descriptor = open_input(item.path)
        try:
            return cls(item, status_of(descriptor)), descriptor
        except BaseException:
            os.close(descriptor)
            raise

    def open(self) -> int:
        """See ``ArchiveFile``."""
        descriptor = open_input(self.item.path)
        try:
            status = status_of(descriptor)
            if (status.st_size, status.st_mtime_ns) != self.stamp or (status.st_dev, status.st_ino) != self._identity:
                raise FileChanged("", CHANGED)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


class RangeContent:
    """A member whose bytes stand in the archive as they are.

    Args:
        archive: the archive.
        start: position of the first byte in the archive.
        size: number of bytes.
    """

    __slots__ = ("_archive", "_start", "size")

    def __init__(self, archive: ArchiveFile, start: int, size: int) -> None:
        self._archive = archive
        self._start = start
        self.size = size

    @property
    def etag(self) -> str:
        """The offset alone: there is no checksum of the content."""
        return f"-{self._start}"

    @property
    def effort(self) -> int:
        """0: it is sent as it stands, and there is nothing to compare it with."""
        return 0

    def beginning(self, size: int) -> bytes:
        """See ``MemberContent``."""
        descriptor = self._archive.open()
        try:
            return FileSource(descriptor).read_at(self._start, min(size, self.size))
        finally:
            os.close(descriptor)

    def open(self, head_size: int, spares: SpareFiles | None = None, *, to_send: bool = True) -> OpenFile:
        """See ``MemberContent``."""
        archive = self._archive
        return open_range(
            archive.open(), self._start, self.size, archive.stamp, head_size, is_private=archive.is_private
        )


def open_range(
    descriptor: int,
    start: int,
    size: int,
    stamp: Stamp,
    head_size: int,
    crc: int | None = None,
    *,
    is_private: bool = False,
) -> OpenFile:
    """A range of an open archive, or of an anonymous file (``is_private``), as a member.

    Takes over the descriptor, and closes it on an error.

    ``crc`` is the CRC-32 of the member: that of a small one is checked here, that of others while they are sent.
    Raises DataSetError, FileUnreadable.
    """
    try:
        source = FileSource(descriptor)
        head = source.read_at(start, min(size, head_size))
        if len(head) < min(size, head_size):
            raise cannot_be_read("the archive is cut within the member")
        if len(head) == size:
            if crc is not None and crc32(head) != crc:
                raise cannot_be_read("the member is damaged: its CRC-32 is wrong")
            os.close(descriptor)
            descriptor = -1
        return OpenFile.of_member(descriptor, size, head, stamp, start, crc=crc, is_private=is_private)
    except BaseException:
        if descriptor >= 0:
            os.close(descriptor)
        raise


def open_pieces(
    pieces: Iterable[bytes | memoryview],
    size: int,
    stamp: Stamp,
    head_size: int,
    spares: SpareFiles | None = None,
) -> OpenFile:
    """A member that comes in pieces, ``size`` bytes in all: a small one in memory, others in an anonymous file.

    ``pieces`` raises DataSetError if the member is damaged, and never gives more than ``size`` bytes.
    """
    if size <= head_size:
        head = b"".join(pieces)
        _check_size(len(head), size)
        return OpenFile.of_member(-1, size, head, stamp, is_private=True)
    descriptor = anonymous_file(size) if spares is None else spares.take(size)
    try:
        head, count = b"", 0
        for piece in pieces:
            if len(head) < head_size:
                head += piece[: head_size - len(head)]
            write_all(descriptor, piece)
            count += len(piece)
        _check_size(count, size)
        file = OpenFile.of_member(descriptor, size, head, stamp, is_private=True)
        if spares is not None:
            file.closer = spares.give
        return file
    except BaseException:
        os.close(descriptor)
        raise


def _check_size(found: int, size: int) -> None:
    if found != size:
        raise cannot_be_read(f"the member is damaged: it has {found} bytes, and the archive says {size}")


def cannot_be_read(reason: str) -> DataSetError:
    """The error for a member, or an archive, that cannot be read, with the reason in words."""
    return DataSetError(reason, "", Rejection.MEMBER)
