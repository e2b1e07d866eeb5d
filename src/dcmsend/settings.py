"""All options of a run, one group for each folder that has any; made by ``cli``, or by a caller of the library."""

from __future__ import annotations

from enum import Enum

from dcmsend.association import Peer
from dcmsend.dicom.record import Record
from dcmsend.index import IndexOptions, KeepTogether
from dcmsend.inputs import FileList, InputOptions
from dcmsend.journal import JournalOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import ReportOptions
from dcmsend.transfer import TransferOptions

__all__ = ["Preview", "Settings"]


class Preview(Enum):
    """What is done instead of a transfer."""

    DRY_RUN = "dry run"
    """Everything that needs no connection."""
    PROBE_PEER = "probe peer"
    """The peer is asked as well."""


class Settings(Record):
    """Everything a run needs to know beside its inputs.  Raises ValueError for options that do not go together.

    Attributes:
        peer: where to send to.
        require_stored: exit codes tell whether everything was stored (``--require-stored``).
        send_while_scanning: inputs are looked for while others are sent, and forgotten when done.
        preview: only look at what would be done; None to do it.
        file_lists: where more names of inputs stand (``--files-from``, ``--files-from0``).
        journal: where outcomes are kept from run to run; None for nowhere.
        dictionary_files: data dictionary files that extend the built-in one (environment ``DCMDICTPATH``).
    """

    peer: Peer
    inputs: InputOptions = InputOptions()
    index: IndexOptions = IndexOptions()
    plan: PlanOptions = PlanOptions()
    transfer: TransferOptions = TransferOptions()
    report: ReportOptions = ReportOptions()
    require_stored: bool = False
    send_while_scanning: bool = False
    preview: Preview | None = None
    file_lists: tuple[FileList, ...] = ()
    journal: JournalOptions | None = None
    dictionary_files: tuple[str, ...] = ()

    def check(self) -> None:
        if self.inputs.shard is not None and self.index.keep_together in (KeepTogether.SERIES, KeepTogether.STUDY):
            raise ValueError("Settings: which series a file belongs to is not known before it is opened: no shards")
