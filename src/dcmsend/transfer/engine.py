"""Carries the whole transfer list over as many associations as it takes; every instance gets its one outcome."""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterator, Sequence
from contextlib import closing
from typing import Protocol

from dcmsend.errors import (
    Cancelled,
    DcmsendError,
    GivenUp,
    NegotiationFailed,
    PlanError,
    SendingFailed,
)
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities, FilesAhead
from dcmsend.plan import AssociationPlan, PlanOptions, plan_association, plan_open_association

from .events import Observer, SerialObserver, Waiting
from .messages import log_end
from .options import Peer, TransferOptions
from .outcome import Reason, Result, StoreOutcome, counted_as_stored
from .rate import Pace
from .remedies import NOTHING_ACCEPTED
from .runner import MAX_FRUITLESS, Counter, Runner
from .work import OutcomesInOrder, Work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .feed import Feed, Growth
    from .retry import Retries

__all__ = ["Engine", "not_attempted"]

_log = logging.getLogger("dcmsend.network")
_app_log = logging.getLogger("dcmsend.app")


class Memory(Protocol):
    """What outlives a run."""

    def note(self, outcome: StoreOutcome) -> None:
        """An outcome is final."""
        ...

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """Whether an earlier run has completely sent the same instance from the same file and got no answer."""
        ...


