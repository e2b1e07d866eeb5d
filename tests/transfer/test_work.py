"""Instances are handed out to several takers: groups stay together, and who is to leave takes nothing new."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from dcmsend.index import Instance
from dcmsend.transfer.growing_list import Pulled
from dcmsend.transfer.work import Work, WorkTaker
from support.memory_run import make_instance
from support.processes import wait_until


class GrowingStretch:
    """A stretch that knows some instances, and finds the others one by one."""

    error = None
    is_possible = True
    first = 0

    def __init__(self, known: int, count: int) -> None:
        self.end = known
        self._count = count

    @property
    def may_grow(self) -> bool:
        return self.end < self._count

    def grow(self) -> Pulled:
        if not self.may_grow:
            return Pulled.END
        self.end += 1
        return Pulled.ONE


def work_of(group: Callable[[int], str], count: int, known: int | None = None) -> tuple[Work, list[Instance]]:
    instances = [make_instance(number, group(number)) for number in range(count)]
    return Work(GrowingStretch(count if known is None else known, count), instances), instances  # type: ignore[arg-type]


def take_in_a_thread(taker: WorkTaker) -> tuple[threading.Thread, list[int]]:
    """Take all that there is; gives the thread, and the indices as they come."""
    taken: list[int] = []

    def serve() -> None:
        while (task := taker.take()) is not None:
            taken.append(task[0])

    thread = threading.Thread(target=serve)
    thread.start()
    return thread, taken


def shuffled_series(number: int) -> str:
    return f"series {_ORDER[number] // 50}"


_ORDER = list(range(2000))
random.Random(1).shuffle(_ORDER)


@pytest.mark.parametrize("group", [shuffled_series, lambda number: f"series {number // 50}"], ids=["mixed", "in turn"])
def test_who_is_to_leave_takes_only_what_it_has_begun(group: Callable[[int], str]) -> None:
    """It leaves as soon as its groups are done, and the others take all the rest."""
    work, instances = work_of(group, 2000)
    takers = [work.taker() for _ in range(4)]
    by_taker: dict[WorkTaker, list[int]] = {taker: [] for taker in takers}
    for taker in takers:
        task = taker.take()
        assert task is not None
        by_taker[taker].append(task[0])
    leaving = takers[-1]
    begun = {instances[index].group for index in by_taker[leaving]}
    leaving.begin_to_leave()
    here = list(takers)
    while here:
        for taker in list(here):
            task = taker.take(may_wait=False)
            if task is not None:
                by_taker[taker].append(task[0])
                continue
            taker.retire()
            here.remove(taker)
    assert {instances[index].group for index in by_taker[leaving]} == begun
    assert len(by_taker[leaving]) == 50
    assert sorted(index for taken in by_taker.values() for index in taken) == list(range(2000))
    for taken in by_taker.values():
        for name in {instances[index].group for index in taken}:
            own = [index for index in taken if instances[index].group == name]
            assert own == [index for index in range(2000) if instances[index].group == name], "all of it, in order"


def test_a_group_may_go_on_while_the_list_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to leave waits for that, lets the others find it, and goes when the list is complete."""
    monkeypatch.setattr("dcmsend.transfer.work._LONGEST_ASIDE", 60.0)
    work, _ = work_of(lambda number: "one" if number % 50 < 3 else "", 100, known=3)
    leaving, other = work.taker(), work.taker()
    assert [leaving.take(may_wait=False) for _ in range(3)] == [(n, work._instances[n]) for n in range(3)]
    leaving.begin_to_leave()
    thread, taken = take_in_a_thread(leaving)
    wait_until(lambda: leaving.is_aside, 60, "who is to leave waits")
    assert work.end == 3, "it does not let the list grow itself: the others would have to wait"
    while other.take(may_wait=False) is not None:
        pass
    thread.join(60)
    assert not thread.is_alive()
    assert taken == [50, 51, 52]


