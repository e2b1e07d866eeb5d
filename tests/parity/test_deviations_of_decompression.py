"""Where decompression differs from DCMTK's on purpose: what is not whole is not sent, and a little more is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE
from support.compressed_files import (
    COLOUR_16,
    GREY,
    ICON,
    Change,
    Native,
    Stream,
    encapsulated_data_set,
    encoded_file,
    with_attribute,
    with_fragments,
)
from support.corpus import EXPLICIT_LITTLE as EI
from support.data_set_bytes import file_with
from support.fixture_files import read_data_set
from support.peer_script import Accept, Script, prefer
from support.senders import Run

ic = pytest.importorskip("imagecodecs")

pytestmark = pytest.mark.peer("dcmtk", "dcmtk-dcmsend")

TAKES_EXPLICIT = Script(associate=Accept(contexts=prefer(EI)))
FEW = replace(GREY, frames=3)
JPEG, JPEG_LS, RLE = ("dcmcjpeg", "+e1"), ("dcmcjpls",), ("dcmcrle",)
every_encoder = pytest.mark.parametrize("encoder", [JPEG, JPEG_LS, RLE], ids=lambda words: words[0])
Maker = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Makes a compressed file with changed attributes or fragments and gives its name."""

    def make(
        native: Native,
        encoder: tuple[str, ...],
        change: Change | None = None,
        attributes: dict[int, bytes] | None = None,
    ) -> str:
        return str(encoded_file(tmp_path, Stream("", native, encoder, change, attributes or {}), "1.2.3.4"))

    return make


def sent(run: Run) -> list[bytes]:
    return [bytes(store.data_set) for store in run.peer.stores]


def assert_only_dcmtk_sends(duel: Duel, file: str, deviation: str) -> bytes:
    """What DCMTK has sent; ours says that it cannot convert."""
    pair = duel(file, "+dly", peer=TAKES_EXPLICIT)
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, deviation))
    assert pair.theirs.exit_code == 0
    assert pair.ours.exit_code == 62
    assert sent(pair.ours) == []
    assert pair.ours.lines("E")[0].endswith("possible!") or "possible!" in pair.ours.stderr
    (data_set,) = sent(pair.theirs)
    return data_set


@every_encoder
def test_frames_are_missing(duel: Duel, make: Maker, encoder: tuple[str, ...]) -> None:
    data_set = assert_only_dcmtk_sends(duel, make(FEW, encoder, lambda items: items[:-1]), "D51")
    assert read_data_set(data_set, EI).NumberOfFrames == 2


@every_encoder
def test_more_frames_than_the_data_set_says(duel: Duel, make: Maker, encoder: tuple[str, ...]) -> None:
    data_set = assert_only_dcmtk_sends(duel, make(FEW, encoder, None, {0x00280008: b"2 "}), "D51")
    assert len(read_data_set(data_set, EI).PixelData) == 2 * 33 * 47


def test_more_rows_than_the_stream_has(duel: Duel, make: Maker) -> None:
    """JPEG only; DCMTK fills up with zeros."""
    data_set = assert_only_dcmtk_sends(duel, make(GREY, JPEG, None, {0x00280010: struct.pack("<H", 40)}), "D51")
    assert not any(read_data_set(data_set, EI).PixelData[-200:])


@pytest.mark.parametrize("columns", [48, 30], ids=["short", "short and narrow"])
def test_small_tiles_of_a_whole_slide(duel: Duel, tmp_path: Path, columns: int) -> None:
    """DCMTK fills up with zeros too, but puts the rows of a narrow tile behind each other, as if it were not narrow."""
    native = Native(
        rows=32, columns=48, samples=3, frames=2, interpretation="YBR_FULL_422",
        sop_class="1.2.840.10008.5.1.4.1.1.77.1.6",
    )
    pixels = np.ascontiguousarray(np.moveaxis(native.pixels(), 1, -1))
    tile = np.ascontiguousarray(pixels[1, :20, :columns])
    frames = [bytes(ic.jpeg8_encode(each, level=90, subsampling="422")) for each in (pixels[0], tile)]
    file = tmp_path / "slide.dcm"
    file.write_bytes(file_with(encapsulated_data_set(native, [b"", *frames]), "1.2.840.10008.1.2.4.50"))
    pair = duel(str(file), "+dly", peer=TAKES_EXPLICIT)
    pair.assert_same(0, but={"warnings": "D51", **({} if columns == 48 else {"data_sets": "D51"})})
    assert [line for line in pair.ours.lines("W") if "frames" in line] == [
        "W: 1 of 2 frames have fewer rows or columns than the data set says: padded with black"
    ]
    theirs, ours = (
        np.frombuffer(read_data_set(*sent(run), EI).PixelData, "u1").reshape(2, 32, 48, 3) for run in pair
    )
    assert np.array_equal(ours[0], theirs[0])
    assert np.array_equal(ours[1, :20, :columns].reshape(-1), theirs[1].reshape(-1)[: 20 * columns * 3])
    assert not ours[1, 20:].any()
    assert not ours[1, :, columns:].any()


