"""Connections that break, close or fall silent: the outcomes say exactly what the server may have."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from time import struct_time
from types import SimpleNamespace
from typing import Any

import pytest

from dcmsend import WebPeer, send
from dcmsend.errors import Cancelled, ConnectionLost, DcmsendError, TimedOut
from dcmsend.interrupt import Interrupt
from dcmsend.stow.http_connection import Answer as HttpAnswer
from dcmsend.stow.http_connection import HttpConnection
from dcmsend.transfer import BytesSent, Observer, StoreOutcome, Timetable, TransferOptions
from dcmsend.transfer.rate import Pace
from dcmsend.transport import Deadline, TcpConnection
from support.descriptors import open_descriptors
from support.http_wire import response, store_answer
from support.ports import free_port
from support.scripted_web_server import Answer, ScriptedWebServer, WebAnswer, WebRequest, store_all
from support.sending import instance_uid
from support.storing import files_of, store


def parts_before(paths: list[Path], at: int) -> int:
    """How many parts have begun in the first ``at`` bytes of a body, at least."""
    begun, end = 0, 0
    for path in paths:
        begun += end < at
        end += path.stat().st_size + 100
    return begun


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("at", [0, 1, 4096, 40_000, 120_000, 200_000, 399_000])
def test_a_cut_denies_nothing_that_was_sent_to_its_end_and_gives_back_what_was_not_begun(
    tmp_path: Path, at: int, resets: bool
) -> None:
    paths = files_of(tmp_path, [100_000] * 4)
    with ScriptedWebServer(WebAnswer(at=at, closes=not resets, resets=resets), store_all) as server:
        sent = store(server.url, paths)
    whole, cut = sent.results.count("unconfirmed"), sent.results.count("failed")
    begun = whole + cut
    assert sent.results == ["unconfirmed"] * whole + ["failed"] * cut + ["stored"] * (4 - begun)
    assert cut <= 1
    assert begun >= max(1, parts_before(paths, at) - 1)
    assert set(sent.reasons[:begun]) == {"CONNECTION_LOST"}
    if begun < 4:
        assert server.requests[-1].uids == [instance_uid(number) for number in range(begun + 1, 5)]


def test_with_retries_everything_arrives_after_a_cut(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100_000] * 6)
    cuts = [WebAnswer(at=at, resets=True) for at in (250_000, 50_000)]
    with ScriptedWebServer(*cuts, store_all) as server:
        sent = store(server.url, paths, attempts=3)
    assert sent.results == ["stored"] * 6
    assert sent.error is None


def test_a_cut_with_halt_ends_the_run(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 3)
    with ScriptedWebServer(WebAnswer(closes=True)) as server:
        sent = store(server.url, paths, peer={"batch": 2}, halt=True)
    assert sent.results == ["unconfirmed", "unconfirmed", "not attempted"]
    assert sent.error is not None


class Closing(ScriptedWebServer):
    """Tells of each connection that it has closed."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(*answers)
        self.closed = threading.Semaphore(0)

    def _serve(self, plain: socket.socket, number: int) -> None:
        super()._serve(plain, number)
        self.closed.release()


def test_a_connection_closed_while_idle_is_replaced_without_a_word(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 6)

    def and_close(request: WebRequest) -> WebAnswer:
        return WebAnswer(store_all(request), closes=True)

    class Slow(Observer):
        def outcome(self, outcome: StoreOutcome) -> None:
            if outcome.index % 2 == 0:  # the last one of a request
                assert server.closed.acquire(timeout=60)

    with Closing(and_close) as server:
        sent = store(server.url, paths, peer={"batch": 2}, halt=True, observer=Slow())
    assert sent.results == ["stored"] * 6
    assert server.connections == 3
    assert sent.sessions == 1


def test_a_server_that_says_close_gets_a_new_connection_for_each_request(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 3)

    def say_close(request: WebRequest) -> bytes:
        return response(200, store_answer(request.uids), Connection="close")

    with ScriptedWebServer(say_close) as server:
        sent = store(server.url, paths, peer={"batch": 1}, halt=True)
    assert sent.results == ["stored"] * 3
    assert server.connections == 3


