"""What a worker tells: it is safe when it is told, and only so much may be untold at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dcmsend.cluster.teller import MOST_UNTOLD, Teller
from dcmsend.cluster.telling import tell_scheduler
from dcmsend.cluster.told import from_text
from support.processes import wait_until

COUNT = 3 * MOST_UNTOLD


class SlowScheduler:
    """Has what it was told, behind the beginning, only when it is let."""

    def __init__(self) -> None:
        self.groups: list[dict[str, Any]] = []
        self.may_hear = threading.Event()

    def tell(self, text: str) -> None:
        if self.groups:
            self.may_hear.wait(60)
        self.groups.append(from_text(text))


def test_no_more_than_a_group_is_untold() -> None:
    scheduler = SlowScheduler()
    teller = Teller(scheduler.tell, "run", 1)
    done: list[int] = []

    def send() -> None:
        teller.start()
        for number in range(COUNT):
            teller.end("outcome", number)
            done.append(number)
        teller.finish()

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: len(done) == MOST_UNTOLD, 60, "as much as may be untold")
    time.sleep(0.3)  # for a sender that would go on
    assert len(done) == MOST_UNTOLD
    scheduler.may_hear.set()
    sender.join(60)
    assert not sender.is_alive()
    groups = scheduler.groups
    assert [number for group in groups for _, number in group.get("ends", ())] == list(range(COUNT))
    assert [group["number"] for group in groups] == list(range(1, len(groups) + 1))
    assert [bool(group.get("last")) for group in groups] == [False] * (len(groups) - 1) + [True]


@pytest.fixture(scope="module")
def small_cluster() -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as running:
        yield running


def test_what_is_told_is_with_the_scheduler(small_cluster: Any) -> None:
    """Also where the loop of the worker is busy: Dask's own way leaves it in the worker's memory."""
    (worker,) = small_cluster.workers.values()
    worker.loop.add_callback(time.sleep, 0.5)
    tell_scheduler(worker, "topic", "first")
    assert [text for _, text in small_cluster.scheduler.get_events("topic")] == ["first"]


def test_a_worker_that_has_left_waits_for_nobody(small_cluster: Any) -> None:
    from distributed.utils import sync

    (worker,) = small_cluster.workers.values()
    sync(small_cluster.loop, worker.close)
    tell_scheduler(worker, "left", "too late")
    assert not small_cluster.scheduler.get_events("left")
