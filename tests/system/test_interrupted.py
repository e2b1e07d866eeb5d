"""What goes wrong in the middle of a transfer: the file, the network, the user."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support.corpus import DATA
from support.discarding_peer import DiscardingPeer
from support.peers import StoredObject, recording_scp
from support.relay import Relay
from support.report_file import parse_report
from support.run import run
from support.trees import write_multi_frame, write_tree

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
LARGE = 64 * 512 * 512 * 2  # much more than all buffers between sender and relay


def start(dcmsend: str, *arguments: str | Path | int) -> subprocess.Popen[str]:
    argv = [dcmsend, *(str(argument) for argument in arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def shrink(path: Path) -> None:
    os.truncate(path, LARGE // 2)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(1000))


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1000, os.SEEK_END)
        file.write(b"\xff" * 1000)


@pytest.mark.parametrize("change", [shrink, grow, rewrite])
def test_file_that_changes_while_it_is_sent(dcmsend: str, tmp_path: Path, change: object) -> None:
    """The peer must not keep a mixture; the association is aborted, and the other files go out on another one."""
    path, report = tmp_path / "large.dcm", tmp_path / "report.txt"
    write_multi_frame(path, LARGE)
    with DiscardingPeer() as peer, Relay(peer.port, pause_after=1 << 20) as relay:
        process = start(dcmsend, "-nh", "+crf", report, "127.0.0.1", relay.port, CT, path, MR)
        assert relay.paused.wait(60)
        change(path)  # type: ignore[operator]
        relay.resume()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert str(path) in stderr
    statuses = [entry["DIMSE Status"] for entry in parse_report(report.read_text()).entries]
    assert statuses == ["0x0000 (Success)", "<not sent>", "0x0000 (Success)"], stderr
    assert len(peer.stored) == 2


def test_network_that_breaks(dcmsend: str, tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    write_multi_frame(path, LARGE)
    with DiscardingPeer() as peer, Relay(peer.port, pause_after=1 << 20) as relay:
        process = start(dcmsend, "127.0.0.1", relay.port, CT, path, MR)
        assert relay.paused.wait(60)
        relay.cut()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 62, stderr
    assert "F: cannot send SOP instance: Peer aborted Association (or never connected)" in stderr.splitlines()
    assert len(peer.stored) == 1


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_user_who_has_enough(dcmsend: str, tmp_path: Path, number: signal.Signals, exit_code: int) -> None:
    """The instance in flight gets its answer, the association is released, the report tells what is not sent."""
    write_tree(tmp_path / "tree", 200)
    enough = threading.Event()
    go_on = threading.Event()

    def wait_at_the_fifth(_: StoredObject) -> int:
        if len(peer.stored) == 5:
            enough.set()
            go_on.wait(60)
        return 0

    report = tmp_path / "report.txt"
    with recording_scp(on_store=wait_at_the_fifth) as peer:
        process = start(dcmsend, "-v", "+sd", "+r", "+crf", report, "127.0.0.1", peer.port, tmp_path / "tree")
        assert enough.wait(60)
        process.send_signal(number)
        threading.Timer(0.5, go_on.set).start()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == exit_code, stderr
    assert "Releasing Association" in stderr
    assert not report.exists()
    entries = parse_report((tmp_path / "report.txt.partial").read_text()).entries
    stored = [entry["SOP Instance"] for entry in entries if entry["DIMSE Status"] == "0x0000 (Success)"]
    assert stored == [each.sop_instance_uid for each in peer.stored]
    assert 5 <= len(stored) < 200
    assert len(entries) == 200


def test_second_signal_ends_it_at_once(dcmsend: str, tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    write_multi_frame(path, LARGE)
    with DiscardingPeer() as peer, Relay(peer.port, pause_after=1 << 20) as relay:
        process = start(dcmsend, "127.0.0.1", relay.port, path)
        assert relay.paused.wait(60)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)  # another one: two of a kind may become one
        try:
            _, stderr = process.communicate(timeout=9)  # the first one alone would be patient for ten seconds
        finally:
            process.kill()
    assert process.returncode == 130, stderr
    assert peer.stored == []


def test_reader_of_the_log_that_goes_away(dcmsend: str) -> None:
    """``dcmsend -d ... | head -1`` still sends everything."""
    with DiscardingPeer() as peer:
        process = start(dcmsend, "-d", "127.0.0.1", peer.port, *([CT] * 300))
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        process.wait(60)
    assert len(peer.stored) == 300


def test_same_run_twice_gives_the_same(dcmsend: str) -> None:
    with DiscardingPeer() as peer:
        assert run(dcmsend, "127.0.0.1", peer.port, CT, MR).exit_code == 0
        assert run(dcmsend, "127.0.0.1", peer.port, CT, MR).exit_code == 0
    assert peer.stored[:2] == peer.stored[2:]


def test_signal_while_an_endless_data_set_is_walked(dcmsend: str, tmp_path: Path) -> None:
    """A header and 400 MiB of zeros: millions of elements; nothing of it is in flight, so nothing is waited for."""
    path, good = tmp_path / "zeros.dcm", tmp_path / "good.dcm"
    path.write_bytes(CT.read_bytes()[:336])
    os.truncate(path, 400 << 20)
    good.write_bytes(CT.read_bytes())
    with DiscardingPeer() as peer:
        process = start(dcmsend, "-nh", "-v", "127.0.0.1", peer.port, good, path, good)
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "Sending C-STORE Request" in line:  # while the answer is on its way the next one is walked
                process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130, "".join(lines)
    assert len(peer.stored) == 1
    assert "E: 2 of 3 SOP instances were not stored\n" in lines


def test_signal_while_the_peer_does_not_answer_the_request(dcmsend: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = start(dcmsend, "-ta", 600, "127.0.0.1", server.getsockname()[1], CT)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(10)
            process.send_signal(signal.SIGTERM)
            _, stderr = process.communicate(timeout=8)  # the ten seconds are for what is in flight
    assert process.returncode == 143, stderr
