"""What becomes of an instance, of those after it and of the association for each thing a peer may do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from dcmsend.errors import AssociationAborted, ConnectionLost, RemoteProtocolError, SendingFailed, TimedOut
from support import wire
from support.fixture_files import CT_CLASS, MR_CLASS
from support.peer_script import (
    GARBAGE,
    RELEASE_REQUEST,
    Abort,
    Accept,
    Close,
    Respond,
    Script,
    Send,
    Silence,
    StoreAnswer,
    refuse,
)
from support.sending import Sent, instance_uid, send_all, write_instances


def response(message_id: int, status: int = 0, context_id: int = 1) -> bytes:
    """A C-STORE-RSP without UIDs."""
    elements = {
        wire.COMMAND_FIELD: wire.C_STORE_RSP,
        wire.MESSAGE_ID_RESPONDED_TO: message_id,
        wire.DATA_SET_TYPE: wire.NO_DATA_SET,
        wire.STATUS: status,
    }
    return wire.command_pdu(context_id, wire.encode_command(dict(elements)))


def data_pdu(context_id: int, data: bytes, flags: int) -> bytes:
    return wire.pdu(wire.P_DATA, (len(data) + 2).to_bytes(4, "big") + bytes((context_id, flags)) + data)


# --- answers


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize(
    ("status", "result"),
    [
        (0x0000, "stored"),
        (0x0001, "stored"),
        (0x0107, "stored"),
        (0x0116, "stored"),
        (0xB000, "stored"),
        (0xB006, "stored"),
        (0xB007, "stored"),
        (0xBFFF, "stored"),
        (0x0110, "refused"),
        (0x0122, "refused"),
        (0x0124, "refused"),
        (0x0210, "refused"),
        (0x1234, "refused"),
        (0xA700, "refused"),
        (0xA7FF, "refused"),
        (0xA800, "refused"),
        (0xA900, "refused"),
        (0xC000, "refused"),
        (0xCFFF, "refused"),
        (0xFE00, "refused"),
        (0xFF00, "refused"),
        (0xFFFE, "refused"),
        (0xFFFF, "refused"),
    ],
)
def test_any_status_is_an_answer_and_ends_nothing(tmp_path: Path, status: int, result: str, halt: bool) -> None:
    sent = send_all(write_instances(tmp_path, 2), Script(stores={1: Respond(status)}), halt=halt)
    first, second = sent.outcomes
    assert (first.result.value, first.status, first.reason) == (result, status, None)
    assert (second.result.value, second.status) == ("stored", 0)
    assert bool(first.message) is (status != 0)
    assert sent.error is None
    assert sent.courses == [["request", "store 1", "store 2", "release"]]


def test_what_the_peer_says_about_it(tmp_path: Path) -> None:
    extra: dict[int, int | bytes] = {
        0x0901: b"\x08\x00\x18\x00\x10\x00\x20\x00",
        0x0902: b"no room for \xe4 thing ",
    }
    sent = send_all(write_instances(tmp_path, 1), Script(stores={1: Respond(0xA900, extra=extra)}))
    (outcome,) = sent.outcomes
    assert outcome.error_comment == "no room for \u00e4 thing"
    assert outcome.offending_elements == (0x00080018, 0x00100020)


GOOD_ANSWERS: dict[str, StoreAnswer] = {
    "no UIDs": Respond(omit=(wire.AFFECTED_SOP_CLASS_UID, wire.AFFECTED_SOP_INSTANCE_UID)),
    "UIDs of another instance": Respond(sop_instance_uid="1.2.3.4.5"),
    "on another accepted context": Respond(context_id=3),
    "twice": Send(response(2) * 2),
    "three times, differently": Send(response(2) + response(2, 0xA700) + response(2, 0xC000)),
    "with another answer to the one before": Send(response(1, 0xA700) + response(2)),
    "behind a data set nobody asked for": Send(data_pdu(1, bytes(100), 0) + data_pdu(1, bytes(10), 2) + response(2)),
    "behind a data set of a foreign context": Send(data_pdu(77, bytes(100), 2) + response(2)),
}


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("name", GOOD_ANSWERS)
def test_odd_but_good_answer(tmp_path: Path, name: str, halt: bool) -> None:
    files = write_instances(tmp_path, 4, (CT_CLASS, MR_CLASS))
    sent = send_all(files, Script(stores={2: GOOD_ANSWERS[name]}), halt=halt)
    assert sent.results == ["stored"] * 4
    assert [outcome.status for outcome in sent.outcomes] == [0] * 4
    assert sent.error is None
    assert sent.courses == [["request", "store 1", "store 2", "store 3", "store 4", "release"]]


def test_answer_that_comes_before_the_end_of_the_data_set(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 3)
    sent = send_all(files, Script(during={2: (10, Respond(0xA700))}))
    assert [outcome.status for outcome in sent.outcomes] == [0, 0xA700, 0]
    assert len(sent.courses) == 1


# --- anything else.  Five instances; it happens at the second one.


class Row(NamedTuple):
    """What a peer does instead of answering, and what follows.

    Attributes:
        keeps: the association can still be used.
        end: what the peer sees at the end of an association that cannot.
    """

    answer: StoreAnswer
    reason: str
    keeps: bool = False
    end: Sequence[str] = ("abort 0 0",)
    error: type[Exception] = RemoteProtocolError


ROWS = {
    "wrong message id": Row(Respond(message_id=77), "protocol error"),
    "context that was never accepted": Row(Respond(context_id=99), "protocol error", keeps=True),
    "C-ECHO-RSP": Row(Respond(command_field=wire.C_ECHO_RSP), "protocol error", keeps=True),
    "a request": Row(Respond(command_field=wire.C_STORE_RQ), "protocol error", keeps=True),
    "no status": Row(Respond(omit=(wire.STATUS,)), "protocol error", keeps=True),
    "no message id": Row(Respond(omit=(wire.MESSAGE_ID_RESPONDED_TO,)), "protocol error", keeps=True),
    "A-ABORT": Row(Abort(), "aborted by peer", end=(), error=AssociationAborted),
    "A-ABORT of the provider": Row(Abort(2, 6), "aborted by peer", end=(), error=AssociationAborted),
    "close": Row(Close(), "connection lost", end=(), error=ConnectionLost),
    "reset": Row(Close(reset=True), "connection lost", end=(), error=ConnectionLost),
    "A-RELEASE-RQ": Row(RELEASE_REQUEST, "released by peer", error=Exception),
    "garbage": Row(GARBAGE, "protocol error"),
    "a second A-ASSOCIATE-AC": Row(Send(wire.pdu(wire.ASSOCIATE_AC, bytes(68))), "protocol error"),
    "half a PDU, then the end": Row(Send(b"\x04\x00\x00\x00\x00\x40half"), "timed out", error=TimedOut),
    "an endless PDU": Row(Send(b"\x04\x00\xff\xff\xff\xff"), "protocol error"),
    "a command that is none": Row(Send(data_pdu(1, b"\xff" * 40, 3)), "protocol error", keeps=True),
    "an empty command": Row(Send(data_pdu(1, b"", 3)), "protocol error", keeps=True),
    "a PDV longer than its PDU": Row(Send(wire.pdu(wire.P_DATA, b"\0\0\0\x50\x01\x03")), "protocol error"),
    "nothing": Row(Silence(), "timed out", error=TimedOut),
}


def timeouts(row: Row) -> dict[str, float]:
    return {"dimse_timeout": 1.0, "acse_timeout": 10} if row.reason == "timed out" else {"dimse_timeout": 20}


@pytest.mark.parametrize("name", ROWS)
def test_the_rest_is_sent_all_the_same(tmp_path: Path, name: str) -> None:
    """Without halting: the instance is unconfirmed and not sent again, all others arrive."""
    row = ROWS[name]
    sent = send_all(write_instances(tmp_path, 5), Script(stores={2: row.answer}), Script(), **timeouts(row))
    assert sent.results == ["stored", "unconfirmed", "stored", "stored", "stored"]
    second = sent.outcomes[1]
    assert second.status is None
    assert second.reason is not None
    assert second.reason.value == row.reason
    assert second.message
    assert "\n" not in second.message
    assert second.is_retryable
    assert sent.error is None
    first = ["request", "store 1", "store 2"]
    if row.keeps:
        assert sent.courses == [[*first, "store 3", "store 4", "store 5", "release"]]
    else:
        assert sent.courses == [[*first, *row.end], ["request", "store 1", "store 2", "store 3", "release"]]
    assert [outcome.association for outcome in sent.outcomes] == [1, 1] + [1 if row.keeps else 2] * 3


@pytest.mark.parametrize("name", ROWS)
def test_the_rest_is_not_attempted(tmp_path: Path, name: str) -> None:
    """With halting: the association is aborted, and the error is raised after the last outcome."""
    row = ROWS[name]
    sent = send_all(write_instances(tmp_path, 5), Script(stores={2: row.answer}), halt=True, **timeouts(row))
    assert sent.results == ["stored", "unconfirmed", "not attempted", "not attempted", "not attempted"]
    assert sent.reasons == ["", row.reason, "halted", "halted", "halted"]
    assert isinstance(sent.error, SendingFailed)
    assert isinstance(sent.error.cause, row.error)
    assert sent.courses == [["request", "store 1", "store 2", *row.end]]


def test_an_answer_that_comes_after_something_else_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    """The peer sends a stray message before each answer; each answer is that to the instance before."""
    echo = wire.command_pdu(1, wire.encode_command({wire.COMMAND_FIELD: wire.C_ECHO_RSP,
                                                    wire.MESSAGE_ID_RESPONDED_TO: 9,
                                                    wire.DATA_SET_TYPE: wire.NO_DATA_SET,
                                                    wire.STATUS: 0}))  # fmt: skip
    sent = send_all(write_instances(tmp_path, 4), Script(stores={1: Send(echo + response(1, 0xA700))}))
    assert sent.results == ["unconfirmed", "stored", "stored", "stored"]


NEWS = {"abort": wire.abort(0, 0), "release": wire.release_request(), "garbage": GARBAGE.data}


@pytest.mark.parametrize("news", NEWS.values(), ids=NEWS)
def test_bad_news_that_comes_with_an_answer(tmp_path: Path, news: bytes) -> None:
    """Nothing of the next instance has been sent then, so it goes out on the next association."""
    sent = send_all(write_instances(tmp_path, 4), Script(stores={2: Send(response(2) + news)}), Script())
    assert sent.results == ["stored"] * 4
    assert [outcome.association for outcome in sent.outcomes] == [1, 1, 2, 2]
    assert [store.sop_instance_uid for store in sent.peer.stores] == [instance_uid(number) for number in range(1, 5)]


def test_bad_news_that_comes_with_the_last_answer(tmp_path: Path) -> None:
    """Everything has its answer already; only the release fails, and that is no error of the transfer."""
    sent = send_all(write_instances(tmp_path, 2), Script(stores={2: Send(response(2) + wire.abort(0, 0))}), halt=True)
    assert sent.results == ["stored", "stored"]
    assert sent.error is None


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("answer", [Abort(), Close(), Close(reset=True), Silence(), GARBAGE, RELEASE_REQUEST], ids=str)
def test_release_that_is_not_confirmed_changes_nothing(tmp_path: Path, answer: object, halt: bool) -> None:
    script = Script(release=answer)  # type: ignore[arg-type]
    seconds = 2 if isinstance(answer, Silence) else 20
    sent = send_all(write_instances(tmp_path, 2), script, halt=halt, acse_timeout=seconds)
    assert sent.results == ["stored", "stored"]
    assert sent.error is None


# --- instances that cannot be sent


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def remove_data_set(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 144 + int.from_bytes(content[140:144], "little")])


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize(
    ("spoil", "reason"), [(truncate, "data set broken"), (remove_data_set, "missing UID")]
)
def test_broken_file(tmp_path: Path, spoil: object, reason: str, halt: bool) -> None:
    files = write_instances(tmp_path, 4)
    spoil(files[1])  # type: ignore[operator]
    sent = send_all(files, halt=halt)
    rest = "not attempted" if halt else "stored"
    assert sent.results == ["stored", "failed", rest, rest]
    assert sent.reasons[1] == reason
    assert not sent.outcomes[1].is_retryable
    end = ["abort 0 0"] if halt else ["store 2", "store 3", "release"]
    assert sent.courses == [["request", "store 1", *end]]
    assert isinstance(sent.error, SendingFailed) is halt
    assert sent.peer.complaints == []


@pytest.mark.parametrize("convert", [True, False])
@pytest.mark.parametrize("halt", [False, True])
def test_refused_context(tmp_path: Path, halt: bool, convert: bool) -> None:
    files = write_instances(tmp_path, 4, (CT_CLASS, MR_CLASS))
    sent = send_all(files, Script(associate=Accept(refuse(3))), halt=halt, convert=convert)
    assert sent.results == ["stored", "failed", *(["not attempted"] * 2 if halt else ["stored", "failed"])]
    reason = "no acceptable presentation context" if convert else "presentation context refused"
    assert sent.reasons[1] == reason
    assert sent.courses == [["request", "store 1", *(["abort 0 0"] if halt else ["store 2", "release"])]]


def test_message_ids_count_what_was_loaded(tmp_path: Path) -> None:
    """A file that cannot be loaded takes none, one without an accepted context takes one, as in DCMTK."""
    files = write_instances(tmp_path, 6, (CT_CLASS, CT_CLASS, MR_CLASS))
    truncate(files[1])
    sent = send_all(files, Script(associate=Accept(refuse(3))))
    assert [outcome.message_id for outcome in sent.outcomes] == [1, 0, 2, 3, 4, 5]
    assert [store.message_id for store in sent.peer.stores] == [1, 3, 4]


def test_what_an_outcome_knows(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 2, (CT_CLASS, MR_CLASS))
    sent = send_all(files)
    for number, outcome in enumerate(sent.outcomes, start=1):
        store = sent.peer.stores[number - 1]
        assert outcome.index == number
        assert outcome.instance.input.path == str(files[number - 1])
        assert (outcome.sop_class_uid, outcome.sop_instance_uid) == (store.sop_class_uid, store.sop_instance_uid)
        assert (outcome.message_id, outcome.context_id) == (store.message_id, store.context_id)
        assert outcome.bytes_sent == outcome.data_set_length == len(store.data_set)
        assert outcome.sent_syntax is outcome.instance.transfer_syntax
        assert outcome.started > 0
        assert outcome.seconds >= 0


def test_sent_result_type(tmp_path: Path) -> None:
    assert isinstance(send_all(write_instances(tmp_path, 1)), Sent)
