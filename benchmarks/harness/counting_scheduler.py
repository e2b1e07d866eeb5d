"""Loaded into a scheduler that is measured: counts what workers of dcmsend tell, and its bytes."""

from __future__ import annotations

from typing import Any

__all__ = ["dask_setup"]


def dask_setup(scheduler: Any) -> None:
    """Called by Dask in the scheduler."""
    scheduler.dcmsend_groups = scheduler.dcmsend_bytes = 0
    before = scheduler._broker.publish

    def publish(topics: Any, message: Any) -> None:
        if isinstance(topics, str) and topics.startswith("dcmsend-"):
            scheduler.dcmsend_groups += 1
            scheduler.dcmsend_bytes += len(message)
        before(topics, message)

    scheduler._broker.publish = publish
