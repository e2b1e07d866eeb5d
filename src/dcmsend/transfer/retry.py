"""Retries: which instances are sent again, how often, and after which pause.

An attempt that fails for a passing reason is put back until the next association, so outcomes keep the order of the
list.  An instance that was being sent when two associations broke is put aside until the others are done.  It is then
sent over an association of its own.  If the instance is the cause, the others lose nothing more; if the network is the
cause, the instance still gets all its attempts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final

from dcmsend.errors import DcmsendError, GivenUp, SessionFailed
from dcmsend.explanations import one_line
from dcmsend.interrupt import WAIT_SLICE, Interrupt

from .options import RetryOptions
from .outcome import Reason, Result, StoreOutcome, after_unanswered, came_with_others
from .peer_facts import blames_receiver

__all__ = ["AllBut", "Retries", "delay_after"]

_NETWORK: Final = frozenset({
    Reason.CONNECTION_LOST, Reason.ABORTED, Reason.RELEASED, Reason.TIMED_OUT, Reason.PROTOCOL_ERROR,
})
"""Reasons that concern the association, not the file."""

_Identity = tuple[str, tuple[int, int] | None]
"""SOP Instance UID of the request, size and time of the file."""

_KILLS: Final = 2
"""Number of broken associations after which an instance that was being sent is put aside."""


def delay_after(failures: int, options: RetryOptions, chance: float) -> float:
    """Seconds to wait after ``failures`` failures in a row (from 1): doubled each time, varied at random by 25 %.

    ``chance`` is from 0.0 to 1.0.  It keeps several senders that lost the same peer from returning at the same moment.
    """
    seconds = options.delay * 2.0 ** min(failures - 1, 30) * (0.75 + 0.5 * chance)
    return min(seconds, options.longest_delay)


class Retries:
    """The failed attempts of a transfer; used by one thread at a time, except ``wait_after``.

    Args:
        options: how often and how long.
        clock: seconds from any origin, never going backwards.
        sleep: waits for some seconds, at most WAIT_SLICE at a time.
        chance: returns a random number from 0.0 to 1.0.
    """

    def __init__(
        self,
        options: RetryOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._options = options
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._pending: dict[int, StoreOutcome] = {}
        self._tried: dict[int, dict[_Identity, bool]] = {}
        self._kills: dict[int, int] = {}
        self._aside: set[int] = set()
        self._further: set[int] = set()  # those that have one attempt more
        self._failures = 0
        self._failing_since: float | None = None
        self._failed_at: float | None = None
        self._negotiation: SessionFailed | None = None
        self._wanted_wait = 0.0
        self.why = ""

    def settle(self, outcome: StoreOutcome) -> StoreOutcome | None:
        """The final outcome of an instance, with its earlier attempts; None if it will be tried again."""
        index = outcome.position
        before = self._pending.pop(index, None)
        is_transient = _is_transient(outcome)
        if before is not None:
            outcome = _joined(before, outcome, self._tried[index])
        if outcome.result is Result.STORED:
            self._failures = 0
            self._failing_since = None
        elif is_transient:
            self._note(_describe(outcome))
            self._negotiation = None
            if outcome.status is None and outcome.reason in _NETWORK:
                self._kills[index] = self._kills.get(index, 0) + 1
            if came_with_others(outcome.result, outcome.reason):
                self._further.add(index)  # it was not tried itself
            if len(outcome.earlier) < self._options.attempts + (index in self._further):
                self._pending[index] = outcome
                tried = self._tried.setdefault(index, {})
                identity = _identity(outcome)
                tried[identity] = tried.get(identity, False) or outcome.result is Result.UNCONFIRMED
                if self._kills.get(index, 0) >= _KILLS:
                    self._aside.add(index)
                return None
        self._tried.pop(index, None)
        self._kills.pop(index, None)
        self._aside.discard(index)
        self._further.discard(index)
        return outcome

    def may_help(self, error: DcmsendError | None) -> bool:
        """Whether a failed association may be opened later; if so, the failure is noted."""
        if not isinstance(error, SessionFailed) or error.is_permanent:
            return False
        self._note(one_line(error.cause))
        self._negotiation = error
        self._wanted_wait = error.retry_after or 0.0
        return True

    def end_association(self, error: DcmsendError | None) -> None:
        """Note how an association ended; None for an orderly release."""
        if error is not None and blames_receiver(error):
            self._note(one_line(getattr(error, "cause", error)))
            self._negotiation = None
            self._wanted_wait = error.retry_after or 0.0 if isinstance(error, SessionFailed) else 0.0

    @property
    def aside(self) -> frozenset[int]:
        """Indices of the instances that wait until the others are done."""
        return frozenset(self._aside)

    def next_suspect(self, end: int) -> int:
        """The instance before index ``end`` to be sent now, over an association of its own."""
        return min((index for index in self._aside if index < end), key=lambda index: (self._kills[index], index))

    def skipping(self, done: Container[int]) -> Container[int]:
        """Indices an association must skip: those in ``done``, and those put aside."""
        return _Either(done, self.aside)

    def take_pending(self) -> Iterator[StoreOutcome]:
        """The last attempts of instances that are not retried because the run has ended; in order."""
        for index in sorted(self._pending):
            yield self._pending.pop(index)

    def next_wait(self) -> float | None:
        """Seconds to wait before the next association, 0.0 if the failure was long ago; None without a failure.

        Raises SessionFailed, GivenUp: no instance was stored for too long.
        """
        if self._failed_at is None:
            return None
        self._failures += 1
        delay = delay_after(self._failures, self._options, self._chance())
        due = self._failed_at + max(delay, min(self._wanted_wait, self._options.longest_delay))
        self._failed_at = None
        self._wanted_wait = 0.0
        now = self._clock()
        if self._failing_since is not None:
            last = self._failing_since + self._options.max_time
            if now >= last:
                raise self._negotiation or GivenUp(f"nothing was stored for {self._options.max_time:g} s: {self.why}")
            due = min(due, last)
        return max(0.0, due - now)

    def wait(self, seconds: float, interrupt: Interrupt) -> None:
        """Wait, unless the run is asked to end."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and not interrupt.requested:
            self._sleep(min(left, WAIT_SLICE))

    def wait_after(self, failures: int, interrupt: Interrupt) -> None:
        """Wait before one of several lost associations is opened again; may be called by any thread."""
        self.wait(delay_after(failures, self._options, self._chance()), interrupt)

    def _note(self, why: str) -> None:
        self.why = why
        self._failed_at = self._clock()
        if self._failing_since is None:
            self._failing_since = self._failed_at


