"""PS3.8 Table 9-10: the data against pynetdicom's copy of it, and the UpperLayer in every state with every event."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pynetdicom import fsm

from dcmsend.errors import LocalProtocolError, RemoteProtocolError
from dcmsend.protocol import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ContextResult,
    PDataTF,
    Pdu,
    PresentationContext,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
    State,
    UpperLayer,
    UserInformation,
    encode_pdu,
)
from dcmsend.protocol.states import TRANSITIONS, Evt
from protocol.messages import CT, EXPLICIT_LITTLE

STATES = list(range(1, 14))
EVENTS = list(range(1, 20))

RQ = AssociateRQ("B", "A", (PresentationContext(1, CT, (EXPLICIT_LITTLE,)),), UserInformation())
AC = AssociateAC("B", "A", (ContextResult(1, 0, EXPLICIT_LITTLE),), UserInformation())
DATA = PDataTF((PresentationDataValue(1, False, True, b"ab"),))
UNKNOWN_PDU = bytes((0x7F, 0, 0, 0, 0, 0))


def judged_next_state(event: int, state: int, *, is_acceptor: bool) -> int | None:
    """Where the standard goes, as pynetdicom has it; None for what cannot happen."""
    action = fsm.TRANSITION_TABLE.get((f"Evt{event}", f"Sta{state}"))
    if action is None:
        return None
    name = fsm.ACTIONS[action][2]
    if isinstance(name, tuple):  # AE-6: acceptable or not; AR-8: requestor or acceptor
        name = name[1] if action == "AR-8" and is_acceptor else name[0]
    return int(name.removeprefix("Sta"))


@pytest.mark.parametrize("event", EVENTS)
def test_the_table_is_the_standards(event: int) -> None:
    for state in STATES:
        action = TRANSITIONS[event][state]
        assert (action and action.name) == fsm.TRANSITION_TABLE.get((f"Evt{event}", f"Sta{state}"))
        if action is not None:
            assert action.next_state == judged_next_state(event, state, is_acceptor=False)
            assert action.acceptor_next_state == judged_next_state(event, state, is_acceptor=True)


def test_an_unexpected_pdu_ends_like_an_invalid_one() -> None:
    """Because of this the UpperLayer needs one way for both."""
    for state in STATES:
        invalid = TRANSITIONS[Evt.INVALID_PDU_RECEIVED][state]
        for event in EVENTS:
            action = TRANSITIONS[event][state]
            if action is not None and action.aborts and event != Evt.ABORT_REQUEST:
                assert action == invalid


STEPS: dict[tuple[str, int], list[Pdu | bytes]] = {
    ("requestor", 1): [],
    ("requestor", 5): [RQ],
    ("requestor", 6): [RQ, encode_pdu(AC)],
    ("requestor", 7): [RQ, encode_pdu(AC), ReleaseRQ()],
    ("requestor", 8): [RQ, encode_pdu(AC), encode_pdu(ReleaseRQ())],
    ("requestor", 9): [RQ, encode_pdu(AC), ReleaseRQ(), encode_pdu(ReleaseRQ())],
    ("requestor", 11): [RQ, encode_pdu(AC), ReleaseRQ(), encode_pdu(ReleaseRQ()), ReleaseRP()],
    ("requestor", 13): [RQ, encode_pdu(AC), Abort()],
    ("acceptor", 2): [],
    ("acceptor", 3): [encode_pdu(RQ)],
    ("acceptor", 6): [encode_pdu(RQ), AC],
    ("acceptor", 7): [encode_pdu(RQ), AC, ReleaseRQ()],
    ("acceptor", 8): [encode_pdu(RQ), AC, encode_pdu(ReleaseRQ())],
    ("acceptor", 10): [encode_pdu(RQ), AC, ReleaseRQ(), encode_pdu(ReleaseRQ())],
    ("acceptor", 12): [encode_pdu(RQ), AC, ReleaseRQ(), encode_pdu(ReleaseRQ()), encode_pdu(ReleaseRP())],
    ("acceptor", 13): [encode_pdu(RQ), AC, Abort()],
}
"""Legal steps into each state (bytes are received): all but Sta4, which lies between two steps of ours."""


def in_state(role: str, state: int) -> UpperLayer:
    layer = UpperLayer(16384, is_acceptor=role == "acceptor")
    for step in STEPS[role, state]:
        if isinstance(step, bytes):
            layer.receive_data(step)
        else:
            layer.send(step)
    assert layer.state == state
    return layer


HAPPENINGS: dict[int, Callable[[UpperLayer], object]] = {
    3: lambda layer: layer.receive_data(encode_pdu(AC)),
    4: lambda layer: layer.receive_data(encode_pdu(AssociateRJ(1, 1, 1))),
    6: lambda layer: layer.receive_data(encode_pdu(RQ)),
    7: lambda layer: layer.send(AC),
    8: lambda layer: layer.send(AssociateRJ(1, 1, 1)),
    9: lambda layer: layer.send(DATA),
    10: lambda layer: layer.receive_data(encode_pdu(DATA)),
    11: lambda layer: layer.send(ReleaseRQ()),
    12: lambda layer: layer.receive_data(encode_pdu(ReleaseRQ())),
    13: lambda layer: layer.receive_data(encode_pdu(ReleaseRP())),
    14: lambda layer: layer.send(ReleaseRP()),
    15: lambda layer: layer.send(Abort()),
    16: lambda layer: layer.receive_data(encode_pdu(Abort(2, 1))),
    17: lambda layer: layer.receive_closed(),
    18: lambda layer: layer.artim_expired(),
    19: lambda layer: layer.receive_data(UNKNOWN_PDU),
}
"""How the events of Table 9-10 come about; 1, 2 and 5 belong to the start and have a test of their own."""


@pytest.mark.parametrize("event", HAPPENINGS)
@pytest.mark.parametrize(("role", "state"), STEPS)
def test_every_event_in_every_state(role: str, state: int, event: int) -> None:
    layer = in_state(role, state)
    expected = judged_next_state(event, state, is_acceptor=role == "acceptor")
    action = fsm.TRANSITION_TABLE.get((f"Evt{event}", f"Sta{state}"), "-")
    if expected is None:
        expected = state
        if event in (17, 18):  # nothing is to be told, nothing changes
            assert not HAPPENINGS[event](layer)
        else:
            with pytest.raises(LocalProtocolError):
                HAPPENINGS[event](layer)
    elif action in ("AA-8", "AA-1") and event != 15:
        with pytest.raises(RemoteProtocolError):
            HAPPENINGS[event](layer)
        assert layer.send(Abort(2, 2)) == encode_pdu(Abort(2, 2)), "the A-ABORT that the standard asks for"
    else:
        HAPPENINGS[event](layer)
    assert layer.state == expected


def test_the_start() -> None:
    requestor = UpperLayer(16384)
    assert requestor.state is State.IDLE
    assert requestor.send(RQ) == encode_pdu(RQ)
    assert requestor.state is State.AWAITING_ASSOCIATE_AC_OR_RJ
    with pytest.raises(LocalProtocolError):
        requestor.send(RQ)
    acceptor = UpperLayer(16384, is_acceptor=True)
    assert acceptor.state is State.AWAITING_ASSOCIATE_RQ
    with pytest.raises(LocalProtocolError):
        acceptor.send(RQ)
