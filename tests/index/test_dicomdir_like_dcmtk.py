"""DICOMDIRs of every kind: the scan logs line for line what DCMTK's dcmsend logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dcmsend.advice import for_rejection
from dcmsend.index import IndexOptions, RejectedInput, scan
from dcmsend.inputs import InputFile
from support.corpus import DATA
from support.data_set_bytes import ENCODINGS, Items, Raw, file_with, meta_header
from support.reading_judge import collected_log, dcmtk_lines, our_lines

EI, II, EB = ENCODINGS["explicit little"], ENCODINGS["implicit"], ENCODINGS["explicit big"]
DIRECTORY = "1.2.840.10008.1.3.10"
CT = "1.2.840.10008.5.1.4.1.1.2"
OTHERWISE_LOGGED = re.compile(
    r"DcmDataDictionary|dcmsend v3|D: $|checkAndReadPreamble|DcmDataset::read|getting SOP|trying to|processing a DICOM"
    r"|found twice|not in ascending|no valid input|I: checking|no Transfer Syntax UID found|no SOP Class UID and/or"
)


def uid(text: str | bytes) -> bytes:
    value = text.encode() if isinstance(text, str) else text
    return value + b"\0" * (len(value) & 1)


def record(
    file_id: bytes | None,
    sop_instance: str | bytes | None = "1.2.3",
    sop_class: str | None = CT,
    syntax: str | None = EI.uid,
    lower: list[Any] | None = None,
) -> list[Any]:
    """A directory record; None leaves an element out."""
    elements = [
        (0x00041220, "SQ", Items(lower)) if lower else None,
        (0x00041430, "CS", b"IMAGE "),
        None if file_id is None else (0x00041500, "CS", file_id + b" " * (len(file_id) & 1)),
        None if sop_class is None else (0x00041510, "UI", uid(sop_class)),
        None if sop_instance is None else (0x00041511, "UI", uid(sop_instance)),
        None if syntax is None else (0x00041512, "UI", uid(syntax)),
    ]
    return [element for element in elements if element]


def dicomdir(*records: list[Any], encoding: Any = EI, undefined: bool = False) -> bytes:
    data_set = encoding.encode([(0x00041220, "SQ", Items(records, undefined, undefined))])
    return meta_header(encoding.uid, DIRECTORY, "1.2.9") + data_set


A, B, PATIENT = record(b"IMG\\A", "1.2.31"), record(b"IMG\\B", "1.2.32"), [(0x00041430, "CS", b"PATIENT ")]
WITHOUT_SYNTAX = record(b"IMG\\A", syntax=None)
DICOMDIRS = {
    "good": dicomdir(PATIENT, A, B),
    "implicit": dicomdir(PATIENT, A, B, encoding=II),
    "big-endian": dicomdir(PATIENT, A, B, encoding=EB),
    "undefined": dicomdir(PATIENT, A, B, undefined=True),
    "no-syntax-first": dicomdir(PATIENT, WITHOUT_SYNTAX, B),
    "no-syntax-last": dicomdir(A, WITHOUT_SYNTAX),
    "empty-id": dicomdir(record(b""), B),
    "empty-id-last": dicomdir(A, record(b"")),
    "blank-id": dicomdir(record(b"    "), B),
    "no-records": dicomdir(),
    "patient-only": dicomdir(PATIENT),
    "no-data-set": meta_header(EI.uid, DIRECTORY, "1.2.9"),
    "other-class": dicomdir(A, record(b"IMG\\A", sop_class="1.2.840.10008.1.1"), B),
    "no-instance": dicomdir(record(b"IMG\\A", sop_instance=None), B),
    "bad-instance": dicomdir(A, record(b"IMG\\A", sop_instance="1.2.a"), B),
    "two-instances": dicomdir(record(b"IMG\\A", sop_instance="1.2.31\\1.5"), B),
    "unknown-syntax": dicomdir(record(b"IMG\\A", syntax="1.2.3.4")),
    "all-bad": dicomdir(WITHOUT_SYNTAX, record(b"IMG\\B", sop_instance=None)),
    "nested": dicomdir(record(None, lower=[A, B])),
    "nested-with-file": dicomdir(record(b"IMG\\A", lower=[B])),
    "in-another-sequence": dicomdir([(0x00041430, "CS", b"X "), (0x00081140, "SQ", Items([A]))]),
    "outside-of-items": meta_header(EI.uid, DIRECTORY, "1.2.9") + EI.encode(A),
    "truncated": dicomdir(PATIENT, A, B)[:-40],
    "own-syntax-unknown": file_with(dicomdir(A)[len(meta_header(EI.uid, DIRECTORY, "1.2.9")) :], "1.2.3.4").replace(
        uid("1.2.840.10008.5.1.4.1.1.7") + b"\x02\x00", uid(DIRECTORY) + b"\0\0\0\0\0\0\x02\x00"
    ),
}
NOT_THERE = "W: file of the DICOMDIR is not there"
"""Begins the warning of D62, about a file that the DICOMDIR names."""
OPTIONS = [("+rd",), ("+rd", "-nh"), ("+rd", "-nh", "-nuc"), ("+rd", "+f"), ("-nh",), ("-nuc",)]


def logged_by_both(name: str, *options: str) -> tuple[list[str], list[str]]:
    ours, theirs = our_lines([name], *options), dcmtk_lines(*options, "--", name)
    return _compared(ours), _compared(theirs)


def _compared(lines: list[str]) -> list[str]:
    return [line for line in lines if not OTHERWISE_LOGGED.search(line) and not line.startswith(NOT_THERE)]


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_made_dicomdirs(options: tuple[str, ...], tmp_path: Path) -> None:
    accepted = 0
    for name, content in DICOMDIRS.items():
        path = tmp_path / name
        path.write_bytes(content)
        ours, theirs = logged_by_both(str(path), *options)
        assert ours == theirs, name
        accepted += sum("successfully added SOP instance" in line for line in theirs)
    assert accepted > 15 or "+rd" not in options


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("options", OPTIONS[:3], ids=" ".join)
@pytest.mark.parametrize("path", sorted((DATA / "fileset").rglob("DICOMDIR*")), ids=lambda path: path.name)
def test_real_dicomdirs(path: Path, options: tuple[str, ...]) -> None:
    ours, theirs = logged_by_both(str(path), *options)
    assert ours == theirs
    assert any("adding DICOM files referenced from" in line for line in theirs)


@pytest.mark.peer("dcmtk-dcmsend")
def test_blanks_behind_the_padding_of_a_uid(tmp_path: Path) -> None:
    """The padding goes, too, as in a meta header; only the place of the warning in the log differs."""
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir(record(b"IMG\\A", b"1.2.31\0 "), B))
    ours, theirs = logged_by_both(str(path), "+rd")
    assert sorted(ours) == sorted(theirs)
    assert "D: successfully added SOP instance 1.2.31 to the transfer list" in theirs


def expand(path: Path, **options: Any) -> tuple[list[str], list[RejectedInput], list[str]]:
    rejected: list[RejectedInput] = []
    index = IndexOptions(expand_dicomdir=True, halt_on_invalid=False, **options)
    with collected_log() as lines:
        found = [instance.input.path for instance in scan([InputFile(str(path))], index, rejected.append)]
    return found, rejected, [line for line in lines if line[0] in "WEF" and not line.startswith(NOT_THERE)]


OUTSIDE = [b"..\\A", b"IMG\\..\\..\\A", b"IMG\\..\\A", b"/etc/A", b"\\etc\\A", b"IMG/../A", b".."]
INSIDE = [b"IMG\\A", b"IMG/A", b"A..B", b"...", b".\\A"]


def test_a_record_that_leads_outside_is_bad_unless_allowed(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir(*map(record, OUTSIDE + INSIDE)))
    found, rejected, lines = expand(path)
    assert found == [f"{tmp_path}/{name.decode()}".replace("\\", "/") for name in INSIDE]
    assert [(row.dicomdir, row.is_dicom) for row in rejected] == [(str(path), True)] * len(OUTSIDE)
    assert all("outside the DICOMDIR's directory" in row.reason for row in rejected)
    assert lines == [
        f"E: cannot add DICOM file from DICOMDIR to the transfer list: {name.decode()}: {row.reason} "
        f"({for_rejection(row.why)})"
        for name, row in zip(OUTSIDE, rejected, strict=True)
    ]
    found, rejected, _ = expand(path, dicomdir_allow_outside=True)
    assert len(found) == len(OUTSIDE + INSIDE)
    assert not rejected
    assert found[3] == "/etc/A"


def test_only_the_last_record_decides_on_the_dicomdir(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir(A, WITHOUT_SYNTAX))
    found, rejected, lines = expand(path)
    assert found == [f"{tmp_path}/IMG/A"]
    assert [row.dicomdir for row in rejected] == [str(path), None]
    assert lines[-1] == f"W: bad DICOM file: {path}: Invalid Transfer Syntax UID, ignoring file"


def test_the_record_goes_with_the_instance(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir(record(b"IMG\\A", "1.2.31", syntax=EB.uid)))
    (instance,) = scan([InputFile(str(path))], IndexOptions(expand_dicomdir=True))
    assert instance.transfer_syntax.uid == EB.uid
    assert instance.input.record is not None
    assert instance.input.record.file_id == "IMG\\A"
    assert instance.input.record.sop_instance_uid == "1.2.31"


@pytest.mark.parametrize(
    ("content", "syntax"),
    [
        (meta_header(EI.uid), EI.uid),
        (meta_header("1.2.3.4"), EB.uid),
        (meta_header(EB.uid), EB.uid),
        (meta_header(EI.uid)[:150], EB.uid),
        (None, EB.uid),
    ],
    ids=["differs", "unknown", "same", "cut off", "missing"],
)
def test_the_files_own_transfer_syntax_is_proposed(content: bytes | None, syntax: str, tmp_path: Path) -> None:
    """DCMTK proposes that of the record, so that a file whose record is wrong cannot be sent."""
    (tmp_path / "DICOMDIR").write_bytes(dicomdir(record(b"A", "1.2.31", syntax=EB.uid)))
    if content is not None:
        (tmp_path / "A").write_bytes(content + EI.element(0x00080005, "CS", b""))
    with collected_log() as lines:
        (instance,) = scan([InputFile(str(tmp_path / "DICOMDIR"))], IndexOptions(expand_dicomdir=True))
    assert instance.transfer_syntax.uid == syntax
    assert instance.sop_instance_uid == "1.2.31"
    assert sum(line.startswith("W: transfer syntax in DICOMDIR record") for line in lines) == (syntax == EI.uid)


def test_raw_bytes_in_a_file_id_are_those_of_the_file_name(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    path.write_bytes(dicomdir(record(b"IMG\\\xe9")))
    found, _, _ = expand(path)
    assert found == [f"{tmp_path}/IMG/\udce9"]


def test_rubbish_instead_of_records(tmp_path: Path) -> None:
    path = tmp_path / "DICOMDIR"
    rubbish = Raw(bytes.fromhex("feff00e0 ffffffff") * 300)
    path.write_bytes(meta_header(EI.uid, DIRECTORY) + EI.encode([(0x00041220, "SQ", Items([[(0, "", rubbish)]]))]))
    found, rejected, _ = expand(path)
    assert not found
    assert [row.path for row in rejected] == [str(path)]
