"""A target in memory: the result of each attempt is planned beforehand; no socket, no file, no wait.

It behaves like an association (a window, answers in any order, requests in flight when it breaks), and keeps its own
record: instances that have arrived, those it has stored, and answers that have reached the sender.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dcmsend.errors import (
    Cancelled,
    ConnectFailed,
    ConnectionLost,
    DataSetError,
    DcmsendError,
    PlanError,
    SendingFailed,
    SessionFailed,
    TimedOut,
)
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import is_stored
from dcmsend.transfer import (
    Counts,
    GrowingList,
    Observer,
    Pace,
    PeerFacts,
    Pulled,
    Reason,
    Result,
    StoreOutcome,
    Stretch,
    Taker,
    Timings,
)
from support.memory_plan import DUPLICATE, STORED, Fate, Opening, Plan, Way

__all__ = ["Arrival", "MemoryStretch", "MemoryTarget"]


_LOST = ConnectionLost("planned")


class _Refused(SessionFailed):
    is_permanent = True


@dataclass
class Arrival:
    """An instance that has reached the target, completely or in part.

    Attributes:
        session: its number, from 1.
        status: the answer that has reached the sender; None as long as none has.
    """

    session: int
    is_complete: bool
    is_taken: bool
    status: int | None = None


class MemoryTarget:
    """See the module; ``transfer.Target`` describes its duties.

    Attributes:
        arrivals: by index in the list, in the order in which they came.
        attempts: by index in the list, how many were begun, those included of which nothing arrived; not those that
            were given back because the session was lost before.
        order: indices of what arrived, with the number of the session.
        most_open: how many sessions were open at the same time.
        told: messages about the end of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.facts = PeerFacts("memory", 104, "ARCHIVE", "DCMSEND")
        self.one_session = plan.one_session
        self.arrivals: defaultdict[int, list[Arrival]] = defaultdict(list)
        self.attempts: defaultdict[int, int] = defaultdict(int)
        self.order: list[tuple[int, int]] = []
        self.open_sessions: set[int] = set()
        self.most_open = 0
        self.told: list[DcmsendError] = []
        self.lock = threading.Lock()
        self._fates_used: defaultdict[int, int] = defaultdict(int)
        self._begun = 0
        self._asked = 0
        self._opened = 0

    def stretch(self, instances: Sequence[Instance], first: int) -> MemoryStretch:
        return MemoryStretch(instances, first, self.plan)

    def session(
        self, stretch: Stretch, interrupt: Interrupt, observer: Observer | None, pace: Pace | None
    ) -> MemorySession:
        return MemorySession(self, interrupt, pace)

    def counts(self) -> Counts:
        return Counts(self._opened, self._opened)

    def tell_end(self, error: DcmsendError) -> None:
        self.told.append(error)

    def tell_nothing_taken(self) -> None:
        pass

    def close(self) -> None:
        pass

    def opening(self) -> Opening:
        with self.lock:
            self._asked += 1
            planned = self.plan.openings
            return planned[self._asked - 1] if self._asked <= len(planned) else Opening.GOOD

    def opened(self) -> int:
        with self.lock:
            self._opened += 1
            self.open_sessions.add(self._opened)
            self.most_open = max(self.most_open, len(self.open_sessions))
            return self._opened

    def begin(self, index: int) -> Fate:
        """The fate of the attempt that begins now."""
        with self.lock:
            number = self._begun
            self._begun += 1
        self.plan.before_each(number)
        with self.lock:
            fate = self.next_fate(index)
            self._fates_used[index] += 1
            self.attempts[index] += fate.way is not Way.LOST_BEFORE
            return fate

    def next_fate(self, index: int) -> Fate:
        """What will become of the next attempt."""
        planned = self.plan.attempts.get(index, ())
        used = self._fates_used[index]
        return planned[used] if used < len(planned) else STORED

    def arrive(self, index: int, session: int, fate: Fate) -> tuple[Arrival, int]:
        """Something has come; the record of it, and the status to answer with."""
        with self.lock:
            status = fate.status
            known = any(arrival.is_taken for arrival in self.arrivals[index])
            if known and self.plan.refuses_duplicates and is_stored(status):
                status = DUPLICATE
            is_complete = fate.way is not Way.LOST_WITHIN
            answers = fate.way in (Way.ANSWERED, Way.ANSWERED_TWICE)
            is_taken = is_complete and (is_stored(status) if answers else fate.is_taken)
            arrival = Arrival(session, is_complete, is_taken)
            self.arrivals[index].append(arrival)
            self.order.append((index, session))
            return arrival, status


class MemoryStretch:
    """So many instances; of a list that is still being made also those that come later."""

    error: DcmsendError | None = None

    def __init__(self, instances: Sequence[Instance], first: int, plan: Plan) -> None:
        self._instances = instances
        self._limit = first + plan.stretch_length
        self._grows = isinstance(instances, GrowingList)
        self.first = first
        self.end = min(len(instances), self._limit)
        self.is_possible = plan.is_possible

    @property
    def may_grow(self) -> bool:
        return self._grows

    def grow(self) -> Pulled:
        pulled = Pulled.END
        if self._grows and self.end < self._limit:
            pulled = Pulled.ONE
            if self.end >= len(self._instances):
                assert isinstance(self._instances, GrowingList)
                pulled = self._instances.pull()
        if pulled is Pulled.ONE:
            self.end += 1
        self._grows = self._grows and pulled is not Pulled.END
        return pulled

    def untaken(self, index: int, instance: Instance) -> StoreOutcome:
        return StoreOutcome(index + 1, instance, Result.FAILED, reason=Reason.NO_CONTEXT, message="nothing accepted")


class _Request(NamedTuple):
    position: int
    instance: Instance
    arrival: Arrival
    status: int
    started: float


