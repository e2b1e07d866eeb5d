"""Loaded into the workers of a cluster under test: reading a file called ``deadly`` ends the process."""

from __future__ import annotations

import os
import signal

from dcmsend.inputs import InputFile


def dask_setup(worker: object) -> None:
    """Called by Dask in each worker."""
    before = InputFile.open_beginning

    def open_beginning(item: InputFile, size: int) -> tuple[int, bytes]:
        if os.path.basename(item.path).startswith("deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        return before(item, size)

    InputFile.open_beginning = open_beginning  # type: ignore[method-assign]
