"""Fetches objects ahead of their turn, within two credits; see ``credit``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from ..source import Source
from .credit import LARGEST_SUM, SMALLEST, UNKNOWN, Credit, descriptors_allowed
from .stored_object import StoredObject

__all__ = ["Fetcher"]


class Fetcher:
    """Admits objects to be fetched as a whole.

    Args:
        parallel: how many are fetched at the same time.
        check: called now and then while an object waits for its turn; may raise.
        most_bytes: of each credit.

    Attributes:
        ahead: pays for objects that the scan has not taken yet.
        held: pays for objects that the scan has taken, until they are sent or rejected.
    """

    def __init__(self, parallel: int, check: Callable[[], None] | None, most_bytes: int = LARGEST_SUM) -> None:
        changed = threading.Condition()
        most = descriptors_allowed()
        self.parallel = parallel
        self.ahead = Credit(most_bytes, most, changed)
        self.held = Credit(most_bytes, most, changed)
        self._check = check

    def price_of(self, item: StoredObject) -> int:
        """What an object takes up."""
        return UNKNOWN if item.entry.length is None else max(SMALLEST, item.entry.length)

    def admit_archive(self, item: Source) -> None:
        """Wait until an archive may be fetched as a whole.

        However large it is it takes a fourth of the credit, since its own members must find room beside it.
        """
        assert isinstance(item, StoredObject)
        price = LARGEST_SUM // 4 if item.entry.length is None else min(self.price_of(item), LARGEST_SUM // 4)
        item.admit(self, self.ahead.wait_for(price, self._check))

    def admitted(self, items: Iterator[Source]) -> Iterator[Source]:
        """The inputs, each object of a store when it may be fetched; for one thread at a time."""
        for item in items:
            if isinstance(item, StoredObject) and item.is_remote:
                item.admit(self, self.ahead.wait_for(self.price_of(item), self._check))
            yield item

    def hand_over(self, item: Source) -> None:
        """Note that the scan has taken an input, or a member of an archive."""
        whole = item.container or item
        if isinstance(whole, StoredObject):
            whole.hand_over(self.held)
