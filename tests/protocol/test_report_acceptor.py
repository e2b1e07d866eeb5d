"""An archive opens an association and reports: every turn that the conversation may take, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.protocol import (
    BUSY,
    Abort,
    AcceptanceTerms,
    AssociateRJ,
    AssociateRQ,
    AssociationAccepted,
    AssociationRefused,
    CEchoRQ,
    CEchoRSP,
    Command,
    CommandReceived,
    CStoreRQ,
    NActionRQ,
    NEventReportRQ,
    NEventReportRSP,
    PDataTF,
    PeerAborted,
    PresentationContext,
    PresentationDataValue,
    ReceivedReport,
    ReleaseConfirmed,
    ReleaseRQ,
    ReportAcceptor,
    RoleSelection,
    UpperLayer,
    UserInformation,
    encode_command,
    encode_pdu,
)
from protocol.messages import CT, EXPLICIT_LITTLE, IMPLICIT_LITTLE, PUSH, PUSH_INSTANCE

ECHO, REPORTING = 1, 3
REQUEST = AssociateRQ(
    "DCMSEND",
    "ARCHIVE",
    (
        PresentationContext(ECHO, "1.2.840.10008.1.1", (IMPLICIT_LITTLE,)),
        PresentationContext(REPORTING, PUSH, (EXPLICIT_LITTLE,)),
        PresentationContext(5, CT, (IMPLICIT_LITTLE,)),
    ),
    UserInformation(128, role_selections=(RoleSelection(PUSH, False, True),)),
)
REPORT = NEventReportRQ(7, PUSH, PUSH_INSTANCE, 2)
RELEASE = encode_pdu(ReleaseRQ())


def message(context_id: int, command: Command, *fragments: bytes) -> bytes:
    """A message in PDUs, one fragment each."""
    values = [PresentationDataValue(context_id, True, True, encode_command(command))]
    for number, fragment in enumerate(fragments, 1):
        values.append(PresentationDataValue(context_id, False, number == len(fragments), fragment))
    return b"".join(encode_pdu(PDataTF((value,))) for value in values)


class Archive:
    """The requestor of the association, on our own UpperLayer."""

    def __init__(self, terms: AcceptanceTerms = AcceptanceTerms("DCMSEND")) -> None:  # noqa: B008
        self.layer = UpperLayer(128)
        self.acceptor = ReportAcceptor(terms)

    def hear(self, reply: bytes) -> list[object]:
        return list(self.layer.receive_data(reply)) if reply else []

    def say(self, data: bytes) -> list[object]:
        return self.hear(self.acceptor.receive_data(data))

    def associate(self) -> Archive:
        (answer,) = self.say(self.layer.send(REQUEST))
        assert isinstance(answer, AssociationAccepted)
        assert sorted(self.layer.accepted_contexts) == [ECHO, REPORTING]
        assert self.acceptor.is_associated
        assert self.acceptor.peer == REQUEST
        return self

    def release(self) -> list[object]:
        return self.say(self.layer.send(ReleaseRQ()))


def test_a_report_from_beginning_to_end() -> None:
    archive = Archive().associate()
    assert archive.say(message(REPORTING, REPORT, b"abc", b"", b"de")) == []
    (report,) = archive.acceptor.take_reports()
    assert report == ReceivedReport(REPORTING, REPORT, b"abcde", EXPLICIT_LITTLE)
    assert archive.acceptor.take_reports() == []
    answer = NEventReportRSP(7, 0x0110, PUSH, PUSH_INSTANCE, 2)
    assert archive.hear(archive.acceptor.answer(report, 0x0110)) == [CommandReceived(REPORTING, answer)]
    assert archive.release() == [ReleaseConfirmed()]
    assert archive.acceptor.is_over
    assert archive.acceptor.error is None


def test_c_echo_is_answered() -> None:
    archive = Archive().associate()
    assert archive.say(message(ECHO, CEchoRQ(9))) == [CommandReceived(ECHO, CEchoRSP(9, 0))]


def test_a_peer_that_does_not_wait_for_our_answers() -> None:
    """All in one piece, and the release behind it: the answers come first, then the end."""
    archive = Archive().associate()
    first, second = REPORT, NEventReportRQ(8, PUSH, PUSH_INSTANCE, 1)
    sent = message(REPORTING, first, b"a") + message(ECHO, CEchoRQ(9)) + message(REPORTING, second, b"b")
    assert archive.say(sent + archive.layer.send(ReleaseRQ())) == [CommandReceived(ECHO, CEchoRSP(9, 0))]
    reports = archive.acceptor.take_reports()
    assert [report.data_set for report in reports] == [b"a", b"b"]
    assert archive.acceptor.is_associated
    heard = archive.hear(archive.acceptor.answer(reports[0]))
    assert heard == [CommandReceived(REPORTING, NEventReportRSP(7, 0, PUSH, PUSH_INSTANCE, 2))]
    heard = archive.hear(archive.acceptor.answer(reports[1]))
    assert heard == [CommandReceived(REPORTING, NEventReportRSP(8, 0, PUSH, PUSH_INSTANCE, 1)), ReleaseConfirmed()]
    assert archive.acceptor.is_over


def test_a_report_counts_although_the_peer_aborts_behind_it() -> None:
    archive = Archive().associate()
    assert archive.say(message(REPORTING, REPORT, b"abc") + encode_pdu(Abort())) == []
    (report,) = archive.acceptor.take_reports()
    assert archive.acceptor.is_over
    assert archive.acceptor.answer(report) == b""


def test_a_report_counts_although_the_peer_breaks_the_protocol_behind_it() -> None:
    archive = Archive().associate()
    (heard,) = archive.say(message(REPORTING, REPORT, b"abc") + b"\x99 garbage")
    assert isinstance(heard, PeerAborted)
    (report,) = archive.acceptor.take_reports()
    assert archive.acceptor.answer(report) == b""
    assert "Unrecognized PDU type" in str(archive.acceptor.error)


def test_a_report_without_a_data_set() -> None:
    archive = Archive().associate()
    archive.say(message(REPORTING, NEventReportRQ(7, PUSH, PUSH_INSTANCE, 1, has_data_set=False)))
    assert [report.data_set for report in archive.acceptor.take_reports()] == [b""]


def test_who_calls_another_is_rejected() -> None:
    archive = Archive(AcceptanceTerms("ANOTHER"))
    assert archive.say(archive.layer.send(REQUEST)) == [AssociationRefused(AssociateRJ(1, 1, 7))]
    assert archive.acceptor.is_over
    assert not archive.acceptor.is_associated


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (message(REPORTING, NActionRQ(1, PUSH, PUSH_INSTANCE), b"a"), "NActionRQ where only"),
        (message(REPORTING, CEchoRQ(1)), "CEchoRQ where only"),
        (message(ECHO, REPORT, b"a"), "NEventReportRQ where only"),
        (message(ECHO, CStoreRQ(1, CT, "1.2"), b"a"), "CStoreRQ where only"),
        (message(5, CStoreRQ(1, CT, "1.2"), b"a"), "presentation context 5 was not accepted"),
        (message(9, REPORT, b"a"), "presentation context 9 was not accepted"),
        (message(REPORTING, CEchoRSP(1, 0)), "CEchoRSP where only"),
        (encode_pdu(PDataTF((PresentationDataValue(3, True, True, b"ab"),))), "CommandParseError where only"),
        (encode_pdu(PDataTF((PresentationDataValue(3, False, True, b"ab"),))), "a data set without a command"),
        (9 * message(REPORTING, REPORT, b"a"), "too many reports at once"),
        (b"GET / HTTP/1.1\r\n\r\n", "Unrecognized PDU type"),
        (encode_pdu(REQUEST), "Unexpected PDU type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_everything_else_is_aborted(sent: bytes, words: str) -> None:
    archive = Archive().associate()
    (heard,) = archive.say(sent)
    assert isinstance(heard, PeerAborted)
    assert words in str(archive.acceptor.error)
    assert archive.acceptor.is_over
    assert archive.acceptor.receive_data(message(REPORTING, REPORT, b"a")) == b""
    assert archive.acceptor.abort() == b""


def test_16_mib_is_the_end_of_a_report() -> None:
    archive = Archive(AcceptanceTerms("DCMSEND", max_pdu_length=0)).associate()
    piece = encode_pdu(PDataTF((PresentationDataValue(REPORTING, False, False, bytes(1 << 20)),)))
    archive.say(message(REPORTING, REPORT))
    for _ in range(16):
        assert archive.say(piece) == []
    assert [type(heard) for heard in archive.say(piece)] == [PeerAborted]
    assert "longer than 16777216 bytes" in str(archive.acceptor.error)


def test_bytes_that_are_no_request() -> None:
    acceptor = ReportAcceptor(AcceptanceTerms("DCMSEND"))
    assert acceptor.abort() == b"", "nothing may be sent before a request"
    assert acceptor.receive_data(b"GET / HTTP/1.1\r\n\r\n") == encode_pdu(Abort(2, 1))
    assert acceptor.is_over
    assert acceptor.peer is None


def test_we_end_it_ourselves_or_the_connection_does() -> None:
    archive = Archive().associate()
    assert archive.hear(archive.acceptor.abort()) == [PeerAborted(Abort())]
    archive = Archive().associate()
    archive.acceptor.receive_closed()
    assert archive.acceptor.is_over
    assert archive.acceptor.error is None


def test_too_many_associations() -> None:
    archive = Archive()
    archive.acceptor.is_busy = True
    assert archive.say(archive.layer.send(REQUEST)) == [AssociationRefused(BUSY)]
    assert archive.acceptor.peer == REQUEST
    assert archive.acceptor.is_over


def test_who_closes_the_connection() -> None:
    for is_ours, ending in ((True, RELEASE), (True, b"\x99\0\0\0\0\0"), (False, encode_pdu(Abort()))):
        archive = Archive().associate()
        assert not archive.acceptor.peer_closes
        archive.acceptor.receive_data(ending)
        assert archive.acceptor.is_over
        assert archive.acceptor.peer_closes == is_ours


def test_a_request_with_more_behind_it() -> None:
    """Data before our answer is a breach; an abort is the end; neither is answered with an acceptance."""
    acceptor = ReportAcceptor(AcceptanceTerms("DCMSEND"))
    assert acceptor.receive_data(encode_pdu(REQUEST) + message(ECHO, CEchoRQ(1))) == encode_pdu(Abort(2, 2))
    acceptor = ReportAcceptor(AcceptanceTerms("DCMSEND"))
    assert acceptor.receive_data(encode_pdu(REQUEST) + encode_pdu(Abort())) == b""
    assert acceptor.is_over


PIECES = (
    message(REPORTING, REPORT, b"ab", b"c"), message(ECHO, CEchoRQ(9)), message(REPORTING, REPORT), RELEASE,
    encode_pdu(Abort()), encode_pdu(REQUEST), message(9, CEchoRQ(9)), b"\x04\0\0\0\0\0", b"\0",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.booleans(), st.integers(1, 70), st.data())
def test_any_stream_ends_well_however_it_is_cut(
    pieces: list[bytes], is_opened: bool, step: int, choice: st.DataObject
) -> None:
    stream = bytearray((encode_pdu(REQUEST) if is_opened else b"") + b"".join(pieces))
    if stream and choice.draw(st.booleans()):
        stream[choice.draw(st.integers(0, len(stream) - 1))] = choice.draw(st.integers(0, 255))
    whole, cut = ReportAcceptor(AcceptanceTerms("DCMSEND")), ReportAcceptor(AcceptanceTerms("DCMSEND"))
    whole.receive_data(bytes(stream))
    for start in range(0, len(stream), step):
        cut.receive_data(bytes(stream[start : start + step]))
    reports = whole.take_reports()
    assert all(isinstance(report.request, NEventReportRQ) for report in reports)
    if is_opened and whole.is_associated:
        assert cut.take_reports() == reports
    for report in reports:
        whole.answer(report)
    whole.abort()
    whole.receive_closed()
    assert whole.is_over