class Engine:
    """One transfer.  From an iterator, instances are taken only as they can be sent, and kept until they are done.

    ``memory`` is told of an outcome as soon as it is final, in no particular order, unless the instance was never
    begun.

    Attributes:
        error: why the run ended early; None at a normal end.  Valid when ``run`` is exhausted.
    """

    def __init__(
        self,
        instances: Sequence[Instance] | Iterator[Instance],
        peer: Peer,
        options: TransferOptions,
        plan_options: PlanOptions,
        abilities: Abilities,
        interrupt: Interrupt,
        observer: Observer | None = None,
        memory: Memory | None = None,
    ) -> None:
        self._memory = memory
        self._feed: Feed | None = None
        if not isinstance(instances, Sequence):
            from .feed import Feed  # only where the scan goes on meanwhile

            instances = self._feed = Feed(instances)
        self._instances: Sequence[Instance] = instances
        self._peer = peer
        self._options = options
        self._plan_options = plan_options
        self._abilities = abilities
        self._interrupt = interrupt
        if observer is not None and options.parallel_associations > 1:
            observer = SerialObserver(observer)
        self._observer = observer
        limited = options.max_rate or options.max_instances_rate
        self._pace = Pace(options.max_rate, options.max_instances_rate) if limited else None
        self._retries: Retries | None = None
        if options.retry.attempts:
            from .retry import Retries  # seldom asked for

            self._retries = Retries(options.retry)
        self._work: Work | None = None
        self._last_plan: AssociationPlan | None = None
        self._in_vain = 0
        self._files = FilesAhead(self._instances, None if self._feed is None else self._feed.run_ahead)
        self._fruitless = 0
        self._disturbed = False
        self._order = OutcomesInOrder()
        self._counter = Counter()
        self.error: DcmsendError | None = None

    @property
    def associations(self) -> int:
        """How many negotiations were answered, also by "no context accepted"."""
        return self._counter.associations

    @property
    def contexts(self) -> int:
        """How many presentation contexts were proposed over all associations."""
        return self._counter.contexts

    def run(self) -> Iterator[StoreOutcome]:
        """Transfer; one outcome for each instance, in the order of the list."""
        observer = self._observer
        try:
            for outcome in self._outcomes():
                if observer is not None:
                    observer.outcome(outcome)
                yield outcome
        finally:
            self._files.close()
            if self._feed is not None:
                self._feed.close()

    def _outcomes(self) -> Iterator[StoreOutcome]:
        while self._has_more() and self.error is None:
            if self._interrupt.requested:
                self.error = Cancelled(self._interrupt.by)
                break
            plan, growth = self._plan()
            for outcome in self._round(plan, growth):
                yield from self._settle(outcome)
                if self._feed is not None:
                    self._feed.forget_before(self._order.next_index)
            if not self._plan_options.multiple_associations:
                break
            if self._retries is not None:
                self._wait(self._retries)
                continue
            remaining = len(self._instances) - self._order.next_index
            if self._fruitless >= MAX_FRUITLESS and self.error is None:
                # With --no-halt no trouble with single instances is an error of the run, as in DCMTK.
                _app_log.error("%d associations in a row ended without an answer, giving up", self._fruitless)
                break
            if remaining and self.error is None and self._disturbed and not self._interrupt.requested:
                _app_log.warning(
                    "trying to continue with a new association in order to send the remaining %d SOP instances",
                    remaining,
                )
        if self.error is None and self._feed is not None:
            self.error = self._feed.error
        if self.error is None and self._interrupt.requested and self._order.next_index < len(self._instances):
            self.error = Cancelled(self._interrupt.by)
        for outcome in self._retries.take_pending() if self._retries is not None else ():
            if self._memory is not None:
                self._memory.note(outcome)
            yield from self._order.add(outcome)
        done = self._order.held
        for outcome in not_attempted(self._instances, self._order.next_index, self.error, done=done):
            yield from self._order.add(outcome)

    def _settle(self, outcome: StoreOutcome) -> Iterator[StoreOutcome]:
        """Take the end of an attempt; yields the outcomes that are final now."""
        if self._retries is not None:
            final = self._retries.settle(outcome)
            if final is None:
                _app_log.info("SOP instance %d will be sent again: %s", outcome.index, self._retries.why)
                if self._work is not None:
                    self._work.defer(outcome.index - 1)
                return
            outcome = final
        if self._memory is not None:
            if outcome.is_duplicate and self._memory.is_unanswered(outcome):
                outcome = counted_as_stored(outcome)
            self._memory.note(outcome)
        self._watch(outcome)
        yield from self._order.add(outcome)

    def _watch(self, outcome: StoreOutcome) -> None:
        """End the run when enough was in vain."""
        if outcome.result is Result.STORED:
            self._in_vain = 0
            return
        self._in_vain += 1
        is_ours = outcome.result in (Result.FAILED, Result.UNCONFIRMED) and outcome.context_id
        if self._retries is not None and self._options.halt_on_failure and is_ours:
            self._halt(SendingFailed(DcmsendError(outcome.message)))
        elif self._in_vain == self._options.stop_after_failures:
            self._halt(GivenUp(f"{self._in_vain} SOP instances in a row were not stored"))

    def _halt(self, error: DcmsendError) -> None:
        if self.error is None:
            self.error = error
            log_end(error, self._peer)
        if self._work is not None:
            self._work.stop()

    def _wait(self, retries: Retries) -> None:
        """Wait before the next association, if the last one gives cause to."""
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
            self._observer.waiting(Waiting(retries.why, time.time() + seconds))
        retries.wait(seconds, self._interrupt)
        if self._observer is not None:
            self._observer.waiting(None)

    def _has_more(self) -> bool:
        """Whether there is an instance without an outcome; has the scan look ahead if it goes on."""
        first = self._order.next_index
        return self._feed.look_ahead(first) if self._feed is not None else first < len(self._instances)

    def _plan(self) -> tuple[AssociationPlan, Growth | None]:
        self._disturbed = False
        first, options, can_decode = self._order.next_index, self._plan_options, self._abilities.can_decode
        growth = None
        if self._feed is None:
            last = self._last_plan
            if self._retries is not None and last is not None and last.first <= first < last.end:
                # A million instances are not planned again for each of a thousand associations.
                return last._replace(first=first, context_ids=last.context_ids[first - last.first :]), None
            plan = self._last_plan = plan_association(self._instances, first, options, can_decode)
        else:
            from .feed import Growth

            plan, table = plan_open_association(self._feed, first, options, can_decode, self._feed.kinds)
            growth = Growth(self._feed, table)
        for warning in plan.warnings:
            _log.warning(warning)
        for refusal in plan.refusals:
            _log.error(refusal)
        return plan, growth

    def _round(self, plan: AssociationPlan, growth: Growth | None) -> Iterator[StoreOutcome]:
        """Send the stretch of a plan over one association, or over several at the same time."""
        if plan.refusals and self._plan_options.halt_on_refusal:
            text = "Unsupported compression or encryption"
            _app_log.error("cannot add presentation contexts: %s", text)
            self.error = PlanError(text)
            return
        if not plan.contexts:
            yield from self._no_context(plan)
            return
        retries, work = self._retries, self._make_work(plan, growth)
        interrupt = Interrupt(parent=self._interrupt)
        runner = self._make_runner(interrupt)
        if not runner.open(plan.contexts):
            if retries is not None and retries.may_help(runner.error):
                return
            self.error = runner.error
            if isinstance(self.error, NegotiationFailed):
                log_end(self.error, self._peer)
            return
        if runner.association is not None and not runner.association.accepted:
            yield from self._nothing_accepted(runner, plan)
            return
        _app_log.info("sending SOP instances ...")
        self._work = work
        count = self._options.parallel_associations
        if growth is None:
            count = min(count, len(plan.context_ids))
        if count > 1 and self._plan_options.multiple_associations:
            yield from self._parallel(runner, interrupt, count, plan, work)
        else:
            for outcome in runner.run(work):
                yield outcome
                work.finished_before(self._order.next_index)
            if retries is not None:
                retries.end_association(runner.error)
            self._judge(runner.error if runner.halted else None, runner.answered, was_lost=runner.error is not None)

    def _make_work(self, plan: AssociationPlan, growth: Growth | None) -> Work:
        """What has no outcome yet; without what is put aside, as long as there is anything else."""
        done, retries = self._order.held, self._retries
        if retries is None:
            return Work(plan, self._instances, done, growth)
        work = Work(plan, self._instances, retries.skipping(done), growth, retries.aside)
        if retries.aside and not work.look():
            from .retry import AllBut

            work = Work(plan, self._instances, AllBut(retries.next_suspect(plan.end)))
        return work

    def _parallel(
        self, first: Runner, interrupt: Interrupt, count: int, plan: AssociationPlan, work: Work
    ) -> Iterator[StoreOutcome]:
        from .parallel import ParallelRunners  # one association needs no threads

        retries = self._retries
        runners = ParallelRunners(
            first, interrupt, count, plan, work, self._interrupt, self._make_runner,
            wait_after=None if retries is None else retries.wait_after,
        )  # fmt: skip
        with closing(runners.run()) as outcomes:
            for outcome in outcomes:
                yield outcome
                work.finished_before(self._order.next_index)
        if retries is not None:
            retries.end_association(runners.lost)
        self._judge(runners.error, runners.answered, was_lost=self._order.next_index < work.end)

    def _judge(self, error: DcmsendError | None, answered: int, *, was_lost: bool) -> None:
        """Decide after a round how it goes on."""
        self._work = None
        self.error = self.error or error
        self._disturbed = was_lost
        self._fruitless = self._fruitless + 1 if was_lost and not answered else 0

    def _make_runner(self, interrupt: Interrupt) -> Runner:
        return Runner(
            self._peer,
            self._options,
            self._abilities,
            self._files,
            self._counter,
            interrupt,
            self._observer,
            is_numbered=self._plan_options.multiple_associations,
            tries_again=self._retries is not None,
            pace=self._pace,
        )

    def _nothing_accepted(self, runner: Runner, plan: AssociationPlan) -> Iterator[StoreOutcome]:
        _log.error("No Acceptable Presentation Contexts")
        text = "cannot negotiate network association: No acceptable Presentation Contexts"
        _app_log.error("%s\n%s", text, NOTHING_ACCEPTED)
        self._disturbed = True
        yield from self._no_context(plan)
        runner.release()
        runner.close()
        if not self._plan_options.multiple_associations:
            text = "No acceptable Presentation Contexts"
            _app_log.error("cannot add presentation contexts: %s", text)
            self.error = PlanError(text)

    def _no_context(self, plan: AssociationPlan) -> Iterator[StoreOutcome]:
        for offset, context_id in enumerate(plan.context_ids):
            if plan.first + offset in self._order.held:
                continue
            yield StoreOutcome(
                index=plan.first + offset + 1,
                instance=self._instances[plan.first + offset],
                result=Result.FAILED,
                reason=Reason.NO_CONTEXT,
                message="No acceptable Presentation Contexts",
                context_id=context_id,
            )


def not_attempted(
    instances: Sequence[Instance], first: int, error: DcmsendError | None, done: Container[int] = ()
) -> Iterator[StoreOutcome]:
    """The outcomes of all instances from index ``first`` on, none of which was begun, and why."""
    reason = Reason.NO_ASSOCIATION if error is None or isinstance(error, NegotiationFailed) else Reason.HALTED
    if isinstance(error, Cancelled):
        reason = Reason.TIME_WINDOW if error.by == Cancelled.TIME_WINDOW else Reason.CANCELLED
    message = "" if error is None else "; ".join(str(error).splitlines())
    for index in range(first, len(instances)):
        if index not in done:
            yield StoreOutcome(
                index=index + 1, instance=instances[index], result=Result.NOT_ATTEMPTED, reason=reason, message=message
            )
