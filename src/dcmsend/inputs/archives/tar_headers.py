"""The headers of a tar archive.  Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format".

``tarfile`` of the standard library is not used: its ``TarFile`` keeps every header of an archive in memory, takes a cut
archive for a whole one, and reads an extended header of any length; its ``TarInfo`` refuses members for owners, modes
and times that nobody needs here, and takes five times as long.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

__all__ = ["BLOCK", "LARGEST_SIZE", "TarHeader", "TarKind", "parse_header", "parse_pax"]

BLOCK: Final = 512
LARGEST_SIZE: Final = 1 << 62
"""Bytes; a header with a larger size is damaged, because no position in a file is so high."""

_POSIX_MAGIC: Final = b"ustar\0"
_STAR_MAGIC: Final = b"tar\0"


class TarKind(Enum):
    """What a header stands for."""

    FILE = "a file"
    DIRECTORY = "a directory"
    HARD_LINK = "a hard link"
    LINK = "a link"
    SPECIAL = "a device or a pipe"
    SPARSE = "a sparse file"
    CONTINUATION = "a part of a file that begins in another archive"
    UNKNOWN = "of an unknown kind"
    LABEL = "the name of the archive"
    LONG_NAME = "the name of the next member"
    LONG_TARGET = "the target of the next link"
    EXTENDED = "more about the next member"
    GLOBAL = "more about all members"


_KINDS: Final = {
    b"0": TarKind.FILE, b"\0": TarKind.FILE, b"7": TarKind.FILE, b"1": TarKind.HARD_LINK, b"2": TarKind.LINK,
    b"3": TarKind.SPECIAL, b"4": TarKind.SPECIAL, b"6": TarKind.SPECIAL, b"5": TarKind.DIRECTORY,
    b"D": TarKind.DIRECTORY, b"K": TarKind.LONG_TARGET, b"L": TarKind.LONG_NAME, b"M": TarKind.CONTINUATION,
    b"S": TarKind.SPARSE, b"V": TarKind.LABEL, b"x": TarKind.EXTENDED, b"X": TarKind.EXTENDED, b"g": TarKind.GLOBAL,
}  # fmt: skip
_WITHOUT_CONTENT: Final = b"123456"
"""Types after whose header the next one follows, whatever size it tells."""


class TarHeader(NamedTuple):
    """One header.

    Attributes:
        name: the name of the member, its directory before it.
        kind: what it stands for.
        size: bytes of content that follow, without padding.
        target: for links, what the link names.
        has_more: whether a block that continues an old GNU sparse header follows.
    """

    name: bytes
    kind: TarKind
    size: int
    target: bytes
    has_more: bool


def parse_header(block: bytes) -> TarHeader | None:
    """The header in a block of 512 bytes; None if it is none, or damaged."""
    size = _number(block[124:136])
    if size is None or size > LARGEST_SIZE or not _sum_is_right(block):
        return None
    letter = block[156:157]
    kind = _KINDS.get(letter)
    if kind is None:  # POSIX: an unknown type is a file, but capital letters belong to the makers of programs
        kind = TarKind.UNKNOWN if letter.isupper() else TarKind.FILE
    name = _text(block[:100])
    if block[257:263] == _POSIX_MAGIC:
        prefix = _text(block[345:476] if block[508:512] == _STAR_MAGIC else block[345:500])
        if prefix:
            name = prefix + b"/" + name
    if letter in _WITHOUT_CONTENT:
        size = 0
    return TarHeader(name, kind, size, _text(block[157:257]), kind is TarKind.SPARSE and block[482] != 0)


def _text(field: bytes) -> bytes:
    end = field.find(b"\0")
    return field if end < 0 else field[:end]


def _number(field: bytes) -> int | None:
    """A number in octal digits, or in GNU's binary form; None for anything else, and for a negative one."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = _text(field).strip(b" ")
    if not text:
        return 0
    if not text.isdigit():
        return None
    try:
        return int(text, 8)
    except ValueError:  # an 8 or a 9
        return None


def _sum_is_right(block: bytes) -> bool:
    """Whether the checksum is that of the block; old programs have added bytes as signed numbers."""
    wanted = _number(block[148:156])
    if wanted is None:
        return False
    rest = block[:148] + block[156:]
    total = sum(rest) + 8 * 32
    return wanted == total or wanted == total - 256 * sum(byte >= 0x80 for byte in rest)


def parse_pax(content: bytes) -> dict[bytes, bytes] | None:
    """The records of an extended header; None if it is damaged.  Source: POSIX.1-2017 pax, "pax Extended Header"."""
    records: dict[bytes, bytes] = {}
    start = 0
    while start < len(content):
        space = content.find(b" ", start, start + 12)
        digits = content[start:space] if space >= 0 else b""
        if not digits.isdigit():
            return None
        end = start + int(digits)
        keyword, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not equals or end > len(content) or content[end - 1 : end] != b"\n":
            return None
        records[keyword] = value
        start = end
    return records
