"""Sends one stretch of the transfer list over one association, one instance prepared ahead of the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from dcmsend.errors import (
    AssociationAborted,
    AssociationReleased,
    Cancelled,
    ConnectionLost,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    ProtocolError,
    RemoteProtocolError,
    SendingFailed,
    TimedOut,
    TranscodeError,
)
from dcmsend.index import Instance
from dcmsend.plan import AssociationPlan
from dcmsend.protocol import CommandParseError, CStoreRSP, is_stored, status_text
from dcmsend.transport import Interrupt

from .association import Association
from .events import BytesSent, Observer
from .messages import (
    log_aborting_for_release,
    log_end,
    log_failure,
    log_notes,
    log_peer_gone,
    log_receive_error,
    log_request,
    log_response,
    log_unexpected_command,
)
from .outcome import Reason, Result, StoreOutcome
from .payload import FileChanged
from .prepare import PreparedStore, Preparer

__all__ = ["StoreLoop"]

_REASONS: dict[type[DcmsendError], Reason] = {
    AssociationAborted: Reason.ABORTED,
    AssociationReleased: Reason.RELEASED,
    ConnectionLost: Reason.CONNECTION_LOST,
    TimedOut: Reason.TIMED_OUT,
    Cancelled: Reason.CANCELLED,
    FileUnreadable: Reason.FILE_UNREADABLE,
    FileChanged: Reason.FILE_CHANGED,
    DataSetError: Reason.DATA_SET_BROKEN,
    TranscodeError: Reason.NOT_CONVERTIBLE,
}

_PEER_HAS_GONE = (AssociationAborted, ConnectionLost)
"""Errors after which there is nobody to send A-ABORT to."""


class StoreLoop:
    """The C-STOREs of one association.

    While the answer to one instance is on its way the next one is opened, walked and framed, on the same thread.
    That changes no order: what is wrong with the next one is told after the outcome of the one before.

    Attributes:
        next_index: first instance of the list that has no outcome yet.
        error: what ended the association before its time; None while it is good.
        halted: the run has to end because of ``error``.
        answered: how many answers came.
    """

    def __init__(
        self,
        association: Association,
        number: int,
        instances: Sequence[Instance],
        plan: AssociationPlan,
        preparer: Preparer,
        *,
        halt_on_failure: bool,
        interrupt: Interrupt,
        observer: Observer | None,
    ) -> None:
        self._association = association
        self._number = number
        self._instances = instances
        self._plan = plan
        self._preparer = preparer
        self._halt_on_failure = halt_on_failure
        self._interrupt = interrupt
        self._observer = observer
        self._outstanding: dict[int, tuple[PreparedStore, int]] = {}
        self._settled_ids: set[int] = set()
        self.next_index = plan.first
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0

    def run(self) -> Iterator[StoreOutcome]:
        """Send the stretch; one outcome for each instance that was begun, in the order of the list."""
        plan = self._plan
        for offset, context_id in enumerate(plan.context_ids):
            if self._interrupt.requested:
                break
            index = plan.first + offset
            if context_id == 0:
                yield from self._collect()
                if self.error is None:
                    yield self._refused_by_plan(index)
                    continue
                return
            store = self._preparer.prepare(index, self._instances[index], context_id, self._outstanding)
            try:
                yield from self._collect()
                if self.error is not None or self._interrupt.requested or not self._is_usable():
                    return
                yield from self._start(store)
                if self.error is not None:
                    return
            finally:
                store.close()
        yield from self._collect()

    def _start(self, store: PreparedStore) -> Iterator[StoreOutcome]:
        """Send a prepared instance; yields only if that fails."""
        log_notes(store)
        if store.failure is not None:
            log_failure(store.failure)
            yield self._outcome(store, Result.FAILED, reason=store.failure.reason, message=str(store.failure.error))
            if self._halt_on_failure:
                self._halt(store.failure.error)
            return
        log_request(store)
        observer = self._observer
        number = store.index + 1
        progress = None if observer is None else lambda count: observer.bytes_sent(BytesSent(number, count))
        try:
            sent = self._association.send_staged(progress)
        except DcmsendError as error:
            # Half a data set is on the wire and cannot be taken back: the association has to be given up.
            log_receive_error(store, error)
            yield self._failed(store, error)
            self._lose(error)
        else:
            self._outstanding[store.message_id] = (store, sent)

    def _is_usable(self) -> bool:
        """Whether the next instance may be sent; if not it stays without an outcome, because nothing of it was sent."""
        try:
            self._association.check_usable()
        except DcmsendError as error:
            log_receive_error(None, error)
            self._lose(error)
            return False
        return True

    def _collect(self) -> Iterator[StoreOutcome]:
        """Wait until nothing is outstanding."""
        deadline = self._association.response_deadline()
        while self._outstanding:
            try:
                event = self._association.receive(deadline)
            except DcmsendError as error:
                log_receive_error(None, error)
                for store, sent in self._take_all():
                    yield self._unconfirmed(store, sent, error)
                self._lose(error)
                return
            problem = self._check(event.context_id, event.command)
            if problem is not None:
                for store, sent in self._take_all():
                    yield self._unconfirmed(store, sent, problem)
                if self._halt_on_failure:
                    self._halt(problem)
                return
            response = event.command
            assert isinstance(response, CStoreRSP)
            entry = self._outstanding.pop(response.message_id_responded_to, None)
            if entry is not None:
                yield self._answered(*entry, response)
                deadline.restart()

    def _check(self, context_id: int, command: object) -> DcmsendError | None:
        """What is wrong with an answer, if anything; None also for a further answer to a request that is settled."""
        if not any(context_id == row[0] for row in self._association.accepted):
            problem = RemoteProtocolError("DIMSE Failed to receive message\n0006:0101 ASC Bad presentation context ID")
        elif isinstance(command, CommandParseError):
            problem = RemoteProtocolError(command.text, code=command.code)
        elif not isinstance(command, CStoreRSP):
            log_unexpected_command(getattr(command, "command_field", 0))
            return RemoteProtocolError("DIMSE Bad command type")
        else:
            message_id = command.message_id_responded_to
            if message_id in self._outstanding or message_id in self._settled_ids:
                return None
            text = f"DIMSE Failed to receive message\nthe peer answers message {message_id}, which was not sent"
            problem = RemoteProtocolError(text)
        log_receive_error(None, problem)
        return problem

    def _answered(self, store: PreparedStore, sent: int, response: CStoreRSP) -> StoreOutcome:
        log_response(store, response)
        self.answered += 1
        self._settled_ids.add(store.message_id)
        status = response.status
        return self._outcome(
            store,
            Result.STORED if is_stored(status) else Result.REFUSED,
            status=status,
            message="" if status == 0 else status_text(status),
            bytes_sent=sent,
            error_comment=response.error_comment or "",
            offending_elements=tuple(response.offending_elements),
        )

    def _unconfirmed(self, store: PreparedStore, sent: int, error: DcmsendError) -> StoreOutcome:
        return self._outcome(
            store, Result.UNCONFIRMED, reason=_reason_of(error), message=str(error), bytes_sent=sent
        )

    def _failed(self, store: PreparedStore, error: DcmsendError) -> StoreOutcome:
        return self._outcome(store, Result.FAILED, reason=_reason_of(error), message=str(error))

    def _refused_by_plan(self, index: int) -> StoreOutcome:
        store = PreparedStore(index, self._instances[index], 0)
        return self._outcome(store, Result.FAILED, reason=Reason.NO_CONTEXT, message="nothing may be proposed for it")

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
        self.next_index = store.index + 1
        request = store.request
        return StoreOutcome(
            index=store.index + 1,
            instance=store.instance,
            result=result,
            status=status,
            reason=reason,
            message="; ".join(message.splitlines()),  # DCMTK's conditions may be nested
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
            seconds=time.time() - store.started,
        )

    def _take_all(self) -> list[tuple[PreparedStore, int]]:
        entries = list(self._outstanding.values())
        self._settled_ids.update(self._outstanding)
        self._outstanding.clear()
        return entries

    def _halt(self, error: DcmsendError) -> None:
        """End the run: the first instance that cannot be sent ends it."""
        self.halted = True
        self.error = SendingFailed(error)
        log_end(self.error)
        self._association.abort()

    def _lose(self, error: DcmsendError) -> None:
        """Give the association up; whether the run goes on with another one is not decided here."""
        if isinstance(error, Cancelled):
            self.error, self.halted = error, True
        else:
            self.error, self.halted = SendingFailed(error), self._halt_on_failure
            if self.halted:
                log_end(self.error)
        if isinstance(error, AssociationReleased):
            log_aborting_for_release()
        if isinstance(error, _PEER_HAS_GONE):
            log_peer_gone()
            self._association.close()
        else:
            self._association.abort()


def _reason_of(error: DcmsendError) -> Reason:
    if isinstance(error, ProtocolError):
        return Reason.PROTOCOL_ERROR
    return _REASONS.get(type(error), Reason.PROTOCOL_ERROR)