@pytest.mark.parametrize("status", [401, 413, 503])
def test_an_answer_before_the_end_of_the_request_is_read(tmp_path: Path, status: int) -> None:
    paths = files_of(tmp_path, [8_000_000] * 3)  # more than the system takes from us before the answer is there
    answer = WebAnswer(response(status, b"", None, Connection="close"), at=100_000, closes=True)
    with ScriptedWebServer(answer, store_all) as server:
        sent = store(server.url, paths)
    expected = {401: ["not attempted"] * 3, 413: ["stored"] * 3, 503: ["failed"] * 3}
    assert sent.results == expected[status]


def test_an_early_answer_cannot_call_stored_what_was_not_sent(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [8_000_000] * 2)
    lie = response(200, store_answer([instance_uid(1), instance_uid(2)]))
    with ScriptedWebServer(WebAnswer(lie, at=10_000, delay=0.0), store_all) as server:
        sent = store(server.url, paths)
    assert sent.results[0] == "unconfirmed"
    assert sent.results[1] in ("unconfirmed", "stored")  # stored: nothing of it had been sent, so it went again
    assert sent.reasons[0] == "PROTOCOL_ERROR"


def test_interim_answers_are_no_answers(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [3_000_000])
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"

    def take(request: WebRequest) -> bytes:
        return interim + store_all(request)

    class Early(ScriptedWebServer):
        def _handle(self, connection, stream, head, number):  # type: ignore[no-untyped-def]
            connection.sendall(interim)
            return super()._handle(connection, stream, head, number)

    with Early(take) as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored"]


@pytest.mark.parametrize("option", ["dimse_timeout", "idle_timeout"])
def test_a_silent_server_runs_out_of_time(tmp_path: Path, option: str) -> None:
    paths = files_of(tmp_path, [100] * 2)
    with ScriptedWebServer(b"") as server:
        sent = store(server.url, paths, **{option: 0.5})
    assert sent.results == ["unconfirmed"] * 2
    assert sent.reasons == ["TIMED_OUT"] * 2
    assert sent.waiting_share == 0, "it is no reason for more connections"


def test_a_server_that_drips_runs_out_of_time(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100])
    stop = threading.Event()

    class Dripping(ScriptedWebServer):
        def _do(self, connection, answer):  # type: ignore[no-untyped-def]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            while not stop.wait(0.1):
                connection.sendall(b" ")

    with Dripping() as server:
        sent = store(server.url, paths, dimse_timeout=1.0)
        stop.set()
    assert sent.reasons == ["TIMED_OUT"]


