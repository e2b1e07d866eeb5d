"""Proof by query: asks an archive, after the sending, which of the instances it has, and judges its answers.

Pure policy: the questions go out through a ``Finder``; clock and waiting are handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .options import CommitOptions, VerifyOptions

if TYPE_CHECKING:
    from .finder import Finder
    from .items import Item, Provable, ProvableT
    from .verifier import ProofCounts, SeriesRemark, Verifier

__all__ = [
    "CommitOptions", "Finder", "Item", "ProofCounts", "Provable", "ProvableT", "SeriesRemark", "Verifier",
    "VerifyOptions",
]

_HOMES: Final = {
    "Finder": "finder", "Item": "items", "Provable": "items", "ProvableT": "items",
    "ProofCounts": "verifier", "SeriesRemark": "verifier", "Verifier": "verifier",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a name when it is first used: most runs only need the options."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
