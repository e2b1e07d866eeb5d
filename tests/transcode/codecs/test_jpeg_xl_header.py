"""The size in the header of a JPEG XL stream."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.errors import TranscodeError
from dcmsend.transcode.jpeg_xl_header import read_jpeg_xl_header, read_jpeg_xl_size

ic = pytest.importorskip("imagecodecs")

SIZES = [
    (1, 1), (8, 8), (33, 47), (64, 48), (256, 256), (255, 1), (1, 300), (10, 12), (12, 16), (2, 3), (9, 16), (4, 5),
    (100, 200), (512, 512), (511, 513), (1000, 1200), (768, 1024), (8192, 3), (3, 9000),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("container", [False, True])
def test_size_that_libjxl_has_written(size: tuple[int, int], container: bool) -> None:
    stream = bytes(ic.jpegxl_encode(np.zeros(size, np.uint8), lossless=True, usecontainer=container))
    assert stream.startswith(b"\0\0\0\x0cJXL ") is container
    assert read_jpeg_xl_size(stream) == size


@given(st.binary(max_size=60), st.sampled_from([b"", b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"]))
def test_any_bytes_give_a_size_or_an_error(data: bytes, start: bytes) -> None:
    try:
        rows, columns = read_jpeg_xl_size(start + data)
        assert read_jpeg_xl_header(start + data).precision > 0
    except TranscodeError:
        return
    assert 0 < rows <= 1 << 30
    assert columns >= 0
