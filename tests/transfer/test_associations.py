"""How a transfer goes through its associations: how many, when another one, when no more."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dcmsend import AssociationClosed, AssociationOpened, IndexOptions, Observer, PlanOptions
from dcmsend.errors import (
    AssociationAborted,
    AssociationRejected,
    ConnectFailed,
    ConnectionLost,
    NegotiationFailed,
    PlanError,
    RemoteProtocolError,
    SendingFailed,
    TimedOut,
)
from support import wire
from support.fixture_files import (
    CT_CLASS,
    DEFLATED,
    EI,
    MR_CLASS,
    PRIVATE_SYNTAX,
    UID_ROOT,
    deflate,
    meta_header,
)
from support.full_backlog import FullBacklogPeer
from support.peer_script import (
    GARBAGE,
    RELEASE_REQUEST,
    Abort,
    Accept,
    AssociateAnswer,
    Close,
    Reject,
    Respond,
    Script,
    Send,
    Silence,
    insist_on,
    refuse,
)
from support.ports import free_port
from support.sending import instance_uid, send_all, tiny_data_set, write_instances

LOSSLESS_WITHOUT_CODEC = "1.2.840.10008.1.2.4.92"
"""JPEG 2000 Part 2: with ``-nip`` nothing may be proposed for it."""


class Watcher(Observer):
    """Keeps what it is told of associations."""

    def __init__(self) -> None:
        self.opened: list[AssociationOpened] = []
        self.closed: list[AssociationClosed] = []

    def association_opened(self, event: AssociationOpened) -> None:
        self.opened.append(event)

    def association_closed(self, event: AssociationClosed) -> None:
        self.closed.append(event)


# --- no association


REFUSALS: dict[str, tuple[AssociateAnswer, type[Exception]]] = {
    "rejected": (Reject(1, 1, 7), AssociationRejected),
    "rejected for now": (Reject(2, 3, 2), AssociationRejected),
    "aborted": (Abort(), AssociationAborted),
    "closed": (Close(), ConnectionLost),
    "reset": (Close(reset=True), ConnectionLost),
    "garbage": (GARBAGE, RemoteProtocolError),
    "released": (RELEASE_REQUEST, RemoteProtocolError),
    "data": (Send(wire.pdu(wire.P_DATA, b"")), RemoteProtocolError),
    "silence": (Silence(), TimedOut),
}


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("name", REFUSALS)
def test_no_association(tmp_path: Path, name: str, halt: bool) -> None:
    """It ends the transfer, with and without halting, and there is one attempt only."""
    answer, cause = REFUSALS[name]
    seconds = 0.2 if name == "silence" else 20
    sent = send_all(write_instances(tmp_path, 3), Script(associate=answer), halt=halt, acse_timeout=seconds)
    assert sent.results == ["not attempted"] * 3
    assert sent.reasons == ["no association"] * 3
    assert all(outcome.is_retryable is (name != "rejected") for outcome in sent.outcomes)  # that one is permanent
    assert all(outcome.message for outcome in sent.outcomes)
    assert isinstance(sent.error, NegotiationFailed)
    assert isinstance(sent.error.cause, cause)
    assert len(sent.peer.connections) == 1


def test_rejection_tells_its_reason(tmp_path: Path) -> None:
    sent = send_all(write_instances(tmp_path, 1), Script(associate=Reject(2, 3, 2)))
    assert isinstance(sent.error, NegotiationFailed)
    cause = sent.error.cause
    assert isinstance(cause, AssociationRejected)
    assert (cause.result, cause.source, cause.reason, cause.is_transient) == (2, 3, 2, True)


def test_refused_connection(tmp_path: Path) -> None:
    sent = send_all(write_instances(tmp_path, 2), port=free_port())
    assert sent.results == ["not attempted"] * 2
    assert isinstance(sent.error, NegotiationFailed)
    assert isinstance(sent.error.cause, ConnectFailed)


def test_connection_that_is_never_made(tmp_path: Path) -> None:
    with FullBacklogPeer() as nobody:
        sent = send_all(write_instances(tmp_path, 2), port=nobody.port, connect_timeout=0.1)
    assert isinstance(sent.error, NegotiationFailed)
    assert isinstance(sent.error.cause, ConnectFailed)
    assert "Timeout" in str(sent.error)


def test_rejection_of_a_later_association(tmp_path: Path) -> None:
    """What was delivered before stays delivered."""
    files = write_instances(tmp_path, 4)
    sent = send_all(files, Script(stores={2: Abort()}), Script(associate=Reject(1, 1, 1)))
    assert sent.results == ["stored", "unconfirmed", "not attempted", "not attempted"]
    assert isinstance(sent.error, NegotiationFailed)


# --- contexts


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("answer", [Accept(refuse()), Accept(list_contexts=False)], ids=["refused", "not listed"])
def test_no_context_is_accepted(tmp_path: Path, answer: Accept, halt: bool) -> None:
    watcher = Watcher()
    sent = send_all(write_instances(tmp_path, 3), Script(associate=answer), halt=halt, observer=watcher)
    assert sent.results == ["failed"] * 3
    assert sent.reasons == ["no acceptable presentation context"] * 3
    assert not any(outcome.is_retryable for outcome in sent.outcomes)
    assert sent.error is None
    assert sent.courses == [["request", "release"]]
    (opened,), (closed,) = watcher.opened, watcher.closed
    assert (opened.number, opened.proposed, opened.accepted, opened.fragment_length) == (1, 1, 0, 0)
    assert (closed.number, closed.how) == (1, "released")


def test_no_context_is_accepted_in_the_first_of_two_associations(tmp_path: Path) -> None:
    classes = [f"{UID_ROOT}.50.{number}" for number in range(130)]
    files = write_instances(tmp_path, 130, classes)
    sent = send_all(files, Script(associate=Accept(refuse())), Script(), halt=True)
    assert sent.results == ["failed"] * 128 + ["stored"] * 2
    assert sent.error is None


def test_no_context_is_accepted_and_only_one_association_is_allowed(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 2)
    plan = PlanOptions(multiple_associations=False)
    sent = send_all(files, Script(associate=Accept(refuse())), plan=plan)
    assert sent.results == ["failed"] * 2
    assert isinstance(sent.error, PlanError)


def test_more_classes_than_one_association_holds(tmp_path: Path) -> None:
    classes = [f"{UID_ROOT}.50.{number}" for number in range(130)]
    watcher = Watcher()
    sent = send_all(write_instances(tmp_path, 131, classes), halt=True, observer=watcher)
    assert sent.results == ["stored"] * 131
    assert [len(link.stores) for link in sent.peer.connections] == [128, 3]
    assert [outcome.association for outcome in sent.outcomes] == [1] * 128 + [2] * 3
    assert [(event.proposed, event.accepted) for event in watcher.opened] == [(128, 128), (3, 3)]
    assert [store.message_id for store in sent.peer.connections[1].stores] == [1, 2, 3]


def test_only_one_association_is_allowed(tmp_path: Path) -> None:
    classes = [f"{UID_ROOT}.50.{number}" for number in range(130)]
    files = write_instances(tmp_path, 130, classes)
    sent = send_all(files, plan=PlanOptions(multiple_associations=False))
    assert sent.results == ["stored"] * 128 + ["not attempted"] * 2
    assert sent.error is None
    assert len(sent.peer.connections) == 1


def test_another_context_of_the_class_is_used_when_the_own_one_is_refused(tmp_path: Path) -> None:
    """The peer takes no deflated data sets, and it has accepted a native context of the same class."""
    files = write_instances(tmp_path, 2)
    files[0].write_bytes(meta_header(CT_CLASS, instance_uid(1), DEFLATED) + deflate(tiny_data_set(1)))
    sent = send_all(files, Script(associate=Accept(refuse(1))))
    assert sent.results == ["stored"] * 2
    assert [store.context_id for store in sent.peer.stores] == [3, 3]
    assert [bytes(store.data_set) for store in sent.peer.stores] == [tiny_data_set(1), tiny_data_set(2)]
    assert [outcome.context_id for outcome in sent.outcomes] == [1, 3]  # what was planned, as DCMTK reports it
    assert sent.outcomes[0].sent_syntax is sent.outcomes[1].sent_syntax


@pytest.mark.parametrize("halt", [False, True])
def test_nothing_may_be_proposed(tmp_path: Path, halt: bool) -> None:
    """``-nip``: without halting it is left out, with halting nothing is opened for it."""
    files = write_instances(tmp_path, 3)
    files[1].write_bytes(meta_header(CT_CLASS, "1.2.3", LOSSLESS_WITHOUT_CODEC) + tiny_data_set(2))
    sent = send_all(files, halt=halt, plan=PlanOptions(no_illegal_proposal=True, halt_on_refusal=halt))
    if halt:
        assert sent.results == ["not attempted"] * 3
        assert isinstance(sent.error, PlanError)
        assert sent.peer.connections == []
    else:
        assert sent.results == ["stored", "failed", "stored"]
        assert sent.reasons[1] == "no acceptable presentation context"
        assert sent.error is None


def test_nothing_may_be_proposed_at_all(tmp_path: Path) -> None:
    """With DCMTK and a peer that refuses, this never ends."""
    files = write_instances(tmp_path, 2)
    for path in files:
        path.write_bytes(meta_header(CT_CLASS, "1.2.3", LOSSLESS_WITHOUT_CODEC) + tiny_data_set(2))
    sent = send_all(files, plan=PlanOptions(no_illegal_proposal=True, halt_on_refusal=False))
    assert sent.results == ["failed"] * 2
    assert sent.peer.connections == []


def test_refusing_peer_and_nothing_to_propose_in_the_middle(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 5, (CT_CLASS, MR_CLASS))
    files[2].write_bytes(meta_header(CT_CLASS, "1.2.3", LOSSLESS_WITHOUT_CODEC) + tiny_data_set(2))
    plan = PlanOptions(no_illegal_proposal=True, halt_on_refusal=False)
    sent = send_all(files, Script(associate=Accept(refuse())), plan=plan)
    assert sent.results == ["failed"] * 5
    assert len(sent.peer.connections) == 1


# --- associations that end before their time


def test_three_associations_in_a_row_without_an_answer_are_enough(tmp_path: Path) -> None:
    sent = send_all(write_instances(tmp_path, 6), Script(other_stores=Abort()))
    assert sent.results == ["unconfirmed"] * 3 + ["not attempted"] * 3
    assert len(sent.peer.connections) == 3
    assert all(outcome.is_retryable for outcome in sent.outcomes)


def test_a_peer_that_aborts_before_anything_is_sent(tmp_path: Path) -> None:
    """The abort comes with the acceptance: no instance has been touched, and it must not go on for ever."""
    request = wire.AssociateRequest(b"", b"A" * 16, b"B" * 16, "1.2.840.10008.3.1.1.1", (), (), 0)
    accepted = wire.associate_accept(request, [(1, 0, EI)], 16384)
    sent = send_all(write_instances(tmp_path, 2), Script(associate=Send(accepted + wire.abort(0, 0))))
    assert sent.results == ["not attempted"] * 2
    assert sent.peer.stores == []
    assert len(sent.peer.connections) == 3


def test_one_answer_is_enough_to_go_on(tmp_path: Path) -> None:
    """A peer that takes one instance for each association gets them all."""
    sent = send_all(write_instances(tmp_path, 12), Script(stores={1: Respond()}, other_stores=Abort()))
    assert sent.results == ["stored", "unconfirmed"] * 6
    assert len(sent.peer.connections) == 6
    assert sent.error is None


def test_a_fruitless_association_between_good_ones_is_forgiven(tmp_path: Path) -> None:
    bad, good = Script(other_stores=Abort()), Script(stores={2: Abort()})
    sent = send_all(write_instances(tmp_path, 7), bad, bad, good, bad, bad, Script())
    assert sent.results == ["unconfirmed"] * 2 + ["stored"] + ["unconfirmed"] * 3 + ["stored"]


def test_how_associations_ended(tmp_path: Path) -> None:
    watcher = Watcher()
    scripts = [Script(stores={1: Abort()}), Script(stores={1: Close()}), Script(stores={2: GARBAGE}), Script()]
    send_all(write_instances(tmp_path, 5), *scripts, observer=watcher)
    assert [event.number for event in watcher.opened] == [1, 2, 3, 4]
    assert [event.number for event in watcher.closed] == [1, 2, 3, 4]
    ways = [event.how for event in watcher.closed]
    assert ways[:2] == ["Peer aborted Association (or never connected)"] * 2
    assert "Unrecognized PDU type" in ways[2]
    assert ways[3] == "released"


# --- lengths


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("length", [1, 12, 13])
def test_peer_that_takes_no_data(tmp_path: Path, length: int, halt: bool) -> None:
    watcher = Watcher()
    script = Script(associate=Accept(max_pdu_length=length))
    sent = send_all(write_instances(tmp_path, 3), script, halt=halt, observer=watcher)
    assert sent.results == ["failed", *["not attempted" if halt else "failed"] * 2]
    assert sent.reasons[0] == "protocol error"
    assert f"max PDU size of {length} is illegal" in sent.outcomes[0].message
    assert isinstance(sent.error, SendingFailed) is halt
    assert sent.courses == [["request", "abort 0 0" if halt else "release"]]
    assert len(watcher.opened) == len(watcher.closed) == 1


@pytest.mark.parametrize("length", [14, 15, 16, 24, 128, 1000, 16384, 16385, 131072, 131073, 1 << 31, 0])
def test_any_other_length(tmp_path: Path, length: int) -> None:
    files = write_instances(tmp_path, 3)
    sent = send_all(files, Script(associate=Accept(max_pdu_length=length)))
    assert sent.results == ["stored"] * 3
    assert [bytes(store.data_set) for store in sent.peer.stores] == [tiny_data_set(number) for number in (1, 2, 3)]
    longest = min(length or 131072, 131072)
    for store in sent.peer.stores:
        assert all(pdu_length + 6 <= longest for pdu_length, _ in store.layout)


@pytest.mark.parametrize("limit", [14, 15, 100, 4096])
def test_own_limit(tmp_path: Path, limit: int) -> None:
    sent = send_all(write_instances(tmp_path, 2), max_send_pdu=limit)
    assert sent.results == ["stored"] * 2
    assert [bytes(store.data_set) for store in sent.peer.stores] == [tiny_data_set(1), tiny_data_set(2)]
    assert all(pdu_length + 6 <= limit for store in sent.peer.stores for pdu_length, _ in store.layout)


# --- odd acceptances


@pytest.mark.parametrize("uid", ["1.2.3.4", "", "\x01\x02", "x" * 5000])
def test_accepted_with_a_syntax_that_does_not_exist(tmp_path: Path, uid: str) -> None:
    sent = send_all(write_instances(tmp_path, 2), Script(associate=Accept(insist_on(uid))))
    assert sent.results == ["failed"] * 2
    assert sent.error is None
    assert sent.peer.stores == []


def test_private_syntax_is_sent_as_it_stands(tmp_path: Path) -> None:
    """DCMTK says so in its manual, and cannot do it."""
    path = tmp_path / "private.dcm"
    data = b"\x00\x01nobody knows what this is\xff" * 999
    path.write_bytes(meta_header(CT_CLASS, "1.2.3", PRIVATE_SYNTAX) + data)
    sent = send_all([path], index=IndexOptions(check_uids=False))
    assert sent.results == ["stored"]
    (store,) = sent.peer.stores
    assert bytes(store.data_set) == data
    assert (store.sop_class_uid, store.sop_instance_uid) == (CT_CLASS, "1.2.3")


def test_log_of_a_fruitless_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "dcmsend"):
        send_all(write_instances(tmp_path, 4), Script(other_stores=Close()))
    assert any("3 associations" in record.getMessage() for record in caplog.records)
