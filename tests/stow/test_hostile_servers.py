"""Web services that lie, chatter or break the rules of HTTP: outcomes stay true, and every run comes to its end."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

import pytest

from support.fixture_files import CT_CLASS, EI, explicit_element, meta_header
from support.http_wire import response, store_answer
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_web_server import ScriptedWebServer, WebAnswer, WebRequest, store_all
from support.sending import instance_uid
from support.storing import files_of, store

ALL = [instance_uid(number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    "rest",
    [b"x" * 40_000, b"x", response(200, store_answer(ALL)), response(200, store_answer(ALL * 300))],
    ids=["much", "a byte", "an answer", "a long answer"],
)
def test_what_follows_an_answer_is_no_answer_to_the_next_request(tmp_path: Path, rest: bytes) -> None:
    """The connection is given up: nothing that comes over it can be trusted to belong to a request."""
    paths = files_of(tmp_path, [100, 100_000, 100])
    with ScriptedWebServer(lambda request: store_all(request) + rest) as server:
        sent = store(server.url, paths, peer={"batch": 1}, dimse_timeout=60.0)
    assert sent.results == ["stored"] * 3
    assert [request.uids for request in server.requests] == [[uid] for uid in ALL]
    assert server.connections == 3


@pytest.mark.parametrize("status", [101, 103])
def test_an_answer_that_is_none_is_not_read_as_a_refusal(tmp_path: Path, status: int) -> None:
    paths = files_of(tmp_path, [100])
    head = b"HTTP/1.1 %d Whatever\r\n" % status
    if status != 101:  # too long to be skipped
        head += b"".join(b"X-%d: %s\r\n" % (number, b"y" * 4000) for number in range(80))
    with ScriptedWebServer(head + b"\r\n") as server:
        sent = store(server.url, paths, dimse_timeout=30.0)
    assert sent.results == ["unconfirmed"]
    assert sent.reasons == ["PROTOCOL_ERROR"]


@pytest.mark.parametrize("size", [b"-1", b"-5", b"-" + b"f" * 40])
def test_a_chunk_of_less_than_nothing_is_no_answer(tmp_path: Path, size: bytes) -> None:
    """It is not read on and on, up to what never ends."""
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % size
    with ScriptedWebServer(answer) as server:
        sent = store(server.url, files_of(tmp_path, [100]), dimse_timeout=10.0)
    assert sent.results == ["unconfirmed"]
    assert sent.reasons == ["PROTOCOL_ERROR"]


def test_an_interim_answer_with_bare_line_feeds_is_skipped(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100])
    interim = b"HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: </>\n\n"
    with ScriptedWebServer(lambda request: interim + store_all(request)) as server:
        sent = store(server.url, paths, dimse_timeout=10.0)
    assert sent.results == ["stored"]


class Chattering(ScriptedWebServer):
    """Sends interim answers, and nothing else, from the first byte of a request on."""

    def _serve(self, plain, number):  # type: ignore[no-untyped-def]
        with contextlib.suppress(OSError):
            while not self._stopping.is_set():
                plain.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("size", [100, 3_000_000])
def test_interim_answers_without_end_are_not_read_for_ever(tmp_path: Path, size: int) -> None:
    paths = files_of(tmp_path, [size])
    with Chattering() as server:
        sent = store(server.url, paths)
    assert sent.results in (["unconfirmed"], ["failed"])  # failed: they were too many before all of it had gone out
    assert sent.reasons == ["PROTOCOL_ERROR"]


def test_what_urllib3_tells_of_requests_of_others_is_shown(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The program that uses the library may have some of its own."""
    with ScriptedWebServer() as server:
        assert store(server.url, files_of(tmp_path, [10])).results == ["stored"]
    try:
        raise ValueError("of another request")
    except ValueError:
        logging.getLogger("urllib3.connection").warning("Failed to parse headers", exc_info=True)
    assert "of another request" in caplog.text


