"""Cuts the transfer list into associations of at most 128 presentation contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.protocol import PresentationContext

from .contexts import CanDecode, limitation, propose_transfer_syntaxes
from .options import PlanOptions
from .plan import AssociationPlan

__all__ = ["MAX_CONTEXTS", "Plannable", "plan_association"]

MAX_CONTEXTS: Final = 128
"""Ids are odd and fit a byte.  Source: PS3.8 §9.3.2.2."""


class Plannable(Protocol):
    """What planning asks of an instance."""

    @property
    def sop_class_uid(self) -> str: ...

    @property
    def transfer_syntax(self) -> TransferSyntax: ...


def plan_association(
    instances: Sequence[Plannable], first: int, options: PlanOptions, can_decode: CanDecode
) -> AssociationPlan:
    """Plan the association that starts with instance ``first``.

    Walks the list in order and never re-orders it.  An instance shares the context of an earlier one with the same SOP
    Class when both are uncompressed or have the same transfer syntax.  The walk stops as soon as the 128th context
    is made, even if the next instance could share one, because DCMTK does; and, without ``-nh``, after an instance for
    which nothing may be proposed (its context id is 0).
    """
    known: dict[tuple[str, str], int] = {}
    contexts: list[PresentationContext] = []
    warnings: list[str] = []
    refusals: list[str] = []
    context_ids = bytearray()
    for index in range(first, len(instances)):
        if len(contexts) == MAX_CONTEXTS:
            break
        instance = instances[index]
        syntax = instance.transfer_syntax
        key = (instance.sop_class_uid, "" if syntax.is_native else syntax.uid)
        context_id = known.get(key)
        if context_id is None:
            proposal = propose_transfer_syntaxes(syntax, options, can_decode)
            remark = limitation(syntax, proposal, options)
            if remark:
                (warnings if proposal else refusals).append(remark)
            if proposal:
                context_id = 2 * len(contexts) + 1
                contexts.append(PresentationContext(context_id, instance.sop_class_uid, proposal))
                known[key] = context_id
            else:
                context_id = 0
        context_ids.append(context_id)
        if context_id == 0 and options.halt_on_refusal:
            break
    return AssociationPlan(first, bytes(context_ids), tuple(contexts), tuple(warnings), tuple(refusals))

