"""Ports on which peers call back."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from dcmsend.errors import CannotListen
from dcmsend.transport import AddressFamily, Listener
from support.descriptors import open_descriptors


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


HAS_IPV6 = has_ipv6()
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


def called(listener: Listener, host: str) -> str | None:
    """The caller's address as the listener sees it; None if nobody can call it at ``host``."""
    try:
        with socket.create_connection((host, listener.port), 10):
            listener._sock.setblocking(True)
            connection = listener.accept()
            assert connection is not None
            connection.close()
            return connection.host
    except ConnectionRefusedError:
        return None


@pytest.mark.parametrize(
    ("address", "family", "four", "six"),
    [
        ("", AddressFamily.IPV4, "127.0.0.1", None),
        pytest.param("", AddressFamily.IPV6, None, "::1", marks=needs_ipv6),
        pytest.param("", AddressFamily.ANY, "127.0.0.1", "::1", marks=needs_ipv6),
        ("127.0.0.1", AddressFamily.IPV4, "127.0.0.1", None),
        pytest.param("::1", AddressFamily.IPV4, None, "::1", marks=needs_ipv6),
        pytest.param("[::1]", AddressFamily.ANY, None, "::1", marks=needs_ipv6),
        ("localhost", AddressFamily.IPV4, "127.0.0.1", None),
    ],
)
def test_what_is_listened_on(address: str, family: AddressFamily, four: str | None, six: str | None) -> None:
    listener = Listener(address, 0, family)
    try:
        assert listener.port
        assert called(listener, "127.0.0.1") == four
        if HAS_IPV6:
            assert called(listener, "::1") == six
    finally:
        listener.close()
        listener.close()


def test_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without(family: int = socket.AF_INET, *more: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6")
        return real(family, *more)

    monkeypatch.setattr(socket, "socket", without)
    listener = Listener("", 0, AddressFamily.ANY)
    listener.close()
    with pytest.raises(CannotListen, match="Address family not supported"):
        Listener("", 0, AddressFamily.IPV6)


def test_nobody_calls() -> None:
    listener = Listener("127.0.0.1", 0)
    assert listener.accept() is None
    listener.close()


def test_a_port_that_is_taken() -> None:
    first = Listener("127.0.0.1", 0)
    with pytest.raises(CannotListen) as caught:
        Listener("127.0.0.1", first.port)
    assert caught.value.text == f"cannot listen on 127.0.0.1 port {first.port}: Address already in use"
    assert caught.value.address == f"127.0.0.1 port {first.port}"
    assert caught.value.detail == "Address already in use"
    with pytest.raises(CannotListen, match=f"cannot listen on port {first.port}: "):
        Listener("", first.port)
    first.close()


def test_a_port_is_free_again_at_once() -> None:
    """Though a connection of the last listener has not died away yet."""
    first = Listener("127.0.0.1", 0)
    assert called(first, "127.0.0.1") == "127.0.0.1"
    first.close()
    Listener("127.0.0.1", first.port).close()


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid", "a\0b"])
def test_an_address_that_is_not_ours(address: str) -> None:
    with pytest.raises(CannotListen):
        Listener(address, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(ValueError, match="is not between 0 and 65535"):
        Listener("127.0.0.1", port)
