"""Damaged frames: an error or a picture, never anything else, and an error wherever DCMTK has one."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import TranscodeError
from support.compressed_files import (
    COLOUR,
    GREY,
    GREY_12,
    Native,
    Stream,
    encapsulated_data_set,
    encoded_file,
    with_fragments,
)
from support.converting import converted
from support.corpus import NATIVE
from support.delivery import dcmtk_dcmsend, deliver

ic = pytest.importorskip("imagecodecs")

TS = "1.2.840.10008.1.2."


def deflated(frame: np.ndarray) -> bytes:
    squeezer = zlib.compressobj(wbits=-15)
    return squeezer.compress(frame.tobytes()) + squeezer.flush()


def rle(frame: np.ndarray) -> bytes:
    samples = frame.reshape(*frame.shape[:2], -1)
    planes = []
    for sample in range(samples.shape[2]):
        plane = np.ascontiguousarray(samples[..., sample])
        octets = plane.view("u1").reshape(-1, plane.itemsize)
        planes += [octets[:, byte].tobytes() for byte in range(plane.itemsize)[::-1]]
    segments = [ic.packbits_encode(plane) for plane in planes]
    offsets = np.cumsum([64, *(len(segment) for segment in segments)])[:-1]
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(offsets)] = len(segments), offsets
    return header.tobytes() + b"".join(segments)


Encoder = Callable[[np.ndarray], bytes]
STREAMS: dict[str, tuple[str, Native, Encoder]] = {
    "JPEG baseline": ("4.50", GREY, lambda frame: ic.jpeg8_encode(frame, level=90)),
    "JPEG baseline, colour": ("4.50", COLOUR, lambda frame: ic.jpeg8_encode(frame, level=90)),
    "JPEG extended": ("4.51", GREY_12, lambda frame: ic.jpeg8_encode(frame, level=90, bitspersample=12)),
    "JPEG lossless": ("4.70", GREY_12, lambda frame: ic.jpeg8_encode(frame, lossless=True, bitspersample=12)),
    "JPEG-LS": ("4.80", GREY_12, ic.jpegls_encode),
    "JPEG-LS, colour": ("4.80", COLOUR, ic.jpegls_encode),
    "JPEG-LS near-lossless": ("4.81", GREY, lambda frame: ic.jpegls_encode(frame, level=2)),
    "RLE": ("5", GREY_12, rle),
    "RLE, colour": ("5", COLOUR, rle),
    "JPEG 2000": ("4.90", GREY_12, lambda frame: ic.jpeg2k_encode(frame, codecformat="j2k", reversible=True, level=0)),
    "JPEG 2000, lossy": ("4.91", COLOUR, lambda frame: ic.jpeg2k_encode(frame, codecformat="j2k", level=60)),
    "HTJ2K": ("4.201", GREY_12, lambda frame: ic.htj2k_encode(frame, reversible=True)),
    "JPEG XL": ("4.110", GREY, lambda frame: ic.jpegxl_encode(frame, lossless=True)),
    "Deflated Image Frame": ("8.1", GREY_12, deflated),
}
every_stream = pytest.mark.parametrize("name", STREAMS)


@cache
def stream(name: str) -> bytes:
    """One compressed frame."""
    _, native, encode = STREAMS[name]
    return bytes(encode(np.ascontiguousarray(np.moveaxis(native.pixels()[0], 0, -1)).squeeze()))


def decoded(name: str, frame: bytes) -> bytes | None:
    """The converted data set with this frame, None if it is refused; any other exception fails the test."""
    suffix, native, _ = STREAMS[name]
    try:
        return converted(encapsulated_data_set(native, [b"", frame]), TS + suffix, NATIVE[0])
    except TranscodeError:
        return None


@every_stream
def test_a_frame_that_is_cut_off_is_refused(name: str) -> None:
    """At every byte near its ends, at some between; what is missing may only be padding."""
    frame = stream(name)
    complete = decoded(name, frame)
    assert complete is not None
    ends = [end for end in range(len(frame)) if end < 100 or end > len(frame) - 100 or end % 13 == 0]
    assert [end for end in ends if decoded(name, frame[:end]) not in (None, complete)] == []
    assert decoded(name, frame[: len(frame) // 2]) is None


@every_stream
def test_bits_that_are_turned(name: str) -> None:
    frame = stream(name)
    for number in range(300):
        choice = random.Random(number)
        damaged = bytearray(frame)
        for _ in range(choice.choice((1, 1, 2, 10))):
            position = choice.randrange(len(frame) if choice.random() < 0.7 else min(80, len(frame)))
            damaged[position] ^= 1 << choice.randrange(8)
        decoded(name, bytes(damaged))


@every_stream
def test_parts_that_are_lost_doubled_or_zero(name: str) -> None:
    frame = stream(name)
    for number in range(150):
        choice = random.Random(number)
        start = choice.randrange(len(frame))
        part = slice(start, start + choice.randrange(1, 40))
        damaged = bytearray(frame)
        damaged[part] = choice.choice((b"", bytes(len(frame[part])), 2 * frame[part], b"\xff" * 20))
        decoded(name, bytes(damaged))


@every_stream
@given(frame=st.binary(max_size=300))
@settings(max_examples=40, deadline=None)
def test_any_bytes(name: str, frame: bytes) -> None:
    decoded(name, frame)
    decoded(name, stream(name)[:24] + frame)


# -- DCMTK as the judge

ENCODERS: dict[str, tuple[Native, tuple[str, ...]]] = {
    "baseline": (GREY, ("dcmcjpeg", "+eb")), "baseline colour": (COLOUR, ("dcmcjpeg", "+eb")),
    "extended": (GREY_12, ("dcmcjpeg", "+ee", "+bt")), "progressive": (GREY, ("dcmcjpeg", "+ep")),
    "spectral": (GREY_12, ("dcmcjpeg", "+es", "+bt")), "lossless 12": (GREY_12, ("dcmcjpeg", "+e1")),
    "lossless 8": (GREY, ("dcmcjpeg", "+e1")), "lossless colour": (COLOUR, ("dcmcjpeg", "+el")),
    "JPEG-LS": (GREY_12, ("dcmcjpls",)), "JPEG-LS colour": (COLOUR, ("dcmcjpls",)),
    "near-lossless": (GREY, ("dcmcjpls", "+en")), "RLE": (GREY_12, ("dcmcrle",)), "RLE colour": (COLOUR, ("dcmcrle",)),
}
LOSSLESS = {"lossless 12", "lossless 8", "lossless colour", "JPEG-LS", "JPEG-LS colour", "RLE", "RLE colour"}
TEMPORARY = b"\xff\x01"
"""A marker at which DCMTK's search for the frame header never gets on."""


