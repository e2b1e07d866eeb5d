"""The entry point of the library: ``for outcome in send(paths, peer): ...``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dcmsend.association import Peer
from dcmsend.index import IndexOptions
from dcmsend.inputs import InputOptions
from dcmsend.journal import JournalOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import ReportOptions
from dcmsend.settings import Settings
from dcmsend.transfer import Observer, PeerFacts, TransferOptions

from .items import is_data_set, is_name
from .transfer import Transfer

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.cluster import ClusterOptions
    from dcmsend.proof import CommitOptions, VerifyOptions
    from dcmsend.stow import WebPeer

__all__ = ["send"]


def send(
    items: Iterable[Any] | str | bytes | os.PathLike[str] | os.PathLike[bytes],
    peer: Peer | WebPeer,
    *,
    inputs: InputOptions | None = None,
    index: IndexOptions | None = None,
    plan: PlanOptions | None = None,
    transfer: TransferOptions | None = None,
    observer: Observer | None = None,
    send_while_scanning: bool = False,
    journal: JournalOptions | None = None,
    verify: VerifyOptions | None = None,
    archive: Peer | WebPeer | None = None,
    commit: CommitOptions | None = None,
    report: ReportOptions | None = None,
    cluster: ClusterOptions | Client | None = None,
) -> Transfer:
    """Send files, folders and pydicom data sets to a Storage SCP or a web service.

    Nothing happens before the result is iterated.  Iterating yields one ``StoreOutcome`` for each instance, in order.
    If an error ended the transfer early, it is raised after the last outcome, so every instance has its outcome.
    Unlike in the command, folders are searched recursively, and an instance that cannot be sent does not end the
    transfer; pass options to change that.

    Args:
        items: paths (``str``, ``bytes`` or ``os.PathLike``) of files or folders, and ``pydicom.Dataset`` objects,
            freely mixed; or one of them.  All are examined before the first one is sent.
        peer: the receiver, and the AE titles or credentials.
        inputs: which files of folders are taken.
        index: how files are read and checked.
        plan: which presentation contexts are proposed, and what may be decompressed: by default for a Storage SCP what
            loses nothing, for a web service nothing.
        transfer: time-outs, PDU lengths, conversion.
        observer: is told of associations, bytes and outcomes while they happen.
        send_while_scanning: items are examined only when they can be sent, and forgotten when they are done; for lists
            of unknown length.  The items are drawn on the threads that send, or on those that open files if opening
            is slow.
        journal: where outcomes are kept, so that a later transfer sends only what is missing.
        verify: how the archive is asked afterwards what it has; ``Transfer.proofs`` asks.
        archive: who is asked, if not ``peer``; only with ``verify`` or ``commit``.
        commit: how the peer is asked afterwards to commit itself to what is stored; ``Transfer.proofs`` asks.  Needs a
            journal, which knows nothing of data sets: they have no answer.  With a port the transfer listens from its
            beginning until ``proofs`` has ended, or until its ``with`` block ends.
        report: which reports are written.  They are complete after the last outcome; with ``verify`` or ``commit``
            when ``proofs`` or the ``with`` block has ended.
        cluster: the Dask cluster whose workers send, or a client that is connected with it and not asynchronous;
            outcomes then come in the order in which they are heard.  Needs a journal.

    Raises, while it is iterated: NoInputFiles, NoValidInputFiles, InvalidInputFile, NegotiationFailed, SendingFailed,
    PlanError, JournalError, CannotListen, ReportError, ClusterUnusable; all are ``DcmsendError``.  A report that
    cannot be begun is an error before anything is sent.  Raises UsageError at once if the package for web services,
    for clusters, or for images compressed with loss that are to be decompressed, is missing.  Raises TypeError at once
    for an argument of another type, and for ``items`` that are an open file, a number or another object that is not a
    list of items; for an item of another type when its turn comes.  Raises ValueError at once for options that
    contradict each other, such as two reports with the same file.
    """
    _check_types(
        peer,
        inputs=(inputs, InputOptions),
        index=(index, IndexOptions),
        plan=(plan, PlanOptions),
        transfer=(transfer, TransferOptions),
        journal=(journal, JournalOptions),
        report=(report, ReportOptions),
        observer=(observer, Observer),
    )
    if verify is not None or archive is not None or commit is not None:
        from dcmsend.proof import CommitOptions, VerifyOptions  # only where a proof is wanted

        _check_types(peer, verify=(verify, VerifyOptions), commit=(commit, CommitOptions))
        if archive is not None:
            _check_peer("archive", archive)
    if report is not None:
        from dcmsend.run import check_written_files  # only where reports are written

        check_written_files(report, journal)
    settings = Settings(
        peer=peer,
        inputs=inputs or InputOptions(scan_directories=True, recurse=True),
        index=index or IndexOptions(halt_on_invalid=False),
        plan=plan or PlanOptions(halt_on_refusal=False),
        transfer=transfer or TransferOptions(halt_on_failure=False),
        send_while_scanning=send_while_scanning,
        journal=journal,
        verify=verify,
        archive=archive,
        commit=commit,
        report=(report or ReportOptions()).replace(
            with_proof=verify is not None or commit is not None, text_is_needed=True
        ),
    )
    if is_name(items) or is_data_set(items):
        items = (items,)
    elif hasattr(items, "read") or isinstance(items, bytearray | memoryview) or not isinstance(items, Iterable):
        kind = type(items).__name__
        raise TypeError(f"items are paths or pydicom data sets, not an open file or what is in it: this is a {kind}")
    return Transfer(settings, items, observer, cluster)


def _check_types(peer: object, **options: tuple[object, type]) -> None:
    """Raise TypeError where somebody has put one thing for another, e.g. a host name for the peer."""
    _check_peer("peer", peer)
    for name, (value, kind) in options.items():
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")


def _check_peer(name: str, value: object) -> None:
    if not isinstance(getattr(value, "facts", None), PeerFacts):
        raise TypeError(f"{name} must be a Peer, e.g. Peer('archive', 104), or a WebPeer, not {type(value).__name__}")
