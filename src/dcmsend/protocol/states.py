"""The upper layer's state machine as data.  Source: PS3.8 Table 9-10 (and Tables 9-1 to 9-9 for the names).

The table can be compared with the standard's: a row for each event, a column for each state; ``-`` cannot happen.
"""

from __future__ import annotations

from enum import IntEnum

from dcmsend.dicom.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["ACTIONS", "TRANSITIONS", "Action", "Evt", "State"]


class State(IntEnum):
    """PS3.8 Tables 9-1 to 9-5."""

    IDLE = 1
    AWAITING_ASSOCIATE_RQ = 2
    AWAITING_LOCAL_ASSOCIATE_RESPONSE = 3
    AWAITING_TRANSPORT_CONNECTION = 4
    AWAITING_ASSOCIATE_AC_OR_RJ = 5
    DATA_TRANSFER = 6
    AWAITING_RELEASE_RP = 7
    AWAITING_LOCAL_RELEASE_RESPONSE = 8
    COLLISION_REQUESTOR_AWAITING_LOCAL_RESPONSE = 9
    COLLISION_ACCEPTOR_AWAITING_RELEASE_RP = 10
    COLLISION_REQUESTOR_AWAITING_RELEASE_RP = 11
    COLLISION_ACCEPTOR_AWAITING_LOCAL_RESPONSE = 12
    AWAITING_TRANSPORT_CLOSE = 13


class Evt(IntEnum):
    """The events of Table 9-10: requests of the service user, and input from the network."""

    ASSOCIATE_REQUEST = 1
    TRANSPORT_CONNECT_CONFIRM = 2
    ASSOCIATE_AC_RECEIVED = 3
    ASSOCIATE_RJ_RECEIVED = 4
    TRANSPORT_CONNECT_INDICATION = 5
    ASSOCIATE_RQ_RECEIVED = 6
    ASSOCIATE_RESPONSE_ACCEPT = 7
    ASSOCIATE_RESPONSE_REJECT = 8
    P_DATA_REQUEST = 9
    P_DATA_RECEIVED = 10
    RELEASE_REQUEST = 11
    RELEASE_RQ_RECEIVED = 12
    RELEASE_RP_RECEIVED = 13
    RELEASE_RESPONSE = 14
    ABORT_REQUEST = 15
    ABORT_RECEIVED = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU_RECEIVED = 19


_TABLE_9_10: Final = """
        Sta1 Sta2 Sta3 Sta4 Sta5 Sta6 Sta7 Sta8 Sta9 Sta10 Sta11 Sta12 Sta13
Evt1    AE-1 -    -    -    -    -    -    -    -    -     -     -     -
Evt2    -    -    -    AE-2 -    -    -    -    -    -     -     -     -
Evt3    -    AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt4    -    AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt5    AE-5 -    -    -    -    -    -    -    -    -     -     -     -
Evt6    -    AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
Evt7    -    -    AE-7 -    -    -    -    -    -    -     -     -     -
Evt8    -    -    AE-8 -    -    -    -    -    -    -     -     -     -
Evt9    -    -    -    -    -    DT-1 -    AR-7 -    -     -     -     -
Evt10   -    AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt11   -    -    -    -    -    AR-1 -    -    -    -     -     -     -
Evt12   -    AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-6
Evt13   -    AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3  AA-8  AA-6
Evt14   -    -    -    -    -    -    -    AR-4 AR-9 -     -     AR-4  -
Evt15   -    -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1  AA-1  -
Evt16   -    AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3  AA-3  AA-2
Evt17   -    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4  AA-4  AR-5
Evt18   -    AA-2 -    -    -    -    -    -    -    -     -     -     AA-2
Evt19   -    AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8  AA-8  AA-7
"""


class Action(Value):
    """The effect of one action of Table 9-10 on a core that has no transport and no timer of its own.

    Attributes:
        name: the action's name in the table.
        next_state: of the association requestor; in IDLE the caller closes the transport connection.
        acceptor_next_state: of the association acceptor.
        indicates: whether the service user is told (indication or confirmation primitive).
        aborts: whether an unrequested A-ABORT PDU has to be sent.

    Source: PS3.8 Tables 9-6 to 9-9.
    """

    __slots__ = ("aborts", "acceptor_next_state", "indicates", "name", "next_state")

    def __init__(
        self, name: str, next_state: int, *, acceptor: int = 0, indicates: bool = False, aborts: bool = False
    ) -> None:
        self.name: Final = name
        self.next_state: Final = State(next_state)
        self.acceptor_next_state: Final = State(acceptor or next_state)
        self.indicates: Final = indicates
        self.aborts: Final = aborts


ACTIONS: Final = {
    action.name: action
    for action in (
        Action("AE-1", 4),  # issue TRANSPORT CONNECT request
        Action("AE-2", 5),  # send A-ASSOCIATE-RQ
        Action("AE-3", 6, indicates=True),  # A-ASSOCIATE confirmation (accept)
        Action("AE-4", 1, indicates=True),  # A-ASSOCIATE confirmation (reject)
        Action("AE-5", 2),  # issue TRANSPORT CONNECT response, start ARTIM
        Action("AE-6", 3, indicates=True),  # A-ASSOCIATE indication; the user rejects for the provider, too
        Action("AE-7", 6),  # send A-ASSOCIATE-AC
        Action("AE-8", 13),  # send A-ASSOCIATE-RJ, start ARTIM
        Action("DT-1", 6),  # send P-DATA-TF
        Action("DT-2", 6, indicates=True),  # P-DATA indication
        Action("AR-1", 7),  # send A-RELEASE-RQ
        Action("AR-2", 8, indicates=True),  # A-RELEASE indication
        Action("AR-3", 1, indicates=True),  # A-RELEASE confirmation
        Action("AR-4", 13),  # send A-RELEASE-RP, start ARTIM
        Action("AR-5", 1),  # stop ARTIM
        Action("AR-6", 7, indicates=True),  # P-DATA indication
        Action("AR-7", 8),  # send P-DATA-TF
        Action("AR-8", 9, acceptor=10, indicates=True),  # A-RELEASE indication (release collision)
        Action("AR-9", 11),  # send A-RELEASE-RP
        Action("AR-10", 12, indicates=True),  # A-RELEASE confirmation
        Action("AA-1", 13, aborts=True),  # send A-ABORT (service user), start ARTIM
        Action("AA-2", 1),  # stop ARTIM
        Action("AA-3", 1, indicates=True),  # A-ABORT or A-P-ABORT indication
        Action("AA-4", 1, indicates=True),  # A-P-ABORT indication
        Action("AA-5", 1),  # stop ARTIM
        Action("AA-6", 13),  # ignore the PDU
        Action("AA-7", 13, aborts=True),  # send A-ABORT
        Action("AA-8", 13, indicates=True, aborts=True),  # send A-ABORT (provider), A-P-ABORT indication, start ARTIM
    )
}


def _read_table() -> tuple[tuple[Action | None, ...], ...]:
    rows = [row.split()[1:] for row in _TABLE_9_10.strip().splitlines()[1:]]
    nothing: tuple[Action | None, ...] = (None,) * (len(State) + 1)
    return (nothing, *((None, *(ACTIONS.get(name) for name in row)) for row in rows))


TRANSITIONS: Final = _read_table()
"""The action for an event in a state, ``TRANSITIONS[event][state]``; None if the event cannot happen there."""
