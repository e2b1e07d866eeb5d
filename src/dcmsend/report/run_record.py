"""What is known of a run: filled while it goes on, read by reports and exit codes."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum

from dcmsend.errors import DcmsendError, NegotiationFailed
from dcmsend.index import RejectedInput
from dcmsend.transfer import StoreOutcome

from .summary import Summary, format_summary

__all__ = ["RunRecord", "is_final_refusal"]


def is_final_refusal(error: DcmsendError | None) -> bool:
    """Whether the peer, or one side's TLS, will refuse the association again until a person has done something."""
    return isinstance(error, NegotiationFailed) and error.is_permanent


class RunRecord:
    """One run.

    Attributes:
        summary: counts of all outcomes.
        keep_rejected: whether ``rejected`` is filled; a tree may hold millions of files that are no DICOM.
        on_rejected: hears of each input that could not be added; None if nobody wants to know.
        rejected: inputs and DICOMDIR records that could not be added to the transfer list.
        invalid_files: how many inputs could not be added, without DICOMDIR records.
        broken_files: how many inputs and records that could not be added are DICOM files, or may be.
        instances_found: how many instances were found so far.
        all_found: whether no more will be found.
        already_stored: how many files were left out because the journal says that they are stored.
        other_shards: how many files were left to other shards; known when all is found.
        journal: file name of the journal, None without one.
        associations: negotiations that were answered.
        contexts: presentation contexts proposed over all associations.
        listed: whether the transfer list was complete, so that there is something to report on.
        ended: whether the run has come to an end of its own, not by a fault of ours.
        error: why the run ended early, None at its normal end.
        report_error: why a report could not be written.
        exit_code: what the command will end with; None while nobody has said so.
    """

    def __init__(self, *, keep_rejected: bool = False) -> None:
        self._began = time.monotonic()
        self.summary = Summary()
        self.keep_rejected = keep_rejected
        self.on_rejected: Callable[[RejectedInput], None] | None = None
        self.rejected: list[RejectedInput] = []
        self.invalid_files = 0
        self.broken_files = 0
        self.instances_found = 0
        self.all_found = False
        self.already_stored = 0
        self.other_shards = 0
        self.journal: str | None = None
        self.associations = 0
        self.contexts = 0
        self.listed = False
        self.ended = False
        self.error: DcmsendError | None = None
        self.report_error: DcmsendError | None = None
        self.exit_code: IntEnum | None = None

    def add(self, outcome: StoreOutcome) -> None:
        """Count an outcome."""
        self.summary.add(outcome)

    def reject(self, rejected: RejectedInput) -> None:
        """Note an input that is not sent."""
        self.invalid_files += rejected.dicomdir is None
        self.broken_files += rejected.is_dicom
        if self.keep_rejected:
            self.rejected.append(rejected)
        if self.on_rejected is not None:
            self.on_rejected(rejected)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._began

    @property
    def is_complete(self) -> bool:
        """Whether the run has come to its normal end."""
        return self.ended and self.error is None

    def format_summary(self) -> str:
        """DCMTK's status summary."""
        return format_summary(self.summary, self.associations, self.contexts)

    @property
    def is_refused_for_good(self) -> bool:
        """Whether the peer will refuse the association again until a person has done something."""
        return is_final_refusal(self.error)

    @property
    def may_succeed(self) -> int:
        """How many instances were not stored and may be when the same is run again; none after a final refusal."""
        return 0 if self.is_refused_for_good else self.summary.retryable

    @property
    def cannot_succeed(self) -> int:
        """How many instances were not stored and need a person first; broken DICOM files count, other files do not."""
        return self.summary.not_stored - self.may_succeed + self.broken_files
