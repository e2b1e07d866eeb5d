"""The presentation contexts of one association while they are chosen, and the context for each instance."""

from __future__ import annotations

from dcmsend.bases import Protocol
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.protocol import PresentationContext

from .contexts import NATIVE, CanDecode, are_proposed_together, limitation, propose_transfer_syntaxes
from .options import PlanOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_CONTEXTS", "ContextTable", "Plannable"]

MAX_CONTEXTS: Final = 128
"""Most contexts, because ids are odd and fit a byte.  Source: PS3.8 §9.3.2.2."""


class Plannable(Protocol):
    """An instance, as far as planning needs it."""

    @property
    def sop_class_uid(self) -> str: ...

    @property
    def transfer_syntax(self) -> TransferSyntax: ...


class ContextTable:
    """At most 128 contexts, shared by instances of one SOP Class that are uncompressed or have one transfer syntax.

    Attributes:
        contexts: the contexts in the order of their ids.
        warnings: remarks about limited proposals, in order.
        refusals: remarks about instances for which no context may be proposed, in order.
    """

    def __init__(self, options: PlanOptions, can_decode: CanDecode) -> None:
        self._options = options
        self._can_decode = can_decode
        self._ids: dict[tuple[str, str], int] = {}
        self._refused: dict[tuple[str, str], str] = {}
        self._want_native: dict[str, None] = {}
        self.contexts: list[PresentationContext] = []
        self.warnings: list[str] = []
        self.refusals: list[str] = []

    @property
    def is_full(self) -> bool:
        """Whether no further context fits."""
        return len(self.contexts) == MAX_CONTEXTS

    def find(self, instance: Plannable) -> int | None:
        """The id of the context an instance shares with an earlier one, None if there is none."""
        syntax = instance.transfer_syntax
        return self._ids.get((instance.sop_class_uid, "" if syntax.is_native else syntax.uid))  # ``_kind_of`` in line

    def refusal_of(self, instance: Plannable) -> str | None:
        """The remark about an instance of a kind for which nothing may be proposed; None for all other kinds.

        None also where the first of that kind has to end the run.
        """
        return None if self._options.halt_on_refusal else self._refused.get(_kind_of(instance))

    def add(self, instance: Plannable) -> int:
        """Add a context for an instance that cannot share one; return its id, 0 if none may be proposed."""
        syntax = instance.transfer_syntax
        proposal = propose_transfer_syntaxes(syntax, self._options, self._can_decode)
        remark = limitation(syntax, proposal, self._options)
        if remark:
            (self.warnings if proposal else self.refusals).append(remark)
        if not proposal:
            self._refused[_kind_of(instance)] = remark
            return 0
        if proposal == (syntax.uid, *NATIVE) and not are_proposed_together(syntax):
            self._want_native[instance.sop_class_uid] = None
            proposal = (syntax.uid,)
        return self._append(*_kind_of(instance), proposal)

    def add_fallbacks(self) -> None:
        """Add contexts for compressed instances whose own context may be refused, as far as there is room.

        They come after all others, so that the others have the ids that DCMTK gives them.
        """
        for sop_class_uid in self._want_native:
            if not self.is_full and (sop_class_uid, "") not in self._ids:
                self._append(sop_class_uid, "", NATIVE)

    def _append(self, sop_class_uid: str, syntax: str, proposal: tuple[str, ...]) -> int:
        context_id = 2 * len(self.contexts) + 1
        self.contexts.append(PresentationContext(context_id, sop_class_uid, proposal))
        self._ids[sop_class_uid, syntax] = context_id
        return context_id


def _kind_of(instance: Plannable) -> tuple[str, str]:
    """Instances of one kind share a context: those of one SOP Class, and one transfer syntax unless it is native."""
    syntax = instance.transfer_syntax
    return instance.sop_class_uid, "" if syntax.is_native else syntax.uid
