"""Changes of files that are to be sent, made while the connection is already open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dcmsend import Observer

__all__ = ["AtOpening", "cut", "leave"]


class AtOpening(Observer):
    """Does something when the connection is open."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    def association_opened(self, event: object) -> None:
        self._change()


def leave(path: Path) -> None:
    """Change nothing."""


def cut(path: Path) -> None:
    """Take three bytes off the end."""
    path.write_bytes(path.read_bytes()[:-3])
