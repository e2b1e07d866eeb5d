"""Rows 25 to 33: which names become inputs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from parity.conftest import Duel
from parity.rows import row
from support.fixture_files import FixtureFiles
from support.report_file import parse_report
from support.senders import Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@pytest.fixture
def tree(files: FixtureFiles, tmp_path: Path) -> Path:
    """``T`` with a.dcm, b.DCM, .x.dcm, note.txt (all DICOM) and sub/{b.dcm, deep/c.dcm}."""
    top = tmp_path / "tree" / "T"
    names = ("a.dcm", "b.DCM", ".x.dcm", "note.txt", "sub/b.dcm", "sub/deep/c.dcm")
    for name, source in zip(names, ("CT", "CT2", "MR", "IMP", "C1", "C2"), strict=True):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.path(source), top / name)
    return top.parent


def names(run: Run) -> list[str]:
    assert run.report is not None
    return parse_report(run.report).column("Filename")


@row(25)
def test_missing_file(duel: Duel, files: FixtureFiles) -> None:
    pair = duel("nofile")
    pair.assert_same(22)
    for run in pair:
        assert "F: bad DICOM file: nofile: No such file or directory" in run.lines("F")
        assert not run.peer.connections
    duel("nofile", "-nh").assert_same(23)
    pair = duel("nofile", files("CT"), "-nh")
    pair.assert_same(0)
    for run in pair:
        assert "W: bad DICOM file: nofile: No such file or directory, ignoring file" in run.lines("W")
        assert names(run) == ["CT.dcm"]


@row(26)
def test_directory_without_scanning(duel: Duel, tree: Path, files: FixtureFiles) -> None:
    pair = duel("T", directory=tree)
    pair.assert_same(21)
    for run in pair:
        assert "W: ignoring directory because option --scan-directories is not set: T" in run.lines("W")
    pair = duel("T", "T/a.dcm", directory=tree)
    pair.assert_same(0)


@row(27)
@pytest.mark.parametrize("word", ["T", "T/", "T//", "./T"])
def test_scanning_takes_the_files_of_one_directory(duel: Duel, tree: Path, word: str) -> None:
    pair = duel("+sd", word, directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert sorted(os.path.basename(name) for name in names(run)) == [".x.dcm", "a.dcm", "b.DCM", "note.txt"]


@row(27)
@pytest.mark.parametrize("word", [".", "./"])
def test_scanning_the_current_directory_drops_the_dot(duel: Duel, tree: Path, word: str) -> None:
    pair = duel("+sd", "+r", word, directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert "T/sub/deep/c.dcm" in names(run)


@row(28)
def test_pattern_that_matches_nothing(duel: Duel, tree: Path) -> None:
    pair = duel("+sd", "+sp", "zzz", "T", directory=tree)
    pair.assert_same(21)
    for run in pair:
        assert run.lines("F")[:1] == ["F: no input files to be processed"]


@row(29)
def test_pattern_is_case_sensitive_and_matches_leading_dots(duel: Duel, tree: Path) -> None:
    pair = duel("+sd", "+r", "+sp", "*.dcm", "T", directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert sorted(names(run)) == ["T/.x.dcm", "T/a.dcm", "T/sub/b.dcm", "T/sub/deep/c.dcm"]


@row(29)
@pytest.mark.parametrize("pattern", ["?.dcm", "[!a].dcm", "[a-b].[dD]*", "\\a.dcm", "*x*", "", "[a", "a.dcm\\"])
def test_pattern_syntax(duel: Duel, tree: Path, pattern: str) -> None:
    duel("+sd", "+r", "+sp", pattern, "T", directory=tree).assert_same()


@row(29)
def test_pattern_does_not_filter_named_files(duel: Duel, tree: Path) -> None:
    pair = duel("+sd", "+sp", "a.*", "T", "T/note.txt", directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert names(run) == ["T/a.dcm", "T/note.txt"]


@row(30)
@pytest.mark.parametrize("pattern", ["{a,b}.dcm", "sub/b.dcm"])
def test_no_braces_and_no_slashes_in_patterns(duel: Duel, tree: Path, pattern: str) -> None:
    duel("+sd", "+r", "+sp", pattern, "T", directory=tree).assert_same(21)


@row(31)
def test_missing_directory_is_a_bad_file(duel: Duel, tree: Path) -> None:
    pair = duel("+sd", "NONE", directory=tree)
    pair.assert_same(22)


@row(32)
def test_a_file_named_three_times_is_sent_three_times(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"), files("CT"), "./" + files("CT"))
    pair.assert_same(0)
    for run in pair:
        assert len(run.peer.stores) == 3
        assert len(run.peer.connections[0].request.contexts) == 1


@row(33)
def test_empty_name(duel: Duel, files: FixtureFiles) -> None:
    pair = duel("")
    pair.assert_same(22)
    for run in pair:
        assert run.lines("E") == ["E: cannot add DICOM file with empty filename"]
        assert run.lines("F")[:1] == ["F: bad DICOM file: <empty string>: Illegal parameter"]
    duel("", files("CT"), "-nh").assert_same(0)


@row(31)
def test_links_are_followed(duel: Duel, tree: Path) -> None:
    """To files and to directories; a dangling one is a bad file."""
    (tree / "T" / "link.dcm").symlink_to("a.dcm")
    (tree / "T" / "away").symlink_to("sub/deep")
    pair = duel("+sd", "+r", "T", directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert {"T/link.dcm", "T/away/c.dcm", "T/sub/deep/c.dcm"} < set(names(run))
    (tree / "T" / "dangling.dcm").symlink_to("nowhere")
    duel("+sd", "T", directory=tree).assert_same(22)


@row(31)
def test_link_loop(duel: Duel, tree: Path) -> None:
    """DCMTK follows the loop until the system refuses; ours skips a directory that is its own ancestor."""
    (tree / "T" / "sub" / "up").symlink_to("..")
    pair = duel("+sd", "+r", "+sp", "c.dcm", "T", directory=tree)
    pair.assert_same(
        0, but=dict.fromkeys(("requests", "course", "commands", "data_sets", "layout", "report", "warnings"), "D14")
    )
    assert len(pair.theirs.peer.stores) > 10
    assert names(pair.ours) == ["T/sub/deep/c.dcm"]
