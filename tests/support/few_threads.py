"""A system that permits no further threads, as in a container with a limit of processes."""

from __future__ import annotations

import threading

import pytest

__all__ = ["permit_threads"]


def permit_threads(monkeypatch: pytest.MonkeyPatch, *names: str, possible: int = 0) -> list[str]:
    """Of the threads whose names begin so, only the first ``possible`` ones can be started; returns who was refused."""
    started: list[threading.Thread] = []
    refused: list[str] = []
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if thread.name.startswith(names):
            if len(started) >= possible:
                refused.append(thread.name)
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    return refused
