"""Deadline and Interrupt."""

from __future__ import annotations

import pickle

import pytest

from dcmsend import interrupt
from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt
from dcmsend.transport import Deadline, deadline


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(interrupt, "time", clock)
    return clock


def test_deadline_runs_down_and_never_below_zero(clock: Clock) -> None:
    wait = Deadline(10, "an answer")
    assert wait.remaining() == 10
    clock.now += 7
    assert wait.remaining() == 3
    clock.now += 7
    assert wait.remaining() == 0


def test_deadline_starts_anew(clock: Clock) -> None:
    wait = Deadline(10, "an answer")
    clock.now += 9
    wait.restart()
    clock.now += 9
    assert wait.remaining() == 1


@pytest.mark.parametrize("seconds", [None, 0, 0.0])
def test_deadline_without_end(clock: Clock, seconds: float | None) -> None:
    wait = Deadline(seconds, "an answer")
    clock.now += 1e9
    assert wait.remaining() is None
    wait.restart()
    assert wait.remaining() is None
    assert wait.seconds is None


def test_interrupt_at_rest(clock: Clock) -> None:
    wish = Interrupt()
    wish.check()
    assert not wish.requested
    assert not wish.aborted


def test_request_is_patient_for_a_time(clock: Clock) -> None:
    wish = Interrupt(drain_seconds=10)
    wish.request("SIGINT")
    assert wish.requested
    clock.now += 9.9
    wish.check()
    clock.now += 0.2
    with pytest.raises(Cancelled, match="SIGINT"):
        wish.check()


def test_second_request_gives_no_more_time(clock: Clock) -> None:
    wish = Interrupt(drain_seconds=10)
    wish.request("SIGINT")
    clock.now += 9
    wish.request("SIGTERM")
    clock.now += 2
    with pytest.raises(Cancelled) as caught:
        wish.check()
    assert caught.value.by == "SIGINT"


def test_nothing_new_is_begun_after_a_request(clock: Clock) -> None:
    wish = Interrupt(drain_seconds=10)
    part = Interrupt(parent=wish)
    wish.check_request()
    wish.request("SIGTERM")
    for each in (wish, part):
        each.check()  # what is in flight has its time
        with pytest.raises(Cancelled) as caught:
            each.check_request()
        assert caught.value.by == "SIGTERM"


def test_abort_is_not_patient(clock: Clock) -> None:
    wish = Interrupt()
    wish.abort()
    assert wish.requested
    with pytest.raises(Cancelled) as caught:
        wish.check()
    assert caught.value.by == "caller"


def test_abort_after_a_request_keeps_who_asked_first(clock: Clock) -> None:
    wish = Interrupt()
    wish.request("SIGINT")
    wish.abort("SIGTERM")
    with pytest.raises(Cancelled) as caught:
        wish.check()
    assert caught.value.by == "SIGINT"
    assert pickle.loads(pickle.dumps(caught.value)).by == "SIGINT"
