"""What was moved away is counted as stored for its other names, but only the instance that was sent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dcmsend import JournalOptions, Peer, Result, TransferOptions, send
from dcmsend.journal import move_file as module
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances


def test_a_link_to_what_was_replaced_before_it_was_sent_and_moved(tmp_path: Path) -> None:
    """The scan has seen instance 3 under both names; what was sent and moved under one of them is instance 9."""
    first, second, target, fourth = write_instances(tmp_path / "in", 4)
    (other,) = write_instances(tmp_path / "other", 1, first=9)
    link = tmp_path / "link.dcm"
    link.symlink_to(target)
    journal = JournalOptions(str(tmp_path / "journal"), move_sent=str(tmp_path / "sent"))
    options = TransferOptions(halt_on_failure=False)
    outcomes = []
    with ScriptedPeer() as peer:
        paths = [first, second, target, fourth, link]
        for outcome in send(paths, Peer("127.0.0.1", peer.port), journal=journal, transfer=options):
            outcomes.append(outcome)
            if outcome.index == 1:
                other.replace(target)  # the second one is under way, and this one is opened behind it
            elif outcome.index == 3:
                wait_until(lambda: not target.exists(), 60, "the move")
    sent = [store.sop_instance_uid for store in peer.stores]
    assert sent == [instance_uid(number) for number in (1, 2, 9, 4)]
    assert [outcome.result for outcome in outcomes[:4]] == [Result.STORED] * 4
    assert outcomes[4].instance.sop_instance_uid == instance_uid(3)
    assert outcomes[4].result is Result.FAILED


@pytest.mark.parametrize("way", ["rename", "link"])
def test_a_file_that_is_written_to_between_the_last_look_and_the_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Somebody has it open; what he writes was not sent, so the file is back under its name."""
    (path,) = write_instances(tmp_path / "in", 1)
    status = path.stat()
    target = tmp_path / "sent" / "one.dcm"
    really = module.rename_new if way == "rename" else module.link

    def write_first(*names: object) -> None:
        here, taken = names[:2]
        os.truncate(os.path.join(here.path, taken), 100)  # type: ignore[attr-defined, call-overload]
        really(*names)  # type: ignore[arg-type]

    def cannot(*names: object) -> None:
        raise OSError(errno.EINVAL, "no such flag")

    if way == "rename":
        monkeypatch.setattr(module, "rename_new", write_first)
    else:
        monkeypatch.setattr(module, "rename_new", cannot)
        monkeypatch.setattr(module, "link", write_first)
    with pytest.raises(module.NotMoved, match="changed"):
        module.move_file(str(path), str(target), (status.st_size, status.st_mtime_ns))
    assert path.stat().st_size == 100
    assert not target.exists()
    assert [each.name for each in (tmp_path / "in").iterdir()] == [path.name]
