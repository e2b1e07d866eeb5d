"""The course of a run, in a bounded number of steps however long it takes."""

from __future__ import annotations

from typing import Final

__all__ = ["Timeline"]

_MOST_STEPS: Final = 120


class Timeline:
    """Instances and bytes in steps of equal length; the steps grow longer as the run does.

    Attributes:
        step: seconds.
        instances, data: number of instances and of bytes in each step.
    """

    def __init__(self, step: float = 1.0) -> None:
        self.step = step
        self.instances: list[int] = []
        self.data: list[int] = []

    def add(self, seconds: float, length: int) -> None:
        """Count an instance of ``length`` bytes that was finished ``seconds`` after the beginning."""
        while seconds >= self.step * _MOST_STEPS:
            self.step *= 2
            self.instances = _halved(self.instances)
            self.data = _halved(self.data)
        index = max(0, int(seconds / self.step))
        while len(self.instances) <= index:
            self.instances.append(0)
            self.data.append(0)
        self.instances[index] += 1
        self.data[index] += length


def _halved(values: list[int]) -> list[int]:
    return [sum(values[index : index + 2]) for index in range(0, len(values), 2)]
