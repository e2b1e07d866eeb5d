"""Finds in a file's bytes the facts that make a deviation of ``docs/deviations.md`` apply to it."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from soak.compare.elements import (
    BIG,
    DEFLATED,
    UNDEFINED,
    FileParts,
    Place,
    has_item_beyond,
    items_of,
    parts_of,
    places,
    uid_text,
)
from soak.compare.judge import inflated

__all__ = ["LESS", "MORE", "facts_of", "syntaxes_of_records"]

MORE = frozenset(("D09", "D10", "D11", "D13", "D25", "D34", "D36", "D38", "D44", "D52", "D54"))
"""Deviations by which ours sends what DCMTK does not."""
LESS = frozenset(("D35", "D43", "D46", "D51", "D61", "D69"))
"""Deviations by which DCMTK sends what ours does not."""

_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
_OLD = {
    *_NATIVE, DEFLATED, "1.2.840.10008.1.2.5", "1.2.840.113619.5.2", *_JPEG_2000, "1.2.840.10008.1.2.4.94",
    *(f"1.2.840.10008.1.2.4.{number}" for number in (*range(50, 67), 70, 80, 81, *range(100, 109))),
}
"""Transfer syntaxes that DCMTK 3.6.7 can send."""
_WIDTHS = {b"OW": 2, b"US": 2, b"SS": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"OF": 4, b"OL": 4, b"AT": 2, b"FD": 8, b"OD": 8,
           b"SV": 8, b"UV": 8, b"OV": 8}  # fmt: skip
_YOUNG_CLASS = "1.2.840.10008.5.1.4.1.1.66.7"
"""The only SOP class in the test data that DCMTK 3.6.7 has no name for."""
_TEXT_VRS = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())
_PIXEL_DATA = 0x7FE00010
_KNOWN_VRS = {*_WIDTHS, *b"AE AS CS DA DS DT IS LO LT OB PN SH SQ ST TM UC UI UN UR UT".split()}


_DECIDES_VRS = re.compile(rb"\x28\0\x03\x01\x02\0\0\0\x01\0|\0\x54\x04\x10\x02\0\0\0")
"""In implicit VR: Pixel Representation says signed, or Waveform Bits Allocated is there."""


def facts_of(content: bytes, touched: frozenset[int]) -> set[str]:
    """Ids of the deviations that apply to a file; ``touched`` holds the elements that were changed at random."""
    parts = parts_of(content)
    found = {*_of_meta_header(content, parts), *_of_syntax(parts), *_of_elements(content, parts)}
    if parts.syntax == _NATIVE[0] and _DECIDES_VRS.search(content, parts.offset):
        found.add("D66")
    if parts.syntax == DEFLATED:
        found.update(_of_deflated(content[parts.offset :]))
        inside, _ = inflated(content[parts.offset :], DEFLATED)
        found.update(_of_elements(inside, parts_of_data_set(inside, parts.syntax)))
    if parts.syntax in _OLD and parts.syntax not in (*_NATIVE, DEFLATED) and _touches_pixels(touched):
        found.update(("D51", "D52", "D54", "D55", "D68", "D69"))
    return found


def syntaxes_of_records(dicomdir: bytes) -> dict[str, str]:
    """File name to transfer syntax UID, for each directory record that has both."""
    found, parts = {}, parts_of(dicomdir)
    order = ">" if parts.syntax == BIG else "<"
    sequences = [each for each in parts.elements if each.tag == 0x00041220]
    for start, end in (item for each in sequences for item in items_of(dicomdir, each, parts)):
        record = {each.tag: each for each in places(dicomdir[:end], start, is_explicit=True, order=order)}
        name, syntax = record.get(0x00041500), record.get(0x00041512)
        if name and syntax:
            path = dicomdir[name.value : name.end].decode("latin-1").rstrip(" \0").replace("\\", "/")
            found[path] = uid_text(dicomdir[syntax.value : syntax.end])
    return found


def parts_of_data_set(data_set: bytes, syntax: str) -> FileParts:
    """The parts of an inflated data set."""
    return FileParts(syntax, (), 0, tuple(places(data_set, 0, is_explicit=True, order="<")))


def _of_meta_header(content: bytes, parts: FileParts) -> Iterator[str]:
    for place in parts.meta:
        if place.length == UNDEFINED:
            yield "D35"
    if len(parts.meta) > 1000:
        yield "D35"
    for place in parts.meta:
        is_uid = place.tag in (0x00020002, 0x00020003, 0x00020010)
        is_text = is_uid and place.vr not in (b"UI", b"UN", b"OB")
        if is_text and (place.tag == 0x00020010 or content[place.value : place.end].endswith(b"\0")):
            yield "D36"
    if not parts.meta:
        return
    first = parts.meta[0]
    if first.tag != 0x00020000:
        return
    if first.vr != b"UL" or first.length != 4:
        yield "D34"
    elif struct.unpack_from("<L", content, first.value)[0] != parts.offset - first.end:
        yield "D25"


def _of_syntax(parts: FileParts) -> Iterator[str]:
    if parts.syntax in _JPEG_2000:
        yield "D11"
    elif parts.syntax and parts.syntax not in _OLD:
        is_standard = parts.syntax.startswith("1.2.840.10008.1.2.") and parts.syntax != "1.2.840.10008.1.2.4.95"
        yield "D10" if is_standard else "D09"
        yield "D11"


def _of_elements(content: bytes, parts: FileParts) -> Iterator[str]:
    for place in parts.elements:
        if place.tag in (0x00080016, 0x00080018):
            if place.vr and place.vr not in _TEXT_VRS:
                yield "D27" if parts.syntax else "D36"
            if content[place.value : place.end].translate(None, b" \t\n\v\f\r")[:1] == b"\0":
                yield "D61"
            if uid_text(content[place.value : place.end]) == _YOUNG_CLASS:
                yield "D29"
        if has_item_beyond(content, place, parts):
            yield "D57"
        width = _WIDTHS.get(place.vr)
        is_words = place.vr == b"OW" or place.tag == _PIXEL_DATA
        if is_words and place.length % 2 and place.length != UNDEFINED:
            yield "D15"
        if width and place.length > 4096 and place.length != UNDEFINED and place.length % width:
            yield "D41"
        if place.tag == _PIXEL_DATA:
            yield from _of_pixel_data(place, parts)
            lengths = [end - start for start, end in items_of(content, place, parts)]
            if lengths and lengths[0] and any(length % 2 for length in lengths[1:]):
                yield "D65"
    if parts.elements:
        last = parts.elements[-1].tag >> 16
        if any(each.tag == last << 16 and each.length != 4 for each in parts.elements):
            yield "D42"


def _of_pixel_data(place: Place, parts: FileParts) -> Iterator[str]:
    if place.vr == b"UN" or (place.vr and place.vr not in _KNOWN_VRS):
        yield "D44"
    if place.length == UNDEFINED and parts.syntax in ("", *_NATIVE):
        yield "D45"


def _of_deflated(data: bytes) -> Iterator[str]:
    inflater = zlib.decompressobj(-15)
    try:
        inflater.decompress(data)
    except zlib.error:
        return
    if not inflater.eof:
        yield "D43"


def _touches_pixels(touched: frozenset[int]) -> bool:
    return any(tag == 0 or tag >> 16 in (0x0028, 0x7FE0, 0x0088) for tag in touched)
