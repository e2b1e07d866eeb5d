"""Presentation contexts: proposals, answers, and the usable ones.  Source: PS3.8 §7.1.1.13, §9.3."""

# ruff: noqa: RUF023  (the order of __slots__ is the order of the arguments)
from __future__ import annotations

from collections.abc import Iterable

from dcmsend.dicom.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["AcceptedContext", "ContextResult", "PresentationContext", "accepted_contexts"]

ACCEPTANCE: Final = 0

RESULT_TEXTS: Final = {
    0: "Accepted",
    1: "User Rejection",
    2: "No Reason",
    3: "Abstract Syntax Not Supported",
    4: "Transfer Syntaxes Not Supported",
}


class PresentationContext(Value):
    """A proposed presentation context.  Source: PS3.8 §9.3.2.2.

    Attributes:
        id: odd, 1..255.
        abstract_syntax: SOP Class UID.
        transfer_syntaxes: UIDs, in the order of preference.
    """

    __slots__ = ("id", "abstract_syntax", "transfer_syntaxes")

    def __init__(self, id: int, abstract_syntax: str, transfer_syntaxes: tuple[str, ...]) -> None:  # noqa: A002
        self.id: Final = id
        self.abstract_syntax: Final = abstract_syntax
        self.transfer_syntaxes: Final = transfer_syntaxes


class ContextResult(Value):
    """The acceptor's answer to one proposed context.  Source: PS3.8 §9.3.3.2.

    Attributes:
        id: of the proposed context.
        result: 0 acceptance, 1 user rejection, 2 no reason, 3 abstract syntax, 4 transfer syntaxes not supported.
        transfer_syntax: UID of the chosen syntax; without meaning, and perhaps empty, unless result is 0.
    """

    __slots__ = ("id", "result", "transfer_syntax")

    def __init__(self, id: int, result: int, transfer_syntax: str = "") -> None:  # noqa: A002
        self.id: Final = id
        self.result: Final = result
        self.transfer_syntax: Final = transfer_syntax

    def describe(self) -> str:
        """The result in DCMTK's words, e.g. ``Transfer Syntaxes Not Supported``."""
        return RESULT_TEXTS.get(self.result, "--Invalid Result/Reason--")


class AcceptedContext(Value):
    """A presentation context that both sides have agreed on.

    Attributes:
        id: odd, 1..255.
        abstract_syntax: SOP Class UID.
        transfer_syntax: UID of the one chosen by the acceptor; perhaps not among the proposed ones.
    """

    __slots__ = ("id", "abstract_syntax", "transfer_syntax")

    def __init__(self, id: int, abstract_syntax: str, transfer_syntax: str) -> None:  # noqa: A002
        self.id: Final = id
        self.abstract_syntax: Final = abstract_syntax
        self.transfer_syntax: Final = transfer_syntax


def accepted_contexts(
    proposed: Iterable[PresentationContext], results: Iterable[ContextResult]
) -> dict[int, AcceptedContext]:
    """The usable contexts by id: those that were proposed, were accepted, and have a transfer syntax."""
    abstract_syntaxes = {context.id: context.abstract_syntax for context in proposed}
    return {
        result.id: AcceptedContext(result.id, abstract_syntaxes[result.id], result.transfer_syntax)
        for result in results
        if result.result == ACCEPTANCE and result.transfer_syntax and result.id in abstract_syntaxes
    }
