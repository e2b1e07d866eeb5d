"""The port on which archives report: real archives, and peers that mean ill."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from association.report_peers import (
    ECHO,
    LONG,
    REPORTING,
    TERMS,
    Caller,
    Taken,
    listening,
    message,
    report,
    request,
    warnings_of_ours,
)
from dcmsend.association import ReportLimits, ReportListener
from dcmsend.errors import CannotListen
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import (
    Abort,
    AcceptanceTerms,
    AssociateRJ,
    AssociationAccepted,
    AssociationRefused,
    CEchoRQ,
    CEchoRSP,
    CStoreRQ,
    NActionRQ,
    NEventReportRQ,
    NEventReportRSP,
    PDataTF,
    PresentationContext,
    PresentationDataValue,
    ReleaseConfirmed,
    ReleaseRQ,
    SOPReference,
    encode_command,
    encode_pdu,
)
from dcmsend.transfer import CommitmentAnswer, ProofState, Verdict
from protocol.messages import CT, IMPLICIT_LITTLE, PUSH, PUSH_INSTANCE
from protocol.test_archives import TRANSACTION, asking, request_commitment, some
from support.archive import CommitmentArchive, commitment_archive
from support.processes import wait_until
from support.programs import dcmtk_program
from support.run import run

REPORT = NEventReportRQ(7, PUSH, PUSH_INSTANCE, 1)


def accepts_callers(port: int) -> bool:
    """Whether anybody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), LONG).close()
    except (ConnectionRefusedError, ConnectionResetError):  # Linux resets who calls while the port is being closed
        return False
    return True


def ask_for_commitment(archive: CommitmentArchive, *further: str) -> None:
    """N-ACTION for what the archive has, and for ``further`` instances."""
    with asking(archive.port, PUSH, IMPLICIT_LITTLE) as talk:
        references = [SOPReference(CT, uid) for uid in (*archive.instances, *further)]
        assert request_commitment(talk, references, IMPLICIT_LITTLE) == 0


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize("role", [True, False], ids=["with role", "without role"])
def test_an_archive_reports(role: bool) -> None:
    archive, taken = CommitmentArchive(instances=some(3), role=role), Taken()
    with listening(taken) as listener, commitment_archive(archive):
        archive.back = ("127.0.0.1", listener.port)
        ask_for_commitment(archive, "9.9")
        verdicts = dict.fromkeys(archive.instances, Verdict(ProofState.COMMITTED))
        verdicts["9.9"] = Verdict(ProofState.DENIED, 0x0112)
        assert taken.next() == CommitmentAnswer(TRANSACTION, verdicts, "ARCHIVE", "127.0.0.1")
    assert archive.answers == [0]


@pytest.mark.peer("pynetdicom")
def test_a_long_report_that_comes_twice_and_is_refused() -> None:
    archive, taken = CommitmentArchive(instances=some(3000), times=2), Taken(status=0x0213)
    with listening(taken) as listener, commitment_archive(archive):
        archive.back = ("127.0.0.1", listener.port)
        ask_for_commitment(archive)
        first = taken.next()
        assert len(first.verdicts) == 3000
        assert taken.next() == first
    assert archive.answers == [0x0213, 0x0213]


@pytest.mark.peer("pynetdicom")
@pytest.mark.parametrize(
    "terms", [AcceptanceTerms("ANOTHER"), AcceptanceTerms("DCMSEND", frozenset({"ANOTHER"}))], ids=["called", "calling"]
)
def test_an_archive_that_is_not_wanted(terms: AcceptanceTerms) -> None:
    archive, taken = CommitmentArchive(instances=some(1), delay=0), Taken()
    with listening(taken, terms) as listener, commitment_archive(archive):
        archive.back = ("127.0.0.1", listener.port)
        ask_for_commitment(archive)
    assert archive.refusals == ["rejected"]
    assert taken.answers.empty()


@pytest.mark.peer("dcmtk")
def test_dcmtk_echoes() -> None:
    program = dcmtk_program("echoscu")
    assert program is not None
    with listening() as listener:
        assert run(program, "--repeat", "3", "-aec", "DCMSEND", "127.0.0.1", listener.port).exit_code == 0
        done = run(program, "-aec", "ANOTHER", "127.0.0.1", listener.port)
        assert "Called AE Title Not Recognized" in done.stderr
        assert run(program, "--abort", "-aec", "DCMSEND", "127.0.0.1", listener.port).exit_code == 0


