"""How a TCP connection comes about, and how it does not."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dcmsend.errors import Cancelled, ConnectFailed, ConnectionLost
from dcmsend.interrupt import Interrupt
from dcmsend.transport import AddressFamily, Deadline, TcpOptions, connect, tcp
from dcmsend.transport.address import resolve
from support.descriptors import open_descriptors
from support.few_threads import permit_threads
from support.full_backlog import FullBacklogPeer
from support.ports import free_port
from support.recording_socket import RecordingSocket


@pytest.fixture(autouse=True)
def no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[RecordingSocket]:
    """All sockets that are made from now on."""
    made: list[RecordingSocket] = []
    monkeypatch.setattr(RecordingSocket, "made", made)
    monkeypatch.setattr(socket, "socket", RecordingSocket)
    return made


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def listener_6() -> Iterator[socket.socket]:
    try:
        made = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with made:
        yield made


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def failure(host: str, port: int, interrupt: Interrupt | None = None, **options: object) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        connect(host, port, interrupt or Interrupt(), **options)  # type: ignore[arg-type]
    return caught.value


def resolver_finds(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[object, ...]]) -> None:
    rows = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: rows)


# --- where to


def test_ipv4(listener: socket.socket) -> None:
    connect("127.0.0.1", port_of(listener), Interrupt()).close()
    listener.accept()[0].close()


def test_short_ipv4(listener: socket.socket) -> None:
    """DCMTK takes what ``inet_addr`` takes."""
    connect("127.1", port_of(listener), Interrupt()).close()


def test_name(listener: socket.socket) -> None:
    connect("localhost", port_of(listener), Interrupt()).close()


@pytest.mark.parametrize("host", ["::1", "[::1]"])
@pytest.mark.parametrize("family", AddressFamily)
def test_ipv6_literal_always_works(listener_6: socket.socket, host: str, family: AddressFamily) -> None:
    connect(host, port_of(listener_6), Interrupt(), family=family).close()


def test_family_decides_for_names(listener_6: socket.socket) -> None:
    asked = []

    def look_up(host: object, port: int, family: int, kind: int, protocol: int = 0, flags: int = 0) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        asked.append(family)
        return [(socket.AF_INET6, kind, 6, "", ("::1", port, 0, 0))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        for family in AddressFamily:
            connect("both.example", port_of(listener_6), Interrupt(), family=family).close()
    assert asked == [socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC]


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looking up a name does not come back before the test has ended."""
    ended = threading.Event()
    look_up = socket.getaddrinfo

    def wait(*arguments: object) -> object:
        if len(arguments) < 6:  # not only a number that is to be read
            ended.wait(60)
        return look_up(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    yield
    ended.set()
    for thread in threading.enumerate():
        if thread.name == "resolver":
            thread.join()


def test_where_no_thread_can_be_started_a_name_is_looked_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = permit_threads(monkeypatch, "resolver")
    found = resolve("localhost", 104, AddressFamily.IPV4, Deadline(30, "an answer"), Interrupt())
    assert found == [(socket.AF_INET, ("127.0.0.1", 104))]
    assert refused == ["resolver"]


def test_a_slow_name_server_takes_nothing_from_the_time_of_the_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in DCMTK ``-to`` is for the connection alone: the resolver may have to ask a second name server."""
    look_up = socket.getaddrinfo

    def take_longer(*arguments: object) -> object:
        if len(arguments) < 6:  # not only a number that is to be read
            time.sleep(0.3)
        return look_up(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", take_longer)
    connect("localhost", port_of(listener), Interrupt(), timeout=0.1).close()


@pytest.mark.usefixtures("silent_name_server")
@pytest.mark.parametrize("timeout", [None, 30.0])
def test_name_server_that_does_not_answer(timeout: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "LONGEST_LOOK_UP", 0.1)
    error = failure("localhost", 104, timeout=timeout)
    assert error.text == "Attempt to connect to unknown host: localhost"
    assert error.detail == "the name cannot be resolved: no name server has answered within 0.1 s"


@pytest.mark.usefixtures("silent_name_server")
def test_end_is_asked_for_while_a_name_is_looked_up() -> None:
    interrupt = Interrupt()
    threading.Timer(0.05, interrupt.request, ["SIGINT"]).start()
    with pytest.raises(Cancelled) as caught:
        connect("localhost", 104, interrupt)
    assert caught.value.by == "SIGINT"


@pytest.mark.usefixtures("silent_name_server")
def test_addresses_need_no_name_server(listener: socket.socket) -> None:
    connect("127.1", port_of(listener), Interrupt()).close()


def test_second_address_when_the_first_refuses(
    listener: socket.socket, listener_6: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = port_of(listener)
    resolver_finds(
        monkeypatch,
        (socket.AF_INET6, ("::1", free_port(), 0, 0)),
        (socket.AF_INET, ("127.0.0.1", free_port())),
        (socket.AF_INET, ("127.0.0.1", port)),
    )
    connect("three.example", port, Interrupt(), family=AddressFamily.ANY).close()


def test_second_address_when_the_system_cannot_do_the_first(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = port_of(listener)
    resolver_finds(monkeypatch, (9999, ("?", port)), (socket.AF_INET, ("127.0.0.1", port)))
    connect("odd.example", port, Interrupt()).close()


def test_same_address_twice_is_tried_once(sockets: list[RecordingSocket], monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    sockets.clear()
    resolver_finds(monkeypatch, *[(socket.AF_INET, ("127.0.0.1", port))] * 3)
    failure("twice.example", port)
    assert len(sockets) == 1


# --- what goes wrong


def test_refused() -> None:
    error = failure("127.0.0.1", port := free_port())
    assert error.text == "TCP Initialization Error: Connection refused"
    assert str(port) in error.detail


@pytest.mark.parametrize(
    "host",
    ["no-such-host.invalid", "x" * 300, "a..b", ".", "\u00e9" * 70, "\u2603.invalid", "a\udcff", "local\0host", "::g"],
)
def test_unknown_host(host: str) -> None:
    error = failure(host, 104, timeout=30)
    assert error.text == f"Attempt to connect to unknown host: {host}"
    assert error.detail


@pytest.mark.parametrize("host", ["", "[]"])
def test_no_host(host: str) -> None:
    assert failure(host, 104).text == f"Illegal service parameter: {host}:104"


def test_nobody_answers() -> None:
    with FullBacklogPeer() as peer:
        error = failure("127.0.0.1", peer.port, timeout=0.1)
    assert error.text == "TCP Initialization Error: Operation now in progress (Timeout)"
    assert "0.1 s" in error.detail


def test_the_time_is_for_all_addresses_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with FullBacklogPeer() as peer:
        resolver_finds(monkeypatch, *[(socket.AF_INET, (f"127.0.0.{n}", peer.port)) for n in (1, 1, 1)])
        assert "Timeout" in str(failure("many.example", peer.port, timeout=0.1))


@pytest.mark.parametrize("by", ["SIGINT", "caller"])
@pytest.mark.parametrize("ask", [Interrupt.request, Interrupt.abort])
def test_interrupt_while_nobody_answers(ask: Callable[[Interrupt, str], None], by: str) -> None:
    """Nothing is in flight that a first signal would have to be patient for."""
    interrupt = Interrupt(drain_seconds=60)
    with FullBacklogPeer() as peer:
        timer = threading.Timer(0.05, ask, (interrupt, by))
        timer.start()
        with pytest.raises(Cancelled) as caught:
            connect("127.0.0.1", peer.port, interrupt)
        timer.join()
    assert caught.value.by == by


def test_no_descriptor_left() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()  # so that nothing is closed that an earlier test has left
    gc.disable()
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(open_descriptors()), hard))
    fillers = []
    try:
        while True:
            fillers.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        error = failure("127.0.0.1", 104)
    finally:
        for each in fillers:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        gc.enable()
    assert error.text == f"TCP Initialization Error: {os.strerror(errno.EMFILE)}"


# --- how the socket is set up


def connected(listener: socket.socket, sockets: list[RecordingSocket], options: TcpOptions) -> RecordingSocket:
    """Connect, and give the socket of the connection (still open)."""
    sockets.clear()
    connect("127.0.0.1", port_of(listener), Interrupt(), options=options)
    return sockets[0]


@pytest.mark.parametrize("no_delay", [True, False])
def test_nagle(listener: socket.socket, sockets: list[RecordingSocket], no_delay: bool) -> None:
    with connected(listener, sockets, TcpOptions(no_delay=no_delay)) as sock:
        assert bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) is no_delay


@pytest.mark.parametrize("length", [8192, 100_000])
def test_buffer_length(listener: socket.socket, sockets: list[RecordingSocket], length: int) -> None:
    with connected(listener, sockets, TcpOptions(buffer_length=length)) as sock:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            assert length <= sock.getsockopt(socket.SOL_SOCKET, option) <= 2 * length  # Linux doubles it


@pytest.mark.parametrize("length", [None, 0])
def test_buffers_are_left_to_the_system(
    listener: socket.socket, sockets: list[RecordingSocket], length: int | None
) -> None:
    with connected(listener, sockets, TcpOptions(buffer_length=length)) as sock:
        set_options = {call[1] for call in sock.calls if isinstance(call, tuple) and call[0] == socket.SOL_SOCKET}
        assert not {socket.SO_SNDBUF, socket.SO_RCVBUF} & set_options


def test_impossible_buffer_length_does_no_harm(listener: socket.socket) -> None:
    connect("127.0.0.1", port_of(listener), Interrupt(), options=TcpOptions(buffer_length=1 << 40)).close()


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="Linux only")
@pytest.mark.parametrize("kernel_timeouts", [True, False])
def test_acknowledgements_are_asked_for_at_once_before_every_receive(
    listener: socket.socket, sockets: list[RecordingSocket], kernel_timeouts: bool
) -> None:
    sockets.clear()
    options = TcpOptions(kernel_timeouts=kernel_timeouts)
    connection = connect("127.0.0.1", port_of(listener), Interrupt(), options=options)
    (sock,) = sockets
    far, _ = listener.accept()
    sock.calls.clear()
    buffer = memoryview(bytearray(10))
    timer = threading.Timer(0.1, far.sendall, (bytes(30),))  # a few slices pass without a byte before it comes
    timer.start()
    received = 0
    while received < 30:
        received += connection.receive_into(buffer, Deadline(30, "bytes"))
    timer.join()
    connection.close()
    far.close()
    quick_ack = (socket.IPPROTO_TCP, socket.TCP_QUICKACK)
    assert len(sock.calls) >= 6
    assert sock.calls == [quick_ack, "recv_into"] * (len(sock.calls) // 2)


@pytest.mark.parametrize("kernel_timeouts", [True, False])
def test_one_send_is_one_system_call(
    listener: socket.socket, sockets: list[RecordingSocket], kernel_timeouts: bool
) -> None:
    """A small instance with its command goes out in one segment, so nothing waits for an acknowledgement."""
    sock = connected(listener, sockets, TcpOptions(kernel_timeouts=kernel_timeouts))
    connection = tcp.TcpConnection(sock, Interrupt(), TcpOptions(kernel_timeouts=kernel_timeouts))
    sock.calls.clear()
    connection.send(bytes(20_000), Deadline(30, "bytes"))
    connection.close()
    assert sock.calls == ["send"]


class CutSocket(socket.socket):
    """A socket whose peer no longer acknowledges: the kernel has given up, and says so once a call."""

    def recv_into(self, *_: object) -> int:  # type: ignore[override]
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def send(self, *_: object) -> int:  # type: ignore[override]
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


@pytest.mark.parametrize("kernel_timeouts", [False, True])
def test_a_line_that_is_cut_is_no_wait_that_has_ended(kernel_timeouts: bool) -> None:
    near, far = socket.socketpair()
    with far:
        connection = tcp.TcpConnection(
            CutSocket(fileno=near.detach()), Interrupt(), TcpOptions(kernel_timeouts=kernel_timeouts)
        )
        try:
            with pytest.raises(ConnectionLost) as receiving:
                connection.receive_into(memoryview(bytearray(10)), Deadline(5, "an answer"))
            with pytest.raises(ConnectionLost) as sending:
                connection.send(b"x", Deadline(5, "room"))
        finally:
            connection.close()
    assert {each.value.detail for each in (receiving, sending)} == {os.strerror(errno.ETIMEDOUT)}
