"""Carries the transfer list over sessions of a target; every instance ends in exactly one outcome."""

from __future__ import annotations

from .engine import Engine, not_attempted
from .observer import CallerFailed, Observer, tell_caller
from .options import AutoAssociations, RetryOptions, TransferOptions
from .outcome import Attempt, Reason, Result, StoreOutcome, after_unanswered, may_succeed
from .peer_facts import Counter, Counts, PeerFacts, Timings, blames_receiver, log_end
from .time_window import limit_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .auto_count import AutoCount
    from .events import AssociationClosed, AssociationOpened, BytesSent, HostNews, Waiting
    from .feed import Feed
    from .growing_list import GrowingList, Growth, Pulled
    from .ledger import Ledger, Recall
    from .proof import CommitmentAnswer, Holdings, InstanceProof, Proof, ProofState, Verdict
    from .rate import Pace
    from .target import Session, Stretch, Taker, Target
    from .timetable import PartOfRate, Timetable

__all__ = [
    "AssociationClosed",
    "AssociationOpened",
    "Attempt",
    "AutoAssociations",
    "AutoCount",
    "BytesSent",
    "CallerFailed",
    "CommitmentAnswer",
    "Counter",
    "Counts",
    "Engine",
    "Feed",
    "GrowingList",
    "Growth",
    "Holdings",
    "HostNews",
    "InstanceProof",
    "Ledger",
    "Observer",
    "Pace",
    "PartOfRate",
    "PeerFacts",
    "Proof",
    "ProofState",
    "Pulled",
    "Reason",
    "Recall",
    "Result",
    "RetryOptions",
    "Session",
    "StoreOutcome",
    "Stretch",
    "Taker",
    "Target",
    "Timetable",
    "Timings",
    "TransferOptions",
    "Verdict",
    "Waiting",
    "after_unanswered",
    "blames_receiver",
    "limit_time",
    "log_end",
    "may_succeed",
    "not_attempted",
    "tell_caller",
]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "Feed":
        from .feed import Feed

        return Feed
    if name in ("Session", "Stretch", "Taker", "Target"):  # only type checkers use these
        from . import target

        return getattr(target, name)
    if name in ("CommitmentAnswer", "Holdings", "InstanceProof", "Proof", "ProofState", "Verdict"):
        from . import proof

        return getattr(proof, name)
    if name in ("AssociationClosed", "AssociationOpened", "BytesSent", "HostNews", "Waiting"):  # only for observers
        from . import events

        return getattr(events, name)
    if name in ("PartOfRate", "Timetable"):
        from . import timetable

        return getattr(timetable, name)
    if name == "Pace":
        from .rate import Pace

        return Pace
    if name == "AutoCount":
        from .auto_count import AutoCount

        return AutoCount
    if name in ("GrowingList", "Growth", "Pulled"):
        from . import growing_list

        return getattr(growing_list, name)
    if name in ("Ledger", "Recall"):
        from . import ledger

        return getattr(ledger, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
