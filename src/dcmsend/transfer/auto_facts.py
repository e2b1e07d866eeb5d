"""What is known of a transfer while it runs, and what is chosen from it: the values of ``AutoCount``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from .speed import Speed, Sums

__all__ = ["Change", "Choice", "Facts", "LineFacts", "Measured", "Why", "measure"]

_WAITS, _WORKS = 0.1, 0.4
"""More sessions may help when those that there are wait for answers for so much of the time, in which one more could
work, or when the processor works for no more of it."""
_PACED: Final = 0.1
"""A limit of the rate holds the sessions up when they wait for it for so much of the time."""


class Why(Enum):
    """The reason of a choice, in words that go for every way to send."""

    NOTHING_MEASURED = "too little was measured"
    WAITING = "time went by waiting for answers"
    ALL_ALLOWED = "that is the limit that was set"
    NO_GAIN = "more were not faster"
    BUSY_HERE = "the time went by on this side"
    OWN_LIMIT = "the rate is limited on this side"
    NOTHING_LEFT = "nothing was left for a further one"
    TRIED = "it was still being tried"
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
        lines: the open sessions, but those that are to leave and have nothing to do now.
        spent: copy of ``Spent.sums``.
        opening_since: since when a further session is being opened; None if none is.
        waiting: seconds that all sessions together have waited for answers.
        processor: seconds of processor time of this process.
        refusals: how often no further session was to be had.
        shortages: how often the receiver had no resources.
        losses: how many sessions were lost.
        unneeded: how often there was nothing to take for a further session, e.g. because the rest stays together.
        paced: seconds that all sessions together have waited for a limit of the rate.
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
    unneeded: int = 0
    paced: float = 0.0


class Measured(NamedTuple):
    """What has happened between two moments.

    Attributes:
        seconds: between them.
        fewest: the smallest number of answers of a session.
        answers: of all sessions together.
        speed: of all sessions together.
        is_idle: whether the sessions have waited for so much of the time that more than two may help.
        is_paced: whether a limit of the rate has held them up.
    """

    seconds: float
    fewest: int
    answers: int
    speed: Speed
    is_idle: bool
    is_paced: bool


def measure(begin: Facts, end: Facts) -> Measured:
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
    is_paced = end.paced - begin.paced >= _PACED * seconds
    speed = Speed(max(1, len(end.lines)), sums)
    return Measured(seconds, min(counts, default=0), sum(counts), speed, is_idle, is_paced)