def test_run_lengths_for_fewer_or_more_pixels(duel: Duel, make: Maker) -> None:
    """DCMTK makes pixels up, or forgets some."""
    assert_only_dcmtk_sends(duel, make(GREY, RLE, lambda items: [items[0], items[1][:-200]]), "D51")
    assert_only_dcmtk_sends(duel, make(GREY, RLE, None, {0x00280010: struct.pack("<H", 20)}), "D51")


def test_icon_that_cannot_be_decompressed(duel: Duel, tmp_path: Path) -> None:
    """DCMTK sends nothing then; the picture is worth more than its icon."""
    native = replace(GREY, nested={ICON: Native(rows=7, columns=9)})
    path = encoded_file(tmp_path, Stream("", native, JPEG), "1.2.3.4")
    content = path.read_bytes()
    start = content.index(b"\xff\xd8\xff")  # of the icon, which stands first
    path.write_bytes(content[:start] + b"\0\0" + content[start + 2 :])
    pair = duel(str(path), peer=TAKES_EXPLICIT)
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D52"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    (data_set,) = sent(pair.ours)
    assert "IconImageSequence" not in read_data_set(data_set, EI)
    assert pair.ours.lines("W")[0].startswith("W: Icon Image Sequence is left out")


def test_offset_tables_of_native_pixels(duel: Duel, tmp_path: Path) -> None:
    native = GREY
    frame = ic.packbits_encode(native.pixels().tobytes())
    rle = struct.pack("<16L", 1, 64, *[0] * 14) + frame
    tables = {0x7FE00001: ("OV", bytes(8)), 0x7FE00002: ("OV", struct.pack("<Q", len(rle)))}
    path = tmp_path / "file.dcm"
    path.write_bytes(file_with(encapsulated_data_set(native, [b"", rle], tables), "1.2.840.10008.1.2.5"))
    pair = duel(str(path), peer=TAKES_EXPLICIT)
    pair.assert_same(0, but={"data_sets": "D53", "layout": "D53"})
    theirs, ours = (read_data_set(*sent(run), EI) for run in pair)
    assert "ExtendedOffsetTable" in theirs
    del theirs.ExtendedOffsetTable, theirs.ExtendedOffsetTableLengths
    assert theirs == ours


def test_jpeg_ls_that_dcmtk_does_not_take(duel: Duel, make: Maker, tmp_path: Path) -> None:
    """16-bit colour whose planes follow each other; 8 bits in a stream for 16-bit pixels."""
    grey_16 = Native(allocated=16, stored=8)
    frame = ic.jpegls_encode(grey_16.pixels()[0, 0].astype("u1"))
    narrow = tmp_path / "narrow.dcm"
    narrow.write_bytes(file_with(encapsulated_data_set(grey_16, [b"", frame]), "1.2.840.10008.1.2.4.80"))
    for file, native in (make(COLOUR_16, (*JPEG_LS, "+in")), COLOUR_16), (str(narrow), grey_16):
        pair = duel(file, peer=TAKES_EXPLICIT)
        pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D54"))
        assert (pair.theirs.exit_code, pair.ours.exit_code) == (62, 0)
        (data_set,) = sent(pair.ours)
        pixels = np.frombuffer(read_data_set(data_set, EI).PixelData, "<u2")
        assert np.array_equal(pixels, np.moveaxis(native.pixels(), 1, -1).reshape(-1))


PLANES = Native(samples=3).pixels()[0]
PIXELS = np.ascontiguousarray(np.moveaxis(PLANES, 0, -1))


def run_lengths() -> bytes:
    planes = [ic.packbits_encode(plane.tobytes()) for plane in PLANES]
    planes = [plane + b"\0" * (len(plane) % 2) for plane in planes]
    starts = 64, 64 + len(planes[0]), 64 + len(planes[0]) + len(planes[1])
    return struct.pack("<16L", 3, *starts, *[0] * 12) + b"".join(planes)


FULL = {
    "4.80": lambda: bytes(ic.jpegls_encode(PIXELS)), "5": run_lengths,
    "4.50": lambda: bytes(ic.jpeg8_encode(PIXELS, level=90, subsampling="444")),
}  # fmt: skip
"""A frame of 33 x 47 pixels whose components are of full size, by the end of its transfer syntax."""


def full_file(folder: Path, syntax: str, interpretation: str) -> str:
    data = encapsulated_data_set(Native(samples=3, interpretation=interpretation), [b"", FULL[syntax]()])
    path = folder / f"{interpretation}.dcm"
    path.write_bytes(file_with(data, f"1.2.840.10008.1.2.{syntax}"))
    return str(path)


