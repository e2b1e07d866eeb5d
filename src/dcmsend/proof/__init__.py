"""Proof: asks an archive, after the sending, what it has (``Verifier``), or to commit itself to it (``Committer``).

Pure policy: the questions go out through a ``Finder`` or a ``Requester``; clock and waiting are handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .options import CommitOptions, VerifyOptions

if TYPE_CHECKING:
    from .committer import Committer, new_transaction_uid
    from .finder import Finder
    from .items import Item, Provable, ProvableT
    from .requester import Reported, Requester, Transactions
    from .verifier import ProofCounts, SeriesRemark, Verifier

__all__ = [
    "CommitOptions", "Committer", "Finder", "Item", "ProofCounts", "Provable", "ProvableT", "Reported", "Requester",
    "SeriesRemark", "Transactions", "Verifier", "VerifyOptions", "new_transaction_uid",
]

_HOMES: Final = {
    "Committer": "committer", "new_transaction_uid": "committer", "Finder": "finder", "Item": "items",
    "Provable": "items", "ProvableT": "items", "Reported": "requester", "Requester": "requester",
    "Transactions": "requester", "ProofCounts": "verifier", "SeriesRemark": "verifier", "Verifier": "verifier",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name when it is first used: most runs only need the options."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