def damage(frame: bytes, choice: random.Random) -> bytes:
    while True:
        damaged = bytearray(frame)
        start = choice.randrange(min(200, len(frame)) if choice.random() < 0.4 else len(frame))
        kind = choice.randrange(5)
        if kind == 0:
            del damaged[start:]
        elif kind == 1:
            damaged[start] ^= 1 << choice.randrange(8)
        elif kind == 2:
            damaged[start : start + 8] = bytes(len(frame[start : start + 8]))
        elif kind == 3:
            del damaged[start : start + choice.randrange(1, 20)]
        else:
            damaged[start:start] = frame[start : start + choice.randrange(1, 20)]
        if TEMPORARY not in damaged[:700]:
            return bytes(damaged)


@pytest.mark.peer("dcmtk", "dcmtk-dcmsend")
@pytest.mark.parametrize("seed", range(3))
def test_what_dcmtk_refuses_is_refused(seed: int, dcmsend: str, tmp_path: Path) -> None:
    """And where both deliver a damaged lossless frame they deliver the same."""
    choice = random.Random(seed)
    files: dict[str, tuple[str, Path]] = {}
    for name, (native, encoder) in ENCODERS.items():
        whole = encoded_file(tmp_path, Stream(name, native, encoder), "1.2.3.1000").read_bytes()
        for _ in range(25):
            uid = f"1.2.3.{1001 + len(files)}"
            path = tmp_path / f"{uid}.dcm"
            content = with_fragments(whole, lambda items: [items[0], damage(items[1], choice)])
            path.write_bytes(content.replace(b"1.2.3.1000", uid.encode()))
            files[uid] = name, path
    paths = [path for _, path in files.values()]
    theirs = deliver(dcmtk_dcmsend(), tmp_path, paths, NATIVE[0], received="theirs").data_sets
    ours = deliver(dcmsend, tmp_path, paths, NATIVE[0], received="ours").data_sets
    assert len(theirs) > 100
    assert {uid: files[uid][0] for uid in ours.keys() - theirs.keys()} == {}
    assert {uid: files[uid][0] for uid in ours if files[uid][0] in LOSSLESS and ours[uid] != theirs[uid]} == {}
