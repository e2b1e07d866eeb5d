"""A timetable goes by the clock on the wall, in summer and in winter; a wait ends when the limit does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from dcmsend.interrupt import Interrupt
from dcmsend.transfer import Timetable
from dcmsend.transfer.rate import Pace, TimedBucket

OFFICE = Timetable(((8 * 60, 2_000_000), (18 * 60, 0)))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("when", "limit"),
    [
        ("2026-01-05T06:59:59", 0), ("2026-01-05T07:00:00", 2_000_000),  # winter: 8:00 is 7:00 UTC
        ("2026-01-05T16:59:59", 2_000_000), ("2026-01-05T17:00:00", 0),
        ("2026-07-06T05:59:59", 0), ("2026-07-06T06:00:00", 2_000_000),  # summer: 8:00 is 6:00 UTC
        ("2026-07-06T15:59:59", 2_000_000), ("2026-07-06T16:00:00", 0), ("2026-07-06T22:30:00", 0),
    ],
)  # fmt: skip
def test_summer_and_winter(when: str, limit: int) -> None:
    assert OFFICE.limit_at(utc(when)) == limit


@pytest.mark.usefixtures("berlin")
def test_the_nights_in_which_clocks_are_changed() -> None:
    """The hour from 2 to 3 is left out in March, and comes twice in October."""
    table = Timetable(((0, 1), (150, 2), (180, 3)))  # from 2:30, from 3:00

    def limits(day: str) -> list[int]:
        midnight = utc(f"{day}T00:00:00")
        return [table.limit_at(midnight + 900 * quarter) for quarter in range(12)]

    assert limits("2026-03-29") == [1] * 4 + [3] * 8  # 1:00 .. 1:45, 3:00 ..
    assert limits("2026-10-25") == [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3]  # 2:00 .. 2:45 twice


def test_one_entry_holds_all_day() -> None:
    table = Timetable(((720, 5),))
    assert {table.limit_at(hour * 3600) for hour in range(48)} == {5}


@pytest.mark.parametrize(
    "entries", [(), ((1440, 1),), ((-1, 1),), ((5, 1), (5, 2)), ((6, 1), (5, 2)), ((5, -1),)], ids=str
)
def test_impossible_tables(entries: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="Timetable"):
        Timetable(entries)


class Clocks:
    """Two clocks that advance together while somebody sleeps: one runs, one hangs on the wall."""

    def __init__(self, wall: float) -> None:
        self.wall = wall
        self.running = 100.0

    def sleep(self, seconds: float) -> None:
        self.running += seconds
        self.wall += seconds

    def pace(self, bytes_rate: int | Timetable, instances_rate: int | Timetable = 0) -> Pace:
        return Pace(
            bytes_rate, instances_rate, clock=lambda: self.running, sleep=self.sleep, now=lambda: self.wall
        )


@pytest.mark.usefixtures("berlin")
def test_a_limit_begins_and_ends() -> None:
    clocks = Clocks(utc("2026-01-05T06:59:50"))
    pace = clocks.pace(OFFICE)
    assert not pace.limits_bytes
    pace.wait_for_bytes(10**9, Interrupt())
    assert clocks.running == 100.0
    clocks.sleep(10)
    assert (pace.limits_bytes, pace.piece) == (True, 200_000)
    for _ in range(100):
        pace.wait_for_bytes(pace.piece, Interrupt())
    assert clocks.running - 110 == pytest.approx(100 * 200_000 / 2_000_000)  # nothing was saved up
    clocks.wall = utc("2026-01-05T17:00:00")
    assert not pace.limits_bytes
    before = clocks.running
    pace.wait_for_bytes(10**9, Interrupt())
    assert clocks.running == before


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(("later", "seconds"), [(0, 10.0), (100, 19.0), (5, 190.0)])
def test_a_wait_changes_with_the_limit(later: int, seconds: float) -> None:
    """Of 100 seconds of waiting at 10 a second, 10 have passed when the limit changes; 900 are left."""
    clocks = Clocks(utc("2026-01-05T06:59:50"))
    pace = clocks.pace(Timetable(((0, 10), (480, later))))
    pace.wait_for_bytes(1001, Interrupt())
    assert clocks.running - 100 == pytest.approx(seconds, rel=0.02, abs=0.3)


@pytest.mark.usefixtures("berlin")
def test_instances() -> None:
    clocks = Clocks(utc("2026-01-05T06:59:50"))
    pace = clocks.pace(0, Timetable(((0, 1), (480, 0))))
    assert not pace.limits_bytes
    for _ in range(1000):
        pace.wait_for_instance(Interrupt())
    assert clocks.running - 100 == pytest.approx(10, abs=0.5)


@pytest.mark.usefixtures("berlin")
def test_a_limit_that_ends_while_two_threads_take() -> None:
    """The second one takes as soon as the first one lets go of the lock, a second after the limit has ended."""
    now = [utc("2026-01-05T16:59:59")]
    bucket = TimedBucket(OFFICE, float, now=lambda: now[0])

    class Lock:
        is_first = True

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            if self.is_first:
                self.is_first = False
                now[0] += 2
                assert bucket.take(1) == 0.0

    bucket._lock = Lock()  # type: ignore[assignment]
    assert bucket.take(3_000_000) == 0.5
