"""How far a run is: counted where the outcomes are taken, looked at by whoever shows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, Observer, PeerFacts, Result, Waiting

from .run_record import RunRecord

__all__ = ["Progress", "ProgressState"]

_WINDOW: Final = 30.0
"""Seconds over which the present rates are taken."""


class ProgressState(NamedTuple):
    """How far the run is at one moment.

    Attributes:
        peer: title, host and port.
        associations: how many are open.
        most_associations: how many may be.
        found: instances found so far.
        is_all_found: whether there are no more.
        done: instances that have come to their end.
        stored, refused, failed, unconfirmed: how they did.
        already_stored: files left out because an earlier run has stored them.
        instances_rate: instances a second, of late.
        bytes_rate: data set bytes a second, of late.
        seconds: since the beginning.
        seconds_left: an estimate, None if there is nothing to make it from.
        waiting: why nothing is sent at the moment, and for how many seconds more; None while something is.
    """

    peer: str
    associations: int
    most_associations: int
    found: int
    is_all_found: bool
    done: int
    stored: int
    refused: int
    failed: int
    unconfirmed: int
    already_stored: int
    instances_rate: float
    bytes_rate: float
    seconds: float
    seconds_left: float | None
    waiting: tuple[str, float] | None

    @property
    def fraction(self) -> float | None:
        """How much is done, from 0 to 1; None while nobody knows."""
        return self.done / self.found if self.is_all_found and self.found else None


class Progress(Observer):
    """Counts; ``state`` may be asked from another thread, as rarely or as often as it is shown."""

    def __init__(
        self,
        record: RunRecord,
        peer: PeerFacts,
        most_associations: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._peer = peer.label
        self._most = most_associations
        self._clock = clock
        self._began = clock()
        self._open = 0
        self._bytes = 0
        self._waiting: Waiting | None = None
        self._samples: deque[tuple[float, int, int]] = deque([(self._began, 0, 0)])

    def association_opened(self, event: AssociationOpened) -> None:
        self._open += 1

    def association_closed(self, event: AssociationClosed) -> None:
        self._open -= 1

    def bytes_sent(self, event: BytesSent) -> None:
        self._bytes += event.length

    def waiting(self, event: Waiting | None) -> None:
        self._waiting = event

    def state(self) -> ProgressState:
        """How far the run is now."""
        record, results = self._record, self._record.summary.results
        now, done = self._clock(), record.summary.total
        instances_rate, bytes_rate = self._rates(now, done)
        seconds_left = None
        # What the first seconds tell is not worth showing; the whole run tells more than its last seconds.
        if record.all_found and done and now - self._began > 1:
            seconds_left = (record.instances_found - done) * (now - self._began) / done
        waiting = self._waiting
        return ProgressState(
            peer=self._peer,
            associations=self._open,
            most_associations=self._most,
            found=max(record.instances_found, done),
            is_all_found=record.all_found,
            done=done,
            stored=results[Result.STORED],
            refused=results[Result.REFUSED],
            failed=results[Result.FAILED],
            unconfirmed=results[Result.UNCONFIRMED],
            already_stored=record.already_stored,
            instances_rate=instances_rate,
            bytes_rate=bytes_rate,
            seconds=now - self._began,
            seconds_left=seconds_left,
            waiting=None if waiting is None else (waiting.why, max(0.0, waiting.until - time.time())),
        )

    def _rates(self, now: float, done: int) -> tuple[float, float]:
        samples = self._samples
        if now - samples[-1][0] >= 1:
            samples.append((now, done, self._bytes))
        while len(samples) > 1 and samples[1][0] <= now - _WINDOW:
            samples.popleft()
        then, done_then, bytes_then = samples[0]
        seconds = max(now - then, 0.001)
        return (done - done_then) / seconds, (self._bytes - bytes_then) / seconds
