"""What was moved away is counted as stored for its other names, but only the instance that was sent."""

from __future__ import annotations

import time
from pathlib import Path

from dcmsend import JournalOptions, Peer, Result, TransferOptions, send
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances


def wait_until_gone(path: Path) -> None:
    for _ in range(1000):
        if not path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} was not moved")


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
                wait_until_gone(target)
    sent = [store.sop_instance_uid for store in peer.stores]
    assert sent == [instance_uid(number) for number in (1, 2, 9, 4)]
    assert [outcome.result for outcome in outcomes[:4]] == [Result.STORED] * 4
    assert outcomes[4].instance.sop_instance_uid == instance_uid(3)
    assert outcomes[4].result is Result.FAILED
