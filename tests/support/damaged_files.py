"""Files with something missing, wrong or unusual; registered with ``fixture_files``."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset

from support.fixture_files import (
    CT_CLASS,
    EI,
    II,
    MR_CLASS,
    UID_ROOT,
    FixtureFiles,
    encode_data_set,
    explicit_element,
    fixture_file,
    instance,
    meta_header,
    split_file,
    swap_words,
    write_part10,
)

LONG_UID = "1.2.3." + "4" * 58  # 64 characters


def _cut(name: str, source: str, start: int, end: int | None) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        path.write_bytes(files.bytes(source)[start:end])


def _content(name: str, content: bytes) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        path.write_bytes(content)


def _meta(
    name: str, number: int, sop_class: str | None = "", sop_instance: str | None = "", syntax: str | None = EI
) -> None:
    """A sound data set under a meta header that says something else, or less."""

    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        data_set = instance(number)
        class_uid = CT_CLASS if sop_class == "" else sop_class
        instance_uid = str(data_set.SOPInstanceUID) if sop_instance == "" else sop_instance
        path.write_bytes(meta_header(class_uid, instance_uid, syntax) + split_file(_encoded(data_set))[1])


def _of_class(name: str, number: int, sop_class_uid: str) -> None:
    """Meta header and data set agree on an unusual SOP Class."""

    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        path.write_bytes(_with_uids(number, sop_class_uid, f"{UID_ROOT}.1.{number}"))


def _of_instance(name: str, number: int, sop_instance_uid: str) -> None:
    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        path.write_bytes(_with_uids(number, CT_CLASS, sop_instance_uid))


def _with_uids(number: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """Written by hand: pydicom refuses or warns about UIDs that no standard allows."""
    data_set = instance(number)
    del data_set.SOPClassUID, data_set.SOPInstanceUID
    rest = split_file(_encoded(data_set))[1]
    first = explicit_element(8, 5, "CS", b"ISO_IR 100")
    assert rest.startswith(first)
    uids = explicit_element(8, 0x16, "UI", sop_class_uid.encode(), pad=b"\0")
    uids += explicit_element(8, 0x18, "UI", sop_instance_uid.encode(), pad=b"\0")
    return meta_header(sop_class_uid, sop_instance_uid, EI) + first + uids + rest[len(first) :]


def _encoded(data_set: Dataset) -> bytes:
    return meta_header(CT_CLASS, "1.2", EI) + encode_data_set(data_set, EI)


_content("ZERO", b"")
_content("ONE", b"D")
_content("TXT", b"This is no DICOM file, but it is long enough to hold a preamble and a prefix.\n" * 3)
_content("MO", meta_header(CT_CLASS, f"{UID_ROOT}.1.101", EI))
_content("META-CUT", meta_header(CT_CLASS, f"{UID_ROOT}.1.101", EI)[:180])
_content("DICM-ONLY", bytes(128) + b"DICM")
_cut("NPRE", "NPRE-source", 132, None)
_cut("TPX", "TPX-source", 0, -100)
_cut("THD", "THD-source", 0, 303)


@fixture_file("RAW")
def _data_set_only(files: FixtureFiles, path: Path) -> None:
    path.write_bytes(files.data_set_bytes("RAW-source"))


_meta("NOTS", 110, syntax=None)
_meta("NOCLASS", 111, sop_class=None)
_meta("OTHER-INSTANCE", 112, sop_instance=f"{UID_ROOT}.1.9112")
_meta("OTHER-CLASS", 113, sop_class=MR_CLASS)
_meta("SAYS-IMPLICIT", 114, syntax=II)
_of_class("VERIFICATION", 120, "1.2.840.10008.1.1")
_of_class("UNNAMED-CLASS", 121, "1.2.840.10008.99.1")
_of_class("ZERO-CLASS", 122, "1.2.3.04")
_of_class("LONG-CLASS", 123, LONG_UID + "44")
_of_class("PREFIX-CLASS", 124, "1.2.840.10008.5.1.4.1.1.999")
_of_class("HANGING", 125, "1.2.840.10008.5.1.4.38.1")
_of_class("RETIRED-US", 126, "1.2.840.10008.5.1.4.1.1.6")
_of_instance("INSTANCE64", 127, LONG_UID)
_of_instance("INSTANCE65", 128, LONG_UID + "4")


@fixture_file("RAW-source")
@fixture_file("NPRE-source")
@fixture_file("TPX-source")
@fixture_file("THD-source")
def _source(files: FixtureFiles, path: Path) -> None:
    number = 102 + ["RAW", "NPRE", "TPX", "THD"].index(path.name.split("-")[0])
    write_part10(path, instance(number), EI)


@fixture_file("STRAY")
def _stray_bytes(files: FixtureFiles, path: Path) -> None:
    path.write_bytes(
        meta_header(CT_CLASS, f"{UID_ROOT}.1.106", EI) + split_file(_encoded(instance(106)))[1] + b"\x01\x02"
    )


@fixture_file("NOI")
def _no_instance_uid(files: FixtureFiles, path: Path) -> None:
    data_set = instance(107)
    del data_set.SOPInstanceUID
    write_part10(path, data_set, EI, sop_instance=f"{UID_ROOT}.1.107")


@fixture_file("NOC")
def _no_class_uid(files: FixtureFiles, path: Path) -> None:
    data_set = instance(108)
    del data_set.SOPClassUID
    write_part10(path, data_set, EI, sop_class=CT_CLASS)


# --- encodings that DCMTK rewrites


def _rewritten(name: str, number: int, before: bytes = b"", after: bytes = b"", *, pixels: bool = True) -> None:
    """A sound data set with elements of group 0010 (``before``) and after the last one (``after``)."""

    @fixture_file(name)
    def build(files: FixtureFiles, path: Path) -> None:
        data_set = instance(number, pixels=pixels)
        encoded = split_file(_encoded(data_set))[1]
        place = encoded.index(b"\x18\x00\x50\x00DS")
        content = encoded[:place] + before + encoded[place:] + after
        path.write_bytes(meta_header(CT_CLASS, f"{UID_ROOT}.1.{number}", EI) + content)


_ITEM = explicit_element(8, 0x1150, "UI", CT_CLASS.encode(), pad=b"\0")
UNDEFINED_SEQUENCE = (
    b"\x10\x00\x01\x11SQ\0\0\xff\xff\xff\xff"
     b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + _ITEM + b"\xfe\xff\x0d\xe0\0\0\0\0"
    + b"\xfe\xff\xdd\xe0\0\0\0\0"
)  # fmt: skip
_rewritten("UNDEFINED-SQ", 130, UNDEFINED_SEQUENCE)
_rewritten("GROUP-LENGTH", 131, after=b"", before=explicit_element(0x12, 0, "UL", b"\x63\0\0\0")
           + explicit_element(0x12, 0x10, "LO", b"sponsor "))  # fmt: skip
_rewritten("TRAILING-PADDING", 132, after=explicit_element(0xFFFC, 0xFFFC, "OB", bytes(20)))
_rewritten("ODD-TEXT", 133, explicit_element(0x10, 0x1000, "LO", b"odd", pad=b""))
_rewritten("TWICE", 134, explicit_element(0x10, 0x20, "LO", b"again "))
_rewritten("UNSORTED", 135, explicit_element(0x09, 0x1002, "LO", b"late"))
_rewritten(
    "ODD-OB", 136, explicit_element(0x11, 0x10, "LO", b"OWNER ") + explicit_element(0x11, 0x1001, "OB", b"abc", pad=b"")
)
_rewritten("SPACES", 137, explicit_element(0x10, 0x1000, "LO", b"spaces    "))
_rewritten("BLANK-UID", 138, explicit_element(0x12, 0x9999, "UI", b"1.2 .3", pad=b""))
_rewritten("ODD-OW", 139, after=explicit_element(0x7FE1, 0x10, "LO", b"OWNER ")
           + explicit_element(0x7FE1, 0x1001, "OW", b"abc", pad=b""))  # fmt: skip


@fixture_file("CT-BIG-BYTES")
def _swapped(files: FixtureFiles, path: Path) -> None:
    """CT's pixels with the bytes of each word exchanged, for a receiver of big endian."""
    path.write_bytes(swap_words(files.data_set_bytes("CT")[-512:]))


