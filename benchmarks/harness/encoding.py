"""Data elements and meta headers in Explicit VR Little Endian.  Source: PS3.5 7.1, 7.5; PS3.10 7.1."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

__all__ = ["EXPLICIT_VR_LITTLE_ENDIAN", "element", "meta_header", "sequence", "short_text"]

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

_LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT"})
_UNDEFINED = 0xFFFFFFFF


def element(tag: int, vr: str, value: bytes | str | int | float) -> bytes:
    """One element; numbers are written as their VR (US, UL, FD) asks for, values padded to an even length."""
    if not isinstance(value, bytes):
        if vr in ("US", "UL", "FD"):
            value = pack({"US": "<H", "UL": "<I", "FD": "<d"}[vr], value)
        else:
            value = str(value).encode("ascii")
    if len(value) & 1:
        value += b"\0" if vr in ("UI", "OB") else b" "
    return _header(tag, vr, len(value)) + value


def _header(tag: int, vr: str, length: int) -> bytes:
    start = pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii"))
    return start + (pack("<HI", 0, length) if vr in _LONG_VRS else pack("<H", length))


def short_text(*rows: tuple[int, str, str | int | float]) -> bytes:
    """Several elements one after the other."""
    return b"".join(element(tag, vr, value) for tag, vr, value in rows)


def sequence(tag: int, items: Sequence[bytes], *, defined_length: bool = False) -> bytes:
    """A sequence of encoded items, with delimiters or with lengths."""
    if defined_length:
        body = b"".join(pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
        return _header(tag, "SQ", len(body)) + body
    item_end = pack("<HHI", 0xFFFE, 0xE00D, 0)
    body = b"".join(pack("<HHI", 0xFFFE, 0xE000, _UNDEFINED) + item + item_end for item in items)
    return _header(tag, "SQ", _UNDEFINED) + body + pack("<HHI", 0xFFFE, 0xE0DD, 0)


def meta_header(sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """Preamble and file meta information of a file in Explicit VR Little Endian."""
    body = (
        element(0x00020001, "OB", b"\0\1")
        + element(0x00020002, "UI", sop_class_uid)
        + element(0x00020003, "UI", sop_instance_uid)
        + element(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN)
        + element(0x00020012, "UI", "2.25.113911560943412586127862345717")
        + element(0x00020013, "SH", "BENCHMARKS")
    )
    return bytes(128) + b"DICM" + element(0x00020000, "UL", len(body)) + body
