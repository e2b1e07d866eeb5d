"""A file that is written to while its instance is on its way: the next run sends what it has become."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dcmsend import Reason, Result, StoreOutcome
from dcmsend.journal.schema import RESULTS
from support.peer_script import Respond, Script
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .archive import Sender
from .runs import outcomes, run_with_journal, send
from .test_writer import Kept, outcome_of


@pytest.mark.parametrize("options", [(), ("--move-sent", "sent")])
def test_changed_between_sending_and_answer(tmp_path: Path, options: tuple[str, ...]) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    arguments = [option if option != "sent" else tmp_path / "sent" for option in options]
    is_changed = threading.Event()
    with ScriptedPeer(Script(other_stores=Respond(until=is_changed.is_set)), Script()) as peer:
        first = Sender(tmp_path, peer.port, *arguments)
        wait_until(lambda: any(store.complete for store in peer.stores), 30, "the instance")
        status = path.stat()
        path.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Best^Transfer"))
        os.utime(path, ns=(status.st_mtime_ns + 1, status.st_mtime_ns + 1))  # the least that can be told
        is_changed.set()
        assert first.wait() == 0, first.stderr
        assert path.exists()
        done, sent = send(tmp_path, peer, "--resume")
    assert (done.exit_code, len(sent)) == (0, 1)
    assert b"Best^Transfer" in peer.stores[1].data_set


@pytest.mark.parametrize("cut", [3, 40, 150])
def test_truncated_after_it_was_stored(tmp_path: Path, cut: int) -> None:
    """The next run says failed, or that it is no DICOM file; then the journal no longer calls it stored."""
    paths = write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer:
        send(tmp_path, peer)
        paths[1].write_bytes(paths[1].read_bytes()[:-cut])
        done = run_with_journal(tmp_path, peer.port, "--resume", "-nh")
        assert done.exit_code == 102, done.stderr
    assert {name: row[0] for name, row in outcomes(tmp_path / "journal").items()} == {
        paths[0].name: 0, paths[1].name: 2, paths[2].name: 0,
    }  # fmt: skip


STORED = outcome_of(1)._replace(file_stamp=(10, 10))
AGAIN = [  # what is told of the same name afterwards, and what the journal says then
    (STORED._replace(result=Result.REFUSED, status=0x0111), Result.STORED),
    (STORED._replace(result=Result.UNCONFIRMED, status=None, reason=Reason.ABORTED), Result.STORED),
    (STORED._replace(result=Result.FAILED, status=None, reason=Reason.NO_CONTEXT), Result.STORED),
    (STORED._replace(result=Result.FAILED, reason=Reason.FILE_UNREADABLE, file_stamp=None), Result.STORED),
    (STORED._replace(result=Result.FAILED, reason=Reason.FILE_CHANGED), Result.FAILED),
    (STORED._replace(result=Result.FAILED, reason=Reason.DATA_SET_BROKEN), Result.FAILED),
    (STORED._replace(result=Result.FAILED, reason=Reason.DATA_SET_BROKEN, file_stamp=(9, 10)), Result.FAILED),
    (STORED._replace(result=Result.REFUSED, status=0xA900, file_stamp=(10, 11)), Result.REFUSED),
    (STORED._replace(result=Result.REFUSED, status=0xA900, file_stamp=(10, 1 << 70)), Result.REFUSED),
    (STORED._replace(result=Result.REFUSED, status=0x0111, sop_instance_uid="1.2.3"), Result.REFUSED),
]


@pytest.mark.parametrize(("later", "expected"), AGAIN)
@pytest.mark.parametrize("one_group", [False, True])
def test_what_is_told_after_it_was_stored(
    tmp_path: Path, later: StoreOutcome, expected: Result, one_group: bool
) -> None:
    kept = Kept(tmp_path / "journal")
    kept.writer.add(STORED)
    if not one_group:
        wait_until(lambda: kept.groups == [1], 30, "the commit")
    kept.writer.add(later)
    kept.writer.close()
    kept.connection.close()
    assert RESULTS[outcomes(tmp_path / "journal")["1"][0]] is expected


def test_replaced_by_one_that_looks_the_same(tmp_path: Path) -> None:
    """Size and time are those of the file that was sent, and it is another one: it is not moved."""
    (path,) = write_instances(tmp_path / "in", 1)
    is_replaced = threading.Event()
    with ScriptedPeer(Script(other_stores=Respond(until=is_replaced.is_set))) as peer:
        sender = Sender(tmp_path, peer.port, "--move-sent", tmp_path / "sent")
        wait_until(lambda: any(store.complete for store in peer.stores), 30, "the instance")
        status = path.stat()
        other = tmp_path / "other"
        other.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Best^Transfer"))
        os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
        other.rename(path)
        is_replaced.set()
        assert sender.wait() == 0, sender.stderr
    assert b"Best^Transfer" in path.read_bytes()
    assert list((tmp_path / "sent").iterdir()) == []
    assert "it was replaced since it was sent" in sender.stderr


@pytest.mark.parametrize("mode", [(), ("+f",), ("-f",)])
def test_another_instance_of_the_same_name_size_and_time_is_not_moved_unsent(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    """The run before has stored what had the name, and has not moved it."""
    folder = tmp_path / "in"
    paths = write_instances(folder, 2)
    earlier, later = (path.read_bytes() for path in paths)
    paths[1].unlink()
    if mode == ("-f",):
        earlier, later = (content[content.index(b"\x08\0\x16\0UI") :] for content in (earlier, later))
        paths[0].write_bytes(earlier)
    assert len(later) == len(earlier)
    with ScriptedPeer() as peer:
        assert send(tmp_path, peer, *mode)[1] == [instance_uid(1)]
        status = paths[0].stat()
        paths[0].write_bytes(later)
        os.utime(paths[0], ns=(status.st_mtime_ns, status.st_mtime_ns))
        move = (*mode, "--resume", "--move-sent", tmp_path / "sent")
        assert send(tmp_path, peer, *move)[1] == [instance_uid(2)]
        assert (tmp_path / "sent" / paths[0].name).read_bytes() == later
        paths[0].write_bytes(later)
        os.utime(paths[0], ns=(status.st_mtime_ns, status.st_mtime_ns))
        assert send(tmp_path, peer, *move)[1] == []
    assert list(folder.iterdir()) == []
