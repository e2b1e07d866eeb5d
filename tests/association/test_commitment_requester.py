"""Storage commitment over one association: real archives, and peers that behave badly."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.association import CommitmentRequester, Peer, commitment_requester
from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    Cancelled,
    ConnectionLost,
    DcmsendError,
    JournalError,
    LocalProtocolError,
    NegotiationFailed,
    RemoteProtocolError,
    SopClassRefused,
    TimedOut,
)
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import CommitmentAnswer, ProofState, TransferOptions, Verdict
from dcmsend.transport import TlsClient, TlsOptions
from support import wire
from support.archive import ArchiveInstance, CommitmentArchive, commitment_archive
from support.certificates import Certificates
from support.peers import orthanc
from support.ports import free_port
from support.tls_peers import server_context
from support.unpaused import leave_out_pauses

CT = "1.2.840.10008.5.1.4.1.1.2"
PUSH, PUSH_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
N_ACTION_RSP, N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP, C_STORE_RSP = 0x8130, 0x0100, 0x8100, 0x8001
EVENT_TYPE_ID = 0x1002
OPTIONS = TransferOptions(acse_timeout=20, dimse_timeout=20)
COMMITTED = Verdict(ProofState.COMMITTED)
UNKNOWN = Verdict(ProofState.DENIED, 0x0112)


class Asking:
    """A requester, the answers it has handed out, and the status that the archive gets for them."""

    def __init__(self, peer: Peer, options: TransferOptions, interrupt: Interrupt) -> None:
        self.answers: list[CommitmentAnswer] = []
        self.status = 0
        self.requester = CommitmentRequester(peer, options, interrupt, self._take)

    def _take(self, answer: CommitmentAnswer) -> int:
        self.answers.append(answer)
        return self.status

    def wait_for(self, count: int) -> None:
        """Take what arrives until there are ``count`` answers."""
        end = time.monotonic() + 30
        while len(self.answers) < count and time.monotonic() < end:
            self.requester.take_waiting()
            time.sleep(0.005)
        assert len(self.answers) == count

    def wait_until_ended(self) -> None:
        """Take what arrives until the association has ended."""
        end = time.monotonic() + 30
        while self.requester.is_open and time.monotonic() < end:
            self.requester.take_waiting()
            time.sleep(0.005)
        assert not self.requester.is_open


@contextmanager
def asking(
    port: int, options: TransferOptions = OPTIONS, interrupt: Interrupt | None = None, **values: object
) -> Iterator[Asking]:
    made = Asking(Peer("127.0.0.1", port, "ARCHIVE", **values), options, interrupt or Interrupt())  # type: ignore[arg-type]
    assert not made.requester.is_open
    yield made
    made.requester.close()
    made.requester.close()
    made.requester.abort()
    assert not made.requester.is_open


def stored(count: int) -> dict[str, ArchiveInstance]:
    return {uid: ArchiveInstance(CT, uid) for uid in (f"1.2.3.{number}" for number in range(count))}


def references(*uids: str) -> list[tuple[str, str]]:
    return [(CT, uid) for uid in uids]


def wait_for_length(gathered: Sequence[object], count: int) -> None:
    end = time.monotonic() + 30
    while len(gathered) < count and time.monotonic() < end:
        time.sleep(0.005)
    assert len(gathered) == count


# -- archives


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize("how", ["same", "same-then-new"])
@pytest.mark.parametrize("delay", [0.0, 0.2])
def test_reports_over_the_same_association(how: str, delay: float) -> None:
    """Without a delay the report may overtake the answer; this archive cannot have two reports under way."""
    archive = CommitmentArchive(how=how, delay=delay, instances=stored(3))
    with commitment_archive(archive):
        with asking(archive.port) as asked:
            for number in range(1, 5):
                assert asked.requester.request(f"2.25.{number}", references("1.2.3.1", "1.2.3.2", "9.9")) == 0
                asked.wait_for(number)
                wait_for_length(archive.answers, number)
        verdicts = {"1.2.3.1": COMMITTED, "1.2.3.2": COMMITTED, "9.9": UNKNOWN}
        assert asked.answers == [CommitmentAnswer(f"2.25.{number}", verdicts) for number in range(1, 5)]
    assert (archive.answers, archive.associations, archive.refusals) == ([0] * 4, 1, [])
    assert [request.TransactionUID for request in archive.requests] == [f"2.25.{number}" for number in range(1, 5)]


@pytest.mark.peer("pynetdicom")
def test_the_archive_gets_the_status_that_the_caller_returns() -> None:
    archive = CommitmentArchive(how="same", times=2, instances=stored(1))
    with commitment_archive(archive), asking(archive.port) as asked:
        asked.status = 0x0213
        assert asked.requester.request("2.25.7", references("1.2.3.0")) == 0
        asked.wait_for(2)
        wait_for_length(archive.answers, 2)
    assert archive.answers == [0x0213] * 2
    assert asked.answers == [CommitmentAnswer("2.25.7", {"1.2.3.0": COMMITTED})] * 2


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_does_not_take_the_request_now() -> None:
    archive = CommitmentArchive(how="same", status=0x0213, instances=stored(1))
    with commitment_archive(archive), asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references("1.2.3.0")) == 0x0213
        archive.status = 0
        assert asked.requester.request("2.25.2", references("1.2.3.0")) == 0
        asked.wait_for(1)
    assert archive.associations == 1


@pytest.mark.peer("pynetdicom")
def test_two_thousand_instances_in_a_request() -> None:
    archive = CommitmentArchive(how="same", instances=stored(2000))
    with commitment_archive(archive), asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references(*archive.instances)) == 0
        asked.wait_for(1)
    assert asked.answers[0].verdicts == dict.fromkeys(archive.instances, COMMITTED)


@pytest.mark.peer("pynetdicom")
def test_over_tls(certificates: Certificates) -> None:
    archive = CommitmentArchive(how="same", instances=stored(400))
    tls = TlsClient(TlsOptions(ca_files=(certificates.ca,)))
    context = server_context(certificates.server_key, certificates.server)
    with commitment_archive(archive, server_tls=context), asking(archive.port, tls=tls) as asked:
        assert asked.requester.request("2.25.1", references(*archive.instances)) == 0
        asked.wait_for(1)
        asked.requester.take_waiting()
    assert asked.answers == [CommitmentAnswer("2.25.1", dict.fromkeys(archive.instances, COMMITTED))]


@pytest.mark.peer("orthanc")
def test_orthanc_takes_a_request_and_reports_elsewhere(tmp_path: Path) -> None:
    nowhere = free_port()
    known = {"AET": "DCMSEND", "Host": "127.0.0.1", "Port": nowhere, "AllowStorageCommitment": True}
    with orthanc(tmp_path / "orthanc", DicomModalities={"dcmsend": known}) as server:
        with asking(server.port, calling_ae_title="DCMSEND") as asked:
            for number in range(1, 4):
                assert asked.requester.request(f"2.25.{number}", references("1.2.3.0")) == 0
            asked.requester.take_waiting()
            assert asked.requester.is_open
            assert asked.answers == []
        with asking(server.port, calling_ae_title="UNKNOWN") as asked:
            with pytest.raises(AssociationAborted):
                asked.requester.request("2.25.9", references("1.2.3.0"))
            assert not asked.requester.is_open


# -- peers that behave badly


def message(context_id: int, elements: dict[int, int | bytes], data_set: bytes | None = None) -> bytes:
    kind = wire.NO_DATA_SET if data_set is None else 1
    sent = wire.command_pdu(context_id, wire.encode_command({wire.DATA_SET_TYPE: kind, **elements}))
    return sent if data_set is None else sent + fragment(context_id, data_set, is_last=True)


def fragment(context_id: int, data: bytes, *, is_last: bool) -> bytes:
    return wire.pdu(wire.P_DATA, struct.pack(">IBB", len(data) + 2, context_id, 2 if is_last else 0) + data)


def answer(number: int, context_id: int = 1, *, status: int = 0, field: int = N_ACTION_RSP) -> bytes:
    elements: dict[int, int | bytes] = {
        wire.COMMAND_FIELD: field, wire.MESSAGE_ID_RESPONDED_TO: number, wire.STATUS: status,
    }  # fmt: skip
    return message(context_id, elements)


def report_data(transaction: str, uid: str = "1.2.3") -> bytes:
    """An Event Information in Explicit VR Little Endian that commits to one instance."""

    def element(tag: int, value: bytes) -> bytes:
        return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"UI", len(value)) + value

    item = element(0x00081150, wire.uid_value(CT)) + element(0x00081155, wire.uid_value(uid))
    sequence = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item
    head = struct.pack("<HH2sHI", 0x0008, 0x1199, b"SQ", 0, len(sequence))
    return element(0x00081195, wire.uid_value(transaction)) + head + sequence


def report(data_set: bytes | None, *, context_id: int = 1, number: int = 1, sop_class: bytes | None = None) -> bytes:
    elements: dict[int, int | bytes] = {
        wire.AFFECTED_SOP_CLASS_UID: wire.uid_value(PUSH) if sop_class is None else sop_class,
        wire.COMMAND_FIELD: N_EVENT_REPORT_RQ, wire.MESSAGE_ID: number,
        wire.AFFECTED_SOP_INSTANCE_UID: wire.uid_value(PUSH_INSTANCE), EVENT_TYPE_ID: 1,
    }  # fmt: skip
    return message(context_id, elements, data_set)


BEGUN = report(b"")[: -len(fragment(1, b"", is_last=True))]
"""The command of a report, without its data set."""

Answer = Callable[[int], bytes | None]


class RawArchive:
    """Accepts associations and sends for each N-ACTION-RQ what ``answer`` makes of its message id; None closes.

    Attributes:
        numbers: message ids of the requests.
        replies: command sets of the answers to reports.
        course: the PDU types that ended a connection: ``release``, ``confirmed``, ``abort``.
    """

    def __init__(self, answer: Answer, result: int = 0) -> None:
        self._answer = answer
        self._result = result
        self._connection: socket.socket | None = None
        self.associations = 0
        self.numbers: list[int] = []
        self.replies: list[dict[int, bytes]] = []
        self.course: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Send something without being asked."""
        assert self._connection is not None
        self._connection.sendall(data)

    def cut(self) -> None:
        """Shut down the connection."""
        assert self._connection is not None
        self._connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(30)
                self._connection = connection
                try:
                    self._converse(connection)
                except OSError:  # the other side has closed on purpose
                    self.course.append("reset")

    def _converse(self, connection: socket.socket) -> None:
        request = wire.receive_pdu(connection)
        assert request is not None
        asked = wire.parse_associate_request(request)
        results = [(context.id, self._result, context.transfer_syntaxes[0]) for context in asked.contexts]
        self.associations += 1
        connection.sendall(wire.associate_accept(asked, results, 16384))
        number = 0
        while (received := wire.receive_pdu(connection)) is not None:
            if received.type == wire.RELEASE_RQ:
                self.course.append("release")
                connection.sendall(wire.release_response())
            elif received.type == wire.RELEASE_RP:
                self.course.append("confirmed")
            elif received.type == wire.ABORT:
                self.course.append("abort")
                return
            else:
                for _, flags, value in wire.presentation_data_values(received.body):
                    if flags & 1:
                        command = wire.parse_command(value)
                        number = wire.number_of(command, wire.MESSAGE_ID) or 0
                        if wire.number_of(command, wire.COMMAND_FIELD) == N_EVENT_REPORT_RSP:
                            self.replies.append(command)
                    elif flags & 2:
                        self.numbers.append(number)
                        reply = self._answer(number)
                        if reply is None:
                            return
                        connection.sendall(reply)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def archive_that(*answers: Answer, result: int = 0) -> Iterator[RawArchive]:
    """A peer that uses one of ``answers`` for each request, the last for all further ones."""
    left = list(answers)
    peer = RawArchive(lambda number: (left.pop(0) if len(left) > 1 else left[0])(number), result)
    yield peer
    peer.close()


