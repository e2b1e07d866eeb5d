"""What runs on the workers: the search and the engine of a local run, for one batch; and what asks them to end.

All functions are called by Dask, by their names.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final

from dcmsend.association import Peer
from dcmsend.errors import Cancelled, DcmsendError, NoInputFiles, NoValidInputFiles
from dcmsend.index import Instance, RejectedInput
from dcmsend.inputs import Source
from dcmsend.interrupt import Interrupt
from dcmsend.reasons import Reason
from dcmsend.report import RunRecord
from dcmsend.run import Circumstances, LocalCarrier, selection_of
from dcmsend.transfer import Result, StoreOutcome
from dcmsend.version import VERSION

from .parcel import input_from, unpack
from .teller import MOST_UNTOLD, LogRelay, Teller
from .telling import has_left, tell_scheduler
from .told import digest_of, from_text, tell_error, tell_found, tell_outcome, tell_rejected

if TYPE_CHECKING:
    from dcmsend.inputs import Fetcher, Stores
    from dcmsend.settings import Settings

__all__ = ["count_others", "end_run", "forget_events", "leave_run", "most_ahead", "send_batch", "versions"]

_MOST_ENDED: Final = 64
_LEAVES: Final = "the worker leaves"
"""Who asks a batch to end that another worker shall go on with."""


class _Registry:
    """The batches of this process, so that they can be asked to end.

    ``ended`` are the runs that have ended: a batch of theirs that begins later ends at once.  ``left`` are runs, each
    with the last of the attempts that others go on with.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: dict[Interrupt, tuple[str, str]] = {}
        self.ended: deque[str] = deque(maxlen=_MOST_ENDED)
        self.left: deque[tuple[str, int]] = deque(maxlen=_MOST_ENDED)


_registry: Final = _Registry()
_relay: Final = LogRelay()


def most_ahead(settings: Settings) -> int | None:
    """How many inputs of a batch a worker may have sent beyond those whose ends it has told; None: any of them.

    Only where it sends one after the other, in order: what is tried again is sent later, what is fetched or found in
    another input is not in the order of the batch, and a web service gets many in one request.
    """
    transfer = settings.transfer
    is_in_order = isinstance(settings.peer, Peer) and not transfer.retry.attempts
    if not is_in_order or settings.index.expand_dicomdir or settings.inputs.archives:
        return None
    return MOST_UNTOLD + 1 + max(1, transfer.async_window)


def versions() -> tuple[str, str]:
    """Versions of this package and of Python that have to be the same everywhere."""
    return VERSION, f"{sys.version_info.major}.{sys.version_info.minor}"


def end_run(run: str, by: str, *, at_once: bool) -> None:
    """Ask all batches of a run to end, those too that have not begun yet."""
    with _registry.lock:
        if run not in _registry.ended:
            _registry.ended.append(run)
        for interrupt, (_, its_run) in _registry.running.items():
            if its_run == run:
                interrupt.request(by)
                if at_once:
                    interrupt.abort(by)


def count_others(topic: str, run: str) -> int:
    """Ask the batches of other runs with the same journal to end; return how many there still are.

    Their driver is dead, or it would have the journal.
    """
    with _registry.lock:
        others = [(each, its_run) for each, (its_topic, its_run) in _registry.running.items() if its_topic == topic]
        others = [(each, its_run) for each, its_run in others if its_run != run]
        for interrupt, its_run in others:
            interrupt.request("another driver")
            if its_run not in _registry.ended:
                _registry.ended.append(its_run)
        return len(others)


def leave_run(run: str, last: int) -> int:
    """Ask the batches of a run to leave the rest of their inputs to others; return how many there still are.

    Their driver has lost its connection, and cannot know of their ends.  ``last`` is its last attempt by then:
    one that has not come to its turn yet leaves all.
    """
    with _registry.lock:
        if (run, last) not in _registry.left:
            _registry.left.append((run, last))
        running = [interrupt for interrupt, (_, its_run) in _registry.running.items() if its_run == run]
        for interrupt in running:
            interrupt.request(_LEAVES)
        return len(running)


