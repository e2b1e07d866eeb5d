"""Reads headers of compressed images before a library gets them.

Libraries trust the header of a codestream and accept a stream that ends early.  This module lets codecs compare the
header with the attributes of the data set first.  Source: ITU-T T.81 Annex B (JPEG), T.87 Annex C (JPEG-LS), T.800
Annex A and I (JPEG 2000).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from dcmsend.errors import TranscodeError

from .codec import CANNOT_CHANGE

__all__ = [
    "Jpeg2000Header", "JpegHeader", "components_of_scan", "fault_of_scans", "has_jpeg_ls_end", "has_point_transform",
    "read_jpeg_2000_header", "read_jpeg_header",
]

_SOF55: Final = 0xF7
_FRAME_MARKERS: Final = frozenset((*range(0xC0, 0xD0), _SOF55)) - {0xC4, 0xC8, 0xCC}
_STANDALONE: Final = frozenset((0x01, *range(0xD0, 0xDA)))
_SOS: Final = 0xDA
_DHT: Final = 0xC4
_NO_END: Final = "Illegal call, perhaps wrong parameters"
_SOI: Final = 0xD8
_EOI: Final = 0xD9

_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker in entropy-coded data: not a stuffed zero, a fill byte or a restart marker."""

_NEXT_MARKER_LS: Final = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""The same for JPEG-LS, where a zero bit is stuffed after eight ones."""


class JpegHeader(NamedTuple):
    """The frame header (SOF) of a JPEG or JPEG-LS stream.

    Attributes:
        process: number of the SOF marker: 0, 1 sequential, 2 progressive, 3 lossless, 55 JPEG-LS.
        precision: bits of each sample.
        position: of the first byte after the frame header's segment.
    """

    process: int
    precision: int
    rows: int
    columns: int
    components: int
    position: int


def read_jpeg_header(data: bytes) -> JpegHeader:
    """The first frame header of a stream.  Raises TranscodeError if there is none."""
    if not data:
        raise TranscodeError("Corrupted data", "an empty frame")
    position, end, remark = 0, len(data), ""
    while position + 4 < end:
        if data[position] != 0xFF or not data[position + 1]:
            found = data[position : position + 2].hex()
            remark = f"found invalid marker in JPEG stream while scanning for bit depth: 0x{found}"
            break
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        length = data[position + 2] << 8 | data[position + 3]
        if length < 2 or marker == _SOS:
            break
        if marker in _FRAME_MARKERS:
            if position + 10 > end:
                break
            body = data[position + 4 : position + 10]
            process = 55 if marker == _SOF55 else marker - 0xC0
            rows, columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            return JpegHeader(process, body[0], rows, columns, body[5], position + 2 + length)
        position += 2 + length
    raise TranscodeError(CANNOT_CHANGE, f"no frame header in a JPEG stream of {end} bytes", remark)


def fault_of_scans(data: bytes, header: JpegHeader) -> str:
    """The fault of a JPEG stream's scans that libraries ignore, in DCMTK's words; ``""`` for none.

    Every scan must have the Huffman tables that it names, and there must be an end marker (EOI); bytes after it are not
    checked.
    """
    position, end = header.position, len(data)
    tables = _tables_before(data, position)
    in_scan = False
    while True:
        if in_scan:
            found = _NEXT_MARKER.search(data, position)
            if found is None:
                return _NO_END
            position = found.start()
        if position + 2 > end:
            return _NO_END
        marker = data[position + 1]
        if in_scan and marker in (_SOI, _EOI):
            return "" if marker == _EOI else _NO_END
        if data[position] != 0xFF or marker in _STANDALONE or marker in (0, 0xFF):
            position += 1  # decoders also skip to the next marker
            continue
        if position + 4 > end:
            return _NO_END
        length = data[position + 2] << 8 | data[position + 3]
        segment = data[position + 4 : position + 2 + length]
        if marker == _DHT:
            tables.update(_huffman_tables(segment))
        elif marker == _SOS:
            in_scan = True
            for table in _tables_of_scan(segment, header.process):
                if table not in tables:
                    return f"Huffman table 0x{table & 0x0F:02x} was not defined"
        position += 2 + length


def _tables_before(data: bytes, end: int) -> set[int]:
    """Huffman tables that are defined before the frame header."""
    tables: set[int] = set()
    position = 0
    while position + 4 < end:
        marker = data[position + 1]
        if marker in _STANDALONE or marker == 0xFF:
            position += 1 if marker == 0xFF else 2
            continue
        length = data[position + 2] << 8 | data[position + 3]
        if marker == _DHT:
            tables.update(_huffman_tables(data[position + 4 : position + 2 + length]))
        position += 2 + length
    return tables


def _huffman_tables(segment: bytes) -> Iterator[int]:
    """Class and number (``0x10`` is the first one for AC) of each table of a DHT.  Source: ITU-T T.81 B.2.4.2."""
    position = 0
    while position + 17 <= len(segment):
        yield segment[position]
        position += 17 + sum(segment[position + 1 : position + 17])


def _tables_of_scan(scan: bytes, process: int) -> list[int]:
    """Huffman tables that the components of a scan are decoded with."""
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return []
    selectors = scan[2 : 2 + 2 * count : 2]
    first_coefficient, approximation = scan[-3], scan[-1]
    tables = []
    for selector in selectors:
        is_refined = process == 2 and approximation >> 4
        if not (process == 2 and (first_coefficient or is_refined)):
            tables.append(selector >> 4)
        if process in (0, 1) or (process == 2 and first_coefficient):
            tables.append(0x10 | selector & 0x0F)
    return tables


def has_jpeg_ls_end(data: bytes, header: JpegHeader) -> bool:
    """Whether a JPEG-LS stream has an end marker (EOI); without one CharLS may read on for seconds."""
    position = header.position
    is_in_scan = False
    while True:
        if is_in_scan:
            found = _NEXT_MARKER_LS.search(data, position)
            if found is None:
                return False
            position = found.start()
            if data[position + 1] == _EOI:
                return True
        if position + 4 > len(data) or data[position] != 0xFF:
            return False
        is_in_scan = is_in_scan or data[position + 1] == _SOS
        position += 2 + (data[position + 2] << 8 | data[position + 3])


def components_of_scan(data: bytes, position: int) -> int:
    """The number of components in the first scan, 0 without one; ``position`` is after the frame header."""
    header = _scan_header(data, position)
    return header[0] if header else 0


def is_near_lossless(data: bytes, position: int) -> bool:
    """Whether the first scan of a JPEG-LS stream may differ from the picture (NEAR); ``position`` as above.

    Source: ITU-T T.87 C.2.3.
    """
    header = _scan_header(data, position)
    at = 1 + 2 * header[0] if header else 0
    return at < len(header) and header[at] != 0


def has_point_transform(data: bytes, position: int) -> bool:
    """Whether the first scan of a lossless JPEG stream lacks the lowest bits of the picture; ``position`` as above.

    Source: ITU-T T.81 B.2.3, H.1.1.
    """
    header = _scan_header(data, position)
    at = 3 + 2 * header[0] if header else 0
    return 0 < at < len(header) and header[at] & 0x0F != 0


def _scan_header(data: bytes, position: int) -> bytes:
    """The first scan header (SOS) without marker and length, ``b""`` if there is none."""
    while position + 4 <= len(data) and data[position] == 0xFF:
        length = data[position + 2] << 8 | data[position + 3]
        if data[position + 1] == _SOS:
            return data[position + 4 : position + 2 + length]
        position += 2 + length
    return b""


class Jpeg2000Header(NamedTuple):
    """Image and tile size (SIZ), and coding style (COD) of a JPEG 2000 codestream.

    Attributes:
        precision: bits of each sample, the largest of all components.
        is_signed: of the first component.
        is_reversible: whether the wavelet transform is lossless (5/3).
        uses_component_transform: the first three components are decorrelated (RCT or ICT).
    """

    rows: int
    columns: int
    components: int
    precision: int
    is_signed: bool
    is_reversible: bool
    uses_component_transform: bool


_JP2_SIGNATURE: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_SOC_SIZ: Final = b"\xff\x4f\xff\x51"
_COD: Final = 0x52
_SOT: Final = 0x90
_MOST_BOXES: Final = 1000


def read_jpeg_2000_header(data: bytes) -> Jpeg2000Header:
    """The main header of a codestream, also inside the boxes of a JP2 file.  Raises TranscodeError if there is none."""
    start = _codestream_start(data)
    if data[start : start + 4] != _SOC_SIZ or len(data) < start + 42:
        raise TranscodeError(CANNOT_CHANGE, "no codestream header in a JPEG 2000 stream")
    right, bottom, left, top = (int.from_bytes(data[start + at : start + at + 4], "big") for at in (8, 12, 16, 20))
    components = int.from_bytes(data[start + 40 : start + 42], "big")
    sizes = data[start + 42 : start + 42 + 3 * components : 3]
    if not components or len(sizes) != components:
        raise TranscodeError(CANNOT_CHANGE, "the codestream header of a JPEG 2000 stream is cut off")
    component_transform, wavelet_transform = _coding_style(data, start + 2)
    return Jpeg2000Header(
        bottom - top,
        right - left,
        components,
        max(size & 0x7F for size in sizes) + 1,
        bool(sizes[0] & 0x80),
        wavelet_transform == 1,
        component_transform != 0,
    )


def _codestream_start(data: bytes) -> int:
    """The start of the codestream: 0, or in the box ``jp2c``."""
    if not data.startswith(_JP2_SIGNATURE):
        return 0
    position = len(_JP2_SIGNATURE)
    for _ in range(_MOST_BOXES):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"jp2c":
            return position + (16 if length == 1 else 8)
        if length < 8:
            break
        position += length
    return len(data)


def _coding_style(data: bytes, position: int) -> tuple[int, int]:
    """Component transform and wavelet transform of the main header's COD."""
    while position + 14 <= len(data):
        marker = data[position + 1]
        length = data[position + 2] << 8 | data[position + 3]
        if data[position] != 0xFF or marker == _SOT or length < 2:
            break
        if marker == _COD:
            return data[position + 8], data[position + 13]
        position += 2 + length
    raise TranscodeError(CANNOT_CHANGE, "no coding style in the header of a JPEG 2000 stream")
