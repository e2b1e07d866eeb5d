"""Whatever event it is, an error of the caller's observer is told from one of the transfer."""

from __future__ import annotations

import pytest

from dcmsend import Observer
from dcmsend.errors import Cancelled
from dcmsend.library.guarded import GuardedObserver
from dcmsend.transfer import CallerFailed

EVENTS = [name for name in vars(Observer) if not name.startswith("_")]


@pytest.mark.parametrize("error", [Cancelled(), KeyError("of the observer")])
@pytest.mark.parametrize("event", EVENTS)
def test_every_event_is_passed_on_and_guarded(event: str, error: Exception) -> None:
    got: list[object] = []
    observer = Observer()
    setattr(observer, event, got.append)
    getattr(GuardedObserver(observer), event)("something")
    assert got == ["something"]

    def fail(_: object) -> None:
        raise error

    setattr(observer, event, fail)
    with pytest.raises(CallerFailed) as info:
        getattr(GuardedObserver(observer), event)("something")
    assert info.value.error is error


def test_where_sessions_guard_it_an_event_for_each_instance_costs_no_further_call() -> None:
    observer = Observer()
    assert GuardedObserver(observer, sends_here=True).bytes_sent == observer.bytes_sent
