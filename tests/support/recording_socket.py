"""Sockets that note which calls are made on them."""

from __future__ import annotations

import socket
from typing import Any

__all__ = ["RecordingSocket"]


class RecordingSocket(socket.socket):
    """A real socket; the names of the calls that matter for the wire are noted in ``calls``, in order.

    Attributes:
        made: all sockets of this class, in the order in which they were made.
        calls: ``recv_into``, ``send``, or ``(level, option)`` for an option that was set.
    """

    made: list[RecordingSocket] = []  # noqa: RUF012  (a test that uses it sets a list of its own)

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.calls: list[object] = []
        self.made.append(self)

    def setsockopt(self, level: int, option: int, *value: Any) -> None:
        self.calls.append((level, option))
        super().setsockopt(level, option, *value)

    def recv_into(self, *arguments: Any) -> int:
        self.calls.append("recv_into")
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        self.calls.append("send")
        return super().send(*arguments)
