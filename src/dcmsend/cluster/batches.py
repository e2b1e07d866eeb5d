"""Cuts a stream of inputs into batches, each the work of one worker for a while; whole directories where they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["FIRST_INPUTS", "MOST_BYTES", "MOST_INPUTS", "BatchCutter", "fitting_inputs"]

MOST_INPUTS: Final = 500
MOST_BYTES: Final = 256 << 20
FIRST_INPUTS: Final = 50
"""Most inputs of a batch as long as nobody knows how large the files are."""
_SECONDS: Final = 5.0
"""What a batch should take: so long the last worker may go on alone at the end of a run."""


def fitting_inputs(inputs: int, seconds: float) -> int | None:
    """Most inputs of the next batches, from what one took; None if it had too few to tell."""
    if inputs < FIRST_INPUTS:
        return None
    return max(FIRST_INPUTS, min(MOST_INPUTS, round(inputs * _SECONDS / max(seconds, 0.001))))


class _HasDirectory(Protocol):
    @property
    def directory(self) -> str: ...


_Input = TypeVar("_Input", bound=_HasDirectory)


class BatchCutter(Generic[_Input]):
    """Cuts batches of at most ``most_inputs`` inputs and about ``most_bytes`` bytes; a larger input is alone.

    A directory that is complete before a batch is full stays in one batch.  Never holds more than two batches.

    Attributes:
        most_inputs: may be changed at any time; holds from the next input on.
    """

    def __init__(
        self, size_of: Callable[[_Input], int], most_inputs: int = MOST_INPUTS, most_bytes: int = MOST_BYTES
    ) -> None:
        """``size_of`` gives bytes, as far as they are known."""
        self._size_of = size_of
        self.most_inputs = most_inputs
        self._most_bytes = most_bytes

    def cut(self, inputs: Iterable[_Input]) -> Iterator[list[_Input]]:
        """Yield the batches: each input once, in order, no batch empty."""
        batch: list[_Input] = []  # directories that are complete
        part: list[_Input] = []  # the directory that is being read
        batch_bytes = part_bytes = 0
        directory: str | None = None
        for item in inputs:
            size = self._size_of(item)
            if item.directory != directory:
                directory = item.directory
                if batch and not self._fits(len(batch) + len(part), batch_bytes + part_bytes):
                    yield batch
                    batch, batch_bytes = [], 0
                batch += part
                batch_bytes += part_bytes
                part, part_bytes = [], 0
            if part and not self._fits(len(part) + 1, part_bytes + size):
                if batch:
                    yield batch
                    batch, batch_bytes = [], 0
                yield part
                part, part_bytes = [], 0
            part.append(item)
            part_bytes += size
        if batch and not self._fits(len(batch) + len(part), batch_bytes + part_bytes):
            yield batch
            batch = []
        if batch or part:
            yield batch + part

    def _fits(self, inputs: int, size: int) -> bool:
        return inputs <= self.most_inputs and size <= self._most_bytes
