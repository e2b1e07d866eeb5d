"""Sends one stretch of the transfer list over one association, and prepares one instance ahead of the answers."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    Cancelled,
    ConnectionLost,
    DcmsendError,
    PlanError,
    RemoteProtocolError,
    SendingFailed,
)
from dcmsend.interrupt import Interrupt
from dcmsend.load import Failure, log_done, log_failure, log_notes, reason_of
from dcmsend.protocol import CommandParseError, CommandReceived, CStoreRSP, is_stored, status_text
from dcmsend.transfer import Observer, Reason, Result, StoreOutcome, Timings, blames_receiver, log_end

from .association import Association
from .dimse_stretch import DimseStretch
from .in_flight import InFlight, Sent
from .prepare import PreparedStore, Preparer
from .store_log import (
    log_aborting_for_release,
    log_peer_gone,
    log_receive_error,
    log_request,
    log_response,
    log_unexpected_command,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Pace, Taker

__all__ = ["StoreLoop"]

_PEER_HAS_GONE = (AssociationAborted, ConnectionLost)
"""Errors after which A-ABORT cannot be sent any more."""

_clock = time.perf_counter

class StoreLoop:
    """The C-STOREs of one association.

    While the answer to one instance is on its way, the same thread opens, walks and frames the next one.  That changes
    no order: problems with the next instance are reported after the outcome of the one before.

    Attributes:
        error: why the association ended early; None while it is good.
        halted: whether the run has to end because of ``error``.
        answered: number of answers received.
    """

    def __init__(
        self,
        association: Association,
        number: int,
        stretch: DimseStretch,
        work: Taker,
        preparer: Preparer,
        *,
        halt_on_failure: bool,
        interrupt: Interrupt,
        observer: Observer | None,
        pace: Pace | None = None,
        timings: Timings | None = None,
    ) -> None:
        self._association = association
        self._number = number
        self._stretch = stretch
        self._work = work
        self._preparer = preparer
        self._halt_on_failure = halt_on_failure
        self._interrupt = interrupt
        self._observer = observer
        self._pace = pace
        self._timings = timings or Timings()
        self._in_flight = InFlight(association)
        self._early: CStoreRSP | None = None
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0
        self._contexts = {row[0] for row in association.accepted}

    def run(self) -> Generator[StoreOutcome, None, None]:
        """Send while there is work; yield one outcome for each instance that was begun.

        Outcomes follow the order of the work, except that several requests in flight may be answered in any order.
        """
        with self._interrupt.awaiting(self._in_flight.count):
            yield from self._run()

    def _run(self) -> Iterator[StoreOutcome]:
        window = min(self._association.window, self._preparer.most_outstanding)
        while self.error is None and not self._interrupt.requested:
            task = self._work.take(may_wait=not self._in_flight)
            if task is None:
                if not self._in_flight:
                    break
                yield from self._collect(len(self._in_flight) - 1)
                continue
            index, instance = task
            context_id = self._stretch.context_id_of(index, instance)
            if context_id == 0:
                store = PreparedStore(index, instance, 0)
                store.failure = Failure(Reason.NO_CONTEXT, PlanError("nothing may be proposed for it"))
            else:
                store = self._preparer.prepare(index, instance, context_id, self._in_flight)
            try:
                # A problem with an instance is reported once the outcomes of all before it are known.
                yield from self._collect(0 if store.failure is not None else window - 1)
                if self._pace is not None and store.failure is None and self._may_begin():
                    self._pace.wait_for_instance(self._interrupt)
                if self._may_begin() and (yield from self._is_usable()):
                    yield from self._start(store)
                else:
                    self._work.give_back(index)
            finally:
                store.close()
        yield from self._collect(0)

    def _may_begin(self) -> bool:
        return self.error is None and not self._work.is_stopped and not self._interrupt.requested

    def _start(self, store: PreparedStore) -> Iterator[StoreOutcome]:
        """Send a prepared instance; yields outcomes only if that fails."""
        log_notes(store)
        if store.is_done:
            log_done(store)
            yield self._outcome(store, Result.STORED, status=0, message="it was named twice, and is stored already")
            return
        if store.failure is not None:
            log_failure(store.failure)
            failure = store.failure
            outcome = self._outcome(store, Result.FAILED, reason=failure.reason, message=str(failure.error))
            yield outcome
            if self._halt_on_failure and store.planned_context_id:
                self._halt(failure.error, is_permanent=not outcome.is_retryable)
            return
        log_request(store)
        observer = self._observer
        number = store.index + 1
        progress = None
        if observer is not None:
            from dcmsend.transfer import BytesSent, tell_caller

            facts = store.facts or store.instance.facts
            study_uid = "" if facts is None else facts.study_uid

            def progress(count: int) -> None:
                tell_caller(observer.bytes_sent, BytesSent(number, count, study_uid))

        self._in_flight.begun = store.message_id
        try:
            sent = self._association.send_staged(progress, self._in_flight.look)
        except DcmsendError as error:
            yield from self._break_off(store, error)
        else:
            self._in_flight.add(store, sent)

    def _break_off(self, store: PreparedStore, error: DcmsendError) -> Iterator[StoreOutcome]:
        """The last outcomes: half of a data set was sent and cannot be taken back, so the association is given up."""
        log_receive_error(store, error)
        if not (blames_receiver(error) or isinstance(error, Cancelled)):
            # The file is to blame.  The association is good, and the instances before it are still due an answer.
            yield from self._collect(0)
        yield from self._give_up_outstanding(error)
        early = self._early
        if early is not None and not is_stored(early.status):
            # A peer that has refused an instance need not read to the end of it, so this counts, however it then ended.
            yield self._answered(store, early)
        else:
            yield self._failed(store, error)
        if self.error is None:
            self._lose(error)

    def _is_usable(self) -> Generator[StoreOutcome, None, bool]:
        """Whether the next instance may be sent; if not it gets no outcome, because nothing of it was sent."""
        try:
            if self._association.has_news():
                self._in_flight.look()
            self._association.check_usable()
        except DcmsendError as error:
            log_receive_error(None, error)
            yield from self._give_up_outstanding(error)
            self._lose(error)
            return False
        return True

    def _collect(self, limit: int) -> Iterator[StoreOutcome]:
        """Take the answers that have arrived, and wait until at most ``limit`` requests are outstanding."""
        in_flight = self._in_flight
        while in_flight and (len(in_flight) > limit or in_flight.are_many or self._association.has_news()):
            began = _clock()
            try:
                event = self._association.receive(next(iter(in_flight.values())).deadline)
            except DcmsendError as error:
                log_receive_error(None, error)
                yield from self._give_up_outstanding(error)
                self._lose(error)
                return
            self._timings.waiting += _clock() - began  # what never came is no measure of the line
            lie = in_flight.find_lie(event.command)
            if lie is not None:
                log_receive_error(None, lie)
                yield from self._leave_unconfirmed(lie)
                self._lose(lie)
                return
            problem = self._check(event.context_id, event.command)
            if problem is not None:
                yield from self._leave_unconfirmed(problem)
                if self._halt_on_failure:
                    self._halt(problem)
                return
            yield from self._settle(event)

    def _settle(self, event: CommandReceived) -> Iterator[StoreOutcome]:
        """The outcome of the request that a valid answer belongs to; nothing if it has one, or is sent in part only."""
        response = event.command
        if not isinstance(response, CStoreRSP):
            return
        number = response.message_id_responded_to
        entry = self._in_flight.take(number)
        if entry is not None:
            self._association.note_answer()
            yield self._answered(entry.store, response, entry.length)
        elif number and number == self._in_flight.begun and self._early is None:
            self._early = response

    def _give_up_outstanding(self, error: DcmsendError) -> Iterator[StoreOutcome]:
        """The outcomes of all requests in flight: from answers that arrived before ``error``, else unconfirmed."""
        for event in self._association.take_answers():
            if event.context_id in self._contexts and self._in_flight.find_lie(event.command) is None:
                yield from self._settle(event)
        yield from self._leave_unconfirmed(error)

    def _leave_unconfirmed(self, error: DcmsendError) -> Iterator[StoreOutcome]:
        for sent in self._in_flight.take_all():
            yield self._unconfirmed(sent, error)

    def _check(self, context_id: int, command: object) -> DcmsendError | None:
        """The fault in an answer; None if the answer is valid."""
        if context_id not in self._contexts:
            text = "DIMSE Failed to receive message\n0006:0101 ASC Bad presentation context ID"
            problem = RemoteProtocolError(text, code="0006:020d")
        elif isinstance(command, CommandParseError):
            problem = RemoteProtocolError(command.text, code=command.code)
        elif not isinstance(command, CStoreRSP):
            problem = RemoteProtocolError("DIMSE Bad command type", code="0006:0201")
            log_unexpected_command(getattr(command, "command_field", 0), problem)
            return problem
        else:
            return None
        log_receive_error(None, problem)
        return problem

    def _answered(self, store: PreparedStore, response: CStoreRSP, length: int = 0) -> StoreOutcome:
        """The outcome that the peer's answer gives; ``length`` is that of the data set, if it was sent completely."""
        log_response(store, response)
        self.answered += 1
        status = response.status
        return self._outcome(
            store,
            Result.STORED if is_stored(status) else Result.REFUSED,
            status=status,
            message="" if status == 0 else status_text(status),
            bytes_sent=length,
            error_comment=response.error_comment or "",
            offending_elements=tuple(response.offending_elements),
        )

    def _unconfirmed(self, sent: Sent, error: DcmsendError) -> StoreOutcome:
        return self._outcome(
            sent.store, Result.UNCONFIRMED, reason=reason_of(error), message=str(error), bytes_sent=sent.length
        )

    def _failed(self, store: PreparedStore, error: DcmsendError) -> StoreOutcome:
        return self._outcome(store, Result.FAILED, reason=reason_of(error), message=str(error))

    def _outcome(
        self,
        store: PreparedStore,
        result: Result,
        *,
        status: int | None = None,
        reason: Reason | None = None,
        message: str = "",
        bytes_sent: int = 0,
        error_comment: str = "",
        offending_elements: tuple[int, ...] = (),
    ) -> StoreOutcome:
        store.close()
        request = store.request
        return StoreOutcome(
            index=store.index + 1,
            instance=store.instance,
            result=result,
            status=status,
            reason=reason,
            message=message and "; ".join(message.splitlines()),  # DCMTK's conditions may span several lines
            association=self._number if store.sent_syntax is not None else 0,
            context_id=store.planned_context_id,
            sent_syntax=store.sent_syntax,
            data_set_length=store.length,
            bytes_sent=bytes_sent,
            message_id=store.message_id,
            sop_class_uid=request.affected_sop_class_uid if request else "",
            sop_instance_uid=request.affected_sop_instance_uid if request else "",
            error_comment=error_comment,
            offending_elements=offending_elements,
            started=store.started,
            seconds=max(0.0, time.time() - store.started),  # the clock may have been set back
            file_stamp=store.stamp,
            file_identity=store.identity,
            facts=store.facts,
        )

    def _halt(self, error: DcmsendError, *, is_permanent: bool | None = None) -> None:
        """End the run, because an instance could not be sent and ``halt_on_failure`` is set."""
        self.halted = True
        self.error = SendingFailed(error, is_permanent=is_permanent)
        self._work.stop()
        log_end(self.error)
        self._association.abort()

    def _lose(self, error: DcmsendError) -> None:
        """Give the association up; the engine decides whether the run goes on with another one."""
        if isinstance(error, Cancelled):
            self.error, self.halted = error, True
        else:
            self.error, self.halted = SendingFailed(error), self._halt_on_failure
            if self.halted:
                self._work.stop()
                log_end(self.error)
        if isinstance(error, AssociationReleased):
            log_aborting_for_release()
        if isinstance(error, _PEER_HAS_GONE):
            log_peer_gone()
            self._association.close()
        else:
            self._association.abort()
