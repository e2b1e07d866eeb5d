"""The record of a run: filled while it goes on, read by reports and exit codes."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum

from dcmsend.errors import Cancelled, DcmsendError, GivenUp, JournalError, SessionFailed, StoreUnusable
from dcmsend.index import FilteredInput, RejectedInput
from dcmsend.inputs import LeftOut
from dcmsend.reasons import Rejection
from dcmsend.transfer import Result, StoreOutcome

from .summary import Summary, format_summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import AutoCount

    from .migration import Migration
    from .proof_summary import ProofSummary

__all__ = ["RunRecord", "is_final_refusal"]


def is_final_refusal(error: DcmsendError | None) -> bool:
    """Whether the receiver, TLS on either side, a store or the journal will refuse until a person has acted."""
    return isinstance(error, SessionFailed | StoreUnusable | JournalError) and error.is_permanent


def _no_migration() -> None:
    """For a run without a journal."""


class RunRecord:
    """The record of one run.

    Attributes:
        summary: counts of all outcomes.
        keeps_all: whether a program reads the results: ``rejected`` is then filled, although a tree may hold millions
            of files that are not DICOM, and outcomes have their facts.
        on_rejected: called for each input that could not be added; None if no report needs it.
        on_filtered: called for each input that was left out because of its values; None if no report has rows for them.
        rejected: inputs and DICOMDIR records that could not be added to the transfer list.
        invalid_files: number of inputs that could not be added, without DICOMDIR records.
        broken_files: number of inputs and records that could not be added and are DICOM files, or may be.
        not_dicom: number of inputs that are no DICOM files, those in ``not_now`` left out; a DICOMDIR record is none.
        rejections: number of inputs and records that could not be added, by the reason; those that are no DICOM are
            left out.
        dicomdirs: DICOMDIR files that were met and not followed.
        left_out: what the search has passed by.
        not_now: number of inputs that could not be had now, but may be by a new run: their store was busy, or they were
            changed.
        instances_found: number of instances found so far.
        bytes_found: size of their files; only counted if ``is_watched``; None if one of them is not known.
        is_watched: whether somebody looks at the progress: sizes are then counted, and outcomes have their facts.
        searches: whether inputs are looked for at all; not in a run that only proves what is stored.
        all_found: whether the search has come to its end.
        already_stored: number of files skipped because the journal says that they are stored.
        filtered: number of files left out because of the values of their elements; None if values do not matter.
        names_left_out: counts the files, and folders with all that is in them, left out because of their names; None if
            names do not matter.
        leaves_young: whether files that were modified a moment ago are left for the next run; see ``left_out``.
        other_shards: number of files left to other shards; known when the search has ended.
        journal: file name of the journal, None without one.
        migration: reads what the journal knows over all its runs, when everything is sent; None without a journal of
            this receiver.
        all_runs: counts, when everything is sent, what the journal calls stored and all that it has; None without a
            journal of this receiver, or if that would take long.
        associations: number of negotiations that were answered.
        contexts: presentation contexts proposed over all associations.
        chooses_sessions: whether the number of associations at the same time was left to the run.
        auto: what was chosen, and why; None if nothing was to choose, or nothing was sent.
        waiting_share: part of the time of associations that were the only one in which nothing was done but wait for
            an answer, 0.0 to 1.0.
        proofs: counts of what the archive has confirmed later; None if it is not asked.
        refuted_for_good: instances that the archive lacks and a new run does not send again.
        has_closing_lines: tells whether the closing lines will be shown, so that the log need not tell the totals.
        listed: whether the transfer list was complete, so that there is something to report on.
        ended: whether the run came to an end of its own, not through an exception or an error in this program.
        was_thrown: whether an exception has ended it that the caller of the library gets.
        error: why the run ended early, None at a normal end.
        report_error: why a report could not be written, the first of them.
        unwritten: the names of all reports that could not be written.
        exit_code: of the command; None until it is known.
    """

    def __init__(self, *, keeps_all: bool = False) -> None:
        self._began = time.monotonic()
        self.summary = Summary()
        self.keeps_all = keeps_all
        self.on_rejected: Callable[[RejectedInput], None] | None = None
        self.on_filtered: Callable[[RejectedInput], None] | None = None
        self.rejected: list[RejectedInput] = []
        self.invalid_files = 0
        self.broken_files = 0
        self.not_dicom = 0
        self.rejections: dict[Rejection, int] = {}
        self.dicomdirs = 0
        self.left_out = LeftOut()
        self.not_now = 0
        self.instances_found = 0
        self.bytes_found: int | None = 0
        self.is_watched = False
        self.searches = True
        self.all_found = False
        self.already_stored = 0
        self.filtered: int | None = None
        self.names_left_out: Callable[[], int] | None = None
        self.leaves_young = False
        self.other_shards = 0
        self.journal: str | None = None
        self.migration: Callable[[], Migration | None] = _no_migration
        self.all_runs: Callable[[], tuple[int, int] | None] = _no_migration
        self.associations = 0
        self.contexts = 0
        self.chooses_sessions = False
        self.auto: AutoCount | None = None
        self.waiting_share = 0.0
        self.by_web = False
        self.proofs: ProofSummary | None = None
        self.refuted_for_good = 0
        self.has_closing_lines: Callable[[], bool] = lambda: False
        self.listed = False
        self.ended = False
        self.was_thrown = False
        self.error: DcmsendError | None = None
        self.report_error: DcmsendError | None = None
        self.unwritten: tuple[str, ...] = ()
        self.exit_code: IntEnum | None = None

    def add(self, outcome: StoreOutcome) -> None:
        """Count an outcome."""
        self.summary.add(outcome)

    def note_that_nothing_is_sent(self) -> None:
        """No inputs are looked for: the run only proves what is stored."""
        self.listed, self.searches = True, False

    def reject(self, rejected: RejectedInput) -> None:
        """Note an input that is not sent; one that is left out by its values was counted when it was found."""
        if isinstance(rejected, FilteredInput):
            if self.on_filtered is not None:
                self.on_filtered(rejected)
            return
        self.invalid_files += rejected.dicomdir is None
        if not rejected.why.is_permanent:
            self.not_now += 1
        else:
            self.broken_files += rejected.is_dicom
            self.not_dicom += not rejected.is_dicom
            self.dicomdirs += rejected.why is Rejection.DICOMDIR
        if rejected.is_dicom or not rejected.why.is_permanent:
            self.rejections[rejected.why] = self.rejections.get(rejected.why, 0) + 1
        if self.keeps_all:
            self.rejected.append(rejected)
        if self.on_rejected is not None:
            self.on_rejected(rejected)

    @property
    def seconds(self) -> float:
        """Seconds since the run has begun."""
        return time.monotonic() - self._began

    @property
    def is_complete(self) -> bool:
        """Whether the run has come to its normal end."""
        return self.ended and self.error is None

    @property
    def was_cut_short(self) -> bool:
        """Whether the search has begun and did not come to its end, so that nobody knows what else there is."""
        return self.listed and self.searches and not self.all_found

    @property
    def may_lack_inputs(self) -> bool:
        """Whether there may be more to send than was found: not everything was looked at, folders among it."""
        return self.was_cut_short or self.left_out.folders > 0

    def format_summary(self) -> str:
        """DCMTK's status summary."""
        return format_summary(
            self.summary, self.associations, self.contexts, by_web=self.by_web, filtered=self.filtered
        )

    @property
    def is_refused_for_good(self) -> bool:
        """Whether the peer will refuse the association again until a person has acted."""
        return is_final_refusal(self.error)

    @property
    def may_succeed(self) -> int:
        """The number of instances that were not stored and may be by a new run; 0 after a final refusal.

        A directory that was not read to its end counts as one: nobody knows how many are in it.
        """
        return 0 if self.is_refused_for_good else self._may_pass

    @property
    def _may_pass(self) -> int:
        return self.summary.retryable + self.not_now + self.left_out.unlisted

    @property
    def may_store_more(self) -> bool:
        """Whether the same run again may store more: what was found, or what a search that ended too soon had not."""
        error = self.error
        passing = Cancelled | GivenUp | JournalError | SessionFailed | StoreUnusable
        ends_for_now = isinstance(error, passing) and not error.is_permanent
        return self.may_succeed + self.to_send_again > 0 or (ends_for_now and self.searches and not self.all_found)

    @property
    def not_asked(self) -> int:
        """The number of stored instances to be proven that the archive was not asked about: the run ended before."""
        if self.proofs is None:
            return 0
        stored = self.summary.results[Result.STORED] + self.proofs.earlier
        return max(0, max(self.proofs.expected, stored) - self.proofs.total)

    @property
    def cannot_succeed(self) -> int:
        """The number of instances that need a person before they can be stored.

        Broken DICOM files count too, and directories that cannot be searched.
        """
        rest = self.summary.not_stored + self.not_now + self.left_out.folders
        return rest - self.may_succeed + self.broken_files

    @property
    def unproven(self) -> int:
        """The number of stored instances without an answer of the archive, or not asked about; 0 without a proof."""
        return 0 if self.proofs is None else self.proofs.unproven + self.not_asked

    @property
    def to_send_again(self) -> int:
        """The number of instances called stored that the archive does not have, and that a new run sends again."""
        return 0 if self.proofs is None else self.proofs.refuted - self.refuted_for_good
