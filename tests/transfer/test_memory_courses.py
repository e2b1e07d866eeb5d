"""Order, pace, groups, credit, and the ends of a run, with a target in memory and a clock that nobody waits for."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import Cancelled, GivenUp, SessionFailed
from dcmsend.interrupt import Interrupt
from dcmsend.journal import JournalOptions, open_journal
from dcmsend.transfer import Feed, Observer, Reason, Result, StoreOutcome, TransferOptions, Waiting, limit_time
from support.examples import examples
from support.memory_plan import Fate, Opening, Plan, Way
from support.memory_run import Clock, MemoryLedger, Window, check, run_in_memory, scan_of
from support.memory_target import MemoryTarget

FOR_NOW = Fate(status=0x0110)
OUT_OF_RESOURCES = Fate(status=0xA701)
LOST = Fate(Way.LOST_AFTER, is_taken=False)
some = settings(max_examples=examples(150), deadline=None)


# --- order


@some
@given(st.integers(1, 8), st.lists(st.integers(0, 4), min_size=1, max_size=40), st.sampled_from([1, 3, 6]))
def test_late_answers_change_no_order(sessions: int, late: list[int], window: int) -> None:
    plan = Plan({index: [Fate(late=by)] for index, by in enumerate(late)}, window=window)
    run = run_in_memory(plan, len(late), parallel_associations=sessions)
    check(run)
    assert run.results == ["stored"] * len(late)


def test_one_session_sends_in_the_order_of_the_list() -> None:
    run = run_in_memory(Plan({3: [FOR_NOW], 5: [LOST], 6: [Fate(Way.LOST_BEFORE)]}, window=1), 9, attempts=2)
    check(run)
    assert [index for index, _ in run.target.order] == [0, 1, 2, 3, 4, 5, 3, 5, 6, 7, 8]


def test_all_sessions_are_used() -> None:
    """Each waits with its first instance until all eight have one."""
    together = threading.Barrier(8, timeout=30)

    def wait_for_others(number: int) -> None:
        if number < 8:
            together.wait()

    run = run_in_memory(Plan(before_each=wait_for_others), 40, parallel_associations=8)
    check(run)
    assert len({session for _, session in run.target.order}) == 8


def test_a_session_that_is_left_waiting_costs_nothing() -> None:
    run = run_in_memory(Plan(openings=[Opening.GOOD, *[Opening.WAITS] * 7]), 40, parallel_associations=8)
    check(run)
    assert run.results == ["stored"] * 40


# --- groups


@some
@given(st.integers(1, 8), st.lists(st.integers(0, 5), min_size=1, max_size=50), st.booleans(), st.sampled_from([1, 4]))
def test_groups_stay_together_and_in_order(sessions: int, groups: list[int], scans: bool, window: int) -> None:
    """Group 0 is for what belongs to none."""

    def name_of(number: int) -> str:
        return str(groups[number] or "")

    instances = Feed(scan_of(len(groups), name_of)) if scans else list(scan_of(len(groups), name_of))
    run = run_in_memory(Plan(window=window), instances, parallel_associations=sessions)
    check(run, len(groups))
    routes = defaultdict(list)
    for index, session in run.target.order:
        routes[groups[index]].append((session, index))
    for group, route in routes.items():
        assert group == 0 or len({session for session, _ in route}) == 1
        assert group == 0 or route == sorted(route)


@some
@given(
    st.integers(1, 8), st.lists(st.integers(1, 3), min_size=1, max_size=40),
    st.dictionaries(st.integers(0, 39), st.lists(st.sampled_from([FOR_NOW, LOST, Fate(Way.LOST_BEFORE)]), max_size=2)),
    st.lists(st.sampled_from([Opening.GOOD, Opening.GOOD, Opening.TRANSIENT]), max_size=9),
)  # fmt: skip
def test_groups_survive_their_sessions(
    sessions: int, groups: list[int], attempts: dict[int, list[Fate]], openings: list[Opening]
) -> None:
    instances = list(scan_of(len(groups), lambda number: str(groups[number])))
    run = run_in_memory(Plan(attempts, openings, window=3), instances, parallel_associations=sessions, attempts=40)
    check(run)
    assert run.results == ["stored"] * len(groups)


# --- credit


@pytest.mark.parametrize("released", ["by the ledger", "by the caller"])
@pytest.mark.parametrize("trouble", ["none", "some"])
@pytest.mark.parametrize("sessions", [1, 4])
def test_a_credit_of_two_sends_three_thousand(sessions: int, trouble: str, released: str) -> None:
    """The scan waits for the outcomes, and these for nothing; it never stands still."""
    credit = Window(2)
    fates = {index: [FOR_NOW, LOST][: 1 + index % 2] for index in range(0, 3_000, 97)} if trouble == "some" else {}
    ledger, take = (credit.give_back, None) if released == "by the ledger" else (None, credit.give_back)
    run = run_in_memory(
        Plan(fates, window=3), Feed(credit.spend(scan_of(3_000)), credit=credit), attempts=3,
        parallel_associations=sessions, ledger=MemoryLedger(also=ledger), take=take or (lambda _: None),
    )  # fmt: skip
    check(run, 3_000)
    assert run.error is None
    assert run.results == ["stored"] * 3_000
    assert credit.most_out == 2


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_credit_of_two_and_groups(sessions: int) -> None:
    credit = Window(2)
    scan = credit.spend(scan_of(2_000, lambda number: str(number // 7 % 3)))
    run = run_in_memory(
        Plan(window=3), Feed(scan, credit=credit), parallel_associations=sessions,
        ledger=MemoryLedger(also=credit.give_back),
    )  # fmt: skip
    check(run, 2_000)
    assert run.results == ["stored"] * 2_000


# --- pace and pauses


@some
@given(st.integers(1, 8), st.integers(1, 60), st.sampled_from([1, 7, 100]))
def test_the_rate_of_instances_is_kept(sessions: int, count: int, rate: int) -> None:
    clock = Clock()
    begun: list[float] = []
    plan = Plan(before_each=lambda _: begun.append(clock.now))
    run = run_in_memory(plan, count, parallel_associations=sessions, max_instances_rate=rate, clock=clock)
    check(run)
    assert all(at >= 1000.0 + (number / rate) - 1e-6 for number, at in enumerate(sorted(begun)))


class Waits(Observer):
    """Keeps what it hears of pauses."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def waiting(self, event: Waiting | None) -> None:
        self.heard.append("over" if event is None else event.why)


