"""Objects that workers fetch themselves, a web service as the receiver, and an end at once."""

from __future__ import annotations

import os
import socket
import threading
import time
import zipfile
from pathlib import Path

import pytest
from dask.distributed import Client

from dcmsend import ClusterOptions, InputOptions, JournalOptions, Result, TransferOptions, WebPeer, send
from dcmsend.errors import DcmsendError, StoreUnusable
from dcmsend.reasons import NoStore
from support.clusters import transfer_over, uids_at
from support.peer_script import Script, Silence
from support.scripted_peer import ScriptedPeer
from support.scripted_web_server import ScriptedWebServer, SlowStore, store_all
from support.sending import instance_uid, run_transfer, write_instances
from support.store_servers import AWS, s3_place, web_place


def test_objects_and_archives_of_a_web_place(client: Client, tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "files", 6)
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as file:
        for path in paths[:3]:
            file.write(path, path.name)
    options = InputOptions(scan_directories=True, recurse=True, archives=True)
    with web_place() as web, ScriptedPeer() as peer:
        web.put("some.zip", (tmp_path / "some.zip").read_bytes())
        web.put("notes.txt", b"not DICOM")
        for path in paths[3:]:
            web.put(path.name, path.read_bytes())
        items = [web.url, f"{web.url}nothing.dcm"]
        transfer = transfer_over(client, items, peer.port, tmp_path / "journal", inputs=options)
        outcomes, error = run_transfer(transfer)
        again = transfer_over(client, items[:1], peer.port, tmp_path / "journal", inputs=options)
        assert run_transfer(again) == ((), None)
    assert error is None
    assert sorted(uids_at(peer)) == [instance_uid(number) for number in range(1, 7)]
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    names = [outcome.instance.input.path.removeprefix(web.url) for outcome in outcomes]
    assert sorted(names) == [path.name for path in paths[3:]] + [f"some.zip!/{path.name}" for path in paths[:3]]
    assert sorted(each.path.removeprefix(web.url) for each in transfer.rejected) == ["notes.txt", "nothing.dcm"]
    assert again.already_stored == 6


def test_credentials_of_a_bucket_on_one_side_only(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver lists and the workers fetch, each with what is in its own environment; the error says who lacks it."""
    (path,) = write_instances(tmp_path / "files", 1)
    with s3_place(monkeypatch) as place, ScriptedPeer() as peer:
        place.put(path.name, path.read_bytes())
        options = InputOptions(scan_directories=True, storage_options=place.options)

        def night(number: int) -> tuple[int, DcmsendError | None]:
            outcomes, error = run_transfer(
                transfer_over(client, [place.url], peer.port, tmp_path / f"journal{number}", inputs=options)
            )
            return sum(outcome.result is Result.STORED for outcome in outcomes), error

        stored, error = night(1)
        assert stored == 0
        assert isinstance(error, StoreUnusable)
        assert error.why is NoStore.CREDENTIALS
        assert error.reason.startswith(f"a worker on {socket.gethostname()} says: ")
        try:
            client.run(_with, AWS)
            assert night(2) == (1, None)
            for name in AWS:
                monkeypatch.delenv(name)
            stored, error = night(3)
        finally:
            client.run(_without, tuple(AWS))
        assert stored == 0
        assert isinstance(error, StoreUnusable)
        assert error.why is NoStore.CREDENTIALS
        assert "a worker on" not in error.reason


def _with(values: dict[str, str]) -> None:
    os.environ.update(values)


def _without(names: tuple[str, ...]) -> None:
    for name in names:
        os.environ.pop(name, None)


def test_a_web_service_as_the_receiver(client: Client, tmp_path: Path) -> None:
    write_instances(tmp_path / "files", 5)
    with ScriptedWebServer(store_all) as server:
        transfer = send(
            tmp_path / "files", WebPeer(server.url), cluster=client,
            journal=JournalOptions(str(tmp_path / "journal")), transfer=TransferOptions(halt_on_failure=False),
        )  # fmt: skip
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == [instance_uid(n) for n in range(1, 6)]
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert sorted(uid for request in server.requests for uid in request.uids) == [instance_uid(n) for n in range(1, 6)]


def test_no_more_requests_at_a_time_than_associations_are_allowed(client: Client, tmp_path: Path) -> None:
    write_instances(tmp_path / "files", 150)
    slow = SlowStore(0.05)
    options = ClusterOptions(str(client.scheduler_info()["address"]), limit=1)
    with ScriptedWebServer(slow) as server:
        transfer = send(
            tmp_path / "files", WebPeer(server.url, batch=10), cluster=options,
            journal=JournalOptions(str(tmp_path / "journal")), transfer=TransferOptions(halt_on_failure=False),
        )  # fmt: skip
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert len(outcomes) == 150
    assert len({request.connection for request in server.requests}) > 1
    assert slow.most == 1


def test_an_end_at_once_reaches_the_workers(client: Client, tmp_path: Path) -> None:
    """The receiver never answers; the drain would last for an hour."""
    write_instances(tmp_path / "files", 4)
    with ScriptedPeer(Script(other_stores=Silence())) as peer:
        transfer = transfer_over(client, tmp_path / "files", peer.port, tmp_path / "journal", drain_seconds=3600)

        def abort() -> None:
            while not peer.stores:
                time.sleep(0.02)
            transfer.abort()

        thread = threading.Thread(target=abort)
        thread.start()
        outcomes, _ = run_transfer(transfer)
        thread.join()
    assert len(outcomes) == 4
    assert {outcome.result for outcome in outcomes} <= {Result.UNCONFIRMED, Result.NOT_ATTEMPTED}
    assert any("abort" in what for link in peer.connections for what in link.course)
