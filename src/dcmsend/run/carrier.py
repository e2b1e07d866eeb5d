"""What a run hands its inputs to."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from dcmsend.index import RejectedInput
from dcmsend.inputs import Source
from dcmsend.transfer import StoreOutcome

__all__ = ["Carrier"]


class Carrier(Protocol):
    """Makes an end of every input: here, or on other hosts."""

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """One outcome for each instance, in list order, and each input that holds none, when it is found.

        Raises what ended the run early, after the last outcome; DcmsendError.
        """
        ...
