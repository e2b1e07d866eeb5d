"""Data sets made to harm: each is refused for itself, in no time and with little memory."""

from __future__ import annotations

import contextlib
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.errors import TranscodeError
from support.compressed_files import Native, encapsulated_data_set
from support.converting import converted
from support.corpus import NATIVE
from support.data_set_bytes import Element

ic = pytest.importorskip("imagecodecs")

TS = "1.2.840.10008.1.2."
ROWS, COLUMNS, FRAMES, ALLOCATED = 0x00280010, 0x00280011, 0x00280008, 0x00280100


def memory(key: str) -> int:
    """Bytes of a line of this process's status."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


@pytest.fixture(autouse=True)
def modest() -> Iterator[None]:
    """The processor time stays small, and so does the memory, where the system lets us ask for its peak."""
    resets_peak = Path("/proc/self/clear_refs")
    began, before = time.process_time(), 0
    with contextlib.suppress(OSError):
        resets_peak.write_text("5")
        before = memory("VmHWM")
    yield
    assert time.process_time() - began < 5
    if before:
        assert memory("VmHWM") - before < 64 << 20


def refusal(data: bytes, suffix: str) -> str:
    with pytest.raises(TranscodeError) as error:
        converted(data, TS + suffix, NATIVE[0])
    return error.value.detail


def us(value: int) -> tuple[str, tuple[str, int]]:
    return "US", ("H", value)


def frame(suffix: str, native: Native = Native()) -> bytes:  # noqa: B008 (it is frozen)
    pixels = native.pixels()[0, 0]
    if suffix in ("4.50", "4.51"):
        return bytes(ic.jpeg8_encode(pixels, level=90))
    if suffix in ("4.57", "4.70"):
        return bytes(ic.jpeg8_encode(pixels, lossless=True))
    if suffix == "4.80":
        return bytes(ic.jpegls_encode(pixels))
    if suffix == "4.90":
        return bytes(ic.jpeg2k_encode(pixels, codecformat="j2k", reversible=True))
    if suffix == "4.110":
        return bytes(ic.jpegxl_encode(pixels, lossless=True))
    if suffix == "5":
        packed = ic.packbits_encode(pixels.tobytes())
        return struct.pack("<16L", 1, 64, *[0] * 14) + packed
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(pixels.tobytes()) + squeezer.flush()


every_codec = pytest.mark.parametrize("suffix", ["4.50", "4.70", "4.80", "4.90", "4.110", "5", "8.1", "1.98"])


@every_codec
@pytest.mark.parametrize("size", [(65535, 65535), (20000, 20000), (65535, 1)])
def test_sizes_that_the_stream_does_not_have(suffix: str, size: tuple[int, int]) -> None:
    data = encapsulated_data_set(Native(), [b"", frame(suffix)], {ROWS: us(size[0]), COLUMNS: us(size[1])})
    assert refusal(data, suffix)


@pytest.mark.parametrize("suffix", ["4.50", "4.51", "4.70", "4.80"])
@pytest.mark.parametrize("size", [(65535, 65535), (30000, 30000), (65535, 600)])
def test_sizes_that_only_the_headers_have(suffix: str, size: tuple[int, int]) -> None:
    """The frame header agrees with the attributes, and a few bytes follow."""
    stream = frame(suffix)
    marker = {"4.50": b"\xff\xc0", "4.51": b"\xff\xc0", "4.70": b"\xff\xc3", "4.80": b"\xff\xf7"}[suffix]
    start = stream.index(marker) + 5
    stream = stream[:start] + struct.pack(">HH", *size) + stream[start + 4 :]
    data = encapsulated_data_set(Native(), [b"", stream], {ROWS: us(size[0]), COLUMNS: us(size[1])})
    assert refusal(data, suffix)


def resized(suffix: str, rows: int, columns: int) -> bytes:
    """A stream of JPEG-LS, JPEG 2000 or JPEG XL with another size in its header."""
    stream = frame(suffix)
    if suffix == "4.80":
        start = stream.index(b"\xff\xf7") + 5
        data = bytes(65535 // 8)  # each line takes a bit at least
        return stream[:start] + struct.pack(">HH", rows, columns) + stream[start + 4 : -2] + data + stream[-2:]
    if suffix == "4.90":
        size = struct.pack(">2L", columns, rows)
        return stream[:8] + size + stream[16:24] + size + stream[32:]
    bits = int.from_bytes(stream[2:], "little") >> 26  # two sizes of 9 bits, each after a choice of 2, and 4 bits more
    size_bits = 2 << 1 | (rows - 1) << 3 | 2 << 24 | (columns - 1) << 26
    return stream[:2] + (bits << 44 | size_bits).to_bytes(len(stream) + 1, "little")


@pytest.mark.parametrize("suffix", ["4.80", "4.90", "4.110"])
@pytest.mark.parametrize("size", [(30000, 30000), (65535, 1100)])
def test_large_sizes_for_which_a_few_bytes_might_do(suffix: str, size: tuple[int, int]) -> None:
    """A black picture of any size would be as small."""
    stream = resized(suffix, *size)
    data = encapsulated_data_set(Native(), [b"", stream], {ROWS: us(size[0]), COLUMNS: us(size[1])})
    assert "bytes are too few for a frame of" in refusal(data, suffix)


@every_codec
@pytest.mark.parametrize("frames", [2, 1000, 2**31 - 1])
def test_frames_that_are_not_there(suffix: str, frames: int) -> None:
    data = encapsulated_data_set(Native(), [b"", frame(suffix)], {FRAMES: ("IS", str(frames).encode())})
    assert "frames are missing" in refusal(data, suffix)


@pytest.mark.parametrize("suffix", ["4.50", "4.70", "4.80", "4.90", "4.110", "5"])
@pytest.mark.parametrize("frames", [None, b"1 ", b"2 "])
def test_more_frames_than_announced(suffix: str, frames: bytes | None) -> None:
    """DCMTK sends the first ones and forgets the rest."""
    changes: dict[int, tuple[str, object] | None] = {} if frames is None else {FRAMES: ("IS", frames)}
    data = encapsulated_data_set(Native(), [b"", *[frame(suffix)] * 3], changes)
    assert "3 frames where Number of Frames says" in refusal(data, suffix)


@pytest.mark.parametrize("suffix", ["8.1", "1.98"])
@pytest.mark.parametrize("frames", [None, b"1 ", b"0 ", b"x "])
@pytest.mark.parametrize("table", [b"", bytes(12)], ids=["no table", "table"])
def test_more_frames_whose_start_cannot_be_seen(suffix: str, frames: bytes | None, table: bytes) -> None:
    """Fragments of one frame are put together: what is left of them is another frame."""
    changes: dict[int, tuple[str, object] | None] = {} if frames is None else {FRAMES: ("IS", frames)}
    stream = frame(suffix)
    data = encapsulated_data_set(Native(), [table, *[stream + b"\0" * (len(stream) % 2)] * 3], changes)
    assert refusal(data, suffix)


@pytest.mark.parametrize("padding", [b"", b"\0", bytes(3)])
def test_padding_behind_a_deflated_frame_is_no_frame(padding: bytes) -> None:
    stream = frame("8.1") + padding
    half = len(stream) // 2 & -2  # fragments have even lengths
    whole, divided = (
        converted(encapsulated_data_set(Native(), [b"", *parts]), TS + "8.1", NATIVE[0])
        for parts in ([stream], [stream[:half], stream[half:]])
    )
    assert whole == divided


def test_jpeg_xl_in_a_container_and_in_fragments() -> None:
    native = Native()
    stream = bytes(ic.jpegxl_encode(native.pixels()[0, 0], lossless=True, usecontainer=True))
    assert stream.startswith(b"\0\0\0\x0cJXL ")
    whole, divided = (
        converted(encapsulated_data_set(native, [b"", *parts]), TS + "4.110", NATIVE[0])
        for parts in ([stream], [stream[:70], stream[70:80], stream[80:]])
    )
    assert whole == divided
    assert "2 frames where Number of Frames says 1" in refusal(
        encapsulated_data_set(native, [b"", stream, stream]), "4.110"
    )


def test_more_pixels_than_a_value_can_have() -> None:
    stream = frame("4.80")
    start = stream.index(b"\xff\xf7") + 5
    stream = stream[:start] + struct.pack(">HH", 65535, 512) + stream[start + 4 : -2] + bytes(9000) + b"\xff\xd9"
    assert 65535 * 512 * 129 > 1 << 32
    data = encapsulated_data_set(
        Native(), [b"", *[stream] * 129], {ROWS: us(65535), COLUMNS: us(512), FRAMES: ("IS", b"129 ")}
    )
    assert "does not fit" in refusal(data, "4.80")


@pytest.mark.parametrize("size", [100 << 20, 1000])
def test_deflate_bomb(size: int) -> None:
    squeezer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(squeezer.compress(bytes(min(1 << 20, size))) for _ in range(max(1, size >> 20)))
    bomb += squeezer.flush()
    assert "another length" in refusal(encapsulated_data_set(Native(), [b"", bomb]), "8.1")


def test_run_length_bomb() -> None:
    bomb = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\x00" * 500_000
    assert "more than rows x columns" in refusal(encapsulated_data_set(Native(), [b"", bomb]), "5")


@pytest.mark.parametrize("offset", [0, 1, 63, 0xFFFFFFF0, 0x80000000, 10_000])
@pytest.mark.parametrize("segment", [0, 1])
def test_segment_offsets_that_lie(offset: int, segment: int) -> None:
    native = Native(allocated=16, stored=12)
    plane = ic.packbits_encode(bytes(native.rows * native.columns))
    offsets = [64, 64 + len(plane)]
    offsets[segment] = offset
    data = struct.pack("<16L", 2, *offsets, *[0] * 13) + plane + plane
    assert refusal(encapsulated_data_set(native, [b"", data]), "5")


@pytest.mark.parametrize(
    ("changes", "suffix"),
    [
        ({0x00280002: us(0)}, "5"), ({0x00280002: us(16)}, "5"), ({0x00280002: us(2)}, "4.50"), ({ROWS: us(0)}, "4.50"),
        ({COLUMNS: us(0)}, "5"), ({ALLOCATED: us(0)}, "5"), ({ALLOCATED: us(65535)}, "5"), ({ALLOCATED: us(7)}, "1.98"),
        ({0x00280101: us(0)}, "4.80"), ({0x00280101: us(17)}, "4.80"), ({ALLOCATED: us(128)}, "5"),
        ({ALLOCATED: us(32)}, "4.80"), ({ROWS: None}, "4.90"), ({COLUMNS: ("US", b"")}, "4.90"),
    ],
)
def test_impossible_attributes(changes: dict[int, tuple[str, object] | None], suffix: str) -> None:
    assert refusal(encapsulated_data_set(Native(), [b"", frame(suffix)], changes), suffix)


@pytest.mark.parametrize("suffix", ["4.50", "4.70", "4.80", "4.90", "4.110", "5", "8.1"])
@pytest.mark.parametrize("items", [[], [b""], [b"", b""], [b"", b"", b""], [bytes(4), b"\0" * 4]])
def test_no_frames_at_all(suffix: str, items: list[bytes]) -> None:
    refusal(encapsulated_data_set(Native(), items), suffix)


def test_a_large_offset_table_that_lies() -> None:
    table: Element = (0x7FE00001, "OV", bytes(8 * 500_000))
    data = encapsulated_data_set(
        Native(), [bytes(4 * 500_000), frame("4.110")[:50], frame("4.110")[50:], b"x "],
        {FRAMES: ("IS", b"2 "), table[0]: (table[1], table[2])},
    )
    assert "nothing tells where a frame begins" in refusal(data, "4.110")
