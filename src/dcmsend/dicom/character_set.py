"""Decodes text of a data set for people.  Source: PS3.3 C.12.1.1.2, PS3.5 6.1."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["decode_text"]

_CODECS: Final = {
    "": "ascii", "ISO_IR 6": "ascii", "ISO_IR 13": "shift_jis", "ISO_IR 100": "latin-1", "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3", "ISO_IR 110": "iso8859-4", "ISO_IR 126": "iso8859-7", "ISO_IR 127": "iso8859-6",
    "ISO_IR 138": "iso8859-8", "ISO_IR 144": "iso8859-5", "ISO_IR 148": "iso8859-9", "ISO_IR 166": "tis-620",
    "ISO_IR 192": "utf-8", "ISO_IR 203": "iso8859-15", "GB18030": "gb18030", "GBK": "gbk",
}  # fmt: skip
_CODE_EXTENSIONS: Final = {
    "ISO 2022 IR 87": "iso2022_jp_2", "ISO 2022 IR 159": "iso2022_jp_2", "ISO 2022 IR 13": "iso2022_jp_3",
    "ISO 2022 IR 149": "euc_kr", "ISO 2022 IR 58": "gb2312",
}  # fmt: skip
"""Several character sets in one value; one codec of Python is a good approximation of all."""

_ESCAPE: Final = re.compile(rb"\x1b[$()\-.][)(A-Z]?[A-Z0-9]")

_DESIGNATED: Final = {
    b"-A": "latin-1", b"-B": "iso8859-2", b"-C": "iso8859-3", b"-D": "iso8859-4", b"-F": "iso8859-7",
    b"-G": "iso8859-6", b"-H": "iso8859-8", b"-L": "iso8859-5", b"-M": "iso8859-9", b"-T": "tis-620",
    b"-b": "iso8859-15", b")I": "shift_jis",
}  # fmt: skip
"""What the bytes from 0x80 on mean behind these escape sequences (PS3.3 Table C.12-3)."""
_DESIGNATION: Final = re.compile(rb"\x1b([()\-].)", re.DOTALL)
_RESET: Final = re.compile(rb"([\\^=\t\n\f\r])")
"""Behind these the first character set is valid again (PS3.5 6.1.2.5.3)."""


def decode_text(value: bytes, character_set: bytes) -> str:
    """Decode a value by its Specific Character Set; undecodable bytes become U+FFFD."""
    names = [name.strip() for name in character_set.decode("latin-1").split("\\")]
    for name in names:
        codec = _CODE_EXTENSIONS.get(name)
        if codec is not None:
            if codec in ("euc_kr", "gb2312"):  # these codecs know no escape sequences
                value = _ESCAPE.sub(b"", value)
            return value.decode(codec, "replace").strip()
    codecs = [_CODECS.get(name.replace("ISO 2022 IR", "ISO_IR"), "ascii") for name in names]
    codec = next((codec for codec in codecs if codec != "ascii"), "ascii")  # all others hold ASCII
    if len(names) > 1 and b"\x1b" in value:
        return _extended(value, codec).strip()
    return value.decode(codec, "replace").strip()


def _extended(value: bytes, first: str) -> str:
    """Decode a value in which escape sequences change from one set of single bytes to another."""
    text = []
    for piece in _RESET.split(value):
        codec = first
        plain, *rest = _DESIGNATION.split(piece)
        text.append(plain.decode(codec, "replace"))
        for designation, part in zip(rest[::2], rest[1::2], strict=True):
            codec = _DESIGNATED.get(designation, codec)
            text.append(part.decode(codec, "replace"))
    return "".join(text)
