"""How long sessions take from answer to answer, and how the speed of different numbers of sessions compares."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["Speed", "Spent", "Sums"]

Sums = tuple[float, float, float, float]
"""A number of answers, their seconds, the squares of these seconds, and how many of the answers did not come in a burst
behind another one, as those to one request do, or to a window of requests."""

_BURST = 8
"""An answer that comes so many times sooner than usual belongs to the one before."""


class Spent:
    """The seconds from answer to answer of a session, added up for instances of about the same size.

    Attributes:
        sums: by size class, of all sessions together.
    """

    def __init__(self) -> None:
        self.sums: dict[int, Sums] = {}

    def add(self, length: int, seconds: float, answers: int = 1) -> None:
        """Note answers for instances of about ``length`` bytes, so many seconds after the one before together."""
        if not answers:
            return
        size = length.bit_length() // 2  # a class ends at four times its begin
        each = max(0.0, seconds) / answers
        count, total, squares, alone = self.sums.get(size, (0, 0.0, 0.0, 0))
        are_alone = answers if _BURST * each * count >= total else 0
        self.sums[size] = (count + answers, total + each * answers, squares + each * each * answers, alone + are_alone)


class Speed:
    """How fast so many sessions are, for each size class; sums as in ``Spent``."""

    def __init__(self, count: int, sums: Mapping[int, Sums]) -> None:
        self._count = count
        self._sums = dict(sums)

    def is_comparable(self, other: Speed) -> bool:
        """Whether half of the instances are of sizes of which ``other`` knows something."""
        known = sum(sums[0] for size, sums in self._sums.items() if size in other._sums)
        return 2 * known >= sum(sums[0] for sums in self._sums.values()) > 0

    def times(self, other: Speed) -> tuple[float, float]:
        """How many times as fast as ``other`` these sessions are, and by how much that may be wrong by chance.

        Only sizes count that both know, if there are any.
        """
        expected = needed = expected_variance = needed_variance = 0.0
        for size, sums in self._sums.items():
            if size in other._sums:
                usual = other._sums[size]
                expected += usual[1] * sums[0] / usual[0]
                expected_variance += _variance(usual) * (sums[0] / usual[0]) ** 2
                needed += sums[1]
                needed_variance += _variance(sums)
        if not needed or not expected:
            return self._count / other._count * other._mean / max(self._mean, 1e-9), 1.0
        times = self._count / other._count * expected / needed
        return times, times * math.sqrt(expected_variance / expected**2 + needed_variance / needed**2)

    @property
    def error(self) -> float:
        """By what part the whole may be wrong by chance."""
        needed = sum(sums[1] for sums in self._sums.values())
        return math.sqrt(sum(_variance(sums) for sums in self._sums.values())) / max(needed, 1e-9)

    @property
    def _mean(self) -> float:
        return sum(sums[1] for sums in self._sums.values()) / max(1, sum(sums[0] for sums in self._sums.values()))

    def with_older(self, older: Speed) -> Speed:
        """The two joined, the older one with less weight."""
        sums = {size: (0.5 * a, 0.5 * b, 0.5 * c, 0.5 * d) for size, (a, b, c, d) in older._sums.items() if a > 0.1}
        for size, (a, b, c, d) in self._sums.items():
            before = sums.get(size, (0.0, 0.0, 0.0, 0.0))
            sums[size] = (before[0] + a, before[1] + b, before[2] + c, before[3] + d)
        return Speed(self._count, sums)


def _variance(sums: Sums) -> float:
    """The variance of the seconds of all answers together; a few say little, however much they are alike."""
    _, seconds, squares, alone = sums
    alone = max(1.0, alone)
    mean = seconds / alone
    return alone * (max(0.0, squares / alone - mean * mean) + (mean / alone) ** 2)
