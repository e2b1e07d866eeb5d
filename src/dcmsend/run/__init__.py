"""One run, from the names of its inputs to the end of its reports."""

from __future__ import annotations

from .run import Run, log_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .carrier import Carrier

__all__ = ["Carrier", "Run", "log_end"]


def __getattr__(name: str) -> object:
    """Load the protocol, which only type checkers use, when it is first asked for."""
    if name == "Carrier":
        from .carrier import Carrier

        return Carrier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
