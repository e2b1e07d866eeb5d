"""Secrets of a run whose workers are on other hosts: files that all of them have, and nothing of it on the way."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask.distributed import Client

from dcmsend import ClusterOptions, JournalOptions, Peer, Result, TransferOptions, UserIdentity, WebPeer, send
from dcmsend.cluster import ClusterUnusable
from dcmsend.stow import BasicCredentials, WebSessionFailed
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import KEY_PASSWORD, Certificates
from support.clusters import most_at_once, uids_at
from support.http_wire import response
from support.peer_script import Respond, Script
from support.reading_judge import collected_log
from support.scripted_peer import ScriptedPeer
from support.scripted_web_server import ScriptedWebServer, WebRequest, store_all
from support.sending import instance_uid, run_transfer, write_instances
from support.tls_peers import TlsFront, server_context

PASSWORD = "very-topsecret-passcode"
USER_IDENTITY = 0x58


class Wire:
    """What passes between a driver and a scheduler, both ways; use it as a context manager."""

    def __init__(self, port: int) -> None:
        self.passed = bytearray()
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += here, there
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.passed += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The way to the scheduler, as if it were on another host."""
    monkeypatch.setattr(ClusterOptions, "stays_here", False)
    monkeypatch.chdir("/")  # workers were started in another folder
    with Wire(int(str(client.scheduler_info()["address"]).rpartition(":")[2])) as wire:
        yield wire


def secured_peer(port: int, certificates: Certificates) -> Peer:
    tls = load_tls(
        TlsOptions(
            key_file=str(certificates.encrypted_key), certificate_file=str(certificates.client),
            key_password=KEY_PASSWORD, ca_files=(str(certificates.ca),),
        )
    )  # fmt: skip
    return Peer("127.0.0.1", port, tls=tls, user_identity=UserIdentity(2, b"name", PASSWORD.encode()))


def test_a_receiver_with_tls_and_passwords(
    client: Client, wire: Wire, tmp_path: Path, certificates: Certificates
) -> None:
    """The workers read them; at most so many associations as are allowed; Dask has none of the secrets anywhere."""
    write_instances(tmp_path / "files", 150)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "key").write_text(KEY_PASSWORD)
    options = ClusterOptions(
        wire.address, limit=1, password_file=str(tmp_path / "password"), key_password_file=str(tmp_path / "key")
    )
    context = server_context(certificates.server_key, certificates.server, certificates.ca)
    with ScriptedPeer(Script(other_stores=Respond(delay=0.002))) as peer, TlsFront(context, peer.port) as front:
        outcomes, error = run_transfer(send(
            tmp_path / "files", secured_peer(front.port, certificates), cluster=options,
            journal=JournalOptions(str(tmp_path / "journal")), transfer=TransferOptions(halt_on_failure=False),
        ))  # fmt: skip
        seen = str(client.run_on_scheduler(_memory_of)) + str(client.run(_memory_of))
    assert error is None
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert sorted(uids_at(peer)) == sorted(instance_uid(number) for number in range(1, 151))
    assert len(peer.connections) > 1
    assert most_at_once(peer) == 1
    for link in peer.connections:
        assert link.request is not None
        assert PASSWORD.encode() in link.request.user_item(USER_IDENTITY)
    assert b"send_batch" in wire.passed, "this is what would have it"
    for secret in (PASSWORD, KEY_PASSWORD):
        assert secret.encode() not in wire.passed
        assert secret not in seen


def _memory_of(dask_scheduler: object = None, dask_worker: object = None) -> str:
    """What Dask keeps of tasks and events, and has logged."""
    from distributed.utils import recursive_to_dict

    one = dask_scheduler or dask_worker
    assert one is not None
    kept = [recursive_to_dict(vars(one)[name]) for name in ("tasks", "_transition_log", "state") if name in vars(one)]
    return repr(kept) + repr(one.get_logs()) + repr(getattr(one, "events", ""))  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", ["password", "key"])
def test_a_secret_that_only_the_driver_has(
    wire: Wire, tmp_path: Path, certificates: Certificates, missing: str
) -> None:
    write_instances(tmp_path / "files", 3)
    files = {"password": tmp_path / "password", "key": tmp_path / "key"}
    for name, text in (("password", PASSWORD), ("key", KEY_PASSWORD)):
        if name != missing:
            files[name].write_text(text)
    options = ClusterOptions(wire.address, password_file=str(files["password"]), key_password_file=str(files["key"]))
    with ScriptedPeer() as peer:
        outcomes, error = run_transfer(send(
            tmp_path / "files", secured_peer(peer.port, certificates), cluster=options,
            journal=JournalOptions(str(tmp_path / "journal")),
        ))  # fmt: skip
        assert not peer.connections
    assert isinstance(error, ClusterUnusable)
    assert error.is_permanent
    assert f"cannot read {files[missing]}: No such file or directory" in str(error)
    assert "a worker on " in str(error)
    assert len(outcomes) == 3


def test_a_password_of_a_web_service_that_a_worker_does_not_find(
    client: Client, wire: Wire, tmp_path: Path
) -> None:
    """Here it may be in order: so the host is named on which it is not."""
    write_instances(tmp_path / "files", 2)
    credentials = BasicCredentials("user", tmp_path / "password")
    with ScriptedWebServer(store_all) as server, collected_log() as lines:
        _, error = run_transfer(send(
            tmp_path / "files", WebPeer(server.url, credentials=credentials), cluster=ClusterOptions(wire.address),
            journal=JournalOptions(str(tmp_path / "journal")), transfer=TransferOptions(halt_on_failure=False),
        ))  # fmt: skip
        assert not server.requests
    assert isinstance(error, WebSessionFailed)
    assert f"cannot read the password in {tmp_path}/password: No such file" in str(error)
    assert f"E: so it was for a worker on {socket.gethostname()}" in lines


def test_a_web_service_that_wants_a_password(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is named from the folder where the driver was started."""
    write_instances(tmp_path / "files", 5)
    (tmp_path / "password").write_text(PASSWORD)
    monkeypatch.chdir(tmp_path)
    credentials = BasicCredentials("user", "password")
    value = credentials.header()

    def answer(request: WebRequest) -> bytes:
        right = request.head.headers.get("authorization") == value
        return store_all(request) if right else response(401, b"", None)

    with ScriptedWebServer(answer) as server:
        outcomes, error = run_transfer(send(
            tmp_path / "files", WebPeer(server.url, credentials=credentials), cluster=ClusterOptions(wire.address),
            journal=JournalOptions(str(tmp_path / "journal")), transfer=TransferOptions(halt_on_failure=False),
        ))  # fmt: skip
    assert error is None
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert len(outcomes) == 5
    assert PASSWORD.encode() not in wire.passed
