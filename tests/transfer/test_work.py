"""Instances are handed out to several takers: groups stay together, and who is to leave takes nothing new."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from dcmsend.index import Instance
from dcmsend.transfer.growing_list import Pulled
from dcmsend.transfer.work import Work, WorkTaker
from support.memory_run import make_instance


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
    here = list(takers)
    while here:
        for taker in list(here):
            is_leaving = taker is leaving
            task = None
            if not (is_leaving and work.may_leave(taker)):
                task = taker.take_own(may_wait=False) if is_leaving else taker.take(may_wait=False)
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


def test_who_has_a_group_may_not_leave_while_the_list_grows() -> None:
    work, _ = work_of(lambda _: "one", 100, known=10)
    taker, other = work.taker(), work.taker()
    for _ in range(10):
        taker.take()
    assert not work.may_leave(taker)
    assert work.may_leave(other)
    while taker.take(may_wait=False) is not None:
        assert other.take(may_wait=False) is None
    assert work.may_leave(taker)


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


def test_what_has_no_group_is_for_anybody() -> None:
    work, _ = work_of(lambda _: "", 3)
    taker = work.taker()
    for left in (True, False, False):
        assert taker.take() is not None
        assert work.has_for_another(known_only=True) is left, "of one that is left the first taker has use itself"
