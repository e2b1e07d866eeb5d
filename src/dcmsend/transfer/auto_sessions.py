"""As many sessions at the same time as turn out to be useful: they are opened and closed while the work goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Final

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger

from .auto_count import AutoCount
from .auto_facts import Facts, LineFacts
from .outcome import Reason, StoreOutcome
from .parallel import Line, ParallelSessions
from .peer_facts import blames_receiver
from .settled import settle_rest
from .speed import Spent
from .work import Work, WorkTaker

if TYPE_CHECKING:
    from .rate import Pace
    from .target import Session

__all__ = ["AutoSessions"]

_STEP: Final = 0.05
"""Seconds between two looks at how it goes."""
_BRIEF: Final = 0.001
"""Seconds from answer to answer that are so few that noting each would slow a session down."""
_NOTED: Final = 7
"""So many answers with brief times are noted together."""

_app_log = get_logger("dcmsend.app")
_clock = time.perf_counter


class _AutoLine(Line):
    """A line that may be closed while there is work.

    Attributes:
        number: from 1, in the order in which lines were begun.
        current: the session that is open.
        opening_since: since when a session is being opened; None if none is.
        answers: instances answered.
        last: time of the last answer, or of the opening.
        was_lost: whether the receiver or the line to it has ended its last session.
    """

    def __init__(self, number: int, session: Session | None, interrupt: Interrupt, taker: WorkTaker) -> None:
        super().__init__(session, interrupt, taker)
        self.number = number
        self.current: Session | None = None
        self.opening_since: float | None = None
        self.answers = 0
        self.last = 0.0
        self.was_lost = False

    @property
    def leaves(self) -> bool:
        """Whether the line ends as soon as it can."""
        return self.taker.leaves

    def close_attempts(self) -> None:
        """End a session that nobody goes on with."""
        attempts, self.attempts = self.attempts, None
        if isinstance(attempts, Generator):
            attempts.close()


class AutoSessions(ParallelSessions):
    """Sends the instances of a work over as many sessions as ``auto`` chooses.

    One session needs no thread: it runs on that of the caller, goes on on another one when there are to be more, and
    comes back when it is the only one again.  Who has sent an instance looks how it goes, so no thread waits for that.

    Args:
        auto: chooses, and remembers from one work to the next.
        pace: what limits the rate; None if nothing does.
        room: sessions that have something to do, at most.
    """

    def __init__(
        self,
        first: Session,
        first_interrupt: Interrupt,
        room: int,
        work: Work,
        interrupt: Interrupt,
        make_session: Callable[[Interrupt], Session],
        settle: Callable[[StoreOutcome], StoreOutcome | None],
        wait_after: Callable[[int, Interrupt], None] | None = None,
        *,
        auto: AutoCount,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(first, first_interrupt, 0, work, interrupt, make_session, settle, wait_after)
        self._auto = auto
        self._pace = pace
        self._room = room
        self._interrupt = interrupt
        self._first = _AutoLine(1, first, first_interrupt, self._lines[0].taker)
        self._open_lines: list[_AutoLine] = [self._first]
        self._lines = [self._first]
        self._steering = threading.Lock()
        self._is_over = False
        self._due = 0.0
        self._spent = Spent()
        self._waited = 0.0
        self._refusals = self._shortages = self._losses = self._unneeded = 0
        self._had_nothing = False  # the last further session, so that one more is only opened for what is known
        auto.begin_again()

    def run(self) -> Generator[StoreOutcome, None, None]:
        """The outcomes as they come, in no particular order."""
        process = os.getpid()
        line: _AutoLine | None = self._first
        has_left = False
        try:
            while line is not None:
                if self._count == 1:
                    line.goes_on = False
                    session = line.current or line.session
                    assert session is not None
                    yield from self._alone(line, session)
                    if not line.goes_on:
                        return
                line.goes_on = False
                if not self._start(line):  # no threads are to be had: it has to be enough
                    self._room = 1
                    continue
                self._steer()
                yield from self._gather()
                self._join_threads()
                line = next((each for each in self._open_lines if each.goes_on), None)
        except GeneratorExit:
            has_left = True
            raise
        finally:
            if os.getpid() == process:
                with self._steering:
                    self._is_over = True
            self._end(process)
            if os.getpid() == process:
                for each in self._open_lines:
                    if has_left and each.attempts is not None:  # its thread has ended, and this one was to go on
                        settle_rest(each.attempts, self._settle, each.interrupt)
                    each.close_attempts()
                    each.leave()

    @property
    def _count(self) -> int:
        return min(self._auto.choice.sessions, self._room)

    def _join_threads(self) -> None:
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _attempts(self, line: Line, session: Session) -> Iterator[StoreOutcome]:
        """The results of a session; ends early, with ``goes_on``, when another thread is to go on with them."""
        assert isinstance(line, _AutoLine)
        if line.attempts is None:
            line.current = session
            line.last = _clock()
            line.attempts = session.run(line.taker)
        line.session = None  # from here on it closes itself
        brief, brief_seconds, length = 0, 0.0, 0
        for attempt in line.attempts:
            yield attempt
            now = _clock()
            seconds, line.last = now - line.last, now
            line.answers += 1
            if seconds < _BRIEF and brief < _NOTED and attempt.status == 0:
                brief += 1
                brief_seconds += seconds
                length = attempt.bytes_sent
                continue
            is_short = attempt.is_out_of_resources or attempt.reason is Reason.SERVER_BUSY
            with self._steering:
                # Where others stay, a line that is to leave may have waited for its group.
                if not line.leaves or all(each.leaves for each in self._open_lines):
                    self._spent.add(length, brief_seconds, brief)
                    self._spent.add(attempt.bytes_sent, seconds)
                self._shortages += is_short
            brief, brief_seconds = 0, 0.0
            if (now >= self._due or is_short) and self._changes_hands(line):
                return
        line.attempts = None
        with self._steering:
            self._spent.add(length, brief_seconds, brief)

    def _changes_hands(self, line: _AutoLine) -> bool:
        """Look how it goes; whether another thread is to go on with this session, or the caller's own."""
        is_alone = line not in self._running
        self._steer()
        if self._work.is_stopped:
            return False
        with self._steering:
            others = len(self._open_lines) > 1
            line.goes_on = self._count > 1 if is_alone else self._count == 1 and not others and not line.leaves
        return line.goes_on

    def _steer(self) -> None:
        """Have the number of sessions chosen, and open or close one."""
        with self._steering:
            now = _clock()
            self._due = now + _STEP
            before = self._auto.choice.sessions
            choice = self._auto.step(self._facts(now))
            if choice.sessions != before:
                _app_log.info("sending over %d sessions at the same time: %s", choice.sessions, choice.why.value)
            if self._is_over or any(line.goes_on for line in self._open_lines):
                return  # a session that changes threads does so alone
            stay = [line for line in self._open_lines if not line.leaves]
            count = self._count
            if len(stay) > count:
                # Those that are not open yet end first, then those that were opened last.
                stay.sort(key=lambda line: (not line.is_open, line.number))
                for line in stay[count:]:
                    line.taker.begin_to_leave()
                    if not line.is_open:
                        line.interrupt.abort()
            elif len(self._open_lines) < count and self._running and all(line.is_open for line in stay):
                self._open_another(now)

    def _open_another(self, now: float) -> None:
        if self._work.is_empty:
            return
        if not self._work.has_for_another(known_only=self._had_nothing):
            self._unneeded += 1
            return
        line = _AutoLine(len(self._lines) + 1, None, Interrupt(parent=self._interrupt), self._work.taker())
        line.opening_since = now
        self._open_lines.append(line)
        self._lines.append(line)
        if not self._start(line):
            self._room = len(self._open_lines) - 1
            self._open_lines.remove(line)
            line.leave()

    def _facts(self, now: float) -> Facts:
        lines = [line for line in self._open_lines if line.is_open and not line.taker.is_aside]
        waiting = sum(line.current.timings.waiting for line in self._open_lines if line.current is not None)
        return Facts(
            now,
            tuple(LineFacts(line.number, line.answers, line.last) for line in lines),
            dict(self._spent.sums),
            min((line.opening_since for line in self._open_lines if line.opening_since is not None), default=None),
            self._waited + waiting,
            time.process_time(),
            self._refusals,
            self._shortages,
            self._losses,
            self._unneeded,
            0.0 if self._pace is None else self._pace.waited,
        )

    def _serve(self, line: Line) -> None:
        assert isinstance(line, _AutoLine)
        try:
            super()._serve(line)
        finally:
            if not line.goes_on:
                line.close_attempts()
                with self._steering:
                    self._forget(line)

    def _opened(self, line: Line) -> Session | None:
        assert isinstance(line, _AutoLine)
        if line.attempts is not None:
            return line.current
        with self._steering:
            if line.leaves:  # lost, and told to leave before it was replaced
                self._forget(line)
                return None
            line.opening_since = line.opening_since or _clock()
        session = super()._opened(line)
        with self._steering:
            line.opening_since = None
            self._refusals += session is None and not line.interrupt.requested and not self._work.is_empty
            line.last = _clock()
            if session is None:
                self._forget(line)
            else:
                line.current = session
        self._steer()
        return session

    def _note_refusal(self, error: DcmsendError) -> None:
        _app_log.info("no further association: %s\ngoing on with those that are open", error)

    def _note_end(self, line: Line, session: Session) -> bool:
        assert isinstance(line, _AutoLine)
        has_ended = super()._note_end(line, session)
        with self._steering:
            self._waited += session.timings.waiting
            if line is not self._first and session.error is None and not line.leaves:
                self._had_nothing = not line.answers
                self._unneeded += self._had_nothing
            line.current = line.attempts = None
            line.was_lost = blames_receiver(session.error)
            if has_ended:
                self._forget(line)
        return has_ended

    def _may_replace(self, line: Line) -> bool:
        """Whether there are too few sessions without this one."""
        assert isinstance(line, _AutoLine)
        with self._steering:
            self._losses += line.was_lost and not line.leaves  # else it was to end anyway
        self._steer()
        with self._steering:
            others = sum(each is not line and not each.leaves for each in self._open_lines)
            if line.leaves or others >= self._count:
                self._forget(line)
                return False
            return True

    def _forget(self, line: _AutoLine) -> None:
        if line in self._open_lines:
            self._open_lines.remove(line)
