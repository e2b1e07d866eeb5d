"""Keeps the outcomes from run to run, so that a later one sends only what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import JournalOptions

if TYPE_CHECKING:
    from dcmsend.interrupt import Interrupt
    from dcmsend.transfer import PeerFacts

    from .journal import Journal
    from .journal_view import JournalView
    from .listing import JournalFilter, JournalGroup, JournalReader, JournalRow
    from .merge import merge_journals
    from .moving_journal import MovingJournal
    from .own_files import journal_files

__all__ = [
    "Journal", "JournalFilter", "JournalGroup", "JournalOptions", "JournalReader", "JournalRow", "JournalView",
    "MovingJournal", "journal_files", "merge_journals", "open_journal",
]  # fmt: skip


def open_journal(
    options: JournalOptions, peer: PeerFacts, interrupt: Interrupt, *, reads_dicomdir: bool = False
) -> Journal | MovingJournal:
    """The journal of a run.  Raises JournalError.

    Args:
        reads_dicomdir: some inputs may be told by a DICOMDIR; such files are not moved.
    """
    if options.move_sent:
        from .moving_journal import MovingJournal

        return MovingJournal(options, peer, interrupt, reads_dicomdir=reads_dicomdir)
    from .journal import Journal  # SQLite is loaded only where there is a journal

    return Journal(options, peer, interrupt)


def __getattr__(name: str) -> object:
    """SQLite is loaded only where there is a journal."""
    if name == "Journal":
        from .journal import Journal

        return Journal
    if name == "JournalView":
        from .journal_view import JournalView

        return JournalView
    if name == "MovingJournal":
        from .moving_journal import MovingJournal

        return MovingJournal
    if name in ("JournalFilter", "JournalGroup", "JournalReader", "JournalRow"):
        from . import listing

        return getattr(listing, name)
    if name == "merge_journals":
        from .merge import merge_journals

        return merge_journals
    if name == "journal_files":
        from . import own_files

        return own_files.journal_files
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
