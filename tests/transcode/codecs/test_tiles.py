"""Whole-slide images whose tiles at the edge are smaller than Rows x Columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import TranscodeError
from dcmsend.transcode import convert_data_set
from support.compressed_files import Native, encapsulated_data_set
from support.corpus import NATIVE
from support.fixture_files import read_data_set

ic = pytest.importorskip("imagecodecs")

TS = "1.2.840.10008.1.2."
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
TILE = Native(rows=32, columns=48, samples=3, frames=4, sop_class=WHOLE_SLIDE)
SIZES = [(32, 48), (32, 17), (13, 48), (13, 17)]
"""In the middle, at the right, at the bottom, in the corner."""
RGB = {"colorspace": "RGB", "outcolorspace": "RGB"}
MATRIX: dict[int, tuple[str, object] | None] = {0x00480006: ("UL", ("I", 65)), 0x00480007: ("UL", ("I", 45))}

Encoder = Callable[[np.ndarray], bytes]
CODECS: dict[str, tuple[str, Encoder]] = {
    "JPEG": ("4.70", lambda tile: bytes(ic.jpeg8_encode(tile, lossless=True, **(RGB if tile.ndim == 3 else {})))),
    "JPEG-LS": ("4.80", lambda tile: bytes(ic.jpegls_encode(tile))),
    "JPEG 2000": ("4.90", lambda tile: bytes(ic.jpeg2k_encode(tile, codecformat="j2k", reversible=True, level=0))),
    "HTJ2K": ("4.201", lambda tile: bytes(ic.htj2k_encode(tile, reversible=True))),
    "JPEG XL": ("4.110", lambda tile: bytes(ic.jpegxl_encode(tile, lossless=True))),
}
every_codec = pytest.mark.parametrize("codec", CODECS)


def tiles(native: Native = TILE, sizes: list[tuple[int, int]] = SIZES) -> list[np.ndarray]:
    """Colour by pixel."""
    frames = np.moveaxis(native.pixels(), 1, -1)
    if native.samples == 1:
        frames = frames[..., 0]
    return [np.ascontiguousarray(frame[:rows, :columns]) for frame, (rows, columns) in zip(frames, sizes, strict=True)]


def padded(native: Native = TILE, sizes: list[tuple[int, int]] = SIZES, black: int | list[int] = 0) -> np.ndarray:
    """What has to come."""
    shape = (len(sizes), native.rows, native.columns, *([native.samples] if native.samples > 1 else []))
    frames = np.empty(shape, f"<u{native.allocated // 8}")
    frames[...] = black
    for frame, tile in zip(frames, tiles(native, sizes), strict=True):
        frame[: tile.shape[0], : tile.shape[1]] = tile
    return frames


def converted(
    codec: str, native: Native = TILE, sizes: list[tuple[int, int]] = SIZES,
    changes: dict[int, tuple[str, object] | None] | None = None, *, keep_ybr: bool = False,
) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """Pixel Data, and what is told."""
    suffix, encode = CODECS[codec]
    data = encapsulated_data_set(native, [b"", *(encode(tile) for tile in tiles(native, sizes))], changes)
    result = convert_data_set(
        BytesSource(data), transfer_syntax(TS + suffix), transfer_syntax(NATIVE[0]), dictionary=default_dictionary,
        keep_ybr=keep_ybr,
    )
    result.decode()
    pixels = read_data_set(b"".join(result.chunks()), NATIVE[0]).PixelData
    return pixels, result.notes


@every_codec
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]], ids=["", "the smallest first"])
def test_small_tiles_are_padded_and_told(codec: str, order: list[int]) -> None:
    sizes = [SIZES[number] for number in order]
    pixels, notes = converted(codec, sizes=sizes)
    assert pixels == padded(sizes=sizes).tobytes()
    assert notes == (
        ("W", "3 of 4 frames have fewer rows or columns than the data set says: padded with black"),
    )


@every_codec
def test_a_total_pixel_matrix_makes_tiles(codec: str) -> None:
    native = replace(TILE, sop_class="1.2.840.10008.5.1.4.1.1.77.1.9", samples=1, allocated=16, stored=12)
    pixels, notes = converted(codec, native, changes=MATRIX)
    assert pixels == padded(native).tobytes()
    assert len(notes) == 1


@every_codec
def test_tiles_of_full_size_are_not_told(codec: str) -> None:
    pixels, notes = converted(codec, sizes=[(32, 48)] * 4)
    assert pixels == padded(sizes=[(32, 48)] * 4).tobytes()
    assert notes == ()


@every_codec
@pytest.mark.parametrize("sizes", [[(32, 48), (33, 48)], [(32, 48), (32, 49)], [(33, 17), (32, 48)]])
def test_tiles_that_are_too_large_are_refused(codec: str, sizes: list[tuple[int, int]]) -> None:
    large = replace(TILE, rows=40, columns=60, frames=2)
    with pytest.raises(TranscodeError):
        converted(codec, large, sizes, {0x00280010: ("US", ("H", 32)), 0x00280011: ("US", ("H", 48))})


@every_codec
def test_frames_of_another_image_are_not_padded(codec: str) -> None:
    with pytest.raises(TranscodeError):
        converted(codec, replace(TILE, sop_class="1.2.840.10008.5.1.4.1.1.7.4"))


def test_tiles_by_plane() -> None:
    native = replace(TILE, planar=1)
    pixels, _ = converted("JPEG-LS", native)
    assert pixels == np.ascontiguousarray(np.moveaxis(padded(native), -1, 1)).tobytes()


def test_black_where_ybr_is_kept() -> None:
    native = replace(TILE, interpretation="YBR_FULL")
    assert converted("JPEG", native, keep_ybr=True)[0] == padded(native, black=[0, 128, 128]).tobytes()
    assert converted("JPEG-LS", native)[0] == padded(native, black=[0, 128, 128]).tobytes()
    pixels, _ = converted("JPEG", native)
    frames = np.frombuffer(pixels, "u1").reshape(4, 32, 48, 3)
    assert not frames[1, :, 17:].any()
    assert not frames[2, 13:].any()


def test_tiles_that_are_coded_in_different_ways() -> None:
    first, second = tiles()[:2]
    grey = bytes(ic.jpegls_encode(np.ascontiguousarray(second[..., 0])))
    data = encapsulated_data_set(replace(TILE, frames=2), [b"", bytes(ic.jpegls_encode(first)), grey])
    result = convert_data_set(
        BytesSource(data), transfer_syntax(TS + "4.80"), transfer_syntax(NATIVE[0]), dictionary=default_dictionary
    )
    with pytest.raises(TranscodeError):
        result.decode()
