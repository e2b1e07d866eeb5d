"""Asking a web service which instances of a series it has: pages, servers with limits of their own, bad answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from dcmsend.errors import ConnectionLost, DcmsendError, RemoteProtocolError, TimedOut
from dcmsend.interrupt import Interrupt
from dcmsend.proof import Item, Verifier, VerifyOptions
from dcmsend.stow import BearerCommand, Credentials, HttpRefused, SeriesFinder, WebPeer, WebSessionFailed
from dcmsend.transfer import Holdings, ProofState, TransferOptions, Verdict
from support.http_wire import response
from support.ports import free_port
from support.scripted_web_server import ScriptedWebServer, WebAnswer, WebRequest

STUDY, SERIES = "1.2", "1.2.1"
VERIFIED = Verdict(ProofState.VERIFIED)
UIDS = [f"1.2.3.{number}" for number in range(1200)]


def instances(uids: list[str], availability: str = "ONLINE") -> bytes:
    rows = [
        {"00080018": {"vr": "UI", "Value": [uid]}, "00080056": {"vr": "CS", "Value": [availability]}} for uid in uids
    ]
    return json.dumps(rows).encode()


def archive(
    uids: list[str], most: int = 10_000, *, pages: bool = True, warns: bool = False, names: bool = True
) -> Callable[[WebRequest], bytes]:
    """A server with these instances that gives at most ``most`` at once, and knows offsets if it ``pages``.

    Unless it knows ``names``, it does not care which instance it is asked for.
    """

    def answer(request: WebRequest) -> bytes:
        parts = urlsplit(request.head.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances"
        found = [uid for uid in uids if not names or uid == query.get("SOPInstanceUID", uid)]
        start = int(query["offset"]) if pages else 0
        end = start + min(most, int(query["limit"]))
        fields = {"Warning": '299 - "there are more"'} if warns else {}
        return response(200, instances(found[start:end]), **fields) if found[start:end] else response(204, b"", None)

    return answer


@contextmanager
def finding(
    server: ScriptedWebServer, credentials: Credentials | None = None, **options: float
) -> Iterator[SeriesFinder]:
    finder = SeriesFinder(WebPeer(server.url, credentials=credentials), TransferOptions(**options), Interrupt())
    yield finder
    finder.close()
    finder.close()


def asked_for(uids: list[str]) -> list[Item[int]]:
    return [Item(STUDY, SERIES, uid, number) for number, uid in enumerate(uids)]


def verdicts(finder: SeriesFinder, items: list[Item[int]]) -> list[Verdict]:
    """By the order of the items' keys, after one round of questions."""
    found = list(Verifier(finder, VerifyOptions(attempts=0), Interrupt()).verify(items))
    return [verdict for _, verdict in sorted(found, key=lambda each: each[0].key)]


@pytest.mark.parametrize("most", [7, 200, 10_000])
def test_a_series_comes_page_by_page(most: int) -> None:
    uids = UIDS[:30] if most == 7 else UIDS
    with ScriptedWebServer(archive(uids, most)) as server, finding(server) as finder:
        found = finder.find(STUDY, SERIES, [*uids[5:], "9.9"])
    assert found == Holdings(dict.fromkeys(uids[5:], "ONLINE"), 5, 0)
    assert server.connections == 1


def test_nothing_at_all() -> None:
    with ScriptedWebServer(archive([])) as server, finding(server) as finder:
        assert finder.find(STUDY, SERIES, ["1.2.3"]) == Holdings({}, 0, 0)
    assert len(server.requests) == 1


def test_no_further_page_is_asked_for_once_everything_is_found() -> None:
    with ScriptedWebServer(archive(UIDS[:10])) as server, finding(server) as finder:
        assert len(finder.find(STUDY, SERIES, UIDS[:10]).availability) == 10
    assert len(server.requests) == 1


def test_a_server_that_knows_no_offsets_and_says_that_there_is_more() -> None:
    with ScriptedWebServer(archive(UIDS, 100, pages=False, warns=True)) as server, finding(server) as finder:
        found = finder.find(STUDY, SERIES, UIDS[:150])
    assert found == Holdings(dict.fromkeys(UIDS[:100], "ONLINE"), 0, 0xB000)


def test_by_name() -> None:
    with ScriptedWebServer(archive(UIDS)) as server, finding(server) as finder:
        found = finder.find(STUDY, SERIES, [UIDS[3], "9.9", UIDS[4]], by_name=True)
    assert found == Holdings({UIDS[3]: "ONLINE", UIDS[4]: "ONLINE"}, 0, 0)


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("words", [("UNAVAILABLE", "ONLINE"), ("ONLINE", "UNAVAILABLE")])
def test_one_place_that_can_give_it_is_enough(words: tuple[str, str], by_name: bool) -> None:
    """A service in front of two archives names it twice."""
    rows = [row for word in words for row in json.loads(instances(["1.2.3"], word))]
    body = json.dumps(rows).encode()
    with ScriptedWebServer(lambda request: response(200, body)) as server, finding(server) as finder:
        found = finder.find(STUDY, SERIES, ["1.2.3"], by_name=by_name)
    assert found == Holdings({"1.2.3": "ONLINE"}, 0, 0)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server(status: int) -> None:
    with ScriptedWebServer(response(status)) as server, finding(server) as finder:
        assert finder.find(STUDY, SERIES, ["1.2.3"]).status == 0xA700


