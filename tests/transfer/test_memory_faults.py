"""Courses that once led to a wrong outcome, an instance sent twice, or a run that stood still."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence

import pytest

from dcmsend.errors import Cancelled, GivenUp
from dcmsend.index import Instance
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import AutoAssociations, Feed, Reason, Result, feed, work
from support.memory_plan import Fate, Opening, Plan, Way
from support.memory_run import MemoryLedger, Window, check, run_in_memory, scan_of
from support.memory_target import MemoryStretch, MemoryTarget

FOR_NOW = Fate(status=0x0110)
BROKEN = Fate(Way.BROKEN)


def test_what_is_stored_is_not_told_again_when_the_next_session_takes_nothing() -> None:
    """The first is tried again, the second has its outcome meanwhile."""
    run = run_in_memory(Plan({0: [FOR_NOW]}, [Opening.GOOD, Opening.TAKES_NOTHING]), 2, attempts=1)
    check(run)
    assert run.results == ["failed", "stored"]
    assert [len(noted) for noted in run.ledger.noted.values()] == [1, 1]


def test_what_is_stored_is_not_sent_again_when_the_one_before_it_fails_for_good() -> None:
    """It had its outcome in the round before; that it can be told now does not make it unsent."""
    run = run_in_memory(Plan({0: [FOR_NOW, BROKEN]}), 5, attempts=1)
    check(run)
    assert [outcome.reason for outcome in run.outcomes] == [Reason.DATA_SET_BROKEN, *[None] * 4]
    assert [index for index, _ in run.target.order] == [0, 1, 2, 3, 4]


def test_what_is_done_is_not_taken_in_by_a_list_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stretch ends before instances that have their outcome, and then grows over them."""
    monkeypatch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)

    class Shrinking(MemoryTarget):
        def stretch(self, instances: Sequence[Instance], first: int) -> MemoryStretch:
            stretch = super().stretch(instances, first)
            stretch.end = first + 1
            return stretch

    run = run_in_memory(Plan({0: [FOR_NOW]}), Feed(scan_of(10)), attempts=1, make_target=Shrinking)
    check(run, 10)
    assert run.results == ["stored"] * 10
    assert [index for index, _ in run.target.order] == [*range(10), 0]


def test_the_only_session_ends_before_the_list_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it may be with the objects of a store, which are always looked at while others are sent."""
    monkeypatch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
    plan = Plan({4: [Fate(Way.LOST_AFTER)]}, one_session=True)
    run = run_in_memory(plan, Feed(scan_of(50)))
    check(run, len(run.outcomes))
    assert run.results[:5] == ["stored"] * 4 + ["unconfirmed"]
    assert len(run.outcomes) < 50
    assert isinstance(run.error, GivenUp)


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_suspect_is_alone_also_while_the_list_is_being_made(
    monkeypatch: pytest.MonkeyPatch, sessions: int
) -> None:
    """The instance that has broken two associations costs the others nothing more, those included that come later."""
    monkeypatch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
    monkeypatch.setattr(work, "_MAX_AHEAD_OF_DEFERRED", 5)
    fates = [Fate(Way.LOST_AFTER, is_taken=False)] * 2 + [Fate(Way.SILENT, is_taken=False)] * 3
    run = run_in_memory(
        Plan({0: fates}, window=4), Feed(scan_of(50)), attempts=4, parallel_associations=sessions
    )  # fmt: skip
    check(run, 50)
    assert run.results == ["unconfirmed"] + ["stored"] * 49
    carried = defaultdict(set)
    for index, session in run.target.order:
        carried[session].add(index)
    last = [arrival.session for arrival in run.target.arrivals[0]][2:]
    assert [carried[session] for session in last] == [{0}] * 3


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_source_whose_credit_is_held_by_what_waits_for_its_next_attempt(sessions: int) -> None:
    """Nothing is under way that could give credit back, so the round ends and the next one begins."""
    credit = Window(2)
    run = run_in_memory(
        Plan({0: [FOR_NOW], 1: [FOR_NOW] * 2, 7: [FOR_NOW]}), Feed(credit.spend(scan_of(20)), credit=credit),
        attempts=3, parallel_associations=sessions, ledger=MemoryLedger(also=credit.give_back),
    )  # fmt: skip
    check(run, 20)
    assert run.results == ["stored"] * 20


@pytest.mark.parametrize("opening", [Opening.TAKES_NOTHING, Opening.GOOD])
@pytest.mark.parametrize("sessions", [1, 4])
def test_no_session_is_left_open_when_the_caller_leaves(opening: Opening, sessions: int) -> None:
    run = run_in_memory(
        Plan(openings=[opening]), 20, parallel_associations=sessions, take=lambda outcome: outcome.index == 2
    )  # fmt: skip
    assert len(run.outcomes) == 2


@pytest.mark.parametrize("attempts", [0, 2])
@pytest.mark.parametrize("sessions", [1, 2, AutoAssociations(1), AutoAssociations(4)], ids=str)
def test_what_is_in_flight_when_the_caller_leaves_is_known_to_later_runs(
    sessions: int | AutoAssociations, attempts: int
) -> None:
    run = run_in_memory(
        Plan(window=4), 20, parallel_associations=sessions, attempts=attempts, take=lambda outcome: outcome.index == 2
    )  # fmt: skip
    in_flight = [index for index, (arrival,) in run.target.arrivals.items() if arrival.status is None]
    assert in_flight or sessions != 1
    for index in run.target.arrivals:
        (noted,) = run.ledger.noted[index]
        assert noted.result is (Result.UNCONFIRMED if index in in_flight else Result.STORED)


def test_no_session_is_left_open_when_the_end_is_asked_for_as_soon_as_it_is_open() -> None:
    interrupt = Interrupt()

    class Interrupting(MemoryTarget):
        def opened(self) -> int:
            interrupt.request()
            return super().opened()

    run = run_in_memory(Plan(), 20, parallel_associations=4, interrupt=interrupt, make_target=Interrupting)
    check(run)
    assert isinstance(run.error, Cancelled)
    assert run.results == ["not attempted"] * 20


@pytest.mark.parametrize("attempts", [0, 1])
@pytest.mark.parametrize("possible", [0, 1, 2])
def test_threads_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch, possible: int, attempts: int) -> None:
    """The work goes over as many sessions as the system has threads for, or over the one that needs none."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if thread.name.startswith("association"):
            if len(started) == possible:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    run = run_in_memory(Plan(), 20, parallel_associations=4, attempts=attempts)
    check(run)
    assert run.results == ["stored"] * 20
    assert {session for _, session in run.target.order} == {1} or possible > 1