class Trickle:
    """A connection that brings a few bytes at a time, each time after 0.9 seconds of its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._now = 0.0
        monkeypatch.setattr("dcmsend.transport.deadline.time", SimpleNamespace(monotonic=lambda: self._now))
        monkeypatch.setattr("dcmsend.stow.http_connection.connect", lambda *_, **__: self)

    def has_input(self) -> bool:
        return False

    def unsent(self) -> int:
        return 0

    def receive_into(self, buffer: memoryview, deadline: Deadline) -> int:
        self._now += 0.9
        if deadline.remaining() == 0.0:
            raise TimedOut(deadline.what, deadline.seconds or 0.0)
        piece = next(self._pieces)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None: ...

    def answer(self, **options: Any) -> HttpAnswer:
        connection = HttpConnection(WebPeer("http://localhost:9"), TransferOptions(**options), Interrupt())
        connection.open()
        connection.head("GET", "/studies", {})
        return connection.answer()


AT_WORK = [b"HTTP/1.1 102 Processing\r\n\r\n"] * 5


def test_a_server_that_says_that_it_is_at_work_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = response(200, b"{}")
    pieces = [*AT_WORK, *(whole[at : at + 9] for at in range(0, len(whole), 9))]
    assert Trickle(monkeypatch, pieces).answer(idle_timeout=1.0).body == b"{}"
    with pytest.raises(TimedOut):
        Trickle(monkeypatch, pieces).answer(dimse_timeout=1.0)


@pytest.mark.parametrize("beginning", [*AT_WORK[:1], b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"])
def test_a_server_that_drips_without_end_runs_out_of_time(monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    endless = itertools.chain([beginning], itertools.repeat(beginning if beginning in AT_WORK else b" "))
    with pytest.raises(TimedOut):
        Trickle(monkeypatch, endless).answer(idle_timeout=1.0)


def test_an_interrupt_ends_a_wait_for_an_answer(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 3)
    interrupt = Interrupt(drain_seconds=0.3)

    def ask(request: WebRequest) -> bytes:
        interrupt.request("SIGINT")
        return b""

    with ScriptedWebServer(ask) as server:
        sent = store(server.url, paths, peer={"batch": 2}, interrupt=interrupt)
    assert sent.results == ["unconfirmed", "unconfirmed", "not attempted"]
    assert sent.reasons == ["CANCELLED"] * 3
    assert isinstance(sent.error, Cancelled)


def test_an_interrupt_lets_a_request_end_in_order(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 4)
    interrupt = Interrupt(drain_seconds=30.0)

    def ask(request: WebRequest) -> bytes:
        interrupt.request("SIGINT")
        return store_all(request)

    with ScriptedWebServer(ask) as server:
        sent = store(server.url, paths, peer={"batch": 2}, interrupt=interrupt)
    assert sent.results == ["stored", "stored", "not attempted", "not attempted"]
    assert len(server.requests) == 1


def test_progress_tells_of_every_byte(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100, 200_000, 2_500_000])
    told: dict[int, int] = {}

    class Count(Observer):
        def bytes_sent(self, event: BytesSent) -> None:
            told[event.number] = told.get(event.number, 0) + event.length

    with ScriptedWebServer() as server:
        store(server.url, paths, observer=Count())
    assert told == {number: path.stat().st_size for number, path in enumerate(paths, start=1)}


def test_what_an_observer_raises_is_no_error_of_the_connection(tmp_path: Path) -> None:
    (path,) = files_of(tmp_path, [100])

    class Fail(Observer):
        def bytes_sent(self, event: BytesSent) -> None:
            raise ConnectionLost("of another transfer")

    with ScriptedWebServer() as server:
        transfer = send(path, WebPeer(server.url), observer=Fail())
        with pytest.raises(ConnectionLost, match="of another transfer"):
            list(transfer)
    assert transfer.summary.total == 0
    assert transfer.error is None


def test_rates_are_kept(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100_000] * 3)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, max_rate=400_000)
    assert sent.results == ["stored"] * 3
    assert sum(outcome.seconds for outcome in sent.outcomes[-1:]) > 0.4
    assert server.requests[0].parts == [path.read_bytes() for path in paths]


def test_a_rate_that_changes_while_a_request_is_written_loses_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hours are asked for at each piece, and are others each time."""
    clocks = itertools.cycle(struct_time((2026, 11, 30, hour, 0, 0, 0, 1, 0)) for hour in (7, 9))
    monkeypatch.setattr("dcmsend.transfer.timetable.time.localtime", lambda _: next(clocks))
    paths = files_of(tmp_path, [60_000] * 6)
    with ScriptedWebServer() as server:
        sent = store(server.url, paths, max_rate=Timetable(((0, 1_000_000), (480, 400_000))))
    assert sent.results == ["stored"] * 6
    assert server.requests[0].parts == [path.read_bytes() for path in paths]


def test_a_server_that_closes_while_a_turn_is_waited_for_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers close connections that are idle for long; the second turn comes when that has happened."""
    with Closing() as server:
        server.idle = 0.05

        def wait(pace: Pace, interrupt: Interrupt) -> None:
            assert not server.requests or server.closed.acquire(timeout=60)

        monkeypatch.setattr(Pace, "wait_for_instance", wait)
        sent = store(server.url, files_of(tmp_path, [100] * 2), peer={"batch": 1}, max_instances_rate=1000)
    assert sent.results == ["stored"] * 2
    assert (server.connections, sent.sessions) == (2, 1)


def test_what_is_there_goes_out_before_a_turn_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hears nothing of a request closes its connection."""
    sent_by_turn = [0]
    send_bytes = TcpConnection.send

    def counted(connection: TcpConnection, data: Any, *rest: Any) -> None:
        send_bytes(connection, data, *rest)
        sent_by_turn[-1] += len(data)

    monkeypatch.setattr(TcpConnection, "send", counted)
    monkeypatch.setattr(Pace, "wait_for_instance", lambda pace, interrupt: sent_by_turn.append(0))
    with ScriptedWebServer() as server:
        sent = store(server.url, files_of(tmp_path, [100] * 4), max_instances_rate=1000)
    assert sent.results == ["stored"] * 4
    assert len(server.requests) == 1
    assert len(sent_by_turn) == 5
    assert all(sent_by_turn[1:]), "head and first part, the second, the third, the last with the end"