@pytest.mark.peer("dcmtk-dcmsend")
def test_nothing_can_be_stored_here(data: Path) -> None:
    program = dcmtk_program("dcmsend")
    assert program is not None
    with listening() as listener:
        done = run(program, "-aec", "DCMSEND", "127.0.0.1", listener.port, data / "pydicom" / "CT_small.dcm")
        assert "No Acceptable Presentation Contexts" in done.stderr


def test_storage_is_refused_beside_what_is_accepted() -> None:
    with listening() as listener, Caller(listener.port) as caller:
        answer = caller.ask(request("DCMSEND", "ARCHIVE", PresentationContext(5, CT, (IMPLICIT_LITTLE,))))
        assert isinstance(answer, AssociationAccepted)
        assert sorted(caller.layer.accepted_contexts) == [ECHO, REPORTING]
        caller.say(message(REPORTING, CStoreRQ(1, CT, "1.2.3"), b"ab"))
        caller.hear_abort()


def test_a_request_for_commitment_is_not_ours_to_answer() -> None:
    with listening() as listener, Caller(listener.port) as caller:
        caller.ask()
        caller.say(message(REPORTING, NActionRQ(1, PUSH, PUSH_INSTANCE, 1), b"ab"))
        caller.hear_abort()


def test_a_report_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    taken = Taken()
    with listening(taken) as listener, Caller(listener.port) as caller:
        caller.ask(request("DCMSEND", "AR\nCHIVE\x1b[2J"))
        for data in (b"", b"\x08\x00", bytes(100)):
            caller.say(message(REPORTING, REPORT, data))
            assert caller.hear_command() == NEventReportRSP(7, 0x0110, PUSH, PUSH_INSTANCE, 1)
        caller.say(report("1.2.3") + caller.layer.send(ReleaseRQ()))
        assert caller.hear_command() == NEventReportRSP(7, 0, PUSH, PUSH_INSTANCE, 1)
        assert caller.hear() == ReleaseConfirmed()
    assert taken.next().transaction_uid == "1.2.3"
    warnings = warnings_of_ours(caplog)
    assert len([text for text in warnings if "cannot be read" in text]) == 3
    assert all(text.isprintable() and "'AR\\nCHIVE\\x1b[2J' at 127.0.0.1" in text for text in warnings)


def test_reports_of_others_are_taken_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    taken = Taken()
    with listening(taken) as listener:
        for title in ("ARCHIVE", "ROUTER", "ROUTER", " ARCHIVE"):
            with Caller(listener.port) as caller:
                caller.ask(request(calling=title))
                caller.say(report("1.2.3"))
                caller.hear_command()
                assert taken.next().calling_ae_title.strip() == title.strip()
    (warning,) = warnings_of_ours(caplog)
    assert "'ROUTER' at 127.0.0.1" in warning
    assert "archives report from others" in warning


def test_warnings_have_an_end(caplog: pytest.LogCaptureFixture) -> None:
    with listening() as listener, Caller(listener.port) as caller:
        caller.ask()
        for _ in range(103):
            caller.say(message(REPORTING, REPORT, b"\x08\x00"))
            caller.hear_command()
    assert len(warnings_of_ours(caplog)) == 100
    caplog.clear()
    with listening() as listener:
        for number in range(103):
            with Caller(listener.port) as caller:
                caller.ask(request(calling=f"ROUTER{number}"))
                caller.say(report("1.2.3"))
                caller.hear_command()
    assert len(warnings_of_ours(caplog)) == 100


def test_what_fails_in_the_run_is_kept_and_told_to_the_archive() -> None:
    calls = []

    def take(answer: CommitmentAnswer) -> int:
        calls.append(answer)
        raise OSError("the journal is full")

    listener = ReportListener(TERMS, take, 0, address="127.0.0.1")
    listener.start()
    try:
        with Caller(listener.port) as caller:
            caller.ask()
            for _ in range(2):
                caller.say(report("1.2.3"))
                assert caller.hear_command() == NEventReportRSP(7, 0x0110, PUSH, PUSH_INSTANCE, 1)
            assert str(listener.error) == "the journal is full"
    finally:
        listener.close()
    assert len(calls) == 1
    assert str(listener.error) == "the journal is full"


def test_a_report_counts_though_its_archive_has_left() -> None:
    taken = Taken()
    with listening(taken) as listener:
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(report("1.2.3") + encode_pdu(Abort()))
        assert taken.next().transaction_uid == "1.2.3"
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(report("1.2.4"))
        assert taken.next().transaction_uid == "1.2.4"