def statuses(archive: RawArchive) -> list[int | None]:
    return [wire.number_of(reply, wire.STATUS) for reply in archive.replies]


def test_the_report_on_this_very_transaction_overtakes_the_answer() -> None:
    first = lambda number: report(report_data("2.25.1"), number=77) + answer(number)  # noqa: E731
    with archive_that(first, answer) as archive:
        with asking(archive.port) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            assert asked.answers == [CommitmentAnswer("2.25.1", {"1.2.3": COMMITTED})]
            assert asked.requester.request("2.25.2", references("1.2.4")) == 0
        assert (archive.associations, archive.numbers, archive.course) == (1, [1, 2], ["release"])
        (reply,) = archive.replies
        assert (wire.number_of(reply, wire.MESSAGE_ID_RESPONDED_TO), wire.number_of(reply, wire.STATUS)) == (77, 0)
        assert wire.text_of(reply, wire.AFFECTED_SOP_CLASS_UID) == PUSH
        assert wire.text_of(reply, wire.AFFECTED_SOP_INSTANCE_UID) == PUSH_INSTANCE
        assert wire.number_of(reply, EVENT_TYPE_ID) == 1


def test_many_transactions_are_under_way() -> None:
    """Their reports come in any order, some while another answer is awaited."""

    def some_reports(number: int) -> bytes:
        before = b"".join(report(report_data(f"2.25.{other}"), number=other) for other in (8, 3, 9))
        return before + answer(number) + report(report_data("2.25.1"), number=1)

    with archive_that(*[answer] * 9, some_reports) as archive:
        with asking(archive.port) as asked:
            for number in range(1, 11):
                assert asked.requester.request(f"2.25.{number}", references("1.2.3")) == 0
            asked.wait_for(4)
            archive.send(b"".join(report(report_data(f"2.25.{other}"), number=other) for other in (10, 2)))
            asked.wait_for(6)
            wait_for_length(archive.replies, 6)
        assert [answer.transaction_uid for answer in asked.answers] == [f"2.25.{n}" for n in (8, 3, 9, 1, 10, 2)]
        responded = [wire.number_of(reply, wire.MESSAGE_ID_RESPONDED_TO) for reply in archive.replies]
        assert (responded, archive.numbers) == ([8, 3, 9, 1, 10, 2], list(range(1, 11)))
        assert archive.associations == 1


