"""Answers before the end of a request, also before its beginning: each instance has come as far as it has."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicomweb import Multipart
from dcmsend.errors import ConnectionLost
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.load import BytesPayload, ChunkPayload
from dcmsend.stow import body
from dcmsend.stow.batch import Batch
from dcmsend.stow.body import BodyWriter
from dcmsend.stow.http_connection import HttpConnection
from dcmsend.stow.part import Part
from dcmsend.transfer.rate import Pace
from dcmsend.transport import TlsOptions, load_tls
from support.certificates import Certificates
from support.fixture_files import CT_CLASS, EI
from support.http_wire import response, store_answer
from support.scripted_web_server import Answer, ScriptedWebServer, WebAnswer, store_all
from support.sending import instance_uid
from support.storing import Stored, files_of, store
from support.tls_peers import server_context

HEAD, META = b"POST / HTTP/1.1\r\n\r\n", b"meta header"
MULTIPART = Multipart("boundary")


class Cut:
    """A connection that takes so many bytes and is lost then."""

    sends_files = False

    def __init__(self, most: int) -> None:
        self.most = most
        self.got = b""
        self.taken = 0

    def look(self) -> None: ...

    def send(self, data: memoryview) -> None:
        self.taken = min(len(data), self.most - len(self.got))
        self.got += data[: self.taken]
        if self.taken < len(data):
            raise ConnectionLost("cut")


class ByPieces:
    """A rate at which nobody waits."""

    limits_instances = False

    def __init__(self, piece: int) -> None:
        self.piece = piece

    def wait_for_bytes(self, count: int, interrupt: Interrupt) -> None: ...

    def wait_for_instance(self, interrupt: Interrupt) -> None: ...


def batch_of(sizes: list[int], *, streamed: bool = False) -> Batch:
    batch = Batch()
    for number, size in enumerate(sizes, start=1):
        source = InputFile(f"{number}.dcm")
        part = Part(number, Instance(source, CT_CLASS, "", transfer_syntax(EI), ReadMode.FILE_ONLY, ""))
        data = bytes(size)
        part.before = META
        part.size = None if streamed else len(META) + size
        part.payload = ChunkPayload(iter([data]), lambda: None) if streamed else BytesPayload(memoryview(data))
        batch.add(part)
    return batch


def written(batch: Batch, most: int, piece: int | None) -> tuple[bytes, dict[int, int]]:
    """Write a request over a connection that takes so many bytes; return these, and the progress of each part."""
    told: dict[int, int] = {}

    def progress(part: Part, count: int) -> None:
        told[part.index] = told.get(part.index, 0) + count

    connection = Cut(most)
    pace = None if piece is None else cast(Pace, ByPieces(piece))
    writer = BodyWriter(cast(HttpConnection, connection), Interrupt(), pace, progress)
    try:
        writer.write(HEAD, batch, MULTIPART)
    except ConnectionLost:
        assert len(connection.got) == most
    return connection.got, told


@pytest.mark.parametrize("piece", [None, 7, 700])
@pytest.mark.parametrize(("sizes", "streamed"), [([300, 2500, 70, 900], False), ([2500], True)])
def test_each_part_is_as_far_as_the_system_has_taken_it(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], streamed: bool, piece: int | None
) -> None:
    """Wherever that ends.  The first one begins with the request."""
    monkeypatch.setattr(body, "_MOST_GATHERED", 2000)
    whole, _ = written(batch_of(sizes, streamed=streamed), 1 << 20, piece)
    around = len(MULTIPART.part_head) + len(META)
    begins, payloads, ends, at = [], [], [], 0
    for size in sizes:
        begins.append(at := whole.index(b"--boundary\r\n", at))
        payloads.append(at + around)
        ends.append(at := whole.index(b"\r\n", at + around + size) + 2)
    if streamed:  # the payload fills a chunk, and what ends the part stands in the next one
        ends = [whole.index(b"--boundary--")]
    else:
        assert at == whole.index(b"--boundary--")
    edges = {edge + more for edge in (0, len(HEAD), *begins, *payloads, *ends) for more in (-1, 0, 1)}
    for most in sorted(edges | set(range(0, len(whole), 97))):
        if most < 0:
            continue
        batch = batch_of(sizes, streamed=streamed)
        _, told = written(batch, most, piece)
        sent = [min(max(most - start, 0), size) for start, size in zip(payloads, sizes, strict=True)]
        assert [part.is_begun for part in batch.parts] == [most > 0, *(most > begin for begin in begins[1:])], most
        assert [part.is_complete for part in batch.parts] == [most >= end for end in ends], most
        assert [part.sent for part in batch.parts] == sent, most
        assert [told.get(part.index, 0) for part in batch.parts] == sent, most


def early(answer: bytes) -> WebAnswer:
    return WebAnswer(answer, at=90_000)


def sent_by_pieces(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *answers: Answer, attempts: int = 0
) -> tuple[Stored, ScriptedWebServer, int]:
    """Ten files of 20 kB that go out together in pieces of 40 kB; the writer has the answer before the fourth.

    The number is of those that have come to the server from their first byte to their last; some of the next one has.
    """
    looks, look = itertools.count(1), HttpConnection.look

    def patient(connection: HttpConnection) -> None:
        if next(looks) == 4:
            while not connection.has_answer():
                time.sleep(0.001)
        look(connection)

    monkeypatch.setattr(HttpConnection, "look", patient)
    with ScriptedWebServer(*answers) as server:
        sent = store(server.url, files_of(folder, [20_000] * 10), max_rate=400_000, attempts=attempts)
    whole = len(server.requests[0].parts)
    assert 4 <= whole < 8
    return sent, server, whole


def uids_from(number: int) -> list[str]:
    return [instance_uid(each) for each in range(number, 11)]


@pytest.mark.parametrize("status", [503, 507])
def test_what_has_gone_out_to_its_end_may_be_stored_when_the_server_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """It stores part by part, and its disk is full after some of them."""
    sent, _, whole = sent_by_pieces(tmp_path, monkeypatch, early(response(status, b"", None)))
    assert sent.results == ["unconfirmed"] * whole + ["failed"] * (10 - whole)
    assert sent.reasons == ["SERVER_BUSY"] * 10
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    assert [outcome.bytes_sent for outcome in sent.outcomes] == sizes[:whole] + [0] * (10 - whole)


def test_a_duplicate_of_what_went_out_before_an_early_answer_counts_as_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = early(response(507, b"", None))
    known = {instance_uid(1): 0x0111, instance_uid(2): 0x0111, instance_uid(10): 0x0111}
    has_some = response(409, store_answer([instance_uid(each) for each in range(3, 10)], known))
    sent, server, _ = sent_by_pieces(tmp_path, monkeypatch, busy, has_some, attempts=1)
    assert sent.results == ["stored"] * 9 + ["refused"]  # the last one had not gone out: somebody else's
    assert len(server.requests) == 2


def test_a_refusal_of_a_whole_request_is_none_of_what_had_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, server, whole = sent_by_pieces(tmp_path, monkeypatch, early(response(400, b"", None)), store_all)
    assert sent.results == ["refused"] * (whole + 1) + ["stored"] * (9 - whole)
    assert server.requests[-1].uids == uids_from(whole + 2)


def test_a_refusal_of_a_whole_request_leaves_open_what_had_gone_out_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, _, whole = sent_by_pieces(tmp_path, monkeypatch, early(response(400, b"", None)), store_all, attempts=1)
    assert sent.results == ["stored"] * 10
    earlier = [[each.result.value for each in outcome.earlier] for outcome in sent.outcomes]
    assert earlier == [["unconfirmed"]] * whole + [["failed"]] + [[]] * (9 - whole)


def test_an_early_answer_that_lists_what_has_come_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = early(response(409, store_answer([instance_uid(each) for each in (1, 2, 3, 9)], {instance_uid(4): 0xA900})))
    sent, server, whole = sent_by_pieces(tmp_path, monkeypatch, lists, store_all)
    expected = ["stored"] * 3 + ["refused"] * (whole - 2) + ["stored"] * (9 - whole)
    expected[8] = "unconfirmed"  # it had not gone out
    assert sent.results == expected
    assert server.requests[-1].uids == [uid for uid in uids_from(whole + 2) if uid != instance_uid(9)]


class Narrow(ScriptedWebServer):
    """Takes little that it has not read."""

    def __init__(self, *answers: Answer, context: ssl.SSLContext | None = None) -> None:
        super().__init__(*answers, context=context)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_what_the_system_has_not_taken_is_not_refused(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, secure: bool
) -> None:
    """The line is narrow, and the server refuses and closes while the writer still waits for it."""
    paths = files_of(tmp_path, [5_000] * 40)
    context: ssl.SSLContext | None = None
    peer: dict[str, Any] = {}
    if secure:
        made = Certificates(tmp_path_factory.mktemp("certificates"))
        context = server_context(made.server_key, made.server)
        peer["tls"] = load_tls(TlsOptions(ca_files=(str(made.ca),)))
    refusal = WebAnswer(response(400, b"", None, Connection="close"), at=10_000, closes=True)
    with Narrow(refusal, store_all, context=context) as server:
        sent = store(server.url, paths, peer=peer, tcp_buffer_length=16_384)
    begun = sent.results.count("refused")
    assert len(server.requests[0].parts) <= begun < 40
    assert sent.results == ["refused"] * begun + ["stored"] * (40 - begun)
    assert server.requests[-1].uids == [instance_uid(number) for number in range(begun + 1, 41)]


class Ending(ScriptedWebServer):
    """Ends its first connection after a request, when that is wanted, with a last word."""

    def __init__(self, last_word: bytes) -> None:
        super().__init__()
        self.last_word = last_word
        self.is_wanted, self.closed = threading.Event(), threading.Event()

    def _serve(self, plain: socket.socket, number: int) -> None:
        super()._serve(plain, number)
        self.closed.set()

    def _handle(self, connection, stream, head, number):  # type: ignore[no-untyped-def]
        goes_on = super()._handle(connection, stream, head, number)
        if len(self.requests) > 1:
            return goes_on
        self.is_wanted.wait(60)
        connection.sendall(self.last_word)
        return False


@pytest.mark.parametrize(
    "last_word", [b"", response(408, b"", None, Connection="close"), response(400)], ids=["none", "408", "400"]
)
def test_a_server_that_ends_an_idle_connection_just_when_a_request_begins_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last_word: bytes
) -> None:
    """The connection was looked at, and then the rate had to be waited for.  What came is no answer to the request."""
    turns = itertools.count(1)
    with Ending(last_word) as server:

        def wait(pace: Pace, count: int, interrupt: Interrupt) -> None:
            if next(turns) == 2:
                server.is_wanted.set()
                assert server.closed.wait(60)

        monkeypatch.setattr(Pace, "wait_for_bytes", wait)
        paths = files_of(tmp_path, [100] * 2)
        sent = store(server.url, paths, peer={"batch": 1}, halt=True, max_rate=1_000_000)
    assert sent.results == ["stored"] * 2
    assert (server.connections, sent.sessions) == (2, 1)
    assert len(server.requests) == 2


class Unasked(ScriptedWebServer):
    """Says something to everybody who comes, and reads nothing."""

    def _serve(self, plain: socket.socket, number: int) -> None:
        plain.sendall(response(400))
        with contextlib.suppress(OSError):
            plain.recv(1)


@pytest.mark.timeout(60)
def test_a_server_that_answers_before_it_is_asked_is_not_asked_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = HttpConnection.look

    def patient(connection: HttpConnection) -> None:
        while not connection.has_answer():
            time.sleep(0.001)
        look(connection)

    monkeypatch.setattr(HttpConnection, "look", patient)
    with Unasked() as server:
        sent = store(server.url, files_of(tmp_path, [100] * 2))
    assert sent.results == ["not attempted"] * 2
    assert sent.sessions == 3
