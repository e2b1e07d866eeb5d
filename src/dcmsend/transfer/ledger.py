"""What outlives a run, as the transfer sees it."""

from __future__ import annotations

from typing import Protocol

from .outcome import StoreOutcome

__all__ = ["Ledger"]


class Ledger(Protocol):
    """Keeps outcomes from run to run; asked and told by any thread."""

    def note(self, outcome: StoreOutcome) -> None:
        """An outcome is final."""
        ...

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run has completely sent the same instance from the same file and got no answer."""
        ...
