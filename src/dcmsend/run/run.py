"""One object owns one run: settings, record, journal, reports, interrupt."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from enum import IntEnum

from dcmsend.errors import (
    CannotListen,
    DcmsendError,
    InputError,
    JournalError,
    NoInputFiles,
    NoValidInputFiles,
    UsageError,
)
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import Source, most_descriptors
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities
from dcmsend.loggers import get_logger
from dcmsend.report import RunRecord, open_reports, refusal_lines
from dcmsend.settings import Settings
from dcmsend.transfer import Observer, Result, StoreOutcome, limit_time

from .abilities import abilities_of, choose_dictionary
from .circumstances import Circumstances
from .local_carrier import LocalCarrier
from .receiver import check_receiver
from .search import Search, find_sources, selection_of, share_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from dcmsend.inputs import Fetcher, Stores
    from dcmsend.journal import Journal, MovingJournal, Staying
    from dcmsend.transfer import InstanceProof, Ledger

    from .carrier import CarrierMaker
    from .proving import Proving

__all__ = ["Run", "log_end"]

_FEW_DESCRIPTORS: Final = 256

_LACKED: Final = (
    "the archive lacked %d of the files that are stored already; a run asks again, and may send them again"
)

_NOTED: Final = 3
"""So many rejected inputs are told with an error."""

_log = get_logger("dcmsend.app")


class Run:
    """One run.  Used once: by the command as ``send_names``, by the library as ``send``, by a preview as ``look``.

    Attributes:
        settings: the user's options.
        record: the facts of the run, filled while it goes on.
        interrupt: ends the run early.
        share: tells which inputs belong to other runs; None if none do.
        selection: tells which inputs are left out by their names; None if none are.
    """

    def __init__(
        self,
        settings: Settings,
        interrupt: Interrupt | None = None,
        *,
        keeps_all: bool = False,
        make_carrier: CarrierMaker = LocalCarrier,
    ) -> None:
        """Raises UsageError if a package is missing without which what is wanted cannot be done.

        ``make_carrier`` decides where the work is done.
        """
        check_receiver(settings.peer)
        if settings.plan.decompression is not None:
            from .decoding import check_decoders  # only where the user says what may be decompressed

            check_decoders(settings.plan, is_order=bool(settings.peer.facts.url))
        self._make_carrier = make_carrier
        self.settings = settings
        self.share = share_of(settings)
        self.selection = selection_of(settings)
        self.record = RunRecord(keeps_all=keeps_all)
        self.record.by_web = bool(settings.peer.facts.url)
        self.record.chooses_sessions = not isinstance(settings.transfer.parallel_associations, int)
        selection = self.selection
        self.record.names_left_out = None if selection is None else lambda: selection.left_out
        self.record.filtered = 0 if settings.index.value_rules else None
        self.record.leaves_young = settings.inputs.min_age > 0
        self.record.journal = None if settings.journal is None else settings.journal.path
        self.interrupt = interrupt or Interrupt(settings.transfer.drain_seconds)
        self._proving: Proving | None = None
        self._stores: Stores | None = None
        self._stays: Staying | None = None  # files that a DICOMDIR refers to
        if settings.wants_proof:
            from dcmsend.report import ProofSummary  # only where a proof is asked for

            from .proving import Proving

            self.record.proofs = ProofSummary()
            self._proving = Proving(settings, self.record, self.interrupt)

    def send_names(
        self,
        names: Sequence[str],
        *,
        observer: Observer | None = None,
        judge: Callable[[RunRecord], IntEnum] | None = None,
    ) -> None:
        """Send the files that ``names`` stand for and write the reports, as the command does.

        Raises nothing: the end of the run is in the record and in the log.  ``judge`` returns the exit code for
        reports.
        """
        settings, record = self.settings, self.record
        reports = open_reports(settings.report, settings.peer.facts, record, observer, names)
        if reports.refusal is not None:
            record.error, record.ended = self._in_use() or reports.refusal, True
        else:
            record.on_rejected = reports.rejected
            record.on_filtered = reports.filtered if settings.report.for_programs else None
            if settings.inputs.scan_directories:
                _log.info("determining input files ...")
        try:
            if reports.refusal is None:
                inputs = None if self._only_proves(names) else self._sources(names, reports.watched)
                self._send_all(inputs, reports.observer)
        finally:
            try:
                self.close()
                self._tell_totals()
            finally:
                reports.finish(record, judge)
            if record.is_complete and record.report_error is None:
                _log.info("\n%s", record.format_summary())

    def _only_proves(self, names: Sequence[str]) -> bool:
        """Whether there is nothing to be sent: what the journal calls stored is to be proven."""
        return self._proving is not None and not names and not self.settings.file_lists

    def _sources(
        self, names: Sequence[str], watched: Callable[[Iterable[Source]], Iterable[Source]] | None = None
    ) -> Iterator[Source]:
        """The inputs that names stand for; ``watched``: see ``find_inputs``."""
        left_out = self.record.left_out
        return find_sources(
            self.settings, names, self.interrupt, self.share, self.stores, self.selection, left_out, watched
        )

    def _in_use(self) -> JournalError | None:
        """Log and return the error of a journal that another run uses: that run has a report of ours too, then."""
        if self.settings.journal is None:
            return None
        from dcmsend.journal import error_in_use

        error = error_in_use(self.settings.journal.path)
        if error is not None:
            log_end(error, self.settings, self.record)
        return error

    def _send_all(self, inputs: Iterable[Source] | None, observer: Observer | None) -> None:
        """Send and prove; without ``inputs`` only prove what the journal calls stored."""
        try:
            if inputs is None:
                self.record.note_that_nothing_is_sent()
                limit_time(self.settings.transfer, self.interrupt)
            else:
                for _ in self.send(inputs, observer):
                    pass
            for _ in self.prove(observer):
                pass
            self.record.ended = True
        except DcmsendError as error:
            self.record.ended = True
            if isinstance(error, InputError | JournalError | CannotListen | UsageError):
                log_end(error, self.settings, self.record)

    def send(self, inputs: Iterable[Source], observer: Observer | None = None) -> Generator[StoreOutcome, None, None]:
        """Send ``inputs``: yields each outcome in list order, then raises the error that ended the run early."""
        limit_time(self.settings.transfer, self.interrupt)
        if self.settings.plan.decompression is not None:
            from .decoding import warn_of_images

            warn_of_images(self.settings.plan)
        if self.settings.journal is None:
            yield from self._carry(inputs, observer, None)
            return
        try:
            if self._proving is not None:
                self._proving.listen()
            journal = self._open_journal()
        except DcmsendError as failure:
            self.close()
            self.record.error = failure
            raise
        error: DcmsendError | None = None
        try:
            if self._proving is not None:
                self._proving.use(journal)
                if self.settings.journal.resume:
                    self._proving.ask_again(journal)
            yield from self._carry(inputs, observer, journal)
        except DcmsendError as failure:
            error = failure
        except BaseException:
            self.close()
            raise
        finally:
            self._close_journal(journal)
        error = journal.error or error  # when the journal has ended the run, its error is the reason
        if error is not None:
            self.close()
            self.record.error = error
            raise error

    def prove(self, observer: Observer | None = None) -> Generator[InstanceProof, None, None]:
        """After ``send``: ask the archive for what is stored, if a proof is wanted; yields each instance once.

        With a journal this goes for what earlier runs have stored, too.  Raises the error that ended the asking early.
        """
        if self._proving is None:
            return
        journal: Journal | MovingJournal | None = None
        try:
            self._proving.listen()
            if self.settings.journal is not None:
                journal = self._open_journal(is_open_again=True)
                self._proving.use(journal)
            for proof in self._proving.prove(journal):
                if observer is not None:
                    observer.proven(proof)
                yield proof
        except DcmsendError as error:
            self.record.error = error
            raise
        finally:
            self.close()
            if journal is not None:
                self._close_journal(journal)

    def stores(self) -> Stores:
        """The object stores of the run; made when it is asked for the first time, closed when everything is sent."""
        if self._stores is None:
            from dcmsend.inputs import Stores  # only where an address is named

            self._stores = Stores(self.settings.inputs, self.interrupt.check_request)
        return self._stores

    def _fetcher(self) -> Fetcher:
        return self.stores().fetcher

    def _close_stores(self) -> None:
        stores, self._stores = self._stores, None
        if stores is not None:
            stores.close()

    def close(self) -> None:
        """Take no more reports of the archive, as at the end of ``prove``; may be called twice."""
        if self._proving is not None:
            self._proving.close()

    def _close_journal(self, journal: Journal | MovingJournal) -> None:
        if self._proving is not None:
            self._proving.use(None)
        journal.close()

    def _open_journal(self, *, is_open_again: bool = False) -> Journal | MovingJournal:
        from dcmsend.journal import Staying, open_journal  # loads SQLite

        settings = self.settings
        assert settings.journal is not None
        options = settings.journal.replace(resume=True) if is_open_again else settings.journal
        stays = self._stays = self._stays or Staying()
        journal = open_journal(
            options, settings.peer.facts, self.interrupt,
            reads_dicomdir=settings.index.expand_dicomdir and not (is_open_again and self.record.all_found),
            needs_proof=settings.wants_proof, stays=stays, must_exist=is_open_again,
        )  # fmt: skip
        self._tell_of_all_runs(options.path)
        return journal

    def _tell_of_all_runs(self, path: str) -> None:
        """Let the record tell what the journal knows over all its runs, now that it is known to be ours."""
        from .migration import MigrationReader  # only with a journal

        record, reader = self.record, MigrationReader(path)
        if self.settings.report.html_report:
            record.migration = reader.migration
        record.all_runs = lambda: reader.totals(record.already_stored + record.summary.total)

    def _carry(
        self, inputs: Iterable[Source], observer: Observer | None, ledger: Ledger | None
    ) -> Generator[StoreOutcome, None, None]:
        if _may_open_few():
            from .late_modules import load_late_modules

            load_late_modules()
        circumstances = Circumstances(
            self.settings, self.record, self.interrupt, observer, ledger, self.share, self._fetcher, self.selection
        )
        try:
            for end in self._make_carrier(circumstances).carry(inputs):
                if isinstance(end, StoreOutcome):
                    self.record.add(end)
                    if self._proving is not None:
                        self._proving.note(end)
                    yield end
                else:
                    self.record.reject(end)
        except DcmsendError as error:
            self.record.error = error
            if isinstance(error, NoValidInputFiles):
                _note_rejected(error, self.record.rejected)
            raise
        finally:
            self._close_stores()

    def look(self, names: Sequence[str]) -> tuple[Sequence[Instance], Abilities]:
        """The instances that the run would send, and its abilities.  Raises the error that ends the search early."""
        settings, only_proves = self.settings, self._only_proves(names)
        dictionary, unusable = choose_dictionary(settings)
        ledger = None
        if settings.journal is not None:
            from dcmsend.journal import JournalView

            ledger = JournalView(settings.journal, settings.peer.facts, must_exist=only_proves)
        try:
            if only_proves:
                self.record.note_that_nothing_is_sent()
                return [], abilities_of(settings, dictionary, unusable, facts_of_all=False)
            search = Search(
                settings, self.record, self.interrupt, ledger, dictionary, self.share, selection=self.selection
            )
            found = search.list_instances(self._sources(names))
            while True:
                try:
                    self.record.reject(next(found))
                except StopIteration as end:
                    if self._proving is not None and ledger is not None and ledger.lacked:
                        _log.warning(_LACKED, ledger.lacked)
                    return end.value, abilities_of(settings, dictionary, unusable, facts_of_all=False)
        finally:
            if ledger is not None:
                ledger.close()
            self._close_stores()

    def _tell_totals(self) -> None:
        """Log the totals of what is not stored, as far as the end of the run calls for it."""
        record = self.record
        begun = record.summary.total - record.summary.results[Result.NOT_ATTEMPTED]
        ends_before = isinstance(record.error, InputError) and not begun  # nobody knows how many there are, either
        if record.listed and record.summary.not_stored and not ends_before and not record.has_closing_lines():
            lines = [f"{record.summary.not_stored} of {record.summary.total} SOP instances were not stored"]
            _log.error("%s", "\n".join(lines + refusal_lines(record.summary)))
        if record.already_stored:
            _log.info("%d files are already stored according to the journal", record.already_stored)


def _note_rejected(error: NoValidInputFiles, rejected: Sequence[RejectedInput]) -> None:
    """Have a traceback of ``error`` tell what was wrong with the first inputs (of those that the record keeps)."""
    for item in rejected[:_NOTED]:
        error.add_note(f"{item.path!r}: {'; '.join(filter(None, (item.reason, item.detail)))}")
    if len(rejected) > _NOTED:
        error.add_note(f"{len(rejected) - _NOTED} more are in Transfer.rejected")


def _may_open_few() -> bool:
    """Whether associations and files may leave no descriptor for a module that is loaded in the middle of the run."""
    allowed = most_descriptors()
    return allowed is not None and allowed < _FEW_DESCRIPTORS


def log_end(error: DcmsendError, settings: Settings, record: RunRecord) -> None:
    """Log the error that ended a run before anything was sent, and what to try next."""
    from dcmsend.advice import nothing_new, with_explanation  # only needed after a failure

    left_out = record.left_out
    situation = settings.peer.facts.situation._replace(
        scans_directories=settings.inputs.scan_directories, has_pattern=bool(settings.inputs.scan_pattern),
        expands_dicomdir=settings.index.expand_dicomdir, dicomdir=left_out.dicomdir, young=left_out.young,
        from_the_future=left_out.from_the_future, has_sub_directories=left_out.sub_directories > 0,
        empty_list=left_out.empty_list, names_dicomdir=record.dicomdirs > 0,
        chooses_names=bool(settings.inputs.name_rules),
    )  # fmt: skip
    if isinstance(error, NoInputFiles) and settings.journal is not None and not left_out.directories:
        # A job that runs every night finds nothing now and then: that is no news.
        _log.warning("%s", "; ".join(filter(None, (error.text, nothing_new(situation)))))
    else:
        _log.critical("%s", with_explanation(error, situation))
