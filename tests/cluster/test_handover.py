"""Scheduler and workers as programs of their own, over TLS: they outlive a driver that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from dask.distributed import Client

from dcmsend import Result, StoreOutcome, Transfer
from dcmsend.cluster import ClusterOptions, ClusterUnusable
from dcmsend.cluster.errors import SAME_EVERYWHERE
from support.certificates import Certificates
from support.clusters import most_at_once, programs_of_cluster, scheduler_with, transfer_over, uids_at
from support.peer_script import Respond, Script
from support.ports import free_port
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.relay import Relay
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, write_instances
from support.trees import tiny_instance_uid, write_tree


@pytest.mark.slow
def test_what_workers_told_a_dead_driver_is_not_sent_again(tmp_path: Path, certificates: Certificates) -> None:
    write_tree(tmp_path / "tree", 600, per_directory=100)
    key, certificate = certificates.server_key, certificates.server
    tls = certificates.ca, certificate, key
    with (
        programs_of_cluster(2, tmp_path, tls) as address,
        ScriptedPeer(Script(other_stores=Respond(delay=0.004))) as peer,
    ):
        command = [
            installed_dcmsend(), "--cluster", address, "--cluster-tls", *map(str, tls), "--journal", "journal",
            "--resume", "+sd", "+r", "127.0.0.1", str(peer.port), "tree",
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(peer.stores) > 200 or process.poll() is not None, 90, "some instances")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        done = run(*command, cwd=tmp_path)
        assert done.exit_code == 0, done.stderr
        assert Counter(uids_at(peer)) == Counter(tiny_instance_uid(number) for number in range(600))

        assert answer_to_a_plain_client(int(address.rpartition(":")[2])) == b""
        plain = address.replace("tls:", "tcp:")
        wrong = certificates.other_ca, certificate, key
        stranger = certificates.ca, certificates.other_client, certificates.other_client_key
        for words, code, said in (
            ([address, "--cluster-tls", *map(str, wrong)], 105, "the scheduler's certificate is not accepted ("),
            ([address, "--cluster-tls", *map(str, stranger)], 61, "it does not accept our certificate; check "),
            ([plain], 61, "this is no scheduler of Dask, or it wants TLS; check "),
        ):
            refused = run(*command[:2], *words, *command[7:], cwd=tmp_path)
            assert refused.exit_code == code, refused.stderr
            (line,) = refused.stderr.splitlines()
            assert line.startswith(f"F: cannot use the cluster: {words[0]}: ")
            assert said in line


def test_the_next_driver_moves_only_what_it_is_given(client: Client, tmp_path: Path) -> None:
    """The scheduler still tells of the first run, which ended early and was to move nothing."""
    write_tree(tmp_path / "tree", 120, per_directory=60)
    first, second = sorted({path.parent for path in (tmp_path / "tree").rglob("*") if path.is_file()})
    paths = sorted(first.iterdir()) + sorted(second.iterdir())
    moved = tmp_path / "moved"
    with ScriptedPeer() as peer:

        def transfer(items: list[Path], move_sent: str) -> Transfer:
            return transfer_over(client, items, peer.port, tmp_path / "journal", move_sent=move_sent)

        with transfer(paths[:60], "") as interrupted:
            next(iter(interrupted))
        assert len(list(transfer([second], str(moved)))) == 60
        assert [path for path in paths if path.exists()] == paths[:60]
        run_transfer(transfer([tmp_path / "tree"], str(moved)))
    assert not any(path.exists() for path in paths)
    names = {path.relative_to(moved) for path in moved.rglob("*") if path.is_file()}
    below = {path.relative_to(tmp_path / "tree") for path in paths[:60]}
    assert names == below | {path.relative_to(second) for path in paths[60:]}


def answer_to_a_plain_client(port: int) -> bytes:
    """What a client without TLS is told that asks who is there: nothing but, maybe, an alert of TLS."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        plain.settimeout(10)
        try:
            plain.sendall(b"\0" * 64)
            answer = plain.recv(1024)
        except OSError:
            return b""
    return b"" if answer[:1] == b"\x15" else answer


@pytest.mark.slow
def test_a_scheduler_that_is_started_again_is_waited_for(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 400, per_directory=100)
    port = free_port()
    outcomes = []
    with ScriptedPeer(Script(other_stores=Respond(delay=0.004))) as peer, ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        address = first.enter_context(programs_of_cluster(2, tmp_path, port=port, workers_end_in=stack))
        transfer = transfer_over(ClusterOptions(address), tmp_path / "tree", peer.port, tmp_path / "journal")
        for outcome in transfer:
            outcomes.append(outcome)
            if len(outcomes) == 100:
                first.close()
                stack.enter_context(programs_of_cluster(2, tmp_path, port=port))
    expected = [tiny_instance_uid(number) for number in range(400)]
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == expected
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert sorted(set(uids_at(peer))) == expected


