"""A receiver and a sender of which only the times are played: what ``AutoCount`` chooses, in simulated seconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from dcmsend.transfer.auto_count import AutoCount
from dcmsend.transfer.auto_facts import Facts, LineFacts
from dcmsend.transfer.speed import Spent

__all__ = ["Played", "Receiver", "play"]

_STEP = 0.05
"""Seconds between two questions, as in a transfer."""


@dataclass(frozen=True)
class Receiver:
    """How long things take.

    Attributes:
        seconds: for one instance, from its first byte to its answer, given the number of open sessions, the time, and
            a random number from 0 to 1.
        own: seconds of processor time of the sender for one instance.
        takes: sessions that it accepts.
        waits: whether further sessions are left waiting rather than refused.
        opening: seconds until a session is open, or refused.
        length: bytes of instance number n.
    """

    seconds: Callable[[int, float, float], float]
    own: float = 0.0002
    takes: int = 1 << 30
    waits: bool = False
    opening: float = 0.0
    length: Callable[[int], int] = lambda _: 50_000


@dataclass
class _Line:
    number: int
    answers: int = 0
    last: float = 0.0
    leaves: bool = False


@dataclass
class Played:
    """What has happened.

    Attributes:
        answers: (time, bytes) of each.
        counts: (time, number chosen) whenever it changed; the first at 0.
        asked: times at which a further session was asked for.
        most_open: the largest number of open sessions.
    """

    auto: AutoCount
    answers: list[tuple[float, int]] = field(default_factory=list)
    counts: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 1)])
    asked: list[float] = field(default_factory=list)
    most_open: int = 1

    def rate(self, begin: float, end: float) -> float:
        """Instances a second."""
        return sum(begin <= at < end for at, _ in self.answers) / (end - begin)

    def count_at(self, at: float) -> int:
        """The number chosen at a time."""
        return [count for begin, count in self.counts if begin <= at][-1]

    def changes_after(self, at: float) -> int:
        """How often the number has changed since."""
        return sum(begin > at for begin, _ in self.counts)


class _World:
    def __init__(
        self, receiver: Receiver, auto: AutoCount, chance: Callable[[], float], shortages: list[float]
    ) -> None:
        self.receiver = receiver
        self.auto = auto
        self.played = Played(auto)
        self.chance = chance
        self.shortages = shortages
        self.now = 0.0
        self.lines: list[_Line] = []
        self.opening: float | None = None
        self.spent = Spent()
        self.waiting = self.processor = 0.0
        self.refusals = self.lacking = 0
        self.sent = self.made = 0
        self.due = 0.0
        self.events: list[tuple[float, int, _Line | None, float]] = []

    def begin(self, line: _Line) -> None:
        """The line sends its next instance."""
        seconds = self.receiver.seconds(len(self.lines), self.now, self.chance())
        own = self.receiver.own * max(1, len(self.lines))  # one processor for all
        self.sent += 1
        heapq.heappush(self.events, (self.now + max(seconds, own), self.sent, line, max(0.0, seconds - own)))

    def open(self) -> None:
        self.made += 1
        line = _Line(self.made, last=self.now)
        self.lines.append(line)
        self.played.most_open = max(self.played.most_open, len(self.lines))
        self.begin(line)

    def answered(self, line: _Line, waited: float) -> None:
        length = self.receiver.length(len(self.played.answers))
        self.spent.add(length, self.now - line.last)
        line.answers, line.last = line.answers + 1, self.now
        self.waiting += waited
        self.processor += self.receiver.own
        self.played.answers.append((self.now, length))
        if self.shortages and self.now >= self.shortages[0]:
            del self.shortages[0]
            self.lacking += 1
        if line.leaves:
            self.lines.remove(line)
        else:
            self.begin(line)

    def opened(self) -> None:
        asked, self.opening = self.opening, None
        if asked is None:
            return
        if len(self.lines) < self.receiver.takes:
            self.open()
        elif self.receiver.waits:
            self.opening = asked
        else:
            self.refusals += 1

    def steer(self) -> None:
        stay = [line for line in self.lines if not line.leaves]
        lines = tuple(LineFacts(line.number, line.answers, line.last) for line in self.lines)
        count = self.auto.step(
            Facts(
                self.now, lines, dict(self.spent.sums), self.opening, self.waiting, self.processor, self.refusals,
                self.lacking,
            )
        ).sessions
        if count != self.played.counts[-1][1]:
            self.played.counts.append((self.now, count))
        if len(stay) + (self.opening is not None) > count:
            self.opening = None
            for line in stay[count:]:
                line.leaves = True
        elif len(stay) < count and self.opening is None:
            self.opening = self.now
            self.played.asked.append(self.now)
            heapq.heappush(self.events, (self.now + self.receiver.opening, -1, None, 0.0))


def play(
    receiver: Receiver,
    most: int = 8,
    seconds: float = 60.0,
    *,
    first: int = 0,
    chance: Callable[[], float] = lambda: 0.5,
    shortages: tuple[float, ...] = (),
) -> Played:
    """Send for some simulated seconds; with ``first`` over that many sessions all the time, nothing being chosen.

    ``shortages`` are times at which the receiver says that it has no resources.
    """
    world = _World(receiver, AutoCount(most, 0.0), chance, list(shortages))
    for _ in range(max(1, first)):
        world.open()
    while world.events:
        at, _, line, waited = heapq.heappop(world.events)
        if at >= seconds:
            break
        world.now = at
        if line is None:
            world.opened()
        else:
            world.answered(line, waited)
        if not first and (line is None or world.now >= world.due):
            world.due = world.now + _STEP
            world.steer()
    return world.played
