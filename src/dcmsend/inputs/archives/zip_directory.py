"""Reads the central directory of a zip archive, in pieces.  Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.

The standard library's ``zipfile`` is not used for it: it reads the whole directory at once, however large it claims to
be, keeps about one kilobyte an entry, and refuses an archive as a whole for one bad entry.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NamedTuple

from dcmsend.errors import DataSetError

from ..file_source import FileSource
from .content import cannot_be_read

__all__ = ["LARGEST_DIRECTORY", "MOST_MEMBERS", "ZipEntry", "find_directory", "read_entries"]

MOST_MEMBERS: Final = 10_000_000
LARGEST_DIRECTORY: Final = 1 << 30
"""Bytes of the largest central directory that is read."""

_END: Final = b"PK\x05\x06"
_END_SIZE: Final = 22
_LONGEST_COMMENT: Final = 0xFFFF
_MOST_ENDS: Final = 16
"""How many places that look like the end of the directory are tried: a comment may contain such bytes, too."""
_END_64: Final = b"PK\x06\x06"
_END_64_SIZE: Final = 56
_LOCATOR_64: Final = b"PK\x06\x07"
_LOCATOR_64_SIZE: Final = 20
_ENTRY: Final = b"PK\x01\x02"
_ENTRY_SIZE: Final = 46
_PIECE: Final = 1 << 18
_CHECK_EVERY: Final = 1024

_end = Struct("<4H2LH").unpack_from
_end_64 = Struct("<2L4Q").unpack_from
_locator_64 = Struct("<LQL").unpack_from
_entry = Struct("<4s6H3L5H2L").unpack_from
_extra_header = Struct("<2H").unpack_from
_number_64 = Struct("<Q").unpack_from
_number_32 = Struct("<L").unpack_from
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_UTF_8: Final = 1 << 11


class ZipDirectory(NamedTuple):
    """Where the central directory lies.

    Attributes:
        start, end: positions in the file of its first byte, and after its last one.
        shift: bytes in front of the archive, which offsets do not count (a self-extracting archive).
        told: number of entries, as far as it is told: modulo 65536 without ``is_64``.
        is_64: whether the archive has zip64 records.
    """

    start: int
    end: int
    shift: int
    told: int
    is_64: bool


class ZipEntry(NamedTuple):
    """One member as the central directory has it.

    Attributes:
        raw_name: as it stands.
        name: in Unicode; bytes that are not UTF-8 are surrogate escapes.
        flags: general purpose bit flag.
        method: of compression.
        crc: CRC-32 of the content.
        compressed_size, size: bytes in the archive, and of the content.
        offset: position in the file of the local header.
        mode: of the file on Unix, 0 if the archive does not say.
    """

    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    compressed_size: int
    size: int
    offset: int
    mode: int


def find_directory(source: FileSource, size: int) -> ZipDirectory:
    """Find the central directory of an archive of ``size`` bytes.  Raises DataSetError, FileUnreadable."""
    at = max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_64_SIZE - _END_64_SIZE)
    tail = source.read_at(at, size - at)
    place = len(tail)
    fault: DataSetError | None = None
    for _ in range(_MOST_ENDS):
        place = tail.rfind(_END, 0, place + len(_END) - 1 if place < len(tail) else place)
        if place < 0:
            break
        if place + _END_SIZE > len(tail):
            continue
        try:
            return _directory_of(source, tail, at, place)
        except DataSetError as error:
            fault = fault or error
    if fault is not None:
        raise fault
    if not size:
        raise cannot_be_read("the archive is empty")
    if source.read_at(0, 4) == b"PK\x03\x04":
        raise cannot_be_read(f"the archive is cut at byte {size}: its list of members is missing")
    raise cannot_be_read("it is no zip archive")


def _directory_of(source: FileSource, tail: bytes, at: int, place: int) -> ZipDirectory:
    """The directory whose end record is at ``place`` of the last bytes of the file, which begin at ``at``."""
    disk, first_disk, _, count, length, offset, _ = _end(tail, place + 4)
    end, is_64 = at + place, False
    if tail[place - _LOCATOR_64_SIZE : place].startswith(_LOCATOR_64):
        _, told, _ = _locator_64(tail, place - _LOCATOR_64_SIZE + 4)
        usual = end - _LOCATOR_64_SIZE - _END_64_SIZE
        for position in (usual, told):
            record = source.read_at(position, _END_64_SIZE) if 0 <= position <= usual else b""
            if record.startswith(_END_64) and len(record) == _END_64_SIZE:
                disk, first_disk, _, count, length, offset = _end_64(record, 16)
                end, is_64 = position, True
                break
        else:
            raise cannot_be_read("the archive is damaged: its zip64 record is missing")
    if (disk, first_disk) not in ((0, 0), (_FULL_16, _FULL_16)):
        raise cannot_be_read("it is one of several parts of an archive; join the parts first")
    if length > LARGEST_DIRECTORY:
        raise cannot_be_read(f"the list of members has {length} bytes, more than {LARGEST_DIRECTORY}")
    start = end - length
    if start < offset or (length and source.read_at(start, 4) != _ENTRY):
        raise cannot_be_read("the archive is damaged: its list of members is not where it should be")
    return ZipDirectory(start, end, start - offset, count, is_64)


def read_entries(
    source: FileSource, directory: ZipDirectory, check: Callable[[], None] | None = None
) -> Iterator[ZipEntry]:
    """The entries of the central directory in its order.

    Raises DataSetError behind the last entry that can be read if the directory is damaged, FileUnreadable.
    """
    position, end = directory.start, directory.end
    data, at, count = b"", 0, 0
    while position + at < end:
        if len(data) - at < _ENTRY_SIZE + 3 * _FULL_16 and position + len(data) < end:
            position, at, data = position + at, 0, source.read_at(position + at, min(_PIECE, end - position - at))
        if len(data) - at < _ENTRY_SIZE:
            raise _broken(count)
        fields = _entry(data, at)
        name_at = at + _ENTRY_SIZE
        extra_at = name_at + fields[10]
        after = extra_at + fields[11] + fields[12]
        if fields[0] != _ENTRY or after > len(data):
            raise _broken(count)
        if count >= MOST_MEMBERS:
            raise cannot_be_read(f"the archive has more than {MOST_MEMBERS} members")
        if check is not None and count % _CHECK_EVERY == 0:
            check()
        yield _entry_of(fields, data[name_at:extra_at], data[extra_at : extra_at + fields[11]], directory.shift)
        count += 1
        at = after
    told = directory.told
    if told != (count if directory.is_64 else count & _FULL_16):
        raise cannot_be_read(f"the archive is damaged: it says that it has {told} members, and lists {count}")


def _broken(count: int) -> DataSetError:
    return cannot_be_read(f"the archive is damaged: its list of members cannot be read behind the first {count}")


def _entry_of(fields: tuple[int, ...], raw_name: bytes, extra: bytes, shift: int) -> ZipEntry:
    _, made_by, _, flags, method, _, _, crc, compressed, size, _, _, _, _, _, attributes, offset = fields
    name = None
    if extra:
        compressed, size, offset, name = _with_extra(extra, raw_name, compressed, size, offset)
    if name is None:
        name = raw_name.decode("utf-8", "surrogateescape") if flags & _UTF_8 else raw_name.decode("cp437")
    mode = attributes >> 16 if made_by >> 8 == 3 else 0
    return ZipEntry(raw_name, name, flags, method, crc, compressed, size, offset + shift, mode)


def _with_extra(
    extra: bytes, raw_name: bytes, compressed: int, size: int, offset: int
) -> tuple[int, int, int, str | None]:
    """Sizes and offset with those of zip64, and the name in Unicode if there is one.  Source: APPNOTE 4.5.3, 4.6.9."""
    name = None
    at = 0
    while at + 4 <= len(extra):
        tag, length = _extra_header(extra, at)
        at += 4
        value = extra[at : at + length]
        if tag == 1:
            numbers = iter([_number_64(value, place)[0] for place in range(0, len(value) - 7, 8)])
            size = next(numbers, size) if size == _FULL_32 else size
            compressed = next(numbers, compressed) if compressed == _FULL_32 else compressed
            offset = next(numbers, offset) if offset == _FULL_32 else offset
        elif tag == 0x7075 and len(value) > 5 and value[0] == 1 and _number_32(value, 1)[0] == zlib.crc32(raw_name):
            name = value[5:].decode("utf-8", "surrogateescape")
        at += length
    return compressed, size, offset, name
