"""Connections that a program hands over: what is none, whose scheduler has gone, and what of a run stays with them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from dask.distributed import Client, LocalCluster, Security

from dcmsend import Peer, send
from dcmsend.cluster import ClusterUnusable
from dcmsend.journal import JournalOptions
from support.clusters import transfer_over, uids_at
from support.peer_script import Respond, Script
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, write_instances
from support.trees import tiny_instance_uid, write_tree


def cluster_without_workers(**options: Any) -> LocalCluster:
    return LocalCluster(
        n_workers=0, dashboard_address=None, host="127.0.0.1", silence_logs=50,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"}, **options,
    )  # fmt: skip


def test_what_is_no_cluster(client: Client, tmp_path: Path) -> None:
    for other in ("local:2", client.cluster, 2):
        with pytest.raises(TypeError, match=f"cluster must be ClusterOptions .*, not {type(other).__name__}"):
            transfer_over(other, tmp_path, 104, tmp_path / "journal")


def test_a_client_of_an_event_loop(client: Client, tmp_path: Path) -> None:
    async def hand_over() -> None:
        address = str(client.scheduler_info()["address"])
        async with Client(address, asynchronous=True, set_as_default=False) as other:
            with pytest.raises(ValueError, match="the client is asynchronous"):
                transfer_over(other, tmp_path, 104, tmp_path / "journal")

    asyncio.run(hand_over())


def test_certificates_that_a_client_has_in_memory(tmp_path: Path) -> None:
    """Nothing of them is read as the name of a file, and nothing is told of them."""
    write_instances(tmp_path / "in", 1)
    options = {"security": Security.temporary(), "protocol": "tls://"}
    with cluster_without_workers(**options) as cluster, Client(cluster, set_as_default=False) as client:
        transfer = send(tmp_path / "in", Peer("127.0.0.1", 104), cluster=client, journal=JournalOptions(tmp_path / "j"))
        transfer.cancel()
        outcomes, error = run_transfer(transfer)
    assert not outcomes
    assert "BEGIN" not in f"{error!r} {error}"


def test_a_client_whose_scheduler_has_gone(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    with cluster_without_workers() as cluster, Client(cluster.scheduler_address, set_as_default=False) as client:
        cluster.close()
        wait_until(lambda: client.status != "running", 60, "the end of the connection")
        with pytest.raises(ClusterUnusable, match=r"the connection is lost|the client is closed"):
            list(transfer_over(client, tmp_path / "in", 104, tmp_path / "journal"))


def test_a_loop_that_is_left_early_leaves_nothing_with_the_client(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 200, per_directory=50)
    with ScriptedPeer(Script(other_stores=Respond(delay=0.004))) as peer:
        run = weakref.ref(_left_early(client, tmp_path, peer.port))
        wait_until(lambda: gc.collect() >= 0 and run() is None, 60, "the run to be forgotten")
        before = len(uids_at(peer))
        outcomes, error = run_transfer(transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal"))
    assert error is None
    assert 0 < before < 200
    assert {outcome.result.value for outcome in outcomes} == {"stored"}
    assert set(uids_at(peer)) == {tiny_instance_uid(number) for number in range(200)}


def _left_early(client: Client, folder: Path, port: int) -> Any:
    with transfer_over(client, folder / "tree", port, folder / "journal") as transfer:
        next(iter(transfer))
    return transfer._run
