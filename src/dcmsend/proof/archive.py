"""One archive: each question becomes an answer of five kinds, and an archive that does not answer is spared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Final, NamedTuple

from dcmsend.errors import DcmsendError
from dcmsend.interrupt import WAIT_SLICE, Interrupt

from .failures import NO_ANSWER, is_for_good, reason_of
from .finder import Finder
from .options import VerifyOptions

__all__ = ["Answer", "Archive", "Kind"]

_LONGEST_IDLE: Final = 5.0
"""Seconds of waiting from which the connection is not kept: archives end idle associations."""

class Kind(Enum):
    """How an answer ended.  Source: PS3.4 C.4.1.1.4."""

    COMPLETE = "complete"
    LIMITED = "the archive has more to say"
    REFUSED = "the archive does not take this question"
    BUSY = "the archive is out of resources"
    LOST = "no end came"


class Answer(NamedTuple):
    """What an archive says to one question.

    Attributes:
        named: the availability of each wanted instance that it has; what it has named is a fact, whatever the end.
        others: further instances in the series.
        kind: how the answer ended.
        reason: None for a complete answer, else its status, or the name of an error.
    """

    named: Mapping[str, str]
    others: int
    kind: Kind
    reason: int | str | None

    @property
    def length(self) -> int:
        """How many instances the archive has named."""
        return len(self.named) + self.others


class Archive:
    """Asks the questions.

    After two failures in a row the archive is left alone for a while, each time longer.  When the options' attempts and
    seconds are used up without a single answer, or when it refuses for good, it is not asked any longer.

    Attributes:
        given_up: why it is not asked any longer, None as long as it is.
        error: the error that was the cause, if it was one.
    """

    def __init__(
        self,
        finder: Finder,
        options: VerifyOptions,
        interrupt: Interrupt,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._finder = finder
        self._options = options
        self._interrupt = interrupt
        self.clock = clock
        self._sleep = sleep
        self._failures = 0
        self._failing_since = 0.0
        self._not_before: float | None = None
        self.given_up: int | str | None = None
        self.error: DcmsendError | None = None

    def ask(self, study_uid: str, series_uid: str, wanted: Collection[str], *, by_name: bool = False) -> Answer:
        """Ask one question, unless the archive has been given up.  Raises Cancelled."""
        if self._not_before is not None and self.given_up is None:
            self.wait_until(self._not_before)
            self._not_before = None
        self._interrupt.check_request()
        if self.given_up is not None:
            return Answer({}, 0, Kind.LOST, self.given_up)
        try:
            named, others, status = self._finder.find(study_uid, series_uid, wanted, by_name=by_name)
        except NO_ANSWER as error:
            return self._lost(error)
        kind = _kind_of(status)
        if kind in (Kind.COMPLETE, Kind.LIMITED):
            self._failures = 0
        elif kind is Kind.BUSY or not by_name:  # names refused: that is an answer, too
            self._note(status, None)
        return Answer(named, others, kind, status or None)

    def wait_until(self, time: float) -> None:
        """Wait for a moment of the clock.  Raises Cancelled."""
        if time - self.clock() >= _LONGEST_IDLE:
            self._finder.close()
        self._interrupt.check_request()
        while (left := time - self.clock()) > 0:
            self._sleep(min(left, WAIT_SLICE))
            self._interrupt.check_request()

    def _lost(self, error: DcmsendError) -> Answer:
        reason = reason_of(error)
        if is_for_good(error):
            self.given_up, self.error = reason, error
        else:
            self._note(reason, error)
        return Answer({}, 0, Kind.LOST, reason)

    def _note(self, reason: int | str, error: DcmsendError | None) -> None:
        """Note a failure: how long to wait before the next question, or whether there is none."""
        attempts, seconds = self._options.attempts, self._options.seconds
        now = self.clock()
        self._failures += 1
        if self._failures == 1:  # it may be due to this series
            self._failing_since = now
            return
        last = self._failing_since + seconds * bool(attempts)
        if self._failures > attempts and now >= last:
            self.given_up, self.error = reason, error
            return
        self._not_before = min(now + seconds / 3 ** max(0, attempts + 1 - self._failures), last)


def _kind_of(status: int) -> Kind:
    if not status:
        return Kind.COMPLETE
    if status >> 8 == 0xA7:
        return Kind.BUSY
    if status >> 12 == 0xB or status in (0x0001, 0x0107, 0x0116, 0xFE00):  # warnings, and an end before the end
        return Kind.LIMITED
    return Kind.REFUSED
