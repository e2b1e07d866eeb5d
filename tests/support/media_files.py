"""DICOMDIR files with the directory trees they describe; registered with ``fixture_files``.

``files("media/good/DICOMDIR")`` makes the tree ``media/good``; names here carry no suffix.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom.config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.fixture_files import CT_CLASS, EI, UID_ROOT, FixtureFiles, encode_data_set, fixture_file, meta_header

DIRECTORY_CLASS = "1.2.840.10008.1.3.10"


def record(
    kind: str,
    file_id: str | None = None,
    number: int = 1,
    *,
    in_use: int = 0xFFFF,
    transfer_syntax: str | None = EI,
    sop_class_uid: str = CT_CLASS,
) -> Dataset:
    """A directory record; ``file_id`` None leaves all four references out."""
    item = Dataset()
    item.OffsetOfTheNextDirectoryRecord = 0
    item.RecordInUseFlag = in_use
    item.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    item.DirectoryRecordType = kind
    if file_id is not None:
        item.add(DataElement(0x00041500, "CS", file_id.split("\\"), validation_mode=pydicom.config.IGNORE))
        item.ReferencedSOPClassUIDInFile = sop_class_uid
        item.ReferencedSOPInstanceUIDInFile = f"{UID_ROOT}.1.{number}"
        if transfer_syntax is not None:
            item.ReferencedTransferSyntaxUIDInFile = transfer_syntax
    if kind == "PATIENT":
        item.PatientName, item.PatientID = "Parity^Test", "P1"
    return item


def dicomdir(*records: Dataset) -> bytes:
    data_set = Dataset()
    data_set.FileSetID = "PARITY"
    data_set.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    data_set.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    data_set.FileSetConsistencyFlag = 0
    data_set.DirectoryRecordSequence = Sequence(records)
    return meta_header(DIRECTORY_CLASS, f"{UID_ROOT}.8.1", EI) + encode_data_set(data_set, EI)


def medium(name: str, *records: Dataset, cut: int | None = None, images: tuple[tuple[str, str], ...] = ()) -> None:
    """Register ``media/NAME/DICOMDIR``; IMG/A and IMG/B are CT and CT2."""

    @fixture_file(f"media/{name}/DICOMDIR")
    def build(files: FixtureFiles, path: Path) -> None:
        for place, source in (("IMG/A", "CT"), ("IMG/B", "CT2"), *images):
            target = path.parent / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(files.path(source), target)
        path.write_bytes(dicomdir(*records)[:cut])


_PATIENT = record("PATIENT")
_A = record("IMAGE", "IMG\\A", 1)
_B = record("IMAGE", "IMG\\B", 2)

medium("good", _PATIENT, _A, _B)
medium("missing", _PATIENT, record("IMAGE", "IMG\\NONE", 9), _B)
medium("lower", _PATIENT, record("IMAGE", "img\\a", 1), _B)
medium("no-syntax-first", _PATIENT, record("IMAGE", "IMG\\A", 1, transfer_syntax=None), _B)
medium("no-syntax-last", _PATIENT, _A, record("IMAGE", "IMG\\B", 2, transfer_syntax=None))
medium("empty-id", _PATIENT, record("IMAGE", "", 1), _B)
medium("no-records")
medium("patient-only", _PATIENT)
medium("inactive", _PATIENT, record("IMAGE", "IMG\\A", 1, in_use=0), record("PRIVATE", "IMG\\B", 2))
medium("slash", _PATIENT, record("IMAGE", "IMG/A", 1), _B)
medium("outside", _PATIENT, record("IMAGE", "..\\OUTSIDE", 1), _B, images=(("../OUTSIDE", "CT"),))
medium("wrong-syntax", _PATIENT, record("IMAGE", "IMG\\A", 1, transfer_syntax="1.2.840.10008.1.2.4.70"), _B)
medium("wrong-class", _PATIENT, record("IMAGE", "IMG\\A", 1, sop_class_uid="1.2.840.10008.5.1.4.1.1.4"), _B)
medium("truncated", _PATIENT, _A, _B, cut=-30)


@fixture_file("media/absolute/DICOMDIR")
def _absolute(files: FixtureFiles, path: Path) -> None:
    """The first record's file ID is the absolute path of CT."""
    absolute = str(files.path("CT")).replace("/", "\\")
    path.write_bytes(dicomdir(_PATIENT, record("IMAGE", absolute, 1)))
