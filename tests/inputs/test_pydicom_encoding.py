"""Data sets of pydicom whose Transfer Syntax UID is another one than they were read in: sent right, or refused."""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from io import BytesIO
from itertools import permutations
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError
from dcmsend.inputs.pydicom_data_set import encode_data_set
from support.corpus import DATA
from support.fixture_files import EB, EI, II, read_data_set
from support.fixture_files import encode_data_set as encoded_by_pydicom
from support.sending import send_all

NATIVE = (EI, EB, II)
CHANGES = list(permutations(NATIVE, 2))
TS = "1.2.840.10008.1.2."
JPEG, JPEG_LS, JPEG_2000 = TS + "4.70", TS + "4.80", TS + "4.90"
HTJ2K, JPEG_XL, RLE = TS + "4.201", TS + "4.110", TS + "5"

WORDS = {
    "OW": (0x00281201, bytes(range(8))), "OF": (0x7FE00008, struct.pack("f", 1.5)),
    "OD": (0x7FE00009, struct.pack("d", 1.5)), "OL": (0x00660040, struct.pack("2I", 1, 2)),
    "OV": (0x7FE00001, struct.pack("Q", 1)), "UN": (0x00091001, b"\x01\x02\x03\x04"),
}

each_touch = pytest.mark.parametrize("touch", [False, True], ids=["raw", "parsed"])


def plain() -> Dataset:
    """Everything that pydicom writes anew."""
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.SOPClassUID, data_set.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    data_set.PatientName = "Müller^Jörg"
    data_set.Rows, data_set.Columns = 258, 3
    data_set.PixelRepresentation = 1
    data_set.SmallestImagePixelValue = -2
    data_set.add_new(0x00189073, "FD", 2.5)
    data_set.add_new(0x00280009, "AT", [0x00181063])
    data_set.add_new(0x00091010, "UN", b"\x07")
    data_set.add_new(0x00420011, "OB", b"%PDF")
    item = Dataset()
    item.Rows = 772
    data_set.ReferencedSeriesSequence = [item]
    return data_set


def read_in(data_set: Dataset, syntax: str, **options: Any) -> Dataset:
    """As pydicom reads it from a file in this syntax; the bytes of binary values are those of ``data_set``."""
    content = encoded_by_pydicom(data_set, syntax)
    read = pydicom.dcmread(file_of(content, syntax), **options)
    assert read.original_encoding == (syntax == II, syntax != EB)
    return read


def file_of(content: bytes, syntax: str) -> BytesIO:
    file = BytesIO()
    meta = Dataset()
    meta.file_meta = FileMetaDataset()
    meta.file_meta.TransferSyntaxUID = syntax
    meta.file_meta.MediaStorageSOPClassUID, meta.file_meta.MediaStorageSOPInstanceUID = "1.2", "1.2.3"
    pydicom.dcmwrite(file, meta, enforce_file_format=True)
    return BytesIO(file.getvalue() + content)


def encoded(data_set: Dataset, syntax: str) -> Dataset:
    """What arrives."""
    return read_data_set(encode_data_set(data_set, transfer_syntax(syntax)), syntax)


def refusal(data_set: Dataset, syntax: str) -> str:
    with pytest.raises(DataSetError) as error:
        encode_data_set(data_set, transfer_syntax(syntax))
    return error.value.detail


# -- byte order


@each_touch
@pytest.mark.parametrize(("read", "said"), CHANGES)
def test_what_pydicom_writes_anew_is_sent_right(read: str, said: str, touch: bool) -> None:
    data_set = read_in(plain(), read)
    if touch:
        assert list(data_set.iterall())
    assert encoded(data_set, said) == encoded(plain(), said)


@pytest.mark.parametrize("nested", [False, True], ids=["", "nested"])
@each_touch
@pytest.mark.parametrize("vr", WORDS)
@pytest.mark.parametrize(("read", "said"), CHANGES)
def test_bytes_that_nobody_swaps_are_refused(read: str, said: str, vr: str, touch: bool, nested: bool) -> None:
    tag, value = WORDS[vr]
    original = plain()
    holder = original.ReferencedSeriesSequence[0] if nested else original
    holder.add_new(0x00090010, "LO", "SOMEBODY")
    holder.add_new(tag, vr, value)
    data_set = read_in(original, read)
    if touch:
        assert list(data_set.iterall())
    if EB not in (read, said):
        assert encoded(data_set, said) == encoded(original, said)
    else:
        detail = refusal(data_set, said)
        assert f"({tag >> 16:04X},{tag & 0xFFFF:04X})" in detail
        assert "another byte order" in detail
        assert "leave the Transfer Syntax UID" in detail


