"""Carries out the plan over associations; every instance ends in exactly one outcome."""

from .engine import Engine, not_attempted
from .events import AssociationClosed, AssociationOpened, BytesSent, Observer
from .options import AddressFamily, Peer, TransferOptions
from .outcome import Reason, Result, StoreOutcome
from .tools import Tools

__all__ = [
    "AddressFamily", "AssociationClosed", "AssociationOpened", "BytesSent", "Engine", "Observer", "Peer", "Reason",
    "Result", "StoreOutcome", "Tools", "TransferOptions", "not_attempted",
]
