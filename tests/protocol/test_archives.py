"""Proof by the pure core alone, over real sockets: C-FIND, N-ACTION and reports with pynetdicom and with Orthanc."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.protocol import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
    STUDY_ROOT_FIND,
    AcceptanceTerms,
    AssociateRQ,
    AssociationAccepted,
    CCancelRQ,
    CEchoRQ,
    CEchoRSP,
    CFindRQ,
    CFindRSP,
    Command,
    CommandReceived,
    CommitmentReport,
    DataReceived,
    FailedReference,
    ImageMatch,
    ImageQuery,
    Message,
    MessageAssembly,
    NActionRQ,
    NActionRSP,
    NEventReportRQ,
    PDataTF,
    PresentationContext,
    PresentationDataValue,
    ReceivedReport,
    ReleaseConfirmed,
    ReleaseRQ,
    ReportAcceptor,
    SOPReference,
    UpperLayer,
    UserInformation,
    answer_to_report,
    decode_commitment_report,
    decode_image_match,
    encode_command,
    encode_commitment_request,
    encode_image_query,
)
from protocol.messages import CT, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from protocol.test_real_peers import Conversation
from support.archive import ArchiveInstance, CommitmentArchive, commitment_archive
from support.peers import orthanc
from support.run import run

SYNTAXES = pytest.mark.parametrize("syntax", [IMPLICIT_LITTLE, EXPLICIT_LITTLE], ids=["implicit", "explicit"])
TRANSACTION = "2.25.278392739482734"


class Listener:
    """Takes one association after the other, and keeps their reports, on a port of this machine."""

    def __init__(self, terms: AcceptanceTerms) -> None:
        self.terms = terms
        self.acceptors: list[ReportAcceptor] = []
        self.reports: list[ReceivedReport] = []
        self.arrived = threading.Semaphore(0)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection = self._socket.accept()[0]
            with connection:
                connection.settimeout(30)
                acceptor = ReportAcceptor(self.terms)
                self.acceptors.append(acceptor)
                while not acceptor.is_over:
                    try:
                        data = connection.recv(65536)
                    except ConnectionResetError:  # an archive may be killed
                        data = b""
                    if not data:
                        acceptor.receive_closed()
                        break
                    connection.sendall(acceptor.receive_data(data))
                    for report in acceptor.take_reports():
                        connection.sendall(acceptor.answer(report))
                        self.reports.append(report)
                        self.arrived.release()
            if not self.acceptors[-1].peer:
                return  # the connection that ends the listener

    def next_report(self) -> CommitmentReport:
        assert self.arrived.acquire(timeout=30), "no report"
        report = self.reports[-1]
        return decode_commitment_report(report.data_set, report.transfer_syntax)

    def close(self) -> None:
        socket.create_connection(self.address, 30).close()
        self._thread.join(30)
        self._socket.close()


@contextmanager
def listening(terms: AcceptanceTerms = AcceptanceTerms("DCMSEND")) -> Iterator[Listener]:  # noqa: B008
    listener = Listener(terms)
    yield listener
    listener.close()


class Asking(Conversation):
    """An association with an archive, as its requestor."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection, UpperLayer(16384))
        self.assembly = MessageAssembly()

    def ask(self, command: Command, data_set: bytes = b"") -> None:
        values = [PresentationDataValue(1, True, True, encode_command(command))]
        if data_set:
            values.append(PresentationDataValue(1, False, True, data_set))
        for value in values:
            self.say(self.layer.send(PDataTF((value,))))

    def hear_message(self) -> Message:
        while True:
            event = self.hear()
            assert isinstance(event, CommandReceived | DataReceived), event
            message = self.assembly.receive(event)
            if message is not None:
                return message


@contextmanager
def asking(port: int, sop_class: str, syntax: str, called: str = "ARCHIVE") -> Iterator[Asking]:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        talk = Asking(connection)
        context = PresentationContext(1, sop_class, (syntax,))
        talk.say(talk.layer.send(AssociateRQ(called, "DCMSEND", (context,), UserInformation())))
        answer = talk.hear()
        assert isinstance(answer, AssociationAccepted), answer
        assert talk.layer.accepted_contexts[1].transfer_syntax == syntax
        yield talk
        talk.say(talk.layer.send(ReleaseRQ()))
        assert talk.hear() == ReleaseConfirmed()


def find(talk: Asking, query: ImageQuery, syntax: str, message_id: int = 1) -> tuple[list[ImageMatch], int]:
    """The matches, and the final status."""
    talk.ask(CFindRQ(message_id, STUDY_ROOT_FIND), encode_image_query(query, syntax))
    matches: list[ImageMatch] = []
    while True:
        message = talk.hear_message()
        assert isinstance(message.command, CFindRSP)
        assert message.command.message_id_responded_to == message_id
        if not message.command.is_pending:
            assert message.data_set is None
            return matches, message.command.status
        assert message.data_set is not None
        matches.append(decode_image_match(message.data_set, syntax))


