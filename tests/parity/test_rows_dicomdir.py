"""Rows 101 to 109: what a DICOMDIR refers to."""

from __future__ import annotations

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, report_of, statuses
from parity.rows import row
from support.fixture_files import FixtureFiles

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

IGNORED = "ignoring file"


def dicomdir(files: FixtureFiles, name: str) -> str:
    return files(f"media/{name}/DICOMDIR")


@row(101)
def test_dicomdir(duel: Duel, files: FixtureFiles) -> None:
    name = dicomdir(files, "good")
    pair = duel(name, "+rd")
    pair.assert_same(0)
    for run in pair:
        assert report_of(run).column("Filename") == ["media/good/IMG/A", "media/good/IMG/B"]
    pair = duel(name)
    pair.assert_same(22)
    for run in pair:
        assert run.lines("F")[:1] == [f"F: bad DICOM file: {name}: Invalid SOP Class UID"]
    duel(name, "-nuc").assert_same(62)


@row(101)
def test_dicomdir_in_the_current_directory(duel: Duel, files: FixtureFiles) -> None:
    medium = files.path("media/good/DICOMDIR").parent
    for word in ("DICOMDIR", "./DICOMDIR"):
        pair = duel(word, "+rd", directory=medium)
        pair.assert_same(0)
        for run in pair:
            assert report_of(run).column("Filename") == ["IMG/A", "IMG/B"]


@row(101)
@pytest.mark.parametrize("mode", ["+f", "-f"])
def test_read_mode_and_dicomdir(duel: Duel, files: FixtureFiles, mode: str) -> None:
    """Always read as a file; ``-f`` fails before that."""
    duel(dicomdir(files, "good"), "+rd", mode).assert_same(
        22 if mode == "-f" else 0, but={"warnings": "D21"} if mode == "-f" else {}
    )


@row(101)
def test_dicomdir_found_by_a_scan(duel: Duel, files: FixtureFiles) -> None:
    """Its images are found by the scan as well, so they are sent twice."""
    medium = files.path("media/good/DICOMDIR").parent
    pair = duel(".", "+sd", "+r", "+rd", directory=medium)
    pair.assert_same(0)
    for run in pair:
        assert sorted(report_of(run).column("Filename")) == ["IMG/A", "IMG/A", "IMG/B", "IMG/B"]


@row(102)
@pytest.mark.parametrize(("name", "path"), [("missing", "IMG/NONE")])
def test_referenced_file_is_not_there(duel: Duel, files: FixtureFiles, name: str, path: str) -> None:
    pair = duel(dicomdir(files, name), "+rd")
    pair.assert_same(62, but={"warnings": "D62"})
    assert any(path in line for line in pair.ours.lines("W"))
    text = f"E: cannot send SOP instance from file: media/{name}/{path}: No such file or directory"
    for run in pair:
        assert text in run.lines("E")
    pair = duel(dicomdir(files, name), "+rd", "-nh")
    pair.assert_same(0, but={"warnings": "D62"})
    for run in pair:
        assert statuses(run) == ["<not sent>", "0x0000 (Success)"]


@row(103)
def test_first_record_without_transfer_syntax(duel: Duel, files: FixtureFiles) -> None:
    name = dicomdir(files, "no-syntax-first")
    duel(name, "+rd").assert_same(22)
    pair = duel(name, "+rd", "-nh")
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.stores) == 1
        assert IGNORED not in run.stderr


@row(104)
def test_last_record_without_transfer_syntax(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(dicomdir(files, "no-syntax-last"), "+rd", "-nh")
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.stores) == 1
        assert IGNORED in run.stderr


@row(105)
def test_empty_file_id(duel: Duel, files: FixtureFiles) -> None:
    name = dicomdir(files, "empty-id")
    pair = duel(name, "+rd")
    pair.assert_same(22)
    for run in pair:
        assert "E: cannot add DICOM file from DICOMDIR with empty filename" in run.lines("E")
    duel(name, "+rd", "-nh").assert_same(0)


@row(106)
@pytest.mark.parametrize("name", ["no-records", "patient-only"])
def test_nothing_referenced(duel: Duel, files: FixtureFiles, name: str) -> None:
    duel(dicomdir(files, name), "+rd").assert_same(23)
    duel(dicomdir(files, name), "+rd", files("CT")).assert_same(0)


@row(107)
@pytest.mark.parametrize("name", ["inactive", "slash"])
def test_record_flags_and_types_do_not_matter(duel: Duel, files: FixtureFiles, name: str) -> None:
    pair = duel(dicomdir(files, name), "+rd")
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.stores) == 2


@row(107)
@pytest.mark.parametrize("name", ["outside", "absolute"])
def test_references_that_leave_the_directory(duel: Duel, files: FixtureFiles, name: str) -> None:
    """DCMTK follows them; ours does so on request only."""
    pair = duel(dicomdir(files, name), "+rd")
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D13"))
    assert pair.theirs.exit_code == 0
    assert pair.ours.exit_code == 22
    asked = duel.ours(dicomdir(files, name), "+rd", "--dicomdir-allow-outside")
    assert asked.exit_code == 0
    assert [bytes(store.data_set) for store in asked.peer.stores] == [
        bytes(store.data_set) for store in pair.theirs.peer.stores
    ]


@row(108)
def test_record_with_another_transfer_syntax(duel: Duel, files: FixtureFiles) -> None:
    """For ours the file's meta header decides."""
    pair = duel(dicomdir(files, "wrong-syntax"), "+rd")
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D13"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == ["0x0000 (Success)"] * 2
    assert pair.ours.lines("W")


@row(108)
def test_record_with_another_class(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(dicomdir(files, "wrong-class"), "+rd")
    pair.assert_same(0)
    for run in pair:
        assert "W: SOP Class UID in dataset differs from the one in the transfer list" in run.lines("W")
        assert any("abstract syntax does not match SOP class UID" in line for line in run.lines("W"))


@row(109)
def test_truncated_dicomdir(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(dicomdir(files, "truncated"), "+rd")
    pair.assert_same(22)
    for run in pair:
        assert run.lines("F")[:1] == ["F: bad DICOM file: media/truncated/DICOMDIR: Invalid stream"]