@pytest.mark.parametrize("sessions", [1, 4])
def test_out_of_resources_pauses_all_sessions(sessions: int) -> None:
    """The pause is 5 s, then 10 s as nothing was stored meanwhile; what waited comes first."""
    clock, waits = Clock(), Waits()
    plan = Plan({0: [OUT_OF_RESOURCES] * 2}, pauses=True)
    run = run_in_memory(plan, 1, attempts=5, clock=clock, observer=waits, parallel_associations=sessions)
    check(run)
    assert [attempt.status for attempt in run.outcomes[0].attempts] == [0xA701, 0xA701, 0]
    assert clock.now == 1015.0
    assert waits.heard == ["peer out of resources (0xA701)", "over"] * 2


def test_a_peer_that_takes_no_session_is_given_up_after_an_hour() -> None:
    clock = Clock()
    run = run_in_memory(Plan(openings=[Opening.TRANSIENT] * 1000), 3, attempts=1, clock=clock)
    check(run)
    assert isinstance(run.error, SessionFailed)
    assert run.results == ["not attempted"] * 3
    assert 4600 <= clock.now <= 4901


def test_a_peer_that_breaks_down_three_times_is_given_up_without_further_attempts() -> None:
    run = run_in_memory(Plan({index: [LOST] for index in range(9)}), 9)
    check(run)
    assert run.error is None
    assert run.results == ["unconfirmed"] * 3 + ["not attempted"] * 6


# --- ends


@pytest.mark.parametrize("sessions", [1, 4])
def test_the_run_ends_with_its_time_window(sessions: int) -> None:
    """An instance takes a second; what is in flight gets its answer."""
    clock, interrupt = Clock(), Interrupt()
    limit_time(TransferOptions(max_duration=10.0), interrupt, clock=clock, now=clock)
    plan = Plan(before_each=lambda _: clock.sleep(1.0))
    run = run_in_memory(plan, 50, parallel_associations=sessions, interrupt=interrupt, clock=clock)
    check(run)
    assert isinstance(run.error, Cancelled)
    assert run.error.by == Cancelled.TIME_WINDOW
    assert 10 <= run.results.count("stored") <= 10 + sessions
    assert {each.reason for each in run.outcomes if each.result is Result.NOT_ATTEMPTED} == {Reason.TIME_WINDOW}


