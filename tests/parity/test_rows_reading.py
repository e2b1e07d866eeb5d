"""Rows 34 to 51: reading and checking files."""

from __future__ import annotations

import os

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE
from parity.rows import row
from support.fixture_files import CT_CLASS, EI, MR_CLASS, UID_ROOT, FixtureFiles, meta_header
from support.report_file import parse_report

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@row(34)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ZERO", "End of stream"),
        ("TXT", "File meta information header missing"),
        ("RAW", "File meta information header missing"),
        ("NPRE", "File meta information header missing"),
        ("ONE", "I/O suspension or premature end of stream"),
        ("META-CUT", "Invalid stream"),
        ("DICM-ONLY", "I/O suspension or premature end of stream"),
    ],
)
def test_no_dicom_file(duel: Duel, files: FixtureFiles, name: str, reason: str) -> None:
    pair = duel(files("CT"), files(name))
    pair.assert_same(22)
    for run in pair:
        assert f"E: cannot add DICOM file to the transfer list: {name}.dcm: {reason}" in run.lines("E")
        assert not run.peer.connections


@row(34)
def test_unreadable_file(duel: Duel, files: FixtureFiles) -> None:
    """A link to itself cannot be opened by anybody, not even by root."""
    loop = files.directory / "loop.dcm"
    if not loop.is_symlink():
        loop.symlink_to("loop.dcm")
    pair = duel("loop.dcm")
    pair.assert_same(22)
    for run in pair:
        assert "Too many levels of symbolic links" in run.stderr


@row(34)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(duel: Duel, files: FixtureFiles) -> None:
    locked = files.directory / "locked.dcm"
    locked.write_bytes(files.bytes("CT"))
    locked.chmod(0)
    duel("locked.dcm").assert_same(22)


@row(35)
@pytest.mark.parametrize("words", [["RAW", "+f"], ["RAW", "-f"], ["NPRE", "+f"]], ids=str)
def test_read_modes(duel: Duel, files: FixtureFiles, words: list[str]) -> None:
    duel(files(words[0]), words[1]).assert_same(0)


@row(36)
def test_data_set_mode_does_not_take_part_10_files(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"), "-f")
    pair.assert_same(22, but={"warnings": "D21"})


@row(37)
def test_meta_header_without_preamble_as_data_set(duel: Duel, files: FixtureFiles) -> None:
    """Group 0002 goes out inside the data set."""
    pair = duel(files("NPRE"), "-f")
    pair.assert_same(0, but={"warnings": "D21"})
    for run in pair:
        assert bytes(run.peer.stores[0].data_set) == files.bytes("NPRE")
        assert run.lines("W")


@row(38)
def test_no_transfer_syntax_in_the_meta_header(duel: Duel, files: FixtureFiles) -> None:
    for words in ([], ["-nuc"]):
        pair = duel(files("NOTS"), *words)
        pair.assert_same(22)
        for run in pair:
            assert run.lines("F")[:1] == ["F: bad DICOM file: NOTS.dcm: Invalid Transfer Syntax UID"]
    duel(files("NOTS"), "+f").assert_same(0)


@row(39)
def test_no_sop_class_in_the_meta_header(duel: Duel, files: FixtureFiles) -> None:
    duel(files("NOCLASS")).assert_same(22)
    pair = duel(files("NOCLASS"), "+f")
    pair.assert_same(0)
    for run in pair:
        assert run.peer.stores[0].sop_class_uid == CT_CLASS


@row(40)
def test_meta_header_only(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("MO"))
    pair.assert_same(62)
    for run in pair:
        assert run.peer.connections[0].course[:2] == ["request", "abort 0 0"]
        assert run.lines("F")[0] == "F: cannot send SOP instance: Invalid SOP Class UID"


@row(41)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("TPX", "Invalid stream"),
        ("THD", "I/O suspension or premature end of stream"),
        ("STRAY", "I/O suspension or premature end of stream"),
        ("SAYS-IMPLICIT", None),
    ],
)
def test_broken_data_set(duel: Duel, files: FixtureFiles, name: str, reason: str | None) -> None:
    pair = duel(files(name))
    pair.assert_same(62, but={"warnings": "D21"})
    for run in pair:
        if reason is not None:
            assert f"E: cannot send SOP instance from file: {name}.dcm: {reason}" in run.lines("E")
    pair = duel(files("CT"), files(name), files("CT2"), "-nh")
    pair.assert_same(0, but={"warnings": "D21"})
    for run in pair:
        assert run.report is not None
        report = parse_report(run.report)
        assert report.column("DIMSE Status") == ["0x0000 (Success)", "<not sent>", "0x0000 (Success)"]
        assert (report.entries[1]["Association"], report.entries[1]["Dataset Size"]) == ("0", "0 bytes")


@row(42)
def test_no_instance_uid_in_the_data_set(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("NOI"))
    pair.assert_same(62)
    for run in pair:
        assert run.lines("F")[0] == "F: cannot send SOP instance: Invalid SOP Instance UID"
    pair = duel(*(files(name) for name in ("CT", "NOI", "TPX", "CT2")), "-nh")
    pair.assert_same(0)
    for run in pair:
        assert [store.message_id for store in run.peer.stores] == [1, 3]


