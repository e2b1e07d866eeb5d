"""How far one association can go in the transfer list, and over which presentation context each instance goes."""

from __future__ import annotations

from dcmsend.errors import PlanError
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan, ContextTable
from dcmsend.protocol import PresentationContext
from dcmsend.transfer import GrowingList, Pulled, Reason, Result, StoreOutcome

__all__ = ["DimseStretch"]

_MOST_KNOWN_AHEAD = 64
"""Instances that are taken from the scan before they are wanted, if it has them, so that their files can be opened."""


class DimseStretch:
    """A plan, and what the scan finds later as long as its contexts serve.

    Attributes:
        first: index of its first instance, from 0.
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
        """What is proposed, at most 128, in the order of their ids."""
        return self.plan.contexts

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to propose."""
        return bool(self.plan.contexts)

    @property
    def may_grow(self) -> bool:
        """The plan of a complete list does not."""
        return False

    def grow(self) -> Pulled:
        """The plan of a complete list does not."""
        return Pulled.END

    def context_id_of(self, index: int, instance: Instance) -> int:
        """The planned context of an instance of the stretch; 0 where nothing may be proposed for it."""
        return self.plan.context_ids[index - self.first]

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        """What becomes of an instance when the peer accepts no context at all."""
        return StoreOutcome(
            index=index + 1,
            instance=instance,
            result=Result.FAILED,
            reason=Reason.NO_CONTEXT,
            message="No acceptable Presentation Contexts",
            context_id=self.context_id_of(index, instance),
        )


class GrowingStretch(DimseStretch):
    """A plan for a list that is still being made: it takes in what its contexts can carry."""

    def __init__(
        self, plan: AssociationPlan, error: PlanError | None, instances: GrowingList, table: ContextTable
    ) -> None:
        super().__init__(plan, error)
        self._instances = instances
        self._table = table
        self._is_over = False

    @property
    def may_grow(self) -> bool:
        """Whether instances that are found later may still belong to it."""
        return not self._is_over

    def grow(self) -> Pulled:
        """Take in the instance ``end``, if it is there and an accepted context may carry it."""
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
        """The planned context of an instance of the stretch; 0 where nothing may be proposed for it."""
        if index < self.plan.end:
            return super().context_id_of(index, instance)
        return self._table.find(instance) or 0
