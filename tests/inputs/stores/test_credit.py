"""Credits admit at least one object, whatever its size, and get back what they gave."""

from __future__ import annotations

import threading

import pytest

from dcmsend.inputs.stores.credit import SMALLEST, Credit


def credits_of(most_bytes: int, most: int) -> tuple[Credit, Credit]:
    changed = threading.Condition()
    return Credit(most_bytes, most, changed), Credit(most_bytes, most, changed)


def test_one_is_always_admitted() -> None:
    ahead, _ = credits_of(10, 5)
    charge = ahead.wait_for(1000, None)
    assert ahead.is_spent
    charge.release()
    charge.release()
    assert (ahead.bytes, ahead.count, ahead.is_spent) == (0, 0, False)


def test_the_next_waits_for_room() -> None:
    ahead, held = credits_of(100, 5)
    first = ahead.wait_for(60, None)
    threading.Timer(0.05, first.move, (held,)).start()
    second = ahead.wait_for(60, None)
    assert (ahead.bytes, held.bytes) == (60, 60)
    second.move(held)
    assert held.is_spent
    first.settle(5000)
    assert held.bytes == 5060
    first.release()
    second.release()
    second.move(ahead)
    second.settle(7)
    assert (ahead.bytes, held.bytes, ahead.count, held.count) == (0, 0, 0, 0)


def test_the_number_is_limited_too() -> None:
    ahead, _ = credits_of(1 << 30, 2)
    ahead.wait_for(SMALLEST, None)
    assert not ahead.is_spent
    ahead.wait_for(SMALLEST, None)
    assert ahead.is_spent


def test_a_wait_can_be_ended() -> None:
    ahead, _ = credits_of(10, 5)
    ahead.take(10)

    def give_up() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        ahead.wait_for(10, give_up)
    assert ahead.count == 1