class AllBut:
    """Contains every index except one."""

    def __init__(self, index: int) -> None:
        self._index = index

    def __contains__(self, index: object) -> bool:
        return index != self._index


class _Either:
    """Contains the indices of two containers."""

    def __init__(self, first: Container[int], second: Container[int]) -> None:
        self._first = first
        self._second = second

    def __contains__(self, index: object) -> bool:
        return index in self._first or index in self._second


def _is_transient(outcome: StoreOutcome) -> bool:
    """Whether the instance may be stored if this run sends the same file again."""
    if outcome.status is not None:
        return outcome.is_retryable
    if outcome.result is Result.UNCONFIRMED:
        return outcome.reason is not Reason.CANCELLED
    if came_with_others(outcome.result, outcome.reason):
        return True
    return outcome.result is Result.FAILED and (outcome.reason in _NETWORK or outcome.reason is Reason.SERVER_BUSY)


def _identity(outcome: StoreOutcome) -> _Identity:
    return outcome.sop_instance_uid, outcome.file_stamp


def _joined(before: StoreOutcome, outcome: StoreOutcome, tried: Mapping[_Identity, bool]) -> StoreOutcome:
    """The outcome of a further attempt, combined with the attempts before it.

    ``tried`` maps each instance that was sent to whether it was sent completely and not answered.  A file may have been
    replaced meanwhile, and an answer about one instance proves nothing about another.  What was refused, or was not
    sent to its end, has stored nothing: a duplicate is then somebody else's, perhaps with other content.
    """
    identity = _identity(outcome)
    if outcome.result is Result.REFUSED and tried.get(identity, False):
        outcome = after_unanswered(outcome)
    if outcome.result in (Result.FAILED, Result.NOT_ATTEMPTED):
        # This attempt failed; what became of an earlier one no answer told.  A file that did not open has no identity.
        unanswered = [each for each, is_unanswered in tried.items() if is_unanswered]
        if identity in unanswered or (unanswered and not outcome.sop_instance_uid):
            uid, stamp = identity if identity in unanswered else unanswered[-1]
            message = f"{outcome.message}; an earlier attempt was completely sent, and may have stored it"
            outcome = outcome._replace(
                result=Result.UNCONFIRMED, message=message, sop_instance_uid=uid, file_stamp=stamp
            )
    return outcome._replace(earlier=before.attempts)


def _describe(outcome: StoreOutcome) -> str:
    if outcome.status is None:
        return outcome.message
    what = "peer out of resources" if outcome.is_out_of_resources else "peer cannot process an instance"
    return f"{what} (0x{outcome.status:04X})"
