"""The events that an observer receives while a transfer runs."""

# Without `from __future__ import annotations`: typing compiles annotations that are strings, for 2 ms at each start.
from typing import NamedTuple

__all__ = ["AssociationClosed", "AssociationOpened", "BytesSent", "HostNews", "Waiting"]


class AssociationOpened(NamedTuple):
    """The peer has accepted an association.

    Attributes:
        number: from 1.
        proposed: how many presentation contexts were proposed.
        accepted: how many of them were accepted.
        fragment_length: data set bytes in each PDU.
        window: how many requests may be without an answer.
    """

    number: int
    proposed: int
    accepted: int
    fragment_length: int
    window: int = 1


class AssociationClosed(NamedTuple):
    """An association has ended.

    Attributes:
        number: from 1.
        how: ``released`` (of a web service ``closed``), ``release not confirmed`` (a run that was asked to end has
            waited for long enough), ``aborted``, or the message of the error that ended it.
    """

    number: int
    how: str


class BytesSent(NamedTuple):
    """A piece of a data set was handed to the network; there is about one event for each MiB.

    Attributes:
        number: place of the instance in the transfer list, from 1.
        length: data set bytes of this piece.
        study_uid: Study Instance UID of the instance; ``""`` if it is not known.
    """

    number: int
    length: int
    study_uid: str = ""


class Waiting(NamedTuple):
    """Nothing is sent for a while, because the peer cannot take it now; the transfer tries again later.

    Attributes:
        why: one line for a person, e.g. ``peer out of resources (0xA700)``.
        until: time of the next attempt, in seconds since the epoch.
    """

    why: str
    until: float


class HostNews(NamedTuple):
    """One of the hosts of a cluster has told something.

    Attributes:
        host: its name.
        associations: how many it has opened, less those it has closed, since its last news.
        done: instances that have come to their end there since then.
    """

    host: str
    associations: int
    done: int
