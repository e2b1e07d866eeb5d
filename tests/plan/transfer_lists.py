"""Transfer lists for planning: nothing but SOP Classes and transfer syntaxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.plan import AssociationPlan, Decompression, PlanOptions, plan_association

EI, EB, II = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
NATIVE = (EI, EB, II)
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
PRIVATE_SYNTAX = "1.3.6.1.4.1.99999.7.4.1"

DECODABLE = frozenset({
    DEFLATED, JPEG_LOSSLESS, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.53",
    "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.5",
})  # fmt: skip
"""What DCMTK 3.6.7 lists with ``--list-decoders``."""


class Entry(NamedTuple):
    """An instance as far as planning sees it."""

    sop_class_uid: str
    transfer_syntax: TransferSyntax


def can_decode(syntax: TransferSyntax) -> bool:
    return syntax.uid in DECODABLE


def entries(*rows: tuple[str, str]) -> list[Entry]:
    return [Entry(sop_class, transfer_syntax(uid)) for sop_class, uid in rows]


def classes(*numbers: int, syntax: str = EI) -> list[Entry]:
    """One entry for each number, which stands for a SOP Class."""
    return entries(*((f"1.2.3.{number}", syntax) for number in numbers))


def plan_from(instances: Sequence[Entry], first: int = 0, **options: object) -> AssociationPlan:
    return plan_association(instances, first, PlanOptions(**options), can_decode)  # type: ignore[arg-type]


def all_plans(instances: Sequence[Entry], **options: object) -> Iterator[AssociationPlan]:
    """The plans of one association after the other, until everything is planned."""
    first = 0
    while first < len(instances):
        plan = plan_from(instances, first, **options)
        yield plan
        assert plan.end > first, "planning stands still"
        first = plan.end


MODES = {"+dls": Decompression.LOSSLESS, "+dly": Decompression.LOSSY, "-dn": Decompression.NEVER}