class MemorySession:
    """One session; see ``transfer.Session``."""

    def __init__(self, target: MemoryTarget, interrupt: Interrupt, pace: Pace | None) -> None:
        self._target = target
        self._interrupt = interrupt
        self._pace = pace
        self._number = 0
        self._sent = 0
        self._in_flight: dict[int, _Request] = {}
        self._answers: list[tuple[int, int]] = []
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0
        self.takes_nothing: DcmsendError | None = None
        self.timings = Timings()

    def open(self) -> None:
        self._interrupt.check_request()
        opening = self._target.opening()
        if opening is Opening.WAITS:
            for _ in range(300):  # so long is the patience of the sender
                self._interrupt.check_request()
                if not self._target.open_sessions:
                    break
                time.sleep(0.0002)
            else:
                raise SessionFailed(TimedOut("an answer", 1.0))
        elif opening is Opening.TRANSIENT:
            raise SessionFailed(ConnectFailed("planned"))
        elif opening is Opening.PERMANENT:
            raise _Refused(ConnectFailed("planned"))
        self._number = self._target.opened()
        if opening is Opening.TAKES_NOTHING:
            self.takes_nothing = PlanError("planned")

    def close(self) -> None:
        self._target.open_sessions.discard(self._number)

    def run(self, work: Taker) -> Iterator[StoreOutcome]:
        with self._interrupt.awaiting(self._in_flight.__len__):
            yield from self._run(work)

    def _run(self, work: Taker) -> Iterator[StoreOutcome]:
        window = self._target.plan.window
        try:
            while self.error is None and not self._interrupt.requested:
                task = work.take(may_wait=not self._in_flight)
                if task is None:
                    if not self._in_flight:
                        break
                    yield from self._collect(len(self._in_flight) - 1, work)
                    continue
                # As in an association: what cannot be sent is told when everything before it is known.
                is_broken = self._target.next_fate(task[0]).way is Way.BROKEN
                yield from self._collect(0 if is_broken else window - 1, work)
                if self._pace is not None and self.error is None:
                    self._pace.wait_for_instance(self._interrupt)
                if self.error is None and not work.is_stopped and not self._interrupt.requested:
                    yield from self._send(*task, work)
                else:
                    work.give_back(task[0])
            yield from self._collect(0, work)
        finally:
            self.close()

    def _send(self, index: int, instance: Instance, work: Taker) -> Iterator[StoreOutcome]:
        fate = self._target.begin(index)
        started = time.time()
        if fate.way is Way.BROKEN:
            yield _outcome(index, instance, Result.FAILED, Reason.DATA_SET_BROKEN, started)
            if self._target.plan.halts:
                self._end(DataSetError("planned"), work)
        elif fate.way is Way.LOST_BEFORE:
            work.give_back(index)
            yield from self._lose(_LOST, Reason.CONNECTION_LOST, work)
        elif fate.way is Way.LOST_WITHIN:
            self._target.arrive(index, self._number, fate)
            yield from self._lose(_LOST, Reason.CONNECTION_LOST, work)
            yield _outcome(index, instance, Result.FAILED, Reason.CONNECTION_LOST, started)
        else:
            self._sent += 1
            arrival, status = self._target.arrive(index, self._number, fate)
            self._in_flight[self._sent] = _Request(index, instance, arrival, status, started)
            if fate.way in (Way.ANSWERED, Way.ANSWERED_TWICE):
                self._answers.append((self._sent + fate.late, self._sent))
            if fate.way is Way.ANSWERED_TWICE:
                self._answers.append((self._sent + fate.late + 1, self._sent))
            if fate.way is Way.LOST_AFTER:
                yield from self._lose(_LOST, Reason.CONNECTION_LOST, work)

    def _collect(self, limit: int, work: Taker) -> Iterator[StoreOutcome]:
        """Take answers until no more than ``limit`` are outstanding."""
        while self.error is None and len(self._in_flight) > limit:
            if self._interrupt.aborted:
                yield from self._lose(Cancelled(self._interrupt.by), Reason.CANCELLED, work)
            elif not self._answers:
                yield from self._lose(TimedOut("an answer", 1.0), Reason.TIMED_OUT, work)
            else:
                answer = min(self._answers)
                self._answers.remove(answer)
                request = self._in_flight.pop(answer[1], None)
                if request is not None:  # else it is the second answer
                    yield self._answered(request, work)

    def _answered(self, request: _Request, work: Taker) -> StoreOutcome:
        index, instance, arrival, status, started = request
        arrival.status = status
        self.answered += 1
        result = Result.STORED if is_stored(status) else Result.REFUSED
        outcome = _outcome(index, instance, result, None, started, status)
        if self._target.plan.pauses and outcome.is_out_of_resources:
            work.stop()
        return outcome

    def _lose(self, error: DcmsendError, reason: Reason, work: Taker) -> Iterator[StoreOutcome]:
        self._end(error, work)
        outstanding = list(self._in_flight.values())
        self._in_flight.clear()
        for request in outstanding:
            yield _outcome(request.position, request.instance, Result.UNCONFIRMED, reason, request.started)

    def _end(self, error: DcmsendError, work: Taker) -> None:
        if isinstance(error, Cancelled):
            self.error, self.halted = error, True
        else:
            self.error, self.halted = SendingFailed(error), self._target.plan.halts
            if self.halted:
                work.stop()


def _outcome(
    index: int, instance: Instance, result: Result, reason: Reason | None, started: float, status: int | None = None
) -> StoreOutcome:
    return StoreOutcome(
        index + 1, instance, result, status=status, reason=reason, message="" if reason is None else "planned",
        association=1, context_id=1, sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid, started=started, file_stamp=(100, 1),
    )  # fmt: skip