def test_the_rest_of_a_group_may_be_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is to leave looks no further ahead than others may, and goes on when these have caught up."""
    monkeypatch.setattr("dcmsend.transfer.work._LONGEST_ASIDE", 60.0)
    monkeypatch.setattr("dcmsend.transfer.work._MAX_AHEAD", 20)
    work, _ = work_of(lambda number: "one" if number in (0, 90) else "", 100)
    leaving, other = work.taker(), work.taker()
    assert leaving.take() is not None
    leaving.begin_to_leave()
    thread, taken = take_in_a_thread(leaving)
    finished = 1
    work.note_finished(finished)
    while other.take() is not None:
        finished += 1
        work.note_finished(finished)
    thread.join(60)
    assert not thread.is_alive()
    assert taken == [90]


def test_who_is_to_leave_leaves_nothing_when_nobody_stays() -> None:
    work, _ = work_of(lambda number: f"{number}", 4)
    first, second = work.taker(), work.taker()
    assert first.take() is not None
    first.begin_to_leave()
    assert first.take() is None, "the second one is there for the rest"
    second.retire()
    assert [task and task[0] for task in (first.take(), first.take(), first.take(), first.take())] == [1, 2, 3, None]


def test_who_is_to_leave_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody finds more of its group: what is found of it later goes to another one."""
    monkeypatch.setattr("dcmsend.transfer.work._LONGEST_ASIDE", 0.05)
    work, _ = work_of(lambda _: "one", 4, known=1)
    leaving, other = work.taker(), work.taker()
    assert leaving.take() is not None
    leaving.begin_to_leave()
    assert leaving.take() is None
    leaving.retire()
    assert [task and task[0] for task in (other.take(), other.take(), other.take())] == [1, 2, 3]


def test_all_that_is_finished_is_not_taken_for_all_that_is_left() -> None:
    """The slowest instance is answered after 10,000 others: more may be taken, and nobody is to go because of that."""
    work, _ = work_of(lambda _: "", 10_100)
    taker, other = work.taker(), work.taker()
    for _ in range(10_000):
        assert taker.take(may_wait=False) is not None
    assert other.take(may_wait=False) is None, "too far ahead"
    for _ in range(9_999):
        work.note_finished(0)
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(other.take()))
    with work._lock:  # who asks in the middle of a notice must not see half of it
        notice = threading.Thread(target=work.note_finished, args=(10_000,))
        notice.start()
        notice.join(0.1)
        assert not work._is_stuck
    notice.join(60)
    thread.start()
    thread.join(60)
    assert seen != [None]


def test_whether_a_further_taker_would_get_something() -> None:
    work, _ = work_of(lambda number: "one" if number < 50 else "two", 60, known=40)
    taker = work.taker()
    assert not work.has_for_another(known_only=True), "the first taker will have it"
    taker.take()
    assert not work.has_for_another(known_only=True)
    assert work.has_for_another(known_only=False), "the list grows"
    for _ in range(49):
        taker.take()
    assert not work.has_for_another(known_only=True)
    assert work.look()
    assert work.has_for_another(known_only=True)
    work.stop()
    assert not work.has_for_another(known_only=False)


def test_a_list_that_grows_brings_something_for_any_number_where_there_are_no_groups() -> None:
    work, _ = work_of(lambda _: "", 60, known=0)
    for _ in range(3):
        assert work.taker().take() is not None
        assert work.has_for_another(known_only=False)


def test_what_is_done_may_be_forgotten() -> None:
    """Instances that have their outcome are not looked at: their place in the list may be empty."""
    done = range(40, 50)
    work, instances = work_of(lambda number: f"{number % 3}", 60)
    work._done = done
    for index in done:
        instances[index] = None  # type: ignore[call-overload]
    takers = [work.taker() for _ in range(2)]
    for taker in takers:
        assert taker.take() is not None
    takers[0].begin_to_leave()
    taken = []
    while (task := takers[0].take(may_wait=False)) is not None:
        work.has_for_another(known_only=True)
        taken.append(task[0])
    assert taken == [index for index in range(3, 60, 3) if index not in done]


def test_what_has_no_group_is_for_anybody() -> None:
    work, _ = work_of(lambda _: "", 3)
    taker = work.taker()
    for left in (True, False, False):
        assert taker.take() is not None
        assert work.has_for_another(known_only=True) is left, "of one that is left the first taker has use itself"
