"""Connections to hosts that are lost before an object is asked for."""

from __future__ import annotations

import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from dcmsend import InputOptions
from dcmsend.errors import StoreUnusable
from dcmsend.inputs import Stores, find_inputs
from dcmsend.inputs.stores import sftp as sftp_module
from dcmsend.inputs.stores import stores as stores_module
from dcmsend.inputs.stores.errors import StoreBusy
from dcmsend.inputs.stores.find import Found, look_up
from dcmsend.inputs.stores.names import place_of
from dcmsend.inputs.stores.store import Entry
from dcmsend.reasons import NoStore
from support.relay import Relay
from support.store_servers import StorePlace


@pytest.fixture
def lost(sftp: StorePlace, monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often each object was looked at; the first two times the connection is lost."""
    import asyncssh

    monkeypatch.setattr(stores_module, "_PAUSES", (0.01, 0.01))
    look, asked = asyncssh.SFTPClient.stat, Counter[bytes]()

    async def breaking(self: Any, path: bytes) -> Any:
        asked[path] += 1
        if asked[path] < 3:
            raise asyncssh.SFTPConnectionLost("lost")
        return await look(self, path)

    monkeypatch.setattr(asyncssh.SFTPClient, "stat", breaking)
    for number in range(20):
        sftp.put(f"{number}.dcm", b"x")
    return asked


def looked_up(sftp: StorePlace) -> list[Found]:
    stores = Stores(InputOptions(storage_options=sftp.options))
    try:
        return [found for _, _, found in look_up((f"{sftp.url}{number}.dcm" for number in range(20)), stores)]
    finally:
        stores.close()


@pytest.mark.peer("asyncssh")
def test_a_connection_that_is_lost_while_names_are_looked_up(sftp: StorePlace, lost: Counter[bytes]) -> None:
    """Each is looked up again, as it is fetched again."""
    assert all(isinstance(found, Entry) for found in looked_up(sftp))
    assert set(lost.values()) == {3}


@pytest.mark.peer("asyncssh")
@pytest.mark.parametrize("most", [5, 100])
def test_connections_that_are_lost_again_and_again(
    sftp: StorePlace, lost: Counter[bytes], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """A few objects are left for the next run; very many in a row end this one."""
    monkeypatch.setattr(stores_module, "_PAUSES", (0.01,))
    monkeypatch.setattr(stores_module, "MOST_BUSY", most)
    if most == 100:
        assert all(isinstance(found, StoreBusy) for found in looked_up(sftp))
        assert set(lost.values()) == {2}
        return
    with pytest.raises(StoreUnusable) as caught:
        looked_up(sftp)
    assert caught.value.why is NoStore.NOT_NOW


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sftp_module.SftpStore]:
    """The host that was asked last."""
    opened: list[sftp_module.SftpStore] = []
    connected = sftp_module.SftpStore._connected

    async def note(self: sftp_module.SftpStore) -> Any:
        opened[:] = [self]
        return await connected(self)

    monkeypatch.setattr(sftp_module.SftpStore, "_connected", note)
    return opened


async def end_session(store: sftp_module.SftpStore) -> None:
    """Its connection goes on, as when the program behind it was killed."""
    store._client.exit()
    await store._client.wait_closed()


@pytest.mark.peer("asyncssh")
@pytest.mark.parametrize("end", [sftp_module.SftpStore.close, end_session])
def test_a_list_goes_on_over_a_new_connection(
    sftp: StorePlace, opened: list[sftp_module.SftpStore], end: Callable[[sftp_module.SftpStore], Any]
) -> None:
    """It was lost between two directories, and a fetch may have made a new one."""
    for name in ("1.dcm", "a/2.dcm"):
        sftp.put(name, b"x")
    inputs = InputOptions(scan_directories=True, recurse=True, storage_options=sftp.options)
    stores = Stores(inputs)
    try:
        found = find_inputs([sftp.url], inputs, stores=lambda: stores)
        assert next(found).path == sftp.url + "1.dcm"
        stores._loop.call(end(opened[0]), None)
        assert [item.path for item in found] == [sftp.url + "a/2.dcm"]
    finally:
        stores.close()


@pytest.mark.peer("asyncssh")
@pytest.mark.parametrize("is_lost", [False, True])
def test_a_host_that_opens_no_session_for_a_moment(
    sftp: StorePlace, monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    """It has no room for it, or the connection is lost; the object is asked for over a new connection."""
    import asyncssh

    monkeypatch.setattr(stores_module, "_PAUSES", (0.01, 0.01))
    start, count = asyncssh.SSHClientConnection.start_sftp_client, itertools.count()

    async def not_at_first(self: Any, **options: Any) -> Any:
        if not next(count):
            if not is_lost:
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "no")
            self.abort()
        return await start(self, **options)

    monkeypatch.setattr(asyncssh.SSHClientConnection, "start_sftp_client", not_at_first)
    for number in range(20):
        sftp.put(f"{number}.dcm", b"x")
    assert all(isinstance(found, Entry) for found in looked_up(sftp))


@pytest.mark.peer("asyncssh")
def test_a_host_with_two_addresses_of_which_none_answers(sftp: StorePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop says then that there were several errors, and gives no number."""

    def addresses(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 9)) for host in ("127.0.0.2", "127.0.0.3")]

    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    sftp.url = sftp.url.replace("127.0.0.1", "localhost")
    with pytest.raises(StoreUnusable) as caught:
        looked_up(sftp)
    assert caught.value.why is NoStore.UNREACHABLE


@pytest.mark.peer("asyncssh")
def test_a_host_that_falls_silent_is_asked_over_a_new_connection(
    sftp: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a firewall that forgets the connection, which the system notices after two hours."""
    monkeypatch.setattr(sftp_module, "_SILENCE", 0.3)
    sftp.put("1.dcm", b"x")
    latest = time.monotonic() + 60

    def check() -> None:
        assert time.monotonic() < latest, "waits for ever"

    with Relay(int(sftp.url.rpartition(":")[2].partition("/")[0]), pause_after=20_000) as relay:
        place = place_of(f"sftp://somebody@127.0.0.1:{relay.port}/in/1.dcm")
        stores = Stores(InputOptions(storage_options=(("known_hosts", "none"),)), check)
        try:
            while relay.connections < 2:  # it falls silent in one of these
                with suppress(StoreBusy):
                    stores.info(place)
            with suppress(StoreBusy):  # for if this machine is very slow, it is the new connection that seems lost
                assert stores.info(place).size == 1
        finally:
            stores.close()
