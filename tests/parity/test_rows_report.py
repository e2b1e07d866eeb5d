"""Rows 100 and 110: the report file, and a missing data dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.conftest import HOST, Duel
from parity.rows import row
from support.fixture_files import FixtureFiles
from support.report_file import TITLE, parse_report
from support.senders import Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

SENDING = (HOST, "{port}")


def sent_without_report(run: Run) -> bool:
    return len(run.peer.stores) == 1 and run.peer.connections[0].course[-2:] == ["release", "end"]


@row(100)
@pytest.mark.parametrize("place", ["{own}/none/report.txt", "{own}"])
def test_report_that_cannot_be_written(duel: Duel, files: FixtureFiles, place: str) -> None:
    pair = duel.verbatim(*SENDING, files("CT"), "-v", "+crf", place)
    pair.assert_same(43)
    for run in pair:
        assert len(run.peer.stores) == 1
        assert any("cannot write detailed report to file" in line for line in run.lines("E"))
        assert "Status Summary" not in run.stderr


@row(100)
def test_existing_report_is_overwritten(duel: Duel, files: FixtureFiles, tmp_path: Path) -> None:
    existing = tmp_path / "shared.txt"
    existing.write_text("old\n" * 1000)
    pair = duel.verbatim(*SENDING, files("CT"), "+crf", str(existing))
    pair.assert_same(0)
    assert existing.read_text().startswith(TITLE)
    for run in pair:
        assert any("already exists, overwriting" in line for line in run.lines("W"))


@row(100)
def test_empty_report_name_means_none(duel: Duel, files: FixtureFiles) -> None:
    pair = duel.verbatim(*SENDING, files("CT"), "+crf", "")
    pair.assert_same(0)
    for run in pair:
        assert run.report is None


@row(100)
def test_report_on_standard_output(duel: Duel, files: FixtureFiles) -> None:
    pair = duel.verbatim(*SENDING, files("CT"), "+crf", "/dev/stdout")
    pair.assert_same(0)
    assert len(parse_report(pair.ours.stdout).entries) == 1


@row(100)
def test_summary_on_standard_error(duel: Duel, files: FixtureFiles) -> None:
    """The summary at info level is the report's, line by line; so are all lines of an ordinary verbose run."""
    pair = duel(files("CT"), files("DEFL"), files("MR"), "-v")
    pair.assert_same(0, but={"data_sets": "D08", "layout": "D08"})
    theirs, ours = (run.lines("I") for run in pair)
    assert theirs == ours


@row(100)
def test_uid_that_is_no_text(duel: Duel, files: FixtureFiles) -> None:
    """Found by ``scripts/soak_compare``: a UID that was not checked keeps its bytes in the report."""
    content = bytearray(files.bytes("CT"))
    uid = b"1.3.6.1.4.1.99999.7"
    for place in (content.index(uid), content.rindex(uid + b".1.")):
        content[place + 3] = 0xE9
    (files.directory / "uid-no-text.dcm").write_bytes(content)
    pair = duel("-nuc", "uid-no-text.dcm")
    pair.assert_same(0)
    for run in pair:
        assert run.report is not None
        assert "SOP Instance  : 1.3\udce9" in run.report


@row(110)
def test_missing_data_dictionary(duel: Duel, files: FixtureFiles) -> None:
    """Ours has one built in, and still takes a wrong ``DCMDICTPATH`` for the mistake it is."""
    pair = duel(files("CT"), environment={"DCMDICTPATH": "/nonexistent"})
    pair.assert_same(62)
    for run in pair:
        assert "F: cannot send SOP instance: Data dictionary missing" in run.lines("F")


@row(110)
def test_empty_data_dictionary_path_is_as_unset(duel: Duel, files: FixtureFiles) -> None:
    duel(files("CT"), environment={"DCMDICTPATH": ""}).assert_same(0)
