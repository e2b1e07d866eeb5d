"""Any schedule of answers, losses and refusals over 1 to 8 sessions: each instance has one outcome, and it is true.

The target is in memory, so thousands of cases take seconds; the sessions have real threads, and nothing ever waits.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import GivenUp, SendingFailed, SessionFailed
from dcmsend.transfer import Feed, Reason, Result, feed, work
from support.examples import examples
from support.memory_plan import Plan
from support.memory_run import MemoryLedger, MemoryRun, Window, check, run_in_memory, scan_of
from support.memory_strategies import plans

SESSIONS = st.integers(1, 8)
many = settings(max_examples=examples(200), deadline=None)


@pytest.fixture(autouse=True, params=["usual switches", "a switch at every turn"])
def switching(request: pytest.FixtureRequest) -> Iterator[None]:
    """Threads take turns as usual, or as often as the interpreter can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual if request.param == "usual switches" else 1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is logged would be kept, for every case."""
    logger = logging.getLogger("dcmsend.app")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def check_end(run: MemoryRun) -> None:
    """Something is left only if the run says why, or had no answer three times in a row."""
    left = [outcome for outcome in run.outcomes if outcome.result is Result.NOT_ATTEMPTED]
    if left and run.error is None:
        assert {outcome.reason for outcome in left} == {Reason.NO_ASSOCIATION}
        assert run.options.retry.attempts == 0
        assert run.target.counts().sessions >= 3


@many
@given(plans(), SESSIONS)
def test_one_attempt_each(planned: tuple[int, Plan], sessions: int) -> None:
    count, plan = planned
    run = run_in_memory(plan, count, parallel_associations=sessions)
    check(run)
    check_end(run)
    assert run.error is None or isinstance(run.error, SessionFailed)


@many
@given(plans(pauses=True), SESSIONS, st.integers(1, 4))
def test_further_attempts(planned: tuple[int, Plan], sessions: int, attempts: int) -> None:
    count, plan = planned
    run = run_in_memory(plan, count, parallel_associations=sessions, attempts=attempts)
    check(run)
    check_end(run)
    assert run.error is None or (isinstance(run.error, SessionFailed) and run.error.is_permanent)


@many
@given(plans(halts=True), SESSIONS)
def test_the_first_failure_halts(planned: tuple[int, Plan], sessions: int) -> None:
    count, plan = planned
    run = run_in_memory(plan, count, parallel_associations=sessions)
    check(run)
    check_end(run)
    troubled = [each for each in run.outcomes if each.result in (Result.FAILED, Result.UNCONFIRMED) and each.started]
    if troubled and not isinstance(run.error, SessionFailed):
        assert isinstance(run.error, SendingFailed)
    if sessions == 1 and isinstance(run.error, SendingFailed):
        first = min(each.position for each in run.outcomes if each.result is Result.NOT_ATTEMPTED) if any(
            each.result is Result.NOT_ATTEMPTED for each in run.outcomes
        ) else count  # fmt: skip
        assert all(each.result is Result.NOT_ATTEMPTED for each in run.outcomes[first:]) or plan.window > 1


@many
@given(plans(pauses=True), SESSIONS, st.integers(0, 3), st.sampled_from([0, 0, 1, 2, 5]))
def test_a_list_that_is_still_being_made(planned: tuple[int, Plan], sessions: int, attempts: int, limit: int) -> None:
    """Few instances are known ahead; with a credit, few may be without a final outcome."""
    count, plan = planned
    credit = Window(limit) if limit else None
    scan = scan_of(count) if credit is None else credit.spend(scan_of(count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_LONGEST_LOOK_AHEAD", 3)
        patch.setattr(work, "_MAX_AHEAD", 9)
        patch.setattr(work, "_MAX_AHEAD_OF_DEFERRED", 5)
        run = run_in_memory(
            plan, Feed(scan, credit=credit), parallel_associations=sessions, attempts=attempts,
            ledger=MemoryLedger(also=None if credit is None else credit.give_back),
        )  # fmt: skip
    told = len(run.outcomes)
    assert told == count or run.error is not None
    check(run, told)
    check_end(run)
    assert credit is None or credit.most_out <= limit


@many
@given(plans(), SESSIONS, st.integers(1, 5), st.integers(0, 1))
def test_so_many_failures_in_a_row(planned: tuple[int, Plan], sessions: int, limit: int, attempts: int) -> None:
    count, plan = planned
    run = run_in_memory(
        plan, count, parallel_associations=sessions, stop_after_failures=limit, attempts=attempts
    )  # fmt: skip
    check(run)
    check_end(run)
    if isinstance(run.error, GivenUp):
        assert sum(each.result not in (Result.STORED, Result.NOT_ATTEMPTED) for each in run.outcomes) >= limit


@many
@given(plans(pauses=True), SESSIONS, st.integers(0, 2), st.sets(st.integers(0, 11)))
def test_what_an_earlier_run_left_unanswered(
    planned: tuple[int, Plan], sessions: int, attempts: int, unanswered: set[int]
) -> None:
    count, plan = planned
    run = run_in_memory(
        plan, count, ledger=MemoryLedger(unanswered), parallel_associations=sessions, attempts=attempts
    )  # fmt: skip
    check(run)
    for outcome in run.outcomes:
        assert not (outcome.is_duplicate and outcome.position in unanswered)
