"""The course of commitments: requests for some instances each, a few at a time, and reports that come when they come.

- A transaction is noted before it is requested, so that a report never finds it unknown, whatever ends the run.
- No Transaction UID is used twice.  What is requested anew has a new UID; a report on the old one counts, too.  The
  new one is open even if the archive does not take it, as long as a report on the old one may come; not if it refuses
  this one for good, else the same request would be the first of every night, and the last.
- COMMITTED and DENIED come from reports alone.  Everything else is NO_ANSWER: that costs a request in the next run.

Source: PS3.4 J.3.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, Generic

from dcmsend.errors import Cancelled, DcmsendError
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import Proof, ProofState

from .failures import NO_ANSWER, is_for_good, is_refusal, reason_of
from .options import CommitOptions
from .requester import RequestableT, Requester, Transactions

__all__ = ["NOT_REPORTED", "NOT_REQUESTED", "Committer", "new_transaction_uid"]

NOT_REPORTED: Final = "not_reported"
"""Reason for an instance whose commitment was requested: no report has come in time."""
NOT_REQUESTED: Final = "not_requested"
"""Reason for an instance that was not asked for, because reports on others did not come in time."""

_PAUSES: Final = (1.0, 5.0, 25.0)
"""Seconds to leave the archive alone after the first failure in a row, the second, the third; then it is given up.  One
that has taken no request at all is given up after the second.  Also between associations opened for reports alone."""
_LOOK: Final = 0.05
"""Seconds after which a wait looks at the association, over which a report may come, too."""
_BUSY: Final = frozenset((0x0110, 0x0131, 0x0213))
"""Statuses of requests that may be accepted later: processing failure, Transaction UID in use, resource limitation."""
_ACCEPTED: Final = frozenset((0x0000, 0x0001, 0x0107, 0x0116))
"""Success and the warnings of PS3.7 Annex C."""


def new_transaction_uid() -> str:
    """A random UID: nobody else can guess what a report has to name.  Source: PS3.5 B.2."""
    return f"2.25.{uuid.uuid4().int}"


class Committer(Generic[RequestableT]):
    """Requests commitments from one archive and gathers its reports; used by one thread, once.

    Attributes:
        given_up: why nothing more is requested: a status or the name of an error; None as long as it is.
        error: the error that was the cause, if it was one.
        silent: how many requests had no report when the wait was over.

    Args:
        requester: the way to ask; the caller closes it in the end.
        transactions: what outlives the run; reports reach it on other threads, too.
        options: how many instances and requests at a time, and how long to wait.
        interrupt: ends the waiting early.
        warn: is told of the first failure of a request, at once: the name of the error or the status, and the error.
        new_uid: makes a Transaction UID.
        clock: seconds from any origin, never going backwards.
    """

    def __init__(
        self,
        requester: Requester,
        transactions: Transactions[RequestableT],
        options: CommitOptions,
        interrupt: Interrupt,
        *,
        warn: Callable[[int | str, DcmsendError | None], None] = lambda reason, error: None,
        new_uid: Callable[[], str] = new_transaction_uid,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requester = requester
        self._transactions = transactions
        self._options = options
        self._interrupt = interrupt
        self._warn = warn
        self._new_uid = new_uid
        self._clock = clock
        self.given_up: int | str | None = None
        self.error: DcmsendError | None = None
        self.silent = 0
        self._old: deque[str] = deque()  # open transactions of earlier runs, to be requested anew
        self._again: deque[list[RequestableT]] = deque()  # instances of requests that were refused for now
        self._last: deque[str] = deque()  # requests that had no answer; one of them must not hold up the others
        self._open: dict[str, int] = {}  # requested by this run: number of instances
        self._is_exhausted = False
        self._has_accepted = False
        self._failures = 0
        self._not_before = 0.0
        self._reopened = 0  # associations opened without a report since
        self._no_reopening_before = 0.0
        self._heard = 0.0

    def commit(self, rows: Iterable[RequestableT]) -> Iterator[tuple[RequestableT, Proof]]:
        """Yield each instance with its proof, which is kept already: those of open transactions, and ``rows``.

        Proven and denied ones come as the reports do, those without an answer in the end.
        Raises Cancelled when the run is asked to end, after the instances that have a proof; others are not yielded.
        """
        with self._transactions.still():  # each report is earlier than the list of rows, or later
            given = _begun(iter(rows))
            early = list(self._reported(0.0))
            untold = self._transactions.untold()
        for row, proof in chain(early, untold):
            if proof.state is not ProofState.NO_ANSWER and self._transactions.is_last_copy(row):
                yield row, proof  # others are in the list again
        self._old.extend(self._transactions.open_uids())
        self._heard = self._clock()
        try:
            while not self._is_over():
                self._interrupt.check_request()
                yield from self._take(0.0 if self._step(given) else _LOOK)
        except Cancelled:
            self._transactions.finish()
            yield from self._reported(0.0)
            raise
        self._transactions.finish()
        yield from self._reported(0.0)
        yield from self._end(given)

    def _is_over(self) -> bool:
        if self.given_up is not None and not (self._open and self._may_hear):
            return True
        if self._open and self._clock() - self._heard > self._options.seconds:
            return self._options.seconds > 0 or self._is_exhausted or self.given_up is not None
        return self._is_exhausted and not (self._open or self._has_left)

    @property
    def _may_hear(self) -> bool:
        """Whether reports on earlier requests may still come when no more are made."""
        return self._options.port is not None or self._requester.is_open

    @property
    def _has_left(self) -> bool:
        return bool(self._old or self._again or self._last)

    def _step(self, given: Iterator[RequestableT]) -> bool:
        """Request something, if it is time; return whether something was done."""
        if self.given_up is not None or self._clock() < self._not_before:
            return False
        has_room = len(self._open) < self._options.outstanding or not self._options.seconds
        if has_room and (self._has_left or not self._is_exhausted):
            self._request_next(given)
            return True
        if self._open and self._options.port is None and not self._requester.is_open:
            self._reopen()  # archives that wait for the next association report over it
        return False

    def _request_next(self, given: Iterator[RequestableT]) -> None:
        if self._old:
            self._request_anew(self._old.popleft())
            return
        wanted = self._again.popleft() if self._again else list(islice(given, self._options.instances))
        self._is_exhausted = not wanted
        if wanted:
            uid = self._new_uid()
            rows = self._transactions.begin(uid, wanted)
            if rows:
                self._request(uid, rows)
        elif self._last:
            self._request_anew(self._last.popleft())

    def _request_anew(self, old: str) -> None:
        uid = self._new_uid()
        rows = self._transactions.replace(old, uid)
        if rows:
            self._request(uid, rows, is_anew=True)
        else:
            self._transactions.refuse(uid, None)  # all of it was sent again, or is another instance by now

    def _request(self, uid: str, rows: Sequence[RequestableT], *, is_anew: bool = False) -> None:
        names = dict.fromkeys((row.sop_class_uid, row.sop_instance_uid) for row in rows)
        try:
            status = self._requester.request(uid, list(names))
        except NO_ANSWER as error:
            if is_refusal(error):
                self._put_back(uid, reason_of(error), stays_open=is_anew)
            else:  # the archive may have it, and may report on it
                self._last.append(uid)
            self._fail(reason_of(error), error, for_good=is_for_good(error))
            return
        if status in _ACCEPTED or status >> 12 == 0xB:
            self._failures = 0
            self._has_accepted = True
            self._open[uid] = len(rows)
            self._heard = self._clock()
            return
        for_good = status not in _BUSY and status >> 8 != 0xA7
        self._put_back(uid, status, stays_open=is_anew and not for_good)
        self._fail(status, None, for_good=for_good)

    def _put_back(self, uid: str, reason: int | str, *, stays_open: bool) -> None:
        """Have the instances of a refused request asked for later, unless a report on them has come meanwhile."""
        if stays_open:  # the archive may be at work on the one before; as long as this one is open its report counts
            self._last.append(uid)
        elif rows := self._transactions.refuse(uid, reason):
            self._again.append(rows)

    def _reopen(self) -> None:
        if self._clock() < self._no_reopening_before:
            return
        self._no_reopening_before = self._clock() + _PAUSES[min(self._reopened, len(_PAUSES) - 1)]
        self._reopened += 1
        try:
            self._requester.open()
        except NO_ANSWER as error:
            self._fail(reason_of(error), error, for_good=False)
        else:
            self._failures = 0

    def _fail(self, reason: int | str, error: DcmsendError | None, *, for_good: bool) -> None:
        """Leave the archive alone for a while, each time longer, and for ever in the end."""
        if not self._failures:
            self._warn(reason, error)
        self._failures += 1
        if for_good or self._failures > len(_PAUSES) - (not self._has_accepted):
            self.given_up, self.error = reason, error
        else:
            self._not_before = self._clock() + _PAUSES[self._failures - 1]

    def _take(self, seconds: float) -> Iterator[tuple[RequestableT, Proof]]:
        """Take in the reports that have come; wait for the first one."""
        try:
            self._requester.take_waiting()
        except NO_ANSWER:
            self._not_before = max(self._not_before, self._clock() + _PAUSES[0])  # reports may come on another one
        yield from self._reported(seconds)

    def _reported(self, seconds: float) -> Iterator[tuple[RequestableT, Proof]]:
        """Tell the reports that are kept already; wait for the first one."""
        while (reported := self._transactions.wait(seconds)) is not None:
            seconds = 0.0
            self._heard = self._clock()
            self._reopened = 0
            self._settle(reported.transaction_uid)
            yield from reported.proofs

    def _settle(self, uid: str) -> None:
        if self._open.pop(uid, None) is None:  # a report on a request that was replaced, or had no answer
            for each in [each for each in self._open if not self._transactions.rows_of(each)]:
                del self._open[each]

    def _end(self, given: Iterator[RequestableT]) -> Iterator[tuple[RequestableT, Proof]]:
        """Yield what has no answer."""
        now = time.time()
        self.silent = len(self._open)
        lasting = NOT_REPORTED if self.given_up is None else self.given_up
        for uid in (*self._open, *self._old, *self._last):
            reason = NOT_REPORTED if uid in self._open else lasting
            for row in self._transactions.rows_of(uid):
                yield row, Proof(ProofState.NO_ANSWER, reason, uid, now)
        without = Proof(ProofState.NO_ANSWER, NOT_REQUESTED if self.given_up is None else lasting, "", now)
        for row in chain(*self._again, given):
            yield row, without


def _begun(rows: Iterator[RequestableT]) -> Iterator[RequestableT]:
    """The same rows, the first of which is drawn at once."""
    return chain(list(islice(rows, 1)), rows)
