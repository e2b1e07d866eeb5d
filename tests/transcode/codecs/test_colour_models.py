"""Every codec with every colour model, one bit depth and sign against another.

What the data set says after decompression, and its pixels, are those of another program; where stream and data set
contradict each other nothing is sent.

The judges are OpenJPEG's opj_decompress, GDCM's gdcmconv, libjxl's djxl and DCMTK's dcmdjpeg, dcmdjpls and dcmdrle.
"""

from __future__ import annotations

import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dcmsend.errors import TranscodeError
from support.compressed_files import Native, encapsulated_data_set
from support.converting import converted
from support.corpus import NATIVE
from support.data_set_bytes import file_with
from support.fixture_files import read_data_set
from support.programs import dcmtk_program

ic = pytest.importorskip("imagecodecs")

pytestmark = pytest.mark.peer("dcmtk", "gdcm", "openjpeg", "libjxl")

TS = "1.2.840.10008.1.2."
EXPLICIT = NATIVE[0]
STORED, HIGH = 0x00280101, 0x00280102
STAYS_RGB = {"colorspace": "RGB", "outcolorspace": "RGB"}
COLOUR = Native(samples=3)
PIXELS = np.ascontiguousarray(np.moveaxis(COLOUR.pixels()[0], 0, -1))
GREY_12 = Native(allocated=16, stored=12).pixels()[0, 0]
GREY_12_SIGNED = Native(allocated=16, stored=12, signed=True).pixels()[0, 0]


@dataclass(frozen=True)
class Judged:
    """What another program makes of a file; an attribute that it does not know is None."""

    pixels: np.ndarray
    interpretation: str | None = None
    bits: tuple[int, int, int, int] | None = None
    """Allocated, Stored, High Bit, Pixel Representation."""


Judge = Callable[[Path, bytes, Path], Judged]
"""Gets a folder to work in, the frame, and the data set as a file."""


@dataclass(frozen=True)
class Case:
    """A frame in a data set."""

    suffix: str
    native: Native
    frame: Callable[[Path], bytes]
    judge: Judge | str
    """Or the reason for which it is refused."""
    changes: dict[int, int] = field(default_factory=dict)


def exactly(
    pixels: np.ndarray, interpretation: str | None = None, bits: tuple[int, int, int, int] | None = None
) -> Judge:
    """Where nothing is lost, the samples that were compressed."""
    return lambda _folder, _frame, _file: Judged(pixels, interpretation, bits)


def run(*words: str | Path) -> None:
    program = dcmtk_program(str(words[0]))
    assert program is not None
    subprocess.run([program, *words[1:]], check=True, capture_output=True, timeout=60)


# -- judges


def by_openjpeg(folder: Path, frame: bytes, _file: Path) -> Judged:
    """RGB, whatever the colours are coded as."""
    source = folder / ("frame.jp2" if frame.startswith(b"\0\0\0\x0c") else "frame.j2k")
    source.write_bytes(frame)
    run("opj_decompress", "-i", source, "-o", folder / "frame.ppm")
    return Judged(read_pnm(folder / "frame.ppm"), "RGB")


def by_openjpeg_as(interpretation: str) -> Judge:
    """The samples of a codestream of which OpenJPEG converts nothing, named as GDCM does, which knows no HTJ2K."""
    said = {"YBR_FULL": "YBR_FULL", "YBR_FULL_422": "YBR_FULL"}.get(interpretation, "RGB")
    return lambda folder, frame, file: replace(by_openjpeg(folder, frame, file), interpretation=said)


def by_libjxl(folder: Path, frame: bytes, _file: Path) -> Judged:
    (folder / "frame.jxl").write_bytes(frame)
    run("djxl", folder / "frame.jxl", folder / "frame.ppm")
    return Judged(read_pnm(folder / "frame.ppm"), "RGB")


def read_pnm(path: Path) -> np.ndarray:
    """A picture that is written as binary PGM or PPM."""
    content, position = path.read_bytes(), 0
    words: list[bytes] = []
    while len(words) < 4:
        end = content.index(b"\n", position)
        line, position = content[position:end], end + 1
        words += line.split(b"#")[0].split()
    kind, columns, rows, largest = words[0], *map(int, words[1:])
    array = np.frombuffer(content, "u1" if largest < 256 else ">u2", offset=position)
    return array.reshape((rows, columns, 3) if kind == b"P6" else (rows, columns))


