"""Tells the driver what becomes of a batch, in groups, while the batch is sent."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable
from typing import Any, Final

from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, Observer, Waiting

from .told import to_text

__all__ = ["MOST_UNTOLD", "LogRelay", "Teller", "lowest_level"]

MOST_UNTOLD: Final = 256
"""Outcomes that the scheduler may not have yet; a further one waits."""
SECONDS: Final = 0.2
"""After this time a group is told, or as soon as half of the outcomes are waiting that may."""
_MOST_LINES: Final = 1000
_LONGEST_LINE: Final = 4000
_LOGGERS: Final = ("dcmsend.app", "dcmsend.data", "dcmsend.index", "dcmsend.network")


class Teller(Observer):
    """Gathers what happens and hands it out in groups; thread-safe.

    ``tell`` gets each group as text, and returns when it is safe: then it is not lost with this process.  Groups are
    numbered; the last one says so.  ``course`` is a mark of this teller: Dask may give the same attempt to several
    workers, one after the other.
    """

    def __init__(self, tell: Callable[[str], None], run: str, attempt: int) -> None:
        self._tell = tell
        self._head = {
            "run": run, "attempt": attempt, "course": uuid.uuid4().hex, "host": socket.gethostname(),
            "process": os.getpid(),
        }  # fmt: skip
        self._lock = threading.Condition()
        self._groups = 0
        self._group: dict[str, Any] = {}
        self._untold = 0
        self._is_due = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Say that the batch has begun, and tell more from now on."""
        self._flush(is_needed=True)
        self._thread.start()

    def end(self, kind: str, *values: Any) -> None:
        """An input, or something found in one, has come to its end; waits while too many ends are untold."""
        with self._lock:
            self._lock.wait_for(lambda: self._untold < MOST_UNTOLD)
            ends = self._group.setdefault("ends", [])
            ends.append([kind, *values])
            self._untold += 1
            if len(ends) >= MOST_UNTOLD // 2:
                self._is_due.set()

    def log(self, record: logging.LogRecord) -> None:
        """A message for the driver's log."""
        with self._lock:
            lines = self._group.setdefault("log", [])
            if len(lines) < _MOST_LINES:
                lines.append([record.name, record.levelno, record.getMessage()[:_LONGEST_LINE]])

    def finish(self, **facts: Any) -> None:
        """Tell the rest."""
        self._is_over = True
        self._is_due.set()
        self._thread.join()
        with self._lock:
            self._group.update(facts, last=True)
        self._flush()

    def _run(self) -> None:
        while not self._is_over:
            self._is_due.wait(SECONDS)
            self._is_due.clear()
            self._flush()

    def _flush(self, *, is_needed: bool = False) -> None:
        with self._lock:
            if not self._group and not is_needed:
                return
            group, self._group = self._group, {}
            self._groups += 1
            number = self._groups
        try:
            self._tell(to_text({**self._head, "number": number, **group}))
        finally:
            with self._lock:
                self._untold -= len(group.get("ends", ()))
                self._lock.notify_all()

    # -- ``Observer``

    def association_opened(self, event: AssociationOpened) -> None:
        self._note("events", ["opened", *event])

    def association_closed(self, event: AssociationClosed) -> None:
        self._note("events", ["closed", *event])

    def bytes_sent(self, event: BytesSent) -> None:
        with self._lock:
            self._group["bytes"] = self._group.get("bytes", 0) + event.length

    def waiting(self, event: Waiting | None) -> None:
        self._note("events", ["waiting", *(event or ())])

    def _note(self, name: str, value: list[Any]) -> None:
        with self._lock:
            self._group.setdefault(name, []).append(value)


def lowest_level() -> int:
    """The level from which messages of any of our loggers are wanted here; each logger drops what it does not want."""
    return min(logging.getLogger(name).getEffectiveLevel() for name in _LOGGERS)


class LogRelay(logging.Handler):
    """Gives the messages of dcmsend on a worker to the driver; those of several batches at once to the last begun."""

    def __init__(self) -> None:
        super().__init__()
        self._tellers: list[Teller] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        tellers = self._tellers
        is_of_a_run = record.name == "dcmsend.app" and record.levelno < logging.WARNING  # the driver says it once
        if tellers and not is_of_a_run:
            tellers[-1].log(record)

    def begin(self, teller: Teller, level: int) -> None:
        """Relay messages from ``level`` on to ``teller``."""
        logger = logging.getLogger("dcmsend")
        self._tellers = [*self._tellers, teller]
        logger.setLevel(level)
        if self not in logger.handlers:
            logger.addHandler(self)

    def end(self, teller: Teller) -> None:
        """Relay nothing to ``teller`` any more."""
        self._tellers = [each for each in self._tellers if each is not teller]
