"""What the archive has noted, in a file that survives its kill, and what a journal says: both as values.

One line of the file is one event; whoever writes it does so before it becomes true for the other side (a store before
its answer, a report before it is sent), the answer to a report excepted.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.rounds import opened_copy

__all__ = ["Event", "Journal", "Log", "Row", "journal_of", "nights_of"]

STATES = ("committed", "verified", "denied", "missing", "no_answer", "no_answer")
"""Words for the numbers of states in a journal; the last one: a report is still awaited."""


@dataclass(frozen=True)
class Event:
    """One line of the file.

    Attributes:
        kind: ``night`` (a run is about to begin), ``kill`` (``what`` is ``sender`` or ``archive``), ``start`` of the
            archive, ``open`` and ``close`` of an association with it, ``store``, ``action`` (N-ACTION), ``report``
            (N-EVENT-REPORT, about to be sent), ``answer`` (to a report), ``find`` (answers to a query), ``lost`` (an
            instance that the archive does not have any more).
        number: of the night or the report.
        status: of the response; None for an answer that did not come.
        uids: SOP Instance UIDs stored, asked for, reported as committed, found.
        failed: those reported as failed.
    """

    kind: str
    number: int = 0
    what: str = ""
    transaction: str = ""
    status: int | None = None
    uids: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    series: str = ""


class Log:
    """Writes and reads the file; a line is written in one call, so several processes may write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._read = 0

    def write(self, kind: str, **values: Any) -> None:
        """Add an event."""
        line = json.dumps({"kind": kind, "time": round(time.time(), 3), **values}) + "\n"
        os.write(self._descriptor, line.encode())

    def new(self) -> list[Event]:
        """The events since the last call, or since the first line."""
        size = os.fstat(self._descriptor).st_size
        data = os.pread(self._descriptor, size - self._read, self._read)
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [_event(line) for line in whole.decode().splitlines()]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _event(line: str) -> Event:
    values = json.loads(line)
    del values["time"]
    for name in ("uids", "failed"):
        values[name] = tuple(values.get(name, ()))
    return Event(**values)


def nights_of(events: Sequence[Event]) -> Iterator[tuple[int, Event]]:
    """Each event with the number of its night; 0 before the first one."""
    night = 0
    for event in events:
        if event.kind == "night":
            night = event.number
        yield night, event


@dataclass(frozen=True)
class Row:
    """What a journal says of an instance.

    Attributes:
        is_stored: whether its outcome is "stored".
        sent: what changes whenever it is sent and the outcome is kept.
        state: of the proof; empty if the copy that was sent last was not asked for.
        transaction: Transaction UID of the proof.
    """

    is_stored: bool
    sent: int
    state: str = ""
    transaction: str = ""

    @property
    def is_proven(self) -> bool:
        """Whether nothing is left to be done for it."""
        return self.is_stored and self.state in ("committed", "verified")


@dataclass(frozen=True)
class Journal:
    """A journal: its rows by SOP Instance UID, and all Transaction UIDs that it knows."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    transactions: frozenset[str] = frozenset()


def journal_of(path: Path) -> Journal:
    """Read a journal from a copy, without the code under test."""
    if not path.exists() or not path.stat().st_size:
        return Journal()
    with opened_copy(path) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'commitment'").fetchone():
            return Journal()
        rows = connection.execute(
            "SELECT sop_instance_uid, outcome, instance.time, instance.proof, proof.state, commitment.uid "
            "FROM instance LEFT JOIN proof ON proof.id = instance.proof "
            "LEFT JOIN commitment ON commitment.id = proof.commitment"
        ).fetchall()
        transactions = frozenset(uid for (uid,) in connection.execute("SELECT uid FROM commitment"))
    found = {
        uid: Row(outcome == 0, sent, STATES[state] if mark is not None and mark > 0 else "", transaction or "")
        for uid, outcome, sent, mark, state, transaction in rows
    }
    return Journal(found, transactions)
