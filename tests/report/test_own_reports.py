"""Reports that lie among the files to be sent, or have the name of one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend import InputOptions, JournalOptions, Peer, ReportOptions, Result
from dcmsend import send as send_by_library
from support.ports import free_port
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = Path(__file__).parents[1] / "data" / "pydicom" / "CT_small.dcm"
OPTIONS = ("--report-json", "--report-jsonl", "--report-csv", "--report-html")


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    with ScriptedPeer() as peer:
        yield peer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image, and the name that another one has in the tests."""
    shutil.copy(CT, tmp_path / "image.dcm")
    return tmp_path


def send(folder: Path, peer: ScriptedPeer, *arguments: str | Path) -> Run:
    return run(installed_dcmsend(), "127.0.0.1", peer.port, *arguments, cwd=folder)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("mode", [(), ("--dry-run",), ("--send-while-scanning",)])
def test_reports_in_the_searched_directory_are_no_inputs(
    folder: Path, peer: ScriptedPeer, option: str, mode: tuple[str, ...]
) -> None:
    """Neither while they are written nor when an earlier run has left them, and whatever the way to them."""
    (folder / "below").mkdir()
    (folder / "way").symlink_to("below")
    for _ in range(2):
        done = send(folder, peer, "+sd", "+r", option, "way/../way/r", "--require-stored", *mode, ".")
        assert done.exit_code == 0, done.stderr
        assert "not DICOM" not in done.stderr
    assert len(peer.stores) == (0 if mode == ("--dry-run",) else 2)


WRITTEN = ("--journal", "j", "--resume", "--metrics-file", "m", "--report-json", "r", "--report-jsonl", "s")


def test_what_a_run_writes_itself_is_not_left_for_the_next_one(folder: Path, peer: ScriptedPeer) -> None:
    """The files of the journal and the reports are young in every run."""
    os.utime(folder / "image.dcm", (1, 1))
    for stored in ("is", "was"):
        done = send(folder, peer, "+sd", "--min-age", "60", *WRITTEN, ".")
        assert done.exit_code == 0, done.stderr
        assert json.loads((folder / "r").read_text())["totals"]["too_young"] == 0, stored
        assert done.stderr.splitlines()[-1] == "Exit 0: everything is stored."


def test_what_a_run_writes_itself_is_not_left_to_other_shards(folder: Path, peer: ScriptedPeer) -> None:
    (folder / "image.dcm").unlink()
    for number in range(1, 4):
        done = send(folder, peer, "+sd", "--shard", f"{number}/3", *WRITTEN, ".")
        assert done.exit_code == 21, done.stderr


def test_what_a_transfer_of_the_library_writes_itself_is_not_young(folder: Path, peer: ScriptedPeer) -> None:
    os.utime(folder / "image.dcm", (1, 1))
    transfer = send_by_library(
        str(folder), Peer("127.0.0.1", peer.port), inputs=InputOptions(scan_directories=True, min_age=60),
        journal=JournalOptions(str(folder / "j")), report=ReportOptions(json_report=str(folder / "r")),
    )  # fmt: skip
    assert [outcome.result for outcome in transfer] == [Result.STORED]
    assert json.loads((folder / "r").read_text())["totals"]["too_young"] == 0


def test_what_a_killed_run_has_left_is_no_input(folder: Path, peer: ScriptedPeer) -> None:
    (folder / "r.json.4194303.tmp").write_text("{")
    assert send(folder, peer, "+sd", "--report-json", "r.json", ".").exit_code == 0


@pytest.mark.parametrize("name", ["report.txt", "way/report.txt"])
def test_what_is_left_of_dcmtks_report_is_no_input(folder: Path, peer: ScriptedPeer, name: str) -> None:
    """An archive that is down one night is no reason why every later run fails; the report itself is as in DCMTK."""
    (folder / "way").symlink_to(".")
    words = ("+sd", "+crf", name, ".")
    assert run(installed_dcmsend(), "127.0.0.1", free_port(), *words, cwd=folder).exit_code == 61
    assert (folder / "report.txt.partial").exists()
    done = send(folder, peer, *words)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 1
    assert send(folder, peer, *words).exit_code == 22


def test_an_image_with_the_name_of_what_may_be_left_is_sent(folder: Path, peer: ScriptedPeer) -> None:
    shutil.copy(CT, folder / "report.txt.partial")
    assert send(folder, peer, "+sd", "+crf", "report.txt", ".").exit_code == 0
    assert len(peer.stores) == 2


def test_other_files_are_inputs(folder: Path, peer: ScriptedPeer) -> None:
    """The name in another directory, and names that only begin so."""
    (folder / "below").mkdir()
    for name in ("below/r.json", "r.json.tmp", "r.jsonx"):
        shutil.copy(CT, folder / name)
    assert send(folder, peer, "+sd", "+r", "--report-json", "r.json", ".").exit_code == 0
    assert len(peer.stores) == 4


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("link", [False, True])
def test_a_report_does_not_overwrite_an_image(folder: Path, peer: ScriptedPeer, option: str, link: bool) -> None:
    """What a shell makes of ``--report-json *.dcm``; it is known before anything is sent, so nothing is."""
    if link:
        (folder / "way").symlink_to("image.dcm")
    name = "way" if link else "image.dcm"
    done = send(folder, peer, "+sd", option, name, "+sp", "*.dcm", ".")
    assert done.exit_code == 43
    assert done.lines("E")[0] == f"cannot write detailed report to file '{name}'"
    assert "it is a DICOM file" in done.stderr
    assert (folder / "image.dcm").read_bytes() == CT.read_bytes()
    assert {path.name for path in folder.iterdir()} <= {"image.dcm", "way"}
    assert peer.connections == []