def forget_events(topic: str, dask_scheduler: Any = None) -> None:
    """On the scheduler: forget what was told of a run that has kept it all."""
    with suppress(Exception):
        dask_scheduler._broker.truncate(topic)


def send_batch(parcel: bytes, message: str) -> None:
    """Send a batch.  All that is to be said of it is told as events, under the topic that ``message`` names.

    ``parcel`` holds the settings, ``message`` as JSON what is told once a batch: ``topic``, ``run``, ``attempt``,
    ``versions``, ``level`` of the log, ``inputs`` with their numbers, ``found``: what is not sent again.
    """
    from dask.distributed import get_worker

    told = from_text(message)
    topic = told["topic"]
    dask_worker = get_worker()
    teller = Teller(lambda text: tell_scheduler(dask_worker, topic, text), told["run"], told["attempt"])
    teller.start()
    ours = versions()
    if list(ours) != told["versions"]:
        teller.finish(unfit=f"dcmsend {ours[0]} and Python {ours[1]}")
        return
    interrupt = Interrupt()
    # A worker ends when it has lost its scheduler, or is asked to: nobody hears of what it would go on to send.
    interrupt.request_when(lambda: has_left(dask_worker), _LEAVES)
    with _registry.lock:
        if told["run"] in _registry.ended:
            interrupt.request()
        if any(run == told["run"] and told["attempt"] <= last for run, last in _registry.left):
            interrupt.request(_LEAVES)
        _registry.running[interrupt] = topic, told["run"]
    _relay.begin(teller, told["level"])
    facts: dict[str, Any] = {}
    try:
        facts = _Batch(told, teller, interrupt).send(parcel)
    finally:
        _relay.end(teller)
        teller.finish(**facts)
        with _registry.lock:
            del _registry.running[interrupt]


def _is_told(filtered: RejectedInput) -> None:
    """Does nothing: what a batch yields is told."""


