"""How far one association can go in the transfer list, and over which presentation context each instance goes."""

from __future__ import annotations

from dcmsend.errors import PlanError
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan
from dcmsend.protocol import PresentationContext
from dcmsend.transfer import Reason, Result, StoreOutcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Pulled

__all__ = ["DimseStretch"]


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
        from dcmsend.transfer import Pulled  # a list that is complete is not asked to grow

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
