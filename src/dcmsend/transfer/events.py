"""What an observer is told while a transfer runs."""

from __future__ import annotations

from typing import NamedTuple

from .outcome import StoreOutcome

__all__ = ["AssociationClosed", "AssociationOpened", "BytesSent", "Observer"]


class AssociationOpened(NamedTuple):
    """The peer has answered A-ASSOCIATE-AC.

    Attributes:
        number: from 1.
        proposed: how many presentation contexts were proposed.
        accepted: how many of them were accepted.
        fragment_length: data set bytes in each PDU.
    """

    number: int
    proposed: int
    accepted: int
    fragment_length: int


class AssociationClosed(NamedTuple):
    """An association has ended.

    Attributes:
        number: from 1.
        how: ``released``, ``aborted``, or the message of the error that ended it.
    """

    number: int
    how: str


class BytesSent(NamedTuple):
    """A piece of a data set was handed to the network; about one event a MiB.

    Attributes:
        number: place of the instance in the transfer list, from 1.
        length: data set bytes of this piece.
    """

    number: int
    length: int


class Observer:
    """Override what you want to hear of.

    Calls come from the thread that transfers and have to be quick; an exception ends the run.
    """

    def association_opened(self, event: AssociationOpened) -> None:
        """An association was accepted."""

    def association_closed(self, event: AssociationClosed) -> None:
        """An association has ended."""

    def bytes_sent(self, event: BytesSent) -> None:
        """A piece of a data set was sent."""

    def outcome(self, outcome: StoreOutcome) -> None:
        """An instance has come to its end."""