def request_commitment(talk: Asking, references: list[SOPReference], syntax: str) -> int:
    """The status of the N-ACTION-RSP."""
    request = NActionRQ(1, STORAGE_COMMITMENT_PUSH_MODEL, STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE)
    talk.ask(request, encode_commitment_request(TRANSACTION, references, syntax))
    response = talk.hear_message().command
    assert isinstance(response, NActionRSP), response
    assert response.message_id_responded_to == 1
    return response.status


def some(count: int, **values: str) -> dict[str, ArchiveInstance]:
    uids = [f"1.2.3.{number}" for number in range(count)]
    return {uid: ArchiveInstance(CT, uid, "1.2", "1.2.1", **values) for uid in uids}


@pytest.mark.peer("pynetdicom")
@SYNTAXES
def test_a_series_in_pynetdicom(syntax: str) -> None:
    archive = CommitmentArchive(instances=some(30, availability="ONLINE"))
    with commitment_archive(archive), asking(archive.port, STUDY_ROOT_FIND, syntax) as talk:
        matches, status = find(talk, ImageQuery("1.2", "1.2.1"), syntax)
        assert status == 0
        assert matches == [ImageMatch(uid, "ONLINE", "1.2", "1.2.1") for uid in archive.instances]
        assert find(talk, ImageQuery("1.2", "1.2.9"), syntax, 2) == ([], 0)
        matches, _ = find(talk, ImageQuery("1.2", "1.2.1", ("1.2.3.7", "9.9", "1.2.3.4")), syntax, 3)
        assert [match.sop_instance_uid for match in matches] == ["1.2.3.4", "1.2.3.7"]
    assert {query.QueryRetrieveLevel for query in archive.queries} == {"IMAGE"}


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_cannot() -> None:
    archive = CommitmentArchive(find_status=0xA700, instances=some(1))
    with commitment_archive(archive), asking(archive.port, STUDY_ROOT_FIND, IMPLICIT_LITTLE) as talk:
        matches, status = find(talk, ImageQuery("1.2", "1.2.1"), IMPLICIT_LITTLE)
        assert (len(matches), status) == (1, 0xA700)


@pytest.mark.peer("pynetdicom")
def test_a_query_is_cancelled() -> None:
    archive = CommitmentArchive(instances=some(20_000))
    with commitment_archive(archive), asking(archive.port, STUDY_ROOT_FIND, IMPLICIT_LITTLE) as talk:
        talk.ask(CFindRQ(5, STUDY_ROOT_FIND), encode_image_query(ImageQuery("1.2", "1.2.1"), IMPLICIT_LITTLE))
        talk.hear_message()
        talk.ask(CCancelRQ(5))
        count = 1
        while isinstance(command := talk.hear_message().command, CFindRSP) and command.is_pending:
            count += 1
        assert isinstance(command, CFindRSP)
        assert command.status == 0xFE00
        assert count < 20_000


@pytest.mark.peer("pynetdicom")
@SYNTAXES
def test_pynetdicom_reports_on_a_new_association(syntax: str) -> None:
    archive = CommitmentArchive(instances=some(3))
    with listening() as listener, commitment_archive(archive):
        archive.back = listener.address
        references = [SOPReference(CT, uid) for uid in archive.instances]
        with asking(archive.port, STORAGE_COMMITMENT_PUSH_MODEL, syntax) as talk:
            asked = [*references, SOPReference(CT, "9.9"), SOPReference("1.2.3", "1.2.3.0")]
            assert request_commitment(talk, asked, syntax) == 0
        assert listener.next_report() == CommitmentReport(
            TRANSACTION, tuple(references),
            (FailedReference(CT, "9.9", 0x0112), FailedReference("1.2.3", "1.2.3.0", 0x0119)), "ARCHIVE",
        )  # fmt: skip
        assert listener.reports[0].request.event_type_id == 2
    assert archive.answers == [0]
    assert archive.refusals == []
    (acceptor,) = listener.acceptors[:1]
    assert acceptor.error is None
    assert acceptor.peer is not None
    assert acceptor.peer.calling_ae_title == "ARCHIVE"


@pytest.mark.peer("pynetdicom")
def test_pynetdicom_reports_on_the_same_association() -> None:
    archive = CommitmentArchive(instances=some(2), how="same")
    with commitment_archive(archive), asking(archive.port, STORAGE_COMMITMENT_PUSH_MODEL, IMPLICIT_LITTLE) as talk:
        references = [SOPReference(CT, uid) for uid in archive.instances]
        assert request_commitment(talk, references, IMPLICIT_LITTLE) == 0
        message = talk.hear_message()
        assert isinstance(message.command, NEventReportRQ)
        assert message.data_set is not None
        report = decode_commitment_report(message.data_set, IMPLICIT_LITTLE)
        assert report == CommitmentReport(TRANSACTION, tuple(references), (), "ARCHIVE")
        talk.ask(answer_to_report(message.command))
    assert archive.answers == [0]


