"""An archive in memory, with a clock of its own: it indexes late, names less than it has, fails and refuses as told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from dcmsend.errors import DcmsendError
from dcmsend.transfer import Holdings

__all__ = ["Clock", "Kept", "Lists", "MemoryArchive", "Question"]

NEVER = float("inf")


class Clock:
    """Time passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.25
        self.now += seconds


class Lists(Enum):
    """What the archive makes of a list of UIDs."""

    TAKEN = "taken"
    REFUSED = "answered with a failure status"
    IGNORED = "answered as if nothing was found"
    FIRST_ONLY = "answered for its first UID"
    WHOLE = "answered as if the whole series was asked for"
    ABORTED = "answered with an error"


class Kept(NamedTuple):
    """One instance: named from ``since``, seconds after the first question."""

    since: float = 0.0
    availability: str = ""


class Question(NamedTuple):
    """A question and its answer; ``series`` is study and series UID, ``answer`` an error if there was none."""

    time: float
    series: tuple[str, str]
    wanted: frozenset[str]
    by_name: bool
    answer: Holdings | DcmsendError


@dataclass
class MemoryArchive:
    """Keeps Finder.

    Attributes:
        kept: by study and series UID, then by SOP Instance UID.
        limit: how many instances an answer names at most, None for no limit; ``limited_status`` is then its end.
        lists: what it makes of lists.
        takes_one: whether it takes a question for one UID.
        list_trouble: what it answers to what it does not take.
        failures: by number of the question, from 0: a status, or an error.
        seconds: how long an answer takes.
    """

    clock: Clock
    kept: Mapping[tuple[str, str], Mapping[str, Kept]] = field(default_factory=dict)
    limit: int | None = None
    limited_status: int = 0
    lists: Lists = Lists.TAKEN
    takes_one: bool = True
    list_trouble: int | DcmsendError = 0xA900
    failures: Mapping[int, int | DcmsendError] = field(default_factory=dict)
    always: int | DcmsendError | None = None
    seconds: float = 0.0
    questions: list[Question] = field(default_factory=list)
    closed: int = 0

    def find(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Holdings:
        number = len(self.questions)
        self.clock.now += self.seconds
        answer = self.failures.get(number, self.always)
        if answer is None and by_name:
            answer = self._trouble(len(wanted))
        if not isinstance(answer, DcmsendError):
            answer = self._answer((study_uid, series_uid), wanted, by_name, answer)
        self.questions.append(
            Question(self.clock(), (study_uid, series_uid), frozenset(wanted), by_name, answer)
        )  # fmt: skip
        if isinstance(answer, DcmsendError):
            raise answer
        return answer

    def close(self) -> None:
        self.closed += 1

    def _trouble(self, count: int) -> int | DcmsendError | None:
        if count == 1:
            return None if self.takes_one else self.list_trouble
        return self.list_trouble if self.lists in (Lists.REFUSED, Lists.ABORTED) else None

    def _answer(
        self, series: tuple[str, str], wanted: Collection[str], by_name: bool, failure: int | None
    ) -> Holdings:
        since = self.clock() - (self.questions[0].time if self.questions else self.clock())
        named = {uid: kept.availability for uid, kept in self.kept.get(series, {}).items() if kept.since <= since}
        if by_name:
            asked = list(wanted)
            if len(asked) > 1 and self.lists is Lists.IGNORED:
                asked = []
            elif len(asked) > 1 and self.lists is Lists.WHOLE:
                asked = list(named)
            elif self.lists is Lists.FIRST_ONLY:
                asked = asked[:1]
            named = {uid: named[uid] for uid in named if uid in asked}
        status = 0
        if failure is not None:  # what came before the end is a fact all the same
            named, status = dict(list(named.items())[: len(named) // 2]), failure
        elif self.limit is not None and len(named) > self.limit:
            named, status = dict(list(named.items())[: self.limit]), self.limited_status
        found = {uid: availability for uid, availability in named.items() if uid in wanted}
        return Holdings(found, len(named) - len(found), status)
