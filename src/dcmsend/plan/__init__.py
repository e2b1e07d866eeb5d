"""Proposes presentation contexts, cuts the transfer list into associations, matches instances to contexts."""

from __future__ import annotations

from .context_table import MAX_CONTEXTS, ContextTable, Plannable
from .contexts import CanDecode, propose_transfer_syntaxes
from .options import Decompression, PlanOptions
from .partition import plan_association, plan_open_association
from .plan import AssociationPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .assignment import CanConvert, choose_other_context

__all__ = [
    "MAX_CONTEXTS", "AssociationPlan", "CanConvert", "CanDecode", "ContextTable", "Decompression", "PlanOptions",
    "Plannable", "choose_other_context", "plan_association", "plan_open_association", "propose_transfer_syntaxes",
]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name in ("CanConvert", "choose_other_context"):
        from . import assignment

        return getattr(assignment, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