def by_file(*words: str) -> Judge:
    """A program that decompresses DICOM files."""

    def judge(folder: Path, _frame: bytes, file: Path) -> Judged:
        run(*words, file, folder / "plain.dcm")
        return judged(dcmread(folder / "plain.dcm"))

    return judge


def judged(data_set: Dataset) -> Judged:
    """The picture as pydicom reads native pixels: colour by pixel, nothing converted."""
    pixels = np.frombuffer(data_set.PixelData, f"<{'ui'[data_set.PixelRepresentation]}{data_set.BitsAllocated // 8}")
    count = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel
    pixels = pixels[:count]
    if data_set.SamplesPerPixel == 1:
        pixels = pixels.reshape(data_set.Rows, data_set.Columns)
    elif data_set.PlanarConfiguration:
        pixels = np.moveaxis(pixels.reshape(-1, data_set.Rows, data_set.Columns), 0, -1)
    else:
        pixels = pixels.reshape(data_set.Rows, data_set.Columns, -1)
    bits = data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation
    return Judged(pixels, data_set.PhotometricInterpretation, bits)


by_gdcm = by_file("gdcmconv", "--raw")
by_dcmdjpeg, by_dcmdjpls, by_dcmdrle = by_file("dcmdjpeg"), by_file("dcmdjpls"), by_file("dcmdrle")


# -- frames


def jpeg_2000(pixels: np.ndarray = PIXELS, kind: str = "j2k", **options: object) -> Callable[[Path], bytes]:
    options = {"reversible": True, "level": 0, **options}
    return lambda _folder: bytes(ic.jpeg2k_encode(pixels, codecformat=kind, **options))


def htj2k(pixels: np.ndarray = PIXELS, **options: object) -> Callable[[Path], bytes]:
    return lambda _folder: bytes(ic.htj2k_encode(pixels, **{"reversible": True, **options}))


def subsampled(sampling: str, kind: str = "j2k", bits: int = 8, *options: str) -> Callable[[Path], bytes]:
    """As OpenJPEG's encoder makes it of planes of different size."""

    def frame(folder: Path) -> bytes:
        rows, columns = PIXELS.shape[:2]
        steps = [tuple(map(int, part.split("x"))) for part in sampling.split(":")]
        shift = bits - 8
        planes = [
            np.ascontiguousarray(PIXELS[::down, ::across, sample]).astype("u1" if bits == 8 else "<u2") << shift
            for sample, (across, down) in enumerate(steps)
        ]
        (folder / "in.rawl").write_bytes(b"".join(plane.tobytes() for plane in planes))
        target = folder / f"out.{kind}"
        layout = f"{columns},{rows},3,{bits},u@{sampling}"
        run("opj_compress", "-i", folder / "in.rawl", "-o", target, "-F", layout, "-mct", "0", *options)
        return target.read_bytes()

    return frame


def in_boxes(colour: bytes, further: bytes = b"", **options: object) -> Callable[[Path], bytes]:
    """A JP2 file with this colour specification."""

    def frame(folder: Path) -> bytes:
        jp2 = jpeg_2000(kind="jp2", **options)(folder)
        start = jp2.index(b"colr") - 4
        length = int.from_bytes(jp2[start : start + 4], "big")
        boxes = struct.pack(">I", 8 + len(colour)) + b"colr" + colour + further
        header = jp2.index(b"jp2h") - 4
        grown = int.from_bytes(jp2[header : header + 4], "big") + len(boxes) - length
        head = jp2[:header] + struct.pack(">I", grown) + jp2[header + 4 : start]
        return head + boxes + jp2[start + length :]

    return frame


def jpeg_xl(pixels: np.ndarray = PIXELS, **options: object) -> Callable[[Path], bytes]:
    return lambda _folder: bytes(ic.jpegxl_encode(pixels, **options))


def recompressed(subsampling: str = "444", **options: object) -> Callable[[Path], bytes]:
    return lambda _folder: bytes(ic.jpegxl_encode_jpeg(jpeg(subsampling, **options)(_folder)))


