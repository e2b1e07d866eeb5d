"""What the records of a DICOMDIR are made into; the verdict on them is in tests/index."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, transfer_syntax
from dcmsend.inputs import Origin, leads_outside, read_dicomdir
from support.corpus import DATA
from support.data_set_bytes import ENCODINGS
from support.part10 import read_part10

EI = ENCODINGS["explicit little"]


def paths(name: str, *file_ids: bytes) -> list[str]:
    data = EI.encode([(0x00041220, "SQ", [[(0x00041500, "CS", file_id)] for file_id in file_ids])])
    return [item.path for item in read_dicomdir(name, BytesSource(data), EXPLICIT_VR_LITTLE_ENDIAN)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DICOMDIR", "IMG/A"), ("./DICOMDIR", "IMG/A"), (".//DICOMDIR", "IMG/A"), ("dir/DICOMDIR", "dir/IMG/A"),
        ("dir//DICOMDIR", "dir/IMG/A"), ("a//b/DICOMDIR", "a//b/IMG/A"), ("./dir/ok", "./dir/IMG/A"),
        ("../ok", "../IMG/A"), ("/DICOMDIR", "/IMG/A"), ("/a/ok", "/a/IMG/A"),
    ],
)  # fmt: skip
def test_files_are_named_from_the_directory_of_the_dicomdir(name: str, expected: str) -> None:
    """The expected names are those that DCMTK's dcmsend opens."""
    assert paths(name, b"IMG\\A ") == [expected]


@pytest.mark.parametrize(
    ("file_id", "expected"),
    [
        (b"IMG \\A", "d/IMG/A"), (b" IMG\\ A ", "d/IMG/A"), (b"\\IMG\\A", "/IMG/A"), (b"/IMG/A", "/IMG/A"),
        (b"IMG\\\\A", "d/IMG//A"), (b"..\\A", "d/../A"), (b"A\0", "d/A"), (b"A\\", "d/A/"), (b"A\0B ", "d/A"),
        (b"img\\\xe9", "d/img/\udce9"), (b"\\ ", "/"), (b"    ", ""), (b"", ""), (b"A//B", "d/A//B"),
    ],
)  # fmt: skip
def test_unusual_file_ids(file_id: bytes, expected: str) -> None:
    assert paths("d/DICOMDIR", file_id) == [expected]


@pytest.mark.parametrize("file_id", ["..", "..\\A", "A\\..\\B", "A/../B", "/A", "\\A", "A\\.."])
def test_what_leads_outside(file_id: str) -> None:
    assert leads_outside(file_id)


@pytest.mark.parametrize("file_id", ["A", "A\\B", "A/B", "...", "A..", "..A\\B", ".", "A\\.\\B"])
def test_what_stays_inside(file_id: str) -> None:
    assert not leads_outside(file_id)


@pytest.mark.parametrize("path", sorted((DATA / "fileset").rglob("DICOMDIR*")), ids=lambda path: path.name)
def test_the_records_that_pydicom_sees(path: Path) -> None:
    part10 = read_part10(path)
    source = BytesSource(path.read_bytes()[part10.data_set_offset :])
    found = list(read_dicomdir(str(path), source, transfer_syntax(part10.transfer_syntax)))
    expected = [
        tuple(str(record.get(name, "")) for name in (
            "ReferencedSOPClassUIDInFile", "ReferencedSOPInstanceUIDInFile", "ReferencedTransferSyntaxUIDInFile",
        ))
        for record in pydicom.dcmread(path).DirectoryRecordSequence if "ReferencedFileID" in record
    ]  # fmt: skip
    assert [
        (item.record.sop_class_uid, item.record.sop_instance_uid, item.record.transfer_syntax_uid)
        for item in found if item.record is not None
    ] == expected  # fmt: skip
    assert all(item.origin is Origin.DICOMDIR and Path(item.path).exists() for item in found)