@pytest.mark.parametrize(
    "data_set",
    [None, b"", b"\x99" * 999, report_data("2.25.1")[:-5], report_data("")],
    ids=["none", "empty", "garbage", "cut", "no Transaction UID"],
)
def test_a_report_that_cannot_be_read_is_answered_and_told(
    data_set: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    with archive_that(lambda number: report(data_set) + report(report_data("2.25.1")) + answer(number)) as archive:
        with asking(archive.port) as asked, caplog.at_level(logging.WARNING, "dcmsend"):
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        assert asked.answers == [CommitmentAnswer("2.25.1", {"1.2.3": COMMITTED})]
        assert statuses(archive) == [0x0110, 0]
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("dcmsend")]
    assert line.startswith("A report of the archive on storage commitment cannot be read: ")


def test_what_the_peer_writes_is_shown_as_text(caplog: pytest.LogCaptureFixture) -> None:
    strange = "2.25.\x1b[31m" + "1" * 9_000
    with archive_that(lambda number: report(report_data(strange)) + answer(number)) as archive:
        with asking(archive.port) as asked, caplog.at_level(logging.DEBUG, "dcmsend"):
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        assert [each.transaction_uid for each in asked.answers] == [strange]
    assert "2.25.\\x1b[31m1" in caplog.text
    assert "\x1b" not in caplog.text
    assert max(map(len, caplog.messages)) < 2000


