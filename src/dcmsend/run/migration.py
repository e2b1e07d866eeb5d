"""What the journal of a run knows over all its runs, read after the last one for the page for people."""

from __future__ import annotations

from typing import Final

from dcmsend.errors import JournalError
from dcmsend.report import Migration

__all__ = ["read_migration"]

_MOST_STUDIES: Final = 100


def read_migration(path: str) -> Migration:
    """Count the rows of a journal.  Raises nothing: what is wrong with it stands in the answer."""
    from dcmsend.journal import JournalFilter, JournalReader

    everything = JournalFilter()
    try:
        with JournalReader(path) as reader:
            return Migration(
                journal=path,
                created=reader.binding.created / 1000,
                groups=tuple((*group,) for group in reader.totals(everything)),
                proofs=tuple(reader.proofs(everything).items()),
                studies=tuple(reader.incomplete_studies(_MOST_STUDIES)),
            )
    except JournalError as error:
        return Migration(journal=path, problem=error.reason)