@pytest.mark.peer("pynetdicom")
def test_a_report_twice_and_one_of_thousands() -> None:
    archive = CommitmentArchive(instances=some(5000), times=2)
    with listening() as listener, commitment_archive(archive):
        archive.back = listener.address
        references = [SOPReference(CT, uid) for uid in archive.instances]
        with asking(archive.port, STORAGE_COMMITMENT_PUSH_MODEL, IMPLICIT_LITTLE) as talk:
            assert request_commitment(talk, references, IMPLICIT_LITTLE) == 0
        assert listener.next_report() == listener.next_report()
        assert len(listener.reports[0].data_set) > 16384, "in several PDUs"
    assert archive.answers == [0, 0]


@pytest.mark.peer("pynetdicom")
def test_an_archive_that_refuses_the_request() -> None:
    archive = CommitmentArchive(status=0x0213)
    with commitment_archive(archive), asking(archive.port, STORAGE_COMMITMENT_PUSH_MODEL, IMPLICIT_LITTLE) as talk:
        assert request_commitment(talk, [SOPReference(CT, "1.2")], IMPLICIT_LITTLE) == 0x0213


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize(
    "terms", [AcceptanceTerms("ANOTHER"), AcceptanceTerms("DCMSEND", frozenset({"ANOTHER"}))], ids=["called", "calling"]
)
def test_an_archive_that_we_do_not_want(terms: AcceptanceTerms) -> None:
    archive = CommitmentArchive(delay=0)
    with listening(terms) as listener, commitment_archive(archive):
        archive.back = listener.address
        with asking(archive.port, STORAGE_COMMITMENT_PUSH_MODEL, IMPLICIT_LITTLE) as talk:
            request_commitment(talk, [SOPReference(CT, "1.2")], IMPLICIT_LITTLE)
    assert archive.refusals == ["rejected"]
    assert listener.reports == []


@pytest.mark.peer("dcmtk")
def test_dcmtk_echoes_to_the_acceptor() -> None:
    from support.programs import dcmtk_program

    program = dcmtk_program("echoscu")
    assert program is not None
    with listening() as listener:
        port = listener.address[1]
        assert run(program, "--repeat", "3", "-aec", "DCMSEND", "127.0.0.1", port).exit_code == 0
        done = run(program, "-aec", "ANOTHER", "127.0.0.1", port)
        assert "Called AE Title Not Recognized" in done.stderr
    assert [acceptor.error for acceptor in listener.acceptors[:2]] == [None, None]


@pytest.mark.peer("dcmtk-dcmsend")
def test_dcmtk_learns_that_nothing_is_stored_here(data: Path) -> None:
    from support.programs import dcmtk_program

    program = dcmtk_program("dcmsend")
    assert program is not None
    with listening() as listener:
        file = data / "pydicom" / "CT_small.dcm"
        done = run(program, "-aec", "DCMSEND", "127.0.0.1", listener.address[1], file)
        assert "No Acceptable Presentation Contexts" in done.stderr
    assert [acceptor.error for acceptor in listener.acceptors[:1]] == [None]


def test_an_echo_of_our_own() -> None:
    with listening() as listener, asking(listener.address[1], "1.2.840.10008.1.1", IMPLICIT_LITTLE, "DCMSEND") as talk:
        talk.ask(CEchoRQ(9))
        assert talk.hear_message() == Message(1, CEchoRSP(9, 0))


@pytest.mark.peer("orthanc")
@pytest.mark.timeout(300)
def test_orthanc_is_asked_and_commits(tmp_path: Path, data: Path, dcmsend: str) -> None:
    import pydicom

    with listening() as listener:
        modality = {
            "AET": "DCMSEND", "Host": "127.0.0.1", "Port": listener.address[1], "AllowStorageCommitment": True,
        }  # fmt: skip
        settings = {"DicomModalities": {"dcmsend": modality}, "DicomAlwaysAllowFind": True}
        with orthanc(tmp_path, **settings) as peer:
            path = data / "pydicom" / "CT_small.dcm"
            assert run(dcmsend, "127.0.0.1", peer.port, path).exit_code == 0
            instance = pydicom.dcmread(path, stop_before_pixels=True)
            uid = str(instance.SOPInstanceUID)
            for syntax in (IMPLICIT_LITTLE, EXPLICIT_LITTLE):
                with asking(peer.port, STUDY_ROOT_FIND, syntax, "ORTHANC") as talk:
                    query = ImageQuery(str(instance.StudyInstanceUID), str(instance.SeriesInstanceUID))
                    match = ImageMatch(uid, "", query.study_instance_uid, query.series_instance_uid)
                    assert find(talk, query, syntax) == ([match], 0)
                with asking(peer.port, STORAGE_COMMITMENT_PUSH_MODEL, syntax, "ORTHANC") as talk:
                    references = [SOPReference(CT, uid), SOPReference(CT, "9.9")]
                    assert request_commitment(talk, references, syntax) == 0
                report = listener.next_report()
                assert report.transaction_uid == TRANSACTION
                assert report.committed == (SOPReference(CT, uid),)
                assert report.failed == (FailedReference(CT, "9.9", 0x0112),)
    acceptor = listener.acceptors[0]
    assert acceptor.error is None
    assert acceptor.peer is not None
    assert acceptor.peer.calling_ae_title == "ORTHANC"
    (role,) = acceptor.peer.user_information.role_selections
    assert (role.scu_role, role.scp_role) == (False, True)
