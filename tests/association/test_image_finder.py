"""Asking an archive which instances of a series it has: real archives, and peers that answer badly."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from dcmsend.association import ImageFinder, Peer
from dcmsend.errors import (
    AssociationAborted,
    Cancelled,
    ConnectionLost,
    DcmsendError,
    NegotiationFailed,
    RemoteProtocolError,
    SopClassRefused,
    TimedOut,
)
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import Holdings, TransferOptions
from support import wire
from support.archive import ArchiveInstance, CommitmentArchive, commitment_archive
from support.messages import received_messages
from support.ports import free_port

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY, SERIES = "1.2", "1.2.1"
OPTIONS = TransferOptions(acse_timeout=20, dimse_timeout=20)


def some(count: int, **values: str) -> dict[str, ArchiveInstance]:
    uids = [f"1.2.3.{number}" for number in range(count)]
    return {uid: ArchiveInstance(CT, uid, STUDY, SERIES, **values) for uid in uids}


@contextmanager
def finding(port: int, options: TransferOptions = OPTIONS, interrupt: Interrupt | None = None) -> Iterator[ImageFinder]:
    finder = ImageFinder(Peer("127.0.0.1", port, "ARCHIVE"), options, interrupt or Interrupt())
    yield finder
    finder.close()
    finder.close()


@pytest.mark.peer("pynetdicom")
def test_what_is_there_what_is_missing_and_what_is_more() -> None:
    archive = CommitmentArchive(instances=some(30, availability="ONLINE"))
    with commitment_archive(archive), finding(archive.port) as finder:
        wanted = {f"1.2.3.{number}" for number in range(28)} | {"9.9"}
        found = finder.find(STUDY, SERIES, wanted)
        assert found == Holdings({f"1.2.3.{number}": "ONLINE" for number in range(28)}, 2, 0)
        assert finder.find(STUDY, "1.2.9", wanted) == Holdings({}, 0, 0)
        assert finder.find(STUDY, SERIES, ["1.2.3.7", "9.9"], by_name=True) == Holdings({"1.2.3.7": "ONLINE"}, 0, 0)
    assert {(query.QueryRetrieveLevel, query.StudyInstanceUID) for query in archive.queries} == {("IMAGE", STUDY)}
    assert sorted(archive.queries[-1].SOPInstanceUID) == ["1.2.3.7", "9.9"]


@pytest.mark.peer("pynetdicom")
def test_a_long_list_of_uids_goes_out_in_several_pdus() -> None:
    archive = CommitmentArchive(instances=some(2000))
    with commitment_archive(archive), finding(archive.port) as finder:
        found = finder.find(STUDY, SERIES, list(archive.instances), by_name=True)
        assert found == Holdings(dict.fromkeys(archive.instances, ""), 0, 0)


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_cannot_answer_now() -> None:
    archive = CommitmentArchive(find_status=0xA700, instances=some(3))
    with commitment_archive(archive), finding(archive.port) as finder:
        assert finder.find(STUDY, SERIES, {"1.2.3.1"}) == Holdings({"1.2.3.1": ""}, 2, 0xA700)
        archive.find_status = 0
        assert finder.find(STUDY, SERIES, {"1.2.3.1"}).status == 0, "over the same association"


class AnsweringPeer:
    """Accepts associations and answers each C-FIND with the bytes that ``answer`` makes of message id and context."""

    def __init__(self, answer: Callable[[int, int], bytes | None], result: int = 0) -> None:
        self._answer = answer
        self._result = result
        self.associations = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.associations += 1
            thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(30)
            request = wire.receive_pdu(connection)
            assert request is not None
            asked = wire.parse_associate_request(request)
            syntax = asked.contexts[0].transfer_syntaxes[0]
            results = [(context.id, self._result, syntax) for context in asked.contexts]
            connection.sendall(wire.associate_accept(asked, results, 16384))
            for message in received_messages(connection):
                reply = self._answer(message.message_id, message.context_id)
                if reply is None:
                    return
                connection.sendall(reply)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


@contextmanager
def answering(answer: Callable[[int, int], bytes | None], result: int = 0) -> Iterator[AnsweringPeer]:
    peer = AnsweringPeer(answer, result)
    yield peer
    peer.close()


def response(context_id: int, message_id: int, status: int, identifier: bytes = b"", field: int = 0x8020) -> bytes:
    kind = 1 if identifier else wire.NO_DATA_SET
    command = wire.encode_command({
        wire.COMMAND_FIELD: field, wire.MESSAGE_ID_RESPONDED_TO: message_id, wire.DATA_SET_TYPE: kind,
        wire.STATUS: status,
    })  # fmt: skip
    sent = wire.command_pdu(context_id, command)
    if identifier:
        value = bytes([context_id, 2]) + identifier
        sent += wire.pdu(wire.P_DATA, len(value).to_bytes(4, "big") + value)
    return sent


def identifier(uid: str, availability: str = "") -> bytes:
    """An Identifier in Explicit VR Little Endian that holds a SOP Instance UID and, if given, an availability."""
    value, word = uid.encode() + b"\0" * (len(uid) % 2), availability.encode() + b" " * (len(availability) % 2)
    uid_element = b"\x08\x00\x18\x00UI" + len(value).to_bytes(2, "little") + value
    return uid_element + (b"\x08\x00\x56\x00CS" + len(word).to_bytes(2, "little") + word if word else b"")


def found(number: int, context: int) -> bytes:
    return response(context, number, 0xFF00, identifier("1.2.3")) + response(context, number, 0)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda number, context: response(context, number + 1, 0), RemoteProtocolError),
        (lambda number, context: response(context, number, 0, field=0x8001), RemoteProtocolError),
        (lambda number, context: response(context, number, 0xFF00), RemoteProtocolError),
        (lambda number, context: response(context, number, 0xFF00, b"\x08\x00\x18"), RemoteProtocolError),
        (lambda number, context: response(context, number, 0xFF00, identifier("")), RemoteProtocolError),
        (lambda number, context: response(99, number, 0xFF00, identifier("1.2.3")), RemoteProtocolError),
        (lambda number, context: b"\x99" * 20, RemoteProtocolError),
        (lambda number, context: wire.abort(0, 0), AssociationAborted),
        (lambda number, context: None, ConnectionLost),
    ],
    ids=[
        "another message id", "another command", "no Identifier", "half an Identifier", "no UID", "another context",
        "no PDU", "abort", "close",
    ],
)  # fmt: skip
def test_a_bad_answer_costs_that_question_only(
    bad: Callable[[int, int], bytes | None], error: type[DcmsendError]
) -> None:
    answers = iter([found, bad, found])
    with answering(lambda number, context: next(answers)(number, context)) as peer:
        with finding(peer.port) as finder:
            assert finder.find(STUDY, SERIES, {"1.2.3"}) == Holdings({"1.2.3": ""}, 0, 0)
            with pytest.raises(error):
                finder.find(STUDY, SERIES, {"1.2.3"})
            assert finder.find(STUDY, SERIES, {"1.2.3"}) == Holdings({"1.2.3": ""}, 0, 0)
        assert peer.associations == 2


@pytest.mark.parametrize("words", [("UNAVAILABLE", "ONLINE"), ("ONLINE", "UNAVAILABLE")])
def test_one_place_that_can_give_it_is_enough(words: tuple[str, str]) -> None:
    """An archive in front of two others names it twice."""

    def twice(number: int, context: int) -> bytes:
        named = [response(context, number, 0xFF00, identifier("1.2.3", word)) for word in words]
        return b"".join(named) + response(context, number, 0)

    with answering(twice) as peer, finding(peer.port) as finder:
        assert finder.find(STUDY, SERIES, {"1.2.3"}) == Holdings({"1.2.3": "ONLINE"}, 0, 0)


def test_answers_without_end_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    from dcmsend.association import image_finder

    monkeypatch.setattr(image_finder, "_MOST_FURTHER", 100)
    same = lambda number, context: response(context, number, 0xFF00, identifier("1.2.3")) * 102  # noqa: E731
    with answering(same) as peer, finding(peer.port) as finder, pytest.raises(RemoteProtocolError, match="without end"):
        finder.find(STUDY, SERIES, {"1.2.3"})


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part has its own time, so it is parts with nothing in them that could go on for ever."""
    monkeypatch.setattr("dcmsend.protocol.message_assembly.MOST_EMPTY_FRAGMENTS", 3)

    def empty(count: int) -> Callable[[int, int], bytes]:
        def answer(number: int, context: int) -> bytes:
            part = wire.pdu(wire.P_DATA, bytes((0, 0, 0, 2, context, 0)))
            announced = response(context, number, 0xFF00, identifier("1.2.3"))
            (length,) = struct.unpack_from(">L", announced, 2)
            return announced[: 6 + length] + part * count + announced[6 + length :] + response(context, number, 0)

        return answer

    answers = iter([empty(3), empty(4)])
    with answering(lambda number, context: next(answers)(number, context)) as peer, finding(peer.port) as finder:
        assert finder.find(STUDY, SERIES, {"1.2.3"}) == Holdings({"1.2.3": ""}, 0, 0)
        with pytest.raises(RemoteProtocolError, match="without end"):
            finder.find(STUDY, SERIES, {"1.2.3"})


def test_a_peer_that_takes_no_queries() -> None:
    with answering(found, result=3) as peer, finding(peer.port) as finder, pytest.raises(SopClassRefused):
        finder.find(STUDY, SERIES, {"1.2.3"})


def test_nobody_listens() -> None:
    port = free_port()
    with finding(port) as finder, pytest.raises(NegotiationFailed):
        finder.find(STUDY, SERIES, {"1.2.3"})


def test_silence_ends_with_the_time_out() -> None:
    options = TransferOptions(acse_timeout=20, dimse_timeout=1)
    with answering(lambda number, context: b"") as peer, finding(peer.port, options) as finder:
        with pytest.raises(TimedOut) as raised:
            finder.find(STUDY, SERIES, {"1.2.3"})
        assert raised.value.waited_for == "the answer to C-FIND"


def test_a_request_to_end_ends_the_wait() -> None:
    interrupt = Interrupt(drain_seconds=0)

    def ask_to_end(number: int, context: int) -> bytes:
        interrupt.request("a test")
        return b""

    with (
        answering(ask_to_end) as peer, finding(peer.port, interrupt=interrupt) as finder, pytest.raises(Cancelled)
    ):  # fmt: skip
        finder.find(STUDY, SERIES, {"1.2.3"})
