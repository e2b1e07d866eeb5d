"""Which test answers which row of the list of situations in which both programs are compared.

The list has 112 rows, written when DCMTK's dcmsend 3.6.7 was observed; each test names its rows, and
``test_every_row_has_a_test`` fails on a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LAST_ROW = 112
TESTS_OF_ROW: dict[int, list[str]] = {number: [] for number in range(1, LAST_ROW + 1)}


def row(*numbers: int) -> Callable[[Any], Any]:
    """Mark a test as the answer to these rows."""

    def register(test: Any) -> Any:
        for number in numbers:
            TESTS_OF_ROW[number].append(f"{test.__module__}::{test.__name__}")
        return test

    return register
