"""Chooses how many sessions to have at the same time, from what was measured: facts in, a choice out, no clock.

One session begins, and two are tried: soon, or later where it is this side that holds things up.  As long as several
wait for answers, their number is doubled for a trial, too.  The speed of all together is compared with that before,
among instances of about the same size.  If it has not grown, the smaller number is taken again and kept for a while;
the while is longer after each trial in vain, so that the number does not swing.  A receiver that refuses, that leaves a
request for a session without an answer, that has no resources, or that breaks sessions, is not asked for more for some
minutes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .auto_facts import Change, Choice, Facts, Measured, Why, measure
from .speed import Speed

__all__ = ["AutoCount"]

_GAIN: Final = 1.06
"""Times faster that more sessions must be."""
_WORTH: Final = 0.94
"""Times as fast that fewer sessions must be to be kept."""
_SURE, _NEAR = 2.5, 0.1
"""What differs from the needed speed by so many times the error of chance, and so much more, needs no longer look."""
_NEAR_HERE: Final = 0.03
"""The same where it is this side that works: nobody else changes its pace, and looking for long would cost more."""
_EXACT: Final = 0.08
"""A speed that may be wrong by no more than this part is known well enough to compare others with it."""
_SLOWED: Final = 0.75
"""Times the usual speed, below which answers have become slow."""

_SHORT, _LONG, _LONGEST = 0.4, 3.0, 8.0
"""Seconds of a measurement: of a clear one, of any other, and where answers take seconds."""
_BUSY: Final = 5.0
"""Seconds from the beginning of the transfer, connecting included, until a second session is tried where it is this
side that works: there it brings a fifth at most, and a short run is not to pay for a trial in vain."""
_STEADY: Final = 3.0
"""Seconds of a measurement while the number stays as it is."""

_REST, _LONGEST_REST = 60.0, 600.0
"""Seconds until the next trial after one in vain; doubled each time."""
_REMEMBERED, _LONGEST_REMEMBERED = 180.0, 900.0
"""Seconds for which a complaint of the receiver is remembered; doubled each time."""
_ONE_EVENT, _LONGEST_EVENT = 0.8, 15.0
"""Seconds after the number was halved in which complaints are an echo: at least, and at most while sessions settle."""
_ONE_EPISODE: Final = 30.0
"""Seconds after a complaint in which another one is no reason to remember them for longer."""
_DOUBT: Final = 20.0
"""Seconds after which fewer sessions are tried, if the last ones were of little use: it may have been chance."""
_PATIENCE: Final = 3.0
"""Seconds that a further session may take to be opened; more where answers take long."""

_MOST_CHANGES: Final = 50


class _Trial(NamedTuple):
    """Another number is tried than ``sessions``, whose speed was ``speed``; ``why`` a smaller one is kept."""

    sessions: int
    speed: Speed
    is_upwards: bool
    why: Why = Why.WAITING


class _Bound(NamedTuple):
    """No more than so many sessions until a time, and why."""

    sessions: int
    until: float
    why: Why


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
        self._usual: Speed | None = None
        self._slow = 0
        self._doubt: tuple[int, float] | None = None
        self._asked = _Bound(most, at, Why.REFUSED)  # by the receiver
        self._found = _Bound(most, at, Why.NO_GAIN)  # by trials
        self._before_the_rest: Choice | None = None
        self._begins_again = False
        self._in_vain = 0
        self._complaints = 0
        self._complained_at = self._halved_at = float("-inf")
        self._refusals = self._shortages = self._losses = self._unneeded = 0

    def step(self, facts: Facts) -> Choice:
        """The choice now.  To be asked often, at any moments."""
        self.highest = max(self.highest, len(facts.lines))
        if self._begins_again and self._before_the_rest is not None:
            self._choose(*self._before_the_rest, facts.at)
        self._begins_again = False
        self._heed(facts)
        if self._settles(facts):
            self._mark = None
            return self.choice
        if self._mark is None:
            self._mark = facts
            return self.choice
        measured = measure(self._mark, facts)
        if self._is_enough(measured, facts.at):
            self._mark = facts
            self._judge(measured, facts.at)
        return self.choice

    def begin_again(self) -> None:
        """Note that new sessions take the place of all earlier ones, and that all counts begin at 0."""
        self._mark = None
        self._begins_again = True
        self._refusals = self._shortages = self._losses = self._unneeded = 0
        if self._found.why is Why.NOTHING_LEFT:
            self._found = _Bound(self.most, self._began, Why.NO_GAIN)

    @property
    def result(self) -> Choice:
        """The choice, as it is told at the end: a number that is only being tried is told as such.

        That the rest did not suffice for so many, as it may at any end, is not told.
        """
        choice = self._before_the_rest or self.choice
        return choice if self._trial is None else Choice(choice.sessions, Why.TRIED)

    def _heed(self, facts: Facts) -> None:
        """Go back at once when the receiver complains."""
        refused, self._refusals = facts.refusals > self._refusals, facts.refusals
        lacking, self._shortages = facts.shortages > self._shortages, facts.shortages
        lost, self._losses = facts.losses > self._losses, facts.losses
        unneeded, self._unneeded = facts.unneeded > self._unneeded, facts.unneeded
        count = self.choice.sessions
        as_they_are = max(1, min(count, len(facts.lines)))
        if lacking or (lost and count > 1):
            if not self._is_echo(facts):
                self._halved_at = facts.at
                self._hold(max(1, count // 2), Why.NO_RESOURCES if lacking else Why.LOST, facts.at)
        elif refused:
            self._hold(as_they_are, Why.REFUSED, facts.at)
        elif facts.opening_since is not None and facts.at > facts.opening_since + self._patience(facts):
            self._hold(as_they_are, Why.NO_ANSWER, facts.at)
        elif unneeded:
            before = self._before_the_rest or self._was_found(as_they_are)
            self._found = _Bound(as_they_are, facts.at + _REST, Why.NOTHING_LEFT)
            self._go_back(as_they_are, Why.NOTHING_LEFT, facts.at)
            self._before_the_rest = before

    def _was_found(self, count: int) -> Choice | None:
        """The choice that no measurement speaks against when there is nothing to do for more than ``count``."""
        if self._trial is None:
            return self.choice
        return Choice(self._trial.sessions, Why.WAITING) if count < self._trial.sessions else None

    def _is_echo(self, facts: Facts) -> bool:
        """Whether a complaint belongs to the last one: what was under way then is answered in the same way."""
        passed = facts.at - self._halved_at
        return passed < _ONE_EVENT or (passed < _LONGEST_EVENT and self._settles(facts))

    def _patience(self, facts: Facts) -> float:
        """Seconds that the opening of a session may take: a receiver whose answers take long may be slow in this."""
        answers = sum(sums[0] for sums in facts.spent.values())
        if not answers:
            return 10 * _PATIENCE
        seconds = sum(sums[1] for sums in facts.spent.values())
        return max(_PATIENCE, min(10 * seconds / answers, 10 * _PATIENCE))

    def _hold(self, count: int, why: Why, at: float) -> None:
        """Have no more than ``count`` for some minutes, because the receiver does not want more."""
        if at >= self._complained_at + _ONE_EPISODE:
            self._complaints = min(self._complaints + 1, 10)
        self._complained_at = at
        seconds = min(_REMEMBERED * 2.0 ** (self._complaints - 1), _LONGEST_REMEMBERED)
        self._asked = _Bound(count, at + seconds, why)
        self._go_back(count, why, at)

    def _go_back(self, count: int, why: Why, at: float) -> None:
        """Have ``count`` sessions, which are no more than now, whatever was tried."""
        trial = self._trial
        if trial is None or not trial.is_upwards or count <= trial.sessions:
            self._trial = None
            if trial is not None and count == trial.sessions:
                self._know(trial.speed)
            elif trial is not None or count != self.choice.sessions:
                self._reference = self._usual = None
        self._choose(count, why, at)

    def _know(self, speed: Speed) -> None:
        """Take a speed for the usual one of so many sessions."""
        self._reference = self._usual = speed

    def _settles(self, facts: Facts) -> bool:
        """Whether the sessions are not yet as they were chosen, or have not all answered since."""
        if facts.opening_since is not None or len(facts.lines) != self.choice.sessions:
            return True
        return any(not line.answers or line.last <= self._changed_at for line in facts.lines)

    def _is_enough(self, measured: Measured, at: float) -> bool:
        """Whether a measurement is long enough for what depends on it."""
        seconds, fewest = measured.seconds, measured.fewest
        if seconds >= _LONGEST and fewest >= 1:
            return True
        if self._trial is None and self._reference is not None:
            return (seconds >= _STEADY and fewest >= 8) or (seconds >= 2 * _STEADY and fewest >= 2)
        if seconds < _SHORT or fewest < 2:
            return False
        if self._trial is None:
            if not measured.is_idle and at < self._began + _BUSY:
                return False
            return seconds >= _LONG or (fewest >= 4 and seconds >= 2 * _SHORT and measured.speed.error < _EXACT)
        if not measured.speed.is_comparable(self._trial.speed):
            return False
        times, error = measured.speed.times(self._trial.speed)
        needed = _GAIN if self._trial.is_upwards else _WORTH
        near = _NEAR if measured.is_idle else _NEAR_HERE
        return seconds >= _LONG or (fewest >= 4 and abs(times - needed) > _SURE * error + near)

    def _judge(self, measured: Measured, at: float) -> None:
        trial, self._trial = self._trial, None
        count, speed = self.choice.sessions, measured.speed
        if trial is None:
            if self._has_slowed(speed, at):
                self._try_fewer(max(1, count // 2), speed, Why.SLOWER, at)
                return
            if self._slow:
                return  # a second look first: it is not to become the usual speed
            self._join(speed)
            if self._doubt is not None and at >= self._doubt[1] and self._reference is not None:
                self._try_fewer(self._doubt[0], self._reference, Why.NO_GAIN, at)
                return
        else:
            times, error = speed.times(trial.speed)
            if times < (_GAIN if trial.is_upwards else _WORTH):
                self._rest(trial.sessions, Why.NO_GAIN if trial.is_upwards else Why.WAITING, trial.speed, at)
                return
            if not trial.is_upwards:
                if times >= _GAIN and count > 1:
                    self._try_fewer(count // 2, speed, trial.why, at)
                else:
                    self._rest(count, trial.why, speed, at)
                return
            self._in_vain = 0
            self._know(speed)
            self._doubt = (trial.sessions, at + _DOUBT) if times - _GAIN < _SURE * error + _NEAR else None
        self._climb(measured, at)

    def _join(self, speed: Speed) -> None:
        """Add a measurement to what is known of so many sessions; the usual speed is the fastest that was known."""
        known, usual = self._reference, self._usual
        if known is None or usual is None:
            self._know(speed)
            return
        self._reference = speed.with_older(known)
        if not self._reference.is_comparable(usual) or self._reference.times(usual)[0] > 1:
            self._usual = self._reference

    def _try_fewer(self, count: int, speed: Speed, why: Why, at: float) -> None:
        self._trial = _Trial(self.choice.sessions, speed, is_upwards=False, why=why)
        self._choose(count, why, at)

    def _has_slowed(self, speed: Speed, at: float) -> bool:
        """Whether several sessions have twice been much slower than they usually are.

        For a while after fewer were tried in vain this is not asked: a receiver may be slow now and then.
        """
        usual, is_slow = self._usual, False
        rests = self._found.why is Why.WAITING and at < self._found.until
        if self.choice.sessions > 1 and not rests and usual is not None and speed.is_comparable(usual):
            times, error = speed.times(usual)
            is_slow = times < _SLOWED and times + _SURE * error < 1
        self._slow = self._slow + 1 if is_slow else 0
        if self._slow < 2:
            return False
        self._slow = 0
        return True

    def _rest(self, count: int, why: Why, speed: Speed, at: float) -> None:
        """Keep a number, whose speed is known, for a while."""
        self._know(speed)
        self._found = _Bound(count, at + min(_REST * 2.0**self._in_vain, _LONGEST_REST), why)
        self._in_vain = min(self._in_vain + 1, 10)
        self._doubt = None
        self._choose(count, why, at)

    def _climb(self, measured: Measured, at: float) -> None:
        """Try more sessions, if they may help and nothing forbids it."""
        count = self.choice.sessions
        bounds = [bound for bound in (self._asked, self._found) if at < bound.until]
        ceiling = min((bound.sessions for bound in bounds), default=self.most)
        if count >= self.most:
            self._choose(count, Why.ALL_ALLOWED, at)
        elif measured.is_paced:
            self._choose(count, Why.OWN_LIMIT, at)
        elif count > 1 and not measured.is_idle:
            self._choose(count, Why.BUSY_HERE, at)
        elif count < ceiling and self._reference is not None:
            self._trial = _Trial(count, self._reference, is_upwards=True)
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
        self._before_the_rest = None
