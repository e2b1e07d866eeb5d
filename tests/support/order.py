"""In which order the workers of pytest-xdist take the tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pytest

__all__ = ["long_ones_first"]


def long_ones_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order in which each worker begins with modules that have a test marked as ``slow``.

    At first pytest-xdist gives each worker as many neighbours as the others; who has done with its own takes some from
    the end of another's.  So what stands first begins early, and nobody waits in the end for a test that takes a
    minute.  A module stays together, for the sake of what its tests share.
    """
    modules = [list(group) for _path, group in groupby(items, lambda item: item.path)]
    long, others = [], []
    for module in modules:
        if any(item.get_closest_marker("slow") for item in module):
            long.append(module)
        else:
            others += module
    ordered: list[pytest.Item] = []
    for number in range(workers):
        first = [item for module in long[number::workers] for item in module]
        more = (len(items) - len(ordered)) // (workers - number) - len(first)
        ordered += first + others[: max(0, more)]
        del others[: max(0, more)]
    return ordered + others
