"""Rows 81 to 88 and 91: what the peer answers to a C-STORE and to the release."""

from __future__ import annotations

import pytest

from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, report_of, statuses
from parity.rows import row
from support import wire
from support.fixture_files import FixtureFiles
from support.peer_script import GARBAGE, RELEASE_REQUEST, Abort, Close, Respond, Script, Silence, StoreAnswer

pytestmark = pytest.mark.peer("dcmtk-dcmsend")


@row(81, 82)
@pytest.mark.parametrize(
    ("status", "text", "class_of_status"),
    [
        (0xA700, "Refused: OutOfResources", "REFUSED"),
        (0xA7FF, "Refused: OutOfResources", "REFUSED"),
        (0x0122, "Refused: SOPClassNotSupported", "REFUSED"),
        (0xA900, "Error: DataSetDoesNotMatchSOPClass", "ERROR"),
        (0xC001, "Error: CannotUnderstand", "ERROR"),
        (0xB000, "Warning: CoercionOfDataElements", "WARNING"),
        (0xB006, "Warning: ElementsDiscarded", "WARNING"),
        (0xB007, "Warning: DataSetDoesNotMatchSOPClass", "WARNING"),
        (0x0001, "Unknown Status: 0x1", "WARNING"),
        (0x0107, "Unknown Status: 0x107", "WARNING"),
        (0x0116, "Unknown Status: 0x116", "WARNING"),
        (0xB123, "Unknown Status: 0xb123", "WARNING"),
        (0x0110, "Unknown Status: 0x110", "unknown"),
        (0x0124, "Unknown Status: 0x124", "unknown"),
        (0xFE00, "Unknown Status: 0xfe00", "unknown"),
        (0xFF00, "Unknown Status: 0xff00", "unknown"),
        (0x1234, "Unknown Status: 0x1234", "unknown"),
    ],
)
def test_status(duel: Duel, files: FixtureFiles, status: int, text: str, class_of_status: str) -> None:
    pair = duel(files("CT"), files("CT2"), "-v", peer=Script(stores={1: Respond(status)}))
    pair.assert_same(0)
    for run in pair:
        assert statuses(run) == [f"0x{status:04x} ({text})", "0x0000 (Success)"]
        line = f"  * with {'unknown status ' if class_of_status == 'unknown' else f'status {class_of_status:<8}'} : 1"
        assert line in report_of(run).summary.split("\n")
        assert f"I: {line}" in run.lines("I")


@row(83)
@pytest.mark.parametrize(
    ("status", "misread"), [(0xFFFF, "<no acceptable presentation context>"), (0xFFFE, "<invalid dataset pointer>")]
)
def test_statuses_that_are_no_statuses_in_dcmtk(duel: Duel, files: FixtureFiles, status: int, misread: str) -> None:
    pair = duel(files("CT"), peer=Script(stores={1: Respond(status)}))
    pair.assert_same(0, but={"report": "D06"})
    assert statuses(pair.theirs) == [misread]
    assert statuses(pair.ours) == [f"0x{status:04x} (Unknown Status: 0x{status:x})"]
    assert "  * with unknown status  : 1\n" in report_of(pair.ours).summary + "\n"


@row(84)
@pytest.mark.parametrize(
    "answer",
    [
        Respond(omit=(wire.AFFECTED_SOP_CLASS_UID, wire.AFFECTED_SOP_INSTANCE_UID)),
        Respond(sop_instance_uid="1.2.3.4.5"),
        Respond(extra={0x0902: b"comment "}),
    ],
    ids=["no UIDs", "another instance", "error comment"],
)
def test_response_without_uids_or_with_others(duel: Duel, files: FixtureFiles, answer: Respond) -> None:
    duel(files("CT"), files("CT2"), peer=Script(stores={1: answer})).assert_same(0)


