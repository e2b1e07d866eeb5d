"""A model of a run over a cluster: driver, scheduler and workers as queues, batch by batch.

Pure: it knows constants (``Costs``) and what is asked of the cluster (``Load``), no file, no clock, no chance but the
one that it is given.  The driver and the scheduler each serve one thing after the other; a worker has one batch at a
time; a place in the window is free again when the driver has heard the end of a batch, as in ``dcmsend.cluster``.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, replace
from random import Random

__all__ = [
    "GROUP", "GROUP_SECONDS", "MOST_UNTOLD", "Costs", "Load", "Outcome", "breaks_first", "groups_of",
    "heartbeat_interval", "limits", "simulate",
]  # fmt: skip

BATCHES = (50, 500)
"""Fewest and most instances of a batch; between them what a worker sends in so many seconds:"""
BATCH_SECONDS = 5.0
MOST_UNTOLD = 256
"""Outcomes that the scheduler may not have when a worker dies."""
GROUP = MOST_UNTOLD // 2
"""Outcomes after which a worker tells them."""
GROUP_SECONDS = 0.2
"""Or the time after which it does."""
KEPT_GROUPS = 10_000
"""That the scheduler keeps, as docs/past-one-machine.md sets it up."""
DEATH_SECONDS = 0.5
"""For which the driver waits for the last words of a worker that has died."""


@dataclass(frozen=True)
class Costs:
    """Constants of a machine, each measured by ``cluster_costs``; seconds are seconds of its processor.

    Attributes:
        driver_known: of the driver for an input that is looked up in the journal and not sent.
        driver_instance: of the driver for an instance that is sent, with all that is done for it (looking it up, too).
        driver_group: of the driver for a group of outcomes, beside those in it.
        driver_second: of the driver for a second in which nothing happens.
        driver_start: seconds from the start of a driver to its first batch.
        scheduler_instance, scheduler_group: of the scheduler.
        scheduler_second: of the scheduler for a second in which nothing happens.
        scheduler_heartbeat: of the scheduler for each time that a worker says that it lives.
        outcome_bytes: of an outcome on its way.
        journal_row: bytes of the journal for an instance.
        worker_start: seconds from the death of a worker to the first batch of the next one.
    """

    driver_known: float
    driver_instance: float
    driver_group: float
    driver_second: float
    driver_start: float
    scheduler_instance: float
    scheduler_group: float
    scheduler_second: float
    scheduler_heartbeat: float
    outcome_bytes: float
    journal_row: float
    worker_start: float


@dataclass(frozen=True)
class Load:
    """What is to be done, and by how many.

    Attributes:
        instances: in all.
        hosts, workers: workers are those of each host.
        worker_rate: instances a second that one worker sends when it waits for nobody.
        receiver_rate: instances a second that the receiver takes, from all together; 0: any number.
        life: hours until a worker dies, in the mean; 0: none dies.
    """

    instances: int
    hosts: int
    workers: int = 1
    worker_rate: float = 100.0
    receiver_rate: float = 0.0
    life: float = 0.0

    @property
    def senders(self) -> int:
        """Workers of all hosts: so many batches are under way at most."""
        return self.hosts * self.workers

    @property
    def rate(self) -> float:
        """Instances a second of one worker, of which no more send than the receiver takes."""
        if not self.receiver_rate:
            return self.worker_rate
        return min(self.worker_rate, self.receiver_rate / self.senders)

    @property
    def batch(self) -> int:
        """Instances of a batch, as the driver cuts them when it knows how fast workers are."""
        fewest, most = BATCHES
        return max(fewest, min(most, round(self.rate * BATCH_SECONDS)))


@dataclass(frozen=True)
class Outcome:
    """What has come of a simulated run.

    Attributes:
        seconds: from the first batch to the end.
        stored: instances, each counted once.
        again: instances that were sent once more because a worker died.
        deaths: of workers.
        batches, groups: handed out, and told.
        driver_busy, scheduler_busy, workers_busy: share of the time in which they did something.
        journal_bytes: at the end.
        kept_bytes: of memory, for what the scheduler keeps for a driver that dies, of ``KEPT_GROUPS`` groups.
        recovery: seconds from the start of another driver to its first batch, if the first one dies at the end.
    """

    seconds: float
    stored: int
    again: int
    deaths: int
    batches: int
    groups: int
    driver_busy: float
    scheduler_busy: float
    workers_busy: float
    journal_bytes: float
    kept_bytes: float
    recovery: float

    @property
    def rate(self) -> float:
        """Instances a second."""
        return self.stored / self.seconds if self.seconds else 0.0


def groups_of(instances: int, rate: float) -> int:
    """In how many groups a worker tells of a batch: full ones, or what has come together meanwhile, and two more."""
    full = math.ceil(instances / GROUP)
    timed = math.ceil(instances / rate / GROUP_SECONDS)
    return min(instances, max(full, timed)) + 2  # that it has begun, and its end


def limits(costs: Costs, load: Load) -> dict[str, float]:
    """How many instances a second each part can take at most, by its name; the smallest decides."""
    groups = groups_of(load.batch, load.rate) / load.batch
    driver = max(costs.driver_known, costs.driver_instance) + groups * costs.driver_group
    scheduler = costs.scheduler_instance + groups * costs.scheduler_group
    found = {
        "workers": load.senders * load.worker_rate,
        "driver": _left(costs.driver_second) / driver if driver else math.inf,
        "scheduler": _left(_scheduler_share(costs, load)) / scheduler if scheduler else math.inf,
    }
    if load.receiver_rate:
        found["receiver"] = load.receiver_rate
    return found


def breaks_first(costs: Costs, load: Load, most_hosts: int = 100_000) -> tuple[str, int]:
    """The part beside the workers that is the first to be busy all the time as hosts are added, and with how many."""
    for hosts in range(1, most_hosts + 1):
        found = limits(costs, replace(load, hosts=hosts))
        name = min(found, key=found.__getitem__)
        if name != "workers":
            return name, hosts
    return "workers", most_hosts


def heartbeat_interval(workers: int) -> float:
    """Seconds after which a worker says again that it lives: the more there are, the less often.

    Source: ``distributed.scheduler.heartbeat_interval`` of version 2026.8.0.
    """
    for most, seconds in ((10, 0.5), (49, 1.0), (199, 2.0)):
        if workers <= most:
            return seconds
    return workers / 200 + 1


def _scheduler_share(costs: Costs, load: Load) -> float:
    """Share of its time that the scheduler spends whether or not anything is sent."""
    return costs.scheduler_second + costs.scheduler_heartbeat * load.senders / heartbeat_interval(load.senders)


def _left(share: float) -> float:
    """What is left of a processor of which this share is spent whether or not anything is sent."""
    return max(1.0 - share, 1e-9)


class _Server:
    """One that serves one thing after the other; ``share`` of its time goes to something else."""

    def __init__(self, share: float) -> None:
        self._slower = 1.0 / _left(share)
        self.free = 0.0
        self.busy = 0.0

    def serve(self, at: float, work: float) -> float:
        """Take work that comes at a time; the time at which it is done."""
        seconds = work * self._slower
        self.free = max(self.free, at) + seconds
        self.busy += seconds
        return self.free


@dataclass
class _Batch:
    """A batch under way.

    Attributes:
        told: instances of which the driver will hear.
        untold: those that were sent before the worker died, of which it will not.
        left: those that were not sent.
        is_known: whether the scheduler has heard of the end.
    """

    told: int
    untold: int
    left: int
    has_died: bool
    is_known: bool = False


def simulate(costs: Costs, load: Load, chance: Random) -> Outcome:
    """Play the run, from the first batch to the last."""
    driver, scheduler = _Server(costs.driver_second), _Server(_scheduler_share(costs, load))
    hearing = max(0.0, costs.driver_instance - costs.driver_known)
    rest = load.instances
    again: deque[int] = deque()  # what dead workers have left of their batches
    waiting = [0.0] * load.senders  # since when workers wait
    coming: list[tuple[float, int, _Batch]] = []  # what happens next: a worker has ended, or the driver is told of it
    stored = sent_again = deaths = batches = groups = 0
    sending = 0.0
    seconds = 0.0
    while rest or again or coming:
        if waiting and (rest or again) and (not coming or waiting[0] <= coming[0][0]):
            at = heapq.heappop(waiting)
            if again:
                size = again.popleft()
            else:
                size = min(load.batch, rest)
                rest -= size
            batches += 1
            begins = driver.serve(at, size * costs.driver_known)  # what the scheduler does for it counts at the end
            life = chance.expovariate(1.0) * load.life * 3600.0 if load.life else math.inf
            takes = size / load.rate
            done = size if life >= takes else int(size * life / takes)
            untold = min(done, MOST_UNTOLD, int(load.rate * GROUP_SECONDS) + 1) if life < takes else 0
            sending += min(life, takes)
            batch = _Batch(done - untold, untold, size - done, life < takes)
            heapq.heappush(coming, (begins + min(life, takes), batches, batch))
            continue
        at, number, batch = heapq.heappop(coming)
        count = groups_of(batch.told, load.rate) if batch.told else 2
        if not batch.is_known:
            batch.is_known = True
            work = batch.told * costs.scheduler_instance + count * costs.scheduler_group
            heapq.heappush(coming, (scheduler.serve(at, work), number, batch))
            continue
        groups += count
        heard = driver.serve(at, batch.told * hearing + count * costs.driver_group)
        stored += batch.told
        seconds = max(seconds, heard)
        if batch.has_died:
            deaths += 1
            sent_again += batch.untold
            again.append(batch.untold + batch.left)
            heapq.heappush(waiting, heard + DEATH_SECONDS + costs.worker_start)
        else:
            heapq.heappush(waiting, heard)
    total = max(seconds, 1e-9)
    return Outcome(
        seconds, stored, sent_again, deaths, batches, groups, driver.busy / total, scheduler.busy / total,
        sending / (total * load.senders), stored * costs.journal_row,
        min(groups, KEPT_GROUPS) * (stored / max(groups, 1)) * costs.outcome_bytes,
        costs.driver_start + stored * costs.driver_known,
    )  # fmt: skip
