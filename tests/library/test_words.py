"""An error and an outcome say in words what the log says, and why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend import Peer, TransferOptions, send
from dcmsend.errors import AssociationAborted, AssociationRejected, DataSetError, NegotiationFailed, SendingFailed
from dcmsend.explanations import one_line
from dcmsend.transfer import Result
from support.file_changes import AtOpening, cut, leave
from support.peer_script import Abort, Accept, Close, Reject, Respond, Script, Silence, refuse
from support.ports import free_port
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, write_instances


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"123")


KINDS: dict[str, tuple[Script, Callable[[Path], object], Callable[[Path], object]]] = {
    "rejected for good": (Script(associate=Reject(1, 1, 7)), leave, leave),
    "rejected for now": (Script(associate=Reject(2, 3, 1)), leave, leave),
    "rejected without a known reason": (Script(associate=Reject(1, 9, 9)), leave, leave),
    "aborted at once": (Script(associate=Abort(2, 1)), leave, leave),
    "closed at once": (Script(associate=Close()), leave, leave),
    "no answer to the request": (Script(associate=Silence()), leave, leave),
    "no context": (Script(associate=Accept(refuse())), leave, leave),
    "refused": (Script(stores={2: Respond(0xA700), 3: Respond(0xC123)}), leave, leave),
    "a warning": (Script(stores={1: Respond(0xB000)}), leave, leave),
    "aborted": (Script(stores={2: Abort()}), leave, leave),
    "aborted with a reason": (Script(stores={2: Abort(2, 6)}), leave, leave),
    "lost": (Script(stores={2: Close()}), leave, leave),
    "no answer": (Script(stores={2: Silence()}), leave, leave),
    "another answer": (Script(stores={2: Respond(command_field=0x8030)}), leave, leave),
    "broken": (Script(), cut, leave),
    "longer than it says": (Script(), grow, leave),
    "gone": (Script(), leave, Path.unlink),
    "cut meanwhile": (Script(), leave, cut),
}


@pytest.mark.parametrize("halt", [False, True], ids=["goes on", "halts"])
@pytest.mark.parametrize("case", KINDS)
def test_an_outcome_says_what_the_log_says(
    case: str, halt: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each part of a message stands in the log, and the reason of an error stands in the message."""
    script, before, meanwhile = KINDS[case]
    files = write_instances(tmp_path, 4)
    before(files[1])
    caplog.set_level(logging.DEBUG, "dcmsend")
    with ScriptedPeer(*[script] * 8) as peer:
        transfer = send(
            files,
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=halt, acse_timeout=2, idle_timeout=2),
            observer=AtOpening(lambda: meanwhile(files[1])),
        )
        outcomes, error = run_transfer(transfer)
    assert len(outcomes) == 4
    for outcome in outcomes:
        if outcome.result is not Result.STORED:
            assert outcome.message, outcome
        assert "\n" not in outcome.message
        for part in outcome.message.split("; "):
            assert part in caplog.text, outcome.message
    if error is not None:
        assert one_line(error) in {outcome.message for outcome in outcomes} | {
            f"{SendingFailed.prefix}: {outcome.message}" for outcome in outcomes
        }


def test_errors_carry_the_rejection() -> None:
    rejected = AssociationRejected(1, 1, 7, "Result: Rejected Permanent\nReason: Called AE Title Not Recognized")
    assert str(rejected) == "DUL Association Rejected; Reason: Called AE Title Not Recognized"
    assert str(NegotiationFailed(rejected)) == f"{NegotiationFailed.prefix}: {rejected}"
    assert rejected.text == "DUL Association Rejected"
    assert str(AssociationRejected(1, 1, 7)) == rejected.text
    assert str(SendingFailed(AssociationAborted(2, 6, "Reason: x"))).endswith("; Reason: x")
    assert str(DataSetError("Invalid stream", "it ends at byte 3")) == "Invalid stream; it ends at byte 3"


def test_an_error_without_a_connection_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outcomes, error = run_transfer(send(write_instances(tmp_path, 2), Peer("127.0.0.1", free_port())))
    assert {outcome.message for outcome in outcomes} == {str(error)}
    for part in str(error).split("; "):
        assert part in caplog.text
