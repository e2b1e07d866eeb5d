"""Puts outcomes that come in any order into that of the transfer list."""

from __future__ import annotations

from collections.abc import Iterator

from .outcome import StoreOutcome

__all__ = ["OutcomesInOrder"]


class OutcomesInOrder:
    """Restores the order of the list; also a container of the indices that have their outcome.

    One thread adds outcomes; any thread may ask for an index.

    Attributes:
        next_index: the first instance without an outcome.
    """

    def __init__(self) -> None:
        self.next_index = 0
        self._held: dict[int, StoreOutcome] = {}

    def __contains__(self, index: object) -> bool:
        # Order matters: an index leaves ``_held`` only after ``next_index`` has passed it.
        return index in self._held or (isinstance(index, int) and index < self.next_index)

    def add(self, outcome: StoreOutcome) -> Iterator[StoreOutcome]:
        """Add an outcome; yield the outcomes whose turn has come."""
        index = outcome.position
        if index != self.next_index:
            self._held[index] = outcome
            return
        self.next_index += 1
        yield outcome
        while (index := self.next_index) in self._held:
            self.next_index = index + 1  # before it is removed: the index must count as done at every moment
            yield self._held.pop(index)
