"""Matches an instance to the contexts the peer has accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dcmsend.dicom.transfer_syntax import TransferSyntax

__all__ = ["CanConvert", "choose_other_context"]

CanConvert = Callable[[TransferSyntax, TransferSyntax], bool]
"""Whether a data set in the first syntax can be converted to the second one."""


def choose_other_context(
    sop_class_uid: str,
    syntax: TransferSyntax,
    accepted: Iterable[tuple[int, str, TransferSyntax]],
    can_convert: CanConvert,
) -> int:
    """The id of an accepted context that can carry an instance whose own context was refused; 0 if there is none.

    ``accepted`` are (id, abstract syntax, transfer syntax) in the order of their ids.  The instance's own syntax
    is preferred.  DCMTK does not look for another context.
    """
    candidates = [(id_, target) for id_, abstract, target in accepted if abstract == sop_class_uid]
    for id_, target in candidates:
        if target.uid == syntax.uid:
            return id_
    for id_, target in candidates:
        if can_convert(syntax, target):
            return id_
    return 0
