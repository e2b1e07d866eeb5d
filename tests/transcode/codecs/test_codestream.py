"""Headers of compressed frames, and what libraries forgive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.errors import TranscodeError
from dcmsend.transcode.codestream import (
    components_of_scan,
    fault_of_scans,
    has_jpeg_ls_end,
    read_jpeg_2000_header,
    read_jpeg_header,
)
from dcmsend.transcode.jpeg_2000_colour import read_jpeg_2000_colour
from support.compressed_files import Native, encapsulated_data_set
from support.converting import converted
from support.corpus import NATIVE

ic = pytest.importorskip("imagecodecs")

PIXELS = np.arange(33 * 47, dtype=np.uint16).reshape(33, 47) % 251
NO_END = "Illegal call, perhaps wrong parameters"
BASELINE = bytes(ic.jpeg8_encode(PIXELS.astype("u1"), level=90))
LOSSLESS = bytes(ic.jpeg8_encode(PIXELS, lossless=True, bitspersample=12))
JPEG_LS = bytes(ic.jpegls_encode(PIXELS))
COMMENT = b"\xff\xfe\x00\x06\xff\xd8\xff\xd9"
"""A segment that holds the marks of a beginning and of an end."""


def fault(stream: bytes) -> str:
    return fault_of_scans(stream, read_jpeg_header(stream))


def without(stream: bytes, marker: bytes) -> bytes:
    """Without all segments of this kind."""
    while (start := stream.find(marker)) >= 0:
        length = int.from_bytes(stream[start + 2 : start + 4], "big")
        stream = stream[:start] + stream[start + 2 + length :]
    return stream


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (BASELINE, (0, 8, 33, 47, 1)), (LOSSLESS, (3, 12, 33, 47, 1)), (JPEG_LS, (55, 16, 33, 47, 1)),
        (BASELINE[:2] + COMMENT + BASELINE[2:], (0, 8, 33, 47, 1)),
        (BASELINE[:2] + b"\xff\xff" + BASELINE[2:], (0, 8, 33, 47, 1)),
        (bytes(ic.jpeg8_encode(np.zeros((5, 6, 3), "u1"))), (0, 8, 5, 6, 3)),
    ],
)
def test_frame_header(stream: bytes, expected: tuple[int, ...]) -> None:
    assert read_jpeg_header(stream)[:5] == expected


@pytest.mark.parametrize(
    "stream", [b"\xff\xd8", b"\xff\xd8\xff\xd9", b"garbage!" * 9, BASELINE[:20], b"\xff\xd8\xff\xda" * 9]
)
def test_no_frame_header(stream: bytes) -> None:
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        read_jpeg_header(stream)


@pytest.mark.parametrize("stream", [BASELINE, LOSSLESS, BASELINE[:2] + COMMENT + BASELINE[2:]])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\xff", b"\0\0\0\0", b"anything"])
def test_a_whole_stream_has_no_fault(stream: bytes, padding: bytes) -> None:
    assert fault(stream + padding) == ""


@pytest.mark.parametrize("stream", [BASELINE, LOSSLESS])
def test_a_stream_without_its_end(stream: bytes) -> None:
    header = read_jpeg_header(stream)
    for end in range(header.position, len(stream)):
        assert fault_of_scans(stream[:end], header) == NO_END
    middle = len(stream) - 20
    assert fault(stream[:middle] + b"\xff\xd8" + stream) == NO_END, "another stream begins inside"


def test_an_end_in_front_of_the_first_scan_is_none() -> None:
    scan = BASELINE.index(b"\xff\xda")
    assert fault(BASELINE[:scan] + b"\xff\xd9" + BASELINE[scan:-2]) == NO_END


@pytest.mark.parametrize("stream", [BASELINE, LOSSLESS])
def test_huffman_tables_that_are_missing(stream: bytes) -> None:
    """libjpeg-turbo would take those of Motion JPEG."""
    assert fault(without(stream, b"\xff\xc4")) == "Huffman table 0x00 was not defined"


def test_progressive_streams_have_tables_between_their_scans() -> None:
    pytest.importorskip("PIL")
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(PIXELS.astype("u1")).save(buffer, "JPEG", progressive=True)
    stream = buffer.getvalue()
    assert read_jpeg_header(stream).process == 2
    assert fault(stream) == ""
    last = stream.rindex(b"\xff\xc4")
    length = int.from_bytes(stream[last + 2 : last + 4], "big")
    assert "was not defined" in fault(without(stream, b"\xff\xc4"))
    assert fault(stream[:last] + stream[last + 2 + length :]) in ("", "Huffman table 0x00 was not defined")


def test_end_of_jpeg_ls() -> None:
    header = read_jpeg_header(JPEG_LS)
    assert has_jpeg_ls_end(JPEG_LS, header)
    assert has_jpeg_ls_end(JPEG_LS + b"\0", header)
    assert not any(has_jpeg_ls_end(JPEG_LS[:end], header) for end in range(len(JPEG_LS)))


def test_scan_headers() -> None:
    colour = bytes(ic.jpeg8_encode(np.zeros((5, 6, 3), "u1")))
    assert components_of_scan(colour, read_jpeg_header(colour).position) == 3
    assert components_of_scan(BASELINE[:30], 20) == 0


# -- codes of nothing but ones

ALL_ONES = (
    b"\xff\xd8\xff\xc3\x00\x0b\x08\x00\x02\x00\x02\x01\x00\x11\x00"
    b"\xff\xc4\x00\x15\x00\x02" + bytes(15) + b"\x00\x01"
    b"\xff\xda\x00\x08\x01\x00\x00\x01\x00\x00"
    # 10: category 1, difference -1; 11: 1, +1; 0: 0; 11: +1; ones fill the byte
    b"\xb7\xff\xd9"
)
"""Two codes of one bit, 0 and 1: the standard forbids the second one (T.81 C.2), some encoders use it."""


def test_codes_of_nothing_but_ones() -> None:
    data = encapsulated_data_set(Native(rows=2, columns=2), [b"", ALL_ONES])
    assert converted(data, "1.2.840.10008.1.2.4.57", NATIVE[0]).endswith(bytes((127, 128, 127, 128)))


@pytest.mark.parametrize(
    ("counts", "symbols"),
    [(b"\x03", b"\0\1\2"), (b"\x01\x03", b"\0\1\2\3"), (b"\1\1", b"\0\x11"), (b"\1\1", b"\0\xff")],
)
def test_tables_that_are_no_tables_are_refused(counts: bytes, symbols: bytes) -> None:
    """More codes than there can be, categories that do not exist; other decoders make something of them."""
    counts = counts.ljust(16, b"\0")
    table = b"\xff\xc4" + (19 + len(symbols)).to_bytes(2, "big") + b"\0" + counts + symbols
    start = ALL_ONES.index(b"\xff\xc4")
    stream = ALL_ONES[:start] + table + ALL_ONES[start + 23 :]
    with pytest.raises(TranscodeError):
        converted(encapsulated_data_set(Native(rows=2, columns=2), [b"", stream]), "1.2.840.10008.1.2.4.57", NATIVE[0])


# -- JPEG 2000


@pytest.mark.parametrize("kind", ["j2k", "jp2"])
def test_codestream_header(kind: str) -> None:
    stream = bytes(ic.jpeg2k_encode(PIXELS, codecformat=kind, reversible=True, bitspersample=12))
    header = read_jpeg_2000_header(stream)
    assert header == (33, 47, 1, 12, False, True, False)
    colour = bytes(ic.jpeg2k_encode(np.zeros((5, 6, 3), "i2"), codecformat=kind, reversible=False, level=40))
    assert read_jpeg_2000_header(colour) == (5, 6, 3, 16, True, False, True)


@given(st.binary(max_size=120), st.sampled_from([b"", BASELINE[:160], JPEG_LS[:20], b"\xff\xd8\xff\xc3\x00\x0b"]))
def test_any_bytes_have_a_header_or_none(data: bytes, start: bytes) -> None:
    stream = start + data
    try:
        header = read_jpeg_header(stream)
    except TranscodeError:
        return
    assert fault_of_scans(stream, header) in ("", NO_END) or "was not defined" in fault_of_scans(stream, header)
    has_jpeg_ls_end(stream, header)
    components_of_scan(stream, header.position)


@given(st.binary(max_size=120), st.sampled_from([b"", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"]))
def test_any_bytes_have_a_codestream_header_or_none(data: bytes, start: bytes) -> None:
    try:
        header = read_jpeg_2000_header(start + data)
        assert header.components == len(read_jpeg_2000_colour(start + data).subsampling) > 0
    except TranscodeError:
        return
