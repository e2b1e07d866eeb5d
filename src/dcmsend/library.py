"""The entry point of the library: ``for outcome in send(paths, peer): ...``."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Generator, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from dcmsend.association import Peer
from dcmsend.errors import Cancelled, DcmsendError
from dcmsend.fork import keep_for_ever, own
from dcmsend.index import IndexOptions, RejectedInput
from dcmsend.inputs import DataSetInput, InputOptions, Source, find_inputs
from dcmsend.journal import JournalOptions
from dcmsend.plan import PlanOptions
from dcmsend.report import ReportOptions, Reports, Summary, open_reports
from dcmsend.run import LocalCarrier, Run, own_files_of
from dcmsend.settings import Settings
from dcmsend.transfer import Observer, PeerFacts, StoreOutcome, TransferOptions

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.cluster import ClusterOptions
    from dcmsend.proof import CommitOptions, VerifyOptions
    from dcmsend.run import CarrierMaker
    from dcmsend.stow import WebPeer
    from dcmsend.transfer import InstanceProof

__all__ = ["Transfer", "send"]

_LONGEST_NAME: Final = 32767 if os.name == "nt" else 4096
"""Longest name of a file in characters; except on Windows also in bytes."""
_LONGEST_PART: Final = 255
"""Longest name within a folder in bytes, on all usual file systems."""

# Log messages are only shown if the program that uses the library asks for them.
logging.getLogger("dcmsend").addHandler(logging.NullHandler())


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
    if _is_name(items) or _is_data_set(items):
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


class Transfer:
    """A transfer that runs while it is iterated; may be iterated once.

    As a context manager it releases the association even if the loop is left early.  It belongs to the process that
    iterates it: a forked child cannot continue it (RuntimeError), and its end in the child has no effect.
    """

    def __init__(
        self,
        settings: Settings,
        items: Iterable[Any],
        observer: Observer | None = None,
        cluster: ClusterOptions | Client | None = None,
    ) -> None:
        self._process = os.getpid()
        make_carrier = LocalCarrier if cluster is None else _carried_by(settings, cluster)
        self._run = Run(settings, keeps_all=True, make_carrier=make_carrier)
        self._record = self._run.record
        self._interrupt = self._run.interrupt
        self._observer = observer
        self._has_begun = self._has_ended = False
        self._proofs: Generator[InstanceProof, None, None] | None = None
        self._are_proven = False
        self._reports: Reports | None = None
        self._outcomes = self._send(items)

    def __iter__(self) -> Iterator[StoreOutcome]:
        process = self._process = os.getpid()
        own(self)
        self._has_begun = True
        try:
            for outcome in self._outcomes:  # not "yield from", which would close them in a forked child, too
                yield outcome
                if os.getpid() != process:
                    raise RuntimeError("a transfer can go on only in the process that began it")
            self._record.ended = True
        except GeneratorExit:  # the loop was left
            self._record.ended, self._record.error = True, Cancelled()
            raise
        except DcmsendError as error:
            self._record.ended = True
            if not isinstance(error, Cancelled) or error.by != "caller":
                raise
        except BaseException:  # of an observer, or of what makes the items
            self._record.was_thrown = True
            raise
        finally:
            self._has_ended = True
            self._close()
            if not self._run.settings.wants_proof:
                self._finish_reports()
        if self._record.report_error is not None:
            raise self._record.report_error

    def _send(self, items: Iterable[Any]) -> Generator[StoreOutcome, None, None]:
        """Begin the reports, then send.  Raises ReportError for one that cannot be begun."""
        run, observer = self._run, self._observer
        inputs = _inputs_of(items, run)
        options = run.settings.report
        if options.written:
            named = [os.fsdecode(item) for item in items if _is_name(item)] if isinstance(items, list | tuple) else []
            reports = open_reports(options, run.settings.peer.facts, self._record, observer, named)
            if reports.refusal is not None:
                self._record.error = reports.refusal
                reports.finish(self._record, None)
                raise reports.refusal
            self._reports = reports
            self._record.on_rejected = reports.rejected
            self._record.on_filtered = reports.filtered if options.for_programs else None
            observer = reports.observer
        yield from run.send(inputs, observer)

    def _finish_reports(self) -> None:
        reports, self._reports = self._reports, None
        if reports is not None and os.getpid() == self._process:
            reports.finish(self._record, None)

    def proofs(self) -> Iterator[InstanceProof]:
        """After the last outcome: ask the archive for what is stored; yields each instance with its proof, once.

        Empty unless ``verify`` or ``commit`` was given to ``send``.  With a journal the archive is asked for what
        earlier transfers have stored, too.  Raises as the transfer itself, e.g. JournalError; an archive that does not
        answer is no error but ``ProofState.NO_ANSWER`` for each instance.  Raises RuntimeError before the end of the
        transfer.
        """
        if not self._run.settings.wants_proof or self._are_proven:
            return
        if not self._has_ended:
            raise RuntimeError("a transfer is proven after its last outcome: iterate the transfer first")
        process = os.getpid()
        own(self)
        proofs = self._proofs = self._run.prove(self._observer if self._reports is None else self._reports.observer)
        try:
            for event in proofs:  # not "yield from", see above
                yield event
                if os.getpid() != process:
                    raise RuntimeError("a proof can go on only in the process that began it")
            self._are_proven = True
        except Cancelled as error:
            if error.by != "caller":
                raise
        finally:
            if os.getpid() == process:
                proofs.close()
                self._finish_reports()
        if self._record.report_error is not None:
            raise self._record.report_error

    def give_up(self) -> None:
        """Called in a forked child: the transfer of the parent is not ended."""
        keep_for_ever(self._outcomes)
        keep_for_ever(self._proofs)

    def _close(self) -> None:
        if os.getpid() == self._process:
            self._outcomes.close()

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        if os.getpid() == self._process:
            if self._has_begun and not self._has_ended:  # the iterator is kept somewhere
                self._record.ended, self._record.error = True, Cancelled()
            self._run.close()
            self._finish_reports()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {result.value}" for result, count in self.summary.results.items() if count)
        return f"<Transfer: {counts or 'nothing yet'}>"

    @property
    def summary(self) -> Summary:
        """Counts of the outcomes so far."""
        return self._record.summary

    @property
    def rejected(self) -> tuple[RejectedInput, ...]:
        """Inputs that hold no instance to send, with the reason."""
        return tuple(self._record.rejected)

    @property
    def already_stored(self) -> int:
        """The number of files that were skipped because the journal says that they are stored."""
        return self._record.already_stored

    @property
    def filtered(self) -> int:
        """The number of files left out because of the values of their elements (``IndexOptions.value_rules``)."""
        return self._record.filtered or 0

    @property
    def error(self) -> DcmsendError | None:
        """Why the transfer ended early; None while it runs and after a normal end."""
        return self._record.error

    def cancel(self) -> None:
        """Ask for the end, from any thread: requests in flight are finished, the rest is not attempted."""
        self._interrupt.request()

    def abort(self) -> None:
        """Ask for the end at once, from any thread: the association is aborted."""
        self._interrupt.abort()


def _carried_by(settings: Settings, cluster: ClusterOptions | Client) -> CarrierMaker:
    from dcmsend.cluster import CarriedBy, check_cluster_package, check_settings  # only where there is a cluster

    check_settings(settings)
    check_cluster_package()
    maker = CarriedBy(cluster)
    maker.check(settings)
    return maker


def _inputs_of(items: Iterable[Any], run: Run) -> Iterator[Source]:
    options, share, check = run.settings.inputs, run.share, run.interrupt.check_request
    stores, is_own = run.stores, own_files_of(run.settings)
    numbered = enumerate(items, start=1)
    others: list[DataSetInput] = []
    while True:
        # Names that follow each other are searched together: stores are asked for several of them at once.
        found = run.record.left_out
        names = _names_of(numbered, others)
        yield from find_inputs(names, options, check, share, stores, run.selection, found, is_own)
        if not others:
            return
        data_set = others.pop()
        if share is None or not share.leaves(data_set):
            yield data_set


def _is_name(item: object) -> bool:
    return isinstance(item, str | bytes | os.PathLike)


def _names_of(numbered: Iterator[tuple[int, Any]], others: list[DataSetInput]) -> Iterator[str]:
    """The names up to the first item that is none, which goes to ``others``.  Raises TypeError for anything else."""
    for number, item in numbered:
        if _is_name(item):
            name = os.fsdecode(item)
            if _may_be_content(name):
                raise TypeError(
                    f"item {number} is neither a path nor a pydicom.Dataset, but may be the content of a file"
                )
            yield name
        elif _is_data_set(item):
            others.append(DataSetInput(f"<data set {number}>", item))
            return
        else:
            raise TypeError(f"item {number} is neither a path nor a pydicom.Dataset but {type(item).__name__}")


def _may_be_content(name: str) -> bool:
    """Whether a string is the content of a file rather than its name; it is then kept out of the log.

    True if no file can have such a name, or if it has several lines and no file has that name.
    """
    if "\0" in name or len(name) > _LONGEST_NAME:
        return True
    has_lines = len(f"{name}.".splitlines()) > 1
    if len(name) <= _LONGEST_PART and not has_lines:
        return False
    try:
        os.lstat(name)
    except OSError as error:
        return has_lines or error.errno == errno.ENAMETOOLONG
    except ValueError:
        return has_lines
    return False


def _is_data_set(item: object) -> bool:
    pydicom = sys.modules.get("pydicom")  # a caller that has a Dataset has loaded it
    return pydicom is not None and isinstance(item, pydicom.Dataset)
