"""The base class of all reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dcmsend.index import RejectedInput
from dcmsend.transfer import Observer

if TYPE_CHECKING:
    from dcmsend.inputs import Source

    from .run_record import RunRecord

__all__ = ["Report"]


class Report(Observer):
    """Is told of everything while it happens, writes what it can at once, and is completed at the end.

    Each method may raise ReportError; then the report is told nothing more, and the run goes on.
    """

    def begin(self) -> None:
        """The run begins; the search for inputs has not started."""

    def watched(self, inputs: Iterable[Source]) -> Iterable[Source]:
        """The same inputs, each of which is looked at when it is found, whether it will be sent or not."""
        return inputs

    def rejected(self, rejected: RejectedInput) -> None:
        """An input is not in the transfer list."""

    def filtered(self, filtered: RejectedInput) -> None:
        """An input is left out because of its values."""

    def finish(self, record: RunRecord) -> None:
        """The run has ended, normally or not; ``record`` has its result."""
