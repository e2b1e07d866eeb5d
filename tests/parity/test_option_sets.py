"""Whole command lines as they stand in scripts out there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from parity.conftest import HOST, Duel
from parity.outcomes import report_of
from support.fixture_files import FixtureFiles
from support.peer_script import Respond, Script

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@pytest.fixture
def tree(files: FixtureFiles, tmp_path: Path) -> Path:
    """One directory with what exports hold: images, a compressed one, rubbish, and another directory level."""
    top = tmp_path / "tree" / "F"
    for name, source in {
        "1.dcm": "CT",
        "2.dcm": "JLL",
        "sub/3.dcm": "MR",
        "sub/4.dcm": "BIG",
        "sub/readme.txt": "TXT",
        "sub/broken.dcm": "TPX",
    }.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.path(source), top / name)
    return top.parent


def test_recursive_scan_with_pattern_and_report(duel: Duel, tree: Path) -> None:
    (tree / "F" / "sub" / "broken.dcm").unlink()
    words = ["-nuc", "+r", "+sd", "+sp", "*.dcm", "-to", "60", "+crf", "{own}/report.txt"]
    pair = duel.verbatim(HOST, "{port}", *words, "F", directory=tree)
    pair.assert_same(0)
    for run in pair:
        assert len(report_of(run).entries) == 4


def test_large_pdus_and_no_halt(duel: Duel, tree: Path, files: FixtureFiles) -> None:
    """Rubbish and a broken file on the way, and a DICOMDIR."""
    shutil.copytree(files.path("media/good/DICOMDIR").parent, tree / "F" / "medium")
    words = ["--max-pdu", "131072", "--max-send-pdu", "131072", "--no-uid-checks", "+sd", "+r", "+rd", "-nh"]
    pair = duel(*words, "F", directory=tree)
    pair.assert_same(0)


def test_value_of_an_option_is_the_next_option(duel: Duel, files: FixtureFiles) -> None:
    """An empty shell variable: ``-aet`` swallows ``-aec``, whose value becomes the host."""
    pair = duel.verbatim("-aet", "-aec", HOST, "{port}", files("CT"), "+crf", "{own}/report.txt")
    pair.assert_same(0)
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        assert request.calling.rstrip() == b"-aec"


def test_swallowed_title_makes_the_host_a_port(duel: Duel, files: FixtureFiles) -> None:
    pair = duel.verbatim("-aec", "-v", "-aet", HOST, "{port}", files("CT"))
    pair.assert_same(1)


@pytest.mark.parametrize(
    "words",
    [
        "-v -aet PACS -aec ARCHIVE -ta 60 -td 120",
        "-d +v",
        "-q -nh",
        "-ll info -nip",
        "-dn -ma",
        "+dly +cl 9 -ma",
        "--timeout 10 --acse-timeout 10 --dimse-timeout 10",
        "--single-association --no-halt --decompress-lossless --read-file",
    ],
)
def test_usual_options(duel: Duel, files: FixtureFiles, words: str) -> None:
    names = [files(name) for name in ("CT", "JLL", "MR", "IMP")]
    pair = duel(*words.split(), *names, peer=Script(stores={2: Respond(0xB000), 3: Respond(0xA700)}))
    pair.assert_same(0)