@pytest.mark.slow
@pytest.mark.parametrize("has_own_client", [False, True])
def test_a_connection_to_the_scheduler_that_breaks_sends_nothing_twice(tmp_path: Path, has_own_client: bool) -> None:
    """The workers keep theirs, and so go on with their batches; a client of the caller connects anew by itself.

    The peer answers slowly until the driver has heard of what was sent while it was away: the batches that ran when
    the connection broke still run when it is there again.
    """
    write_tree(tmp_path / "tree", 250, per_directory=250)
    outcomes: list[StoreOutcome] = []
    at_cut: list[int] = []

    def take_time() -> bool:
        if not at_cut or len(outcomes) <= at_cut[0]:
            time.sleep(0.05)
        return True

    with (
        programs_of_cluster(2, tmp_path) as address,
        Relay(int(address.rpartition(":")[2])) as relay,
        ScriptedPeer(Script(other_stores=Respond(delay=0.002, until=take_time))) as peer,
        ExitStack() as stack,
    ):
        scheduler_with(2, address)
        cluster: ClusterOptions | Client = ClusterOptions(f"tcp://127.0.0.1:{relay.port}")
        if has_own_client:
            cluster = stack.enter_context(Client(cluster.address, set_as_default=False))
        transfer = transfer_over(cluster, tmp_path / "tree", peer.port, tmp_path / "journal")
        for outcome in transfer:
            outcomes.append(outcome)
            if len(outcomes) == 20:
                relay.cut(reset=False)
                at_cut.append(len(peer.stores))
    expected = [tiny_instance_uid(number) for number in range(250)]
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == expected
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert Counter(uids_at(peer)) == Counter(expected)
    assert most_at_once(peer) <= 2


@pytest.mark.slow
def test_workers_that_lose_the_scheduler_end_in_order_and_the_driver_says_it_in_a_line(tmp_path: Path) -> None:
    """Nobody hears of what they would go on to send, and a process that is killed leaves associations broken."""
    write_tree(tmp_path / "tree", 600, per_directory=600)
    with (
        programs_of_cluster(2, tmp_path) as address,
        ScriptedPeer(Script(other_stores=Respond(delay=0.02))) as peer,
    ):
        command = [
            installed_dcmsend(), "--cluster", address, "--journal", "journal", "--retry", "1", "--retry-max-time", "1",
            "--report-json", "report.json", "+sd", "+r", "127.0.0.1", str(peer.port), "tree",
        ]  # fmt: skip
        scheduler = scheduler_with(2, address)
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(peer.stores) > 120 or process.poll() is not None, 90, "some instances")
        os.kill(scheduler, signal.SIGKILL)
        _, stderr = process.communicate(timeout=90)
        wait_until(
            lambda: all(link.course[-1].startswith(("end", "lost")) for link in peer.connections), 90, "the end of all"
        )
    assert process.returncode == 61, stderr
    assert "the connection to the scheduler is lost" in stderr
    assert "Traceback" not in stderr
    assert all("release" in link.course for link in peer.connections)
    assert len(peer.stores) < 600
    rows = json.loads((tmp_path / "report.json").read_text())["instances"]
    told = {tiny_instance_uid(int(Path(row["path"]).stem)): row["outcome"] for row in rows}
    assert {told[uid] for uid in uids_at(peer)} <= {"stored", "unconfirmed"}


def test_workers_of_another_version_get_nothing(client: Client, tmp_path: Path) -> None:
    write_instances(tmp_path / "files", 3)
    client.run(_set_version, "0.0.1")
    try:
        with ScriptedPeer() as peer:
            outcomes, error = run_transfer(transfer_over(client, tmp_path / "files", peer.port, tmp_path / "journal"))
    finally:
        client.run(_set_version, "")
    assert isinstance(error, ClusterUnusable)
    assert "has dcmsend 0.0.1 and Python 3." in str(error)
    assert str(error).endswith(SAME_EVERYWHERE)
    assert error.is_permanent
    assert not outcomes
    assert not peer.connections


def test_a_worker_of_another_version_that_comes_later_gets_nothing(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dcmsend.cluster.carrier import ClusterCarrier

    def join_then_change(carrier: ClusterCarrier) -> None:
        before(carrier)
        client.run(_set_version, "0.0.1")

    before = ClusterCarrier._join
    monkeypatch.setattr(ClusterCarrier, "_join", join_then_change)
    write_instances(tmp_path / "files", 3)
    try:
        with ScriptedPeer() as peer:
            outcomes, error = run_transfer(transfer_over(client, tmp_path / "files", peer.port, tmp_path / "journal"))
    finally:
        client.run(_set_version, "")
    assert isinstance(error, ClusterUnusable)
    assert [outcome.result.value for outcome in outcomes] == ["not attempted"] * 3
    assert not peer.connections


def _set_version(version: str) -> None:
    from dcmsend.cluster import worker
    from dcmsend.version import VERSION

    worker.VERSION = version or VERSION  # type: ignore[attr-defined]


def test_a_scheduler_without_workers_is_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    from dcmsend import RetryOptions

    write_instances(tmp_path / "files", 1)
    with programs_of_cluster(0, tmp_path) as address:
        transfer = transfer_over(
            ClusterOptions(address), tmp_path / "files", 104, tmp_path / "journal", retry=RetryOptions(max_time=1)
        )
        _, error = run_transfer(transfer)
    assert isinstance(error, ClusterUnusable)
    assert "there is no worker" in str(error)


