"""A program that forks while it sends: the child ends or goes on as it likes, the transfer stays with the parent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")

PROGRAM = """
import gc, os, sys
from dcmsend import JournalOptions, Observer, Peer, TransferOptions, send
how, where, count, folder, port = sys.argv[1:]

def fork():
    if how == "multiprocessing":
        import multiprocessing
        process = multiprocessing.get_context("fork").Process(target=len, args=((),))
        process.start()
        process.join()
        return process.exitcode
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    if how == "os._exit":
        os._exit(0)
    if how == "collected":
        global transfer, outcomes
        transfer = outcomes = None
        gc.collect()
        sys.exit(0)
    if how == "closed":
        transfer.__exit__(None, None, None)
        sys.exit(0)
    if how == "goes on":
        try:
            next(outcomes)
        except RuntimeError as error:
            sys.exit("process that began it" not in str(error))
        sys.exit(1)
    sys.exit(0)

class Watch(Observer):
    calls = 0
    def outcome(self, outcome):
        self.calls += 1
        if where == "observer" and self.calls == 2:
            print("child", fork())

transfer = send(
    os.path.join(folder, "in"), Peer("127.0.0.1", int(port)), observer=Watch(),
    transfer=TransferOptions(parallel_associations=int(count), halt_on_failure=False),
    journal=JournalOptions(os.path.join(folder, "journal")),
)
outcomes = iter(transfer)
stored = 0
for outcome in outcomes:
    stored += outcome.result.value == "stored"
    if where == "loop" and stored == 2:
        print("child", fork())
        print("lock", os.path.exists(os.path.join(folder, "journal-lock")))
print("stored", stored)
"""


@pytest.mark.parametrize("associations", [1, 3])
@pytest.mark.parametrize(
    ("how", "where"),
    [(how, "loop") for how in ("os._exit", "sys.exit", "multiprocessing", "collected", "closed", "goes on")]
    + [(how, "observer") for how in ("os._exit", "sys.exit", "multiprocessing")],
)
def test_fork_while_it_sends(tmp_path: Path, how: str, where: str, associations: int) -> None:
    write_instances(tmp_path / "in", 60)
    with ScriptedPeer() as peer:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, how, where, str(associations), str(tmp_path), str(peer.port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    lines = done.stdout.split("\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "child 0" in lines
    assert "lock False" not in lines
    assert "stored 60" in lines
    assert len(peer.stores) == 60
    assert all(not event.startswith("abort") for link in peer.connections for event in link.course)
    assert not (tmp_path / "journal-lock").exists()


ORPHAN = """
import os, sys, time
from dcmsend import JournalOptions, Peer, send
folder, port = sys.argv[1:]
for outcome in send(os.path.join(folder, "in"), Peer("127.0.0.1", int(port)),
                    journal=JournalOptions(os.path.join(folder, "journal"))):
    child = os.fork()
    if child:
        print(child, flush=True)
        os.kill(os.getpid(), 9)
    os.close(1)
    os.close(2)
    time.sleep(60)
"""


def test_a_child_that_outlives_its_parent_keeps_neither_lock_nor_association(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer:
        killed = subprocess.run(
            [sys.executable, "-c", ORPHAN, str(tmp_path), str(peer.port)], capture_output=True, timeout=60, check=False
        )
        child = int(killed.stdout)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "dcmsend", "--journal", tmp_path / "journal", "--resume", "+sd",
                 "127.0.0.1", str(peer.port), tmp_path / "in"], capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert peer.connections[0].course[-1].startswith(("end", "lost")), "the child holds the connection"
        finally:
            os.kill(child, 9)
