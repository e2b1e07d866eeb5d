"""Several sessions in parallel, each on its own thread, fed from the same work."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from dcmsend.errors import Cancelled, DcmsendError, SessionFailed
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger

from .options import MAX_FRUITLESS
from .outcome import StoreOutcome
from .peer_facts import blames_receiver
from .settled import settled
from .work import Work, WorkTaker

if TYPE_CHECKING:
    from .target import Session

__all__ = ["Line", "Outbox", "ParallelSessions"]

_MOST_WAITING = 1024
"""Outcomes that may wait to be taken before the sessions have to wait."""

_TOGETHER = 0.002
"""Seconds during which outcomes gather, so that the receiving thread is not woken for each."""

_app_log = get_logger("dcmsend.app")


class Outbox:
    """Passes what the sessions report to one thread, in the order in which they report it."""

    def __init__(self) -> None:
        self._items: deque[StoreOutcome | Line | BaseException] = deque()
        self._arrived = threading.Event()
        self._has_room = threading.Event()

    def put(self, item: StoreOutcome | Line | BaseException) -> None:
        """Add an item; waits while too many items are there."""
        while len(self._items) >= _MOST_WAITING:
            self._has_room.clear()
            if len(self._items) >= _MOST_WAITING:  # else room was made just before
                self._has_room.wait()
        self._items.append(item)
        if not self._arrived.is_set():
            self._arrived.set()

    def take(self) -> Iterator[StoreOutcome | Line | BaseException]:
        """Wait for an item, then yield all that are there.  Items that the caller leaves are yielded the next time."""
        while not self._items:
            self._arrived.wait()
            self._arrived.clear()
        time.sleep(_TOGETHER)
        while self._items:
            item = self._items.popleft()
            if not self._has_room.is_set():
                self._has_room.set()
            yield item


class Line:
    """One thread and its session; a lost session is opened anew.

    Attributes:
        session: one that was opened and not used so far, None if there is none.
        interrupt: ends this line alone.
        taker: keeps the groups of the line.
        is_open: whether the line has an open session.
        answered: number of answers of the sessions that have ended.
        attempts: what a session has still to tell, if another thread has begun with it: always taken to the end.
        goes_on: whether another thread takes over what this one has begun.
    """

    def __init__(self, session: Session | None, interrupt: Interrupt, taker: WorkTaker) -> None:
        self.session = session
        self.interrupt = interrupt
        self.taker = taker
        self.is_open = session is not None
        self.answered = 0
        self.attempts: Iterator[StoreOutcome] | None = None
        self.goes_on = False

    def leave(self) -> None:
        """Take no more work; close a session that was opened and never used."""
        self.taker.retire()
        session, self.session = self.session, None
        if session is not None:
            session.close()


class ParallelSessions:
    """Sends the instances of a work over up to ``count`` sessions.

    If the peer refuses a further session, or does not answer it, the sessions it has accepted do the work.

    Attributes:
        error: why the run ended early; None at a normal end.
        lost: the error that ended one of the sessions early; None if there was none.  Of several it is rather the
            receiver's than one of a file, and rather one that has ended all, best with the time to come again.

    Args:
        settle: takes the result of an attempt, on the thread of its session; returns the final outcome, or None if the
            instance is tried again.
        wait_after: waits before a lost session is replaced, given the number of failures in a row; None replaces it at
            once, as one is that a file of ours has ended.
    """

    def __init__(
        self,
        first: Session,
        first_interrupt: Interrupt,
        count: int,
        work: Work,
        interrupt: Interrupt,
        make_session: Callable[[Interrupt], Session],
        settle: Callable[[StoreOutcome], StoreOutcome | None],
        wait_after: Callable[[int, Interrupt], None] | None = None,
    ) -> None:
        self._work = work
        self._make_session = make_session
        self._settle = settle
        self._wait_after = wait_after
        self._lines = [Line(first, first_interrupt, work.taker())]
        self._lines += [Line(None, Interrupt(parent=interrupt), work.taker()) for _ in range(count - 1)]
        self._outbox = Outbox()
        self._running: set[Line] = set()
        self._threads: list[threading.Thread] = []
        self.error: DcmsendError | None = None
        self.lost: DcmsendError | None = None

    @property
    def answered(self) -> int:
        """The number of answers over all sessions."""
        return sum(line.answered for line in self._lines)

    def run(self) -> Generator[StoreOutcome, None, None]:
        """The outcomes as they come, in no particular order."""
        process = os.getpid()
        try:
            for number, line in enumerate(self._lines):
                if not self._start(line):
                    for rest in self._lines[max(number, 1) :]:
                        rest.leave()
                    if not number and line.session is not None:  # no threads are to be had: it has to be enough
                        yield from self._alone(line, line.session)
                    break
            yield from self._gather()
        finally:
            self._end(process)

    def _alone(self, line: Line, session: Session) -> Iterator[StoreOutcome]:
        """The outcomes of the only session, on the thread of the caller, until another one is to go on with it."""
        line.session = None  # from here on it closes itself
        with closing(settled(self._attempts(line, session), self._settle, line.interrupt, self._work)) as outcomes:
            yield from outcomes
        if not line.goes_on:
            self._note_end(line, session)
            line.leave()

    def _gather(self) -> Generator[StoreOutcome, None, None]:
        """The outcomes of the lines that run, until none does."""
        while self._running:
            for item in self._outbox.take():
                if isinstance(item, StoreOutcome):
                    yield item
                elif isinstance(item, Line):
                    self._running.discard(item)
                    self._let_go()
                else:
                    raise item

    def _end(self, process: int) -> None:
        """End what still runs: the caller may have stopped early, and threads must not wait for room in the outbox."""
        if os.getpid() != process:  # a forked child does not have these threads, but perhaps a lock that one held
            self._running.clear()
            self._threads.clear()
            return
        self._work.stop()
        for line in tuple(self._running):
            line.interrupt.abort()
        while self._running:
            self._running.difference_update(item for item in self._outbox.take() if isinstance(item, Line))
        for thread in self._threads:
            thread.join()

    def _start(self, line: Line) -> bool:
        """Start a thread for a line; return False if the system does not permit it."""
        name = f"association-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._serve, args=(line,), name=name, daemon=True)
        self._running.add(line)
        try:
            thread.start()
        except RuntimeError as error:
            self._running.discard(line)
            _app_log.warning("no further association: %s", error)
            return False
        self._threads.append(thread)
        return True

    def _let_go(self) -> None:
        """Stop waiting for peers that do not answer a further session, once no work is left."""
        running = tuple(self._running)
        if self._work.is_empty and not any(line.is_open for line in running):
            for line in running:
                line.interrupt.abort()

    def _serve(self, line: Line) -> None:
        fruitless = 0
        try:
            while fruitless < MAX_FRUITLESS and (line.attempts is not None or not line.interrupt.requested):
                session = self._opened(line)
                if session is None:
                    return
                for attempt in self._attempts(line, session):
                    outcome = self._settle(attempt)
                    if outcome is not None:
                        self._outbox.put(outcome)
                if line.goes_on or self._note_end(line, session):
                    return
                is_receivers = blames_receiver(session.error)
                if session.answered:
                    fruitless = 0
                elif is_receivers:
                    fruitless += 1
                if self._work.is_empty or not self._may_replace(line):
                    return
                if self._wait_after is not None and is_receivers:
                    self._wait_after(max(1, fruitless), line.interrupt)
        except BaseException as error:  # a bug, or a failing observer: raised where the outcomes are taken
            line.is_open = False
            line.session = None  # it was closed already
            self._outbox.put(error)
        finally:
            try:
                if not line.goes_on:
                    line.leave()
            except BaseException as error:  # of an observer, which is told of the end of a session
                self._outbox.put(error)
            self._outbox.put(line)  # always: it is waited for

    def _attempts(self, line: Line, session: Session) -> Iterator[StoreOutcome]:
        """The results of a session, as they come."""
        return session.run(line.taker)

    def _note_end(self, line: Line, session: Session) -> bool:
        """Note how a session has ended; return whether its line ends with it."""
        line.is_open = False
        line.session = None
        line.answered += session.answered
        if session.error is None:
            return True
        if self.lost is None or _weight(session.error) > _weight(self.lost):
            self.lost = session.error
        if session.halted:
            self.error = self.error or session.error
            self._work.stop()
        return session.halted

    def _may_replace(self, line: Line) -> bool:
        """Whether a lost session is opened anew."""
        return True

    def _opened(self, line: Line) -> Session | None:
        if line.session is not None:
            return line.session
        if self._work.is_empty:
            return None
        session = self._make_session(line.interrupt)
        try:
            session.open()
        except (SessionFailed, Cancelled) as error:
            if not line.interrupt.requested:
                self._note_refusal(error)
            return None
        if session.takes_nothing is not None:
            session.close()
            return None
        line.is_open = True
        return session

    def _note_refusal(self, error: DcmsendError) -> None:
        _app_log.warning("no further association: %s\ngoing on with those that are open", error)


def _weight(error: DcmsendError) -> tuple[bool, bool, float]:
    """What of several errors is to be told and waited for: the greatest counts."""
    return blames_receiver(error), isinstance(error, SessionFailed), getattr(error, "retry_after", None) or 0.0