@pytest.mark.parametrize("defer", [1, None])
@pytest.mark.parametrize(("read", "said"), [(EI, EB), (EB, EI), (EB, II), (II, EB)])
def test_values_that_are_read_later(read: str, said: str, defer: int | None, tmp_path: Path) -> None:
    original = plain()
    original.add_new(WORDS["OW"][0], "OW", WORDS["OW"][1])
    path = tmp_path / "file.dcm"
    path.write_bytes(file_of(encoded_by_pydicom(original, read), read).getvalue())
    assert "another byte order" in refusal(pydicom.dcmread(path, defer_size=defer), said)
    assert encoded(pydicom.dcmread(path, defer_size=defer), read) == encoded(original, read)


def test_an_element_that_comes_from_a_data_set_in_another_byte_order() -> None:
    """pydicom would write the raw value as it is."""
    little, big = read_in(plain(), EI), read_in(plain(), EB)
    little[0x00280010] = big.get_item(0x00280010)
    assert encoded(little, EI).Rows == 258
    palette = plain()
    palette.add_new(WORDS["OW"][0], "OW", WORDS["OW"][1])
    little[WORDS["OW"][0]] = read_in(palette, EB).get_item(WORDS["OW"][0])
    assert "another byte order" in refusal(little, EI)
    fresh = Dataset()
    fresh.update(read_in(palette, EB))
    assert "another byte order" in refusal(fresh, EI)


@pytest.mark.parametrize("syntax", NATIVE)
def test_a_data_set_made_from_nothing_is_believed(syntax: str) -> None:
    data_set = plain()
    data_set.add_new(WORDS["OW"][0], "OW", WORDS["OW"][1])
    assert encoded(data_set, syntax)[WORDS["OW"][0]].value == WORDS["OW"][1]


# -- compression

FRAMES = {
    JPEG: b"\xff\xd8\xff\xc4\x00\x04\0\0\xff\xc3\x00\x04\0\0",
    JPEG_LS: b"\xff\xd8\xff\xe8\x00\x04\0\0\xff\xf7\x00\x04\0\0",
    JPEG_2000: b"\xff\x4f\xff\x51\0\0", HTJ2K: b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_XL: b"\xff\x0a\0\0",
    RLE: struct.pack("<16L", 1, 64, *[0] * 14),
}


def compressed(syntax: str) -> Dataset:
    data_set = plain()
    data_set.add_new(0x7FE00010, "OB", encapsulate([FRAMES[syntax]]))
    data_set["PixelData"].is_undefined_length = True
    return data_set


def native() -> Dataset:
    data_set = plain()
    data_set.add_new(0x7FE00010, "OW", bytes(range(64)))
    return data_set


def as_made(data_set: Dataset, _syntax: str) -> Dataset:
    return data_set


def as_read(data_set: Dataset, syntax: str) -> Dataset:
    return read_in(data_set, EI if syntax not in NATIVE else syntax)


Way = Callable[[Dataset, str], Dataset]
each_way = pytest.mark.parametrize("way", [as_made, as_read])


@each_way
@pytest.mark.parametrize("said", NATIVE)
@pytest.mark.parametrize("syntax", FRAMES)
def test_compressed_pixels_that_are_called_native(syntax: str, said: str, way: Way) -> None:
    detail = refusal(way(compressed(syntax), syntax), said)
    assert "compressed" in detail or "byte order" in detail


@each_way
@pytest.mark.parametrize("said", FRAMES)
@pytest.mark.parametrize("syntax", [EI, II])
def test_native_pixels_that_are_called_compressed(syntax: str, said: str, way: Way) -> None:
    assert "not compressed" in refusal(way(native(), syntax), said)


