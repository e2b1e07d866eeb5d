"""What outlives a run, as a run sees it."""

from __future__ import annotations

from typing import Protocol

from dcmsend.index import RejectedInput
from dcmsend.inputs import Source

from .outcome import StoreOutcome

__all__ = ["Ledger", "Recall"]


class Recall(Protocol):
    """What is remembered of earlier runs, asked while inputs are looked for; all by one thread at a time."""

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is no input at all: a file of the journal, or one that was moved when it was sent."""
        ...

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent, because it is stored and has not changed.  Raises JournalError."""
        ...

    def reject(self, rejected: RejectedInput) -> None:
        """An input is broken.  Raises JournalError."""
        ...


class Ledger(Recall, Protocol):
    """Keeps outcomes from run to run."""

    def note(self, outcome: StoreOutcome) -> None:
        """An outcome is final.  Told as soon as it is, in no particular order."""
        ...

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run has completely sent the same instance from the same file and got no answer."""
        ...

    def was_moved(self, item: Source) -> bool:
        """Whether this run has had an input stored that is not there any more; seldom asked."""
        ...

    def all_found(self) -> None:
        """Nothing more will be looked for."""
        ...
