"""What changes in the data set beside the pixels, and what does not."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import TranscodeError
from dcmsend.transcode import ConvertedDataSet, convert_data_set
from support.compressed_files import Native, encapsulated_data_set
from support.converting import converted
from support.corpus import NATIVE
from support.data_set_bytes import EXPLICIT_LITTLE, Element, Fragments
from support.fixture_files import read_data_set

EXPLICIT = NATIVE[0]
RLE = "1.2.840.10008.1.2.5"
ICON, REFERENCED, PIXEL_DATA = 0x00880200, 0x00082112, 0x7FE00010
every_target = pytest.mark.parametrize("target", NATIVE)


def rle(pixels: bytes) -> bytes:
    """One segment of literals."""
    literals = [pixels[at : at + 128] for at in range(0, len(pixels), 128)]
    packets = b"".join(bytes([len(part) - 1]) + part for part in literals)
    return struct.pack("<16L", 1, 64, *[0] * 14) + packets


SMALL = Native(rows=4, columns=4)
SMALL_PIXELS = SMALL.pixels().tobytes()
NESTED = [element for element in SMALL.elements("") if element[0] != PIXEL_DATA]


def compressed(changes: dict[int, tuple[str, object] | None] | None = None, frames: int = 0) -> bytes:
    native = Native(frames=frames)
    pixels = native.pixels().tobytes()
    size = native.rows * native.columns
    items = [rle(pixels[at : at + size]) for at in range(0, len(pixels), size)]
    return encapsulated_data_set(native, [b"", *items], changes)


def planned(data: bytes, source: str = RLE, **options: bool) -> ConvertedDataSet:
    return convert_data_set(
        BytesSource(data), transfer_syntax(source), transfer_syntax(EXPLICIT), dictionary=default_dictionary, **options
    )


def result_of(data: bytes, target: str = EXPLICIT) -> Dataset:
    return read_data_set(converted(data, RLE, target), target)


def nested_in(tag: int, pixel_data: Element) -> dict[int, tuple[str, object] | None]:
    return {tag: ("SQ", [[*NESTED, pixel_data]])}


@every_target
def test_everything_else_stays(target: str) -> None:
    before = read_data_set(compressed(frames=3), EXPLICIT)
    after = result_of(compressed(frames=3), target)
    del before.PixelData, after.PixelData
    assert before == after


@pytest.mark.parametrize("value", [b"1 ", b"1", b" 1", b"01", b"+1", b"0 ", b"-3", b"x ", b"", b"1\\7 "])
def test_number_of_frames(value: bytes) -> None:
    """What is no number stays, as in DCMTK; anything below 1 means 1."""
    after = converted(compressed({0x00280008: ("IS", value)}), RLE, EXPLICIT)
    start = after.index(b"\x28\x00\x08\x00IS")
    length = int.from_bytes(after[start + 6 : start + 8], "little")
    expected = value if value in (b"x ", b"") else b"1 "
    assert after[start + 8 : start + 8 + length] == expected


@pytest.mark.parametrize("value", ["00", "01", None])
def test_lossy_flag_of_lossless_syntaxes_is_left_alone(value: str | None) -> None:
    changes = {} if value is None else {0x00282110: ("CS", value.encode())}
    assert result_of(compressed(changes)).get("LossyImageCompression") == value


def without_the_lowest_bit(stream: bytes) -> bytes:
    """Lossless JPEG whose scan says that samples were halved before (its point transform)."""
    scan = stream.index(b"\xff\xda")
    last = scan + 2 + int.from_bytes(stream[scan + 2 : scan + 4], "big") - 1
    assert stream[last] == 0
    return stream[:last] + b"\1" + stream[last + 1 :]


@pytest.mark.parametrize("value", ["00", None])
def test_lossy_streams_in_lossless_syntaxes_are_told(value: str | None) -> None:
    """After decompression nothing else would show that something was lost."""
    ic = pytest.importorskip("imagecodecs")
    native = Native()
    pixels = native.pixels()[0, 0]
    colour = Native(samples=3)
    rgb = np.ascontiguousarray(np.moveaxis(colour.pixels()[0], 0, -1))
    changes = {} if value is None else {0x00282110: ("CS", value.encode())}
    for suffix, image, frame in (
        ("4.70", native, ic.jpeg8_encode(pixels, level=90)),
        ("4.57", native, ic.jpeg8_encode(pixels, level=90)),
        ("4.70", native, without_the_lowest_bit(ic.jpeg8_encode(pixels, lossless=True))),
        ("4.80", native, ic.jpegls_encode(pixels, level=3)),
        ("4.90", native, ic.jpeg2k_encode(pixels, codecformat="j2k", reversible=False, level=60)),
        ("4.110", native, ic.jpegxl_encode(pixels, distance=2.0)),
        ("4.110", native, ic.jpegxl_encode_jpeg(ic.jpeg8_encode(pixels, level=90))),
        ("4.110", colour, ic.jpegxl_encode_jpeg(ic.jpeg8_encode(rgb, level=90))),
    ):
        uid = "1.2.840.10008.1.2." + suffix
        data = encapsulated_data_set(image, [b"", bytes(frame)], changes)
        assert read_data_set(converted(data, uid, EXPLICIT), EXPLICIT).get("LossyImageCompression") == "01", suffix
        (note,) = planned(data, uid).notes
        assert note[0] == "W"
        assert "lossy" in note[1]


@pytest.mark.parametrize("suffix", ["4.70", "4.80"])
def test_lossless_and_lossy_frames_are_not_mixed(suffix: str) -> None:
    ic = pytest.importorskip("imagecodecs")
    native = Native(frames=2)
    first, second = native.pixels()[:, 0]
    encode = ic.jpegls_encode if suffix == "4.80" else ic.jpeg8_encode
    lossless = {} if suffix == "4.80" else {"lossless": True}
    frames = [b"", bytes(encode(first, **lossless)), bytes(encode(second, level=3 if suffix == "4.80" else 90))]
    with pytest.raises(TranscodeError) as error:
        converted(encapsulated_data_set(native, frames), "1.2.840.10008.1.2." + suffix, EXPLICIT)
    assert "frame 2" in error.value.detail
    assert "lossy" in error.value.detail


@pytest.mark.parametrize("suffix", ["4.57", "4.70", "4.80", "4.90", "4.201", "4.110"])
def test_lossless_streams_are_not_called_lossy(suffix: str) -> None:
    ic = pytest.importorskip("imagecodecs")
    native = Native()
    pixels = native.pixels()[0, 0]
    encode = {
        "4.57": lambda: ic.jpeg8_encode(pixels, lossless=True), "4.70": lambda: ic.jpeg8_encode(pixels, lossless=True),
        "4.80": lambda: ic.jpegls_encode(pixels), "4.201": lambda: ic.htj2k_encode(pixels, reversible=True),
        "4.90": lambda: ic.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0),
        "4.110": lambda: ic.jpegxl_encode(pixels, lossless=True),
    }[suffix]
    data, uid = encapsulated_data_set(native, [b"", bytes(encode())]), "1.2.840.10008.1.2." + suffix
    assert "LossyImageCompression" not in read_data_set(converted(data, uid, EXPLICIT), EXPLICIT)
    assert planned(data, uid).notes == ()


def test_offset_tables_are_gone() -> None:
    """DCMTK leaves them in, where they make no sense."""
    tables = {
        0x7FE00001: ("OV", bytes(8)), 0x7FE00002: ("OV", bytes(8)), 0x7FE00003: ("UV", bytes(8)),
        0x7FE00000: ("UL", struct.pack("<L", 99)),
    }
    data = converted(compressed(tables), RLE, EXPLICIT)
    after = read_data_set(data, EXPLICIT)
    assert [element.tag for element in after if element.tag.group == 0x7FE0] == [0x7FE00000, PIXEL_DATA]
    start = data.index(b"\xe0\x7f\x00\x00UL\x04\x00")
    assert struct.unpack_from("<L", data, start + 8) == (len(data) - start - 12,)


@every_target
def test_icon_is_decompressed(target: str) -> None:
    changes = nested_in(ICON, (PIXEL_DATA, "OB", Fragments([b"", rle(SMALL_PIXELS)])))
    after = result_of(compressed(changes), target)
    value = after.IconImageSequence[0].PixelData
    if target == NATIVE[1]:
        value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
    assert value == SMALL_PIXELS


def test_native_icon_stays() -> None:
    changes = nested_in(ICON, (PIXEL_DATA, "OB", SMALL_PIXELS))
    after = result_of(compressed(changes))
    assert after.IconImageSequence[0].PixelData == SMALL_PIXELS
    assert after.IconImageSequence[0]["PixelData"].VR == "OB"


@pytest.mark.parametrize("frame", [b"", b"x" * 80, rle(SMALL_PIXELS)[:70]])
def test_icon_that_cannot_be_decompressed_is_left_out(frame: bytes) -> None:
    """DCMTK does not send such an instance; a broken icon is not worth the picture."""
    result = planned(compressed(nested_in(ICON, (PIXEL_DATA, "OB", Fragments([b"", frame])))))
    result.decode()
    after = read_data_set(b"".join(result.chunks()), EXPLICIT)
    assert "IconImageSequence" not in after
    assert "PixelData" in after
    ((level, text),) = result.notes
    assert level == "W"
    assert text.startswith("Icon Image Sequence is left out")


def test_icons_are_bounded() -> None:
    """16 MiB of icons together."""
    large = Native(rows=2048, columns=2048)
    elements = [element for element in large.elements("") if element[0] != PIXEL_DATA]
    frame = rle(large.pixels().tobytes())
    icons = [[*elements, (PIXEL_DATA, "OB", Fragments([b"", frame]))]] * 5
    result = planned(compressed({ICON: ("SQ", icons)}))
    ((_, text),) = result.notes
    assert text == "Icon Image Sequence is left out, it cannot be decompressed: too large"


def test_other_nested_pixel_data_that_cannot_be_decompressed() -> None:
    with pytest.raises(TranscodeError):
        planned(compressed(nested_in(REFERENCED, (PIXEL_DATA, "OB", Fragments([b"", b"x" * 80]))))).decode()


def test_an_icon_that_is_left_out_may_hold_another() -> None:
    inner = [*NESTED, (PIXEL_DATA, "OB", Fragments([b"", b"x" * 80]))]
    outer = [*NESTED, (ICON, "SQ", [inner]), (PIXEL_DATA, "OB", Fragments([b"", b"x" * 80]))]
    after = result_of(compressed({ICON: ("SQ", [sorted(outer, key=lambda element: element[0])])}))
    assert "IconImageSequence" not in after


@pytest.mark.parametrize("tag", [0x7FE00008, 0x7FE00009])
def test_floating_point_pixels_are_not_converted(tag: int) -> None:
    with pytest.raises(TranscodeError) as error:
        planned(compressed({tag: ("OF" if tag == 0x7FE00008 else "OD", bytes(16))}))
    assert error.value.condition == "Pixel representation cannot be changed"


def test_pixels_that_are_somewhere_else_are_not_converted() -> None:
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        planned(compressed({0x00287FE0: ("UR", b"http://x")}))


def test_nothing_to_decompress() -> None:
    result = planned(compressed({PIXEL_DATA: ("OW", b"")}).removesuffix(b"\xe0\x7f\x10\x00OW" + bytes(6)))
    assert result.notes == (("W", "DcmDataset: No pixel data present, nothing to decompress"),)


def test_of_two_pixel_data_the_first_counts() -> None:
    data = compressed()
    second = EXPLICIT_LITTLE.encode([(PIXEL_DATA, "OB", Fragments([b"", b"x" * 80]))])
    assert converted(data + second, RLE, EXPLICIT) == converted(data, RLE, EXPLICIT)


def test_fragments_in_another_element() -> None:
    data = compressed() + b"\xf0\x7f\x10\x00px\0\0\xff\xff\xff\xff" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        planned(data)


def test_deflated_is_made_from_compressed_pixels() -> None:
    from zlib import decompress

    deflated = converted(compressed(), RLE, "1.2.840.10008.1.2.1.99")
    assert decompress(deflated, -15) == converted(compressed(), RLE, EXPLICIT)


def test_the_pixels_can_be_read_twice() -> None:
    result = planned(compressed(frames=3))
    result.decode()
    assert b"".join(result.chunks()) == b"".join(result.chunks())
    result.close()
    result.close()
