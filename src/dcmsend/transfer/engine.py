"""Sends the whole transfer list over as many sessions as needed; every instance gets exactly one outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import closing

from dcmsend.errors import Cancelled, DcmsendError, GivenUp, SendingFailed, SessionFailed
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger

from .observer import Observer, SerialObserver
from .options import MAX_FRUITLESS, TransferOptions
from .outcome import Reason, Result, StoreOutcome, counted_as_stored
from .outcomes_in_order import OutcomesInOrder
from .peer_facts import blames_receiver
from .settled import settled
from .work import Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .auto_count import AutoCount
    from .feed import Feed
    from .ledger import Ledger
    from .rate import Pace
    from .retry import Retries
    from .target import Session, Stretch, Target

__all__ = ["Engine", "not_attempted"]

_app_log = get_logger("dcmsend.app")


class Engine:
    """One transfer.

    Args:
        instances: the transfer list.  From a ``Feed``, instances are taken only when they can be sent, and kept until
            they have their outcome.
        target: the way to send; the caller closes it.
        options: retries, pace, the number of sessions.
        interrupt: ends the run early.
        observer: is told of sessions, bytes and outcomes while they happen.
        ledger: is told of an outcome as soon as it is final, in no particular order; not of instances that were never
            begun.

    Attributes:
        error: why the run ended early; None at a normal end.  Valid when ``run`` is exhausted.
        auto: how many sessions were chosen and why; None if their number was given.
    """

    def __init__(
        self,
        instances: Sequence[Instance] | Feed,
        target: Target,
        options: TransferOptions,
        interrupt: Interrupt,
        observer: Observer | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self._instances: Sequence[Instance] = instances
        self._feed: Feed | None = None
        if not isinstance(instances, list):
            from .feed import Feed  # only where the scan goes on meanwhile

            self._feed = instances if isinstance(instances, Feed) else None
        self._target = target
        self._options = options
        self._interrupt = interrupt
        if observer is not None and options.most_associations > 1:
            observer = SerialObserver(observer)
        self._observer = observer
        self._ledger = ledger
        self._pace: Pace | None = None
        if options.max_rate or options.max_instances_rate:
            from .rate import Pace  # seldom asked for

            self._pace = Pace(options.max_rate, options.max_instances_rate)
        self._retries: Retries | None = None
        if options.retry.attempts:
            from .retry import Retries  # seldom asked for

            self._retries = Retries(options.retry)
        self._settling = threading.Lock()
        self._work: Work | None = None
        self._order = OutcomesInOrder()
        self._in_vain = 0
        self._may_pass = False  # whether one of these failures may pass by itself
        self._fruitless = 0
        self._disturbed = False
        self.error: DcmsendError | None = None
        self.auto: AutoCount | None = None
        self._waited = self._lasted = 0.0
        if not isinstance(options.parallel_associations, int):
            from .auto_count import AutoCount  # seldom asked for

            self.auto = AutoCount(options.most_associations, time.perf_counter())

    def run(self) -> Iterator[StoreOutcome]:
        """Transfer the list; yield one outcome for each instance, in the order of the list."""
        observer = self._observer
        try:
            for outcome in self._outcomes():
                if observer is not None:
                    observer.outcome(outcome)
                yield outcome
        finally:
            self._note_pending()
            if self._feed is not None:
                self._feed.close()

    @property
    def waiting_share(self) -> float:
        """Part of the time of sessions that were the only one in which they waited for answers, 0.0 to 1.0."""
        return min(1.0, self._waited / self._lasted) if self._lasted else 0.0

    def _outcomes(self) -> Iterator[StoreOutcome]:
        is_full = False  # whether what is left has no place in the only association of this run, or of a further one
        while self._has_more() and self.error is None:
            if self._interrupt.requested:
                self.error = Cancelled(self._interrupt.by)
                break
            self._disturbed = False
            stretch = self._target.stretch(self._instances, self._order.next_index)
            for outcome in self._round(stretch):
                self._watch(outcome)
                yield from self._order.add(outcome)
                if self._feed is not None:
                    self._feed.forget_before(self._order.next_index)
            if self._target.one_session:
                is_full = self._order.next_index >= stretch.end and self._ledger is None
                break
            if self._retries is not None:
                self._wait(self._retries)
                continue
            remaining = len(self._instances) - self._order.next_index
            if self._fruitless >= MAX_FRUITLESS and self.error is None:
                # With --no-halt, failures of single instances are no error of the run, as in DCMTK.
                _app_log.error("%d associations in a row ended without an answer, giving up", self._fruitless)
                break
            if remaining and self.error is None and self._disturbed and not self._interrupt.requested:
                _app_log.warning(
                    "trying to continue with a new association in order to send the remaining %d SOP instances",
                    remaining,
                )
        given_up = self._given_up()
        if self.error is None and self._feed is not None:
            self.error = self._feed.error
        is_left = given_up is not None or self._order.next_index < len(self._instances)
        if self.error is None and self._interrupt.requested and is_left:
            self.error = Cancelled(self._interrupt.by)
        for outcome in self._retries.take_pending() if self._retries is not None else ():
            if self._ledger is not None:
                self._ledger.note(outcome)
            yield from self._order.add(outcome)
        left = not_attempted(self._instances, self._order.next_index, self.error, done=self._order, is_full=is_full)
        for outcome in left:
            yield from self._order.add(outcome)
        self.error = self.error or given_up  # not sooner: with a list that is complete, such an end is no error

    def _given_up(self) -> GivenUp | None:
        """The error of a run that ends before the scan has: what was not looked at has no outcome to tell of it."""
        if self.error is not None or self._feed is None or self._feed.is_complete:
            return None
        if not self._interrupt.requested:
            self._feed.pull()  # the list may have had nothing more, which nobody has seen yet
            if self._feed.is_complete:
                return None
        if self._target.one_session:
            return GivenUp("the only association has ended before all inputs were looked at")
        return GivenUp(f"{self._fruitless} associations in a row ended without an answer")

    def _settle(self, outcome: StoreOutcome) -> StoreOutcome | None:
        """Take the result of an attempt, on the thread that made it; return None if the instance is tried again.

        The ledger is told at once, even if the caller of ``run`` is slow to take earlier outcomes.
        """
        if self._retries is not None:
            with self._settling:
                final = self._retries.settle(outcome)
                why = self._retries.why
            if final is None:
                _app_log.info("SOP instance %d will be sent again: %s", outcome.index, why)
                if self._work is not None:
                    self._work.defer(outcome.position)
                return None
            outcome = final
        if self._ledger is not None:
            if outcome.is_duplicate and self._ledger.is_unanswered(outcome):
                outcome = counted_as_stored(outcome)
            self._ledger.note(outcome)
        return outcome

    def _note_pending(self) -> None:
        """Tell the ledger of attempts that will not be repeated: the instances may have been stored all the same."""
        if self._retries is not None and self._ledger is not None:
            for outcome in self._retries.take_pending():
                self._ledger.note(outcome)

    def _watch(self, outcome: StoreOutcome) -> None:
        """End the run after too many failures in a row."""
        if outcome.result is Result.STORED:
            self._in_vain, self._may_pass = 0, False
            return
        if outcome.reason is Reason.CANCELLED:
            return  # what has ended the run is told by the session or by the interrupt
        self._in_vain += 1
        self._may_pass |= outcome.is_retryable
        is_ours = outcome.result in (Result.FAILED, Result.UNCONFIRMED) and (
            outcome.context_id or outcome.reason is not Reason.NO_CONTEXT
        )
        if self._retries is not None and self._options.halt_on_failure and is_ours:
            cause = DcmsendError(outcome.message)
            self._halt(SendingFailed(cause, outcome.reason, is_permanent=not outcome.is_retryable))
        elif self._in_vain == self._options.stop_after_failures:
            text = f"{self._in_vain} SOP instances in a row were not stored"
            self._halt(GivenUp(text, is_permanent=not self._may_pass, counts_failures=True))

    def _halt(self, error: DcmsendError) -> None:
        if self.error is None:
            self.error = error
            self._target.tell_end(error)
        if self._work is not None:
            self._work.stop()

    def _wait(self, retries: Retries) -> None:
        """Wait before the next session if the last one failed."""
        if self.error is not None or not self._has_more():
            return
        try:
            seconds = retries.next_wait()
        except DcmsendError as error:
            self._halt(error)
            return
        if seconds is None or self._interrupt.requested:
            return
        _app_log.warning("%s\nnext attempt in %.0f s", retries.why, seconds)
        if self._observer is not None:
            from .events import Waiting

            self._observer.waiting(Waiting(retries.why, time.time() + seconds))
        retries.wait(seconds, self._interrupt)
        if self._observer is not None:
            self._observer.waiting(None)

    def _has_more(self) -> bool:
        """Whether any instance has no outcome yet; lets the scan look ahead if it is still running."""
        first = self._order.next_index
        return self._feed.look_ahead(first) if self._feed is not None else first < len(self._instances)

    def _round(self, stretch: Stretch) -> Iterator[StoreOutcome]:
        """Send a stretch over one session, or over several in parallel."""
        if stretch.error is not None:
            self._halt(stretch.error)
            return
        if not stretch.is_possible:
            yield from self._untaken(stretch)
            return
        work = self._make_work(stretch)
        interrupt = Interrupt(parent=self._interrupt)
        session = self._make_session(stretch, interrupt)
        try:
            session.open()
        except Cancelled as error:
            self.error = error
            return
        except SessionFailed as error:
            if self._retries is None or not self._retries.may_help(error):
                self._halt(error)
            return
        if session.takes_nothing is not None:
            yield from self._nothing_taken(session, stretch)
            return
        _app_log.info("sending SOP instances ...")
        self._work = work
        count = self._options.most_associations
        if not stretch.may_grow:
            count = min(count, stretch.end - stretch.first)
        if count > 1 and not self._target.one_session:
            yield from self._parallel(session, interrupt, count, stretch, work)
            return
        with closing(settled(session.run(work.taker()), self._settle, interrupt, work)) as outcomes:
            for outcome in outcomes:
                yield outcome
                work.note_finished(self._order.next_index)
        self._waited += session.timings.waiting
        self._lasted += time.perf_counter() - session.timings.began
        if self._retries is not None:
            self._retries.end_association(session.error)
        lost = session.error
        self._judge(lost if session.halted else None, session.answered, lost, was_lost=lost is not None)

    def _make_work(self, stretch: Stretch) -> Work:
        """The instances without an outcome; those put aside are left for later while there are others."""
        done, retries = self._order, self._retries
        if retries is None:
            return Work(stretch, self._instances, done)
        work = Work(stretch, self._instances, retries.skipping(done), retries.aside)
        if retries.aside and not work.look():
            from .retry import AllBut

            work = Work(stretch, self._instances, AllBut(retries.next_suspect(stretch.end)), may_grow=False)
        return work

    def _make_session(self, stretch: Stretch, interrupt: Interrupt) -> Session:
        return self._target.session(stretch, interrupt, self._observer, self._pace)

    def _parallel(
        self, first: Session, interrupt: Interrupt, count: int, stretch: Stretch, work: Work
    ) -> Iterator[StoreOutcome]:
        from .parallel import ParallelSessions  # one session needs no threads

        retries = self._retries
        wait_after = None if retries is None else retries.wait_after

        def make(child: Interrupt) -> Session:
            return self._make_session(stretch, child)

        if self.auto is None:
            sessions = ParallelSessions(
                first, interrupt, count, work, self._interrupt, make, self._settle, wait_after=wait_after
            )
        else:
            from .auto_sessions import AutoSessions

            sessions = AutoSessions(
                first, interrupt, count, work, self._interrupt, make, self._settle, wait_after=wait_after,
                auto=self.auto, pace=self._pace,
            )  # fmt: skip
        with closing(sessions.run()) as outcomes:
            for outcome in outcomes:
                yield outcome
                work.note_finished(self._order.next_index)
        if retries is not None:
            retries.end_association(sessions.lost)
        self._judge(sessions.error, sessions.answered, sessions.lost, was_lost=self._order.next_index < work.end)

    def _judge(self, error: DcmsendError | None, answered: int, lost: DcmsendError | None, *, was_lost: bool) -> None:
        """Decide after a round how the run goes on; ``lost`` is what ended a session early."""
        self._work = None
        self.error = self.error or error
        self._disturbed = was_lost
        if answered or not was_lost:
            self._fruitless = 0
        elif lost is None or blames_receiver(lost):  # a file of ours that broke while it was sent proves nothing
            self._fruitless += 1

    def _nothing_taken(self, session: Session, stretch: Stretch) -> Iterator[StoreOutcome]:
        self._target.tell_nothing_taken()
        self._disturbed = True
        try:
            yield from self._untaken(stretch)
        finally:
            session.close()  # also when the caller stops early
        if self._target.one_session and session.takes_nothing is not None:
            self._halt(session.takes_nothing)

    def _untaken(self, stretch: Stretch) -> Iterator[StoreOutcome]:
        for index in range(stretch.first, stretch.end):
            if index not in self._order:
                outcome = self._settle(stretch.untaken(index, self._instances[index]))
                if outcome is not None:
                    yield outcome


def not_attempted(
    instances: Sequence[Instance], first: int, error: DcmsendError | None, done: Container[int] = (),
    *, is_full: bool = False,
) -> Iterator[StoreOutcome]:  # fmt: skip
    """Outcomes that say "not attempted", with the reason, for all instances from index ``first`` on.

    ``is_full``: without an error they have no place in the only association.
    """
    reason = Reason.NO_ASSOCIATION if error is None or isinstance(error, SessionFailed) else Reason.HALTED
    if error is None and is_full:
        reason = Reason.ONE_ASSOCIATION
    if isinstance(error, Cancelled):
        reason = Reason.TIME_WINDOW if error.by == Cancelled.TIME_WINDOW else Reason.CANCELLED
    message = "" if error is None else _one_line(error)
    is_permanent = error is not None and error.is_permanent
    for index in range(first, len(instances)):
        if index not in done:
            yield StoreOutcome(
                index=index + 1, instance=instances[index], result=Result.NOT_ATTEMPTED, reason=reason, message=message,
                is_permanent=is_permanent,
            )  # fmt: skip


def _one_line(error: DcmsendError) -> str:
    from dcmsend.explanations import one_line  # only a run that ends early needs it

    return one_line(error)