@pytest.mark.parametrize("sop_class", [b"\xe4\x00" * 30, b"1." * 100], ids=["no text", "long"])
def test_a_report_with_a_strange_class(sop_class: bytes) -> None:
    with archive_that(
        lambda number: report(report_data("2.25.1"), sop_class=sop_class) + answer(number)
    ) as archive:  # fmt: skip
        with asking(archive.port) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        assert len(asked.answers) == 1
        assert statuses(archive) == [0]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (lambda number: answer(number + 1), RemoteProtocolError),
        (lambda number: answer(number, field=C_STORE_RSP), RemoteProtocolError),
        (lambda number: answer(number, 99), RemoteProtocolError),
        (lambda number: report(report_data("2.25.1"), context_id=3), RemoteProtocolError),
        (lambda number: report(report_data("2.25.1"), sop_class=b""), RemoteProtocolError),
        (lambda number: fragment(1, bytes(16), is_last=True), RemoteProtocolError),
        (lambda number: report(report_data("2.25.1")) * 1001 + answer(number), RemoteProtocolError),
        (lambda number: b"\x99" * 20, RemoteProtocolError),
        (lambda number: wire.release_response(), RemoteProtocolError),
        (lambda number: wire.release_request(), AssociationReleased),
        (lambda number: wire.abort(0, 0), AssociationAborted),
        (lambda number: wire.abort(2, 6), AssociationAborted),
        (lambda number: None, ConnectionLost),
        (lambda number: answer(number)[:-4], TimedOut),
    ],
    ids=[
        "another message id", "another command", "another context", "report over another context",
        "report without a class", "data alone",
        "reports without end", "no PDU", "release confirmed", "release", "abort", "abort by the provider", "close",
        "half an answer",
    ],
)  # fmt: skip
def test_a_bad_answer_costs_that_request_only(
    bad: Answer, error: type[DcmsendError], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_out_pauses(monkeypatch, longest=0.5)
    options = TransferOptions(acse_timeout=20, dimse_timeout=1) if error is TimedOut else OPTIONS
    with archive_that(answer, bad, answer) as archive:
        with asking(archive.port, options) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            with pytest.raises(error):
                asked.requester.request("2.25.2", references("1.2.3"))
            assert not asked.requester.is_open
            asked.requester.take_waiting()
            assert asked.requester.request("2.25.3", references("1.2.3")) == 0
        assert archive.associations == 2
        assert archive.numbers == [1, 2, 3]
        assert len(asked.answers) <= 1001


def test_a_data_set_without_end_is_not_gathered() -> None:
    part = fragment(1, bytes(16000), is_last=False)
    with (
        archive_that(lambda number: BEGUN + part * 1100) as archive, asking(archive.port) as asked,
        pytest.raises(RemoteProtocolError, match="longer than 16777216 bytes"),
    ):  # fmt: skip
        asked.requester.request("2.25.1", references("1.2.3"))


def test_a_peer_that_takes_no_requests() -> None:
    with archive_that(answer, result=3) as archive, asking(archive.port) as asked:
        with pytest.raises(SopClassRefused):
            asked.requester.open()
        with pytest.raises(SopClassRefused):
            asked.requester.request("2.25.1", references("1.2.3"))
        assert not asked.requester.is_open


def test_nobody_listens() -> None:
    port = free_port()
    with asking(port) as asked, pytest.raises(NegotiationFailed):
        asked.requester.open()


def test_nothing_is_asked_for() -> None:
    with archive_that(answer) as archive:
        with asking(archive.port) as asked:
            with pytest.raises(LocalProtocolError):
                asked.requester.request("2.25.1", [])
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        assert archive.associations == 1


def test_silence_ends_with_the_time_out() -> None:
    options = TransferOptions(acse_timeout=20, dimse_timeout=1)
    with archive_that(lambda number: b"") as archive, asking(archive.port, options) as asked:
        with pytest.raises(TimedOut) as raised:
            asked.requester.request("2.25.1", references("1.2.3"))
        assert raised.value.waited_for == "the answer to N-ACTION"


@pytest.mark.parametrize("flood", [b"", fragment(1, b"more", is_last=False)], ids=["silence", "fragments"])
def test_a_request_to_end_ends_the_wait(flood: bytes) -> None:
    interrupt = Interrupt(drain_seconds=0)

    def ask_to_end(number: int) -> bytes:
        interrupt.request("a test")
        return BEGUN + flood * 200_000

    with archive_that(ask_to_end) as archive, asking(archive.port, interrupt=interrupt) as asked:
        with pytest.raises(Cancelled):
            asked.requester.request("2.25.1", references("1.2.3"))
        assert not asked.requester.is_open


# -- between requests


def test_nothing_is_waited_for_without_an_association() -> None:
    with asking(1) as asked:
        asked.requester.take_waiting()
        assert not asked.requester.is_open


def test_a_report_in_pieces_between_requests() -> None:
    whole = report(report_data("2.25.1"))
    with archive_that(answer) as archive:
        with asking(archive.port) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            for piece in (whole[:9], whole[9:-9]):
                archive.send(piece)
                for _ in range(20):
                    asked.requester.take_waiting()
                    time.sleep(0.001)
            assert asked.answers == []
            archive.send(whole[-9:])
            asked.wait_for(1)
            archive.send(whole[:-9])
            asked.requester.take_waiting()
            archive.send(whole[-9:])
            assert asked.requester.request("2.25.2", references("1.2.3")) == 0  # half of it was taken before
            asked.wait_for(2)
        assert statuses(archive) == [0, 0]
        assert archive.course == ["release"]


def test_the_peer_releases_after_its_report(caplog: pytest.LogCaptureFixture) -> None:
    """What was sent before the release is taken, though it can no longer be answered; the end is no error."""
    with archive_that(answer) as archive:
        with asking(archive.port) as asked, caplog.at_level(logging.INFO, "dcmsend"):
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            archive.send(report(report_data("2.25.1")) + report(report_data("2.25.2")) + wire.release_request())
            asked.wait_until_ended()
            assert [answer.transaction_uid for answer in asked.answers] == ["2.25.1", "2.25.2"]
            asked.requester.take_waiting()
            assert asked.requester.request("2.25.3", references("1.2.3")) == 0
        assert archive.course == ["confirmed", "release"]
        assert archive.associations == 2
    ours = [record for record in caplog.records if record.name.startswith("dcmsend")]
    assert [record.levelname for record in ours if record.levelno > logging.INFO] == []
    assert caplog.messages.count("Requesting Storage Commitment") == 1


def test_a_request_notices_that_the_peer_has_released() -> None:
    with archive_that(answer) as archive:
        with asking(archive.port) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            archive.send(wire.release_request())
            end = time.monotonic() + 30
            exchange = asked.requester._exchange
            while not exchange._association.has_news() and time.monotonic() < end:  # type: ignore[union-attr]
                time.sleep(0.005)
            assert asked.requester.request("2.25.2", references("1.2.3")) == 0
        assert archive.course == ["confirmed", "release"]


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (wire.abort(0, 0), AssociationAborted),
        (answer(1), RemoteProtocolError),
        (answer(1, field=C_STORE_RSP), RemoteProtocolError),
        (report(report_data("2.25.1"), context_id=3), RemoteProtocolError),
        (None, ConnectionLost),
    ],
    ids=["abort", "an answer", "another command", "another context", "close"],
)
def test_reports_before_a_bad_end_are_taken(last: bytes | None, error: type[DcmsendError]) -> None:
    reports = report(report_data("2.25.1")) + report(report_data("2.25.2"))
    with archive_that(answer, lambda number: None) as archive, asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        archive.send(reports + (last or b""))
        if last is None:
            archive.cut()
        with pytest.raises(error):
            asked.wait_until_ended()
        assert [answer.transaction_uid for answer in asked.answers] == ["2.25.1", "2.25.2"]
        assert not asked.requester.is_open


