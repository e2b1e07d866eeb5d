"""The part of the transfer list that HTTP connections can serve: everything that is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcmsend.errors import DcmsendError
from dcmsend.index import Instance
from dcmsend.transfer import Reason, Result, StoreOutcome

if TYPE_CHECKING:
    from dcmsend.transfer import Growth, Pulled

__all__ = ["StowStretch"]


class StowStretch:
    """All instances from ``first`` on; see ``transfer.Stretch``.

    Attributes:
        first: index of the first instance of the stretch, from 0.
        end: index after its last instance, as far as it is known.
        error: None: nothing is negotiated, so nothing fails before the first request.
        is_possible: true, for the same reason.
    """

    error: DcmsendError | None = None
    is_possible = True

    def __init__(self, instances: Sequence[Instance], first: int) -> None:
        self.first = first
        self.end = len(instances)
        self._growth: Growth | None = None
        if not isinstance(instances, list):
            from dcmsend.transfer import GrowingList, Growth  # only where the scan goes on meanwhile

            if isinstance(instances, GrowingList):
                self._growth = Growth(instances, lambda _: True)

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to the stretch."""
        return self._growth is not None and not self._growth.is_over

    def grow(self) -> Pulled:
        """Take in instance number ``end``, if it exists."""
        from dcmsend.transfer import Pulled

        if self._growth is None:
            return Pulled.END
        pulled = self._growth.grow(self.end)
        self.end += pulled is Pulled.ONE
        return pulled

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        """The outcome of an instance that no session takes; a web service takes or refuses each one itself."""
        return StoreOutcome(
            index=index + 1, instance=instance, result=Result.NOT_ATTEMPTED, reason=Reason.NO_ASSOCIATION
        )
