"""Small DICOM files, one for each property that matters to a sender, made when first asked for.

``files("CT")`` gives the file name relative to ``files.directory``; the same name is always the same bytes (but for
the compressed ones, which DCMTK's encoders make). More names are registered in ``damaged_files`` and ``media_files``.
Data sets are in the form in which DCMTK writes them (explicit lengths, even values, ascending tags), so that a sender
that re-encodes and a sender that passes through send the same bytes.
"""

from __future__ import annotations

import copy
import subprocess
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from support.programs import dcmtk_program

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

UID_ROOT = "1.3.6.1.4.1.99999.7"
EI, EB, II = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
GE_PRIVATE = "1.2.840.113619.5.2"
PRIVATE_SYNTAX = "1.3.6.1.4.1.99999.7.4.1"
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
MR_CLASS = "1.2.840.10008.5.1.4.1.1.4"
SC_CLASS = "1.2.840.10008.5.1.4.1.1.7"

Builder = Callable[["FixtureFiles", Path], None]
_BUILDERS: dict[str, Builder] = {}


def fixture_file(name: str) -> Callable[[Builder], Builder]:
    """Register the function that writes the file of this name."""

    def register(builder: Builder) -> Builder:
        assert name not in _BUILDERS, name
        _BUILDERS[name] = builder
        return builder

    return register


class FixtureFiles:
    """The files of one test session, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, *names: str) -> str:
        """File name of one fixture, relative to the directory; built on first use."""
        (name,) = names
        path = self.directory / file_name(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(path.name + ".part")
            _builder(name)(self, partial)
            partial.replace(path)
        return file_name(name)

    def many(self, *names: str) -> list[str]:
        return [self(name) for name in names]

    def path(self, name: str) -> Path:
        return self.directory / self(name)

    def bytes(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def data_set_bytes(self, name: str) -> bytes:
        """What follows the meta header."""
        return split_file(self.bytes(name))[1]


def file_name(name: str) -> str:
    return name if name.startswith("media/") else f"{name}.dcm"


def _builder(name: str) -> Builder:
    if name[0] == "C" and name[1:].isdigit() and name not in _BUILDERS:
        return lambda files, path: write_part10(path, private_class_instance(int(name[1:])), EI)
    return _BUILDERS[name]


# --- data sets


def instance(number: int, sop_class_uid: str = CT_CLASS, *, pixels: bool = True) -> Dataset:
    """A canonical CT-like data set: 16 x 16 pixels of 12 bits, a sequence, a private element, odd text."""
    from pydicom.dataset import Dataset  # here: those who only need bytes start in half the time without it
    from pydicom.sequence import Sequence

    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.SOPClassUID = sop_class_uid
    data_set.SOPInstanceUID = f"{UID_ROOT}.1.{number}"
    data_set.StudyDate = "20240229"
    data_set.Modality = "MR" if sop_class_uid == MR_CLASS else "CT"
    data_set.PatientName = "Parity^Test"
    data_set.PatientID = f"P{number}"
    data_set.StudyInstanceUID = f"{UID_ROOT}.2.1"
    data_set.SeriesInstanceUID = f"{UID_ROOT}.3.1"
    item = Dataset()
    item.ReferencedSOPClassUID = CT_CLASS
    item.ReferencedSOPInstanceUID = f"{UID_ROOT}.1.999"
    data_set.ReferencedImageSequence = Sequence([item])
    data_set.SliceThickness = "2.5"
    data_set.InstanceNumber = str(number)
    block = data_set.private_block(0x0009, "DCMSEND PARITY", create=True)
    block.add_new(0x01, "LO", "private")
    if pixels:
        describe_pixels(data_set, samples=1, bits=16)
        data_set.PixelData = b"".join(((37 * k + number) % 4096).to_bytes(2, "little") for k in range(16 * 16))
        data_set["PixelData"].VR = "OW"
    return data_set


def describe_pixels(data_set: Dataset, *, samples: int, bits: int, photometric: str | None = None) -> None:
    """Set the Image Pixel attributes of a 16 x 16 image."""
    data_set.SamplesPerPixel = samples
    data_set.PhotometricInterpretation = photometric or ("RGB" if samples == 3 else "MONOCHROME2")
    if samples == 3:
        data_set.PlanarConfiguration = 0
    data_set.Rows = data_set.Columns = 16
    data_set.BitsAllocated = bits
    data_set.BitsStored = 12 if bits == 16 else 8
    data_set.HighBit = data_set.BitsStored - 1
    data_set.PixelRepresentation = 0


def colour_instance(number: int) -> Dataset:
    data_set = instance(number, SC_CLASS, pixels=False)
    describe_pixels(data_set, samples=3, bits=8)
    data_set.PixelData = bytes((5 * k + (k // 48) * 3) % 256 for k in range(16 * 16 * 3))
    data_set["PixelData"].VR = "OB"
    return data_set


def private_class_instance(number: int) -> Dataset:
    """An instance of a private SOP Class that no other number shares."""
    return instance(1000 + number, f"{UID_ROOT}.5.{number}", pixels=False)


def encapsulated_instance(number: int, sop_class_uid: str = CT_CLASS) -> Dataset:
    """An instance whose Pixel Data is one fragment that no codec will ever be asked to read."""
    from pydicom.encaps import encapsulate

    data_set = instance(number, sop_class_uid, pixels=False)
    describe_pixels(data_set, samples=1, bits=16)
    data_set.PixelData = encapsulate([bytes(range(64))], has_bot=True)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    return data_set


# --- encoding


def encode_data_set(data_set: Dataset, transfer_syntax: str) -> bytes:
    """The data set's bytes, inflated for a deflated syntax."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    if transfer_syntax in (EB, GE_PRIVATE) and "PixelData" in data_set:
        # pydicom takes OW as bytes and never swaps them.
        data_set = copy.deepcopy(data_set)
        data_set["PixelData"].value = swap_words(data_set.PixelData)
    out = DicomBytesIO()
    out.is_implicit_VR = transfer_syntax in (II, GE_PRIVATE)
    out.is_little_endian = transfer_syntax != EB
    write_dataset(out, data_set)
    return bytes(out.getvalue())


