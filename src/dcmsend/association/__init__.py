"""Sends by DIMSE: associations with a Storage SCP, from their presentation contexts to the answer to each C-STORE."""

from __future__ import annotations

from .dimse_target import DimseTarget
from .peer import AddressFamily, Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .commitment_requester import CommitmentRequester
    from .image_finder import ImageFinder
    from .probing import ProbeAnswer, echo, probe
    from .report_connection import ReportLimits
    from .report_listener import ReportListener
    from .report_taker import shown

__all__ = [
    "AddressFamily", "CommitmentRequester", "DimseTarget", "ImageFinder", "Peer", "ProbeAnswer", "ReportLimits",
    "ReportListener", "echo", "probe", "shown",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Load a seldom needed name when it is first used."""
    if name == "CommitmentRequester":
        from .commitment_requester import CommitmentRequester

        return CommitmentRequester
    if name == "ImageFinder":
        from .image_finder import ImageFinder

        return ImageFinder
    if name == "ReportListener":
        from .report_listener import ReportListener

        return ReportListener
    if name == "ReportLimits":
        from .report_connection import ReportLimits

        return ReportLimits
    if name == "shown":
        from .report_taker import shown

        return shown
    if name in ("ProbeAnswer", "echo", "probe"):
        from . import probing

        return getattr(probing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
