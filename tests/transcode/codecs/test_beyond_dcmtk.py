"""Codecs that DCMTK does not have: against the source pixels where nothing is lost, else against another library."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest

from dcmsend.errors import TranscodeError
from support.compressed_files import Native, encapsulated_data_set
from support.converting import converted
from support.corpus import DATA, NATIVE
from support.fixture_files import read_data_set
from support.part10 import read_part10

ic = pytest.importorskip("imagecodecs")

TS = "1.2.840.10008.1.2."
EXPLICIT = NATIVE[0]
GREY = {
    "8": Native(), "10": Native(allocated=16, stored=10), "12": Native(allocated=16, stored=12),
    "16": Native(allocated=16, stored=16), "frames": Native(allocated=16, stored=12, frames=4),
    "odd frames": Native(frames=3),
}
SIGNED = {
    "8 signed": Native(signed=True), "12 signed": Native(allocated=16, stored=12, signed=True),
    "16 signed": Native(allocated=16, stored=16, signed=True),
}
COLOUR = {"colour": Native(samples=3), "colour 16": Native(samples=3, allocated=16, stored=16)}
PHOTOMETRIC, PLANAR, LOSSY = 0x00280004, 0x00280006, 0x00282110


def frames_of(native: Native) -> list[np.ndarray]:
    """The frames, colour by pixel."""
    return [np.ascontiguousarray(np.moveaxis(frame, 0, -1)).squeeze() for frame in native.pixels()]


def decoded(data: bytes, source: str, target: str = EXPLICIT, **options: bool) -> tuple[object, bytes]:
    """The converted data set as pydicom reads it, and its Pixel Data, little endian."""
    data_set = read_data_set(converted(data, source, target, **options), target)
    value = data_set["PixelData"].value
    if target == NATIVE[1]:
        value = np.frombuffer(value, ">u2").astype("<u2").tobytes()
    return data_set, value


def native_value(native: Native) -> bytes:
    value = b"".join(frame.tobytes() for frame in frames_of(native))
    return value + b"\0" * (len(value) % 2)


# -- lossless

Encoder = Callable[[np.ndarray], bytes]


def jpeg_2000(frame: np.ndarray, **options: object) -> bytes:
    return bytes(ic.jpeg2k_encode(frame, codecformat="j2k", reversible=True, level=0, **options))


def htj2k(frame: np.ndarray) -> bytes:
    return bytes(ic.htj2k_encode(frame, reversible=True))


def jpeg_xl(frame: np.ndarray) -> bytes:
    return bytes(ic.jpegxl_encode(frame, lossless=True))


LOSSLESS: dict[str, tuple[str, Encoder, dict[str, Native]]] = {
    "JPEG 2000": ("4.90", jpeg_2000, GREY | SIGNED | COLOUR),
    "JPEG 2000 in JP2": ("4.90", lambda frame: bytes(ic.jpeg2k_encode(frame, reversible=True, level=0)), GREY | COLOUR),
    "JPEG 2000 without component transform": ("4.90", lambda frame: jpeg_2000(frame, mct=False), COLOUR),
    "JPEG 2000 (lossless or lossy)": ("4.91", jpeg_2000, GREY),
    "HTJ2K": ("4.201", htj2k, GREY | SIGNED | COLOUR),
    "HTJ2K RPCL": ("4.202", htj2k, GREY | COLOUR),
    "JPEG XL": ("4.110", jpeg_xl, GREY | COLOUR),
    "JPEG XL (lossless or lossy)": ("4.112", jpeg_xl, GREY | COLOUR),
}


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize(
    ("codec", "picture"), [(codec, picture) for codec, row in LOSSLESS.items() for picture in row[2]]
)
def test_lossless_gives_the_source_pixels(codec: str, picture: str, target: str) -> None:
    suffix, encode, natives = LOSSLESS[codec]
    native = natives[picture]
    items = [b"", *(encode(frame) for frame in frames_of(native))]
    data_set, value = decoded(encapsulated_data_set(native, items), TS + suffix, target)
    assert value == native_value(native)
    assert data_set.SOPInstanceUID == "1.2.3"
    assert data_set.get("NumberOfFrames") == (native.frames or None)
    assert data_set.BitsAllocated == native.allocated
    if target != NATIVE[2]:
        assert data_set["PixelData"].VR == "OW"


@pytest.mark.parametrize("suffix", ["4.90", "4.201"])
@pytest.mark.parametrize("interpretation", ["YBR_RCT", "YBR_ICT", "RGB", "YBR_FULL"])
def test_component_transforms_of_jpeg_2000_are_undone(suffix: str, interpretation: str) -> None:
    native = Native(samples=3, interpretation=interpretation, planar=1)
    encode = jpeg_2000 if suffix == "4.90" else htj2k
    items = [b"", *(encode(frame) for frame in frames_of(native))]
    data_set, value = decoded(encapsulated_data_set(native, items), TS + suffix)
    assert data_set.PhotometricInterpretation == ("YBR_FULL" if interpretation == "YBR_FULL" else "RGB")
    assert data_set.PlanarConfiguration == 0
    assert value == native_value(Native(samples=3))


# -- lossy: two libraries agree


def by_openjpeg(frame: bytes) -> np.ndarray:
    openjpeg = pytest.importorskip("openjpeg")
    return np.asarray(openjpeg.decode(BytesIO(frame)))


def by_pylibjxl(frame: bytes) -> np.ndarray:
    return np.asarray(pytest.importorskip("pylibjxl").decode(frame))


@pytest.mark.parametrize("picture", ["8", "12", "16", "8 signed", "12 signed", "colour"])
def test_lossy_jpeg_2000_as_another_library_decodes_it(picture: str) -> None:
    native = (GREY | SIGNED | COLOUR)[picture]
    lossy = {"codecformat": "j2k", "reversible": False, "level": 60}
    frames = [bytes(ic.jpeg2k_encode(frame, **lossy)) for frame in frames_of(native)]
    data_set, value = decoded(encapsulated_data_set(native, [b"", *frames]), TS + "4.91")
    expected = b"".join(by_openjpeg(frame).tobytes() for frame in frames)
    assert value.startswith(expected)
    assert value != native_value(native), "nothing was lost: the test proves nothing"
    assert data_set.LossyImageCompression == "01"


@pytest.mark.parametrize("picture", ["8", "12", "colour"])
def test_lossy_htj2k_as_another_library_decodes_it(picture: str) -> None:
    native = (GREY | COLOUR)[picture]
    frames = [bytes(ic.htj2k_encode(frame, reversible=False, level=0.02)) for frame in frames_of(native)]
    data_set, value = decoded(encapsulated_data_set(native, [b"", *frames]), TS + "4.203")
    assert value.startswith(b"".join(by_openjpeg(frame).tobytes() for frame in frames))
    assert data_set.LossyImageCompression == "01"


@pytest.mark.parametrize("picture", ["8", "colour"])
def test_lossy_jpeg_xl_as_another_library_decodes_it(picture: str) -> None:
    native = (GREY | COLOUR)[picture]
    frames = [bytes(ic.jpegxl_encode(frame, level=80)) for frame in frames_of(native)]
    data_set, value = decoded(encapsulated_data_set(native, [b"", *frames]), TS + "4.112")
    assert value.startswith(b"".join(by_pylibjxl(frame).tobytes() for frame in frames))
    assert value != native_value(native)
    assert data_set.LossyImageCompression == "01"


@pytest.mark.parametrize("interpretation", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_recompressed_jpeg(interpretation: str) -> None:
    native = Native(samples=3, interpretation=interpretation)
    jpeg = ic.jpeg8_encode(frames_of(native)[0], level=90)
    frame = bytes(ic.jpegxl_encode_jpeg(jpeg))
    data_set, value = decoded(encapsulated_data_set(native, [b"", frame]), TS + "4.111")
    assert value.startswith(by_pylibjxl(frame).tobytes())
    difference = np.abs(ic.jpeg8_decode(jpeg).astype(int).reshape(-1) - np.frombuffer(value, "u1")[: 33 * 47 * 3])
    assert difference.max() <= 4, "libjxl decodes JPEG more exactly than libjpeg, but not another picture"
    assert data_set.PhotometricInterpretation == "RGB"
    assert data_set.LossyImageCompression == "01"


@pytest.mark.parametrize(
    "name",
    [
        "pydicom-data/HTJ2K_08_RGB.dcm", "pydicom-data/HTJ2KLossless_08_RGB.dcm", "pydicom/examples_jpeg2k.dcm",
        "pydicom/JPEG2000.dcm", "pydicom/MR_small_jp2klossless.dcm", "pylibjpeg-data/JPEG2000/ELSCINT1_JP2vsJ2K.dcm",
        "ct-matrix/CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
        "ct-matrix/CTImage.dcm_JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm",
    ],
)
def test_real_files_as_another_library_decodes_them(name: str) -> None:
    from pydicom import dcmread
    from pydicom.encaps import generate_frames

    part10 = read_part10(DATA / name)
    source = dcmread(DATA / name)
    frames = list(generate_frames(source.PixelData, number_of_frames=int(source.get("NumberOfFrames", 1))))
    data = (DATA / name).read_bytes()[part10.data_set_offset :]
    data_set, value = decoded(data, part10.transfer_syntax)
    expected = [by_openjpeg(frame) for frame in frames]
    if source.PixelRepresentation and expected[0].dtype.kind == "u":
        shift = 16 - source.BitsStored
        expected = [frame.view("<i2") << shift >> shift for frame in expected]
    assert value.startswith(b"".join(frame.tobytes() for frame in expected))
    assert data_set.SOPInstanceUID == source.SOPInstanceUID


def test_a_lossy_transform_that_overflows_is_clamped() -> None:
    """OpenJPH makes 0 of some 255 in this file."""
    path = DATA / "pydicom-data" / "HTJ2K_08_RGB.dcm"
    part10 = read_part10(path)
    _, value = decoded(path.read_bytes()[part10.data_set_offset :], part10.transfer_syntax)
    pixels = np.frombuffer(value, "u1")
    white = np.flatnonzero(pixels == 255)
    assert white.size > 1000
    assert not np.any((pixels[white[1:-1] - 3] == 0) & (pixels[white[1:-1] + 3] == 255))


# -- containers


@pytest.mark.parametrize(("suffix", "encode"), [("4.90", jpeg_2000), ("4.110", jpeg_xl), ("4.80", ic.jpegls_encode)])
def test_few_bits_in_a_large_container(suffix: str, encode: Encoder) -> None:
    """The stream has 8 bits a sample, the data set promises 16."""
    native = Native()
    item = bytes(encode(frames_of(native)[0]))
    data = encapsulated_data_set(native, [b"", item], {0x00280100: ("US", ("H", 16))})
    data_set, value = decoded(data, TS + suffix)
    assert data_set.BitsAllocated == 16
    assert np.array_equal(np.frombuffer(value, "<u2"), frames_of(native)[0].astype("<u2").reshape(-1))


@pytest.mark.parametrize("stored", [8, 12])
def test_signed_samples_in_an_unsigned_codestream(stored: int) -> None:
    """The sign is extended from Bits Stored; encoders of CT images do that."""
    native = Native(allocated=16, stored=stored, signed=True)
    frame = frames_of(native)[0]
    unsigned = (frame & ((1 << stored) - 1)).astype("u1" if stored == 8 else "<u2")
    data = encapsulated_data_set(native, [b"", jpeg_2000(unsigned, bitspersample=stored)])
    assert decoded(data, TS + "4.90")[1] == native_value(native)


# -- frames that are deflated or not compressed at all


def deflated(frame: bytes) -> bytes:
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeezer.compress(frame) + squeezer.flush()


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("picture", [*GREY, *SIGNED, *COLOUR])
@pytest.mark.parametrize(("suffix", "encode"), [("8.1", deflated), ("1.98", bytes)])
def test_deflated_and_uncompressed_frames(
    picture: str, suffix: str, encode: Callable[[bytes], bytes], target: str
) -> None:
    native = (GREY | SIGNED | COLOUR)[picture]
    items = [b"", *(encode(frame.tobytes()) for frame in frames_of(native))]
    assert decoded(encapsulated_data_set(native, items), TS + suffix, target)[1] == native_value(native)


@pytest.mark.parametrize("size", [(5, 5), (3, 8), (1, 1), (9, 7)])
@pytest.mark.parametrize("frames", [1, 2, 9])
@pytest.mark.parametrize(("suffix", "encode"), [("8.1", deflated), ("1.98", bytes)])
def test_single_bits(size: tuple[int, int], frames: int, suffix: str, encode: Callable[[bytes], bytes]) -> None:
    """Each frame begins with a byte of its own when it is compressed; natively one bit follows the other."""
    random = np.random.default_rng(2)
    bits = random.integers(0, 2, (frames, size[0] * size[1]), dtype=np.uint8)
    native = Native(rows=size[0], columns=size[1], frames=frames)
    items = [b"", *(encode(np.packbits(frame, bitorder="little").tobytes()) for frame in bits)]
    changes = {0x00280100: ("US", ("H", 1)), 0x00280101: ("US", ("H", 1)), 0x00280102: ("US", ("H", 0))}
    _, value = decoded(encapsulated_data_set(native, items, changes), TS + suffix)
    expected = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    assert value == expected + b"\0" * (len(expected) % 2)


# -- what has to be refused


@pytest.mark.parametrize(
    ("suffix", "native", "changes", "reason"),
    [
        ("4.90", Native(), {0x00280010: 34}, "33 pixels in the stream"),
        ("4.90", Native(), {0x00280011: 46}, "47 x 33 pixels in the stream"),
        ("4.90", Native(), {0x00280002: 3}, "1 components"),
        ("4.90", Native(allocated=16, stored=12), {0x00280100: 8}, "16 bits a sample"),
        ("4.90", Native(signed=True), {0x00280103: 0}, "says unsigned"),
        ("4.110", Native(), {0x00280010: 34}, "47 x 33 pixels in the stream"),
        ("4.110", Native(), {0x00280103: 1}, "signed"),
        ("4.110", Native(allocated=16, stored=12), {0x00280100: 8}, "out.dtype"),
        ("4.90", Native(), {0x00280100: 12}, "Bits Allocated is 12"),
        ("8.1", Native(), {0x00280010: 34}, "another length"),
        ("8.1", Native(), {0x00280010: 32}, "another length"),
        ("1.98", Native(), {0x00280010: 34}, "bytes instead of"),
        ("1.98", Native(), {0x00280010: 32}, "bytes instead of"),
    ],
)
def test_attributes_that_contradict_the_stream(
    suffix: str, native: Native, changes: dict[int, int], reason: str
) -> None:
    encode: Encoder = {
        "4.90": jpeg_2000, "4.110": jpeg_xl, "8.1": lambda frame: deflated(frame.tobytes()), "1.98": np.ndarray.tobytes
    }[suffix]
    data = encapsulated_data_set(
        native, [b"", encode(frames_of(native)[0])], {tag: ("US", ("H", value)) for tag, value in changes.items()}
    )
    with pytest.raises(TranscodeError) as error:
        converted(data, TS + suffix, EXPLICIT)
    assert reason in error.value.detail


def test_a_codestream_whose_size_is_no_size() -> None:
    path = DATA / "pydicom" / "JPEG2000-embedded-sequence-delimiter.dcm"
    part10 = read_part10(path)
    with pytest.raises(TranscodeError, match="Pixel representation cannot be changed"):
        converted(path.read_bytes()[part10.data_set_offset :], part10.transfer_syntax, EXPLICIT)


def test_video_is_not_decoded() -> None:
    with pytest.raises(TranscodeError) as error:
        converted(encapsulated_data_set(Native(), [b"", b"\0\0\1\xb3"]), TS + "4.100", EXPLICIT)
    assert error.value.detail == "there is no decoder for MPEG2 Main Profile @ Main Level"
