"""Descriptors, disks and files that come to an end: every instance has a true outcome, and the rest goes on."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.peer_script import Respond, Script
from support.processes import wait_until
from support.programs import dcmtk_program
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

HERE = Path(__file__).parent


def outcomes(report: Path) -> list[tuple[str, str | None]]:
    instances: list[dict[str, Any]] = json.loads(report.read_text())["instances"]
    return [(each["outcome"], each["reason"]) for each in instances]


@pytest.mark.parametrize("limit", [10, 13, 16, 24, 60])
def test_too_many_open_files(dcmsend: str, tmp_path: Path, limit: int) -> None:
    """Eight associations, and descriptors for fewer: what cannot be opened says so, all else is stored.

    Modules that are loaded in the middle of a run are files, too.
    """
    write_instances(tmp_path / "study", 200)
    report = tmp_path / "r.json"
    with ScriptedPeer() as peer:
        done = run(
            "prlimit", f"--nofile={limit}", dcmsend, "-nh", "--parallel-associations", "8", "--report-json", report,
            "--report-csv", tmp_path / "r.csv", "+sd", "127.0.0.1", peer.port, tmp_path / "study",
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.exit_code == 0, done.stderr
    found = outcomes(report)
    assert len(found) == 200
    assert set(found) <= {("stored", None), ("failed", "file_unreadable")}
    assert found.count(("stored", None)) == len({store.sop_instance_uid for store in peer.stores})
    assert found.count(("stored", None)) > (100 if limit > 16 else 0)
    failed = 200 - found.count(("stored", None))
    assert sum(line.endswith("Too many open files") for line in done.lines("E")) == failed
    assert failed == 0 or limit < 60


@pytest.mark.parametrize("limit", [8, 10])
def test_too_many_open_files_of_a_plain_call(dcmsend: str, tmp_path: Path, limit: int) -> None:
    """A call that has nothing to say until then; each directory is open while what is in it is searched."""
    folder = tmp_path / "in"
    for number in range(12):
        folder = folder / f"d{number}"
        write_instances(folder, 1)
    with ScriptedPeer() as peer:
        done = run("prlimit", f"--nofile={limit}", dcmsend, "-nh", "+sd", "+r", "127.0.0.1", peer.port, tmp_path / "in")
    assert done.exit_code == 0, done.stderr
    assert done.lines("E"), done.stderr
    assert not done.lines("F"), done.stderr


def vanish(path: Path) -> None:
    path.unlink()


def shrink(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 3)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\x01\x02\x03")


def become_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("change", "reason"),
    [(vanish, "file_unreadable"), (shrink, "data_set_broken"), (grow, "data_set_broken"),
     (become_a_directory, "data_set_broken")],
)  # fmt: skip
@pytest.mark.parametrize("options", [(), ("--async-window", "4"), ("--parallel-associations", "2")], ids=" ".join)
def test_file_that_changes_between_scan_and_send(
    dcmsend: str, tmp_path: Path, change: Callable[[Path], None], reason: str, options: tuple[str, ...]
) -> None:
    paths = write_instances(tmp_path / "study", 12)
    with ScriptedPeer(Script(other_stores=Respond(0, delay=0.1))) as peer:
        command = [dcmsend, "-nh", *options, "--report-json", tmp_path / "r.json", "127.0.0.1", peer.port, *paths]
        with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: bool(peer.stores), 60, "the first instance")
            change(paths[-1])
            _, stderr = process.communicate(timeout=100)
    assert process.returncode == 0, stderr
    assert outcomes(tmp_path / "r.json") == [("stored", None)] * 11 + [("failed", reason)]
    assert any(str(paths[-1]) in line for line in stderr.splitlines() if line.startswith("E: cannot send"))
    assert len(peer.stores) == 11


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--report-csv", "--report-html", "+crf"])
def test_report_on_a_full_disk(dcmsend: str, tmp_path: Path, option: str) -> None:
    write_instances(tmp_path / "study", 5)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "-nh", "+sd", option, "/dev/full", "127.0.0.1", peer.port, tmp_path / "study")
    assert done.exit_code == 43
    assert done.lines("E")[:2] == ["cannot write detailed report to file '/dev/full'", "No space left on device"]
    assert len(peer.stores) == 5


@pytest.mark.skipif(dcmtk_program("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("options", [("-nh",), ("--retry", "1", "--retry-delay", "0")], ids=" ".join)
@pytest.mark.parametrize("reads", [0, 1], ids=["in the scan", "when its turn comes"])
def test_file_system_that_stands_still(dcmsend: str, tmp_path: Path, options: tuple[str, ...], reads: int) -> None:
    """Reading one file blocks for a while and then fails; it alone is lost, and the association is still good."""
    library = tmp_path / "stalled.so"
    source = HERE.parent / "support" / "stalled_files.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    paths = write_instances(tmp_path / "study", 6)
    (tmp_path / "stalled").mkdir()
    paths[2] = paths[2].rename(tmp_path / "stalled" / "000003.dcm")
    began = time.monotonic()
    with ScriptedPeer() as peer:
        done = run(
            dcmsend, *options, "--report-json", tmp_path / "r.json", "127.0.0.1", peer.port, *paths,
            environment={"LD_PRELOAD": str(library), "STALL_SECONDS": "0.5", "STALL_AFTER": str(reads)},
        )  # fmt: skip
    assert time.monotonic() - began >= 0.5, "nothing stood still"
    assert len(peer.stores) == 5
    assert "Input/output error" in done.stderr
    lost = [each for each in outcomes(tmp_path / "r.json") if each != ("stored", None)]
    assert lost == [("failed", "file_unreadable") if reads else ("invalid", "invalid")]
