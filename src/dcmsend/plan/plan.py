"""What one association shall do: the contexts to propose, and the context of each instance."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AssociationPlan", "ProposedContext"]


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context to propose.  Source: PS3.8 §9.3.2.2.

    Attributes:
        id: odd, 1..255.
        abstract_syntax: SOP Class UID.
        transfer_syntaxes: UIDs, the file's own first.
    """

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociationPlan:
    """The next stretch of the transfer list and how it is to be sent.

    Attributes:
        first: index of the stretch's first instance, from 0.
        context_ids: for each instance of the stretch its planned context id; 0 where nothing may be proposed.
        contexts: at most 128, in the order of their ids.
        warnings: DCMTK's remarks about limited proposals, in order.
    """

    first: int
    context_ids: bytes
    contexts: tuple[ProposedContext, ...]
    warnings: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """Index after the stretch's last instance."""
        return self.first + len(self.context_ids)
