"""The interface to which a run hands its inputs."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from dcmsend.index import RejectedInput
from dcmsend.inputs import Source
from dcmsend.transfer import StoreOutcome

from .circumstances import Circumstances

__all__ = ["Carrier", "CarrierMaker"]


class Carrier(Protocol):
    """Brings every input to its outcome: on this machine, or on other hosts."""

    def carry(self, inputs: Iterable[Source]) -> Generator[StoreOutcome | RejectedInput, None, None]:
        """Yield one outcome for each instance, in list order, and each input that holds none, when it is found.

        Where several hosts send, the list is in the order in which the outcomes come.

        After the last outcome raises the DcmsendError that ended the run early.
        """
        ...


class CarrierMaker(Protocol):
    """Makes the carrier of a run."""

    def __call__(self, run: Circumstances, /) -> Carrier: ...