def jpeg(subsampling: str = "444", **options: object) -> Callable[[Path], bytes]:
    options = {"level": 90, "subsampling": subsampling, **options}
    return lambda _folder: bytes(ic.jpeg8_encode(PIXELS, **options))


def jpeg_ls(pixels: np.ndarray = PIXELS, **options: object) -> Callable[[Path], bytes]:
    return lambda _folder: bytes(ic.jpegls_encode(pixels, **options))


def run_lengths(_folder: Path) -> bytes:
    planes = [ic.packbits_encode(np.ascontiguousarray(PIXELS[..., sample]).tobytes()) for sample in range(3)]
    planes = [plane + b"\0" * (len(plane) % 2) for plane in planes]
    starts = 64, 64 + len(planes[0]), 64 + len(planes[0]) + len(planes[1])
    return struct.pack("<16L", 3, *starts, *[0] * 12) + b"".join(planes)


def as_they_are(_folder: Path) -> bytes:
    return PIXELS.tobytes() + b"\0" * (PIXELS.size % 2)


def deflated_frame(_folder: Path) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(PIXELS.tobytes()) + compressor.flush()


def said(interpretation: str) -> Native:
    return replace(COLOUR, interpretation=interpretation)


def grey(stored: int = 12, **options: object) -> Native:
    return Native(allocated=16, stored=stored, **options)  # type: ignore[arg-type]


# -- the table

SRGB, GREYSCALE, SYCC, CMYK = (b"\x01\0\0" + struct.pack(">I", number) for number in (16, 17, 18, 12))
ICC = b"\x02\0\0" + bytes(128)
CHANNELS = b"\0\0\0\x1acdef\0\3" + struct.pack(">9H", 0, 0, 3, 1, 0, 2, 2, 0, 1)
PALETTE = b"\0\0\0\x0cpclr" + bytes(4)
H422, H420, H440, H411 = "1x1:2x1:2x1", "1x1:2x2:2x2", "1x1:1x2:1x2", "1x1:4x1:4x1"

