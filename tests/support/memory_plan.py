"""Plans the result of each attempt to send an instance to a target in memory, or to open a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

__all__ = ["DUPLICATE", "STORED", "Fate", "Opening", "Plan", "Way"]

DUPLICATE = 0x0111


class Way(Enum):
    """The planned result of one attempt to send an instance."""

    ANSWERED = "answered"
    ANSWERED_TWICE = "answered twice"
    LOST_BEFORE = "session lost before anything is sent"
    LOST_WITHIN = "session lost when half is sent"
    LOST_AFTER = "session lost when all is sent, before the answer"
    SILENT = "never answered"
    BROKEN = "cannot be sent, whatever the session"


class Fate(NamedTuple):
    """One planned attempt.

    Attributes:
        status: of the answer, where there is one.
        late: the answer comes when so many further instances have been sent, or when the sender waits for it.
        is_taken: whether the target stores an instance that it does not answer.
    """

    way: Way = Way.ANSWERED
    status: int = 0
    late: int = 0
    is_taken: bool = True


STORED = Fate()


class Opening(Enum):
    """The planned result of an attempt to open a session."""

    GOOD = "good"
    TRANSIENT = "refused for now"
    PERMANENT = "refused for good"
    TAKES_NOTHING = "opened, but takes nothing"
    WAITS = "left waiting as long as another session is open"


@dataclass(frozen=True)
class Plan:
    """What happens.

    Attributes:
        attempts: by index in the list, the fates of an instance; after the last it is stored.
        openings: of all sessions together; after the last they are good.
        window: requests that may be without an answer.
        stretch_length: how many instances the sessions of one kind can serve.
        refuses_duplicates: whether an instance stored before is answered with 0x0111.
        halts: the first instance that cannot be sent ends the run, as ``halt_on_failure`` without further attempts.
        pauses: a session on which the peer is out of resources begins nothing more, as with further attempts.
        before_each: called with the number of instances begun so far, before the next one is.
    """

    attempts: Mapping[int, Sequence[Fate]] = field(default_factory=dict)
    openings: Sequence[Opening] = ()
    window: int = 1
    stretch_length: int = 1 << 60
    refuses_duplicates: bool = False
    halts: bool = False
    pauses: bool = False
    one_session: bool = False
    is_possible: bool = True
    before_each: Callable[[int], None] = lambda _: None
