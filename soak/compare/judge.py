"""Compares two encoded data sets after DCMTK's dcmconv has encoded both anew (D08)."""

from __future__ import annotations

import functools
import subprocess
import tempfile
import zlib
from pathlib import Path

from soak.compare.elements import DEFLATED, IMPLICIT, element
from support.programs import dcmtk_program

__all__ = ["canonical", "inflated", "same_bytes_but_vrs"]


def inflated(data_set: bytes, syntax: str) -> tuple[bytes, str]:
    """Explicit VR little endian instead of deflated; a data set that cannot be inflated is returned unchanged."""
    if syntax != DEFLATED:
        return data_set, syntax
    try:
        return zlib.decompressobj(-15).decompress(data_set), "1.2.840.10008.1.2.1"
    except zlib.error:
        return data_set, syntax


def canonical(data_set: bytes, syntax: str) -> bytes | None:
    """The data set as DCMTK writes it, with explicit lengths and no padding; None if DCMTK cannot read it."""
    data_set, syntax = inflated(data_set, syntax)
    return _converted(data_set, syntax, "+t=")


def same_bytes_but_vrs(one: bytes, other: bytes, syntax: str) -> bool:
    """Whether the data sets differ only in VRs, which implicit VR does not write."""
    one, own = inflated(one, syntax)
    other, _ = inflated(other, syntax)
    if own == IMPLICIT:
        return False
    first = _converted(one, own, "+ti")
    return first is not None and first == _converted(other, own, "+ti")


@functools.lru_cache(64)
def _converted(data_set: bytes, syntax: str, option: str) -> bytes | None:
    program = dcmtk_program("dcmconv")
    assert program is not None, "dcmconv is not installed"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        source.write_bytes(_meta_header(syntax) + data_set)
        words = [program, "-q", "+fo", option, "-F", str(source), str(target)]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        return target.read_bytes() if done.returncode == 0 and target.exists() else None


def _meta_header(syntax: str) -> bytes:
    def uid(tag: int, text: str) -> bytes:
        value = text.encode() + b"\0" * (len(text) & 1)
        return element(tag, b"UI", value, is_explicit=True, order="<")

    body = element(0x00020001, b"OB", b"\0\1", is_explicit=True, order="<") + uid(0x00020002, "1.2.3")
    body += uid(0x00020003, "1.2.3") + uid(0x00020010, syntax)
    length = element(0x00020000, b"UL", len(body).to_bytes(4, "little"), is_explicit=True, order="<")
    return bytes(128) + b"DICM" + length + body
