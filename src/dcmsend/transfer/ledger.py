"""The memory of earlier runs, as the transfer sees it; a journal implements it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import Source

from .outcome import StoreOutcome

__all__ = ["Ledger", "Recall"]


class Recall(Protocol):
    """Knows what earlier runs did with an input; one thread at a time may ask."""

    def leaves_out(self, item: Source) -> bool:
        """Whether an input is no input at all: a file of the journal, or one that was moved after it was sent."""
        ...

    def is_stored(self, item: Source) -> bool:
        """Whether an input need not be sent, because it is stored and unchanged.  Raises JournalError."""
        ...

    def reject(self, rejected: RejectedInput) -> None:
        """Note that an input is broken.  Raises JournalError."""
        ...

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Note that a file stays where it is, or all that is below a directory: a DICOMDIR (may) refer to it."""
        ...

    def all_found(self) -> None:
        """Note that the search for inputs is over, and has not ended early."""
        ...


class Ledger(Recall, Protocol):
    """Keeps outcomes for later runs."""

    def note(self, outcome: StoreOutcome) -> None:
        """Note an outcome as soon as it is final; outcomes come in no particular order."""
        ...

    def note_earlier(self, outcome: StoreOutcome) -> None:
        """Note an outcome of an earlier run, unless it is known already, or what is known of the file is newer.

        Called on the thread that asks ``is_stored``.  Raises JournalError.
        """
        ...

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run sent the same instance completely from the same file and got no answer."""
        ...

    def was_moved(self, instance: Instance) -> bool:
        """Whether this run has stored an input that no longer exists; seldom asked."""
        ...

    def flush(self) -> None:
        """Wait until all that was noted is kept, so that ``is_stored``, asked on the same thread, knows of it."""
        ...

    def stored_in(self, directory: bytes, *, deep: bool) -> Iterator[tuple[bytes, bytes, tuple[object, object], str]]:
        """What is stored of a directory, with ``deep`` of those below it too: directory, name, stamp and mark of each.

        Directory and name are those of ``Source.key``.  Raises JournalError.
        """
        ...

    @property
    def identity(self) -> str:
        """Stands for this memory, and no other, from run to run."""
        ...