@fixture_file("JLL-CORRUPT")
def _corrupt_jpeg(files: FixtureFiles, path: Path) -> None:
    """The JPEG stream is overwritten from its first marker on; the fragments around it are sound."""
    content = bytearray(files.bytes("JLL"))
    start = content.index(b"\xff\xd8\xff")
    content[start + 2 : start + 40] = b"\x55" * 38
    path.write_bytes(bytes(content))


@fixture_file("UID-AS-UN")
def _uids_of_unknown_vr(files: FixtureFiles, path: Path) -> None:
    """SOP Class and Instance UID have VR UN in the data set, as some anonymisers write them."""
    content = files.bytes("CT")
    for element in (b"\x08\x00\x16\x00", b"\x08\x00\x18\x00"):
        place = content.index(element + b"UI")
        length = content[place + 6 : place + 8]
        content = content[:place] + element + b"UN\0\0" + length + b"\0\0" + content[place + 8 :]
    path.write_bytes(content)


@fixture_file("PRIVATE-IMPLICIT")
def _private_element_in_implicit_vr(files: FixtureFiles, path: Path) -> None:
    """A private element that the vendor describes as SS; DCMTK's private dictionary does not hold it."""
    data_set = instance(140)
    data_set.private_block(0x0045, "GEMS_HELIOS_01", create=True).add_new(0x01, "SS", 8)
    write_part10(path, data_set, II)


_of_class("YOUNG-CLASS", 141, "1.2.840.10008.5.1.4.1.1.66.7")
