"""Run lengths: with the package and without it the same, and as DCMTK where streams are odd."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.errors import TranscodeError
from dcmsend.transcode.codec import Image
from dcmsend.transcode.codecs import rle

PLANES = [b"\x01" * 6, b"\x02" * 6, b"\x03" * 6, b"\x04" * 6, b"\x05" * 6, b"\x06" * 6]


def image(samples: int = 1, allocated: int = 8, planar: int | None = None, rows: int = 2, columns: int = 3) -> Image:
    return Image(rows, columns, samples, allocated, allocated, allocated - 1, False, "", planar, "")


def packed(data: bytes) -> bytes:
    """Literals and runs, as they come."""
    out, position = b"", 0
    while position < len(data):
        run = 1
        while run < 128 and data[position : position + run + 1] == data[position : position + 1] * (run + 1):
            run += 1
        if run > 1:
            out += bytes([257 - run, data[position]])
        else:
            out += bytes([0, data[position]])
        position += run
    return out


def framed(*segments: bytes) -> bytes:
    offsets, offset = [], 64
    for segment in segments:
        offsets.append(offset)
        offset += len(segment)
    return struct.pack(f"<{1 + len(segments)}L", len(segments), *offsets).ljust(64, b"\0") + b"".join(segments)


@pytest.fixture(params=["imagecodecs", "Python"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "Python":
        monkeypatch.setattr(rle, "_fast_functions", lambda: None)
    else:
        pytest.importorskip("imagecodecs")
    return str(request.param)


def decoded(frame: bytes, of: Image) -> bytes:
    decoder = rle.RleDecoder(of)
    decoder.verify(frame)
    target = memoryview(bytearray(b"\xee" * (decoder.native.frame_bits(of) // 8)))
    decoder.decode(frame, target)
    return bytes(target)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (image(), "01" * 6), (image(allocated=16), "0201" * 6), (image(allocated=32), "04030201" * 6),
        (image(allocated=24), "030201" * 6),
        (image(samples=3, planar=0), "010203" * 6), (image(samples=3, planar=1), "01" * 6 + "02" * 6 + "03" * 6),
        (image(samples=3, allocated=16, planar=0), "020104030605" * 6),
        (image(samples=3, allocated=16, planar=1), "0201" * 6 + "0403" * 6 + "0605" * 6),
    ],
    ids=str,
)
def test_order_of_bytes_and_samples(way: str, of: Image, expected: str) -> None:
    count = of.samples * of.bits_allocated // 8
    assert decoded(framed(*map(packed, PLANES[:count])), of) == bytes.fromhex(expected)


@pytest.mark.parametrize("rest", [b"", b"\0", b"\x80", b"\x80\x80", b"\x05ab", b"\x01ab"])
def test_what_stands_behind_a_full_segment(way: str, rest: bytes) -> None:
    """Padding and less than a line of anything: DCMTK ignores it."""
    assert decoded(framed(packed(PLANES[0]) + rest), image()) == PLANES[0]


@pytest.mark.parametrize(
    "segment", [b"", b"\xfc\x01", packed(b"\x01" * 5), packed(b"\x01" * 9), b"\x05\x01\x01\x01", packed(b"\x01" * 100)]
)
def test_too_few_or_too_many_pixels(way: str, segment: bytes) -> None:
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        decoded(framed(segment), image())


@pytest.mark.parametrize("frame", [b"", bytes(63), bytes(64), framed(b"", b""), framed(*[b""] * 15)])
def test_impossible_headers(way: str, frame: bytes) -> None:
    with pytest.raises(TranscodeError) as error:
        decoded(frame, image())
    assert error.value.remark


@given(st.binary(min_size=1, max_size=400))
def test_what_was_packed_is_unpacked(data: bytes) -> None:
    assert rle.unpack_bits(packed(data), len(data)) == data
    codecs = pytest.importorskip("imagecodecs")
    assert rle.unpack_bits(codecs.packbits_encode(data), len(data)) == data


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_packets_give_no_more_than_asked_for(data: bytes, size: int) -> None:
    assert len(rle.unpack_bits(data, size)) <= size


def test_both_ways_give_the_same_for_a_picture() -> None:
    codecs = pytest.importorskip("imagecodecs")
    pixels = np.random.default_rng(4).integers(0, 50, (40, 50, 3)).astype("<u2")
    planes = [pixels[..., sample] >> shift & 0xFF for sample in range(3) for shift in (8, 0)]
    frame = framed(*(codecs.packbits_encode(plane.astype("u1").tobytes()) for plane in planes))
    of = image(samples=3, allocated=16, planar=0, rows=40, columns=50)
    fast = decoded(frame, of)
    slow = rle.RleDecoder(of)
    slow._unpack, slow._spread = rle._unpack_all, rle._spread
    target = memoryview(bytearray(len(fast)))
    slow.decode(frame, target)
    assert bytes(target) == fast == pixels.tobytes()


def test_beginnings_of_frames_are_known() -> None:
    of = image(allocated=16)
    frame = framed(packed(PLANES[0]), packed(PLANES[1]))
    assert rle.starts_frame(frame[:64], of)
    assert not rle.starts_frame(frame[:63], of)
    assert not rle.starts_frame(frame[64:].ljust(64, b"\0"), of)
    assert not rle.starts_frame(frame[:64], image())
    noise = random.Random(5)
    assert not any(rle.starts_frame(noise.randbytes(64), of) for _ in range(1000))


@pytest.mark.parametrize(
    ("segment", "is_cheap"), [(b"\x81\1" * 40, True), (b"\xff\1" * 40, False), (b"\0\1" * 9, False)]
)
def test_long_packets_are_verified_and_short_ones_kept(segment: bytes, is_cheap: bool) -> None:
    decoder = rle.RleDecoder(image(rows=64, columns=80))
    assert decoder.verifies_cheaply(framed(segment)) is is_cheap


@given(st.binary(max_size=200))
def test_the_look_at_the_packets_is_no_judgement(frame: bytes) -> None:
    """What is wrong is told by ``verify``."""
    for of in (image(), image(samples=3, planar=0)):
        rle.RleDecoder(of).verifies_cheaply(frame)
        rle.RleDecoder(of).verifies_cheaply(framed(b"")[:64] + frame)
