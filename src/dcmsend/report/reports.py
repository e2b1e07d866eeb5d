"""All reports of a run as one observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import partial

from dcmsend.errors import ReportError
from dcmsend.index import RejectedInput
from dcmsend.loggers import get_logger
from dcmsend.transfer import Observer, PeerFacts, StoreOutcome

from .options import ReportOptions
from .run_record import RunRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.inputs import Source
    from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, HostNews, InstanceProof, Waiting

    from .base import Report

__all__ = ["Reports", "look_at_reports", "open_reports"]

_log = get_logger("dcmsend.app")


class Reports(Observer):
    """Passes every event to each report, and to the caller's own observer.

    A report that cannot be written is given up with a message; the run and the other reports go on.

    Attributes:
        error: the error of the first report that could not be written; None while all can.
        refusal: why one of the reports cannot be begun, so that the run should not begin either; None if all can.
    """

    def __init__(self, observer: Observer | None = None) -> None:
        self._observer = observer
        self._reports: list[Report] = []
        self.error: ReportError | None = None
        self.refusal: ReportError | None = None
        self._unwritten: list[str] = []

    @property
    def observer(self) -> Observer | None:
        """The observer for the transfer; None if there is nothing to observe."""
        return self if self._reports else self._observer

    def add(self, make: Callable[[], Report], *, is_needed: bool = True) -> None:
        """Open one more report and begin it; with ``is_needed`` the run should not begin without the report."""
        try:
            report = make()
        except ReportError as error:
            if is_needed and self.refusal is None:
                self.refusal = error
            self._note(error)
            return
        self._reports.append(report)
        with self._given_up(report):
            report.begin()

    def watched(self, inputs: Iterable[Source]) -> Iterable[Source]:
        """The same inputs, which reports look at when they are found."""
        for report in self._reports:
            inputs = report.watched(inputs)
        return inputs

    def rejected(self, rejected: RejectedInput) -> None:
        """An input is not in the transfer list."""
        for report in tuple(self._reports):
            with self._given_up(report):
                report.rejected(rejected)

    def filtered(self, filtered: RejectedInput) -> None:
        """An input is left out because of its values."""
        for report in tuple(self._reports):
            with self._given_up(report):
                report.filtered(filtered)

    def outcome(self, outcome: StoreOutcome) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.outcome(outcome)
        if self._observer is not None:
            self._observer.outcome(outcome)

    def association_opened(self, event: AssociationOpened) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.association_opened(event)
        if self._observer is not None:
            self._observer.association_opened(event)

    def association_closed(self, event: AssociationClosed) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.association_closed(event)
        if self._observer is not None:
            self._observer.association_closed(event)

    def bytes_sent(self, event: BytesSent) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.bytes_sent(event)
        if self._observer is not None:
            self._observer.bytes_sent(event)

    def waiting(self, event: Waiting | None) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.waiting(event)
        if self._observer is not None:
            self._observer.waiting(event)

    def host_news(self, event: HostNews) -> None:
        if self._observer is not None:
            self._observer.host_news(event)

    def proven(self, event: InstanceProof) -> None:
        for report in tuple(self._reports):
            with self._given_up(report):
                report.proven(event)
        if self._observer is not None:
            self._observer.proven(event)

    def finish(self, record: RunRecord, judge: Callable[[RunRecord], IntEnum] | None) -> None:
        """Complete all reports; ``judge`` returns the exit code, which changes when a report cannot be written."""
        for report in tuple(self._reports):
            self._conclude(record, judge)
            with self._given_up(report):
                report.finish(record)
        self._conclude(record, judge)

    def _conclude(self, record: RunRecord, judge: Callable[[RunRecord], IntEnum] | None) -> None:
        record.report_error, record.unwritten = self.error, tuple(self._unwritten)
        record.exit_code = None if judge is None else judge(record)

    @contextmanager
    def _given_up(self, report: Report) -> Iterator[None]:
        """Remove a report from the list when it cannot be written."""
        try:
            yield
        except ReportError as error:
            self._note(error)
            self._reports.remove(report)

    def _note(self, error: ReportError) -> None:
        next_step = "\nnothing is sent; name another file for the report" if error is self.refusal else ""
        _log.error("%s\n%s%s", error, error.reason, next_step)
        self.error = self.error or error
        self._unwritten.append(error.path)


def open_reports(
    options: ReportOptions, peer: PeerFacts, record: RunRecord, observer: Observer | None, names: Sequence[str] = ()
) -> Reports:
    """Open all reports of the run ``record``, which is to send ``names``.

    Modules that only one kind of report needs are loaded for it alone.
    """
    reports = Reports(observer)
    if options.text_report:
        from .text_report import TextReport

        is_needed = options.text_is_needed
        reports.add(lambda: TextReport(options.text_report, peer, names, is_needed=is_needed), is_needed=is_needed)
    if options.for_programs or options.metrics_file:
        before = reports.refusal  # the other reports tell that DCMTK's cannot be written
        reports.add(lambda: _checked(options, names))
        if reports.refusal is before:
            import uuid

            run_id = options.run_id or str(uuid.uuid4())
            if options.for_programs:
                _open_further(options, peer, record, reports, run_id)
            if options.metrics_file:
                _open_metrics(options.metrics_file, peer, record, reports, run_id)
    return reports


def look_at_reports(options: ReportOptions, names: Sequence[str]) -> ReportError | None:
    """Why a run would not begin because of its reports, told as the run tells it; None if it would begin.

    Nothing is written.
    """
    reports = Reports()
    if options.text_report and options.text_is_needed:
        reports.add(lambda: _text_looked_at(options.text_report))
    if options.for_programs or options.metrics_file:
        before = reports.refusal
        reports.add(lambda: _checked(options, names))
        if reports.refusal is before:
            for path in options.own_files:
                reports.add(partial(_looked_at, path, options))
    return reports.refusal


def _text_looked_at(path: str) -> Report:
    from .base import Report
    from .room import check_room
    from .text_file import look_at_text_place

    look_at_text_place(path)
    check_room(path)
    return Report()


def _looked_at(path: str, options: ReportOptions) -> Report:
    from .base import Report
    from .report_file import look_at_place

    if path == options.metrics_file:
        from .metrics_file import check_metrics_place

        check_metrics_place(path)
    look_at_place(path, is_streamed=path == options.jsonl_report)
    return Report()


def _checked(options: ReportOptions, names: Sequence[str]) -> Report:
    """Check that no report overwrites a file to be sent; return a report that does nothing."""
    from .base import Report
    from .own_reports import check_named
    from .room import check_room

    for path in options.own_files:
        check_named(path, names)
        check_room(path)
    if options.for_programs and not options.own_files:
        check_room("-")
    return Report()


def _open_metrics(path: str, peer: PeerFacts, record: RunRecord, reports: Reports, run_id: str) -> None:
    """Open the file of metrics, behind all others: its end tells the exit code, which any of these may change."""
    from .metrics_file import MetricsFile

    reports.add(lambda: MetricsFile(path, peer, record, run_id))


def _open_further(
    options: ReportOptions, peer: PeerFacts, record: RunRecord, reports: Reports, run_id: str
) -> None:
    from .field_source import FieldSource
    from .run_fields import RunFields

    proofs = None
    if options.with_proof:
        from .proof_table import ProofTable

        proofs = table = ProofTable()
        reports.add(lambda: table)
    source = FieldSource(with_patient=options.with_patient, proofs=proofs)
    if options.csv_report:
        from .csv_report import CsvReport

        reports.add(lambda: CsvReport(options.csv_report, source))
    if not (options.json_report or options.jsonl_report or options.html_report):
        return
    run = RunFields(peer, record, source, options.command_line, run_id)
    reports.add(lambda: run)
    if options.html_report:
        from .html_report import HtmlReport

        # Before those that programs read: all of it is written at its end, and they tell whether that was possible.
        reports.add(lambda: HtmlReport(options.html_report, run, source, options.resend))
    if options.json_report:
        from .json_report import JsonReport

        reports.add(lambda: JsonReport(options.json_report, run, source))
    if options.jsonl_report:
        from .jsonl_report import JsonLinesReport

        reports.add(lambda: JsonLinesReport(options.jsonl_report, run, source))