@pytest.mark.parametrize("status", [401, 403])
def test_no_access(status: int) -> None:
    with ScriptedWebServer(response(status)) as server, finding(server) as finder:
        with pytest.raises(WebSessionFailed) as caught:
            finder.find(STUDY, SERIES, ["1.2.3"])
        assert caught.value.is_permanent


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (response(500), HttpRefused), (response(301, Location="http://x/"), WebSessionFailed),
        (response(200, b"<html>", "text/html"), RemoteProtocolError), (response(200, b"[{}]"), RemoteProtocolError),
        (b"what?\r\n\r\n", RemoteProtocolError), (WebAnswer(closes=True), ConnectionLost),
    ],
)  # fmt: skip
def test_no_answer_that_can_be_used(answer: bytes | WebAnswer, expected: type[DcmsendError]) -> None:
    with ScriptedWebServer(answer) as server, finding(server) as finder, pytest.raises(expected):
        finder.find(STUDY, SERIES, ["1.2.3"])


@pytest.mark.parametrize("status", [404, 405, 406, 410, 415, 501])
def test_a_service_that_takes_no_queries(status: int) -> None:
    """That stays so; once it has answered, 404 may be what it says of a series that it lacks."""
    ask = archive(UIDS[:3])
    with ScriptedWebServer(response(status), ask, response(status)) as server, finding(server) as finder:
        with pytest.raises(WebSessionFailed, match=f"QIDO-RS.*the server answers {status}") as caught:
            finder.find(STUDY, SERIES, ["1.2.3"])
        assert caught.value.is_permanent
        assert finder.find(STUDY, SERIES, UIDS[:3]).availability
        with pytest.raises(HttpRefused):
            finder.find(STUDY, SERIES, ["1.2.3"])


def test_silence() -> None:
    with ScriptedWebServer(b"") as server, finding(server, dimse_timeout=0.3) as finder, pytest.raises(TimedOut):
        finder.find(STUDY, SERIES, ["1.2.3"])


def test_a_connection_that_breaks_between_two_questions_is_replaced() -> None:
    ask = archive(UIDS[:3])
    with ScriptedWebServer(ask, WebAnswer(resets=True), ask) as server, finding(server) as finder:
        for _ in range(2):
            assert len(finder.find(STUDY, SERIES, UIDS[:3]).availability) == 3
    assert server.connections == 2


def test_nobody_there() -> None:
    finder = SeriesFinder(WebPeer(f"http://localhost:{free_port()}/dicom-web"), TransferOptions(), Interrupt())
    with closing(finder), pytest.raises(WebSessionFailed):
        finder.find(STUDY, SERIES, ["1.2.3"])


@pytest.mark.parametrize("dots", [".", ".."])
def test_a_series_whose_uids_are_dots_is_not_asked_for_and_holds_up_no_other(dots: str) -> None:
    """Dots would lead elsewhere in the path of a URL."""
    items = [Item(dots, SERIES, "9.1", 0), Item(STUDY, dots, "9.2", 1), Item(STUDY, SERIES, UIDS[0], 2)]
    with ScriptedWebServer(archive(UIDS[:1])) as server, finding(server) as finder:
        found = verdicts(finder, items)
    nothing = Verdict(ProofState.NO_ANSWER, "invalid_uid")
    assert found == [nothing, nothing, VERIFIED]
    assert len(server.requests) == 1


def test_a_service_that_gives_200_and_refuses_to_be_asked_for_more() -> None:
    """As Microsoft's DICOM service does."""
    give = archive(UIDS)

    def answer(request: WebRequest) -> bytes:
        limit = parse_qs(urlsplit(request.head.target).query)["limit"][0]
        return give(request) if 1 <= int(limit) <= 200 else response(400)

    with ScriptedWebServer(answer) as server, finding(server) as finder:
        assert len(finder.find(STUDY, SERIES, UIDS[:450]).availability) == 450


def test_a_token_that_cannot_be_renewed_at_the_moment_is_no_answer(tmp_path: Path) -> None:
    script = (
        f"import os, sys; mark = {str(tmp_path / 'mark')!r}\n"
        "if os.path.exists(mark): sys.exit(1)\n"
        "open(mark, 'w'); print('old')"
    )
    command = BearerCommand((sys.executable, "-c", script))
    with (
        ScriptedWebServer(response(401)) as server,
        finding(server, command) as finder,
        pytest.raises(WebSessionFailed, match=r"QIDO-RS.*exit code 1") as caught,
    ):
        finder.find(STUDY, SERIES, ["1.2.3"])
    assert not caught.value.is_permanent
    assert len(server.requests) == 1


@pytest.mark.parametrize("first", [0, 100])
def test_nothing_is_missing_where_offsets_and_names_are_not_understood(first: int) -> None:
    """Also where a cache knows answers by the path alone."""
    with ScriptedWebServer(archive(UIDS[:150], 100, pages=False, names=False)) as server, finding(server) as finder:
        found = verdicts(finder, asked_for(UIDS[first:150]))
    assert found[: 100 - first] == [VERIFIED] * (100 - first)
    assert [verdict.state for verdict in found[100 - first :]] == [ProofState.NO_ANSWER] * 50
    assert len(server.requests) < 10


def test_what_is_missing_where_names_are_not_understood() -> None:
    with ScriptedWebServer(archive(UIDS[:30], 7, names=False)) as server, finding(server) as finder:
        found = verdicts(finder, asked_for(UIDS[:32]))
    assert found == [VERIFIED] * 30 + [Verdict(ProofState.MISSING)] * 2


def test_what_is_missing_where_offsets_are_not_understood() -> None:
    with ScriptedWebServer(archive(UIDS[:30], 7, pages=False)) as server, finding(server) as finder:
        found = verdicts(finder, asked_for(UIDS[:32]))
    assert found == [VERIFIED] * 30 + [Verdict(ProofState.MISSING)] * 2
