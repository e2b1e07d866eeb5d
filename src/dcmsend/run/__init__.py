"""One run, from the names of its inputs to the end of its reports."""

from __future__ import annotations

from .run import Run, log_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .carrier import Carrier
    from .commitment_probe import CommitmentProbe

__all__ = ["Carrier", "CommitmentProbe", "Run", "log_end"]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "Carrier":
        from .carrier import Carrier

        return Carrier
    if name == "CommitmentProbe":
        from .commitment_probe import CommitmentProbe

        return CommitmentProbe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
