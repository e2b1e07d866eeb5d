"""The interface to which a run hands its inputs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from dcmsend.index import RejectedInput
from dcmsend.inputs import Source
from dcmsend.transfer import StoreOutcome

__all__ = ["Carrier"]


class Carrier(Protocol):
    """Brings every input to its outcome: on this machine, or on other hosts."""

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """Yield one outcome for each instance, in list order, and each input that holds none, when it is found.

        After the last outcome raises the DcmsendError that ended the run early.
        """
        ...
