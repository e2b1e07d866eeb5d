"""The members of a zip archive: stored ones are sent from where they stand, compressed ones are inflated first."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

from ..anonymous import SpareFiles
from ..file_source import FileSource, OpenFile
from ..source import Source
from .content import ArchiveFile, cannot_be_read, open_archive, open_pieces, open_range
from .kind import kind_of_name
from .member import ArchiveMember, BrokenMember, MemberNames
from .zip_directory import ZipEntry, find_directory, read_entries
from .zip_methods import DEFLATED, STORED, inflate_beginning, inflate_pieces, is_readable, name_of_method
from .zip_overlaps import find_overlaps

__all__ = ["members_of_zip"]

LARGEST_RATIO: Final = 1100
"""Most bytes of content for each compressed one; deflate can reach 1032, so more is a lie."""
HARMLESS: Final = 64 << 20
"""Bytes of content that other methods, which can reach any ratio, may make of any number of compressed ones."""
LARGEST_COMPRESSED: Final = 64 << 30
"""Bytes of the content of the largest compressed member."""

_LOCAL: Final = b"PK\x03\x04"
_LOCAL_SIZE: Final = 30
_USUAL_NAME: Final = 256
"""Bytes of name and extra field that most local headers do not exceed."""
_name_lengths = Struct("<2H").unpack_from
_ENCRYPTED: Final = 1 | 1 << 6 | 1 << 13
_PATCH: Final = 1 << 5


def members_of_zip(archive: Source, check: Callable[[], None] | None = None) -> Iterator[Source]:
    """The members of a zip archive, in the order of its central directory.

    Directories are left out; a member that cannot be read is a ``BrokenMember``.  ``check`` is called now and then,
    also while a member is inflated, and may raise.  Raises DataSetError, behind the last member that can be found if
    the archive is damaged, or if another one stands before it, and FileUnreadable.
    """
    file, descriptor = open_archive(archive)
    try:
        source = FileSource(descriptor)
        directory = find_directory(source, file.size)
        overlaps = find_overlaps(source, directory, check)
        names = MemberNames()
        for number, entry in enumerate(read_entries(source, directory, check)):
            if _is_directory(entry):
                continue
            name = names.own(entry.name)
            fault = overlaps.get(number) or _fault_of(entry)
            if fault:
                yield BrokenMember(archive, name, cannot_be_read(fault))
            else:
                yield ArchiveMember(archive, name, _ZipContent(file, entry, check))
        if directory.shift and source.read_at(0, len(_LOCAL)) == _LOCAL:
            # a program that unpacks itself begins otherwise
            raise cannot_be_read(_before(directory.shift))
    finally:
        os.close(descriptor)


def _before(size: int) -> str:
    return (
        f"its list of members says nothing of its first {size} bytes, which begin as an archive does: nothing in them "
        "is sent; if archives were put one behind the other, take them apart"
    )


def _is_directory(entry: ZipEntry) -> bool:
    """Whether an entry is a directory, which has no content; some programs for Windows write a backslash."""
    return entry.name.endswith(("/", "\\")) and not entry.size


def _fault_of(entry: ZipEntry) -> str:
    """Why a member cannot be read, as far as the central directory tells; ``""`` if it does not."""
    if entry.flags & _ENCRYPTED or entry.method == 99:
        return "it is encrypted; unpack the archive with its password"
    if stat.S_ISLNK(entry.mode):
        return "it is a link; links in archives are not followed"
    if kind_of_name(entry.name) is not None:
        return "it is an archive inside an archive; unpack it first"
    if not is_readable(entry.method) or entry.flags & _PATCH:
        name = "a patch" if entry.flags & _PATCH else name_of_method(entry.method)
        return f"it is compressed with a method that cannot be read ({name}); unpack the archive first"
    if entry.method == STORED:
        return "" if entry.compressed_size == entry.size else "the archive is damaged: the member has two sizes"
    if entry.size > LARGEST_RATIO * entry.compressed_size and (entry.method == DEFLATED or entry.size > HARMLESS):
        return f"it may be a bomb: {entry.compressed_size} bytes are said to become {entry.size}"
    if entry.size > LARGEST_COMPRESSED:
        return f"it has {entry.size} bytes, more than {LARGEST_COMPRESSED} in a compressed member"
    return ""


class _ZipContent:
    """The content of a member; see ``MemberContent``."""

    __slots__ = ("_archive", "_check", "_compressed_size", "_crc", "_method", "_offset", "size")

    def __init__(self, archive: ArchiveFile, entry: ZipEntry, check: Callable[[], None] | None) -> None:
        self._archive = archive
        self._check = check
        self._offset = entry.offset
        self._compressed_size = entry.compressed_size
        self.size = entry.compressed_size if entry.method == STORED else entry.size  # one object for equal numbers
        self._crc = entry.crc
        self._method = entry.method

    @property
    def etag(self) -> str:
        """CRC-32 and position of the local header."""
        return f"{self._crc:08x}-{self._offset}"

    @property
    def effort(self) -> int:
        """Each byte is inflated, or goes into the CRC-32, or both."""
        return self.size

    def beginning(self, size: int) -> bytes:
        """See ``MemberContent``."""
        size = min(size, self.size)
        descriptor = self._archive.open()
        try:
            first = FileSource(descriptor).read_at(self._offset, _LOCAL_SIZE + _USUAL_NAME + size)
            start = self._start(first)
            if self._method == STORED:
                skipped = start - self._offset
                if skipped + size <= len(first):
                    return first[skipped : skipped + size]
                return FileSource(descriptor).read_at(start, size)
            return inflate_beginning(self._compressed(descriptor, start), self._compressed_size, self._method, size)
        finally:
            os.close(descriptor)

    def open(self, head_size: int, spares: SpareFiles | None = None, *, to_send: bool = True) -> OpenFile:
        """See ``MemberContent``."""
        archive = self._archive
        descriptor = archive.open()
        try:
            start = self._start(FileSource(descriptor).read_at(self._offset, _LOCAL_SIZE))
            if self._method == STORED:
                taken, descriptor = descriptor, -1
                return open_range(
                    taken, start, self.size, archive.stamp, head_size, self._crc, is_private=archive.is_private
                )
            source = self._compressed(descriptor, start)
            pieces = inflate_pieces(source, self._compressed_size, self._method, self.size, self._crc, self._check)
            return open_pieces(pieces, self.size, archive.stamp, head_size, spares)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _compressed(self, descriptor: int, start: int) -> FileSource:
        return FileSource(descriptor, start, start + self._compressed_size)

    def _start(self, header: bytes) -> int:
        """Position of the first byte of the content; only the local header tells it.  Raises DataSetError."""
        if not header.startswith(_LOCAL) or len(header) < _LOCAL_SIZE:
            raise cannot_be_read("the archive is damaged: the member is not where it should be")
        name, extra = _name_lengths(header, 26)
        start: int = self._offset + _LOCAL_SIZE + name + extra
        if start + self._compressed_size > self._archive.size:
            raise cannot_be_read("the archive is cut within the member")
        return start
