"""One run, from the names of its inputs to the end of its reports."""

from __future__ import annotations

from .circumstances import Circumstances
from .receiver import check_receiver
from .run import Run, log_end
from .search import own_files_of, selection_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .carrier import Carrier, CarrierMaker
    from .commitment_probe import CommitmentProbe
    from .local_carrier import LocalCarrier
    from .web_probe import WebProbe
    from .written_files import Written, WrittenKind, check_written_files, written_twice

__all__ = [
    "Carrier", "CarrierMaker", "Circumstances", "CommitmentProbe", "LocalCarrier", "Run", "WebProbe", "Written",
    "WrittenKind", "check_receiver", "check_written_files", "log_end", "own_files_of", "selection_of",
    "written_twice",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name in ("Carrier", "CarrierMaker"):
        from . import carrier

        return getattr(carrier, name)
    if name == "LocalCarrier":
        from .local_carrier import LocalCarrier

        return LocalCarrier
    if name == "CommitmentProbe":
        from .commitment_probe import CommitmentProbe

        return CommitmentProbe
    if name == "WebProbe":
        from .web_probe import WebProbe

        return WebProbe
    if name in ("Written", "WrittenKind", "check_written_files", "written_twice"):
        from . import written_files

        return getattr(written_files, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
