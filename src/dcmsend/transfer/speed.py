"""How long sessions take from answer to answer, and how the speed of different numbers of sessions compares."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["Speed", "Spent", "Sums"]

Sums = tuple[float, float, float]
"""A number of answers, their seconds, and the squares of these seconds."""


class Spent:
    """The seconds from answer to answer of a session, added up for instances of about the same size.

    Attributes:
        sums: by size class, the number of answers, their seconds, and the squares of these; of all sessions together.
    """

    def __init__(self) -> None:
        self.sums: dict[int, Sums] = {}

    def add(self, length: int, seconds: float) -> None:
        """Note an answer for an instance of ``length`` bytes, so many seconds after the one before."""
        size = length.bit_length() // 2  # a class ends at four times its begin
        seconds = max(0.0, seconds)
        count, total, squares = self.sums.get(size, (0, 0.0, 0.0))
        self.sums[size] = (count + 1, total + seconds, squares + seconds * seconds)


class Speed:
    """How fast so many sessions are, for each size class; sums as in ``Spent``."""

    def __init__(self, count: int, sums: Mapping[int, Sums]) -> None:
        self._count = count
        self._sums = dict(sums)

    def is_comparable(self, other: Speed) -> bool:
        """Whether half of the instances are of sizes of which ``other`` knows something."""
        known = sum(answers for size, (answers, _, _) in self._sums.items() if size in other._sums)
        return 2 * known >= sum(answers for answers, _, _ in self._sums.values()) > 0

    def times(self, other: Speed) -> tuple[float, float]:
        """How many times as fast as ``other`` these sessions are, and by how much that may be wrong by chance.

        Only sizes count that both know, if there are any.
        """
        expected = needed = expected_variance = needed_variance = 0.0
        for size, sums in self._sums.items():
            if size in other._sums:
                answers, (mean, variance) = sums[0], _mean_and_variance(other._sums[size])
                expected += answers * mean
                expected_variance += answers * answers * variance / other._sums[size][0]
                needed += sums[1]
                needed_variance += answers * _mean_and_variance(sums)[1]
        if not needed or not expected:
            return self._count / other._count * other._mean / max(self._mean, 1e-9), 1.0
        times = self._count / other._count * expected / needed
        return times, times * math.sqrt(expected_variance / expected**2 + needed_variance / needed**2)

    @property
    def error(self) -> float:
        """By what part the whole may be wrong by chance."""
        needed = sum(seconds for _, seconds, _ in self._sums.values())
        variance = sum(sums[0] * _mean_and_variance(sums)[1] for sums in self._sums.values())
        return math.sqrt(variance) / max(needed, 1e-9)

    @property
    def _mean(self) -> float:
        return sum(sums[1] for sums in self._sums.values()) / max(1, sum(sums[0] for sums in self._sums.values()))

    def with_older(self, older: Speed) -> Speed:
        """The two joined, the older one with less weight."""
        sums = {size: tuple(0.5 * each for each in row) for size, row in older._sums.items()}
        for size, row in self._sums.items():
            before = sums.get(size, (0.0, 0.0, 0.0))
            sums[size] = tuple(old + new for old, new in zip(before, row, strict=True))
        return Speed(self._count, {size: (row[0], row[1], row[2]) for size, row in sums.items() if row[0] > 0.1})


def _mean_and_variance(sums: Sums) -> tuple[float, float]:
    answers, seconds, squares = sums
    mean = seconds / answers
    return mean, max(0.0, squares / answers - mean * mean)