@row(42)
def test_no_class_uid_in_the_data_set(duel: Duel, files: FixtureFiles) -> None:
    duel(files("NOC")).assert_same(62)
    duel(files("NOC"), files("CT"), "-nh").assert_same(0)


@row(43)
def test_instance_uid_of_meta_header_and_data_set_differ(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("OTHER-INSTANCE"))
    pair.assert_same(0)
    for run in pair:
        assert run.peer.stores[0].sop_instance_uid == f"{UID_ROOT}.1.112"
        assert run.lines("W")[0] == "W: SOP Instance UID in dataset differs from the one in the transfer list"


@row(44)
@pytest.mark.parametrize(("words", "context_too"), [([], True), (["-dn"], False)], ids=str)
def test_class_of_meta_header_and_data_set_differ(
    duel: Duel, files: FixtureFiles, words: list[str], context_too: bool
) -> None:
    pair = duel(files("OTHER-CLASS"), *words)
    pair.assert_same(0)
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        assert [context.abstract_syntax for context in request.contexts] == [MR_CLASS]
        assert run.peer.stores[0].sop_class_uid == CT_CLASS
        assert "W: SOP Class UID in dataset differs from the one in the transfer list" in run.lines("W")
        assert context_too is any("does not match SOP class UID" in line for line in run.lines("W"))


@row(45, 46)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("VERIFICATION", "Invalid SOP Class UID"),
        ("UNNAMED-CLASS", "Unknown Storage SOP Class"),
        ("ZERO-CLASS", "Invalid SOP Class UID"),
        ("LONG-CLASS", "Invalid SOP Class UID"),
    ],
)
def test_bad_sop_class(duel: Duel, files: FixtureFiles, name: str, reason: str) -> None:
    pair = duel(files(name))
    pair.assert_same(22)
    for run in pair:
        assert run.lines("F")[:1] == [f"F: bad DICOM file: {name}.dcm: {reason}"]
    pair = duel(files(name), "-nuc")
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.stores) == 1


@row(47)
@pytest.mark.parametrize("name", ["C1", "PREFIX-CLASS", "HANGING", "RETIRED-US"])
def test_accepted_sop_classes(duel: Duel, files: FixtureFiles, name: str) -> None:
    duel(files(name)).assert_same(0)


@row(48)
def test_length_of_the_instance_uid(duel: Duel, files: FixtureFiles) -> None:
    duel(files("INSTANCE64")).assert_same(0)
    pair = duel(files("INSTANCE65"))
    pair.assert_same(22)
    for run in pair:
        assert run.lines("F")[:1] == ["F: bad DICOM file: INSTANCE65.dcm: Invalid SOP Instance UID"]
    duel(files("INSTANCE65"), "-nuc").assert_same(0)


@row(49)
def test_private_transfer_syntax(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("PRIV"))
    pair.assert_same(22)
    for run in pair:
        assert run.lines("F")[:1] == ["F: bad DICOM file: PRIV.dcm: Unknown Transfer Syntax"]


@row(49)
def test_transfer_syntax_younger_than_the_reference(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("HT"))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D10"))
    assert pair.theirs.lines("F")[:1] == ["F: bad DICOM file: HT.dcm: Unknown Transfer Syntax"]
    assert pair.theirs.exit_code == 22
    assert pair.ours.exit_code == 0
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes("HT")


@row(50)
@pytest.mark.parametrize("words", [[], ["+f"]], ids=str)
def test_private_transfer_syntax_without_uid_checks(duel: Duel, files: FixtureFiles, words: list[str]) -> None:
    """The manual says it can be sent; DCMTK fails, ours sends the bytes as they stand in the file."""
    pair = duel(files("PRIV"), "-nuc", *words)
    changed = ("exit_code", "course", "commands", "data_sets", "layout", "report", "errors")
    pair.assert_same(but=dict.fromkeys(changed, "D09"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes("PRIV")
    assert pair.ours.peer.stores[0].sop_instance_uid == f"{UID_ROOT}.1.7"


@row(51)
def test_retired_transfer_syntax(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("J52"))
    pair.assert_same(0)
    for run in pair:
        assert bytes(run.peer.stores[0].data_set) == files.data_set_bytes("J52")


@row(38)
@pytest.mark.parametrize(
    ("group_length", "their_exit"), [(None, 0), (0, 22), (60, 22), (400, 62), (1 << 31, 62)], ids=str
)
def test_wrong_group_length_of_the_meta_header(
    duel: Duel, files: FixtureFiles, group_length: int | None, their_exit: int
) -> None:
    """DCMTK trusts it and loses elements on one side or the other; ours trusts the tags."""
    header = meta_header(CT_CLASS, f"{UID_ROOT}.1.1", EI, group_length=group_length)
    if group_length is None:  # without the element
        header = header[:132] + header[144:]
    name = f"group-length-{group_length}.dcm"
    (files.directory / name).write_bytes(header + files.data_set_bytes("CT"))
    pair = duel(name)
    pair.assert_same(0 if their_exit == 0 else None, but=dict.fromkeys(CHANGED_COURSE, "D25") if their_exit else {})
    assert pair.theirs.exit_code == their_exit
    assert pair.ours.exit_code == 0
    assert bytes(pair.ours.peer.stores[0].data_set) == files.data_set_bytes("CT")
