"""Carries the whole transfer list over as many associations as it takes; every instance gets its one outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from dcmsend.errors import (
    Cancelled,
    DcmsendError,
    NegotiationFailed,
    PlanError,
)
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan, PlanOptions, plan_association
from dcmsend.transport import Interrupt

from .association import Association, open_association
from .events import AssociationClosed, AssociationOpened, Observer
from .messages import log_end, with_code
from .negotiation_log import log_accepted, log_rejected, log_request, warn_of_adjustments
from .options import Peer, TransferOptions
from .outcome import Reason, Result, StoreOutcome
from .prepare import Preparer
from .store_loop import StoreLoop
from .tools import Tools

__all__ = ["Engine", "not_attempted"]

_MAX_FRUITLESS = 3
"""Associations in a row without a single answer after which the run is given up."""

_PATIENCE = 1.0
"""Seconds that are granted to the peer when the caller has left."""

_log = logging.getLogger("dcmsend.network")
_app_log = logging.getLogger("dcmsend.app")


class Engine:
    """One transfer.

    Attributes:
        error: why the run ended early; None at a normal end.  Valid when ``run`` is exhausted.
        associations: how many negotiations were answered, also by "no context accepted".
        contexts: how many presentation contexts were proposed over all associations.
    """

    def __init__(
        self,
        instances: Sequence[Instance],
        peer: Peer,
        options: TransferOptions,
        plan_options: PlanOptions,
        tools: Tools,
        interrupt: Interrupt,
        observer: Observer | None = None,
    ) -> None:
        self._instances = instances
        self._peer = peer
        self._options = options
        self._plan_options = plan_options
        self._tools = tools
        self._interrupt = interrupt
        self._observer = observer
        self._next = 0
        self._fruitless = 0
        self._disturbed = False
        self._how = ""
        self.error: DcmsendError | None = None
        self.associations = 0
        self.contexts = 0

    def run(self) -> Iterator[StoreOutcome]:
        """Transfer; one outcome for each instance, in the order of the list."""
        observer = self._observer
        for outcome in self._outcomes():
            if observer is not None:
                observer.outcome(outcome)
            yield outcome

    def _outcomes(self) -> Iterator[StoreOutcome]:
        while self._next < len(self._instances) and self.error is None:
            if self._interrupt.requested:
                self.error = Cancelled(self._interrupt.by)
                break
            yield from self._association(self._plan())
            if not self._plan_options.multiple_associations:
                break
            remaining = len(self._instances) - self._next
            if self._fruitless >= _MAX_FRUITLESS and self.error is None:
                # With --no-halt no trouble with single instances is an error of the run, as in DCMTK.
                _app_log.error("%d associations in a row ended without an answer, giving up", self._fruitless)
                break
            if remaining and self.error is None and self._disturbed:
                _app_log.warning(
                    "trying to continue with a new association in order to send the remaining %d SOP instances",
                    remaining,
                )
        if self.error is None and self._interrupt.requested and self._next < len(self._instances):
            self.error = Cancelled(self._interrupt.by)
        yield from not_attempted(self._instances, self._next, self.error)
        self._next = len(self._instances)

    def _plan(self) -> AssociationPlan:
        self._disturbed = False
        plan = plan_association(self._instances, self._next, self._plan_options, self._tools.can_decode)
        for warning in plan.warnings:
            _log.warning(warning)
        for refusal in plan.refusals:
            _log.error(refusal)
        return plan

    def _association(self, plan: AssociationPlan) -> Iterator[StoreOutcome]:
        """Open one association, send its stretch, end it."""
        if plan.refusals and self._plan_options.halt_on_refusal:
            text = "Unsupported compression or encryption"
            _app_log.error("cannot add presentation contexts: %s", text)
            self.error = PlanError(text)
            return
        if not plan.contexts:
            yield from self._no_context(plan)
            return
        association = self._open(plan)
        if association is None:
            return
        self.associations += 1
        self.contexts += len(plan.contexts)
        number = self.associations
        self._how = "aborted"
        try:
            if association.accepted:
                yield from self._stretch(association, plan, number)
            else:
                self._tell_opened(association, plan, number)
                yield from self._nothing_accepted(association, plan)
        except BaseException:  # nobody takes the outcomes any more, or an observer has failed
            association.abort(_PATIENCE)
            raise
        finally:
            association.close()
            if self._observer is not None:
                self._observer.association_closed(AssociationClosed(number, self._how))

    def _tell_opened(self, association: Association, plan: AssociationPlan, number: int) -> None:
        if self._observer is not None:
            self._observer.association_opened(
                AssociationOpened(
                    number, len(plan.contexts), len(association.accepted), association.fragment_length
                )
            )

    def _open(self, plan: AssociationPlan) -> Association | None:
        if self._plan_options.multiple_associations:
            _app_log.info("starting association #%d", self.associations + 1)
        _app_log.info("initializing network ...")
        _app_log.info("negotiating network association ...")
        log_request(self._peer, plan.contexts, self._options)
        warn_of_adjustments(self._peer, self._options)
        try:
            association = open_association(self._peer, plan.contexts, self._options, self._interrupt)
        except Cancelled as error:
            self.error = error
            return None
        except DcmsendError as error:
            log_rejected(error)
            self.error = NegotiationFailed(error)
            log_end(self.error)
            return None
        log_accepted(association, self._peer, plan.contexts, self._options)
        return association

    def _nothing_accepted(self, association: Association, plan: AssociationPlan) -> Iterator[StoreOutcome]:
        _log.error("No Acceptable Presentation Contexts")
        _app_log.error("cannot negotiate network association: No acceptable Presentation Contexts")
        self._disturbed = True
        yield from self._no_context(plan)
        self._release(association)
        if not self._plan_options.multiple_associations:
            text = "No acceptable Presentation Contexts"
            _app_log.error("cannot add presentation contexts: %s", text)
            self.error = PlanError(text)

    def _stretch(self, association: Association, plan: AssociationPlan, number: int) -> Iterator[StoreOutcome]:
        association.prepare_to_send()
        self._tell_opened(association, plan, number)
        _app_log.info("sending SOP instances ...")
        loop = StoreLoop(
            association,
            number,
            self._instances,
            plan,
            Preparer(association, self._options, self._tools),
            halt_on_failure=self._options.halt_on_failure,
            interrupt=self._interrupt,
            observer=self._observer,
        )
        yield from loop.run()
        self._next = loop.next_index
        if loop.error is None:
            self._fruitless = 0
            self._release(association)
            return
        self._how = str(getattr(loop.error, "cause", loop.error))
        self._disturbed = True
        self._fruitless = 0 if loop.answered else self._fruitless + 1
        if loop.halted:
            self.error = loop.error

    def _release(self, association: Association) -> None:
        _log.info("Releasing Association")
        try:
            association.release()
            self._how = "released"
        except Cancelled:
            pass  # everything has its outcome already
        except DcmsendError as error:
            self._how = str(error)
            _log.error("Association Release Failed: %s", with_code(error))

    def _no_context(self, plan: AssociationPlan) -> Iterator[StoreOutcome]:
        for offset, context_id in enumerate(plan.context_ids):
            self._next = plan.first + offset + 1
            yield StoreOutcome(
                index=self._next,
                instance=self._instances[plan.first + offset],
                result=Result.FAILED,
                reason=Reason.NO_CONTEXT,
                message="No acceptable Presentation Contexts",
                context_id=context_id,
            )


def not_attempted(
    instances: Sequence[Instance], first: int, error: DcmsendError | None
) -> Iterator[StoreOutcome]:
    """The outcomes of all instances from index ``first`` on, none of which was begun, and why."""
    reason = Reason.NO_ASSOCIATION if error is None or isinstance(error, NegotiationFailed) else Reason.HALTED
    if isinstance(error, Cancelled):
        reason = Reason.CANCELLED
    message = "" if error is None else "; ".join(str(error).splitlines())
    for index in range(first, len(instances)):
        yield StoreOutcome(
            index=index + 1, instance=instances[index], result=Result.NOT_ATTEMPTED, reason=reason, message=message
        )
