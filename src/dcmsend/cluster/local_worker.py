"""Loaded by Dask into the workers that a run has started: signals are for the driver, which tells the workers."""

from __future__ import annotations

import signal

__all__ = ["dask_setup"]


def dask_setup(worker: object) -> None:
    """Called by Dask in the main thread of a worker: a Ctrl-C at the terminal reaches this process, too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
