"""Tells the driver what becomes of a batch, in groups, while the batch is sent."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, Observer, Waiting

from .told import to_text

__all__ = ["LogRelay", "Teller"]

GROUP: Final = 256
"""Outcomes after which a group is told."""
SECONDS: Final = 0.2
"""Or the time after which it is."""
_MOST_LINES: Final = 1000
_LONGEST_LINE: Final = 4000


class Teller(Observer):
    """Gathers what happens and hands it out in groups; thread-safe.

    ``log_event`` gets each group as text.  Groups are numbered; the last one says so.
    """

    def __init__(self, log_event: Callable[[str], None], run: str, attempt: int) -> None:
        self._log_event = log_event
        self._head = {"run": run, "attempt": attempt, "host": socket.gethostname(), "process": os.getpid()}
        self._lock = threading.Lock()
        self._groups = 0
        self._group: dict[str, Any] = {}
        self._ends = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Say that the batch has begun, and tell more from now on."""
        self._flush(is_needed=True)
        self._thread.start()

    def end(self, kind: str, *values: Any) -> None:
        """An input, or something found in one, has come to its end."""
        with self._lock:
            self._group.setdefault("ends", []).append([kind, *values])
            self._ends += 1
            is_full = self._ends >= GROUP
        if is_full:
            self._flush()

    def log(self, record: logging.LogRecord) -> None:
        """A message for the driver's log."""
        with self._lock:
            lines = self._group.setdefault("log", [])
            if len(lines) < _MOST_LINES:
                lines.append([record.name, record.levelno, record.getMessage()[:_LONGEST_LINE]])

    def finish(self, **facts: Any) -> None:
        """Tell the rest."""
        self._is_over.set()
        self._thread.join()
        with self._lock:
            self._group.update(facts, last=True)
        self._flush()

    def _run(self) -> None:
        while not self._is_over.wait(SECONDS):
            self._flush()

    def _flush(self, *, is_needed: bool = False) -> None:
        with self._lock:
            if not self._group and not is_needed:
                return
            group, self._group, self._ends = self._group, {}, 0
            self._groups += 1
            self._log_event(to_text({**self._head, "number": self._groups, **group}))

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
