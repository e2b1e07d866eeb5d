"""All options of a run, one group for each folder that has options; made by ``cli`` or by the library's caller."""

from __future__ import annotations

from enum import Enum

from dcmsend.association import Peer
from dcmsend.dicom.record import Record
from dcmsend.index import IndexOptions, KeepTogether
from dcmsend.inputs import FileList, InputOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import ReportOptions
from dcmsend.transfer import TransferOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.journal import JournalOptions
    from dcmsend.proof import CommitOptions, VerifyOptions
    from dcmsend.stow import WebPeer

__all__ = ["Preview", "Settings"]


class Preview(Enum):
    """What a preview does instead of a transfer."""

    DRY_RUN = "dry run"
    """Do everything that needs no connection."""
    PROBE_PEER = "probe peer"
    """Ask the peer, too."""


class Settings(Record):
    """All options of a run.  Raises ValueError for options that contradict each other.

    Attributes:
        peer: the receiver: a Storage SCP, or a web service.
        require_stored: whether exit codes tell that everything was stored (``--require-stored``).
        send_while_scanning: whether the search goes on during the transfer, and inputs are forgotten when done.
        preview: the kind of preview; None for a transfer.
        file_lists: lists with more names of inputs (``--files-from``, ``--files-from0``).
        journal: where outcomes are kept from run to run; None for no journal.
        verify: how the archive is asked afterwards what it has (``--verify``); None if it is not asked.
        archive: who is asked, if not ``peer`` (``--verify-peer``).
        commit: how the peer is asked to commit itself to what is stored (``--commit``); None if it is not asked.  Needs
            a journal.
        dictionary_files: data dictionary files that extend the built-in one (environment ``DCMDICTPATH``).
    """

    peer: Peer | WebPeer
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
    verify: VerifyOptions | None = None
    archive: Peer | WebPeer | None = None
    commit: CommitOptions | None = None
    dictionary_files: tuple[str, ...] = ()

    @property
    def wants_proof(self) -> bool:
        """Whether the archive is asked afterwards."""
        return self.verify is not None or self.commit is not None

    @property
    def dimse_peer(self) -> Peer:
        """``peer`` where only a Storage SCP will do: ``check`` and the caller have made sure that it is one."""
        assert isinstance(self.peer, Peer)
        return self.peer

    def check(self) -> None:
        if self.archive is not None and not self.wants_proof:
            raise ValueError("Settings: an archive is asked only for a proof (verify)")
        if self.commit is not None:
            self._check_commit()
        if not self.plan.multiple_associations:
            self._check_single_association()
        if self.journal is not None and self.journal.move_sent and self.inputs.archives:
            raise ValueError("Settings: what is in an archive is no file that could be moved (move_sent)")
        if self.inputs.shard is not None and self.index.keep_together in (KeepTogether.SERIES, KeepTogether.STUDY):
            raise ValueError("Settings: which series a file belongs to is not known before it is opened: no shards")

    def _check_single_association(self) -> None:
        """Raise ValueError for what needs further associations."""
        name = (
            "send_while_scanning" if self.send_while_scanning
            else "retry" if self.transfer.retry.attempts
            else "parallel_associations" if self.transfer.most_associations > 1
            else ""
        )  # fmt: skip
        if name:
            raise ValueError(f"Settings: {name} needs further associations (multiple_associations)")

    def _check_commit(self) -> None:
        """Raise ValueError where a commitment cannot be requested."""
        assert self.commit is not None
        if not isinstance(self.peer, Peer):
            raise ValueError("Settings: a web service is asked by query, not for a commitment")
        if self.verify is not None:
            raise ValueError("Settings: the archive is asked in one way, by query or for a commitment")
        if self.journal is None and self.preview is None:
            raise ValueError("Settings: without a journal a report on a commitment may find nobody who knows of it")
        if self.commit.port is not None and self.inputs.shard is not None:
            raise ValueError("Settings: several shards cannot listen on one port")
        if self.commit.port is not None and self.peer.tls is not None and self.peer.tls.options.key_file is None:
            raise ValueError("Settings: who is called back over TLS needs a certificate of his own")
