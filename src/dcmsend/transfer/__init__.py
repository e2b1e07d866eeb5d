"""Carries out the plan over associations; every instance ends in exactly one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .engine import Engine, not_attempted
from .events import AssociationClosed, AssociationOpened, BytesSent, Observer, Waiting
from .options import AddressFamily, Peer, RetryOptions, TransferOptions
from .outcome import Attempt, Reason, Result, StoreOutcome
from .remedies import remedy
from .time_window import limit_time

if TYPE_CHECKING:
    from .probing import ProbeAnswer, echo, probe

__all__ = [
    "AddressFamily",
    "AssociationClosed",
    "AssociationOpened",
    "Attempt",
    "BytesSent",
    "Engine",
    "Observer",
    "Peer",
    "ProbeAnswer",
    "Reason",
    "Result",
    "RetryOptions",
    "StoreOutcome",
    "TransferOptions",
    "Waiting",
    "echo",
    "limit_time",
    "not_attempted",
    "probe",
    "remedy",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name in ("ProbeAnswer", "echo", "probe"):
        from . import probing

        return getattr(probing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