@pytest.mark.parametrize("length", [20, 80_000])
def test_a_report_before_what_is_no_pdu_is_taken(length: int) -> None:
    with archive_that(answer) as archive, asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        archive.send(report(report_data("2.25.1")) + b"\x99" * length)
        with pytest.raises(RemoteProtocolError):
            asked.wait_until_ended()
        assert [answer.transaction_uid for answer in asked.answers] == ["2.25.1"]
        assert not asked.requester.is_open


def test_half_a_report_before_what_is_no_pdu() -> None:
    with archive_that(answer) as archive, asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        archive.send(BEGUN + b"\x99" * 20)
        with pytest.raises(RemoteProtocolError):
            asked.wait_until_ended()


def test_half_a_report_is_forgotten_with_its_association() -> None:
    with archive_that(answer) as archive, asking(archive.port) as asked:
        assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        archive.send(BEGUN + fragment(1, report_data("2.25.1")[:9], is_last=False))
        archive.cut()
        with pytest.raises(ConnectionLost):
            asked.wait_until_ended()
        assert asked.requester.request("2.25.1", references("1.2.3")) == 0
        archive.send(report(report_data("2.25.2")))
        asked.wait_for(1)


def test_what_the_caller_raises_passes_through() -> None:
    def fail(answer: CommitmentAnswer) -> int:
        raise JournalError("J", "disk full")

    overtaking = lambda number: report(report_data("2.25.1")) + answer(number)  # noqa: E731
    with archive_that(overtaking) as archive:
        requester = CommitmentRequester(Peer("127.0.0.1", archive.port, "ARCHIVE"), OPTIONS, Interrupt(), fail)
        with pytest.raises(JournalError, match="disk full"):
            requester.request("2.25.1", references("1.2.3"))
        assert not requester.is_open
        requester.close()
    assert (archive.replies, archive.course) == ([], ["abort"])


def test_more_reports_than_one_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commitment_requester, "_MOST_REPORTS", 10)
    with archive_that(answer) as archive:
        with asking(archive.port) as asked:
            assert asked.requester.request("2.25.1", references("1.2.3")) == 0
            archive.send(report(report_data("2.25.1")) * 25)
            while len(asked.answers) < 25:
                before = len(asked.answers)
                asked.requester.take_waiting()
                assert len(asked.answers) <= before + 10
            wait_for_length(archive.replies, 25)
        assert statuses(archive) == [0] * 25
