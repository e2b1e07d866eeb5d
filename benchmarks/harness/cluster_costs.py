"""Measures the constants of ``cluster_model`` with runs of the installed command over a cluster of this machine.

Nothing is sent for long: what an instance costs is the difference of two runs that send different numbers, so that
starting, connecting and comparing versions fall out.  Seconds are those that the system has given to a process, so they
do not grow when others use the machine, too (but for what a shared cache and processor cost).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .case import Receiver
from .cluster_model import Costs, heartbeat_interval
from .clusters import MeasuredCluster, Told, measured_cluster
from .programs import Programs, clean_environment
from .receivers import open_receiver
from .trees import TreeSpec, make_tree

__all__ = ["Run", "costs_of", "measure_costs"]

WORKERS = 2
MANY_WORKERS = 8
"""To see what one more costs a scheduler; up to ten of them say equally often that they live."""
_LONGEST = "3600"


@dataclass(frozen=True)
class Run:
    """A run of the command.

    Attributes:
        instances: that were sent.
        wall: seconds from start to end.
        driver, scheduler: seconds of the processor.
        groups, told_bytes: that workers have told.
        peak: bytes of memory of the driver.
        journal: bytes of its journal afterwards.
    """

    instances: int
    wall: float
    driver: float
    scheduler: float
    groups: int
    told_bytes: int
    peak: int
    journal: int


def measure_costs(
    programs: Programs, cache: Path, scale: float, tell: Callable[[str], None], *, is_judged: bool
) -> tuple[Costs, dict[str, Run]]:
    """The constants of this machine, and the runs that they come from; ``scale`` multiplies the numbers of files.

    ``is_judged``: whether the figures mean anything; if not, there is no second cluster to be compared with.
    """
    few, many, slow = (max(2, int(scale * number)) for number in (5_000, 20_000, 1_000))
    folder = cache / "cluster-costs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runs: dict[str, Run] = {}
    crowded = 0.0
    if is_judged:
        with measured_cluster(programs, MANY_WORKERS, folder) as cluster:
            tell(f"{MANY_WORKERS} workers that wait")
            crowded = _idle(cluster, 15 * scale + 1)
    with measured_cluster(programs, WORKERS, folder, is_judged=is_judged) as cluster:
        tell(f"{WORKERS} workers that wait")
        idle = _idle(cluster, 15 * scale + 1)
        plans = (
            ("one", 1, Receiver("null-sink")),
            ("still", 1, Receiver("null-sink", ("--service", f"{int(8000 * scale)}"))),
            ("few", few, Receiver("null-sink")), ("many", many, Receiver("null-sink")),
            ("slow", slow, Receiver("null-sink", ("--service", "20"))),
        )  # fmt: skip
        for name, count, receiver in plans:
            tell(f"{name}: {count} instances")
            tree = make_tree(TreeSpec("small", count, linked=count > 1), cache)
            with open_receiver(programs, receiver, cache / "receivers" / "cluster") as running:
                words = ["+sd", "+r", "127.0.0.1", str(running.port), *tree.arguments]
                running.begin()
                runs[name] = _run(programs, cluster, folder, name, count, words)
                if running.arrived().instances != count:
                    raise RuntimeError(f"{name}: not everything has arrived")
                if name in ("few", "many"):
                    tell(f"{name}, again")
                    runs[f"{name} known"] = _run(programs, cluster, folder, name, 0, words)
        tell("a worker that is killed")
        start = cluster.kill_worker()
    return costs_of(runs, few, many, (idle, crowded), start), runs


def _idle(cluster: MeasuredCluster, seconds: float) -> float:
    """What the scheduler spends in a second in which nothing happens."""
    begin, before = time.monotonic(), cluster.scheduler_seconds()
    time.sleep(seconds)
    return (cluster.scheduler_seconds() - before) / (time.monotonic() - begin)


def costs_of(
    runs: dict[str, Run], few: int, many: int, idle: tuple[float, float], worker_start: float
) -> Costs:  # fmt: skip
    """The constants that explain the runs.

    ``idle``: of the scheduler for a second in which nothing happens, with ``WORKERS`` and with ``MANY_WORKERS``.
    """
    heartbeat = max(0.0, (idle[1] - idle[0]) / (MANY_WORKERS - WORKERS) * heartbeat_interval(WORKERS))
    rest = max(0.0, idle[0] - heartbeat * WORKERS / heartbeat_interval(WORKERS))
    one, still, slow = runs["one"], runs["still"], runs["slow"]
    second = max(0.0, (still.driver - one.driver) / max(still.wall - one.wall, 1e-9))
    least, most = runs["few known"], runs["many known"]
    known = (most.driver - least.driver - (most.wall - least.wall) * second) / (many - few)
    instance, group = _two(
        (runs["few"], runs["many"]), (one, slow), lambda run: run.driver - run.wall * second
    )  # fmt: skip
    for_scheduler = _two(
        (runs["few"], runs["many"]), (one, slow), lambda run: run.scheduler - run.wall * idle[0]
    )  # fmt: skip
    return Costs(
        max(known, 0.0), instance, group, second, one.wall, *for_scheduler, rest, heartbeat,
        runs["many"].told_bytes / runs["many"].instances, (runs["many"].journal - runs["few"].journal) / (many - few),
        worker_start,
    )  # fmt: skip


def _two(fast: tuple[Run, Run], slow: tuple[Run, Run], cost: Callable[[Run], float]) -> tuple[float, float]:
    """What an instance and a group cost, neither less than nothing: of two differences, one with many groups."""
    (a, b, c), (d, e, f) = (
        (last.instances - first.instances, last.groups - first.groups, cost(last) - cost(first))
        for first, last in (fast, slow)
    )
    determinant = a * e - b * d
    if not determinant:
        return max(0.0, c / a), 0.0
    instance, group = (c * e - b * f) / determinant, (a * f - c * d) / determinant
    if instance < 0:
        return 0.0, max(0.0, f / e)
    return (instance, group) if group >= 0 else (max(0.0, c / a), 0.0)


def _run(
    programs: Programs, cluster: MeasuredCluster, folder: Path, name: str, instances: int, words: list[str]
) -> Run:
    """Run the command over the cluster, with a journal of this name."""
    journal, result = folder / f"{name}.journal", folder / "result"
    told, scheduler = cluster.told(), cluster.scheduler_seconds()
    command = [
        str(programs.dcmsend), "--cluster", cluster.address, "--journal", str(journal), "--resume", *words
    ]  # fmt: skip
    argv = [programs.compiled("measure"), str(result), _LONGEST, programs.sender_processors, *command]
    subprocess.run(argv, check=True, capture_output=True, env=clean_environment())
    wall, user, system, peak, code = result.read_text().split()
    if int(code):
        raise RuntimeError(f"{name}: exit code {code}")
    spent = cluster.scheduler_seconds() - scheduler
    now = cluster.told()
    told = Told(now.groups - told.groups, now.size - told.size)
    return Run(
        instances, float(wall), float(user) + float(system), spent, told.groups, told.size, int(peak) * 1024,
        os.path.getsize(journal),
    )  # fmt: skip
