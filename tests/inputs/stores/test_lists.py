"""Lists of objects: index pages of any form, and lists of addresses."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from dcmsend import IndexOptions, InputOptions, JournalOptions, Peer, Result, RetryOptions, TransferOptions, send
from dcmsend.errors import StoreUnusable
from dcmsend.inputs.stores import stores as stores_module
from dcmsend.reasons import NoStore, Reason, Rejection
from support.peer_script import Abort, Script
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances, write_large
from support.store_servers import Answer, Request, StorePlace, serving


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores_module, "_PAUSES", (0.01, 0.01))


def options_of(place: StorePlace, **options: int) -> InputOptions:
    return InputOptions(scan_directories=True, recurse=True, storage_options=place.options, **options)


HTML = {"Content-Type": "text/html; charset=utf-8"}


def page_of(*links: str, filling: int = 0) -> Answer:
    text = "<html>" + " " * filling + "".join(f'<a href="{link}">x</a>' for link in links)
    return Answer(200, text.encode(), HTML)


@pytest.mark.parametrize("before", range(4))
def test_a_name_that_two_pieces_of_a_page_share(web: StorePlace, tmp_path: Path, before: int) -> None:
    """A letter of several bytes may be cut where the connection hands over a piece."""
    name = "n\u20ac\U0001f600.dcm"
    web.put(name, write_instances(tmp_path, 1)[0].read_bytes())
    lead = (1 << 20) - len('<html><a href="n') - before
    web.script = lambda request: None if request.name else page_of(name, filling=lead)
    with ScriptedPeer() as peer:
        outcomes = list(send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web)))
    assert [outcome.instance.input.path for outcome in outcomes] == [web.url + name]


@pytest.mark.parametrize("text", ['<a href="' + "x" * (3 << 20), "<!--" + "x" * (3 << 20)])
def test_a_page_without_end_is_not_kept(web: StorePlace, text: str) -> None:
    web.script = lambda request: Answer(200, text.encode(), HTML)
    with ScriptedPeer() as peer, pytest.raises(StoreUnusable, match="no end"):
        list(send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web)))


@pytest.mark.peer("moto")
def test_a_list_of_addresses_is_looked_up_ahead(s3: StorePlace, tmp_path: Path) -> None:
    """Several HEAD requests are under way at once, and the order of the list stays."""
    for path in write_instances(tmp_path / "in", 12):
        s3.put(path.name, path.read_bytes())
    names = [s3.url + path.name for path in sorted((tmp_path / "in").iterdir())]
    names.insert(5, str(tmp_path / "in" / "000003.dcm"))
    together = threading.Barrier(4)

    def all_at_once(request: Request) -> Answer | None:
        if request.method == "HEAD" and request.name in ("000001.dcm", "000002.dcm", "000003.dcm", "000004.dcm"):
            together.wait(30)
        return None

    s3.script = all_at_once
    with ScriptedPeer() as peer:
        outcomes = list(send(names, Peer("127.0.0.1", peer.port), inputs=options_of(s3)))
    assert [outcome.instance.input.path for outcome in outcomes] == names
    assert Counter(request.method for request in s3.requests) == {"HEAD": 12, "GET": 12}


def test_a_store_that_gives_nothing_for_long_ends_the_run(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores_module, "MOST_BUSY", 10)
    paths = write_instances(tmp_path / "in", 60)
    for path in paths:
        web.put(path.name, path.read_bytes())
    web.script = lambda request: Answer(503) if request.name > "000005.dcm" else None
    index = IndexOptions(halt_on_invalid=False)
    with ScriptedPeer() as peer:
        transfer = send(
            [web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web, fetch_parallel=1), index=index
        )
        with pytest.raises(StoreUnusable, match="10 objects in a row") as caught:
            list(transfer)
    assert caught.value.why is NoStore.NOT_NOW
    assert not caught.value.is_permanent
    assert len(set(web.fetched)) < 60
    assert [rejected.why for rejected in transfer.rejected] == [Rejection.NOT_NOW] * 9


def test_an_object_that_cannot_be_had_a_second_time_may_succeed_later(web: StorePlace, tmp_path: Path) -> None:
    """Its association broke, so it was fetched again, and the store was busy: that is nothing final."""
    web.put("a.dcm", write_large(tmp_path / "a.dcm", 20_000_000).read_bytes())
    asked = Counter[str]()

    def once(request: Request) -> Answer | None:
        asked[request.name] += 1
        return Answer(503) if request.name and asked[request.name] > 1 else None

    web.script = once
    options = TransferOptions(retry=RetryOptions(attempts=2, delay=0.01), halt_on_failure=False)
    with ScriptedPeer(Script(during={1: (40_000, Abort())}), Script()) as peer:
        (outcome,) = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=options)
    assert (outcome.result, outcome.reason) == (Result.FAILED, Reason.STORE_BUSY)
    assert outcome.is_retryable


def test_a_store_that_cannot_be_reached_a_second_time_may_be_later(reached_once: StorePlace, tmp_path: Path) -> None:
    """The line of this site was away: the association broke, and the store was out of reach."""
    web = reached_once
    web.put("a.dcm", write_large(tmp_path / "a.dcm", 20_000_000).read_bytes())
    options = TransferOptions(retry=RetryOptions(attempts=1, delay=0.01), halt_on_failure=False)
    with ScriptedPeer(Script(during={1: (40_000, Abort())}), Script()) as peer:
        (outcome,) = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=options)
    assert (outcome.result, outcome.reason) == (Result.FAILED, Reason.STORE_BUSY)
    assert outcome.is_retryable


def test_a_server_that_is_busy_when_it_is_looked_at(web: StorePlace, tmp_path: Path) -> None:
    """HEAD is asked again, so what is stored is not fetched for that."""
    for path in write_instances(tmp_path / "in", 5):
        web.put(path.name, path.read_bytes())
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    asked = Counter[str]()

    def twice(request: Request) -> Answer | None:
        asked[request.name] += 1
        return Answer(503) if request.method == "HEAD" and asked[request.name] < 3 else None

    with ScriptedPeer() as peer:
        assert len(list(send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), journal=journal))) == 5
        web.requests.clear()
        web.script = twice
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), journal=journal)
        assert list(transfer) == []
    assert transfer.already_stored == 5
    assert not web.fetched
    assert Counter(request.method for request in web.requests) == {"HEAD": 15, "GET": 1}


@pytest.mark.parametrize("status", [404, 503])
def test_a_report_asks_nothing_of_an_object_that_is_not_given(
    dcmsend: str, web: StorePlace, tmp_path: Path, status: int
) -> None:
    web.put("a.dcm", b"x")
    web.script = lambda request: Answer(status) if request.name else None
    with ScriptedPeer() as peer:
        run(dcmsend, "+sd", "-nh", "--report-json", tmp_path / "report", "127.0.0.1", peer.port, web.url)
    assert {request.method for request in web.requests} == {"GET"}
    assert (tmp_path / "report").exists()


@pytest.mark.parametrize("backend", ["", pytest.param("obstore", marks=pytest.mark.peer("obstore"))])
def test_escapes_that_are_not_utf_8(tmp_path: Path, backend: str) -> None:
    """An old server's names; they are asked for as its index page has them."""
    data = write_instances(tmp_path, 1)[0].read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the name of the base class)
            """Be silent."""

        def do_GET(self) -> None:
            found = {"/in/": b'<a href="M%FCller.dcm">x</a>', "/in/M%FCller.dcm": data}.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html" if self.path == "/in/" else "application/dicom")
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

    options = (("backend", backend),) if backend else ()
    inputs = InputOptions(scan_directories=True, storage_options=options)
    with serving(Handler) as port, ScriptedPeer() as peer:
        url = f"http://127.0.0.1:{port}/in/"
        (outcome,) = send([url], Peer("127.0.0.1", peer.port), inputs=inputs)
    assert outcome.result is Result.STORED
    assert outcome.instance.input.path == url + "M%FCller.dcm"
