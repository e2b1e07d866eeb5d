"""How far one association can go in a transfer list that is still being made."""

from __future__ import annotations

from dcmsend.errors import PlanError
from dcmsend.index import Instance
from dcmsend.loggers import get_logger
from dcmsend.plan import AssociationPlan, ContextTable
from dcmsend.transfer import GrowingList, Growth, Pulled

from .dimse_stretch import DimseStretch

__all__ = ["GrowingStretch"]

_log = get_logger("dcmsend.network")


class GrowingStretch(DimseStretch):
    """The stretch of a list that is still growing: it takes in the new instances that its contexts can carry.

    It also takes those for which nothing may be proposed, if others of their kind were met before.
    """

    def __init__(
        self, plan: AssociationPlan, error: PlanError | None, instances: GrowingList, table: ContextTable
    ) -> None:
        super().__init__(plan, error)
        self._table = table
        self._growth = Growth(instances, self._takes)

    def _takes(self, instance: Instance) -> bool:
        """Whether an instance belongs to the stretch: it can be sent, or no other association could send it."""
        if self._table.find(instance) is not None:
            return True
        refusal = self._table.refusal_of(instance)
        if refusal is None or not self.is_possible:
            return False
        if refusal:
            _log.error(refusal)
        return True

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to the stretch."""
        return not self._growth.is_over

    def grow(self) -> Pulled:
        """Take in instance number ``end``, if it exists and an accepted context may carry it."""
        pulled = self._growth.grow(self.end)
        self.end += pulled is Pulled.ONE
        return pulled

    def context_id_of(self, index: int, instance: Instance) -> int:
        """The planned context id for an instance of the stretch; 0 if no context may be proposed for it."""
        if index < self.plan.end:
            return super().context_id_of(index, instance)
        return self._table.find(instance) or 0
