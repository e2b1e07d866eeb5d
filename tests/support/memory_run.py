"""Runs a transfer to a target in memory to its end, and checks that its outcomes are true."""

from __future__ import annotations

import faulthandler
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import DcmsendError
from dcmsend.index import Instance, ReadMode, RejectedInput
from dcmsend.inputs import InputFile, Source
from dcmsend.interrupt import Interrupt
from dcmsend.protocol import is_stored
from dcmsend.transfer import (
    Engine,
    Feed,
    Observer,
    Pace,
    Result,
    RetryOptions,
    StoreOutcome,
    TransferOptions,
    parallel,
    rate,
    retry,
)
from support.fixture_files import CT_CLASS
from support.memory_plan import DUPLICATE, Plan
from support.memory_target import MemoryTarget

__all__ = ["Clock", "MemoryLedger", "MemoryRun", "Window", "check", "make_instance", "run_in_memory", "scan_of"]

STUCK_AFTER = 60.0
"""Seconds after which a run that takes milliseconds is called stuck, however busy the machine is."""


class Clock:
    """A clock that only moves while a thread sleeps; any number of threads may."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self._lock:
            self.now += seconds


class MemoryLedger:
    """Keeps all events, and passes them to ``also``.

    ``unanswered`` are indices that an earlier run has sent without an answer.
    """

    def __init__(self, unanswered: Iterable[int] = (), also: Callable[[StoreOutcome], object] | None = None) -> None:
        self._also = also
        self.noted: defaultdict[int, list[StoreOutcome]] = defaultdict(list)
        self.unanswered = frozenset(unanswered)

    def note(self, outcome: StoreOutcome) -> None:
        self.noted[outcome.position].append(outcome)
        if self._also is not None:
            self._also(outcome)

    def is_unanswered(self, outcome: StoreOutcome) -> bool:
        return outcome.position in self.unanswered

    def leaves_out(self, item: Source) -> bool:
        raise NotImplementedError("only a scan asks")

    is_stored = was_moved = leaves_out

    def reject(self, rejected: RejectedInput) -> None:
        raise NotImplementedError("only a scan tells")

    def keep(self, path: str, *, all_below: bool = False) -> None:
        raise NotImplementedError("only a scan tells")

    def all_found(self) -> None:
        raise NotImplementedError("only a scan tells")


@dataclass
class MemoryRun:
    """A run that has come to its end."""

    outcomes: list[StoreOutcome]
    error: DcmsendError | None
    target: MemoryTarget
    ledger: MemoryLedger
    options: TransferOptions
    clock: Clock
    instances: Sequence[Instance] = field(default_factory=list)

    @property
    def results(self) -> list[str]:
        return [outcome.result.value for outcome in self.outcomes]


def make_instance(number: int, group: str = "") -> Instance:
    """The instance with index ``number``."""
    uid = f"1.2.{number + 1}"
    return Instance(InputFile(str(number)), CT_CLASS, uid, EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY, group)


def _within(seconds: float, action: Callable[[], None]) -> None:
    """Run an action on a thread of its own; an action that is stuck fails the test, and shows where."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="run", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        import pytest

        faulthandler.dump_traceback()
        pytest.fail(f"stuck for {seconds} seconds")
    for error in errors:
        raise error


