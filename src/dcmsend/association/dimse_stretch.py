"""How far one association can go in the transfer list, and over which presentation context each instance goes."""

from __future__ import annotations

from dcmsend.errors import PlanError
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan, ContextTable
from dcmsend.protocol import PresentationContext
from dcmsend.transfer import GrowingList, Pulled, Reason, Result, StoreOutcome

__all__ = ["DimseStretch"]

_MOST_KNOWN_AHEAD = 64
"""Number of instances taken from the scan ahead, if it has them, so that their files can be opened early."""


class DimseStretch:
    """The instances that a plan covers, and those the scan finds later that its contexts can carry.

    Attributes:
        first: index of the first instance of the stretch, from 0.
        end: index after its last instance, as far as it is known.
        error: why the run has to end before anything of the stretch is sent; None normally.
    """

    def __init__(self, plan: AssociationPlan, error: PlanError | None) -> None:
        self.plan = plan
        self.first = plan.first
        self.end = plan.end
        self.error = error

    @property
    def contexts(self) -> tuple[PresentationContext, ...]:
        """The presentation contexts to propose, at most 128, in the order of their ids."""
        return self.plan.contexts

    @property
    def is_possible(self) -> bool:
        """Whether there is any presentation context to propose."""
        return bool(self.plan.contexts)

    @property
    def may_grow(self) -> bool:
        """False: the plan of a complete list does not grow."""
        return False

    def grow(self) -> Pulled:
        """Never grows: the plan covers a complete list."""
        return Pulled.END

    def context_id_of(self, index: int, instance: Instance) -> int:
        """The planned context id for an instance of the stretch; 0 if no context may be proposed for it."""
        return self.plan.context_ids[index - self.first]

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        """The outcome of an instance when the peer accepts no context at all."""
        return StoreOutcome(
            index=index + 1,
            instance=instance,
            result=Result.FAILED,
            reason=Reason.NO_CONTEXT,
            message="No acceptable Presentation Contexts",
            context_id=self.context_id_of(index, instance),
        )


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