def test_a_peer_that_has_aborted_is_not_waited_for() -> None:
    with listening(limits=ReportLimits(ending_seconds=1000.0)) as listener, Caller(listener.port) as caller:
        caller.ask()
        caller.say(encode_pdu(Abort()))
        assert caller.hear_end() == b""


def test_a_run_that_takes_its_time_costs_no_peer_its_association() -> None:
    """The clock of the limits stands still meanwhile."""
    began, go_on = threading.Event(), threading.Event()

    def take(answer: CommitmentAnswer) -> int:
        began.set()
        go_on.wait(LONG)
        return 0

    listener = ReportListener(TERMS, take, 0, address="127.0.0.1", limits=ReportLimits(idle_seconds=2.0))
    listener.start()
    try:
        with Caller(listener.port) as busy, Caller(listener.port) as patient:
            busy.ask()
            patient.ask()
            busy.say(report("1.2.3"))
            assert began.wait(LONG)
            threading.Event().wait(2.5)
            go_on.set()
            assert busy.hear_command() == NEventReportRSP(7, 0, PUSH, PUSH_INSTANCE, 1)
            patient.say(message(ECHO, CEchoRQ(9)))
            assert patient.hear_command() == CEchoRSP(9, 0)
    finally:
        go_on.set()
        listener.close()


def test_nine_callers_at_once() -> None:
    with listening() as listener:
        callers = [Caller(listener.port) for _ in range(9)]
        for caller in callers[:8]:
            assert isinstance(caller.ask(), AssociationAccepted)
        assert callers[8].ask() == AssociationRefused(AssociateRJ(2, 3, 2))
        callers[0].say(callers[0].layer.send(ReleaseRQ()))
        assert callers[0].hear() == ReleaseConfirmed()
        with Caller(listener.port) as late:
            assert isinstance(late.ask(), AssociationAccepted)
        for caller in callers:
            caller.sock.close()


def test_connections_beyond_the_limit_wait_for_their_turn() -> None:
    with listening(limits=ReportLimits(connections=4)) as listener:
        silent = [Caller(listener.port) for _ in range(4)]
        with Caller(listener.port) as waiting:
            waiting.say(waiting.layer.send(request()))
            waiting.sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                waiting.hear()
            waiting.sock.settimeout(LONG)
            silent[0].sock.close()
            assert isinstance(waiting.hear(), AssociationAccepted)
        for caller in silent:
            caller.sock.close()


@pytest.mark.parametrize("sent", [b"", b"\x01", b"\x01\0\0\0\1\0" + bytes(200)], ids=["nothing", "byte", "part"])
def test_callers_that_never_ask(sent: bytes) -> None:
    with listening(limits=ReportLimits(opening_seconds=0.5)) as listener, Caller(listener.port) as caller:
        caller.say(sent)
        assert caller.hear_end() == b""


def test_a_request_that_trickles_in() -> None:
    """One byte now and then does not begin the time anew."""
    with listening(limits=ReportLimits(opening_seconds=0.5)) as listener, Caller(listener.port) as caller:
        sent = caller.layer.send(request()) * 100
        with pytest.raises(OSError):
            caller.trickle(sent)


def test_an_association_in_which_nothing_happens() -> None:
    limits = ReportLimits(idle_seconds=0.5, ending_seconds=0.5)
    with listening(limits=limits) as listener, Caller(listener.port) as caller:
        caller.ask()
        caller.hear_abort()
        assert caller.hear_end() == b"", "it is closed though the peer does not close"


def test_a_message_that_trickles_in() -> None:
    limits = ReportLimits(idle_seconds=0.5, ending_seconds=0.5)
    with listening(limits=limits) as listener, Caller(listener.port) as caller:
        caller.ask()
        with pytest.raises(OSError):
            caller.trickle(report("1.2.3") + bytes(5000))


def test_a_peer_that_does_not_close_after_the_end() -> None:
    with listening(limits=ReportLimits(ending_seconds=0.5)) as listener:
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(caller.layer.send(ReleaseRQ()))
            assert caller.hear() == ReleaseConfirmed()
            assert caller.hear_end() == b""
        with Caller(listener.port) as caller:
            caller.ask(request(called="ANOTHER"))
            assert caller.hear_end() == b""


