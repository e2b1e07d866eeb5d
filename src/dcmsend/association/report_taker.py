"""The answer to each report of an archive: what the run does with it, and what people are told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from dcmsend.dicom.ae_title import encode_ae_title
from dcmsend.errors import PeerDataSetError
from dcmsend.loggers import DEBUG, WARNING, get_logger
from dcmsend.protocol import ReceivedReport, decode_commitment_report
from dcmsend.transfer import CommitmentAnswer

from .commitment_answer import answer_of

__all__ = ["PROCESSING_FAILURE", "ReportTaker", "shown"]

PROCESSING_FAILURE: Final = 0x0110
"""Status of a report that could not be taken.  Source: PS3.7 Annex C."""

_MOST_NOTES: Final = 100
"""Warnings of one sort, for a caller must not fill a disk with them; further ones are lines for debugging."""

_LONGEST_SHOWN: Final = 500
"""Characters; the value of an element may be as long as a report."""

_log = get_logger("dcmsend.network")


def shown(text: object) -> str:
    """Text from the wire as one line of ASCII, whatever is in it, and not too long for a log."""
    return str(text)[:_LONGEST_SHOWN].encode("unicode_escape").decode("ascii")


def _on_the_wire(ae_title: str) -> bytes:
    return encode_ae_title(ae_title.strip(" "))


class ReportTaker:
    """Passes reports on to ``take``, and warns of what is unusual, each kind once; used by one thread.

    Attributes:
        error: what ``take`` has raised, None if nothing; from then on every report is answered 0x0110.
        seconds: time spent in ``take`` so far.
    """

    def __init__(self, take: Callable[[CommitmentAnswer], int], expected_ae_title: str | None) -> None:
        """``expected_ae_title`` is that of the archive that was asked, None for any."""
        self.error: BaseException | None = None
        self.seconds = 0.0
        self._take = take
        self._expected = expected_ae_title
        self._unreadable = 0
        self._noted: set[str] = set()

    def status_for(self, report: ReceivedReport, calling_ae_title: str, host: str) -> int:
        """Take a report; return the status to answer.  Never raises."""
        who = f"'{shown(calling_ae_title)}' at {shown(host)}"
        try:
            decoded = decode_commitment_report(report.data_set, report.transfer_syntax)
        except PeerDataSetError as error:
            self._unreadable += 1
            level = WARNING if self._unreadable <= _MOST_NOTES else DEBUG
            _log.log(level, "a storage commitment report of %s cannot be read: %s", who, shown(error))
            return PROCESSING_FAILURE
        _log.debug(
            "Received N-EVENT-REPORT Request from %s (MsgID %d, transaction %s, committed: %d, failed: %d)",
            who, report.request.message_id, shown(decoded.transaction_uid), len(decoded.committed), len(decoded.failed),
        )  # fmt: skip
        if self._expected is not None and _on_the_wire(calling_ae_title) != _on_the_wire(self._expected):
            text = f"{who} reports on storage commitment, not '{self._expected}': archives report from others, too"
            self.warn_once(f"title {calling_ae_title}", text)
        if self.error is not None:
            return PROCESSING_FAILURE
        began = time.monotonic()
        try:
            return self._take(answer_of(decoded, calling_ae_title, host))
        except BaseException as error:  # the run raises it; a thread could only lose it
            self.error = error
            return PROCESSING_FAILURE
        finally:
            self.seconds += time.monotonic() - began

    def warn_once(self, kind: str, text: str) -> None:
        """Log a warning, unless there was one of that kind, or a hundred of others."""
        if kind not in self._noted and len(self._noted) < _MOST_NOTES:
            self._noted.add(kind)
            _log.warning("%s", text)