@some
@given(
    st.integers(1, 8), st.integers(0, 30), st.booleans(), st.sampled_from([1, 4]), st.integers(0, 2), st.booleans(),
    st.dictionaries(st.integers(0, 29), st.lists(st.sampled_from([FOR_NOW, LOST, OUT_OF_RESOURCES]), max_size=3)),
)  # fmt: skip
def test_an_interrupt_at_any_moment(
    sessions: int, when: int, aborts: bool, window: int, attempts: int, scans: bool, fates: dict[int, list[Fate]]
) -> None:
    interrupt = Interrupt()

    def before_each(number: int) -> None:
        if number == when:
            (interrupt.abort if aborts else interrupt.request)("SIGINT")

    plan = Plan(fates, window=window, before_each=before_each, pauses=bool(attempts))
    run = run_in_memory(
        plan, Feed(scan_of(30)) if scans else 30, parallel_associations=sessions, attempts=attempts,
        interrupt=interrupt,
    )  # fmt: skip
    check(run, 30)
    if any(each.result is Result.NOT_ATTEMPTED for each in run.outcomes) and interrupt.requested:
        assert isinstance(run.error, Cancelled)
        assert run.error.by == "SIGINT"


@some
@given(st.integers(1, 8), st.integers(1, 30), st.booleans(), st.integers(0, 2))
def test_a_caller_that_leaves(sessions: int, after: int, scans: bool, attempts: int) -> None:
    """Nothing is open then, nothing more is sent, and the ledger knows all that has an answer."""
    plan = Plan({5: [FOR_NOW], 9: [LOST]})
    run = run_in_memory(
        plan, Feed(scan_of(30)) if scans else 30, parallel_associations=sessions, attempts=attempts,
        take=lambda outcome: outcome.index == after,
    )  # fmt: skip
    assert [outcome.index for outcome in run.outcomes] == list(range(1, after + 1))
    for index, arrivals in run.target.arrivals.items():
        (noted,) = run.ledger.noted[index]
        assert (noted.result is Result.STORED) is (arrivals[-1].status == 0)


def test_five_refusals_in_a_row_are_enough() -> None:
    run = run_in_memory(Plan({index: [Fate(status=0xC000)] for index in range(3, 20)}), 20, stop_after_failures=5)
    check(run)
    assert isinstance(run.error, GivenUp)
    assert run.results == ["stored"] * 3 + ["refused"] * 5 + ["not attempted"] * 12


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_failing_observer_ends_the_run(sessions: int) -> None:
    class Failing(Observer):
        def outcome(self, outcome: StoreOutcome) -> None:
            if outcome.index == 7:
                raise ValueError("observer")

    with pytest.raises(ValueError, match="observer"):
        run_in_memory(Plan(), 50, parallel_associations=sessions, observer=Failing())


@pytest.mark.parametrize("sessions", [1, 4])
def test_a_failing_session_ends_the_run(sessions: int) -> None:
    def fail(number: int) -> None:
        if number == 7:
            raise ValueError("session")

    with pytest.raises(ValueError, match="session"):
        run_in_memory(Plan(before_each=fail), 50, parallel_associations=sessions)


# --- the journal itself


@pytest.mark.parametrize("sessions", [1, 8])
def test_the_journal_is_told_what_the_target_knows(tmp_path: Path, sessions: int) -> None:
    plan = Plan({
        4: [Fate(status=0xC000)], 9: [LOST, LOST], 11: [FOR_NOW], 20: [Fate(Way.BROKEN)], 30: [OUT_OF_RESOURCES] * 9,
    }, pauses=True, refuses_duplicates=True)  # fmt: skip
    path = tmp_path / "journal"
    journal = open_journal(JournalOptions(str(path)), MemoryTarget(plan).facts, Interrupt())
    try:
        run = run_in_memory(
            plan, 300, attempts=1, parallel_associations=sessions, ledger=MemoryLedger(also=journal.note)
        )  # fmt: skip
    finally:
        journal.close()
    check(run)
    with sqlite3.connect(path) as connection:
        rows = dict(connection.execute("SELECT name, status FROM instance WHERE outcome = 0").fetchall())
    connection.close()
    assert {int(name) for name in rows} == {each.position for each in run.outcomes if each.result is Result.STORED}
    assert len(rows) == 300 - 4
