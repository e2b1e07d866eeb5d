"""What every Connection has to do: the same tests for each way in which one can be made."""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator

import pytest

from dcmsend.errors import Cancelled, ConnectionLost, TimedOut, TransportError
from dcmsend.interrupt import Interrupt
from dcmsend.transport import Connection, Deadline, TcpOptions, TlsOptions, connect, load_tls, tcp
from support.certificates import Certificates
from support.tls_peers import server_context

KINDS = {
    "kernel time-outs": (TcpOptions(buffer_length=4096, kernel_timeouts=True), None),
    "portable": (TcpOptions(buffer_length=4096, kernel_timeouts=False), None),
    "TLS 1.2": (TcpOptions(buffer_length=4096, kernel_timeouts=True), ssl.TLSVersion.TLSv1_2),
    "TLS 1.3": (TcpOptions(buffer_length=4096, kernel_timeouts=True), ssl.TLSVersion.TLSv1_3),
    "portable TLS": (TcpOptions(buffer_length=4096, kernel_timeouts=False), ssl.TLSVersion.TLSv1_3),
}


class Line:
    """A connection under test and the socket at its other end."""

    def __init__(self, options: TcpOptions, version: ssl.TLSVersion | None, certificates: Certificates) -> None:
        self.interrupt = Interrupt()
        self.near: Connection
        self.far: socket.socket
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with listener:
            tcp_connection = connect(
                "127.0.0.1", listener.getsockname()[1], self.interrupt, options=options, timeout=10
            )
            self.far, _ = listener.accept()
        self.far.settimeout(30)
        self.near = tcp_connection
        if version is not None:
            self._secure(version, certificates)

    def _secure(self, version: ssl.TLSVersion, certificates: Certificates) -> None:
        context = server_context(certificates.server_key, certificates.server)
        context.maximum_version = context.minimum_version = version
        client = load_tls(TlsOptions(ca_files=(str(certificates.ca),)))
        below, plain, secured = self.near, self.far, []
        with running(lambda: secured.append(context.wrap_socket(plain, server_side=True))):
            self.near = client.connect(lambda: below, "localhost", 30)
        self.far = secured[0]

    def far_reads_all(self) -> bytes:
        received = bytearray()
        while part := self.far.recv(1 << 16):
            received += part
        return bytes(received)

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture(params=list(KINDS), autouse=True)
def line(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> Iterator[Line]:
    options, version = KINDS[request.param]
    if options.kernel_timeouts and not sys.platform.startswith("linux"):
        pytest.skip("SO_RCVTIMEO is used on Linux only")
    monkeypatch.setattr(tcp, "WAIT_SLICE", 0.02)
    made = Line(options, version, certificates)
    yield made
    made.close()


class WatchedDeadline(Deadline):
    """Tells when it was started anew."""

    __slots__ = ("restarted",)

    def __init__(self, seconds: float | None, what: str) -> None:
        super().__init__(seconds, what)
        self.restarted = threading.Event()

    def restart(self) -> None:
        super().restart()
        self.restarted.set()


def soon() -> Deadline:
    return Deadline(0.05, "the thing")


def in_time() -> Deadline:
    return Deadline(30, "the thing")


def over() -> Deadline:
    """A deadline that has passed."""
    deadline = Deadline(1e-6, "the thing")
    while deadline.remaining():
        pass
    return deadline


def receive(line: Line, deadline: Deadline | None = None, size: int = 1 << 16) -> bytes:
    buffer = memoryview(bytearray(size))
    return bytes(buffer[: line.near.receive_into(buffer, deadline or in_time())])


def send_for_ever(line: Line, idle: Deadline) -> None:
    while True:
        idle.restart()
        line.near.send(bytes(100_000), idle)


@contextlib.contextmanager
def running(target: object) -> Iterator[None]:
    """Something goes on in another thread; it has ended when the block has."""
    thread = threading.Thread(target=target, daemon=True)  # type: ignore[arg-type]
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sends_all_of_it_however_little_the_system_takes_at_once(line: Line, kind: type) -> None:
    data = random.Random(1).randbytes(3_000_001)
    received = []
    with running(lambda: received.append(line.far_reads_all())):
        line.near.send(kind(data), in_time())
        line.near.close()
    assert received == [data]


def test_tells_how_much_was_taken_of_a_send_that_ends_early(line: Line) -> None:
    class Enough(Exception):
        pass

    data = random.Random(2).randbytes(300_000)
    received = bytearray()
    has_read = threading.Event()

    def read_some() -> None:
        while len(received) < 100_000:
            received.extend(line.far.recv(1 << 14))
        has_read.set()

    def stop() -> None:
        if has_read.is_set():
            line.near.has_input()  # tickets of TLS that nobody has read would make a reset of the close
            raise Enough

    with running(read_some), pytest.raises(Enough):
        line.near.send(data, in_time(), stop)
    taken = line.near.taken
    line.near.close()
    received += line.far_reads_all()
    assert data.startswith(received)
    assert 100_000 <= taken < len(data)
    assert taken == len(received), "of TLS whole records: a part of one cannot be read"


def test_sends_nothing_if_there_is_nothing(line: Line) -> None:
    line.near.send(b"", soon())
    line.near.close()
    assert line.far_reads_all() == b""


def test_several_sends_stay_in_order(line: Line) -> None:
    for part in (b"one ", b"two ", b"three"):
        line.near.send(part, in_time())
    line.near.close()
    assert line.far_reads_all() == b"one two three"


def test_receives_what_there_is_and_never_more_than_fits(line: Line) -> None:
    line.far.sendall(b"0123456789")
    assert receive(line, size=4) == b"0123"
    received = b""
    while len(received) < 6:
        received += receive(line)
    assert received == b"456789"


def test_waits_for_what_comes_later(line: Line) -> None:
    timer = threading.Timer(0.05, line.far.sendall, (b"late",))
    timer.start()
    assert receive(line) == b"late"
    timer.join()


def test_an_orderly_close_is_no_error(line: Line) -> None:
    line.far.sendall(b"last words")
    line.far.close()
    received = b""
    while part := receive(line):
        received += part
    assert received == b"last words"
    assert receive(line) == b""


def test_a_reset_is_one(line: Line) -> None:
    line.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.far.close()
    with pytest.raises(ConnectionLost) as caught:
        receive(line)
    assert caught.value.detail


def test_sending_to_a_peer_that_has_gone(line: Line) -> None:
    line.far.close()
    with pytest.raises(ConnectionLost):
        send_for_ever(line, in_time())


def test_nothing_comes_in_time(line: Line) -> None:
    with pytest.raises(TimedOut) as caught:
        receive(line, soon())
    assert (caught.value.waited_for, caught.value.seconds) == ("the thing", 0.05)


def test_nothing_is_taken_in_time(line: Line) -> None:
    with pytest.raises(TimedOut) as caught:
        send_for_ever(line, soon())
    assert (caught.value.waited_for, caught.value.seconds) == ("the thing", 0.05)


def test_the_wait_begins_anew_whenever_something_is_taken(line: Line) -> None:
    idle = WatchedDeadline(30, "the thing")
    received = []

    def read_when_a_part_was_taken() -> None:
        assert idle.restarted.wait(30)
        received.append(line.far_reads_all())

    with running(read_when_a_part_was_taken):
        line.near.send(bytes(20_000_000), idle)  # more than the system buffers
        line.near.close()
    assert [len(data) for data in received] == [20_000_000]


def test_a_deadline_without_end(line: Line) -> None:
    timer = threading.Timer(0.1, line.far.sendall, (b"x",))
    timer.start()
    assert receive(line, Deadline(None, "the thing")) == b"x"
    timer.join()


def test_a_peer_that_never_stops_sending_does_not_stop_the_clock(line: Line) -> None:
    line.far.sendall(b"noise")
    with pytest.raises(TimedOut):
        receive(line, over())


def test_a_peer_that_never_stops_sending_does_not_hide_an_interrupt(line: Line) -> None:
    line.far.sendall(b"noise")
    line.interrupt.abort("SIGTERM")
    with pytest.raises(Cancelled) as caught:
        receive(line)
    assert caught.value.by == "SIGTERM"


def test_a_peer_that_takes_a_little_at_a_time_does_not_hide_an_interrupt(line: Line) -> None:
    """Over a slow network no single wait is so long that it would be looked at."""
    idle = WatchedDeadline(30, "the thing")
    over = threading.Event()

    def read_a_little_whenever_a_part_was_taken() -> None:
        with contextlib.suppress(OSError):  # a TLS session that ends in the middle
            while not over.is_set():
                assert idle.restarted.wait(30)
                idle.restarted.clear()
                line.far.recv(1 << 14)

    line.interrupt.abort("SIGTERM")
    with running(read_a_little_whenever_a_part_was_taken):
        with pytest.raises(Cancelled) as caught:
            line.near.send(bytes(20_000_000), idle)  # more than the system buffers
        over.set()
        line.near.close()
        idle.restarted.set()
    assert caught.value.by == "SIGTERM"


def test_abort_ends_a_wait_to_receive(line: Line) -> None:
    timer = threading.Timer(0.05, line.interrupt.abort)
    timer.start()
    with pytest.raises(Cancelled):
        receive(line, Deadline(None, "the thing"))
    timer.join()


def test_abort_ends_a_wait_to_send(line: Line) -> None:
    timer = threading.Timer(0.05, line.interrupt.abort)
    timer.start()
    with pytest.raises(Cancelled):
        send_for_ever(line, Deadline(None, "the thing"))
    timer.join()


def test_a_request_lets_an_answer_come(line: Line) -> None:
    line.interrupt.request()
    timer = threading.Timer(0.1, line.far.sendall, (b"answer",))
    timer.start()
    assert receive(line) == b"answer"
    timer.join()


def test_a_request_does_not_wait_for_ever(line: Line) -> None:
    line.interrupt.drain_seconds = 0.05
    line.interrupt.request("SIGINT")
    with pytest.raises(Cancelled) as caught:
        receive(line, Deadline(None, "the thing"))
    assert caught.value.by == "SIGINT"


def test_something_can_still_be_sent_after_an_abort(line: Line) -> None:
    """The A-ABORT itself."""
    line.interrupt.abort()
    line.near.send(b"abort", in_time())
    line.near.close()
    assert line.far_reads_all() == b"abort"


def test_a_signal_does_not_disturb_a_wait(line: Line) -> None:
    def on_alarm(*_: object) -> None:
        line.far.sendall(b"from the handler")

    previous = signal.signal(signal.SIGALRM, on_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        assert receive(line) == b"from the handler"
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_close_twice_and_then_use_it(line: Line) -> None:
    line.near.close()
    line.near.close()
    with pytest.raises(TransportError):
        receive(line)
    with pytest.raises(TransportError):
        line.near.send(b"x", in_time())