def run_in_memory(
    plan: Plan,
    instances: list[Instance] | Feed | int,
    *,
    ledger: MemoryLedger | None = None,
    interrupt: Interrupt | None = None,
    observer: Observer | None = None,
    clock: Clock | None = None,
    attempts: int = 0,
    retries: dict[str, Any] | None = None,
    take: Callable[[StoreOutcome], bool | None] = lambda _: None,
    make_target: Callable[[Plan], MemoryTarget] = MemoryTarget,
    **options: Any,
) -> MemoryRun:
    """Transfer.  ``take`` gets each outcome, and says whether the caller leaves; ``attempts`` are further ones."""
    if isinstance(instances, int):
        instances = [make_instance(number) for number in range(instances)]
    clock = clock or Clock()
    chosen = TransferOptions(**{
        "halt_on_failure": plan.halts, "retry": RetryOptions(attempts=attempts, **(retries or {})), **options
    })  # fmt: skip
    run = MemoryRun([], None, make_target(plan), ledger or MemoryLedger(), chosen, clock, instances)
    before = set(threading.enumerate())

    def transfer() -> None:
        import pytest  # here: programs that only want the ledger start without it

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parallel, "_TOGETHER", 0.0)
            patch.setattr(retry, "Retries", partial(retry.Retries, clock=clock, sleep=clock.sleep, chance=lambda: 0.5))
            patch.setattr(rate, "Pace", partial(Pace, clock=clock, sleep=clock.sleep))
            one = Engine(instances, run.target, chosen, interrupt or Interrupt(), observer, run.ledger)
            outcomes = one.run()
            assert isinstance(outcomes, Generator)
            with closing(outcomes):
                for outcome in outcomes:
                    run.outcomes.append(outcome)
                    if take(outcome):
                        break
        run.error = one.error

    _within(STUCK_AFTER, transfer)
    assert not run.target.open_sessions, "a session is left open"
    assert set(threading.enumerate()) <= before, "a thread is left"
    return run


def check(run: MemoryRun, count: int | None = None) -> None:
    """Each instance has exactly one outcome, in order, and it is true; the target's own record is the judge."""
    count = len(run.instances) if count is None else count
    assert [outcome.position for outcome in run.outcomes] == list(range(count))
    for outcome in run.outcomes:
        _check_outcome(run, outcome)
        noted = [] if outcome.result is Result.NOT_ATTEMPTED else [outcome]
        assert run.ledger.noted[outcome.position] == noted
    assert run.target.most_open <= run.options.most_associations
    assert set(run.target.arrivals) <= set(range(count))


def _check_outcome(run: MemoryRun, outcome: StoreOutcome) -> None:
    index = outcome.position
    arrivals = run.target.arrivals[index]
    answers = [arrival.status for arrival in arrivals if arrival.status is not None]
    stored = [arrival for arrival in arrivals if arrival.status is not None and is_stored(arrival.status)]
    unanswered = [arrival for arrival in arrivals if arrival.is_complete and arrival.status is None]
    assert stored in ([], arrivals[-1:]), "sent again after it was stored"
    assert len(outcome.attempts) == run.target.attempts[index] <= 1 + run.options.retry.attempts
    assert outcome.instance.sop_instance_uid == make_instance(index).sop_instance_uid
    assert (outcome.result in (Result.STORED, Result.REFUSED)) is (outcome.reason is None)
    if outcome.result is Result.STORED:
        may_be_ours = unanswered or index in run.ledger.unanswered
        assert stored or (outcome.status == DUPLICATE and may_be_ours)
        assert any(arrival.is_taken for arrival in arrivals) or outcome.status == DUPLICATE
        assert outcome.status == answers[-1]
        return
    assert not stored, "it is stored, and the outcome denies it"
    if outcome.result is Result.REFUSED:
        assert outcome.status == answers[-1]
        assert not (outcome.status == DUPLICATE and unanswered)
    elif outcome.result is Result.UNCONFIRMED:
        assert unanswered
    elif outcome.result is Result.FAILED:
        assert not any(arrival.is_taken for arrival in arrivals)
        assert not unanswered
    else:
        assert not arrivals


def scan_of(count: int, group: Callable[[int], str] = lambda _: "") -> Iterator[Instance]:
    """Instances as a scan yields them, one after the other."""
    for number in range(count):
        yield make_instance(number, group(number))


class Window:
    """A credit: so many instances of a scan may be without a final outcome at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._out = 0
        self.most_out = 0

    @property
    def is_spent(self) -> bool:
        return self._out >= self._limit

    def spend(self, instances: Iterable[Instance]) -> Iterator[Instance]:
        """The same instances; each takes its credit as it comes."""
        for instance in instances:
            with self._lock:
                self._out += 1
                self.most_out = max(self.most_out, self._out)
            yield instance

    def give_back(self, _outcome: StoreOutcome) -> None:
        with self._lock:
            self._out -= 1
