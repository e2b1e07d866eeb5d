"""Proposes presentation contexts, cuts the transfer list into associations, matches instances to contexts."""

from .assignment import CanConvert, choose_other_context
from .context_table import MAX_CONTEXTS, ContextTable, Plannable
from .contexts import CanDecode, propose_transfer_syntaxes
from .options import Decompression, PlanOptions
from .partition import plan_association, plan_open_association
from .plan import AssociationPlan

__all__ = [
    "MAX_CONTEXTS", "AssociationPlan", "CanConvert", "CanDecode", "ContextTable", "Decompression", "PlanOptions",
    "Plannable", "choose_other_context", "plan_association", "plan_open_association", "propose_transfer_syntaxes",
]
