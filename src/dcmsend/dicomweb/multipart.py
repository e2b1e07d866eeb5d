"""The body of a store request: DICOM files as parts of one message.  Source: PS3.18 sections 8.6 and 10.5, RFC 2046."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dcmsend.dicom.record import Record

__all__ = ["Multipart", "new_boundary"]

_RANDOM_BYTES: Final = 16
_is_boundary: Final = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}").fullmatch
_is_token: Final = re.compile(r"[0-9A-Za-z'+_.-]+").fullmatch


def new_boundary(random: bytes) -> str:
    """A boundary of 16 random bytes; so many that no data need be searched for it.  Raises ValueError for fewer."""
    if len(random) != _RANDOM_BYTES:
        raise ValueError(f"a boundary is made of {_RANDOM_BYTES} bytes, not of {len(random)}")
    return random.hex()


class Multipart(Record):
    """What stands around the files of one body: for each ``part_head``, the file, ``part_end``; ``closing`` at the end.

    Attributes:
        boundary: occurs in none of the files; 1 to 70 of the characters that RFC 2046 allows, without spaces.
    """

    boundary: str

    def check(self) -> None:
        """Raise ValueError for a boundary that RFC 2046 does not allow."""
        if not _is_boundary(self.boundary):
            raise ValueError("a boundary has 1 to 70 letters, digits and some other characters")

    @property
    def content_type(self) -> str:
        """The value of the header Content-Type; without ``type`` many servers refuse the request."""
        boundary = self.boundary if _is_token(self.boundary) else f'"{self.boundary}"'
        return f'multipart/related; type="application/dicom"; boundary={boundary}'

    @property
    def part_head(self) -> bytes:
        """What comes before each file."""
        return b"--%s\r\nContent-Type: application/dicom\r\n\r\n" % self.boundary.encode()

    @property
    def part_end(self) -> bytes:
        """What comes after each file."""
        return b"\r\n"

    @property
    def closing(self) -> bytes:
        """What comes after the last part; a server may lose that part without a word if it is missing."""
        return b"--%s--\r\n" % self.boundary.encode()

    def length(self, part_lengths: Iterable[int]) -> int:
        """The length of a whole body in bytes, the Content-Length, of the lengths of its files."""
        around = len(self.part_head) + len(self.part_end)
        return sum(around + length for length in part_lengths) + len(self.closing)
