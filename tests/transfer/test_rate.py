"""Rates are kept, over all associations together, and a wait ends when the run does.  The clock is a counter."""

from __future__ import annotations

import itertools
import random
import threading
from pathlib import Path

import pytest

from dcmsend.association import association
from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import rate
from dcmsend.transfer.rate import Pace, TokenBucket
from support.sending import send_all, write_instances, write_large


class Clock:
    """Time passes only while somebody sleeps; several threads may sleep at once."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.sleeps.append(seconds)


@pytest.mark.parametrize("seed", range(20))
def test_no_stretch_of_time_sees_more_than_the_rate(seed: int) -> None:
    chance, clock = random.Random(seed), Clock()
    rate, burst = chance.choice([1, 10, 1000]), chance.choice([1, 5, 100])
    bucket = TokenBucket(rate, burst, clock)
    uses: list[tuple[float, int]] = []
    for _ in range(200):
        clock.now += chance.choice([0, 0, 0, 0.01, 1, 20])
        count = chance.randint(1, 20)
        clock.now += bucket.take(count)
        uses.append((clock.now, count))
    for first, last in itertools.combinations(range(0, 200, 7), 2):
        spent = sum(count for _, count in uses[first + 1 : last + 1])
        assert spent <= burst + rate * (uses[last][0] - uses[first][0]) + 1e-6


def test_nothing_is_lost_to_caution() -> None:
    """Who always has something to send comes up to the rate."""
    clock = Clock()
    bucket = TokenBucket(50, 5, clock)
    for _ in range(1000):
        clock.now += bucket.take(3)
    assert clock.now - 100 == pytest.approx((3000 - 5) / 50)


def test_an_abort_ends_the_wait_for_bytes() -> None:
    clock, interrupt = Clock(), Interrupt()
    pace = Pace(10, 0, clock=clock, sleep=lambda seconds: (clock.sleep(seconds), interrupt.abort())[0])
    with pytest.raises(Cancelled):
        pace.wait_for_bytes(10_000, interrupt)
    assert len(clock.sleeps) == 1


def test_a_request_ends_the_wait_for_an_instance() -> None:
    clock, interrupt = Clock(), Interrupt()
    pace = Pace(0, 1, clock=clock, sleep=lambda seconds: (clock.sleep(seconds), interrupt.request())[0])
    for _ in range(10):
        pace.wait_for_instance(interrupt)
    assert len(clock.sleeps) == 1


@pytest.mark.parametrize("held_up_after", [1, 2])
@pytest.mark.parametrize("rates", [(1, 0), (0, 1)])
def test_who_is_held_up_on_the_way_begins_no_earlier(rates: tuple[int, int], held_up_after: int) -> None:
    """A busy machine may take a thread its processor for a while, between any two looks at the clock."""
    clock, looks = Clock(), 10  # nobody is held up yet

    def look() -> float:
        nonlocal looks
        looks += 1
        if looks == held_up_after + 1:
            clock.now += 50
        return clock.now

    pace = Pace(*rates, clock=look, sleep=clock.sleep)
    bucket = pace._bytes or pace._instances
    assert bucket is not None
    bucket.take(101)  # by others, at 100 s: the next one's turn is at 201 s
    looks = 0
    if rates[0]:
        pace.wait_for_bytes(1, Interrupt())
    else:
        pace.wait_for_instance(Interrupt())
    assert clock.now >= 201 - 1e-6


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(
        rate, "Pace", lambda most, instances: Pace(most, instances, clock=clock, sleep=clock.sleep)
    )
    return clock


@pytest.mark.parametrize("count", [1, 4])
def test_bytes_a_second_over_all_associations(tmp_path: Path, clock: Clock, count: int) -> None:
    files = [write_large(tmp_path / str(number), 1_000_000, number) for number in range(1, 9)]
    sent = send_all(files, max_rate=200_000, parallel_associations=count)
    assert sent.results == ["stored"] * 8
    assert clock.now - 100 > 39
    if count == 1:  # several threads that wait at the same time all turn this clock
        assert clock.now - 100 < 42
    assert [len(store.data_set) for store in sent.peer.connections[0].stores][:1] == [sent.outcomes[0].bytes_sent]


def test_instances_a_second(tmp_path: Path, clock: Clock) -> None:
    sent = send_all(write_instances(tmp_path, 31), max_instances_rate=10)
    assert sent.results == ["stored"] * 31
    assert clock.now - 100 == pytest.approx(3.0, abs=0.11)


def test_a_rate_below_one_buffer(tmp_path: Path, clock: Clock) -> None:
    """A large buffer is cut into pieces, so that the peer always sees something."""
    sent = send_all([write_large(tmp_path / "large", 3 * association.BUFFER_SIZE)], max_rate=10_000)
    assert sent.results == ["stored"]
    assert max(clock.sleeps) <= 0.25
    assert len(sent.peer.stores[0].data_set) == sent.outcomes[0].bytes_sent
