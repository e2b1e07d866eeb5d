"""A file that is written to while its instance is on its way: the next run sends what it has become."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.peer_script import Respond, Script
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .archive import Sender
from .runs import send


@pytest.mark.parametrize("options", [(), ("--move-sent", "sent")])
def test_changed_between_sending_and_answer(tmp_path: Path, options: tuple[str, ...]) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    arguments = [option if option != "sent" else tmp_path / "sent" for option in options]
    with ScriptedPeer(Script(other_stores=Respond(0, delay=1.0)), Script()) as peer:
        first = Sender(tmp_path, peer.port, *arguments)
        wait_until(lambda: any(store.complete for store in peer.stores), 30, "the instance")
        status = path.stat()
        path.write_bytes(path.read_bytes().replace(b"Test^Transfer", b"Best^Transfer"))
        os.utime(path, ns=(status.st_mtime_ns + 1, status.st_mtime_ns + 1))  # the least that can be told
        assert first.wait() == 0, first.stderr
        assert path.exists()
        done, sent = send(tmp_path, peer, "--resume")
    assert (done.exit_code, len(sent)) == (0, 1)
    assert b"Best^Transfer" in peer.stores[1].data_set
