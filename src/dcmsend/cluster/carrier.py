"""The driver of a run on a cluster: lists the inputs, keeps the only journal, hands out batches, hears what becomes of
them."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from dcmsend.errors import Cancelled, DcmsendError, GivenUp, JournalError, NoInputFiles, NoValidInputFiles
from dcmsend.index import RejectedInput
from dcmsend.inputs import Source
from dcmsend.loggers import get_logger
from dcmsend.transfer import StoreOutcome

from .batches import FIRST_INPUTS, MOST_BYTES, BatchCutter, fitting_inputs
from .ends import Ends
from .errors import SAME_EVERYWHERE, ClusterUnusable
from .handover import end_own, take_over
from .holders import Holders
from .link import Link
from .options import ClusterOptions
from .parcel import pack, tell_input, with_address
from .teller import lowest_level
from .told import from_text, to_text
from .window import Attempt, Window
from .worker import end_run, most_ahead, versions

if TYPE_CHECKING:
    from dask.distributed import Client

    from dcmsend.run import Circumstances


__all__ = ["ClusterCarrier"]

_LATE: Final = 0.5
"""Seconds in which a dead worker's last words may still come in."""
_MISSING: Final = 5.0
"""Seconds in which the last words of a batch that is over have to come in."""
_GRACE: Final = 3.0
"""Seconds beyond ``drain_seconds`` in which workers have to say what became of their batches."""
_LOOK: Final = 0.05
_WORKERS_LOOK: Final = 1.0
_PUMP: Final = 200
"""Inputs that are listed before somebody looks what workers have told meanwhile."""

_log = get_logger("dcmsend.app")


