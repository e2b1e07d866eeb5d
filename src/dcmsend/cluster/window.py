"""The batches under way: how many, what of each has its end, what is repeated after a worker has died.

Pure: knows no cluster, no clock, no file.  An input is known by a number that is given once in a run, so that what is
heard late, or twice, is recognised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

__all__ = ["Attempt", "Window"]

_DEATH: Final = 4
"""Points for a death while the batch was being sent."""
_DEATH_UNHEARD: Final = 1
"""Points for a death before anything was heard of the batch: it may have waited behind another one on that worker."""
_SUSPECT: Final = 3 * _DEATH
"""Points from which a batch is cut in halves."""
_AFTER_CUT: Final = 2 * _DEATH
"""Points of a half: one more death, and it is cut again."""
_AFTER_LAST_CUT: Final = _DEATH
"""Points of a single input that was cut off: it has to die twice, alone."""

_Input = TypeVar("_Input")


class _Batch(Generic[_Input]):
    """Inputs without an end, in order, by their numbers; and the inputs found in them that have theirs, as digests."""

    __slots__ = ("ahead", "attempt", "found", "inputs", "is_repeated", "points", "reached", "was_begun")

    def __init__(self, inputs: dict[int, _Input], found: set[str], ahead: int | None) -> None:
        self.inputs = inputs
        self.found = found
        self.ahead = ahead
        self.points = 0
        self.was_begun = False
        self.is_repeated = False
        self.reached: set[int] = set()  # numbers of those that an attempt that is over may have sent
        self.attempt: int | None = None

    def half(self, numbers: list[int]) -> _Batch[_Input]:
        """A part of a batch that has ended one worker after the other."""
        part = _Batch({number: self.inputs[number] for number in numbers}, set(self.found), self.ahead)
        part.points = _AFTER_CUT if len(numbers) > 1 else _AFTER_LAST_CUT
        part.was_begun = part.is_repeated = True
        part.reached = self.reached.intersection(numbers)
        return part


class Attempt(Generic[_Input]):
    """A batch on its way.

    Attributes:
        number: from 1, never given twice.
        inputs: those without an end, by their numbers.
        found: digests of what was found in them (members of archives) and has its end already.
        is_repeated: whether they were on their way before, so that the receiver may have some of them.
    """

    __slots__ = ("found", "inputs", "is_repeated", "number")

    def __init__(self, number: int, inputs: dict[int, _Input], found: frozenset[str], is_repeated: bool) -> None:
        self.number: Final = number
        self.inputs: Final = inputs
        self.found: Final = found
        self.is_repeated: Final = is_repeated


class Window(Generic[_Input]):
    """At most ``limit`` attempts run at a time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: deque[_Batch[_Input]] = deque()
        self._running: dict[int, _Batch[_Input]] = {}
        self._heard: dict[int, int] = {}  # of attempts that have begun: the highest number come to in sending
        self._open: dict[int, _Batch[_Input]] = {}
        self._inputs = 0
        self._attempts = 0

    @property
    def has_room(self) -> bool:
        """Whether one more attempt may begin."""
        return len(self._running) < self.limit

    @property
    def waits_for_none(self) -> bool:
        """Whether no batch waits for its turn: one more may be added, so that it is there when there is room."""
        return not self._waiting

    @property
    def is_empty(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._running and not self._waiting

    @property
    def running(self) -> list[int]:
        """Numbers of the attempts under way."""
        return list(self._running)

    @property
    def last(self) -> int:
        """Number of the last attempt that has begun, 0 as long as none has."""
        return self._attempts

    def add(self, inputs: Iterable[_Input], found: Iterable[str] = (), *, ahead: int | None = None) -> None:
        """Add a batch, which will wait for its turn; ``found``: digests of what it holds and is not to be sent.

        ``ahead``: a worker sends in order, and so many inputs at most beyond those whose ends it has told; None if this
        does not hold.
        """
        batch: _Batch[_Input] = _Batch({}, set(found), ahead)
        for each in inputs:
            self._inputs += 1
            batch.inputs[self._inputs] = each
            self._open[self._inputs] = batch
        if batch.inputs:
            self._waiting.append(batch)

    def begin(self) -> Attempt[_Input] | None:
        """The next attempt, which counts as running from now on; None if there is no room or nothing waits."""
        while self._waiting and self.has_room:
            batch = self._waiting.popleft()
            if not batch.inputs:  # what was heard late has settled all of them
                continue
            self._attempts += 1
            batch.attempt = self._attempts
            self._running[self._attempts] = batch
            batch.is_repeated, batch.was_begun = batch.was_begun, True
            return Attempt(self._attempts, dict(batch.inputs), frozenset(batch.found), batch.is_repeated)
        return None

    def drop(self, attempt: int, numbers: Iterable[int]) -> None:
        """Before an attempt is sent: forget inputs that need not be sent after all."""
        batch = self._running[attempt]
        for number in numbers:
            del batch.inputs[number], self._open[number]

    def hear(self, attempt: int) -> None:
        """Note that a worker has begun an attempt."""
        if attempt in self._running:
            self._heard.setdefault(attempt, 0)

    def begin_anew(self, attempt: int) -> None:
        """Note that the worker has died, and another one sends the same attempt from its beginning."""
        batch = self._running.get(attempt)
        if batch is not None:
            _reach(batch, self._heard.pop(attempt, None))
            batch.is_repeated = True

    def was_reached(self, number: int) -> bool:
        """Whether an attempt that is over may have sent an input that has no end yet, so that the receiver has it."""
        batch = self._open.get(number)
        return batch is not None and number in batch.reached

    def settle(self, attempt: int, number: int, *, is_stored: bool, was_sent: bool = True) -> _Input | None:
        """An input has come to its end: it is given back the first time, None later.

        Of an attempt that is over, only that an input is stored counts: what else became of it there, the next attempt
        will tell.  ``was_sent``: false if a worker left it out while it looked at all inputs, before it sent the first.
        """
        if was_sent and attempt in self._heard:
            self._heard[attempt] = max(number, self._heard[attempt])
        batch = self._open.get(number)
        if batch is None or (batch.attempt != attempt and not is_stored):
            return None
        del self._open[number]
        return batch.inputs.pop(number)

    def settle_found(self, attempt: int, digest: str) -> bool:
        """Something found in an input has come to its end; whether this counts, because it is the first time."""
        batch = self._running.get(attempt)
        if batch is None or digest in batch.found:
            return False
        batch.found.add(digest)
        return True

    def end(self, attempt: int) -> list[_Input]:
        """An attempt is complete: the inputs of which nothing was heard, e.g. archives, whose members were."""
        batch = self._finish(attempt)
        return [] if batch is None else self._forget(batch)

    def die(self, attempt: int) -> list[_Input]:
        """The worker has died: what has no end waits to be sent again.

        Returns the input that is not sent again, because it has ended one worker after the other, alone.
        """
        last = self._heard.get(attempt)
        was_heard = last is not None
        batch = self._finish(attempt)
        if batch is None or not batch.inputs:
            return []
        _reach(batch, last)
        batch.points += _DEATH if was_heard else _DEATH_UNHEARD
        if batch.points < _SUSPECT:
            self._waiting.appendleft(batch)
            return []
        if len(batch.inputs) == 1:
            return self._forget(batch)
        numbers = list(batch.inputs)
        middle = len(numbers) // 2
        for half in (numbers[middle:], numbers[:middle]):
            part = batch.half(half)
            self._open.update(dict.fromkeys(half, part))
            self._waiting.appendleft(part)
        return []

    def put_back(self, attempt: int, *, was_sent: bool = True, was_told: bool = False) -> None:
        """Nobody is to blame, but the attempt is over, e.g. because the scheduler is gone: it is repeated.

        ``was_sent``: whether a worker may have got it.  ``was_told``: whether all that it had to tell was heard.
        """
        last = self._heard.get(attempt)
        batch = self._finish(attempt)
        if batch is not None and batch.inputs:
            if was_told:
                _reach(batch, last)
            elif was_sent:
                batch.reached.update(batch.inputs)
            batch.was_begun = was_sent or batch.is_repeated
            self._waiting.appendleft(batch)

    def give_up_waiting(self) -> list[tuple[_Input, bool]]:
        """The inputs of all batches that wait, which are not sent any more.

        With each, whether it was on its way before, so that the receiver may have it.
        """
        waiting, self._waiting = self._waiting, deque()
        return [(each, batch.was_begun) for batch in waiting for each in self._forget(batch)]

    def _finish(self, attempt: int) -> _Batch[_Input] | None:
        self._heard.pop(attempt, None)
        batch = self._running.pop(attempt, None)
        if batch is not None:
            batch.attempt = None
        return batch

    def _forget(self, batch: _Batch[_Input]) -> list[_Input]:
        for number in batch.inputs:
            del self._open[number]
        inputs, batch.inputs = list(batch.inputs.values()), {}
        return inputs


def _reach(batch: _Batch[_Input], last: int | None) -> None:
    """Note which inputs a worker may have sent that has told the end of none beyond ``last``; None: it never began."""
    if last is None:
        return
    further = [number for number in batch.inputs if number > last]
    batch.reached.update(number for number in batch.inputs if number <= last)
    batch.reached.update(further[: batch.ahead])