def swap_words(data: bytes) -> bytes:
    """Exchange the two bytes of each 16-bit word."""
    swapped = bytearray(data)
    swapped[::2], swapped[1::2] = data[1::2], data[::2]
    return bytes(swapped)


def deflate(data: bytes, level: int = 6) -> bytes:
    """A raw deflate stream of even length.  Source: PS3.5 Annex A.5."""
    squeezer = zlib.compressobj(level, zlib.DEFLATED, -15)
    stream = squeezer.compress(data) + squeezer.flush()
    return stream + b"\0" * (len(stream) % 2)


def meta_header(
    sop_class_uid: str | None,
    sop_instance_uid: str | None,
    transfer_syntax: str | None,
    *,
    group_length: int | None = None,
) -> bytes:
    """Preamble, prefix and meta header; None leaves an element out, ``group_length`` overrides the right one."""
    body = b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01"
    for element, uid in (
        (0x02, sop_class_uid),
        (0x03, sop_instance_uid),
        (0x10, transfer_syntax),
        (0x12, f"{UID_ROOT}.9"),
    ):
        if uid is not None:
            body += explicit_element(0x0002, element, "UI", uid.encode("ascii"), pad=b"\0")
    length = len(body) if group_length is None else group_length
    return bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + length.to_bytes(4, "little") + body


def explicit_element(group: int, element: int, vr: str, value: bytes, *, pad: bytes = b" ") -> bytes:
    """One element in Explicit VR Little Endian, padded to even length (``pad=b""`` leaves it as it is)."""
    if len(value) % 2:
        value += pad
    head = group.to_bytes(2, "little") + element.to_bytes(2, "little") + vr.encode("ascii")
    if vr in ("OB", "OW", "OF", "OD", "OL", "SQ", "UN", "UT", "UC", "UR", "OV", "SV", "UV"):
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def write_part10(
    path: Path,
    data_set: Dataset | bytes,
    transfer_syntax: str,
    *,
    sop_class: str | None = "",
    sop_instance: str | None = "",
) -> None:
    """Write a Part 10 file; meta header UIDs default to the data set's, None leaves them out."""
    if not isinstance(data_set, bytes):
        sop_class = str(data_set.get("SOPClassUID", "")) if sop_class == "" else sop_class
        sop_instance = str(data_set.get("SOPInstanceUID", "")) if sop_instance == "" else sop_instance
        data = encode_data_set(data_set, transfer_syntax)
        if transfer_syntax in (DEFLATED, "1.2.840.10008.1.2.4.95"):
            data = deflate(data)
    else:
        data = data_set
    path.write_bytes(meta_header(sop_class, sop_instance, transfer_syntax) + data)


