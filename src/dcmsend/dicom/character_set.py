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


def decode_text(value: bytes, character_set: bytes) -> str:
    """Decode a value by its Specific Character Set; undecodable bytes become U+FFFD."""
    names = [name.strip() for name in character_set.decode("latin-1").split("\\")]
    for name in names:
        codec = _CODE_EXTENSIONS.get(name)
        if codec is not None:
            if codec in ("euc_kr", "gb2312"):  # these codecs know no escape sequences
                value = _ESCAPE.sub(b"", value)
            return value.decode(codec, "replace").strip()
    codec = _CODECS.get(names[0].replace("ISO 2022 IR", "ISO_IR"), "ascii")
    return value.decode(codec, "replace").strip()
