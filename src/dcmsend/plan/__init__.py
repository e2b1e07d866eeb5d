"""Decides which presentation contexts to propose, cuts the work into associations, matches instances to contexts."""

from .assignment import CanConvert, choose_other_context
from .contexts import CanDecode, propose_transfer_syntaxes
from .options import Decompression, PlanOptions
from .partition import MAX_CONTEXTS, Plannable, plan_association
from .plan import AssociationPlan

__all__ = [
    "MAX_CONTEXTS", "AssociationPlan", "CanConvert", "CanDecode", "Decompression", "PlanOptions", "Plannable",
    "choose_other_context", "plan_association", "propose_transfer_syntaxes",
]
