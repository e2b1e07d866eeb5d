"""How far one association can go in a transfer list that is still being made."""

from __future__ import annotations

from dcmsend.errors import PlanError
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan, ContextTable
from dcmsend.transfer import GrowingList, Pulled

from .dimse_stretch import DimseStretch

__all__ = ["GrowingStretch"]

_MOST_KNOWN_AHEAD = 64
"""Number of instances taken from the scan ahead, if it has them, so that their files can be opened early."""


class GrowingStretch(DimseStretch):
    """The stretch of a list that is still growing: it takes in the new instances that its contexts can carry."""

    def __init__(
        self, plan: AssociationPlan, error: PlanError | None, instances: GrowingList, table: ContextTable
    ) -> None:
        super().__init__(plan, error)
        self._instances = instances
        self._table = table
        self._is_over = False

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to the stretch."""
        return not self._is_over

    def grow(self) -> Pulled:
        """Take in instance number ``end``, if it exists and an accepted context may carry it."""
        if self._is_over:
            return Pulled.END
        if self.end >= len(self._instances):
            pulled = self._instances.pull()
            if pulled is not Pulled.ONE:
                self._is_over = pulled is Pulled.END
                return pulled
        self._instances.pull_what_is_there(self.end + _MOST_KNOWN_AHEAD)
        if self._table.find(self._instances[self.end]) is None:
            self._is_over = True
            return Pulled.END
        self.end += 1
        return Pulled.ONE

    def context_id_of(self, index: int, instance: Instance) -> int:
        """The planned context id for an instance of the stretch; 0 if no context may be proposed for it."""
        if index < self.plan.end:
            return super().context_id_of(index, instance)
        return self._table.find(instance) or 0
