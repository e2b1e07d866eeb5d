"""Limits on what fetched objects take up, in bytes and in descriptors.

There are two.  An object that is being fetched, or waits for the scan, has its part of ``ahead``; one that the scan has
taken has its part of ``held`` until nobody needs its content any more.  Nobody can wait for ever:

* A part of ``ahead`` is taken in the order of the list, before the fetch begins.  Whoever has it needs nothing else to
  come to an end, so the object whose turn is next is never kept from it by later ones.
* The scan moves a part from ``ahead`` to ``held`` without waiting.
* Whoever sends asks whether ``held`` is spent before it lets the scan go on, and goes on all the same when it has
  nothing left to send.  To fetch an object a second time it takes more than there is, instead of waiting.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final

from dcmsend.interrupt import WAIT_SLICE

from ..file_source import most_descriptors

__all__ = ["Charge", "Credit", "descriptors_allowed"]

LARGEST_SUM: Final = 128 << 20
"""Bytes of each of the two credits."""
SMALLEST: Final = 1024
"""What even an empty object takes up."""
UNKNOWN: Final = 8 << 20
"""What an object of unknown size is counted as, until it is there."""

_MOST: Final = 256
_SHARE: Final = 4


def descriptors_allowed() -> int:
    """How many objects may have a descriptor in each credit: at most a quarter of what the system allows."""
    allowed = most_descriptors()
    return _MOST // _SHARE if allowed is None else max(1, min(_MOST, allowed // _SHARE))


class Credit:
    """One limit.  At least one object is always admitted, however large it is.

    Args:
        most_bytes: sum of all objects.
        most: number of objects.
        changed: shared by all credits between which parts move.
    """

    def __init__(self, most_bytes: int, most: int, changed: threading.Condition) -> None:
        self._most_bytes = most_bytes
        self._most = most
        self._changed = changed
        self.bytes = 0
        self.count = 0

    @property
    def is_spent(self) -> bool:
        """Whether the next object would have to wait."""
        with self._changed:
            return self._is_too_much(1)

    def _is_too_much(self, amount: int) -> bool:
        return self.count > 0 and (self.bytes + amount > self._most_bytes or self.count >= self._most)

    def take(self, amount: int) -> Charge:
        """A part, without waiting."""
        charge = Charge(self, amount, self._changed)
        with self._changed:
            charge.book(1)
        return charge

    def wait_for(self, amount: int, check: Callable[[], None] | None) -> Charge:
        """A part, once there is room for it; ``check`` is called now and then, and may raise."""
        charge = Charge(self, amount, self._changed)
        with self._changed:
            while self._is_too_much(amount):
                self._changed.wait(WAIT_SLICE)
                if check is not None:
                    check()
            charge.book(1)
        return charge


class Charge:
    """The part of a credit that one object has."""

    __slots__ = ("_amount", "_changed", "_credit")

    def __init__(self, credit: Credit, amount: int, changed: threading.Condition) -> None:
        self._credit: Credit | None = credit
        self._amount = amount
        self._changed = changed

    def book(self, count: int) -> None:
        """Add to the credit or take away from it; the caller has the lock."""
        if self._credit is not None:
            self._credit.count += count
            self._credit.bytes += count * self._amount

    def settle(self, amount: int) -> None:
        """The size of the object is known now."""
        with self._changed:
            self.book(-1)
            self._amount = max(SMALLEST, amount)
            self.book(1)
            self._changed.notify_all()

    def move(self, credit: Credit) -> None:
        """Belong to another credit from now on, unless it was released already."""
        with self._changed:
            if self._credit is not None:
                self.book(-1)
                self._credit = credit
                self.book(1)
                self._changed.notify_all()

    def close(self, descriptor: int) -> None:
        """Close the descriptor of the object, and give back its part."""
        os.close(descriptor)
        self.release()

    def release(self) -> None:
        """Give it back; may be called twice."""
        with self._changed:
            self.book(-1)
            self._credit = None
            self._changed.notify_all()
