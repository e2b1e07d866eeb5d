"""One run, from the names of its inputs to the end of its reports."""

from __future__ import annotations

from .receiver import check_receiver
from .run import Run, log_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .carrier import Carrier
    from .commitment_probe import CommitmentProbe
    from .web_probe import WebProbe

__all__ = ["Carrier", "CommitmentProbe", "Run", "WebProbe", "check_receiver", "log_end"]


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "Carrier":
        from .carrier import Carrier

        return Carrier
    if name == "CommitmentProbe":
        from .commitment_probe import CommitmentProbe

        return CommitmentProbe
    if name == "WebProbe":
        from .web_probe import WebProbe

        return WebProbe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
