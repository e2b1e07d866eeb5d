"""What the journal of a run knows over all its runs, read after the last one for people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dcmsend.errors import JournalError
from dcmsend.transfer import Result

if TYPE_CHECKING:
    from dcmsend.report import Migration

    Groups = tuple[tuple[Result, int | None, str | None, int], ...]

__all__ = ["MigrationReader"]

_MOST_STUDIES: Final = 100
_SOON_READ: Final = 256 << 20
_WORTH_AN_INPUT: Final = 1_000
"""A journal is counted if it has at most so many bytes, and so many more for each input that the run has met.

A run that sends a few files into the journal of a large migration would else wait longer for the count than for them.
"""


class MigrationReader:
    """Reads what a journal knows over all its runs, when a run with it is over.  Raises nothing.

    The page asks for everything, and the closing lines for two numbers, which the page's answer has, too.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._groups: Groups = ()

    def migration(self) -> Migration:
        """Everything; what is wrong with the journal stands in the answer."""
        migration = _read(self._path)
        self._groups = migration.groups
        return migration

    def totals(self, inputs: int) -> tuple[int, int] | None:
        """The stored instances and all instances; ``inputs``: how many the run has met.

        None if the journal cannot be read, or if counting would take long for so small a run.
        """
        groups = self._groups or _groups(self._path, inputs)
        stored = sum(count for result, _, _, count in groups if result is Result.STORED)
        return (stored, sum(count for *_, count in groups)) if groups else None


def _read(path: str) -> Migration:
    from dcmsend.journal import JournalFilter, JournalReader
    from dcmsend.report import Migration

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


def _groups(path: str, inputs: int) -> Groups:
    """Result, status, reason and number of instances; none if the journal cannot be read, or not soon enough."""
    from dcmsend.journal import JournalFilter, JournalReader

    try:
        if os.path.getsize(path) > _SOON_READ + _WORTH_AN_INPUT * inputs:
            return ()
        with JournalReader(path) as reader:
            return tuple((*group,) for group in reader.totals(JournalFilter()))
    except (JournalError, OSError):
        return ()
