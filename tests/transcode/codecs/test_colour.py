"""Colour models: what is converted, and what --keep-ybr leaves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from dcmsend.errors import TranscodeError
from dcmsend.transcode.codecs.ybr import convert_to_rgb
from support.compressed_files import COLOURS, Native, Stream, encapsulated_data_set, encoded_file
from support.converting import converted
from support.corpus import NATIVE
from support.delivery import deliver
from support.part10 import read_part10
from support.programs import dcmtk_program

ic = pytest.importorskip("imagecodecs")

EXPLICIT = NATIVE[0]
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
YBR = ("ybr", "ybr 12", "ybr 16", "ybr planes", "ultrasound ybr", "ultrasound ybr planes")


@pytest.mark.peer("dcmtk", "dcmtk-dcmsend")
def test_keep_ybr(dcmsend: str, tmp_path: Path) -> None:
    """Lossless JPEG as DCMTK's dcmdjpeg decodes it when it is told to convert nothing; lossy JPEG as always."""
    files, expected = [], {}
    dcmdjpeg = dcmtk_program("dcmdjpeg")
    assert dcmdjpeg is not None
    for number, name in enumerate(YBR):
        uid = f"1.2.3.{number}"
        files.append(encoded_file(tmp_path, Stream(name, COLOURS[name], ("dcmcjpeg", "+e1")), uid))
        plain = tmp_path / f"{uid}.plain"
        subprocess.run([dcmdjpeg, "-p", "+cn", files[-1], plain], check=True, capture_output=True)
        expected[uid] = EXPLICIT, plain.read_bytes()[read_part10(plain).data_set_offset :]
    lossy = encoded_file(tmp_path, Stream("lossy", COLOURS["colour"], ("dcmcjpeg", "+eb")), "1.2.3.99")
    plain = tmp_path / "lossy.plain"
    subprocess.run([dcmdjpeg, "-p", lossy, plain], check=True, capture_output=True)
    expected["1.2.3.99"] = EXPLICIT, plain.read_bytes()[read_part10(plain).data_set_offset :]
    done = deliver(dcmsend, tmp_path, [*files, lossy], EXPLICIT, "--keep-ybr")
    assert {uid for uid in expected if done.data_sets.get(uid) != expected[uid]} == set(), done.stderr
    assert b"YBR_FULL" in done.data_sets["1.2.3.0"][1]
    assert b"YBR_FULL" not in deliver(dcmsend, tmp_path, files, EXPLICIT, received="rgb").data_sets["1.2.3.0"][1]


def test_signed_ybr_is_refused() -> None:
    native = Native(samples=3, interpretation="YBR_FULL", signed=True)
    frame = ic.jpeg8_encode(native.pixels()[0].transpose(1, 2, 0).view("u1").copy(), lossless=True, colorspace="RGB",
                            outcolorspace="RGB")
    data = encapsulated_data_set(native, [b"", bytes(frame)])
    with pytest.raises(TranscodeError, match="Codec does not support this kind of color conversion"):
        converted(data, JPEG_LOSSLESS, EXPLICIT)
    assert converted(data, JPEG_LOSSLESS, EXPLICIT, keep_ybr=True)


def test_the_markers_of_a_stream_say_nothing_about_its_colour() -> None:
    """The same samples once with the marker for RGB, once with that for YCbCr, once with none; DCMTK does not look."""
    native = Native(rows=16, columns=16, samples=3, interpretation="YBR_FULL")
    pixels = np.ascontiguousarray(native.pixels()[0].transpose(1, 2, 0))
    stream = bytes(ic.jpeg8_encode(pixels, level=95, colorspace="RGB", outcolorspace="RGB"))
    start = stream.index(b"\xff\xee")
    bare = stream[:start] + stream[start + 16 :]
    jfif = bare[:2] + b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bare[2:]
    values = {
        converted(encapsulated_data_set(native, [b"", each]), "1.2.840.10008.1.2.4.50", EXPLICIT)
        for each in (stream, bare, jfif)
    }
    assert len(values) == 1


@pytest.mark.parametrize("precision", [8, 12])
def test_every_combination_of_the_tables(precision: int) -> None:
    """Against the sum in floating point numbers: never off by more than rounding."""
    random = np.random.default_rng(3)
    largest = (1 << precision) - 1
    pixels = random.integers(0, largest + 1, (300, 400, 3)).astype("u1" if precision == 8 else "u2")
    y, cb, cr = (pixels[..., index].astype(float) for index in range(3))
    middle = (largest + 1) // 2
    cb, cr = cb - middle, cr - middle
    expected = np.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), axis=-1)
    converted_pixels = pixels.copy()
    convert_to_rgb(converted_pixels, precision)
    assert np.abs(converted_pixels - np.clip(expected, 0, largest)).max() <= 1
