"""The order of the tests beside other workers: ``support.order``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from support.order import long_ones_first


class _Test:
    def __init__(self, module: str, number: int) -> None:
        self.path, self.number, self.is_slow = Path(module), number, module.startswith("long") and number == 1

    def get_closest_marker(self, name: str) -> Any:
        return name if self.is_slow and name == "slow" else None


def made_of(**modules: int) -> list[pytest.Item]:
    return [cast(pytest.Item, _Test(module, number)) for module, count in modules.items() for number in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_each_worker_begins_with_long_modules(workers: int) -> None:
    """Each gets as many neighbours as the others; no test is lost, and long modules stay whole."""
    items = made_of(a=30, long_1=3, b=50, long_2=2, long_3=4, c=39)
    ordered = long_ones_first(items, workers)
    assert sorted(map(id, ordered)) == sorted(map(id, items))
    begins = [ordered[len(items) * number // workers].path.name for number in range(workers)]
    assert sum(name.startswith("long") for name in begins) == min(workers, 3)
    places = [(item.path.name, cast(Any, item).number) for item in ordered]
    for name, count in (("long_1", 3), ("long_2", 2), ("long_3", 4)):
        begin = places.index((name, 0))
        assert places[begin : begin + count] == [(name, number) for number in range(count)]


def test_where_nothing_is_long_the_order_stays() -> None:
    items = made_of(a=5, b=4)
    assert long_ones_first(items, 3) == items


def test_few_tests_that_are_all_long() -> None:
    items = made_of(long_1=2, long_2=9)
    assert sorted(map(id, long_ones_first(items, 6))) == sorted(map(id, items))
