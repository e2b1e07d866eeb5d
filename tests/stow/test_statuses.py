"""What follows from an answer that says no, or nothing that can be read."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest

from dcmsend import JournalOptions, TransferOptions, send
from dcmsend.errors import SendingFailed
from dcmsend.interrupt import Interrupt
from dcmsend.stow import HttpRefused, WebPeer, WebSessionFailed
from support.http_wire import response, store_answer
from support.memory_run import MemoryLedger
from support.scripted_web_server import ScriptedWebServer, WebAnswer, WebRequest, store_all
from support.sending import instance_uid
from support.storing import files_of, store


def refused_status(error: object) -> int:
    assert isinstance(error, WebSessionFailed)
    assert isinstance(error.cause, HttpRefused)
    return error.cause.status


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407, 415, 301, 307, 501])
def test_a_server_that_takes_nothing_from_us_ends_the_run(tmp_path: Path, status: int) -> None:
    paths = files_of(tmp_path, [100] * 5)
    with ScriptedWebServer(response(status, b"<html>no</html>", "text/html")) as server:
        sent = store(server.url, paths, peer={"batch": 2}, attempts=3)
    assert sent.results == ["not attempted"] * 5
    assert all(outcome.is_permanent and not outcome.is_retryable for outcome in sent.outcomes)
    assert refused_status(sent.error) == status
    assert len(server.requests) == 1


def test_a_redirection_is_not_followed_and_named_without_its_query(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100])
    place = "https://me:secret@elsewhere.example/studies?token=secret"
    with ScriptedWebServer(response(302, Location=place)) as server:
        sent = store(server.url, paths)
    assert isinstance(sent.error, WebSessionFailed)
    cause = sent.error.cause
    assert isinstance(cause, HttpRefused)
    assert "https://elsewhere.example/studies" in cause.detail
    assert "secret" not in cause.detail + str(cause)
    assert len(server.requests) == 1


def test_a_request_that_is_too_large_is_halved_until_it_fits(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [10_000] * 8)

    def at_most_two(request: WebRequest) -> bytes:
        return response(413, b"", None) if len(request.parts) > 2 else store_all(request)

    with ScriptedWebServer(at_most_two) as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored"] * 8
    assert [len(request.parts) for request in server.requests][:3] == [8, 4, 2]
    assert [uid for request in server.requests for uid in request.uids if len(request.parts) <= 2] == [
        instance_uid(number) for number in range(1, 9)
    ]


def test_one_instance_that_is_too_large_is_refused_and_the_others_are_stored(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100, 90_000, 100])

    def only_small(request: WebRequest) -> bytes:
        return response(413) if len(request.body) > 80_000 else store_all(request)

    with ScriptedWebServer(only_small) as server:
        sent = store(server.url, paths, halt=True)
    assert sent.results == ["stored", "refused", "stored"]
    assert sent.reasons[1] == "TOO_LARGE"
    assert sent.error is None


# A 503 of a proxy says nothing of what the server behind it has done with a whole request; a 429 comes before that.
BUSY = {408: "unconfirmed", 425: "failed", 429: "failed", 503: "unconfirmed", 507: "unconfirmed"}


@pytest.mark.parametrize("status", BUSY)
def test_a_busy_server_is_asked_again_later_with_retries_only(tmp_path: Path, status: int) -> None:
    paths = files_of(tmp_path, [100] * 3)
    with ScriptedWebServer(response(status), store_all) as server:
        sent = store(server.url, paths)
    assert sent.results == [BUSY[status]] * 3
    assert sent.reasons == ["SERVER_BUSY"] * 3
    assert all(outcome.is_retryable for outcome in sent.outcomes)
    assert len(server.requests) == 1
    with ScriptedWebServer(response(status), store_all) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["stored"] * 3
    assert [len(outcome.earlier) for outcome in sent.outcomes] == [1] * 3
    assert [len(request.parts) for request in server.requests] == [3, 3]


@pytest.mark.parametrize("code", [0xA700, 0xA701])
def test_an_archive_that_is_out_of_resources_is_left_alone_with_retries(tmp_path: Path, code: int) -> None:
    """Nothing more is sent before the pause; then the same instances come first."""
    paths = files_of(tmp_path, [100] * 6)

    def full(request: WebRequest) -> bytes:
        return response(409, store_answer(request.uids[1:], {request.uids[0]: code}))

    with ScriptedWebServer(full, store_all) as server:
        sent = store(server.url, paths, peer={"batch": 2})
    assert sent.results == ["refused"] + ["stored"] * 5
    with ScriptedWebServer(full, store_all) as server:
        sent = store(server.url, paths, peer={"batch": 2}, attempts=1)
    assert sent.results == ["stored"] * 6
    assert [request.uids[0] for request in server.requests] == [instance_uid(number) for number in (1, 1, 4, 6)]
    assert sent.sessions == 2


def test_a_busy_server_without_retries_ends_the_run_if_failures_do(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 3)
    with ScriptedWebServer(response(503)) as server:
        sent = store(server.url, paths, peer={"batch": 2}, halt=True)
    assert sent.results == ["unconfirmed", "unconfirmed", "not attempted"]
    assert isinstance(sent.error, SendingFailed)


def test_what_a_busy_server_has_got_to_its_end_is_not_denied_and_the_rest_is(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100_000, 8_000_000])
    early = WebAnswer(response(503, b"", None, Connection="close"), at=200_000, closes=True)
    with ScriptedWebServer(early) as server:
        sent = store(server.url, paths)
    assert sent.results == ["unconfirmed", "failed"]
    assert sent.reasons == ["SERVER_BUSY"] * 2


@pytest.mark.parametrize("status", [503, 507])
def test_a_later_attempt_after_a_busy_answer_never_calls_failed_what_may_be_stored(tmp_path: Path, status: int) -> None:
    """The proxy says 503 when the archive has stored, and breaks off before it answers."""
    paths = files_of(tmp_path, [100] * 2)
    with ScriptedWebServer(response(status), response(429)) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["unconfirmed"] * 2
    assert [len(request.parts) for request in server.requests] == [2, 2]


@pytest.mark.parametrize("status", [503, 507])
def test_a_duplicate_of_what_came_before_a_busy_answer_counts_as_stored(tmp_path: Path, status: int) -> None:
    """In the same run, and in a later one that knows by its journal that it was sent."""
    (path,) = files_of(tmp_path, [100])

    def has_it(request: WebRequest) -> bytes:
        return response(409, store_answer([], dict.fromkeys(request.uids, 0x0111)))

    with ScriptedWebServer(response(status), has_it) as server:
        sent = store(server.url, [path], attempts=1)
    assert sent.results == ["stored"]
    with ScriptedWebServer(response(status), has_it) as server:
        journal = JournalOptions(str(tmp_path / "journal"), resume=True)
        options = TransferOptions(halt_on_failure=False)
        runs = [list(send(path, WebPeer(server.url), journal=journal, transfer=options)) for _ in range(2)]
    assert [[each.result.value for each in outcomes] for outcomes in runs] == [["unconfirmed"], ["stored"]]


@pytest.mark.parametrize(("status", "left"), [*BUSY.items(), (500, "unconfirmed"), (502, "unconfirmed")])
def test_a_server_that_ends_in_the_middle_has_refused_only_what_it_says(
    tmp_path: Path, status: int, left: str
) -> None:
    """Its disk is full after the second of four: it names what it has done, and the status is of the others."""
    paths = files_of(tmp_path, [100] * 4)

    def in_part(request: WebRequest) -> bytes:
        return response(status, store_answer([request.uids[0]], {request.uids[1]: 0xA900}))

    with ScriptedWebServer(in_part, store_all) as server:
        sent = store(server.url, paths)
    assert sent.results == ["stored", "refused", left, left]
    assert all(outcome.is_retryable for outcome in sent.outcomes[2:])
    assert len(server.requests) == 1
    with ScriptedWebServer(in_part, store_all) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["stored", "refused", "stored", "stored"]
    assert [len(outcome.earlier) for outcome in sent.outcomes] == [0, 0, 1, 1]


@pytest.mark.parametrize(("asked_for", "longest", "least"), [("1", 5.0, 1.0), ("600", 0.5, 0.5)])
def test_the_server_says_when_to_come_again(tmp_path: Path, asked_for: str, longest: float, least: float) -> None:
    paths = files_of(tmp_path, [100])
    times: list[float] = []

    def busy(request: WebRequest) -> bytes:
        times.append(time.monotonic())
        return response(503, Retry_After=asked_for)

    def take(request: WebRequest) -> bytes:
        times.append(time.monotonic())
        return store_all(request)

    with ScriptedWebServer(busy, take) as server:
        sent = store(server.url, paths, attempts=1, longest_delay=longest)
    assert sent.results == ["stored"]
    assert times[1] - times[0] >= least


def test_the_server_says_when_to_come_again_though_a_connection_broke_before(tmp_path: Path) -> None:
    """It says so to one of several connections, of which the others have ended otherwise."""
    paths = files_of(tmp_path, [100] * 12)
    times: list[float] = []
    is_busy = iter([True])

    def answer(request: WebRequest) -> WebAnswer:
        times.append(time.monotonic())
        if request.connection == 1:
            return WebAnswer(closes=True)
        if request.connection == 3 and next(is_busy, False):
            return WebAnswer(response(503, Retry_After="1"))
        return WebAnswer(store_all(request), delay=0.2)

    with ScriptedWebServer(answer) as server:
        sent = store(
            server.url, paths, peer={"batch": 2}, attempts=3, parallel_associations=2, longest_delay=5.0
        )
    assert sent.results == ["stored"] * 12
    assert max(later - earlier for earlier, later in pairwise(times)) >= 0.9


@pytest.mark.parametrize(
    "answer",
    [
        response(500), response(502, b"<html></html>", "text/html"), response(504), response(200), response(200, b"{"),
        response(200, b"{}"), response(204, b"", None), b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{}",
        response(200, b"\x1f\x8b\x08\0", Content_Encoding="gzip"), b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Field: 1\r\n" * 300 + b"\r\n",
    ],
)  # fmt: skip
def test_what_cannot_be_read_leaves_everything_unconfirmed(tmp_path: Path, answer: bytes) -> None:
    paths = files_of(tmp_path, [100] * 2)
    with ScriptedWebServer(WebAnswer(answer, closes=True)) as server:
        sent = store(server.url, paths)
    assert sent.results == ["unconfirmed"] * 2
    assert all(outcome.is_retryable for outcome in sent.outcomes)
    assert len(server.requests) == 1


def test_a_poisonous_instance_costs_only_itself_with_retries(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 4)
    poison = instance_uid(3)

    def choke(request: WebRequest) -> bytes:
        return response(500) if poison in request.uids else store_all(request)

    with ScriptedWebServer(choke) as server:
        sent = store(server.url, paths, attempts=2)
    assert sent.results == ["stored", "stored", "unconfirmed", "stored"]
    assert len(server.requests[0].parts) == 4
    assert {len(request.parts) for request in server.requests[1:]} == {1}


def test_instances_of_a_request_that_was_refused_as_a_whole_are_tried_alone_with_retries(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100] * 3)
    poison = instance_uid(2)

    def choke(request: WebRequest) -> bytes:
        return response(400) if poison in request.uids else store_all(request)

    with ScriptedWebServer(choke) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["stored", "refused", "stored"]
    assert sent.reasons == ["", "NOT_IN_RESPONSE", ""]
    with ScriptedWebServer(choke) as server:
        sent = store(server.url, paths)
    assert sent.results == ["refused"] * 3
    assert len(server.requests) == 1


HTML_400 = response(400, b"<html>the proxy's own page</html>", "text/html")


def test_what_came_with_a_request_that_was_refused_as_a_whole_may_be_stored(tmp_path: Path) -> None:
    """A proxy puts its own page over the lists; the archive knows what it has stored when it comes again."""
    paths = files_of(tmp_path, [100] * 3)

    def has_two(request: WebRequest) -> bytes:
        known = {uid: 0x0111 for uid in request.uids if uid != instance_uid(2)}
        return response(409, store_answer([], known or dict.fromkeys(request.uids, 0xC000)))

    with ScriptedWebServer(HTML_400, has_two) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["stored", "refused", "stored"]
    assert sent.statuses == [0x0111, 0xC000, 0x0111]
    assert [[each.result.value for each in outcome.earlier] for outcome in sent.outcomes] == [["unconfirmed"]] * 3
    assert [len(request.parts) for request in server.requests] == [3, 1, 1, 1]


@pytest.mark.parametrize("attempts", [1, 2])
def test_who_came_with_a_request_that_was_refused_as_a_whole_is_tried_alone_whatever_was_before(
    tmp_path: Path, attempts: int
) -> None:
    """All attempts but that one are used up by a service that was away."""
    paths = files_of(tmp_path, [100] * 3)

    def spoilt(request: WebRequest) -> bytes:
        if len(request.parts) > 1:
            return HTML_400
        if request.uids == [instance_uid(2)]:
            return response(400, b"no", "text/plain")
        return store_all(request)

    with ScriptedWebServer(*[response(503)] * attempts, spoilt) as server:
        sent = store(server.url, paths, attempts=attempts)
    assert sent.results == ["stored", "refused", "stored"]
    assert [len(outcome.earlier) for outcome in sent.outcomes] == [attempts + 1] * 3


@pytest.mark.parametrize("end", ["the run ends", "the files are gone"])
def test_what_came_with_a_request_that_was_refused_as_a_whole_is_not_denied_later(tmp_path: Path, end: str) -> None:
    paths = files_of(tmp_path, [100] * 2)
    interrupt = Interrupt()

    def answer(request: WebRequest) -> bytes:
        if end == "the run ends":
            interrupt.request("SIGINT")
        for path in paths if end == "the files are gone" else []:
            path.unlink()
        return HTML_400

    with ScriptedWebServer(answer) as server:
        sent = store(server.url, paths, attempts=1, interrupt=interrupt)
    assert sent.results == ["unconfirmed"] * 2
    assert len(server.requests) == 1


def test_an_early_refusal_of_a_whole_request_leaves_open_only_what_was_sent_to_its_end(tmp_path: Path) -> None:
    paths = files_of(tmp_path, [100_000, 8_000_000])
    early = WebAnswer(response(400, b"", None, Connection="close"), at=200_000, closes=True)
    with ScriptedWebServer(early, store_all) as server:
        sent = store(server.url, paths, attempts=1)
    assert sent.results == ["stored"] * 2
    assert [[each.result.value for each in outcome.earlier] for outcome in sent.outcomes] == [
        ["unconfirmed"], ["failed"],
    ]  # fmt: skip


@pytest.mark.parametrize("code", [0x0111, 45070])
def test_a_duplicate_counts_as_stored_only_after_an_attempt_without_answer(tmp_path: Path, code: int) -> None:
    (path,) = files_of(tmp_path, [100])

    def has_it(request: WebRequest) -> bytes:
        return response(409, store_answer([], dict.fromkeys(request.uids, code)))

    with ScriptedWebServer(has_it) as server:
        sent = store(server.url, [path])
    assert sent.results == ["refused"]
    assert sent.statuses == [code]
    with ScriptedWebServer(WebAnswer(closes=True), has_it) as server:
        sent = store(server.url, [path], attempts=1)
    assert sent.results == ["stored"]
    with ScriptedWebServer(has_it) as server:
        sent = store(server.url, [path], ledger=MemoryLedger(unanswered=[0]))
    assert sent.results == ["stored"]


@pytest.mark.parametrize(
    "cut",
    [
        WebAnswer(at=0, closes=True), WebAnswer(at=500, resets=True),
        WebAnswer(response(500, b"", None), at=500, closes=True), WebAnswer(response(200), at=500, closes=True),
    ],
)  # fmt: skip
def test_a_duplicate_of_what_was_not_sent_to_its_end_is_a_refusal(tmp_path: Path, cut: WebAnswer) -> None:
    """It is somebody else's, perhaps with other content."""
    (path,) = files_of(tmp_path, [24_000_000])  # more than the system takes from us

    def has_it(request: WebRequest) -> bytes:
        return response(409, store_answer([], dict.fromkeys(request.uids, 0x0111)))

    with ScriptedWebServer(cut, has_it) as server:
        sent = store(server.url, [path], attempts=1)
    assert sent.results == ["refused"]
    assert sent.statuses == [0x0111]
    assert [attempt.result.value for attempt in sent.outcomes[0].earlier] == ["failed"]


@pytest.mark.parametrize(("code", "words"), [(0xB000, "changed"), (0xB006, "discarded"), (0xB007, "not match")])
def test_a_warning_is_a_stored_instance_with_a_status(tmp_path: Path, code: int, words: str) -> None:
    (path,) = files_of(tmp_path, [100])
    warning = {"00081196": {"vr": "US", "Value": [code]}}
    item = {"00081155": {"vr": "UI", "Value": [instance_uid(1)]}, **warning}
    body = json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()
    with ScriptedWebServer(response(202, body)) as server:
        sent = store(server.url, [path])
    assert sent.results == ["stored"]
    assert sent.statuses == [code]
    assert words in sent.outcomes[0].message


def test_an_instance_named_as_stored_and_as_refused_is_refused_without_a_status(tmp_path: Path) -> None:
    (path,) = files_of(tmp_path, [100])
    uid = instance_uid(1)
    with ScriptedWebServer(response(200, store_answer([uid], {uid: 272}))) as server:
        sent = store(server.url, [path])
    assert sent.results == ["refused"]
    assert sent.statuses == [None]
    assert sent.reasons == ["NOT_IN_RESPONSE"]
