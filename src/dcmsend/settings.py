"""All options of a run, one group for each folder that has any; made by ``cli``, or by a caller of the library."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcmsend.index import IndexOptions
from dcmsend.inputs import InputOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import ReportOptions
from dcmsend.transfer import Peer, TransferOptions

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run needs to know beside its inputs.

    Attributes:
        peer: where to send to.
        require_stored: exit codes tell whether everything was stored (``--require-stored``).
        dictionary_files: data dictionary files that extend the built-in one (environment ``DCMDICTPATH``).
    """

    peer: Peer
    inputs: InputOptions = field(default_factory=InputOptions)
    index: IndexOptions = field(default_factory=IndexOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    transfer: TransferOptions = field(default_factory=TransferOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    require_stored: bool = False
    dictionary_files: tuple[str, ...] = ()
