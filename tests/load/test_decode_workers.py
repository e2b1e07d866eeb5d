"""Threads that decode."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from dcmsend.errors import Cancelled, TranscodeError
from dcmsend.interrupt import Interrupt
from dcmsend.load.decode_workers import DecodeWorkers
from support.few_threads import permit_threads

Job = Callable[[], None]
SMALL, LARGE = 1, 1 << 30


def run(jobs: Iterator[Job], *, workers: int = 2, memory: int = SMALL, interrupt: Interrupt | None = None) -> None:
    DecodeWorkers(workers, interrupt or Interrupt())(jobs, memory)


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
@pytest.mark.parametrize("memory", [SMALL, LARGE])
def test_every_job_is_done_once(workers: int, count: int, memory: int) -> None:
    done: list[int] = []
    run((lambda number=number: done.append(number) for number in range(count)), workers=workers, memory=memory)
    assert sorted(done) == list(range(count))
    assert not [thread for thread in threading.enumerate() if thread.name == "dcmsend-decode"]


@pytest.mark.parametrize("possible", [0, 1])
def test_with_few_threads_or_none_every_job_is_done_once(monkeypatch: pytest.MonkeyPatch, possible: int) -> None:
    refused = permit_threads(monkeypatch, "dcmsend-decode", possible=possible)
    done: list[int] = []
    run((lambda number=number: done.append(number) for number in range(20)), workers=5)
    assert sorted(done) == list(range(20))
    assert refused

    def fail() -> None:
        raise TranscodeError("the first")

    with pytest.raises(TranscodeError, match="the first"):
        run(iter([fail] * 5))


def test_two_jobs_at_a_time() -> None:
    """Each waits for the other, so that one alone would never end."""
    meeting = threading.Barrier(2, timeout=60)
    run(iter([meeting.wait] * 10))  # type: ignore[list-item]


@pytest.mark.parametrize(("workers", "memory"), [(1, SMALL), (2, LARGE)])
def test_large_frames_are_decoded_one_by_one(workers: int, memory: int) -> None:
    threads: set[int] = set()
    run(iter([lambda: threads.add(threading.get_ident())] * 5), workers=workers, memory=memory)
    assert threads == {threading.get_ident()}


def test_a_single_job_needs_no_thread() -> None:
    threads: set[int] = set()
    run(iter([lambda: threads.add(threading.get_ident())]))
    assert threads == {threading.get_ident()}


def test_jobs_are_not_made_long_before_they_are_needed() -> None:
    """Two at work, two waiting, one in the hand of who makes them."""
    made = done = 0
    most = 0

    def jobs() -> Iterator[Job]:
        nonlocal made, most
        for _ in range(50):
            made += 1
            most = max(most, made - done)
            yield job

    def job() -> None:
        nonlocal done
        done += 1

    run(jobs())
    assert done == 50
    assert most <= 6


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_failure_is_told_and_the_rest_is_left(workers: int) -> None:
    done: list[int] = []

    def job(number: int) -> None:
        done.append(number)
        if number >= 3:
            raise TranscodeError(str(number))

    with pytest.raises(TranscodeError, match="3"):
        run((lambda number=number: job(number) for number in range(1000)), workers=workers)
    assert len(done) < 20


def test_a_failure_to_make_a_job_ends_it() -> None:
    def jobs() -> Iterator[Job]:
        yield lambda: None
        yield lambda: None
        yield lambda: None
        raise TranscodeError("no more")

    with pytest.raises(TranscodeError, match="no more"):
        run(jobs())
    assert not [thread for thread in threading.enumerate() if thread.name == "dcmsend-decode"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_to_end_is_heard_between_jobs(workers: int) -> None:
    interrupt = Interrupt()
    done: list[int] = []
    has_asked = threading.Event()

    def job(number: int) -> None:
        done.append(number)
        if number == 5:
            interrupt.request("SIGINT")
            has_asked.set()
        elif number > 5:
            assert has_asked.wait(60)

    with pytest.raises(Cancelled) as error:
        run((lambda number=number: job(number) for number in range(1000)), workers=workers, interrupt=interrupt)
    assert error.value.by == "SIGINT"
    assert len(done) < 20
