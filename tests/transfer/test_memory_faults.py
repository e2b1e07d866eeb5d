"""Courses that once led to a wrong outcome, an instance sent twice, or a run that stood still."""

from __future__ import annotations

from dcmsend.transfer import Reason
from support.memory_run import check, run_in_memory
from support.memory_target import Fate, Opening, Plan, Way

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
