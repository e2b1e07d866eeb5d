"""A file with metrics for Prometheus, replaced every ten seconds and at the end of the run (``--metrics-file``)."""

from __future__ import annotations

import threading
import time
from typing import Final

from dcmsend.errors import ReportError
from dcmsend.loggers import get_logger
from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, PeerFacts, Result, StoreOutcome, Waiting

from .base import Report
from .metrics_text import Activity, metrics_text
from .place import find_place
from .report_file import ReportFile
from .run_record import RunRecord

__all__ = ["MetricsFile", "check_metrics_place"]

SECONDS: Final = 10.0
_MODE: Final = 0o644
"""Others read the file; nothing in it tells of patients or files."""

_log = get_logger("dcmsend.app")


class MetricsFile(Report):
    """Written by a thread of its own, so that it is fresh also while the peer is silent.

    The file is replaced as a whole, by the rules of ``ReportFile``.
    """

    def __init__(self, path: str, peer: PeerFacts, record: RunRecord, run_id: str, seconds: float = SECONDS) -> None:
        self._path = path
        self._peer = peer
        self._record = record
        self._run_id = run_id
        self._seconds = seconds
        self._started = time.time()
        self._ended: float | None = None
        self._bytes = self._opened = self._closed = 0
        self._last_stored: float | None = None
        self._is_waiting = False
        self._error: ReportError | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        check_metrics_place(path)
        self._write()

    def begin(self) -> None:
        try:
            self._thread.start()
        except RuntimeError as error:  # a limit of processes
            _log.warning("the file of metrics is written only at the end of the run: %s", error)

    def outcome(self, outcome: StoreOutcome) -> None:
        self._raise()
        if outcome.result is Result.STORED:
            self._last_stored = time.time()

    def bytes_sent(self, event: BytesSent) -> None:
        self._bytes += event.length

    def association_opened(self, event: AssociationOpened) -> None:
        self._opened += 1

    def association_closed(self, event: AssociationClosed) -> None:
        self._closed += 1

    def waiting(self, event: Waiting | None) -> None:
        self._is_waiting = event is not None

    def finish(self, record: RunRecord) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._raise()
        self._ended = time.time()
        self._is_waiting = False
        self._write()

    def _run(self) -> None:
        while not self._is_over.wait(self._seconds):
            try:
                self._write()
            except ReportError as error:
                self._error = error
                return

    def _raise(self) -> None:
        """Raise what the thread has met."""
        if self._error is not None:
            raise self._error

    def _write(self) -> None:
        activity = Activity(
            self._run_id, self._started, self._ended, time.time(), self._bytes,
            max(0, self._opened - self._closed), self._opened, self._last_stored, self._is_waiting,
        )  # fmt: skip
        text = metrics_text(self._record, self._peer, activity)
        file = ReportFile(self._path, mode=_MODE)
        file.write(text)
        file.close()


def check_metrics_place(path: str) -> None:
    """Raise ReportError for a place that cannot be replaced: a pipe, a device, an open file."""
    try:
        place = find_place(path)
    except (OSError, ValueError):  # writing the file reports the error
        return
    place.close()
    if not place.is_file:
        raise ReportError(path, "metrics need a file that can be replaced")
