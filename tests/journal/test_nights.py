"""A migration in many nights, each of which is too short."""

from __future__ import annotations

from pathlib import Path

from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .runs import send, stored_names


def test_nights(tmp_path: Path) -> None:
    """Every instance is sent once, in as many runs as it takes; 103 says that there is more to be done."""
    for folder in range(4):
        write_instances(tmp_path / "in" / str(folder), 15, first=1 + 15 * folder)
    options = ("--resume", "--max-duration", "2", "--max-instances-rate", "12", "--send-while-scanning")
    codes: list[int] = []
    with ScriptedPeer() as peer:
        while not codes or (codes[-1] == 103 and len(codes) < 60):
            done, _ = send(tmp_path, peer, *options)
            codes.append(done.exit_code)
        uids = sorted(store.sop_instance_uid or "" for store in peer.stores)
    assert codes[-1] == 0
    assert len(codes) > 1
    assert set(codes[:-1]) == {103}
    assert uids == sorted(instance_uid(number) for number in range(1, 61))
    assert len(stored_names(tmp_path / "journal")) == 60