class ClusterCarrier:
    """Carries inputs over the workers of a cluster; see ``Carrier``."""

    def __init__(self, run: Circumstances, options: ClusterOptions, client: Client | None = None) -> None:
        """``run.ledger`` is the only journal of all hosts: without one nothing is carried."""
        assert run.ledger is not None
        self._settings = settings = run.settings
        self._record = record = run.record
        self._interrupt = run.interrupt
        self._ledger = ledger = run.ledger
        self._options = options
        self._run = uuid.uuid4().hex
        self._topic = f"dcmsend-{ledger.identity}"
        self._folder = os.getcwd()
        self._queue: SimpleQueue[tuple[str, int, str]] = SimpleQueue()
        self._link = Link(options, client, lambda attempt, how: self._queue.put(("over", attempt, how)))
        self._window: Window[Source] = Window(options.limit or 1)
        self._ends = Ends(
            self._window, record, run.observer, ledger, self._folder, stays_here=bool(options.local_workers)
        )
        self._cutter: BatchCutter[Source] = BatchCutter(self._size_of, FIRST_INPUTS)
        self._holders = Holders(settings, ledger, self._folder)
        self._begun: dict[int, tuple[int, float]] = {}  # inputs of an attempt, and when it was handed out
        self._parcel = b""
        self._ahead = most_ahead(settings)
        self._over: dict[int, tuple[str, float]] = {}  # how an attempt ended, and until when its last words may come
        self._error: DcmsendError | None = None
        self._gives_up_at: float | None = None
        self._is_aborted = False
        self._was_cut = False  # the connection, since attempts under way were handed out
        self._looks_at = 0.0
        self._without_workers: float | None = None
        self._listed = 0
        self._is_listed = False

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """Send the inputs; outcomes come in the order in which workers tell them."""
        try:
            try:
                self._open()
            except ClusterUnusable as error:
                _log.critical("%s", error)
                raise
            yield from self._carry(inputs)
        finally:
            if not self._window.is_empty:
                self._ask_to_end("caller", at_once=True)
            self._link.close()
        self._judge()

    # -- the loop

    def _carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        batches = self._cutter.cut(self._wanted(inputs))
        while True:
            self._look_for_the_end()
            if self._error is None and self._link.is_connected:
                self._fill(batches)
            if self._window.is_empty and (self._is_listed or self._error is not None):
                break
            self._pump(_LOOK)
            yield from self._ends.take()
            if self._error is None and self._ends.error is not None:
                self._stop(self._ends.error)
            if self._was_cut or not self._link.is_connected:
                self._wait_for_cluster()
            else:
                self._look_at_workers()
        yield from self._ends.take()
        if self._error is None:
            self._ledger.flush()
            self._link.forget(self._topic)

    def _fill(self, batches: Iterator[list[Source]]) -> None:
        """Hand out batches as long as there is room; one more is cut ahead."""
        try:
            while self._error is None:
                if self._window.waits_for_none and not self._is_listed:
                    batch = next(batches, None)
                    if batch is None:
                        self._is_listed = True
                        self._record.all_found = self._error is None
                    else:
                        self._add(batch)
                attempt = self._window.begin()
                if attempt is None:
                    return
                self._send(attempt)
        except DcmsendError as error:  # the search has ended the run, or an input cannot be sent
            self._is_listed = True
            self._stop(error)

    def _add(self, batch: list[Source]) -> None:
        found: set[str] = set()
        if len(batch) == 1:
            found = self._holders.stored(batch[0])
            self._record.already_stored += len(found)
        ahead = None if any(item.is_remote for item in batch) else self._ahead
        self._window.add(batch, found, ahead=ahead)
        if self._error is not None:  # what was heard while the batch was cut has ended the run
            self._ends.give_up_waiting()

    def _send(self, attempt: Attempt[Source]) -> None:
        if attempt.is_repeated:
            known = [number for number, item in attempt.inputs.items() if self._is_stored(item)]
            self._window.drop(attempt.number, known)
            for number in known:
                del attempt.inputs[number]
        here = self._options.stays_here
        try:
            told = [
                [number, *tell_input(item, self._folder, stays_here=here)] for number, item in attempt.inputs.items()
            ]
        except DcmsendError:
            self._window.put_back(attempt.number, was_sent=False)
            raise
        self._ends.begin(attempt)
        self._begun[attempt.number] = len(attempt.inputs), time.monotonic()
        message = to_text({
            "topic": self._topic, "run": self._run, "attempt": attempt.number, "versions": versions(),
            "level": lowest_level(), "inputs": told, "found": sorted(attempt.found),
        })  # fmt: skip
        self._link.submit(f"dcmsend-{self._run}-{attempt.number}", attempt.number, self._parcel, message)

    def _pump(self, seconds: float) -> None:
        """Take what Dask has told: wait for it for some seconds at most."""
        with suppress(Empty):
            self._handle(*self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait())
            while True:
                self._handle(*self._queue.get_nowait())
        for attempt in [each for each, (_, until) in self._over.items() if time.monotonic() >= until]:
            self._finish(attempt)

    def _handle(self, kind: str, attempt: int, text: str) -> None:
        if kind == "told":
            group = from_text(text)
            is_ours = group.get("run") == self._run
            try:
                if is_ours:
                    self._ends.take_group(group)
                else:
                    self._ends.take_of_others(group)
            except JournalError as error:  # what is under way is heard to its end
                self._stop(error)
            if is_ours and self._ends.is_complete(group["attempt"]):
                self._learn_size(group["attempt"])
                if group["attempt"] in self._over:
                    self._finish(group["attempt"])
            return
        if text == "lost":  # only for us: its worker may go on with it
            self._was_cut |= attempt in self._window.running
            return
        wait = {"finished": _MISSING, "killed": _LATE}.get(text, 0.0)
        self._over[attempt] = text, time.monotonic() + wait
        if text == "finished" and self._ends.is_complete(attempt):
            self._finish(attempt)

    def _learn_size(self, attempt: int) -> None:
        """Cut batches that take some seconds, now that one has shown how fast workers are."""
        inputs, began = self._begun.pop(attempt, (0, 0.0))
        self._cutter.most_inputs = fitting_inputs(inputs, time.monotonic() - began) or self._cutter.most_inputs

    def _finish(self, attempt: int) -> None:
        """An attempt is over, and nothing more will be heard of it."""
        how, _ = self._over.pop(attempt)
        self._begun.pop(attempt, None)
        if self._ends.is_complete(attempt) and self._ends.was_left(attempt):
            if how != "cut":
                _log.warning("a worker has left, what it had not sent is sent by another one")
            self._ends.put_back(attempt, was_told=True)
        elif how in ("finished", "cut") and self._ends.is_complete(attempt):
            error = self._ends.end(attempt)
            if error is not None and self._error is None:
                self._stop(error)
        elif how == "killed":
            _log.warning("a worker has died, what it had not sent is sent by another one")
            self._ends.die(attempt)
        elif how in ("finished", "cut"):
            self._ends.put_back(attempt)
        else:
            self._ends.put_back(attempt)
            self._stop(ClusterUnusable(f"a worker cannot run dcmsend: {how}; {SAME_EVERYWHERE}", is_final=True))
        if self._error is not None:  # what was put back would wait for nothing
            self._ends.give_up_waiting()

    # -- the search

    def _wanted(self, inputs: Iterable[Source]) -> Iterator[Source]:
        """The inputs that have to be sent, as long as the run goes on.  Raises Cancelled once it is asked to end."""
        record, ledger = self._record, self._ledger
        for count, item in enumerate(inputs):
            self._interrupt.check_request()
            if not count % _PUMP:
                self._pump(0)
                self._look_for_the_end()
            if self._error is not None:  # what was heard meanwhile has ended the run
                return
            if ledger.leaves_out(item):
                continue
            if not record.listed:
                record.listed = True
                _log.info("checking input files ...")
            self._listed += 1
            if self._is_stored(item):
                continue
            record.instances_found += 1
            yield item

    def _is_stored(self, item: Source) -> bool:
        if not self._ledger.is_stored(item):
            return False
        self._record.already_stored += 1
        return True

    def _size_of(self, item: Source) -> int:
        """Bytes as far as they are known: files are taken to be as large as those sent so far."""
        if self._holders.hold(item):
            return 2 * MOST_BYTES
        size: int | None = getattr(getattr(item, "entry", None), "size", None)  # of an object, as listed
        return self._ends.mean_size if size is None else size

    # -- the cluster

    def _open(self) -> None:
        """Connect, compare versions, hear what an earlier driver has not heard."""
        retry = self._settings.transfer.retry
        self._link.open(self._interrupt.check_request, retry.max_time, retry.max_time if retry.attempts else 0.0)
        self._options = with_address(self._options, self._link.address, self._settings)
        self._join()
        self._set_limit(self._link.workers)

    def _set_limit(self, workers: int) -> None:
        """The associations that may be open at a time; each gets its part of the rates."""
        limit = self._options.limit or max(1, workers)
        if limit != self._window.limit or not self._parcel:
            self._window.limit = limit
            self._parcel = pack(self._settings, self._options, limit)

    def _look_at_workers(self) -> None:
        """Now and then: workers may come and go; without any the run waits, but not for ever."""
        now = time.monotonic()
        if now < self._looks_at:
            return
        self._looks_at = now + _WORKERS_LOOK
        workers = self._link.workers
        if workers:
            self._without_workers = None
            self._set_limit(workers)
        elif self._without_workers is None:
            self._without_workers = now
        elif now - self._without_workers >= self._settings.transfer.retry.max_time:
            self._fail(ClusterUnusable(f"{self._options.address}: there is no worker any more"))

    def _fail(self, error: DcmsendError) -> None:
        """End the run because of the cluster: there is nothing to be waited for."""
        self._stop(error)
        self._gives_up_at = time.monotonic()

    def _join(self) -> None:
        ours = versions()
        for address, theirs in self._link.run(versions).items():
            if tuple(theirs) != ours:
                text = f"has dcmsend {theirs[0]} and Python {theirs[1]}, here are {ours[0]} and {ours[1]}"
                raise ClusterUnusable(f"worker {address} {text}; {SAME_EVERYWHERE}", is_final=True)
        self._link.subscribe(self._topic, lambda text: self._queue.put(("told", 0, text)))
        patience = self._settings.transfer.drain_seconds + _GRACE
        if self._window.last:  # they may have outlived the connection, or several
            end_own(self._link, self._run, self._window.last, lambda: self._interrupt.aborted, patience)
        groups = take_over(self._link, self._topic, self._run, self._interrupt.check_request, patience)
        for group in groups:
            if group.get("run") == self._run:
                self._ends.take_group(group, is_told_again=True)
            else:
                self._ends.take_of_others(group)
        self._ledger.flush()

    def _wait_for_cluster(self) -> None:
        """The connection is lost: wait until it is there again, then send what has no outcome."""
        if self._error is not None:
            self._gives_up_at = time.monotonic()
            return
        _log.warning("the connection to the scheduler is lost, waiting for it")
        try:
            patience = self._settings.transfer.retry.max_time
            self._link.open(self._interrupt.check_request, patience, patience)
            self._join()
        except DcmsendError as error:
            self._fail(error)
            return
        if not self._link.is_connected:  # it has broken again: nobody knows whether they have ended
            self._was_cut = True
            return
        self._pump(_LATE)
        for attempt in self._window.running:
            self._over[attempt] = "cut", 0.0
            self._finish(attempt)
        self._was_cut = False

    # -- the end

    def _look_for_the_end(self) -> None:
        interrupt = self._interrupt
        if interrupt.requested and self._error is None:
            self._stop(Cancelled(interrupt.by))
        if self._error is None:
            failures = self._settings.transfer.stop_after_failures
            if failures and self._ends.in_vain >= failures:
                text = f"{self._ends.in_vain} SOP instances in a row were not stored"
                self._stop(GivenUp(text, is_permanent=not self._ends.may_pass, counts_failures=True))
        if interrupt.aborted and not self._is_aborted:
            self._is_aborted = True
            self._ask_to_end(interrupt.by, at_once=True)
            self._gives_up_at = time.monotonic() + _GRACE
        if self._gives_up_at is not None and time.monotonic() >= self._gives_up_at:
            self._ends.give_up()

    def _stop(self, error: DcmsendError) -> None:
        """Submit nothing more; what runs is drained."""
        if self._error is not None:
            return
        self._error = self._ends.error = error
        if isinstance(error, ClusterUnusable | GivenUp):  # workers have told the others
            _log.critical("%s", error)
        by = error.by if isinstance(error, Cancelled) else "halt"
        self._gives_up_at = time.monotonic() + self._settings.transfer.drain_seconds + _GRACE
        self._ends.give_up_waiting()
        self._ask_to_end(by, at_once=False)

    def _ask_to_end(self, by: str, *, at_once: bool) -> None:
        if self._link.is_connected and self._window.running:
            with suppress(ClusterUnusable):
                self._link.run(end_run, self._run, by, at_once=at_once)

    def _judge(self) -> None:
        """Raise the error that has ended the run, or that nothing was there to be sent."""
        if self._error is not None:
            raise self._error
        record = self._record
        record.instances_found = record.summary.total
        if not self._listed:
            raise NoInputFiles
        if not record.summary.total and not record.already_stored and not record.filtered:
            raise NoValidInputFiles
