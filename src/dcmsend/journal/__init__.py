"""Keeps the outcomes from run to run, so that a later one sends only what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import JournalOptions

if TYPE_CHECKING:
    from .journal import Journal, JournalView
    from .listing import JournalFilter, JournalGroup, JournalReader, JournalRow
    from .own_files import journal_files

__all__ = [
    "Journal", "JournalFilter", "JournalGroup", "JournalOptions", "JournalReader", "JournalRow", "JournalView",
    "journal_files",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """SQLite is loaded only where there is a journal."""
    if name in ("Journal", "JournalView"):
        from . import journal

        return getattr(journal, name)
    if name in ("JournalFilter", "JournalGroup", "JournalReader", "JournalRow"):
        from . import listing

        return getattr(listing, name)
    if name == "journal_files":
        from . import own_files

        return own_files.journal_files
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