@each_way
@pytest.mark.parametrize("said", FRAMES)
@pytest.mark.parametrize("syntax", FRAMES)
def test_pixels_that_are_compressed_in_another_way(syntax: str, said: str, way: Way) -> None:
    data_set = way(compressed(syntax), syntax)
    if said == syntax or {said, syntax} == {JPEG_2000, HTJ2K}:
        assert encoded(data_set, said).PixelData.rstrip(b"\0").startswith(compressed(syntax).PixelData[:16])
    else:
        assert "Pixel Data are compressed as" in refusal(data_set, said)


@each_way
@pytest.mark.parametrize("number", [*range(50, 67), 70])
def test_every_jpeg_syntax_holds_jpeg(number: int, way: Way) -> None:
    """Most of them are retired; what is in them is still sent, as it is from files."""
    sent = encoded(way(compressed(JPEG), JPEG), f"{TS}4.{number}")
    assert sent.PixelData.startswith(compressed(JPEG).PixelData[:16])


@each_way
@pytest.mark.parametrize("said", [TS + "4.100", TS + "4.102", TS + "4.107", TS + "8.1"])
@pytest.mark.parametrize("syntax", FRAMES)
def test_pictures_that_are_called_a_film(syntax: str, said: str, way: Way) -> None:
    assert "Pixel Data are compressed as" in refusal(way(compressed(syntax), syntax), said)


@pytest.mark.parametrize(("read", "said"), [(EB, EI), (EI, EB)])
def test_who_has_swapped_the_bytes_says_so(read: str, said: str) -> None:
    data_set = read_in(native(), read)
    data_set.PixelData = swapped = b"".join(data_set.PixelData[at : at + 2][::-1] for at in range(0, 8, 2))
    assert "set_original_encoding" in refusal(data_set, said)
    data_set.set_original_encoding(False, said != EB)
    assert encoded(data_set, said).PixelData[:8] == swapped


@pytest.mark.parametrize("said", [EI, II])
def test_a_compressed_icon_in_a_native_data_set(said: str) -> None:
    original = native()
    original.IconImageSequence = [compressed(JPEG)]
    assert "compressed" in refusal(original, said)
    del original.IconImageSequence
    original.add_new(0x00090010, "LO", "SOMEBODY")
    original.add_new(0x00091001, "SQ", [compressed(JPEG)])
    assert compressed(JPEG).PixelData in encode_data_set(original, transfer_syntax(said))


def test_a_native_icon_in_a_compressed_data_set() -> None:
    original = compressed(JPEG)
    original.IconImageSequence = [native()]
    assert encoded(original, JPEG).IconImageSequence[0].PixelData == native().PixelData


@pytest.mark.parametrize("is_compressed", [False, True])
def test_pixels_in_a_buffer(is_compressed: bool) -> None:
    data_set = compressed(JPEG) if is_compressed else native()
    value = data_set.PixelData
    data_set["PixelData"].value = BytesIO(value)
    right, wrong = (JPEG, EI) if is_compressed else (EI, JPEG)
    assert "ompressed" in refusal(data_set, wrong)
    assert encoded(data_set, right).PixelData == value


def test_decompressed_by_pydicom() -> None:
    data_set = pydicom.dcmread(DATA / "pydicom" / "MR_small_RLE.dcm")
    data_set.decompress()
    assert encoded(data_set, EI).PixelData == pydicom.dcmread(DATA / "pydicom" / "MR_small.dcm").PixelData


# -- through the door


@pytest.mark.parametrize(
    ("name", "said"),
    [("CT_small.dcm", EB), ("MR_small_bigendian.dcm", EI), ("JPEG2000.dcm", EI), ("CT_small.dcm", JPEG)],
)
def test_one_is_refused_the_others_are_sent(name: str, said: str) -> None:
    wrong, right = pydicom.dcmread(DATA / "pydicom" / name), pydicom.dcmread(DATA / "pydicom" / "CT_small.dcm")
    wrong.file_meta.TransferSyntaxUID = said
    before = copy.deepcopy(wrong)
    sent = send_all([wrong, right])
    assert sent.results == ["failed", "stored"]
    assert [store.sop_instance_uid for store in sent.peer.stores] == [right.SOPInstanceUID]
    assert wrong == before


