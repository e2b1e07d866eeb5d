"""The object that ``send`` gives: when things happen, what it knows, what can be done with it."""

from __future__ import annotations

import copy
import logging
import pickle
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

import dcmsend
from dcmsend import (
    AddressFamily,
    BytesSent,
    Observer,
    Peer,
    Reason,
    Result,
    StoreOutcome,
    Transfer,
    TransferOptions,
    errors,
    send,
)
from dcmsend.cluster import ClusterUnusable
from dcmsend.dicomweb import ResponseUnreadable
from dcmsend.error_root import FromPeer, WithDetail, WithoutFacts, Wrapped
from dcmsend.errors import DcmsendError, InvalidInputFile, NegotiationFailed, NoValidInputFiles, SendingFailed
from dcmsend.inputs import FileChanged
from dcmsend.inputs.stores.errors import StoreBusy
from dcmsend.reasons import NoStore
from dcmsend.stow import errors as stow_errors
from support.fixture_files import CT_CLASS, MR_CLASS
from support.peer_script import Abort, Accept, Reject, Respond, Script, refuse
from support.ports import free_port
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, send_all, write_instances


def test_nothing_happens_before_it_is_iterated(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        transfer = send(tmp_path / "does not exist", Peer("127.0.0.1", peer.port))
        assert repr(transfer) == "<Transfer: nothing yet>"
        assert transfer.summary.total == 0
    assert peer.connections == []


def test_each_outcome_comes_when_it_is_known(tmp_path: Path) -> None:
    """The peer has answered one instance when the first outcome is here; nothing is collected first."""
    with ScriptedPeer() as peer:
        for outcome in send(write_instances(tmp_path, 4), Peer("127.0.0.1", peer.port)):
            assert len(peer.stores) == outcome.index


def test_iterated_once(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        transfer = send(write_instances(tmp_path, 2), Peer("127.0.0.1", peer.port))
        assert len(list(transfer)) == 2
        assert list(transfer) == []
    assert len(peer.stores) == 2


def test_summary_and_repr(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 4, (CT_CLASS, CT_CLASS, CT_CLASS, MR_CLASS))
    script = Script(associate=Accept(refuse(3)), stores={2: Respond(0xB000), 3: Respond(0xA700)})
    transfer = send_all(files, script).transfer
    summary = transfer.summary
    assert (summary.total, summary.sent, summary.not_stored, summary.retryable) == (4, 3, 2, 1)
    assert summary.results[Result.STORED] == 2
    assert repr(transfer) == "<Transfer: 2 stored, 1 refused, 1 failed>"


@pytest.mark.parametrize(
    ("script", "halt", "kind"),
    [
        (Script(associate=Reject(1, 1, 7)), False, NegotiationFailed),
        (Script(stores={2: Abort()}), True, SendingFailed),
    ],
    ids=["rejected", "aborted"],
)
def test_error_is_raised_after_the_last_outcome(
    tmp_path: Path, script: Script, halt: bool, kind: type[DcmsendError]
) -> None:
    sent = send_all(write_instances(tmp_path, 5), script, halt=halt)
    assert len(sent.outcomes) == 5
    assert isinstance(sent.error, kind)
    assert sent.transfer.error is sent.error


class Everything(Observer):
    """Keeps all calls in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def association_opened(self, event: object) -> None:
        self.calls.append("opened")

    def association_closed(self, event: object) -> None:
        self.calls.append("closed")

    def bytes_sent(self, event: BytesSent) -> None:
        self.calls.append(f"bytes of {event.number}")

    def outcome(self, outcome: StoreOutcome) -> None:
        self.calls.append(f"{outcome.index} {outcome.result.value}")


def test_observer_is_told_of_everything_in_order(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 4)
    files[1].write_bytes(files[1].read_bytes()[:-1])
    observer = Everything()
    sent = send_all(files, Script(stores={2: Abort()}), Script(), observer=observer)
    assert observer.calls == [
        "opened", "bytes of 1", "1 stored", "2 failed", "bytes of 3", "3 unconfirmed", "closed",
        "opened", "bytes of 4", "4 stored", "closed",
    ]  # fmt: skip
    assert [outcome.index for outcome in sent.outcomes] == [1, 2, 3, 4]


def test_observer_is_told_of_outcomes_that_nothing_was_done_for(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 2)
    observer = Everything()
    send_all(files, Script(associate=Reject(1, 1, 7)), observer=observer)
    assert observer.calls == ["1 not attempted", "2 not attempted"]
    observer = Everything()
    sent = send_all(
        [*files, tmp_path / "missing"], observer=observer, index=dcmsend.IndexOptions(halt_on_invalid=True)
    )
    assert isinstance(sent.error, InvalidInputFile)
    assert observer.calls == ["1 not attempted", "2 not attempted"]


def test_an_observer_may_be_deaf(tmp_path: Path) -> None:
    assert send_all(write_instances(tmp_path, 1), observer=Observer()).results == ["stored"]


# --- two at the same time


def test_two_transfers_in_two_threads_know_nothing_of_each_other(tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}

    def work(name: str, status: int, called: str) -> None:
        files = write_instances(tmp_path / name, 60)
        with ScriptedPeer(Script(other_stores=Respond(status))) as peer:
            transfer = send(files, Peer("127.0.0.1", peer.port, called_ae_title=called))
            outcomes, error = run_transfer(transfer)
        assert error is None
        found[name] = [outcome.result.value for outcome in outcomes]
        assert [outcome.message_id for outcome in outcomes] == list(range(1, 61))
        (link,) = peer.connections
        assert link.request is not None
        assert link.request.called.strip() == called.encode()

    threads = [
        threading.Thread(target=work, args=arguments) for arguments in (("one", 0, "ONE"), ("other", 0xA700, "OTHER"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {"one": ["stored"] * 60, "other": ["refused"] * 60}


def test_one_transfer_is_cancelled_and_the_other_is_not(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 10)
    with ScriptedPeer() as peer:
        one, other = (send(files, Peer("127.0.0.1", peer.port)) for _ in range(2))
        first, second = iter(one), iter(other)
        begun = [next(each).result.value for _ in range(3) for each in (first, second)]
        one.cancel()
        assert [outcome.result.value for outcome in second] == ["stored"] * 7
        assert [outcome.result.value for outcome in first] == ["not attempted"] * 7
    assert begun == ["stored"] * 6


# --- values


def test_outcomes_can_be_pickled_and_copied(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)
    files[2].write_bytes(files[2].read_bytes()[:-1])
    for outcome in send_all(files, Script(stores={2: Respond(0xC000)})).outcomes:
        for other in (pickle.loads(pickle.dumps(outcome)), copy.copy(outcome), copy.deepcopy(outcome)):
            assert other == outcome
            assert other.sent_syntax is outcome.sent_syntax
            assert other.instance == outcome.instance
        assert outcome in {outcome}
        assert "<StoreOutcome " in repr(outcome)


def test_outcomes_cannot_be_changed(tmp_path: Path) -> None:
    (outcome,) = send_all(write_instances(tmp_path, 1)).outcomes
    with pytest.raises(AttributeError):
        outcome.status = 1  # type: ignore[misc]


def all_error_types(root: type[DcmsendError] = DcmsendError) -> list[type[DcmsendError]]:
    found = [root]
    for each in root.__subclasses__():
        if each.__module__.startswith("dcmsend."):  # not those of tests
            found += all_error_types(each)
    return found


EXAMPLES: dict[str, DcmsendError] = {
    "DcmsendError": errors.DcmsendError("text"),
    "UsageError": errors.UsageError("text"),
    "InputError": errors.InputError("text"),
    "NoInputFiles": errors.NoInputFiles(),
    "InvalidInputFile": errors.InvalidInputFile("a", "b"),
    "NoValidInputFiles": errors.NoValidInputFiles(),
    "FileUnreadable": errors.FileUnreadable("Permission denied", 13),
    "DataSetError": errors.DataSetError("Invalid stream", "at 5"),
    "FileChanged": FileChanged("it is shorter"),
    "PlanError": errors.PlanError("text"),
    "TranscodeError": errors.TranscodeError("no", "why"),
    "ProtocolError": errors.ProtocolError("text"),
    "LocalProtocolError": errors.LocalProtocolError("text"),
    "RemoteProtocolError": errors.RemoteProtocolError("text", 6),
    "AssociationError": errors.AssociationError("text"),
    "AssociationRejected": errors.AssociationRejected(2, 3, 1),
    "AssociationAborted": errors.AssociationAborted(2, 5),
    "AssociationReleased": errors.AssociationReleased(),
    "SopClassRefused": errors.SopClassRefused(),
    "TransportError": errors.TransportError("text"),
    "ConnectFailed": errors.ConnectFailed("text", "detail"),
    "CannotListen": errors.CannotListen("port 104", "Permission denied"),
    "TlsFailed": errors.TlsFailed("text", "detail", True),
    "UserIdentityNotConfirmed": errors.UserIdentityNotConfirmed(),
    "TimedOut": errors.TimedOut("an answer", 3.5, "text"),
    "ConnectionLost": errors.ConnectionLost("Broken pipe"),
    "Wrapped": Wrapped(errors.ConnectionLost()),
    "PeerDataSetError": errors.PeerDataSetError("text"),
    "SessionFailed": errors.SessionFailed(errors.ConnectionLost()),
    "NegotiationFailed": errors.NegotiationFailed(errors.AssociationRejected(1, 1, 7)),
    "SendingFailed": errors.SendingFailed(FileChanged("it is longer")),
    "GivenUp": errors.GivenUp("text"),
    "ReportError": errors.ReportError("path", "reason"),
    "JournalError": errors.JournalError("path", "reason"),
    "StoreBusy": StoreBusy("reason"),
    "CredentialsUnusable": stow_errors.CredentialsUnusable("text", is_permanent=False),
    "HttpRefused": stow_errors.HttpRefused(404, "Not Found", "detail"),
    "NoHttpLibrary": stow_errors.NoHttpLibrary(),
    "ProxyUnusable": stow_errors.ProxyUnusable("detail"),
    "ResponseUnreadable": ResponseUnreadable("text"),
    "ServerGone": stow_errors.ServerGone("detail"),
    "WebSessionFailed": stow_errors.WebSessionFailed(errors.ConnectionLost("detail"), 3.0),
    "StoreUnusable": errors.StoreUnusable("s3://b/", "reason", NoStore.CREDENTIALS),
    "ClusterUnusable": ClusterUnusable("the cluster has no workers"),
    "_FileTrouble": errors._FileTrouble("path", "reason"),
    "WithoutFacts": WithoutFacts(),
    "WithDetail": WithDetail("text"),
    "FromPeer": FromPeer("text"),
    "Cancelled": errors.Cancelled("SIGTERM"),
}


@pytest.mark.parametrize("kind", all_error_types(), ids=lambda kind: kind.__name__)
def test_errors_can_be_pickled(kind: type[DcmsendError]) -> None:
    error = EXAMPLES[kind.__name__]
    assert type(error) is kind
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert str(other) == str(error)
        facts, other_facts = (
            {name: str(value) for name, value in vars(each).items()} for each in (error, other)
        )
        assert other_facts == facts


# --- options that make no sense


@pytest.mark.parametrize("port", [0, -1, 65536, 70000, 1 << 40])
def test_impossible_port(port: int) -> None:
    """The system would take it modulo 65536, and the files would go to somebody else."""
    with pytest.raises(ValueError, match=str(port)):
        Peer("127.0.0.1", port)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acse_timeout", 0), ("acse_timeout", -1), ("connect_timeout", 0), ("dimse_timeout", -2), ("idle_timeout", -1),
        ("drain_seconds", -1), ("max_pdu", 0), ("max_pdu", 1 << 32), ("max_send_pdu", 13), ("deflate_level", 10),
        ("deflate_level", -1), ("tcp_buffer_length", -1),
    ],
)  # fmt: skip
def test_impossible_option(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        TransferOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("title", ["", "\u00e4\u00f6\u20ac", "x" * 100, "back\\slash", "\udcff"])
def test_any_title(tmp_path: Path, title: str) -> None:
    """Only an empty one is impossible, and it fails as in the command, when there is a connection."""
    with ScriptedPeer() as peer:
        transfer = send(write_instances(tmp_path, 1), Peer("127.0.0.1", peer.port, called_ae_title=title))
        outcomes, error = run_transfer(transfer)
    assert len(outcomes) == 1
    assert isinstance(error, NegotiationFailed) is (title == "")
    if title:
        assert peer.connections[0].request is not None
        assert len(peer.connections[0].request.called) == 16


# --- the package


def test_everything_public_is_there() -> None:
    assert set(dcmsend.__all__) <= set(dir(dcmsend))
    for name in dcmsend.__all__:
        assert getattr(dcmsend, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        dcmsend.no_such_name  # noqa: B018
    assert AddressFamily.ANY.value == "any"
    assert Reason.HALTED.value == "halted"
    assert Transfer.__doc__


def test_errors_are_there_without_an_import_of_their_own() -> None:
    """A type checker takes ``dcmsend.errors`` after ``import dcmsend``, so it has to be there."""
    code = "import dcmsend; print(dcmsend.errors.NegotiationFailed.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("NegotiationFailed", "")


def test_completion_offers_what_is_public() -> None:
    offered = {name for name in dir(dcmsend) if not name.startswith("_")}
    assert offered == {name for name in dcmsend.__all__ if not name.startswith("_")} | {"errors"}


def test_a_traceback_tells_why_nothing_could_be_sent(tmp_path: Path) -> None:
    """Who has not kept the transfer cannot ask it for what it has rejected."""
    names = [tmp_path / f"missing-{number}.dcm" for number in range(5)]
    with pytest.raises(NoValidInputFiles) as caught:
        list(send(names, Peer("127.0.0.1", 1)))
    shown = "".join(traceback.format_exception(caught.value))
    assert [name for name in names if f"{str(name)!r}: " in shown] == names[:3]
    assert "2 more are in Transfer.rejected" in shown
    assert str(caught.value) == NoValidInputFiles.message


def test_import_loads_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import dcmsend; print(sorted(set(sys.modules) - before))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.strip(" '") for name in shown.strip("[]\n").split(",")}
    assert {name for name in loaded if name.startswith("dcmsend")} == {"dcmsend", "dcmsend.version"}


def test_no_word_on_standard_error_unless_logging_is_set_up(tmp_path: Path) -> None:
    code = "import dcmsend, sys; print(list(dcmsend.send(sys.argv[1], dcmsend.Peer('127.0.0.1', 1))))"
    argv = [sys.executable, "-c", code, str(tmp_path / "missing")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-2].startswith("dcmsend.errors.NoValidInputFiles: ")
    assert lines[-1].startswith(f"{argv[-1]!r}: ")  # a note of the error


def test_log_goes_where_the_program_wants_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dcmsend"):
        send_all(write_instances(tmp_path, 1))
    assert {record.name for record in caplog.records} <= {"dcmsend.network", "dcmsend.app", "dcmsend.data"}
    assert "Received C-STORE Response (Success)" in caplog.messages


def test_reprs_tell_what_matters(tmp_path: Path) -> None:
    """In a debugger, a log or a failed assertion."""
    transfer = send(write_instances(tmp_path, 2), Peer("127.0.0.1", free_port()))
    with pytest.raises(errors.NegotiationFailed) as caught:
        list(transfer)
    assert repr(transfer) == "<Transfer: 2 not attempted>"
    assert repr(transfer.summary) == "<Summary: 2 not attempted>"
    assert repr(caught.value.cause).startswith("ConnectFailed('TCP Initialization Error: Connection refused', detail=")
    with ScriptedPeer(Script(stores={1: Respond(0xA700)})) as peer:
        refused, stored = send(write_instances(tmp_path / "more", 2), Peer("127.0.0.1", peer.port))
    assert repr(refused) == f"<StoreOutcome 1: refused 0xA700, '{tmp_path}/more/000001.dcm'>"
    assert repr(stored) == f"<StoreOutcome 2: stored 0x0000, '{tmp_path}/more/000002.dcm'>"
    lost = stored._replace(result=Result.UNCONFIRMED, status=None, reason=Reason.CONNECTION_LOST)
    assert repr(lost) == f"<StoreOutcome 2: unconfirmed, connection lost, '{tmp_path}/more/000002.dcm'>"
    assert pickle.loads(pickle.dumps(lost)) == lost
