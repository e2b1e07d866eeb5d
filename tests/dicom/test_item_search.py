"""Items that contain an element, as DICOMDIR reading needs them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pydicom
import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.item_search import find_items_with
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DataSetError
from support.data_set_bytes import ENCODINGS, Items, Raw

FILE_ID = 0x00041500
OTHERS = (0x00041510, 0x00020003, 0x00091010, 0x00091011)


def find(data: bytes, uid: str) -> list[dict[int, bytes]]:
    source, syntax = BytesSource(data), transfer_syntax(uid)
    return list(find_items_with(source, syntax, FILE_ID, OTHERS, dictionary=default_dictionary))


@pytest.mark.parametrize("name", sorted(ENCODINGS))
@pytest.mark.parametrize("undefined", [False, True])
def test_items_at_any_depth_in_the_order_of_the_element(name: str, undefined: bool) -> None:
    encoding = ENCODINGS[name]
    inner = [(FILE_ID, "CS", b"INNER "), (0x00041510, "UI", b"1.2\0")]
    outer_before = [(FILE_ID, "CS", b"OUTER "), (0x00081140, "SQ", Items([inner], undefined, undefined))]
    outer_after = [(0x00020003, "UI", b"9\0"), (0x00041220, "SQ", Items([inner], undefined, undefined)),
                   (FILE_ID, "CS", b"LAST")]
    without = [(0x00041430, "CS", b"PATIENT ")]
    data = encoding.encode([(0x00041220, "SQ", Items([without, outer_before, outer_after], undefined, undefined))])
    found = find(data, encoding.uid)
    assert [item[FILE_ID] for item in found] == [b"OUTER ", b"INNER ", b"INNER ", b"LAST"]
    assert found[1] == {FILE_ID: b"INNER ", 0x00041510: b"1.2\0"}
    assert found[3][0x00020003] == b"9\0"


def test_an_element_outside_of_items_is_no_hit() -> None:
    encoding = ENCODINGS["explicit little"]
    assert find(encoding.encode([(FILE_ID, "CS", b"TOP ")]), encoding.uid) == []


def test_first_value_counts_and_long_values_are_left_out() -> None:
    encoding = ENCODINGS["explicit little"]
    item = [
        (FILE_ID, "CS", b"ONE "), (FILE_ID, "CS", b"TWO "), (0x00091010, "OB", bytes(70000)), (0x00091011, "LO", b"x "),
    ]
    data = encoding.encode([(0x00041220, "SQ", [item])])
    assert find(data, encoding.uid) == [{FILE_ID: b"ONE ", 0x00091011: b"x "}]


def test_elements_that_nobody_asks_for_take_no_memory() -> None:
    """In a hole of a sparse file there are any number of elements: each eight zeros are one.

    Two windows of 64 and 128 KiB are in memory at a time.  Three bytes for each element would be found, and so would
    be the long value, which nobody has to read.
    """
    encoding = ENCODINGS["implicit"]
    item = [(FILE_ID, "CS", b"ONE "), (0, "", Raw(bytes(8 * 25_000))), (0x00091012, "OB", bytes(600_000))]
    item.append((0x00041510, "UI", b"1.2\0"))
    data = encoding.encode([(0x00041220, "SQ", Items([item], True, True))])
    find(data, encoding.uid)
    tracemalloc.start()
    try:
        found = find(data, encoding.uid)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [{FILE_ID: b"ONE ", 0x00041510: b"1.2\0"}]
    assert peak < 265_000


def test_a_truncated_dicomdir_is_an_error_before_the_first_record() -> None:
    encoding = ENCODINGS["explicit little"]
    data = encoding.encode([(0x00041220, "SQ", [[(FILE_ID, "CS", b"ONE ")], [(FILE_ID, "CS", b"TWO ")]])])
    records = find_items_with(BytesSource(data[:-2]), transfer_syntax(encoding.uid), FILE_ID)
    with pytest.raises(DataSetError) as error:
        next(records)
    assert error.value.condition == "Invalid stream"


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-reordered"])
def test_real_dicomdirs(data: Path, name: str) -> None:
    path = data / "fileset" / name
    if not path.exists():
        pytest.skip(f"{name} is not among the test data")
    content = path.read_bytes()
    expected = pydicom.dcmread(path)
    start = 132 + 12 + expected.file_meta.FileMetaInformationGroupLength
    found = find(content[start:], expected.file_meta.TransferSyntaxUID)
    records = [record for record in expected.DirectoryRecordSequence if "ReferencedFileID" in record]
    files = ["\\".join(record.ReferencedFileID) for record in records]
    assert [item[FILE_ID].decode().rstrip(" ") for item in found] == files
