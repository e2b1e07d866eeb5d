"""SIGKILL in the middle of a transfer, again and again: nothing is lost, and the journal never claims too much.

    KILL_ROUNDS=200 python -m pytest tests/journal/test_kill.py

is the soak test: so many rounds of 300 instances each, every one with up to six kills.  Round k always kills at the
same counts.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from support.part10 import data_set_digest
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .archive import Sender, Storescp, uids_in, uids_of
from .runs import stored_uids

ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
INSTANCES = 300
ALL = {instance_uid(number) for number in range(1, INSTANCES + 1)}
WAYS: list[tuple[str, ...]] = [
    (), ("--send-while-scanning",), ("--parallel-associations", "3"), ("--move-sent", "SENT"),
    ("--move-sent", "SENT", "--send-while-scanning", "--parallel-associations", "2"),
]  # fmt: skip


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instances")
    for first in range(1, INSTANCES + 1, 100):
        write_instances(folder / str(first), 100, first=first)
    return folder


def claimed(folder: Path) -> set[str]:
    """What the journal calls stored; there may be no journal yet."""
    journal = folder / "journal"
    return stored_uids(journal) if journal.exists() and journal.stat().st_size else set()


def kill_at_random(sender: Sender, peer: ScriptedPeer, chance: random.Random) -> bool:
    """Wait for a random number of further instances, a moment more, and kill; false if it had ended before."""
    wanted = len(peer.stores) + chance.choice((0, chance.randrange(20), chance.randrange(INSTANCES)))
    wait_until(lambda: sender.has_ended or len(peer.stores) >= wanted, 60, "the transfer")
    time.sleep(chance.choice((0.0, 0.02, 0.25)) * chance.random())
    return sender.kill()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_sender_is_killed(number: int, instances: Path, tmp_path: Path) -> None:
    chance = random.Random(number)
    options = [word if word != "SENT" else tmp_path / "sent" for word in WAYS[number % len(WAYS)]]
    moves = "--move-sent" in options
    normal = (0, 21) if moves else (0,)  # when everything was moved there is no input any more
    shutil.copytree(instances, tmp_path / "in", copy_function=shutil.copy2)
    with ScriptedPeer() as peer:
        for _ in range(chance.randint(1, 6)):
            sender = Sender(tmp_path, peer.port, *options)
            if not kill_at_random(sender, peer, chance):
                break
            known, there = claimed(tmp_path), set(uids_of(peer))
            assert known <= there, f"the journal claims {len(known - there)} instances that are not there"
            check_files(tmp_path, there)
        last = Sender(tmp_path, peer.port, *options)
        assert last.wait() in normal, last.stderr
        before = len(uids_of(peer))
        once_more = Sender(tmp_path, peer.port, *options)
        assert once_more.wait() in normal, once_more.stderr
        assert len(uids_of(peer)) == before, "stored instances were sent again"
    assert set(uids_of(peer)) == ALL
    assert claimed(tmp_path) == ALL
    check_files(tmp_path, ALL)
    assert not moves or not list((tmp_path / "in").rglob("*.dcm"))


def check_files(folder: Path, there: set[str]) -> None:
    """No file is lost, and only what the archive has was moved."""
    left = {path.name for path in (folder / "in").rglob("*.dcm")}
    moved = {path.name for path in (folder / "sent").rglob("*.dcm") if not path.name.startswith(".")}
    assert len(left | moved) == INSTANCES
    assert {instance_uid(int(name[:6])) for name in moved} <= there


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("number", range(max(2, ROUNDS // 5)))
def test_receiver_is_killed(number: int, instances: Path, tmp_path: Path) -> None:
    """DCMTK's storescp dies and comes back; each run does what it can, and the last one completes it."""
    chance = random.Random(number)
    options = ("--parallel-associations", "2") if number % 2 else ()
    (tmp_path / "in").symlink_to(instances)
    archive = Storescp(tmp_path)
    for _ in range(3):
        with archive.running():
            sender = Sender(tmp_path, archive.port, *options)
            wanted = len(uids_in(archive.directory)) + chance.randrange(INSTANCES // 3)
            wait_until(
                lambda: sender.has_ended or len(uids_in(archive.directory)) >= wanted, 60, "the transfer"  # noqa: B023
            )
            archive.kill()
            code = sender.wait()
        assert code in (0, 61, 101), sender.stderr
        assert claimed(tmp_path) <= uids_in(archive.directory)
        if code == 0:
            assert claimed(tmp_path) == ALL
    with archive.running():
        last = Sender(tmp_path, archive.port, *options)
        assert last.wait() == 0, last.stderr
    assert claimed(tmp_path) == ALL == uids_in(archive.directory)
    originals = {instance_uid(int(path.name[:6])): data_set_digest(path) for path in instances.rglob("*.dcm")}
    copies = {path.name.partition(".")[2]: data_set_digest(path) for path in archive.directory.iterdir()}
    assert copies == originals


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("number", range(max(1, ROUNDS // 10)))
def test_receiver_is_killed_and_the_run_goes_on(number: int, instances: Path, tmp_path: Path) -> None:
    """With ``--retry`` one run is enough, however often the receiver dies, as long as it comes back."""
    chance = random.Random(number)
    (tmp_path / "in").symlink_to(instances)
    archive = Storescp(tmp_path)
    with archive.running():
        sender = Sender(
            tmp_path, archive.port, "--retry", "20", "--retry-delay", "1", "--max-instances-rate", "60"
        )
        for _ in range(3):
            wanted = len(uids_in(archive.directory)) + chance.randrange(1, INSTANCES // 4)
            wait_until(
                lambda: sender.has_ended or len(uids_in(archive.directory)) >= wanted, 60, "the transfer"  # noqa: B023
            )
            archive.kill()
            assert claimed(tmp_path) <= uids_in(archive.directory)
            archive.start()
        assert sender.wait() == 0, sender.stderr
    assert claimed(tmp_path) == ALL == uids_in(archive.directory)
    assert sender.stderr.count("next attempt in") >= 1  # a kill may hit between two instances: then none is sent twice
