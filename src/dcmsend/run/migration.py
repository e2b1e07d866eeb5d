"""What the journal of a run knows over all its runs, read after the last one for people."""

from __future__ import annotations

import os
from typing import Final

from dcmsend.errors import JournalError
from dcmsend.report import Migration
from dcmsend.transfer import Result

__all__ = ["read_migration", "read_totals"]

_MOST_STUDIES: Final = 100
_SOON_READ: Final = 256 << 20
_WORTH_AN_INPUT: Final = 1_000
"""A journal is counted if it has at most so many bytes, and so many more for each input that the run has met.

A run that sends a few files into the journal of a large migration would else wait longer for the count than for them.
"""


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


def read_totals(path: str, inputs: int) -> tuple[int, int] | None:
    """The stored instances and all instances of a journal; ``inputs``: how many the run has met.

    None if it cannot be read, or if counting would take long for so small a run.  Raises nothing.
    """
    from dcmsend.journal import JournalFilter, JournalReader

    try:
        if os.path.getsize(path) > _SOON_READ + _WORTH_AN_INPUT * inputs:
            return None
        with JournalReader(path) as reader:
            groups = reader.totals(JournalFilter())
    except (JournalError, OSError):
        return None
    stored = sum(group.instances for group in groups if group.result is Result.STORED)
    return stored, sum(group.instances for group in groups)