def test_an_early_refusal_refuses_nothing_that_was_not_sent(tmp_path: Path) -> None:
    """Each request is refused after its first bytes; what lies behind them is sent with the next one."""
    paths = files_of(tmp_path, [8_000_000] * 3)
    with ScriptedWebServer(WebAnswer(response(400, b"", None), at=10, closes=True), store_all) as server:
        sent = store(server.url, paths)
    begun = sent.results.count("refused")
    assert begun < 3
    assert sent.results == ["refused"] * begun + ["stored"] * (3 - begun)
    assert server.requests[-1].uids == ALL[begun:]


def test_a_busy_answer_says_nothing_of_what_was_not_sent(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [8_000_000] * 3)
    with ScriptedWebServer(WebAnswer(response(503, b"", None), at=10, closes=True), store_all) as server:
        sent = store(server.url, paths)
    assert sent.results == ["failed"] * 3  # it takes nothing now, so the others would fare no better


@pytest.mark.parametrize("attempts", [1, 2])
def test_an_instance_that_brings_the_server_down_costs_only_itself_with_retries(tmp_path: Path, attempts: int) -> None:
    paths = files_of(tmp_path, [100] * 4)

    def choke(request: WebRequest) -> bytes | WebAnswer:
        return WebAnswer(closes=True) if ALL[1] in request.uids else store_all(request)

    with ScriptedWebServer(choke) as server:
        sent = store(server.url, paths, attempts=attempts)
    assert sent.results == ["stored", "unconfirmed", "stored", "stored"]


def test_a_failure_reason_of_zero_is_no_status(tmp_path: Path) -> None:
    """0000 means success, which a refusal is not."""
    paths = files_of(tmp_path, [100])
    with ScriptedWebServer(lambda request: response(409, store_answer([], dict.fromkeys(request.uids, 0)))) as server:
        sent = store(server.url, paths)
    assert sent.results == ["refused"]
    assert sent.statuses == [None]
    assert sent.reasons == ["NOT_IN_RESPONSE"]


@pytest.mark.parametrize("allowed", [32, 64])
@pytest.mark.parametrize("connections", [1, 4])
def test_few_descriptors_are_enough(tmp_path: Path, allowed: int, connections: int) -> None:
    """A batch holds its files open, and is not alone: connections, reports and late modules need descriptors, too."""
    files = files_of(tmp_path / "files", [30_000] * 120)
    words = ["--parallel-associations", str(connections), "--report-json", str(tmp_path / "r.json"), *map(str, files)]

    def and_close(request: WebRequest) -> bytes:
        return response(200, store_answer(request.uids), Connection="close")

    with ScriptedWebServer(and_close) as server:
        limited = ("-c", f'ulimit -n {allowed}; exec "$@"', "sh")
        done = run("/bin/sh", *limited, installed_dcmsend(), "--stow", server.url, *words)
    assert done.exit_code == 0, done.stderr
    assert sorted(uid for request in server.requests for uid in request.uids) == sorted(
        instance_uid(number) for number in range(1, 121)
    )
    assert "Too many open files" not in done.stderr


@pytest.mark.parametrize("uid", [b"1.2.3 ", b"1.2.3\0\0\0", b" 1.2.3\0", b"1.2." + b"3" * 70, b"1.2." + b"3" * 60])
def test_an_instance_is_known_again_by_a_uid_that_is_none(tmp_path: Path, uid: bytes) -> None:
    """Padded in odd ways, or too long: the server names it as it has read it."""
    data = explicit_element(0x0008, 0x0016, "UI", CT_CLASS.encode(), pad=b"\0") + explicit_element(8, 0x18, "UI", uid)
    path = tmp_path / "odd.dcm"
    path.write_bytes(meta_header(CT_CLASS, "1.2.3", EI) + data)
    name = uid.decode().strip("\0 ")
    with ScriptedWebServer(response(200, store_answer([name]))) as server:
        sent = store(server.url, [path])
    assert sent.results == ["stored"]


def test_a_wait_that_a_server_asks_for_is_never_longer_than_the_longest_delay(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100])
    for text in ("9" * 5000, "-5", "1e9", "Fri, 31 Dec 9999 23:59:59 GMT"):
        began = time.monotonic()
        with ScriptedWebServer(response(503, Retry_After=text), store_all) as server:
            sent = store(server.url, paths, attempts=1, longest_delay=0.1)
        assert sent.results == ["stored"]
        assert time.monotonic() - began < 20
