"""The plan of one association: the contexts to propose, and the context of each instance."""

from __future__ import annotations

from dcmsend.bases import NamedTuple
from dcmsend.protocol import PresentationContext

__all__ = ["AssociationPlan"]


class AssociationPlan(NamedTuple):
    """The next stretch of the transfer list, and the contexts over which it is to be sent.

    Attributes:
        first: index of the stretch's first instance, from 0.
        context_ids: for each instance of the stretch its planned context id; 0 if none may be proposed.
        contexts: at most 128, in the order of their ids.
        warnings: remarks about limited proposals, in order.
        refusals: remarks about instances for which no context may be proposed, in order.
    """

    first: int
    context_ids: bytes
    contexts: tuple[PresentationContext, ...]
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Index after the stretch's last instance."""
        return self.first + len(self.context_ids)