@pytest.mark.parametrize("damage", ["shorter", "touched"])
def test_a_file_that_changes_while_it_is_sent_is_never_called_stored(tmp_path: Path, damage: str) -> None:
    paths = files_of(tmp_path, [100_000, 6_000_000, 100_000])

    class Meddle(Observer):
        def bytes_sent(self, event: BytesSent) -> None:
            if event.number == 2:
                if damage == "shorter":
                    os.truncate(paths[1], 2_000_000)
                else:
                    os.utime(paths[1], ns=(1, 1))

    with ScriptedWebServer() as server:
        sent = store(server.url, paths, observer=Meddle())
    assert sent.results[:2] == ["unconfirmed", "failed"]
    assert sent.reasons[1] == "FILE_CHANGED"
    assert sent.results[2] == "stored"
    assert not any(request.is_complete for request in server.requests if instance_uid(2) in str(request.body))


@pytest.mark.parametrize(
    ("refused", "expected"), [(False, ("unconfirmed", "FILE_CHANGED")), (True, ("failed", "FILE_CHANGED"))]
)
def test_a_file_that_is_rewritten_before_the_answer_comes_is_never_called_stored(
    tmp_path: Path, refused: bool, expected: tuple[str, str]
) -> None:
    """The system has lent its pages to the socket: what the server has got is the old content, the new one, or both."""
    paths = files_of(tmp_path, [100_000, 1_000_000, 100])

    def rewrite(request: WebRequest) -> bytes:
        for path in (paths[1], paths[2]):
            with path.open("r+b") as file:
                file.seek(-50, os.SEEK_END)
                file.write(b"other pixels")
        uids = request.uids
        return response(200, store_answer([uids[0], uids[2]], {uids[1]: 0xA900})) if refused else store_all(request)

    with ScriptedWebServer(rewrite) as server:
        sent = store(server.url, paths)
    assert (sent.results[1], sent.reasons[1]) == expected
    assert (sent.results[0], sent.results[2]) == ("stored", "stored")  # the last one was copied before it was sent


def test_nothing_is_left_open(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100_000] * 10)
    before = open_descriptors()
    for answers in itertools.product([WebAnswer(at=50_000, resets=True), store_all], repeat=2):
        with ScriptedWebServer(*answers) as server:
            store(server.url, paths, peer={"batch": 3}, halt=True)
    assert open_descriptors() <= before


def test_no_server_there(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100])
    sent = store(f"http://localhost:{free_port()}/dicom-web", paths)
    assert sent.results == ["not attempted"]
    assert isinstance(sent.error, DcmsendError)


def test_nothing_is_sent_twice_and_nothing_denied_wherever_the_line_is_cut(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [8_000] * 10)
    length = sum(path.stat().st_size + 100 for path in paths)
    for at in range(0, length, 4096):
        with ScriptedWebServer(WebAnswer(at=at, resets=True), store_all) as server:
            sent = store(server.url, paths)
        assert set(sent.results) <= {"unconfirmed", "failed", "stored"}, at
        assert sent.results.count("failed") <= 1, at
        cut, *others = [request.uids for request in server.requests]
        known = {outcome.sop_instance_uid: outcome.result.value for outcome in sent.outcomes}
        assert all(known[uid] == "unconfirmed" for uid in cut), at
        again = [uid for request in others for uid in request]
        assert all(known[uid] == "stored" for uid in again), at
        assert len(again) == len(set(again)) == sent.results.count("stored"), at