@pytest.mark.parametrize("syntax", ["4.80", "5"], ids=["JPEG-LS", "RLE"])
def test_full_planes_are_not_subsampled(duel: Duel, tmp_path: Path, syntax: str) -> None:
    """DCMTK leaves Photometric Interpretation as it is; a native YBR_FULL_422 has two samples a pixel."""
    pair = duel(full_file(tmp_path, syntax, "YBR_FULL_422"), peer=TAKES_EXPLICIT)
    pair.assert_same(0, but={"data_sets": "D59", "layout": "D59"})
    theirs, ours = (read_data_set(*sent(run), EI) for run in pair)
    assert (theirs.PhotometricInterpretation, ours.PhotometricInterpretation) == ("YBR_FULL_422", "YBR_FULL")
    assert len(theirs.PixelData) == 33 * 47 * 3 + 1
    del theirs.PhotometricInterpretation, ours.PhotometricInterpretation
    assert theirs == ours


@pytest.mark.parametrize(
    ("syntax", "interpretation"),
    [(syntax, name) for syntax in FULL for name in ("YBR_RCT", "YBR_ICT", "YBR_PARTIAL_420", "YBR_PARTIAL_422")][:-1],
)
def test_colour_that_no_native_pixels_have(duel: Duel, tmp_path: Path, syntax: str, interpretation: str) -> None:
    """In JPEG, YBR_PARTIAL_422 is converted to RGB by both."""
    data_set = assert_only_dcmtk_sends(duel, full_file(tmp_path, syntax, interpretation), "D59")
    assert read_data_set(data_set, EI).PhotometricInterpretation == interpretation


def test_damaged_pixels_of_lossy_jpeg(duel: Duel, make: Maker) -> None:
    """Neither program can know; the pictures that the two libraries make of it need not be the same."""

    def damage(items: list[bytes]) -> list[bytes]:
        scan = items[1].index(b"\xff\xda") + 60
        return [items[0], items[1][:scan] + b"\x12\x34\x56\x78" + items[1][scan + 4 :]]

    pair = duel(make(GREY, ("dcmcjpeg", "+eb"), damage), "+dly", peer=TAKES_EXPLICIT)
    pair.assert_same(0, but={"data_sets": "D55", "warnings": "D55"})


@pytest.mark.parametrize("kind", ["JPEG", "JPEG-LS", "JPEG without its lowest bits"])
def test_lossy_stream_in_a_lossless_syntax(duel: Duel, make: Maker, tmp_path: Path, kind: str) -> None:
    pixels = GREY.pixels()[0, 0]
    if kind == "JPEG without its lowest bits":
        file = make(GREY, ("dcmcjpeg", "+el", "+pt", "2"))
    else:
        frame = bytes(ic.jpegls_encode(pixels, level=3) if kind == "JPEG-LS" else ic.jpeg8_encode(pixels, level=90))
        file = str(tmp_path / "file.dcm")
        syntax = "1.2.840.10008.1.2.4.80" if kind == "JPEG-LS" else "1.2.840.10008.1.2.4.70"
        Path(file).write_bytes(file_with(encapsulated_data_set(GREY, [b"", frame]), syntax))
    pair = duel(file, peer=TAKES_EXPLICIT)
    pair.assert_same(0, but=dict.fromkeys(("data_sets", "layout", "warnings", "report.Dataset Size"), "D68"))
    theirs, ours = (read_data_set(*sent(run), EI) for run in pair)
    assert ours.PixelData == theirs.PixelData
    assert ours.LossyImageCompression == "01"
    assert "LossyImageCompression" not in theirs
    assert any("lossy" in line for line in pair.ours.lines("W"))


def test_jpeg_whose_sign_is_in_none_of_its_bits(duel: Duel, tmp_path: Path) -> None:
    native = Native(allocated=16, stored=16, signed=True)
    values = np.full((native.rows, native.columns), 3000, "u2")
    frame = bytes(ic.jpeg8_encode(values, lossless=True, bitspersample=12))
    file = tmp_path / "file.dcm"
    file.write_bytes(file_with(encapsulated_data_set(native, [b"", frame]), "1.2.840.10008.1.2.4.70"))
    theirs = read_data_set(assert_only_dcmtk_sends(duel, str(file), "D69"), EI)
    assert (theirs.BitsStored, theirs.PixelRepresentation) == (12, 1)
    assert set(np.frombuffer(theirs.PixelData, "<u2")) == {3000}  # which is -1096 in 12 bits with a sign


def test_marker_at_which_dcmtk_stands_still(duel: Duel, make: Maker) -> None:
    """A temporary marker (TEM) before the frame header: DCMTK looks at it for ever."""
    file = make(GREY, JPEG, lambda items: [items[0], items[1][:2] + b"\xff\x01" + items[1][2:]])
    run = duel.ours(file, peer=TAKES_EXPLICIT)
    assert run.exit_code in (0, 62)
    assert run.seconds < 30


def test_attributes_are_changed_where_they_are(tmp_path: Path) -> None:
    """The helper of these tests changes what it should."""
    path = encoded_file(tmp_path, Stream("", FEW, RLE), "1.2.3.4")
    content = path.read_bytes()
    assert with_attribute(content, 0x00280008, b"2 ") != content
    assert with_fragments(content, lambda items: items) == content