def split_file(content: bytes) -> tuple[bytes, bytes]:
    """(preamble and meta header, data set) of a Part 10 file."""
    length = int.from_bytes(content[140:144], "little")
    return content[: 144 + length], content[144 + length :]


def read_data_set(encoded: bytes, transfer_syntax: str) -> Dataset:
    """Decode a data set as it came over the wire; OW values stay in the byte order of the wire."""
    from pydicom.filereader import read_dataset

    if transfer_syntax == DEFLATED:
        encoded = zlib.decompress(encoded, -15)
        transfer_syntax = EI
    return read_dataset(BytesIO(encoded), transfer_syntax == II, transfer_syntax != EB)


def _native(name: str, number: int, transfer_syntax: str = EI, sop_class_uid: str = CT_CLASS) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        write_part10(path, instance(number, sop_class_uid), transfer_syntax)


def _encapsulated(name: str, number: int, transfer_syntax: str) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        write_part10(path, encapsulated_instance(number), transfer_syntax)


def _encoded_by(name: str, source: str, *command: str) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        program = dcmtk_program(command[0])
        assert program is not None, command[0]
        subprocess.run([program, *command[1:], str(files.path(source)), str(path)], check=True, timeout=60)


_native("CT", 1)
_native("CT2", 2)
_native("MR", 3, sop_class_uid=MR_CLASS)
_native("IMP", 4, II)
_native("BE", 5, EB)
_native("DEFL", 6, DEFLATED)
_native("PRIV", 7, PRIVATE_SYNTAX)
_native("GE", 8, GE_PRIVATE)
_encapsulated("J2L", 11, "1.2.840.10008.1.2.4.90")
_encapsulated("J2", 12, "1.2.840.10008.1.2.4.91")
_encapsulated("MPG", 13, "1.2.840.10008.1.2.4.100")
_encapsulated("HT", 14, "1.2.840.10008.1.2.4.201")
_encapsulated("J52", 15, "1.2.840.10008.1.2.4.52")
_encoded_by("JLL", "JLL-source", "dcmcjpeg", "+e1")
_encoded_by("J14", "J14-source", "dcmcjpeg", "+el")
_encoded_by("JLS", "JLS-source", "dcmcjpls", "+el")
_encoded_by("JLSN", "JLSN-source", "dcmcjpls", "+en", "+un")
_encoded_by("RLE", "RLE-source", "dcmcrle")
_encoded_by("RLE-RGB", "RLE-RGB-source", "dcmcrle")
_encoded_by("JB", "JB-source", "dcmcjpeg", "+eb", "+un")
_encoded_by("JE", "JE-source", "dcmcjpeg", "+ee", "+un")
for _number, _name in enumerate(("JLL", "J14", "JLS", "JLSN", "RLE", "JE"), 21):
    _native(f"{_name}-source", _number)


@fixture_file("JB-source")
def _jpeg_baseline_source(files: FixtureFiles, path: Path) -> None:
    write_part10(path, colour_instance(31), EI)


@fixture_file("RLE-RGB-source")
def _rle_colour_source(files: FixtureFiles, path: Path) -> None:
    write_part10(path, colour_instance(32), EI)


@fixture_file("BIG")
def _big(files: FixtureFiles, path: Path) -> None:
    """300,000 bytes of pixels and a little more."""
    data_set = instance(41)
    data_set.Rows, data_set.Columns = 300, 500
    data_set.PixelData = bytes(range(250)) * 1200
    data_set["PixelData"].VR = "OW"
    write_part10(path, data_set, EI)


@fixture_file("JPIP")
def _jpip(files: FixtureFiles, path: Path) -> None:
    _write_jpip(path, 42, "1.2.840.10008.1.2.4.94")


@fixture_file("JPIP-DEFL")
def _jpip_deflate(files: FixtureFiles, path: Path) -> None:
    _write_jpip(path, 43, "1.2.840.10008.1.2.4.95")


@fixture_file("URL")
def _provider_url(files: FixtureFiles, path: Path) -> None:
    _write_jpip(path, 44, EI)


def _write_jpip(path: Path, number: int, transfer_syntax: str) -> None:
    data_set = instance(number, pixels=False)
    describe_pixels(data_set, samples=1, bits=16)
    data_set.PixelDataProviderURL = "http://127.0.0.1/image?target=1"
    write_part10(path, data_set, transfer_syntax)
