"""The progress of a run: counted where the outcomes are taken, read by the code that shows it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from dcmsend.transfer import (
    AssociationClosed,
    AssociationOpened,
    BytesSent,
    HostNews,
    Observer,
    PeerFacts,
    Result,
    StoreOutcome,
    Waiting,
)

from .run_record import RunRecord

__all__ = ["HostProgress", "Progress", "ProgressState", "ProofProgress"]

_WINDOW: Final = 30.0
"""Seconds over which recent rates are averaged."""


class ProofProgress(NamedTuple):
    """How far the archive has been asked for what it has.

    Attributes:
        total: instances to be proven, as far as it is known.
        done: those of them about which the archive's last word is known, or that it has none.
        proven, refuted, unanswered: these by what it says: it has them, it does not, nothing.
    """

    total: int
    done: int
    proven: int
    refuted: int
    unanswered: int


class HostProgress(NamedTuple):
    """What one of several hosts does.

    Attributes:
        host: its name.
        associations: how many it has open.
        done: instances that have their outcome from there.
        instances_rate: a second, since it was heard for the first time.
    """

    host: str
    associations: int
    done: int
    instances_rate: float


class ProgressState(NamedTuple):
    """The progress of a run at one moment.

    Attributes:
        peer: title, host and port, or URL.
        associations: how many are open.
        most_associations: how many may be open.
        found: instances found so far.
        is_all_found: whether the search has ended.
        done: instances that have their outcome, without those that were not begun when the run ended.
        stored, refused, failed, unconfirmed: instances by result.
        already_stored: files skipped because an earlier run has stored them.
        instances_rate: recent instances a second.
        bytes_rate: recent data set bytes a second.
        seconds: since the beginning.
        seconds_left: an estimate, None if there is no basis for one.
        waiting: why nothing is sent at the moment, and for how many more seconds; None while data are sent.
        proof: None until everything is sent and the archive is asked for what it has.
        bytes_found: size of the files found so far; 0 if it is not known.
        bytes_done: size of the files that have their outcome, and what was sent of those that have none yet.
        study: Study Instance UID of the instance that is sent, or was sent last; ``""`` if it is not known.
        session_word: what an association is called for this peer.
        hosts: those that send, by name; none where one machine does.
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
    proof: ProofProgress | None = None
    session_word: str = "association"
    bytes_found: int = 0
    bytes_done: int = 0
    study: str = ""
    hosts: tuple[HostProgress, ...] = ()

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1, by bytes if their number is known; None while the total is unknown."""
        if not self.is_all_found or not self.found:
            return None
        if not self.bytes_found or self.done >= self.found:
            return self.done / self.found
        return min(self.bytes_done / self.bytes_found, 0.999)


class Progress(Observer):
    """Counts; other threads may ask for ``state`` at any time."""

    def __init__(
        self,
        record: RunRecord,
        peer: PeerFacts,
        most_associations: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._peer = peer.label
        self._session_word = "connection" if peer.url else "association"
        self._most = most_associations
        self._clock = clock
        self._began = clock()
        self._open = 0
        self._bytes = 0
        self._bytes_done = 0
        self._begun: dict[int, int] = {}  # bytes sent of instances without an outcome, by their number
        self._study = ""
        record.is_watched = True
        self._waiting: Waiting | None = None
        self._hosts: dict[str, tuple[float, int, int]] = {}  # since when, associations, instances
        self._samples: deque[tuple[float, int, int]] = deque([(self._began, 0, 0)])

    def association_opened(self, event: AssociationOpened) -> None:
        self._open += 1

    def association_closed(self, event: AssociationClosed) -> None:
        self._open -= 1

    def bytes_sent(self, event: BytesSent) -> None:
        self._bytes += event.length
        self._begun[event.number] = self._begun.get(event.number, 0) + event.length
        self._study = event.study_uid or self._study

    def waiting(self, event: Waiting | None) -> None:
        self._waiting = event

    def outcome(self, outcome: StoreOutcome) -> None:
        sent = self._begun.pop(outcome.index, 0)
        if outcome.result is Result.NOT_ATTEMPTED:
            return
        length = outcome.instance.input.length(outcome.file_stamp)
        self._bytes_done += sent if length is None else length
        facts = outcome.facts or outcome.instance.facts
        if not sent and facts is not None and facts.study_uid:  # sent by another host
            self._study = facts.study_uid

    def host_news(self, event: HostNews) -> None:
        since, associations, done = self._hosts.get(event.host, (self._clock(), 0, 0))
        self._hosts = {**self._hosts, event.host: (since, associations + event.associations, done + event.done)}

    def state(self) -> ProgressState:
        """The progress now."""
        record, results = self._record, self._record.summary.results
        now, done = self._clock(), record.summary.total - results[Result.NOT_ATTEMPTED]
        instances_rate, bytes_rate = self._rates(now, done)
        waiting = self._waiting
        state = ProgressState(
            peer=self._peer,
            associations=self._open,
            most_associations=max(self._most, self._open),
            found=max(record.instances_found, record.summary.total),
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
            seconds_left=None,
            waiting=None if waiting is None else (waiting.why, max(0.0, waiting.until - time.time())),
            proof=self._proof(),
            session_word=self._session_word,
            bytes_found=record.bytes_found or 0,
            bytes_done=self._bytes_done + sum(tuple(self._begun.values())),
            study=self._study,
            hosts=tuple(
                HostProgress(host, associations, count, count / max(now - since, 0.001))
                for host, (since, associations, count) in sorted(self._hosts.items())
            ),
        )
        # The first seconds are not worth showing; later the average of the run says more than its last seconds.
        if state.fraction and state.seconds > 1:
            state = state._replace(seconds_left=state.seconds * (1 - state.fraction) / state.fraction)
        return state

    def _proof(self) -> ProofProgress | None:
        record, proofs = self._record, self._record.proofs
        if proofs is None:
            return None
        is_sent = record.all_found and 0 < record.instances_found <= record.summary.total
        done = proofs.total
        if not done and not is_sent:
            return None
        total = max(proofs.expected or record.summary.results[Result.STORED], done)
        return ProofProgress(total, done, proofs.proven, proofs.refuted, proofs.unproven)

    def _rates(self, now: float, done: int) -> tuple[float, float]:
        samples = self._samples
        if now - samples[-1][0] >= 1:
            samples.append((now, done, self._bytes))
        while len(samples) > 1 and samples[1][0] <= now - _WINDOW:
            samples.popleft()
        then, done_then, bytes_then = samples[0]
        seconds = max(now - then, 0.001)
        return (done - done_then) / seconds, (self._bytes - bytes_then) / seconds
