"""Sends batches over one connection after the other, and makes outcomes of the answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator

from dcmsend.dicomweb import Multipart, new_boundary
from dcmsend.errors import (
    Cancelled,
    ConnectionLost,
    DataSetError,
    DcmsendError,
    FileUnreadable,
    RemoteProtocolError,
    SendingFailed,
    TranscodeError,
)
from dcmsend.interrupt import Interrupt
from dcmsend.load import explain, log_done, log_failure, log_notes, reason_of
from dcmsend.loggers import get_logger
from dcmsend.reasons import Reason
from dcmsend.transfer import Observer, Result, StoreOutcome, Timings, TransferOptions, log_end

from .answer import Judgement, Next, SentPart, Verdict, in_doubt, judge, unanswered
from .batch import Batch, BatchLimits, Gatherer
from .body import BodyWriter
from .errors import WebSessionFailed, in_web_words
from .http_connection import Answer, Answered, HttpConnection
from .part import Part
from .requests import Requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transfer import Pace, PeerFacts, Taker

__all__ = ["BatchLoop"]

_log = get_logger("dcmsend.network")
_clock = time.perf_counter

_STORED_BEFORE = "it was named twice, and is stored already"


class BatchLoop:
    """The requests of one session.

    While the answer to one request is on its way, the next batch is opened and walked.

    Attributes:
        error: why the session ended early; None while it is good.
        halted: whether the run has to end because of ``error``.
        answered: number of instances that were answered.
    """

    def __init__(
        self,
        connection: HttpConnection,
        requests: Requests,
        number: int,
        work: Taker,
        gatherer: Gatherer,
        limits: BatchLimits,
        options: TransferOptions,
        facts: PeerFacts,
        interrupt: Interrupt,
        observer: Observer | None,
        pace: Pace | None,
        timings: Timings,
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._number = number
        self._work = work
        self._gatherer = gatherer
        self._limits = limits
        self._tries_again = options.retry.attempts > 0
        self._halt_on_failure = options.halt_on_failure and not self._tries_again
        self._facts = facts
        self._interrupt = interrupt
        self._timings = timings
        self._writer = BodyWriter(connection, interrupt, pace, _progress(observer))
        self._ahead: Batch | None = None
        self._is_repeated = False
        self.error: DcmsendError | None = None
        self.halted = False
        self.answered = 0

    def run(self) -> Iterator[StoreOutcome]:
        """Send while there is work; yield one outcome for each instance that was begun, in the order of the work."""
        try:
            while self.error is None and not self._interrupt.requested:
                batch, self._ahead = self._ahead or self._gatherer.next(may_wait=True), None
                if batch is None:
                    break
                try:
                    yield from self._handle(batch)
                finally:
                    batch.close()
        finally:
            if self._ahead is not None:
                self._gatherer.give_back(self._ahead)
            self._gatherer.give_back()

    def _handle(self, batch: Batch) -> Iterator[StoreOutcome]:
        if self._work.is_stopped or self._interrupt.requested:
            self._gatherer.give_back(batch)
            return
        for part in batch.entries:
            log_notes(part)
        if not batch.parts:
            yield from self._report(batch, {})
            return
        try:
            self._writer.wait_for_turn()
            if self._work.is_stopped or self._interrupt.requested:
                self._gatherer.give_back(batch)
                return
            self._connection.open()
            multipart = Multipart(new_boundary(os.urandom(16)))
            head = self._requests.store(self._connection, batch, multipart)
        except DcmsendError as error:
            self._gatherer.give_back(batch)
            self._lose(error, is_final=WebSessionFailed(error).is_permanent)
            return
        for part in batch.parts:
            part.started = time.time()
        _log.info("Sending STOW-RS Request (%d instances, %d bytes)", len(batch.parts), batch.size)
        with self._interrupt.awaiting(lambda: 1):  # until all that it says is told
            answer = yield from self._exchange(head, batch, multipart)
            if answer is not None:
                yield from self._settle(batch, answer)

    def _exchange(
        self, head: bytes, batch: Batch, multipart: Multipart
    ) -> Generator[StoreOutcome, None, Answer | None]:
        """Send a request and wait for its answer; None if there is none, and all is done with its instances."""
        connection = self._connection
        try:
            try:
                self._writer.write(head, batch, multipart)
            except (Answered, ConnectionLost) as end:
                if not batch.parts[0].is_begun and not self._is_repeated:
                    yield from self._repeat(batch)
                    return None
                if isinstance(end, Answered):
                    return self._wait(is_early=True)
                answer = connection.last_word()
                connection.spend()
                if answer is None:
                    raise
                return answer
            self._is_repeated = False
            if not connection.has_answer():
                self._ahead = self._gatherer.next(may_wait=False)
            return self._wait(is_early=False)
        except (FileUnreadable, DataSetError, TranscodeError) as error:
            connection.spend()
            yield from self._broken_off(batch, error)
        except DcmsendError as error:
            connection.spend()
            yield from self._cut(batch, in_web_words(error))
        return None

    def _repeat(self, batch: Batch) -> Iterator[StoreOutcome]:
        """Send a request again, of which nothing has gone out, over another connection; not twice in a row.

        Servers end connections that are idle for long, some with a 408, also just when a request is to begin.
        """
        self._is_repeated = True
        self._connection.spend()
        yield from self._report(batch, {}, keep=True)
        self._send_again(batch.parts)

    def _wait(self, *, is_early: bool) -> Answer:
        began = _clock()
        try:
            answer = self._connection.answer()
        finally:
            if is_early:
                self._connection.spend()
        self._timings.waiting += _clock() - began  # what never came is no measure of the line
        return answer

    def _cut(self, batch: Batch, error: DcmsendError) -> Iterator[StoreOutcome]:
        """No answer comes: what was sent to its end may be stored, what was not begun is given back."""
        if not isinstance(error, Cancelled):
            _log.error("Failed sending STOW-RS request: %s", error)
        verdicts = _unanswered(batch, reason_of(error), str(error))
        if len(batch.parts) > 1:  # one of them may have brought the server down
            self._limits.alone.update(verdicts)
        yield from self._report(batch, verdicts)
        self._lose(error)

    def _broken_off(self, batch: Batch, error: DcmsendError) -> Iterator[StoreOutcome]:
        """One of our files cannot be read to its end: the request is worth nothing, but parts of it may be stored."""
        culprit = self._writer.current
        path = culprit.instance.input.path if culprit is not None else ""
        _log.error("cannot send SOP instance from file: %s: %s", path, explain(error))
        text = "the request was broken off, because another instance of it could not be read to its end"
        _log.info("%s", text)
        verdicts = _unanswered(batch, Reason.CONNECTION_LOST, text)
        if culprit is not None:
            verdicts[culprit.index] = Verdict(Result.FAILED, reason=reason_of(error), message=str(error))
        yield from self._report(batch, verdicts)
        if self._halt_on_failure:
            self._halt(error)

    def _settle(self, batch: Batch, answer: Answer) -> Iterator[StoreOutcome]:
        parts = batch.parts
        sent = [SentPart(part.sop_instance_uid, part.is_begun, part.is_complete) for part in parts]
        judgement = judge(answer, sent, time.time())
        follows, error = judgement.next, judgement.error
        if follows is Next.NO_ACCESS or (follows is Next.END and self._requests.seem_over(answer.status)):
            follows, error = self._after_refused_access(error)
        elif follows is Next.ONE_BY_ONE and self._tries_again:
            judgement = in_doubt(judgement, sent)
        elif follows is Next.SPLIT:
            self._limits.shrink(batch.size)
            _log.warning("%s; sending fewer instances at a time", judgement.error)
        if follows is Next.SPLIT:
            yield from self._report(batch, {}, keep=True)
            self._send_again(parts)
            return
        self._requests.note_access(answer.status)
        if follows is Next.END:
            yield from self._report(batch, {})
            self._lose(error or DcmsendError("refused"), is_final=True)
            return
        yield from self._judged(batch, judgement)

    def _judged(self, batch: Batch, judgement: Judgement) -> Iterator[StoreOutcome]:
        """The outcomes of a request that was answered, and what follows from them."""
        verdicts = {
            part.index: _unless_changed(part, verdict)
            for part, verdict in zip(batch.parts, judgement.verdicts, strict=True)
            if verdict is not None
        }
        self._log_answers(batch, judgement)
        results = {verdict.result for verdict in verdicts.values()}
        is_busy = judgement.next is Next.BUSY
        self.answered += sum(is_busy or _is_answered(verdict) for verdict in verdicts.values())
        error = judgement.error
        if error is not None:
            _log.error("Failed sending STOW-RS request: %s", error)
        if len(batch.parts) > 1 and not is_busy and (
            results & {Result.FAILED, Result.UNCONFIRMED} or judgement.next is Next.ONE_BY_ONE
        ):
            self._limits.alone.update(verdicts)
        if is_busy and self._tries_again:
            self._work.stop()  # for all connections
        yield from self._report(batch, verdicts)
        if is_busy and self._tries_again and error is not None:
            self.error = WebSessionFailed(error, judgement.retry_after)
        elif not verdicts:  # nothing had gone out, again: the engine decides how often that may be
            self._lose(error or RemoteProtocolError("the server answers before it is asked"))
        elif self._halt_on_failure and self.error is None and results & {Result.FAILED, Result.UNCONFIRMED}:
            self._halt(error or DcmsendError("the server's answer contradicts what was sent"))

    def _log_answers(self, batch: Batch, judgement: Judgement) -> None:
        """Log what the server says of single instances, as a status in an answer over an association is logged."""
        of_all = "" if judgement.error is None else str(judgement.error)
        for part, verdict in zip(batch.parts, judgement.verdicts, strict=True):
            if verdict is not None and verdict.message not in ("", of_all):
                _log.info("%s: %s", part.instance.input.path, verdict.message)

    def _after_refused_access(self, refusal: DcmsendError | None) -> tuple[Next, DcmsendError | None]:
        """SPLIT if the instances may be sent again with other credentials, else END; and the error to end with."""
        try:
            return (Next.SPLIT if self._requests.renew() else Next.END), refusal
        except Cancelled:
            return Next.SPLIT, None  # the run ends before that
        except DcmsendError as error:
            _log.error("%s", error)
            return Next.END, refusal if error.is_permanent else error

    def _send_again(self, parts: list[Part]) -> None:
        """Let instances come again at once, before what was gathered meanwhile."""
        if self._ahead is not None:
            self._ahead.close()
            parts = parts + self._ahead.entries
            self._ahead = None
        self._gatherer.send_again(parts)

    def _report(self, batch: Batch, verdicts: dict[int, Verdict], *, keep: bool = False) -> Iterator[StoreOutcome]:
        """The outcomes of a batch; instances without a verdict are given back to the work, unless ``keep``."""
        batch.close()
        for part in batch.entries:
            if part.is_sendable:
                verdict = verdicts.get(part.index)
                if verdict is not None:
                    outcome = self._outcome(part, verdict)
                    if self._tries_again and outcome.is_out_of_resources:
                        self._work.stop()  # for all connections
                    yield outcome
                elif not keep:
                    self._work.give_back(part.index)
            elif part.is_done:
                log_done(part)
                yield self._outcome(part, Verdict(Result.STORED, 0, message=_STORED_BEFORE))
            elif part.failure is not None:
                failure = part.failure
                log_failure(failure)
                verdict = Verdict(Result.FAILED, reason=failure.reason, message=str(failure.error))
                outcome = self._outcome(part, verdict)
                yield outcome
                if self._halt_on_failure and self.error is None:
                    self._halt(failure.error, is_permanent=not outcome.is_retryable)

    def _outcome(self, part: Part, verdict: Verdict) -> StoreOutcome:
        is_sent = verdict.result is not Result.FAILED and not part.is_done
        return StoreOutcome(
            index=part.index + 1,
            instance=part.instance,
            result=verdict.result,
            status=verdict.status,
            reason=verdict.reason,
            message=verdict.message and "; ".join(verdict.message.splitlines()),
            association=self._number if part.sent_syntax is not None else 0,
            sent_syntax=part.sent_syntax,
            data_set_length=part.length,
            bytes_sent=part.sent if is_sent else 0,
            sop_class_uid=part.sop_class_uid,
            sop_instance_uid=part.sop_instance_uid,
            started=part.started,
            seconds=max(0.0, time.time() - part.started),  # the clock may have been set back
            file_stamp=part.stamp,
            file_identity=part.identity,
            facts=part.facts,
        )

    def _halt(self, error: DcmsendError, *, is_permanent: bool | None = None) -> None:
        """End the run, because an instance could not be sent and ``halt_on_failure`` is set."""
        self.error, self.halted = SendingFailed(error, is_permanent=is_permanent), True
        self._work.stop()
        log_end(self.error)

    def _lose(self, error: DcmsendError, *, is_final: bool = False) -> None:
        """End the session; unless the error is final, the engine decides whether the run goes on with another one.

        What passes by itself is not final where there are further attempts.
        """
        if isinstance(error, Cancelled):
            self.error, self.halted = error, True
            return
        if is_final:
            self.error = WebSessionFailed(error)
            self.halted = self.error.is_permanent or not self._tries_again
        else:
            self.error, self.halted = SendingFailed(error), self._halt_on_failure
        if self.halted:
            self._work.stop()
            log_end(self.error, self._facts)


def _unanswered(batch: Batch, reason: Reason, message: str) -> dict[int, Verdict]:
    verdicts = ((part.index, unanswered(part, reason, message)) for part in batch.parts)
    return {index: verdict for index, verdict in verdicts if verdict is not None}


def _is_answered(verdict: Verdict) -> bool:
    return verdict.result is not Result.UNCONFIRMED and verdict.reason is not Reason.PROTOCOL_ERROR


def _unless_changed(part: Part, verdict: Verdict) -> Verdict:
    """The verdict, unless the file has changed since it was checked: then nobody knows what the server has stored."""
    if verdict.result not in (Result.STORED, Result.REFUSED):
        return verdict
    try:
        part.check_unchanged()
    except (DataSetError, FileUnreadable) as error:
        _log.error("cannot send SOP instance from file: %s: %s", part.instance.input.path, error)
        result = Result.UNCONFIRMED if verdict.result is Result.STORED else Result.FAILED
        return Verdict(result, reason=reason_of(error), message=str(error))
    return verdict


def _progress(observer: Observer | None) -> Callable[[Part, int], None] | None:
    if observer is None:
        return None
    from dcmsend.transfer import BytesSent, tell_caller

    def tell(part: Part, count: int) -> None:
        facts = part.facts or part.instance.facts
        tell_caller(observer.bytes_sent, BytesSent(part.index + 1, count, "" if facts is None else facts.study_uid))

    return tell
