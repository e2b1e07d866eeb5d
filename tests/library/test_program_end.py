"""A program that ends while an iterator is kept somewhere: in a module, or by the traceback of an error."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

PROGRAM = """
import os, sys, threading, time
from dcmsend import JournalOptions, Observer, Peer, ReportOptions, TransferOptions, send
how, count, folder, port = sys.argv[1:]
told, inside = threading.Event(), threading.Event()

class Watch(Observer):
    def outcome(self, outcome):
        if how == "running" and threading.current_thread() is not threading.main_thread():
            inside.set()
            time.sleep(60)

transfer = send(
    os.path.join(folder, "in"), Peer("127.0.0.1", int(port)),
    transfer=TransferOptions(parallel_associations=int(count), halt_on_failure=False),
    journal=JournalOptions(os.path.join(folder, "journal")),
    report=ReportOptions(jsonl_report=os.path.join(folder, "r.jsonl")),
    observer=Watch(),
)

def take_one():
    global outcomes
    kept = iter(transfer)
    if how in ("module", "running"):
        outcomes = kept
    print(os.path.basename(next(kept).instance.input.path), flush=True)
    told.set()
    if how == "error":  # nothing but its traceback keeps the iterator
        raise LookupError("of the program")
    if how == "thread":
        time.sleep(60)

if how == "thread":
    threading.Thread(target=take_one, daemon=True).start()
    told.wait()
else:
    take_one()
if how == "running":
    threading.Thread(target=list, args=(outcomes,), daemon=True).start()
    inside.wait()
"""


def end_of(tmp_path: Path, how: str, associations: int) -> tuple[int, str, str, ScriptedPeer]:
    write_instances(tmp_path / "in", 60)
    with ScriptedPeer() as peer:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, how, str(associations), str(tmp_path), str(peer.port)],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    return done.returncode, done.stdout.strip(), done.stderr, peer


@pytest.mark.parametrize("associations", [1, 3])
@pytest.mark.parametrize("how", ["module", "error", "thread"])
def test_it_is_ended_with_the_program(tmp_path: Path, how: str, associations: int) -> None:
    """Nothing waits for threads that cannot run any more, and the journal has all that was told."""
    code, told, errors, peer = end_of(tmp_path, how, associations)
    assert code == (how == "error"), errors
    assert errors.strip().endswith("LookupError: of the program") if how == "error" else not errors
    if associations == 1:  # others go on while the program does something else
        assert [link.course[2] for link in peer.connections] == ["abort 0 0"]
    assert not (tmp_path / "journal-lock").exists()
    connection = sqlite3.connect(tmp_path / "journal")
    rows = [name.decode() for (name,) in connection.execute("SELECT name FROM instance WHERE outcome = 0")]
    connection.close()
    assert told in rows
    if associations == 1:
        assert rows == [told]
    summary = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[-1])
    assert summary["ended_by"] == "caller"


@pytest.mark.parametrize("associations", [1, 3])
def test_one_that_a_daemon_is_in_the_midst_of_holds_nothing_up(tmp_path: Path, associations: int) -> None:
    """Whichever thread has begun it."""
    code, told, errors, peer = end_of(tmp_path, "running", associations)
    assert (code, errors) == (0, "")
    assert told
    assert peer.connections
