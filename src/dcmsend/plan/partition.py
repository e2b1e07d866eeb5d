"""Cuts the transfer list into associations of at most 128 presentation contexts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .context_table import MAX_CONTEXTS, ContextTable, Plannable
from .contexts import CanDecode
from .options import PlanOptions
from .plan import AssociationPlan

__all__ = ["MAX_CONTEXTS", "Plannable", "plan_association", "plan_open_association"]


def plan_association(
    instances: Sequence[Plannable], first: int, options: PlanOptions, can_decode: CanDecode
) -> AssociationPlan:
    """Plan the association that starts with instance ``first``.

    Walks the list in order and never re-orders it.  An instance shares the context of an earlier one with the same SOP
    Class if both are uncompressed or have the same transfer syntax.  The walk stops as soon as the 128th context is
    made, even if the next instance could share one, because DCMTK stops there.  Without ``-nh`` it also stops after an
    instance for which no context may be proposed (its context id is 0).
    """
    table = ContextTable(options, can_decode)
    context_ids = _walk(table, instances, first, options)
    return _complete(table, first, context_ids)


def plan_open_association(
    instances: Sequence[Plannable],
    first: int,
    options: PlanOptions,
    can_decode: CanDecode,
    expected: Iterable[Plannable],
) -> tuple[AssociationPlan, ContextTable]:
    """Plan an association for a list that still grows; return the plan and the table that continues it.

    Contexts for ``expected`` instances follow those of the known instances, as far as there is room.
    """
    table = ContextTable(options, can_decode)
    context_ids = _walk(table, instances, first, options)
    told = len(table.refusals)
    for instance in expected:
        if table.is_full:
            break
        if table.find(instance) is None:
            table.add(instance)
    del table.refusals[told:]  # told of each such instance when its turn comes, or long ago
    return _complete(table, first, context_ids), table


def _complete(table: ContextTable, first: int, context_ids: bytes) -> AssociationPlan:
    table.add_fallbacks()
    return AssociationPlan(first, context_ids, tuple(table.contexts), tuple(table.warnings), tuple(table.refusals))


def _walk(table: ContextTable, instances: Sequence[Plannable], first: int, options: PlanOptions) -> bytes:
    context_ids = bytearray()
    for index in range(first, len(instances)):
        if table.is_full:
            break
        instance = instances[index]
        context_id = table.find(instance)
        if context_id is None:
            context_id = table.add(instance)
        context_ids.append(context_id)
        if context_id == 0 and options.halt_on_refusal:
            break
    return bytes(context_ids)