def test_vrs_of_the_callers_elements_stay() -> None:
    """pydicom settles an ambiguous VR in the elements that it writes."""
    data_set = plain()
    del data_set.SmallestImagePixelValue
    data_set.add_new(0x00280106, "US or SS", 5)
    data_set.ReferencedSeriesSequence[0].add_new(0x00280106, "US or SS", 5)
    data_set.add_new(0x7FE00010, "OB or OW", bytes(8))
    data_set.BitsAllocated = 16
    assert encoded(data_set, EI)[0x00280106].VR == "SS"
    assert data_set[0x00280106].VR == data_set.ReferencedSeriesSequence[0][0x00280106].VR == "US or SS"
    assert data_set["PixelData"].VR == "OB or OW"


def test_vrs_that_depend_on_the_sign_are_settled_in_a_data_set_that_was_read() -> None:
    """pydicom does that only in those that are made from nothing, or change their encoding."""
    data_set = read_in(plain(), EI)
    item = data_set.ReferencedSeriesSequence[0]
    data_set.LargestImagePixelValue = item.LargestImagePixelValue = -5
    sent = encoded(data_set, EI)
    for element in (sent["LargestImagePixelValue"], sent.ReferencedSeriesSequence[0]["LargestImagePixelValue"]):
        assert (element.VR, element.value) == ("SS", -5)
    assert item["LargestImagePixelValue"].VR == "US or SS"


# -- items


@each_touch
@pytest.mark.parametrize("is_undefined_length", [False, True])
@pytest.mark.parametrize("said", ["ISO_IR 192", "ISO_IR 6", None])
@pytest.mark.parametrize("syntax", NATIVE)
def test_values_in_items_stay_as_they_were_read(
    syntax: str, said: str | None, is_undefined_length: bool, touch: bool
) -> None:
    """Also text in another character set than the data set says, and padding that pydicom would not write."""
    original = plain()
    original.PatientName = "Jorg"
    original.SpecificCharacterSet = said
    if said is None:
        del original.SpecificCharacterSet
    item = original.ReferencedSeriesSequence[0]
    item.InstanceNumber, item.CodeMeaning = "1234", "Schaedel"
    original["ReferencedSeriesSequence"].is_undefined_length = is_undefined_length
    content = encoded_by_pydicom(original, syntax).replace(b"1234", b"12  ").replace(b"Schaedel", b"Sch\xe4del ")
    data_set = pydicom.dcmread(file_of(content, syntax))
    if touch:
        assert len(data_set.ReferencedSeriesSequence) == 1
    assert encode_data_set(data_set, transfer_syntax(syntax)) == content


@each_touch
@pytest.mark.parametrize("before", ["ISO_IR 100", None])
def test_text_in_items_follows_the_character_set_of_the_data_set(before: str | None, touch: bool) -> None:
    original = plain()
    original.SpecificCharacterSet, original.PatientName = before, "Jorg"
    text = "J\xf6rg" if before else "Jorg"
    original.ReferencedSeriesSequence[0].PatientName = text
    data_set = read_in(original, EI)
    if touch:
        data_set.ReferencedSeriesSequence[0].PatientComments = text
    data_set.SpecificCharacterSet = "ISO_IR 192"
    item = encoded(data_set, EI).ReferencedSeriesSequence[0]
    assert [item.PatientName, item.get("PatientComments", text)] == [text, text]


@each_touch
def test_values_in_items_keep_their_sign_in_explicit_vr(touch: bool) -> None:
    original = plain()
    outer = original.ReferencedSeriesSequence[0]
    outer.add_new(0x00409216, "SS", -1024)
    inner = Dataset()
    inner.add_new(0x00280106, "SS", -1)
    outer.IconImageSequence = [inner]
    data_set = read_in(original, II)
    if touch:
        assert len(data_set.ReferencedSeriesSequence[0].IconImageSequence) == 1
    item = encoded(data_set, EI).ReferencedSeriesSequence[0]
    for element, value in ((item[0x00409216], -1024), (item.IconImageSequence[0][0x00280106], -1)):
        assert (element.VR, element.value) == ("SS", value)
