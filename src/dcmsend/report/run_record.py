"""What is known of a run: filled while it goes on, read by reports and exit codes."""

from __future__ import annotations

from dataclasses import dataclass, field

from dcmsend.errors import DcmsendError
from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .summary import Summary

__all__ = ["RunRecord"]


@dataclass(slots=True)
class RunRecord:
    """One run.

    Attributes:
        summary: counts of all outcomes.
        outcomes: all outcomes in list order; empty unless a report asked for them (they take memory).
        keep_rejected: whether ``rejected`` is filled; a tree may hold millions of files that are no DICOM.
        rejected: inputs and DICOMDIR records that could not be added to the transfer list.
        invalid_files: how many inputs could not be added, without DICOMDIR records.
        broken_files: how many inputs and records that could not be added are DICOM files, or may be.
        associations: negotiations that were answered.
        contexts: presentation contexts proposed over all associations.
        listed: whether the transfer list was complete, so that there is something to report on.
        error: why the run ended early, None at its normal end.
        report_error: why the report could not be written.
    """

    summary: Summary = field(default_factory=Summary)
    outcomes: list[StoreOutcome] = field(default_factory=list)
    keep_rejected: bool = False
    rejected: list[RejectedInput] = field(default_factory=list)
    invalid_files: int = 0
    broken_files: int = 0
    associations: int = 0
    contexts: int = 0
    listed: bool = False
    error: DcmsendError | None = None
    report_error: DcmsendError | None = None

    def add(self, outcome: StoreOutcome) -> None:
        """Count an outcome."""
        self.summary.add(outcome)

    def reject(self, rejected: RejectedInput) -> None:
        """Note an input that is not sent."""
        self.invalid_files += rejected.dicomdir is None
        self.broken_files += rejected.is_dicom
        if self.keep_rejected:
            self.rejected.append(rejected)

    @property
    def may_succeed(self) -> int:
        """How many instances were not stored and may be when the same is run again."""
        return self.summary.retryable

    @property
    def cannot_succeed(self) -> int:
        """How many instances were not stored and need a person first; broken DICOM files count, other files do not."""
        return self.summary.not_stored - self.summary.retryable + self.broken_files
