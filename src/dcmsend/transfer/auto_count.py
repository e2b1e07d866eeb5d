"""Chooses how many sessions to have at the same time, from what was measured: facts in, a choice out, no clock.

One session begins.  As long as the sessions wait rather than work, their number is doubled for a trial, and the speed
of all together is compared with that before, among instances of about the same size.  If it has not grown, the smaller
number is taken again and kept for a while; the while is longer after each trial in vain, so that the number does not
swing.  A receiver that refuses, that leaves a request for a session without an answer, that has no resources, or that
breaks sessions, is not asked for more for some minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from .speed import Speed, Sums

__all__ = ["AutoCount", "Change", "Choice", "Facts", "LineFacts", "Why"]

_GAIN: Final = 1.06
"""Times faster that more sessions must be."""
_WORTH: Final = 0.94
"""Times as fast that fewer sessions must be to be kept."""
_SURE, _NEAR = 2.5, 0.1
"""What differs from the needed speed by so many times the error of chance, and so much more, needs no longer look."""
_EXACT: Final = 0.08
"""A speed that may be wrong by no more than this part is known well enough to compare others with it."""
_SLOWED: Final = 0.7
"""Times the usual speed, below which answers have become slow."""

_SHORT, _LONG, _LONGEST = 0.4, 3.0, 8.0
"""Seconds of a measurement: of a clear one, of any other, and where answers take seconds."""
_STEADY: Final = 3.0
"""Seconds of a measurement while the number stays as it is."""

_REST, _LONGEST_REST = 60.0, 600.0
"""Seconds until the next trial after one in vain; doubled each time."""
_REMEMBERED, _LONGEST_REMEMBERED = 180.0, 900.0
"""Seconds for which a complaint of the receiver is remembered; doubled each time."""
_DOUBT: Final = 20.0
"""Seconds after which fewer sessions are tried, if the last ones were of little use: it may have been chance."""
_PATIENCE: Final = 3.0
"""Seconds that a further session may take to be opened; more where answers take long."""

_WAITS, _WORKS = 0.4, 0.4
"""Sessions are idle when they wait for answers for so much of the time, or the processor works for no more of it."""

_MOST_CHANGES: Final = 50


class Why(Enum):
    """The reason of a choice, in words that go for every way to send."""

    NOTHING_MEASURED = "too little was measured"
    WAITING = "most of the time went by waiting"
    ALL_ALLOWED = "more are not allowed"
    NO_GAIN = "more were not faster"
    BUSY_HERE = "the time went by on this side"
    REFUSED = "the receiver refused more"
    NO_ANSWER = "the receiver left a further one waiting"
    NO_RESOURCES = "the receiver ran out of resources"
    LOST = "one was lost while there were more"
    SLOWER = "answers became slower"


class Choice(NamedTuple):
    """How many sessions to have now, from 1, and why not more or fewer."""

    sessions: int
    why: Why


class Change(NamedTuple):
    """A choice, and how many seconds after the beginning it was made."""

    after: float
    sessions: int
    why: Why


class LineFacts(NamedTuple):
    """One open session.

    Attributes:
        number: by which it is known again.
        answers: instances answered so far.
        last: time of the last answer; of the opening as long as there is none.
    """

    number: int
    answers: int
    last: float


class Facts(NamedTuple):
    """What is known at one moment; all counts are those since the beginning.

    Attributes:
        at: the time, in seconds from any origin.
        lines: the open sessions.
        spent: copy of ``Spent.sums``.
        opening_since: since when a further session is being opened; None if none is.
        waiting: seconds that all sessions together have waited for answers.
        processor: seconds of processor time of this process.
        refusals: how often no further session was to be had.
        shortages: how often the receiver had no resources.
        losses: how many sessions were lost.
    """

    at: float
    lines: tuple[LineFacts, ...]
    spent: Mapping[int, Sums]
    opening_since: float | None = None
    waiting: float = 0.0
    processor: float = 0.0
    refusals: int = 0
    shortages: int = 0
    losses: int = 0


class _Measured(NamedTuple):
    """What has happened between two moments; ``fewest`` is the smallest number of answers of a session."""

    seconds: float
    fewest: int
    answers: int
    speed: Speed
    is_idle: bool


class _Trial(NamedTuple):
    """Another number is tried than ``sessions``, whose speed was ``speed``; ``why`` a smaller one is kept."""

    sessions: int
    speed: Speed
    is_upwards: bool
    why: Why = Why.WAITING


class AutoCount:
    """See the module.  Used by one thread at a time.

    Args:
        most: sessions that may be open at the same time, from 1.
        at: the time of the beginning.

    Attributes:
        most: see above.
        choice: the last one.
        changes: the choices that have changed the number, in order; the last ones if there are many.
        highest: the largest number that was open at the same time.
    """

    def __init__(self, most: int, at: float) -> None:
        self.most = most
        self.choice = Choice(1, Why.NOTHING_MEASURED if most > 1 else Why.ALL_ALLOWED)
        self.changes: list[Change] = []
        self.highest = 1
        self._began = at
        self._changed_at = at
        self._mark: Facts | None = None
        self._trial: _Trial | None = None
        self._reference: Speed | None = None
        self._slow = 0
        self._doubt: tuple[int, float] | None = None
        self._ceiling = most
        self._until = at
        self._in_vain = 0
        self._complaints = 0
        self._refusals = self._shortages = self._losses = 0

    def step(self, facts: Facts) -> Choice:
        """The choice now.  To be asked often, at any moments."""
        self.highest = max(self.highest, len(facts.lines))
        self._heed(facts)
        if self._settles(facts):
            self._mark = None
            return self.choice
        if self._mark is None:
            self._mark = facts
            return self.choice
        measured = _measure(self._mark, facts)
        if self._is_enough(measured):
            self._mark = facts
            self._judge(measured, facts.at)
        return self.choice

    def begin_again(self) -> None:
        """Note that new sessions take the place of all earlier ones, and that all counts begin at 0."""
        self._mark = None
        self._refusals = self._shortages = self._losses = 0

    def _heed(self, facts: Facts) -> None:
        """Go back at once when the receiver complains."""
        refused, self._refusals = facts.refusals > self._refusals, facts.refusals
        lacking, self._shortages = facts.shortages > self._shortages, facts.shortages
        lost, self._losses = facts.losses > self._losses, facts.losses
        count = self.choice.sessions
        half = max(1, count // 2)
        if lacking:
            self._hold(half, Why.NO_RESOURCES, facts.at)
        elif lost and count > 1:
            self._hold(half, Why.LOST, facts.at)
        elif refused:
            self._hold(max(1, min(count, len(facts.lines))), Why.REFUSED, facts.at)
        elif facts.opening_since is not None and facts.at > facts.opening_since + self._patience(facts):
            self._hold(max(1, min(count, len(facts.lines))), Why.NO_ANSWER, facts.at)

    def _patience(self, facts: Facts) -> float:
        """Seconds that the opening of a session may take: a receiver whose answers take long may be slow in this."""
        answers = sum(sums[0] for sums in facts.spent.values())
        if not answers:
            return 10 * _PATIENCE
        seconds = sum(sums[1] for sums in facts.spent.values())
        return max(_PATIENCE, min(10 * seconds / answers, 10 * _PATIENCE))

    def _hold(self, count: int, why: Why, at: float) -> None:
        """Have no more than ``count`` for some minutes, because the receiver does not want more."""
        seconds = min(_REMEMBERED * 2.0**self._complaints, _LONGEST_REMEMBERED)
        if self._ceiling != count or at >= self._until:
            self._complaints = min(self._complaints + 1, 10)
        self._ceiling, self._until = count, at + seconds
        trial = self._trial
        if trial is None or not trial.is_upwards or count <= trial.sessions:
            self._trial = None
            if trial is not None and count == trial.sessions:
                self._reference = trial.speed
            elif count != self.choice.sessions:
                self._reference = None
        self._choose(count, why, at)

    def _settles(self, facts: Facts) -> bool:
        """Whether the sessions are not yet as they were chosen, or have not all answered since."""
        if facts.opening_since is not None or len(facts.lines) != self.choice.sessions:
            return True
        return any(not line.answers or line.last <= self._changed_at for line in facts.lines)

    def _is_enough(self, measured: _Measured) -> bool:
        """Whether a measurement is long enough for what depends on it."""
        seconds, fewest = measured.seconds, measured.fewest
        if seconds >= _LONGEST and fewest >= 1:
            return True
        if self._trial is None and self._reference is not None:
            return (seconds >= _STEADY and fewest >= 8) or (seconds >= 2 * _STEADY and fewest >= 2)
        if seconds < _SHORT or fewest < 2:
            return False
        if self._trial is None:
            return seconds >= _LONG or (fewest >= 4 and seconds >= 2 * _SHORT and measured.speed.error < _EXACT)
        if not measured.speed.is_comparable(self._trial.speed):
            return False
        times, error = measured.speed.times(self._trial.speed)
        needed = _GAIN if self._trial.is_upwards else _WORTH
        return seconds >= _LONG or (fewest >= 4 and abs(times - needed) > _SURE * error + _NEAR)

    def _judge(self, measured: _Measured, at: float) -> None:
        trial, self._trial = self._trial, None
        count, speed = self.choice.sessions, measured.speed
        if trial is None:
            if self._has_slowed(speed):
                self._try_fewer(max(1, count // 2), speed, Why.SLOWER, at)
                return
            self._reference = speed if self._reference is None else speed.with_older(self._reference)
            if self._doubt is not None and at >= self._doubt[1]:
                self._try_fewer(self._doubt[0], self._reference, Why.NO_GAIN, at)
                return
        else:
            times, error = speed.times(trial.speed)
            if times < (_GAIN if trial.is_upwards else _WORTH):
                self._rest(trial.sessions, Why.NO_GAIN if trial.is_upwards else Why.WAITING, trial.speed, at)
                return
            if not trial.is_upwards:
                self._rest(count, trial.why, speed, at)
                return
            self._in_vain = 0
            self._reference = speed
            self._doubt = (trial.sessions, at + _DOUBT) if times - _GAIN < _SURE * error + _NEAR else None
        self._climb(measured, self._reference, at)

    def _try_fewer(self, count: int, speed: Speed, why: Why, at: float) -> None:
        self._trial = _Trial(self.choice.sessions, speed, is_upwards=False, why=why)
        self._choose(count, why, at)

    def _has_slowed(self, speed: Speed) -> bool:
        """Whether several sessions have twice been much slower than they usually are."""
        usual = self._reference
        is_slow = (
            self.choice.sessions > 1
            and usual is not None
            and speed.is_comparable(usual)
            and speed.times(usual)[0] < _SLOWED
        )
        self._slow = self._slow + 1 if is_slow else 0
        if self._slow < 2:
            return False
        self._slow = 0
        return True

    def _rest(self, count: int, why: Why, speed: Speed, at: float) -> None:
        """Keep a number, whose speed is known, for a while."""
        self._reference = speed
        self._ceiling = count
        self._until = at + min(_REST * 2.0**self._in_vain, _LONGEST_REST)
        self._in_vain = min(self._in_vain + 1, 10)
        self._doubt = None
        self._choose(count, why, at)

    def _climb(self, measured: _Measured, speed: Speed, at: float) -> None:
        """Try more sessions, if they may help and nothing forbids it."""
        count = self.choice.sessions
        ceiling = self._ceiling if at < self._until else self.most
        if count >= self.most:
            self.choice = Choice(count, Why.ALL_ALLOWED)
        elif not measured.is_idle:
            self.choice = Choice(count, Why.BUSY_HERE)
        elif count < ceiling:
            self._trial = _Trial(count, speed, is_upwards=True)
            self._choose(min(2 * count, ceiling), Why.WAITING, at)

    def _choose(self, count: int, why: Why, at: float) -> None:
        if count != self.choice.sessions:
            self._changed_at = at
            self._mark = None
            self._slow = 0
            self._doubt = None
            self.changes.append(Change(at - self._began, count, why))
            del self.changes[:-_MOST_CHANGES]
        self.choice = Choice(count, why)


def _measure(begin: Facts, end: Facts) -> _Measured:
    """What has happened between two moments at which the same sessions were open."""
    before = {line.number: line.answers for line in begin.lines}
    counts = [max(0, line.answers - before.get(line.number, line.answers)) for line in end.lines]
    sums = {}
    for size, last in end.spent.items():
        first = begin.spent.get(size, (0, 0.0, 0.0, 0))
        answers, spent, squares, alone = (max(0.0, after - before) for after, before in zip(last, first, strict=True))
        if answers:
            sums[size] = (answers, spent, squares, alone)
    seconds = max(end.at - begin.at, 1e-9)
    waiting = (end.waiting - begin.waiting) / (seconds * max(1, len(end.lines)))
    works = (end.processor - begin.processor) / seconds
    is_idle = waiting >= _WAITS or works < _WORKS
    speed = Speed(max(1, len(end.lines)), sums)
    return _Measured(seconds, min(counts, default=0), sum(counts), speed, is_idle)