CASES: dict[str, Case] = {}
for sampling, number in ((H422, "422"), (H420, "420")):
    for kind in ("j2k", "jp2"):
        for name in ("YBR_FULL_422", "YBR_FULL"):
            CASES[f"{kind} {number} {name}"] = Case("4.90", said(name), subsampled(sampling, kind), by_openjpeg)
        for name in ("RGB", "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "MONOCHROME2"):
            CASES[f"{kind} {number} {name}"] = Case(
                "4.90", said(name), subsampled(sampling, kind),
                "fewer samples for colour" if kind == "j2k" else "Photometric Interpretation is",
            )
    CASES[f"lossy {number}"] = Case(
        "4.91", said("YBR_FULL_422"), subsampled(sampling, "j2k", 8, "-I", "-r", "5"), by_openjpeg
    )
    CASES[f"{number} of 12 bits"] = Case(
        "4.90", replace(COLOUR, allocated=16, stored=12, interpretation="YBR_FULL_422"),
        subsampled(sampling, "j2k", 12), by_openjpeg,
    )
for sampling, number in ((H440, "440"), (H411, "411"), ("2x1:1x1:1x1", "half of the luma"), ("1x1:2x1:1x1", "uneven")):
    CASES[f"j2k {number}"] = Case("4.90", said("YBR_FULL_422"), subsampled(sampling), "another way than 4:2:2")

for name in ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"):
    CASES[f"j2k plain {name}"] = Case("4.90", said(name), jpeg_2000(mct=False), by_gdcm)
    CASES[f"htj2k plain {name}"] = Case("4.201", said(name), htj2k(rgb=False), by_openjpeg_as(name))
for name in ("RGB", "YBR_FULL", "YBR_RCT", "YBR_ICT"):
    CASES[f"j2k transformed {name}"] = Case("4.90", said(name), jpeg_2000(), by_gdcm)
    CASES[f"j2k lossy {name}"] = Case("4.91", said(name), jpeg_2000(reversible=False, level=60), by_gdcm)
    CASES[f"htj2k transformed {name}"] = Case("4.201", said(name), htj2k(), by_openjpeg_as(name))
for name in ("YBR_PARTIAL_422", "YBR_PARTIAL_420"):
    CASES[f"j2k {name}"] = Case("4.90", said(name), jpeg_2000(mct=False), "of full size")
CASES["j2k transformed YBR_FULL_422"] = Case("4.90", said("YBR_FULL_422"), jpeg_2000(), "of full size")
CASES["htj2k transformed YBR_FULL_422"] = Case("4.201", said("YBR_FULL_422"), htj2k(), "of full size")

CASES["jp2 sRGB RGB"] = Case("4.90", COLOUR, in_boxes(SRGB), by_openjpeg)
CASES["jp2 sRGB YBR_RCT"] = Case("4.90", said("YBR_RCT"), in_boxes(SRGB), by_openjpeg)
CASES["jp2 sYCC YBR_FULL"] = Case("4.90", said("YBR_FULL"), in_boxes(SYCC, mct=False), by_gdcm)
CASES["jp2 sYCC YBR_FULL_422"] = Case("4.90", said("YBR_FULL_422"), in_boxes(SYCC, mct=False), by_gdcm)
for label, colour, name in (
    ("sRGB", SRGB, "YBR_FULL"), ("sRGB", SRGB, "YBR_FULL_422"), ("sYCC", SYCC, "RGB"), ("sYCC", SYCC, "YBR_RCT"),
    ("ICC", ICC, "RGB"), ("ICC", ICC, "YBR_FULL"), ("colour space 12", CMYK, "RGB"), ("greyscale", GREYSCALE, "RGB"),
):
    CASES[f"jp2 {label} {name}"] = Case("4.90", said(name), in_boxes(colour), f"JP2 file say {label}")
CASES["jp2 in another order"] = Case("4.90", COLOUR, in_boxes(SRGB, CHANNELS), "not in the usual order")
CASES["jp2 with a palette"] = Case("4.90", COLOUR, in_boxes(SRGB, PALETTE), "palette of their own")

CASES["jxl lossless RGB"] = Case("4.110", COLOUR, jpeg_xl(lossless=True), by_libjxl)
CASES["jxl lossless XYB"] = Case("4.110", said("XYB"), jpeg_xl(lossless=True), by_libjxl)
CASES["jxl lossless YBR_FULL"] = Case("4.110", said("YBR_FULL"), jpeg_xl(lossless=True), exactly(PIXELS, "YBR_FULL"))
CASES["jxl lossless YBR_FULL_422"] = Case("4.110", said("YBR_FULL_422"), jpeg_xl(lossless=True), "does not tell")
CASES["jxl lossless YBR_PARTIAL_422"] = Case("4.110", said("YBR_PARTIAL_422"), jpeg_xl(lossless=True), "does not tell")
for name in ("RGB", "XYB", "YBR_FULL_422"):
    CASES[f"jxl lossy {name}"] = Case("4.112", said(name), jpeg_xl(level=90), by_libjxl)
for name in ("YBR_FULL", "YBR_PARTIAL_422", "PALETTE COLOR"):
    CASES[f"jxl lossy {name}"] = Case("4.112", said(name), jpeg_xl(level=90), "the stream holds RGB")
for subsampling in ("444", "422", "420"):
    for suffix in ("4.111", "4.112"):
        for name in ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"):
            CASES[f"jxl {suffix} of JPEG {subsampling} {name}"] = Case(
                suffix, said(name), recompressed(subsampling), by_libjxl
            )
CASES["jxl of JPEG that is RGB"] = Case("4.111", COLOUR, recompressed(**STAYS_RGB), by_libjxl)
CASES["jxl of JPEG that is RGB, YBR_FULL_422"] = Case(
    "4.111", said("YBR_FULL_422"), recompressed(**STAYS_RGB), "does not tell"
)
CASES["jxl with transparency"] = Case(
    "4.110", COLOUR, jpeg_xl(np.dstack((PIXELS, PIXELS[..., 0])), lossless=True), "transparency"
)
CASES["jxl of one component"] = Case(
    "4.110", COLOUR, jpeg_xl(PIXELS[..., 0].copy(), lossless=True), "colour space grey"
)
CASES["jxl of three components"] = Case("4.110", Native(), jpeg_xl(lossless=True), "colour space RGB")

for subsampling in ("444", "422", "420"):
    for name in ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"):
        CASES[f"JPEG {subsampling} {name}"] = Case("4.50", said(name), jpeg(subsampling), by_dcmdjpeg)
for name in ("RGB", "YBR_FULL", "YBR_FULL_422"):
    CASES[f"JPEG with a marker for RGB {name}"] = Case("4.50", said(name), jpeg(**STAYS_RGB), by_dcmdjpeg)
    CASES[f"JPEG lossless {name}"] = Case("4.70", said(name), jpeg(lossless=True, **STAYS_RGB), by_dcmdjpeg)
for name in ("RGB", "YBR_FULL"):
    CASES[f"JPEG-LS {name}"] = Case("4.80", said(name), jpeg_ls(), by_dcmdjpls)
    CASES[f"RLE {name}"] = Case("5", said(name), run_lengths, by_dcmdrle)
for label, suffix, encoded in (
    ("JPEG-LS", "4.80", jpeg_ls()), ("RLE", "5", run_lengths), ("uncompressed", "1.98", as_they_are),
    ("deflated frame", "8.1", deflated_frame),
):
    CASES[f"{label} YBR_FULL_422"] = Case(suffix, said("YBR_FULL_422"), encoded, exactly(PIXELS, "YBR_FULL"))
    for name in ("YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_RCT", "YBR_ICT"):
        CASES[f"{label} {name}"] = Case(suffix, said(name), encoded, "of full size")
for name in ("YBR_PARTIAL_420", "YBR_RCT", "YBR_ICT"):
    CASES[f"JPEG {name}"] = Case("4.50", said(name), jpeg(), "of which JPEG knows nothing")
    CASES[f"JPEG lossless {name}"] = Case(
        "4.70", said(name), jpeg(lossless=True, **STAYS_RGB), "of which JPEG knows nothing"
    )
INDICES = Native(interpretation="PALETTE COLOR")
INDEX = INDICES.pixels()[0, 0]
CASES["j2k PALETTE COLOR"] = Case("4.90", INDICES, jpeg_2000(INDEX), by_gdcm)
CASES["JPEG-LS PALETTE COLOR"] = Case("4.80", INDICES, jpeg_ls(INDEX), by_dcmdjpls)
CASES["jxl PALETTE COLOR"] = Case("4.110", INDICES, jpeg_xl(INDEX, lossless=True), exactly(INDEX, "PALETTE COLOR"))

for precision in (8, 12, 16):
    for stored in (12, 16):
        samples = (GREY_12 >> 4).astype("u1") if precision == 8 else GREY_12
        CASES[f"j2k {precision} bits, {stored} stored"] = Case(
            "4.90", grey(stored), jpeg_2000(samples, bitspersample=precision), by_gdcm
        )
        signed = (GREY_12_SIGNED >> 4).astype("i1") if precision == 8 else GREY_12_SIGNED
        CASES[f"j2k {precision} bits, {stored} stored, signed"] = Case(
            "4.90", grey(stored, signed=True), jpeg_2000(signed, bitspersample=precision), by_gdcm
        )
CASES["j2k whose sign is in none of its bits"] = Case(
    "4.90", grey(16, signed=True), jpeg_2000(GREY_12_SIGNED.view("u2") & 0xFFF, bitspersample=12),
    "12 bits without sign",
)
TWELVE_BITS = GREY_12_SIGNED.view("u2") & 0xFFF
for number, stored in enumerate((16, 13)):
    CASES[f"JPEG lossless whose sign is in none of its bits {number}"] = Case(
        "4.70", grey(stored, signed=True),
        lambda _folder: bytes(ic.jpeg8_encode(TWELVE_BITS, lossless=True, bitspersample=12)),
        "12 bits without sign",
    )
CASES["JPEG whose sign is in none of its bits"] = Case(
    "4.50", grey(12, signed=True), lambda _folder: bytes(ic.jpeg8_encode((TWELVE_BITS >> 4).astype("u1"), level=90)),
    "8 bits without sign",
)
CASES["JPEG lossless with its sign at Bits Stored"] = Case(
    "4.70", grey(12, signed=True),
    lambda _folder: bytes(ic.jpeg8_encode(TWELVE_BITS, lossless=True, bitspersample=12)), by_dcmdjpeg,
)
CASES["j2k with its sign above Bits Stored"] = Case(
    "4.90", grey(12, signed=True), jpeg_2000(GREY_12_SIGNED.view("u2")), exactly(GREY_12_SIGNED)
)
CASES["j2k with its sign at Bits Stored"] = Case(
    "4.90", grey(12, signed=True), jpeg_2000(GREY_12_SIGNED.view("u2") & 0xFFF), exactly(GREY_12_SIGNED)
)
CASES["j2k with more bits than are stored"] = Case("4.90", grey(8), jpeg_2000(GREY_12), "more than 8 bits")
CASES["j2k with more bits than are stored, signed"] = Case(
    "4.90", grey(8, signed=True), jpeg_2000(GREY_12_SIGNED), "more than 8 bits"
)
CASES["j2k with far more bits than are stored, lossy"] = Case(
    "4.91", grey(8), jpeg_2000(GREY_12, reversible=False, level=60), "more than 8 bits"
)
CASES["j2k in the high bits"] = Case(
    "4.90", grey(12), jpeg_2000(GREY_12 << 4), exactly(GREY_12 << 4, bits=(16, 12, 15, 0)), {HIGH: 15}
)
CASES["j2k Bits Stored above Bits Allocated"] = Case(
    "4.90", grey(12), jpeg_2000(GREY_12), "Bits Stored is 17", {STORED: 17}
)
CASES["j2k High Bit above Bits Allocated"] = Case("4.90", grey(12), jpeg_2000(GREY_12), "High Bit is 16", {HIGH: 16})
CASES["jxl with more bits than are stored"] = Case(
    "4.110", grey(8), jpeg_xl(GREY_12, lossless=True), "more than 8 bits"
)
CASES["jxl with fewer bits than are stored"] = Case(
    "4.110", grey(16), jpeg_xl(GREY_12, lossless=True, bitspersample=12), exactly(GREY_12, bits=(16, 12, 11, 0))
)


def convert(data: bytes, uid: str) -> Judged:
    return judged(read_data_set(converted(data, uid, EXPLICIT), EXPLICIT))


@pytest.mark.parametrize("name", CASES)
def test_what_the_data_set_says_is_what_another_program_decodes(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    frame, uid = case.frame(tmp_path), TS + case.suffix
    changes = {tag: ("US", ("H", value)) for tag, value in case.changes.items()}
    data = encapsulated_data_set(case.native, [b"", frame], changes)
    if isinstance(case.judge, str):
        with pytest.raises(TranscodeError) as error:
            converted(data, uid, EXPLICIT)
        assert case.judge in error.value.detail
        return
    file = tmp_path / "file.dcm"
    file.write_bytes(file_with(data, uid))
    expected, ours = case.judge(tmp_path, frame, file), convert(data, uid)
    assert ours.interpretation == (expected.interpretation or case.native.interpretation or "MONOCHROME2")
    assert ours.pixels.shape == expected.pixels.shape
    allowed = 1 if case.judge is by_libjxl else 0  # another version of libjxl rounds in another way
    assert np.abs(ours.pixels.astype(int) - expected.pixels).max() <= allowed
    if expected.bits is not None and ours.bits is not None:
        stored = min(ours.bits[0], expected.bits[1], case.changes.get(STORED, case.native.stored))
        assert ours.bits[1] == stored
        assert ours.bits[2:] == ((expected.bits[2] if HIGH in case.changes else stored - 1), expected.bits[3])


def test_a_subsampled_picture_of_odd_size(tmp_path: Path) -> None:
    """33 rows, 47 columns: the table has no other size, and the last column and row have chroma of their own."""
    assert PIXELS.shape == (33, 47, 3)
    frame = subsampled(H420)(tmp_path)
    ours = convert(encapsulated_data_set(said("YBR_FULL_422"), [b"", frame]), TS + "4.90")
    assert np.array_equal(ours.pixels, by_openjpeg(tmp_path, frame, tmp_path).pixels)


def test_a_picture_that_is_subsampled_in_one_frame_only(tmp_path: Path) -> None:
    frames = [jpeg_2000(mct=False)(tmp_path), subsampled(H422)(tmp_path)]
    for items in frames, frames[::-1]:
        with pytest.raises(TranscodeError, match="Pixel representation") as error:
            convert(encapsulated_data_set(replace(said("YBR_FULL_422"), frames=2), [b"", *items]), TS + "4.90")
        assert "not coded in the same way" in error.value.detail