def test_a_peer_that_does_not_read_our_answers() -> None:
    """It is not read from either, and is closed after a time."""
    with listening(limits=ReportLimits(sending_seconds=0.5)) as listener:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", listener.port))
        with Caller(listener.port, sock) as caller:
            caller.ask()
            echoes = message(ECHO, CEchoRQ(9)) * 1000
            with pytest.raises(ConnectionError):
                caller.flood(echoes)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x01\0\xff\xff\xff\xff", b"\x04\0\0\0\0\x10" + bytes(16), bytes(70)],
    ids=["http", "endless request", "data first", "zeros"],
)
def test_bytes_that_are_no_request(sent: bytes) -> None:
    with listening() as listener, Caller(listener.port) as caller:
        caller.say(sent)
        assert caller.sock.recv(100)[:1] == b"\x07"


@pytest.mark.parametrize("header", [b"\x04\0\xff\xff\xff\xff", b"\x05\0\0\x10\0\0", b"\x99\0\0\0\0\4"])
def test_a_pdu_that_is_too_long_ends_it_before_it_comes(header: bytes) -> None:
    with listening() as listener, Caller(listener.port) as caller:
        caller.ask()
        caller.say(header)
        caller.hear_abort()


def test_a_data_set_of_more_than_16_mib() -> None:
    taken = Taken()
    with listening(taken) as listener, Caller(listener.port) as caller:
        caller.ask()
        piece = encode_pdu(PDataTF((PresentationDataValue(REPORTING, False, False, bytes(16000)),)))
        caller.say(encode_pdu(PDataTF((PresentationDataValue(REPORTING, True, True, encode_command(REPORT)),))))
        for _ in range((16 << 20) // 16000):
            caller.say(piece)
        caller.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            caller.hear()
        caller.sock.settimeout(LONG)
        caller.say(piece)
        caller.hear_abort()
    assert taken.answers.empty()


def test_connections_that_break_anywhere() -> None:
    """The next caller is served all the same."""
    whole = request()
    with listening() as listener:
        for cut in (1, 5, 6, 60, 150):
            with Caller(listener.port) as caller:
                caller.say(caller.layer.send(whole)[:cut])
        for cut in (1, 7, 40, -1):
            with Caller(listener.port) as caller:
                caller.ask()
                caller.say(report("1.2.3")[:cut])
                caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(message(ECHO, CEchoRQ(9)))
            assert caller.hear_command() == CEchoRSP(9, 0)


def test_the_end_aborts_what_is_open() -> None:
    with listening() as listener, Caller(listener.port) as caller, Caller(listener.port) as silent:
        caller.ask()
        listener.close()
        caller.hear_abort()
        assert caller.hear_end() == b""
        assert silent.hear_end() == b""


@pytest.mark.parametrize("is_half", [False, True])
def test_an_archive_that_has_just_reported_may_release(is_half: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends with the report, before the archive has read the answer to it; another has only begun one."""
    turns = []
    turn = ReportListener._turn

    def counted(self: ReportListener, *values: object) -> None:
        turns.append(self._is_closing)
        turn(self, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(ReportListener, "_turn", counted)
    taken, limits = Taken(), ReportLimits(parting_seconds=LONG)
    with (
        listening(taken, limits=limits) as listener, Caller(listener.port) as caller, Caller(listener.port) as other,
        ThreadPoolExecutor(1) as pool,
    ):  # fmt: skip
        caller.ask()
        other.ask()
        if is_half:
            other.say(report("1.2.4")[:40])
        caller.say(report("1.2.3"))
        taken.next()
        closing = pool.submit(listener.close)
        assert isinstance(caller.hear_command(), NEventReportRSP)
        wait_until(lambda: listener._is_closing, 30, "the beginning of the end")
        wait_until(lambda: not accepts_callers(listener.port), 30, "the end of listening")
        assert not closing.done()
        caller.say(caller.layer.send(ReleaseRQ()))
        assert isinstance(caller.hear(), ReleaseConfirmed)
        other.hear_abort()
        closing.result(LONG)
    assert turns.count(True) < 100  # it sleeps while it waits


def test_an_archive_that_does_not_release_is_not_waited_for_long() -> None:
    """Of one that has reported before, the end does not wait at all, nor does one that was asked for by a signal."""
    for limit, pause, is_asked_for in ((0.1, 0.0, ""), (0.1, 0.2, ""), (LONG, 0.0, "before"), (1e6, 0.0, "meanwhile")):
        taken, interrupt = Taken(), Interrupt()
        listener = ReportListener(
            TERMS, taken, 0, address="127.0.0.1", limits=ReportLimits(parting_seconds=limit)
        )
        listener.start(interrupt)
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(report("1.2.3"))
            taken.next()
            time.sleep(pause)
            if is_asked_for == "before":
                interrupt.request("SIGINT")
            elif is_asked_for == "meanwhile":
                threading.Timer(0.3, interrupt.request, ["SIGINT"]).start()
            listener.close()
            assert isinstance(caller.hear_command(), NEventReportRSP)
            caller.hear_abort()
            assert caller.hear_end() == b""
            assert interrupt.requested == bool(is_asked_for)


def test_an_archive_that_reports_without_end_does_not_keep_the_run() -> None:
    """The clock of the wait stands still while a report is taken, but not for ever."""

    takes: list[str] = []

    def take(answer: CommitmentAnswer) -> int:
        takes.append(answer.transaction_uid)
        time.sleep(0.3)
        return 0

    listener = ReportListener(TERMS, take, 0, address="127.0.0.1", limits=ReportLimits(parting_seconds=0.1))
    listener.start()
    with Caller(listener.port) as caller, ThreadPoolExecutor(1) as pool:
        caller.ask()
        caller.say(report("1.2.3"))
        assert isinstance(caller.hear_command(), NEventReportRSP)

        def report_on() -> None:
            with contextlib.suppress(OSError, AssertionError):
                while True:
                    caller.say(report("1.2.3"))
                    assert isinstance(caller.hear_command(), NEventReportRSP)

        pool.submit(report_on)
        listener.close()
    assert len(takes) < 20


def test_no_port_no_thread() -> None:
    threads = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken_port:
        listener = ReportListener(TERMS, Taken(), taken_port.getsockname()[1], address="127.0.0.1")
        with pytest.raises(CannotListen, match="Address already in use"):
            listener.start()
        listener.close()
    assert set(threading.enumerate()) <= threads
    ReportListener(TERMS, Taken(), 0).close()


def test_a_fault_of_ours_is_told_and_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    listener = ReportListener(TERMS, Taken(), 0, address="127.0.0.1")
    listener.start()
    try:
        with Caller(listener.port) as caller:
            caller.ask()
            monkeypatch.setattr(ReportListener, "_accept", fail)
            with Caller(listener.port) as second:
                assert second.hear_end() == b""
            caller.hear_abort()
        assert str(listener.error) == "a fault"
        wait_until(lambda: not accepts_callers(listener.port), 30, "the end of listening")
        with pytest.raises(ConnectionRefusedError):
            Caller(listener.port)
    finally:
        listener.close()
    assert str(listener.error) == "a fault"


def test_no_descriptor_is_left_for_a_caller(caplog: pytest.LogCaptureFixture) -> None:
    """It waits in the system until there is one."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listening() as listener, socket.socket() as sock:
        lowest_free = os.dup(sock.fileno())
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            sock.connect(("127.0.0.1", listener.port))
            until = time.monotonic() + LONG
            while "no further caller can be taken for now: Too many open files" not in caplog.text:
                assert time.monotonic() < until
                time.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(Caller(listener.port, sock).ask(), AssociationAccepted)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_forked_child_has_nothing_to_do_with_it() -> None:
    with listening() as listener, Caller(listener.port) as caller:
        caller.ask()
        child = os.fork()
        if not child:
            try:
                listener.close()
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        caller.say(message(ECHO, CEchoRQ(9)))
        assert caller.hear_command() == CEchoRSP(9, 0)
        with Caller(listener.port) as other:
            assert isinstance(other.ask(), AssociationAccepted)


def test_the_log_tells_who_has_called(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dcmsend.network")
    with listening() as listener:
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(caller.layer.send(ReleaseRQ()))
            caller.hear()
        with Caller(listener.port) as caller:
            caller.ask(request(called="AN\nOTHER"))
        with Caller(listener.port) as caller:
            caller.ask()
            caller.say(b"\x99\0\0\0\0\0")
            caller.hear_abort()
    told = [record.getMessage() for record in caplog.records]
    assert "Association Received: 'ARCHIVE' at 127.0.0.1 calls 'DCMSEND'" in told
    assert "Association Acknowledged: 'ARCHIVE' at 127.0.0.1" in told
    assert "Association with 'ARCHIVE' at 127.0.0.1: ended" in told
    assert "Association Received: 'ARCHIVE' at 127.0.0.1 calls 'AN\\nOTHER'" in told
    assert any("Association Rejected: 'ARCHIVE'" in text and "Called AE Title" in text for text in told)
    assert any("'ARCHIVE' at 127.0.0.1: aborted: " in text for text in told)