@row(84)
def test_response_to_another_message(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK takes any answer for the answer; ours matches the message id and gives up on one that fits nothing."""
    pair = duel(files("CT"), files("CT2"), peer=Script(stores={1: Respond(message_id=77)}))
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D06"))
    assert pair.theirs.exit_code == 0
    assert pair.ours.exit_code == 62


@row(84)
def test_response_on_another_accepted_context(duel: Duel, files: FixtureFiles) -> None:
    duel(files("CT"), files("MR"), peer=Script(stores={1: Respond(context_id=3)})).assert_same(0)


@row(85)
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Respond(omit=(wire.STATUS,)), "Command Parse Failed"),
        (Respond(command_field=wire.C_ECHO_RSP), "Expected C-STORE response but received DIMSE command 0x8030"),
        (Respond(context_id=99), "ASC Bad presentation context ID"),
    ],
    ids=["no status", "C-ECHO response", "unknown context"],
)
def test_wrong_response(duel: Duel, files: FixtureFiles, answer: Respond, text: str) -> None:
    pair = duel(files("CT"), files("CT2"), peer=Script(stores={1: answer}))
    pair.assert_same(62)
    for run in pair:
        assert run.peer.connections[0].course[:3] == ["request", "store 1", "abort 0 0"]
        assert any(text in line for line in run.lines("E"))


@row(85)
@pytest.mark.parametrize(
    "answer",
    [Respond(omit=(wire.STATUS,)), Respond(command_field=wire.C_ECHO_RSP), Respond(context_id=99)],
    ids=["no status", "C-ECHO response", "unknown context"],
)
def test_wrong_response_and_no_halt(duel: Duel, files: FixtureFiles, answer: Respond) -> None:
    """It is no answer, and the next entry goes over the same association."""
    pair = duel(files("CT"), files("CT2"), "-nh", peer=(Script(stores={1: answer}), Script()))
    pair.assert_same(0)
    for run in pair:
        assert statuses(run) == ["<not sent>", "0x0000 (Success)"]
        assert [len(each.stores) for each in run.peer.connections] == [2]


@row(86)
@pytest.mark.parametrize("answer", [Abort(), Abort(2, 1), Close(), Close(reset=True)], ids=str)
def test_peer_goes_away(duel: Duel, files: FixtureFiles, answer: StoreAnswer) -> None:
    pair = duel(files("CT"), files("MR"), files("CT2"), peer=Script(stores={2: answer}))
    pair.assert_same(62)
    for run in pair:
        assert run.lines("F")[0] == "F: cannot send SOP instance: Peer aborted Association (or never connected)"


@row(87)
@pytest.mark.parametrize("answer", [Abort(), Close()], ids=str)
def test_peer_goes_away_and_no_halt(duel: Duel, files: FixtureFiles, answer: StoreAnswer) -> None:
    """DCMTK tries the rest on the dead association; ours opens another one for it."""
    peer = (Script(stores={2: answer}), Script())
    pair = duel(files("CT"), files("MR"), files("CT2"), "-nh", peer=peer)
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D03"))
    assert statuses(pair.theirs) == ["0x0000 (Success)", "<not sent>", "<not sent>"]
    assert statuses(pair.ours) == ["0x0000 (Success)", "<not sent>", "0x0000 (Success)"]
    assert [len(each.stores) for each in pair.ours.peer.connections] == [2, 1]
    assert [store.message_id for store in pair.ours.peer.connections[1].stores] == [1]


@row(87)
def test_peer_always_goes_away_and_no_halt(duel: Duel, files: FixtureFiles) -> None:
    names = [files(f"C{number}") for number in range(1, 9)]
    pair = duel(*names, "-nh", peer=Script(other_stores=Abort()))
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D03"))
    assert statuses(pair.theirs) == ["<not sent>"] * 8
    assert statuses(pair.ours) == ["<not sent>"] * 8
    assert len(pair.ours.peer.connections) == 3


@row(88)
def test_peer_wants_to_release(duel: Duel, files: FixtureFiles) -> None:
    names = [files(name) for name in ("CT", "MR", "CT2")]
    pair = duel(*names, peer=Script(stores={2: RELEASE_REQUEST}))
    pair.assert_same(62)
    for run in pair:
        assert run.peer.connections[0].course[-1] == "abort 0 0"
    pair = duel(*names, "-nh", peer=(Script(stores={2: RELEASE_REQUEST}), Script()))
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D03"))
    assert statuses(pair.ours) == ["0x0000 (Success)", "<not sent>", "0x0000 (Success)"]


@row(88)
def test_garbage_instead_of_a_response(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"), files("MR"), files("CT2"), peer=Script(stores={2: GARBAGE}))
    pair.assert_same(62)
    for run in pair:
        assert any("Unrecognized PDU type: 99" in line for line in run.lines("E"))
        assert run.peer.connections[0].course[-1] == "abort 0 0"


@row(91)
@pytest.mark.parametrize("answer", [Abort(), Close()], ids=str)
def test_release_is_not_confirmed(duel: Duel, files: FixtureFiles, answer: Abort | Close) -> None:
    pair = duel(files("CT"), peer=Script(release=answer))
    pair.assert_same(0)
    for run in pair:
        assert any(line.startswith("E: Association Release Failed") for line in run.lines("E"))
        assert statuses(run) == ["0x0000 (Success)"]


@row(91)
def test_release_is_never_confirmed(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"), "-ta", "3", peer=Script(release=Silence()))
    pair.assert_same(0)
    for run in pair:
        assert any(line.startswith("E: Association Release Failed") for line in run.lines("E"))
