"""Threads without which a run goes on, where the system permits no further one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

__all__ = ["is_started", "start_threads"]


def is_started(thread: threading.Thread) -> bool:
    """Start a thread; False where the system permits none: a limit of processes, as containers have."""
    try:
        thread.start()
    except RuntimeError:
        return False
    return True


def start_threads(target: Callable[[], None], names: Iterable[str]) -> list[threading.Thread]:
    """Daemon threads with these names, as many of them as the system permits; perhaps none."""
    threads: list[threading.Thread] = []
    for name in names:
        thread = threading.Thread(target=target, name=name, daemon=True)
        if not is_started(thread):  # those that were started have to be enough
            break
        threads.append(thread)
    return threads
