"""The journal cannot grow any more while instances are sent: an orderly end that loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.journal.writer import GROUP_ROWS
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .archive import uids_of
from .runs import stored_uids

COUNT = 3000
ALL = {instance_uid(number) for number in range(1, COUNT + 1)}


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instances")
    write_instances(folder, COUNT)
    return folder


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    place = folder / "small"
    place.mkdir()
    argv = [mount or "", "-t", "tmpfs", "-o", "size=256k", "dcmsend-test", str(place)]
    if mount is None or umount is None or os.getuid() != 0 or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("PEER MISSING: a small disk: a file system cannot be mounted here (needs root)")
    try:
        yield place
    finally:
        subprocess.run([umount, str(place)], check=True)


def check_end(done: Run, peer: ScriptedPeer) -> list[str]:
    """Exit code and reports of the run that was stopped; the UIDs of what was stored in it."""
    assert done.exit_code == 104, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("F: ")]
    assert len(told) == 1
    assert told[0].startswith("F: cannot use journal '")
    report = json.loads(done.stdout)
    there = uids_of(peer)
    by_outcome: dict[str, list[str]] = {"stored": [], "not_attempted": []}
    for row in report["instances"]:
        by_outcome[row["outcome"]].append(row["sop_instance_uid"])
    assert sorted(by_outcome["stored"]) == sorted(there), "every answer is reported"
    assert by_outcome["not_attempted"], "it went on to the end"
    assert set(by_outcome["not_attempted"]) == ALL - set(there)
    assert (report["exit"]["code"], report["ended_by"], report["complete"]) == (104, "error", False)
    assert not report["exit"]["retryable"], "the journal needs manual action first"
    assert not any(row["retryable"] for row in report["instances"])
    return there


def most_unwritten(associations: int) -> int:
    """Two groups; of each association the outcome that waits for room in them, and the request that is in flight."""
    return 2 * GROUP_ROWS + 2 * associations


@pytest.mark.parametrize("way", [(), ("--parallel-associations", "3", "--send-while-scanning")], ids=["one", "three"])
def test_limit_of_the_process(tmp_path: Path, instances: Path, way: tuple[str, ...]) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("PEER MISSING: prlimit: it is not installed")
    journal = tmp_path / "journal"
    arguments = ("--journal", journal, "--resume", *way, "+sd", "127.0.0.1")
    with ScriptedPeer() as peer:
        done = run(
            prlimit, "--fsize=120000", "--", installed_dcmsend(), "--report-json", "-", *arguments, peer.port, instances
        )
        there = check_end(done, peer) if not way else uids_of(peer)
        assert done.exit_code == 104, done.stderr
        assert stored_uids(journal) <= set(there)
        assert len(there) - len(stored_uids(journal)) <= most_unwritten(3 if way else 1)
        again = run(installed_dcmsend(), *arguments, peer.port, instances)
        assert again.exit_code == 0, again.stderr
        assert set(uids_of(peer)) == ALL
    assert stored_uids(journal) == ALL


def test_disk_that_is_full_before_anything_is_sent(tmp_path: Path, instances: Path) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("PEER MISSING: prlimit: it is not installed")
    with ScriptedPeer() as peer:
        done = run(
            prlimit, "--fsize=6000", "--", installed_dcmsend(), "--journal", tmp_path / "journal", "+sd", "127.0.0.1",
            peer.port, instances,
        )  # fmt: skip
        assert done.exit_code == 104, done.stderr
        assert peer.connections == []
    assert os.listdir(tmp_path) == [], "what could not be made is not left behind"


def test_disk_that_has_room_again(tmp_path: Path, instances: Path) -> None:
    with small_disk(tmp_path) as place, ScriptedPeer() as peer:
        arguments = ("--journal", place / "journal", "--resume", "+sd", "127.0.0.1", peer.port, instances)
        done = run(installed_dcmsend(), "--report-json", "-", *arguments)
        there = check_end(done, peer)
        assert "the disk is full" in done.stderr
        assert stored_uids(place / "journal") <= set(there)
        subprocess.run(["mount", "-o", "remount,size=8m", str(place)], check=True)
        again = run(installed_dcmsend(), *arguments)
        assert again.exit_code == 0, again.stderr
        assert set(uids_of(peer)) == ALL == stored_uids(place / "journal")
