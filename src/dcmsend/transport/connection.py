"""The interface of a byte stream to a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .deadline import Deadline

__all__ = ["Connection"]


class Connection(Protocol):
    """A reliable byte stream to a peer.  Source: PS3.8 §9.1.

    Attributes:
        taken: of a ``send`` that has raised, how many bytes the system had taken; through TLS those of whole records,
            for the peer can read nothing of a part of one.
    """

    taken: int

    def send(
        self, data: bytes | bytearray | memoryview, idle: Deadline, on_stall: Callable[[], None] | None = None
    ) -> None:
        """Send all of ``data``; ``idle`` starts again whenever a byte was taken.

        ``on_stall`` is called whenever nothing could be sent for ``WAIT_SLICE`` seconds.
        Raises TimedOut, ConnectionLost, Cancelled, and what ``on_stall`` raises.
        """
        ...

    def receive_into(self, buffer: memoryview, deadline: Deadline) -> int:
        """Wait for at least one byte; return the number of bytes put into ``buffer``, 0 if the peer has closed.

        Raises TimedOut, ConnectionLost, Cancelled.
        """
        ...

    def has_input(self) -> bool:
        """Whether ``receive_into`` would return at once."""
        ...

    def unsent(self) -> int:
        """Bytes that ``send`` has taken and the peer has not received, as far as the system tells; else 0."""
        ...

    def close(self) -> None:
        """Close; never raises, may be called twice."""
        ...
