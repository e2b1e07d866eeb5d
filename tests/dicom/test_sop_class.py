"""Names and abbreviations of SOP classes; DCMTK's programs are asked for every single one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydicom._uid_dict import UID_dictionary

from dcmsend.dicom.sop_class import is_storage_sop_class, modality_abbreviation, sop_class_name
from dcmsend.dicom.sop_class_table import SOP_CLASSES
from dcmsend.dicom.uid_table import UID_NAMES
from support.discarding_peer import DiscardingPeer
from support.fixture_files import EI, explicit_element, meta_header
from support.programs import dcmtk_program
from support.run import run

# Registered after the edition of the standard that DCMTK 3.6.7 was made from: it says `unknown`, we say the keyword.
YOUNGER_THAN_DCMTK = {
    "1.2.840.10008.5.1.4.1.1.6.3",
    "1.2.840.10008.5.1.4.1.1.9.1.4",
    "1.2.840.10008.5.1.4.1.1.9.100.1",
    "1.2.840.10008.5.1.4.1.1.9.100.2",
    "1.2.840.10008.5.1.4.1.1.11.12",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.66.8",
    "1.2.840.10008.5.1.4.1.1.77.1.8",
    "1.2.840.10008.5.1.4.1.1.77.1.9",
    "1.2.840.10008.5.1.4.1.1.88.77",
    "1.2.840.10008.5.1.4.1.1.201.1",
    "1.2.840.10008.5.1.4.1.1.201.1.1",
    "1.2.840.10008.5.1.4.1.1.201.2",
    "1.2.840.10008.5.1.4.1.1.201.3",
    "1.2.840.10008.5.1.4.1.1.201.4",
    "1.2.840.10008.5.1.4.1.1.201.5",
    "1.2.840.10008.5.1.4.1.1.201.6",
    "1.2.840.10008.5.1.4.1.1.481.23",
    "1.2.840.10008.5.1.4.1.1.481.24",
    "1.2.840.10008.5.1.4.1.1.481.25",
}


@pytest.mark.peer("pynetdicom")
def test_all_storage_classes_that_pynetdicom_knows_are_accepted() -> None:
    from pynetdicom import AllStoragePresentationContexts

    storage = [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    assert len(storage) > 150
    assert [uid for uid in storage if not is_storage_sop_class(uid)] == []


def test_classes_that_store_nothing_are_not_accepted() -> None:
    other = [
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind.endswith("SOP Class") and not re.search("Storage(?! Commitment)", name) and "5.1.4.1.1." not in uid
    ]
    assert len(other) > 80
    assert [uid for uid in other if is_storage_sop_class(uid)] == []


def test_an_unknown_class_has_neither_name_nor_abbreviation() -> None:
    assert sop_class_name("1.2.3.4") == sop_class_name("") == "unknown"
    assert modality_abbreviation("1.2.3.4") == "OT"


def names_in_dump(folder: Path, uids: list[str]) -> dict[str, str]:
    """DCMTK's name of each UID it knows: dcmdump writes `=Name` instead of the value."""
    elements = [explicit_element(0x0008, 0x1150, "UI", uid.encode(), pad=b"\0") for uid in uids]
    items = b"".join(b"\xfe\xff\x00\xe0" + len(element).to_bytes(4, "little") + element for element in elements)
    sequence = b"\x08\x00\x40\x11SQ\0\0" + len(items).to_bytes(4, "little") + items
    path = folder / "uids.dcm"
    path.write_bytes(meta_header("1.2.840.10008.5.1.4.1.1.88.59", "1.2.3", EI) + sequence)
    program = dcmtk_program("dcmdump")
    assert program is not None
    done = run(program, path)
    found = re.findall(r"\(0008,1150\) UI (=\S+|\[\S+\])", done.stdout)
    assert len(found) == len(uids), done.stderr
    return {uid: text[1:] for uid, text in zip(uids, found, strict=True) if text.startswith("=")}


def neighbours(uid: str) -> list[str]:
    """UIDs that could have a name if the table forgot one."""
    stem, _, last = uid.rpartition(".")
    return [f"{stem}.{number}" for number in range(int(last), int(last) + 4)] + [f"{uid}.{k}" for k in range(1, 4)]


@pytest.mark.peer("dcmtk")
def test_every_name_is_dcmtks(tmp_path: Path) -> None:
    known = [*SOP_CLASSES, *UID_NAMES]
    uids = sorted({*known, *(other for uid in known for other in neighbours(uid))})
    theirs = names_in_dump(tmp_path, uids)
    assert len(theirs) > 400
    differences = {uid: (sop_class_name(uid), name) for uid, name in theirs.items() if sop_class_name(uid) != name}
    assert differences == {}
    ours_alone = {uid for uid in SOP_CLASSES if uid not in theirs}
    assert ours_alone == YOUNGER_THAN_DCMTK


@pytest.mark.peer("dcmtk-dcmsend")
def test_every_abbreviation_is_dcmtks(tmp_path: Path) -> None:
    uids = [*SOP_CLASSES, "1.2.3.4.5", "1.2.840.113619.4.30"]
    for number, uid in enumerate(uids):
        element = explicit_element(0x0008, 0x0016, "UI", uid.encode(), pad=b"\0")
        element += explicit_element(0x0008, 0x0018, "UI", f"1.2.3.{number}".encode(), pad=b"\0")
        (tmp_path / f"{number:03}").write_bytes(meta_header(uid, f"1.2.3.{number}", EI) + element)
    names = sorted(path.name for path in tmp_path.iterdir())
    program = dcmtk_program("dcmsend")
    assert program is not None
    with DiscardingPeer() as peer:
        done = run(program, "-v", "127.0.0.1", peer.port, *names, cwd=tmp_path, environment={"TCP_NODELAY": "1"})
    assert done.exit_code == 0, done.stderr
    theirs = re.findall(r"Sending C-STORE Request \(MsgID \d+, (\w+)\)", done.stderr)
    assert len(theirs) == len(uids)
    pairs = zip(uids, theirs, strict=True)
    assert [(uid, modality_abbreviation(uid), name) for uid, name in pairs if modality_abbreviation(uid) != name] == []