class _Batch:
    """One batch; keeps ``Ledger``, because a ledger hears of an outcome as soon as it is final."""

    def __init__(self, told: dict[str, Any], teller: Teller, interrupt: Interrupt) -> None:
        self._told = told
        self._teller = teller
        self._interrupt = interrupt
        self._found = frozenset(told["found"])
        self._stores: Stores | None = None
        self._numbers: dict[str, deque[int]] = {}
        self._done: set[int] = set()
        self._all: dict[str, int] = {}
        self._further_attempts = 0
        self._for_others: dict[int, StoreOutcome] = {}

    def send(self, parcel: bytes) -> dict[str, Any]:
        """Send all inputs; return what is told at the end."""
        record = RunRecord(keeps_all=True)
        record.on_filtered = _is_told  # the search yields then what is left out by its values
        error: DcmsendError | None = None
        with ExitStack() as stack:
            try:
                settings = unpack(parcel)
                self._interrupt.drain_seconds = settings.transfer.drain_seconds
                self._further_attempts = settings.transfer.retry.attempts
                inputs = self._inputs(settings.inputs, stack)
                circumstances = Circumstances(
                    settings, record, self._interrupt, self._teller, self, fetcher=self._fetcher,
                    selection=selection_of(settings),
                )  # fmt: skip
                for end in LocalCarrier(circumstances).carry(inputs):
                    self._tell(end)
            except (NoInputFiles, NoValidInputFiles):
                pass  # of one batch only: the driver counts
            except DcmsendError as failure:
                error = failure
        counts = [record.associations, record.contexts]
        if isinstance(error, Cancelled) and self._leaves:
            return {"left": True, "counts": counts, "unanswered": self._unanswered()}
        for outcome in self._for_others.values():  # the batch has come to its end all the same
            self._tell_outcome(outcome)
        return {"error": None if error is None else tell_error(error), "counts": counts}

    def _unanswered(self) -> list[list[Any]]:
        """What the receiver may have without an answer: later runs have to know, should nobody go on with it."""
        outcomes = self._for_others.values()
        return [
            self._told_of(each) for each in outcomes if each.result is Result.UNCONFIRMED or each.earlier_unanswered
        ]

    @property
    def _leaves(self) -> bool:
        """Whether the worker leaves its cluster: what it has not sent, another one will."""
        return self._interrupt.by == _LEAVES

    def _inputs(self, options: Any, stack: ExitStack) -> list[Source]:
        def stores() -> Stores:
            if self._stores is None:
                from dcmsend.inputs import Stores

                self._stores = Stores(options, self._interrupt.check_request)
                stack.callback(self._stores.close)
            return self._stores

        inputs = []
        for number, *told in self._told["inputs"]:
            item = input_from(told, stores)
            self._numbers.setdefault(item.path, deque()).append(number)
            self._all[item.path] = number
            inputs.append(item)
        return inputs

    def _fetcher(self) -> Fetcher:
        assert self._stores is not None
        return self._stores.fetcher

    def _number(self, path: str) -> int | None:
        """The number of a direct input; None for what was found in one."""
        numbers = self._numbers.get(path)
        return numbers.popleft() if numbers else None

    def _tell(self, end: StoreOutcome | RejectedInput) -> None:
        if isinstance(end, StoreOutcome):
            self.note(end)
            return
        number = None if end.dicomdir is not None else self._number(end.path)
        self._teller.end("rejected", number, end.path, self._name_in_archive(end.path), tell_rejected(end))

    def _name_in_archive(self, path: str) -> str | None:
        """The name of a member that was rejected, if its archive is alone in the batch."""
        mark = f"{next(iter(self._all))}!/"
        return path[len(mark) :] if len(self._all) == 1 and path.startswith(mark) else None

    def _holder(self, item: Source) -> int:
        """The number of the input that another one was found in: mostly alone, but the driver may not have seen it."""
        there = item.container
        return self._all[there.path] if there is not None else next(reversed(self._all.values()))

    # -- ``Ledger``

    def note(self, outcome: StoreOutcome) -> None:
        """Tell an outcome, once."""
        if outcome.index in self._done:
            return
        if self._leaves and self._is_for_others(outcome):
            self._for_others[outcome.index] = outcome
            return
        self._done.add(outcome.index)
        self._tell_outcome(outcome)

    def _tell_outcome(self, outcome: StoreOutcome) -> None:
        self._teller.end("outcome", *self._told_of(outcome))

    def _told_of(self, outcome: StoreOutcome) -> list[Any]:
        item = outcome.instance.input
        number = self._number(item.path) if item.container is None and item.record is None else None
        found = None if number is not None else [digest_of(item), self._holder(item), *tell_found(item)]
        return [number, item.path, item.etag, found, tell_outcome(outcome)]

    def _is_for_others(self, outcome: StoreOutcome) -> bool:
        """Whether another worker goes on with an instance: it was not begun, or waits for a further attempt."""
        has_attempts = len(outcome.earlier) < self._further_attempts
        return outcome.reason is Reason.CANCELLED or (outcome.is_retryable and has_attempts)

    def note_earlier(self, outcome: StoreOutcome) -> None:
        """Does nothing: the driver hears of earlier runs."""

    def is_stored(self, item: Source) -> bool:
        """Whether it was sent in an earlier attempt."""
        return bool(self._found) and digest_of(item) in self._found

    def leaves_out(self, item: Source) -> bool:
        """False: the driver has looked."""
        return False

    def reject(self, rejected: RejectedInput) -> None:
        """Does nothing: it is told when it is yielded."""

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        """False: the driver knows."""
        return False

    def was_moved(self, instance: Instance) -> bool:
        """False: the driver knows."""
        return False

    def keep(self, path: str, *, all_below: bool = False) -> None:
        """Does nothing: with a DICOMDIR nothing is moved."""

    def all_found(self) -> None:
        """Does nothing."""

    def flush(self) -> None:
        """Does nothing."""

    def stored_in(self, directory: bytes, *, deep: bool) -> Iterator[tuple[bytes, bytes, tuple[object, object], str]]:
        """Nothing: the driver has looked."""
        return iter(())

    @property
    def identity(self) -> str:
        """None of its own."""
        return ""


