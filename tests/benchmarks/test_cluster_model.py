"""What must be true of the model of a cluster, whatever its constants are."""

from __future__ import annotations

import math
import sys
from dataclasses import fields, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from harness.cluster_costs import MANY_WORKERS, WORKERS, Run, costs_of
from harness.cluster_model import (
    DEATH_SECONDS,
    GROUP,
    MOST_UNTOLD,
    Costs,
    Load,
    Outcome,
    breaks_first,
    groups_of,
    heartbeat_interval,
    limits,
    simulate,
)

SMALL = st.floats(0.0, 1e-3)
COSTS = st.builds(
    Costs, driver_known=SMALL, driver_instance=SMALL, driver_group=SMALL, driver_second=st.floats(0.0, 0.5),
    driver_start=st.floats(0.0, 10.0), scheduler_instance=SMALL, scheduler_group=SMALL,
    scheduler_second=st.floats(0.0, 0.2), scheduler_heartbeat=st.floats(0.0, 1e-3),
    outcome_bytes=st.floats(100.0, 1000.0),
    journal_row=st.floats(50.0, 500.0), worker_start=st.floats(0.0, 20.0),
)  # fmt: skip
LOADS = st.builds(
    Load, instances=st.integers(1, 60_000), hosts=st.integers(1, 40), workers=st.integers(1, 4),
    worker_rate=st.floats(1.0, 2000.0), receiver_rate=st.sampled_from((0.0, 50.0, 3000.0)),
    life=st.sampled_from((0.0, 0.0, 0.05, 5.0)),
)  # fmt: skip
FREE = Costs(**dict.fromkeys([each.name for each in fields(Costs)], 0.0))


def play(costs: Costs, load: Load) -> Outcome:
    return simulate(costs, load, Random(1))


@settings(deadline=None)
@given(COSTS, LOADS)
def test_each_instance_counts_once_and_nothing_is_faster_than_its_parts(costs: Costs, load: Load) -> None:
    done = play(costs, load)
    assert done.stored == load.instances
    assert done.batches >= math.ceil(load.instances / load.batch)
    assert done.groups >= math.ceil(load.instances / GROUP)
    found = limits(costs, load)
    assert done.rate <= found["workers"] * 1.000001
    assert done.rate <= found.get("receiver", math.inf) * 1.000001
    for share in (done.driver_busy, done.scheduler_busy, done.workers_busy):
        assert 0.0 <= share <= 1.000001
    # Of the driver and the scheduler the simulation counts what they do, the limit what they can.
    work = load.instances * max(costs.driver_known, costs.driver_instance)
    assert done.seconds * (1.0 - costs.driver_second) >= work * 0.999999
    assert done.seconds >= load.instances * costs.scheduler_instance * 0.999999
    assert done.journal_bytes == pytest.approx(load.instances * costs.journal_row)


@settings(deadline=None)
@given(COSTS, LOADS)
def test_deaths_cost_little(costs: Costs, load: Load) -> None:
    done = play(costs, load)
    assert done.again <= done.deaths * MOST_UNTOLD
    assert done.batches <= math.ceil(load.instances / load.batch) + done.deaths
    if not load.life:
        assert (done.deaths, done.again) == (0, 0)


@settings(deadline=None)
@given(LOADS)
def test_where_nothing_costs_anything_only_the_workers_take_time(load: Load) -> None:
    done = play(FREE, replace(load, life=0.0))
    each = math.ceil(math.ceil(load.instances / load.batch) / load.senders)
    assert load.instances / load.rate / load.senders <= done.seconds * 1.000001
    assert done.seconds <= each * load.batch / load.rate * 1.000001
    assert done.driver_busy == done.scheduler_busy == 0.0


@settings(deadline=None)
@given(COSTS, LOADS, st.sampled_from([each.name for each in fields(Costs)]))
def test_what_costs_more_can_do_less(costs: Costs, load: Load, name: str) -> None:
    dearer = replace(costs, **{name: getattr(costs, name) * 2})
    before, after = limits(costs, load), limits(dearer, load)
    assert all(after[part] <= before[part] for part in before)
    assert play(dearer, load).recovery >= play(costs, load).recovery


@settings(deadline=None)
@given(COSTS, LOADS)
def test_the_first_to_break_limits_from_there_on(costs: Costs, load: Load) -> None:
    most = 300
    name, hosts = breaks_first(costs, load, most)
    if hosts > 1:
        fewer = limits(costs, replace(load, hosts=hosts - 1))
        assert min(fewer, key=fewer.__getitem__) == "workers"
    if name != "workers":
        found = limits(costs, replace(load, hosts=hosts))
        assert found[name] == min(found.values()) < found["workers"]


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0.5, 5000.0))
def test_groups_are_neither_too_large_nor_too_many(instances: int, rate: float) -> None:
    groups = groups_of(instances, rate)
    assert (groups - 1) * GROUP >= instances
    assert groups <= instances + 2


@pytest.mark.parametrize("part", ["driver", "scheduler", "receiver"])
def test_what_cannot_do_more_is_busy_all_the_time(part: str) -> None:
    """Many workers that could send ten times as much."""
    costs = {
        "driver": replace(FREE, driver_known=2e-4, driver_instance=8e-4, scheduler_group=1e-3),
        "scheduler": replace(FREE, driver_instance=1e-4, scheduler_instance=1e-3),
        "receiver": replace(FREE, driver_instance=1e-5),
    }[part]
    load = Load(2_000_000, 100, worker_rate=100.0, receiver_rate=1000.0 if part == "receiver" else 0.0)
    found = limits(costs, load)
    assert min(found, key=found.__getitem__) == part
    done = play(costs, load)
    assert done.rate == pytest.approx(found[part], rel=0.05)
    busy = {"driver": done.driver_busy, "scheduler": done.scheduler_busy, "receiver": done.workers_busy}
    assert busy[part] > 0.95


@pytest.mark.parametrize("workers", [1, 2, 10, 11, 49, 50, 199, 200, 1000])
def test_workers_say_that_they_live_as_often_as_dask_has_them(workers: int) -> None:
    from distributed.scheduler import heartbeat_interval as of_dask

    assert heartbeat_interval(workers) == of_dask(workers)


def test_the_dead_worker_is_waited_for() -> None:
    """One worker, which dies at a moment of chance: its successor begins after what its start takes."""
    load = Load(500, 1, worker_rate=1.0, life=0.1)
    costs = replace(FREE, worker_start=7.0)
    done = play(costs, load)
    assert done.deaths
    assert done.seconds == pytest.approx(load.instances + done.again + done.deaths * (7.0 + DEATH_SECONDS), rel=0.01)


def idle_of(costs: Costs, workers: int) -> float:
    """What a scheduler spends in a second in which nothing happens."""
    return costs.scheduler_second + costs.scheduler_heartbeat * workers / heartbeat_interval(workers)


def run_of(costs: Costs, instances: int, groups: int, wall: float) -> Run:
    """What a run costs on a machine with these constants."""
    driver = 1.0 + instances * costs.driver_instance + groups * costs.driver_group + wall * costs.driver_second
    scheduler = instances * costs.scheduler_instance + groups * costs.scheduler_group
    scheduler += wall * idle_of(costs, WORKERS)
    journal = int(4096 + instances * costs.journal_row)
    return Run(instances, wall, driver, scheduler, groups, int(instances * costs.outcome_bytes), 1 << 26, journal)


@settings(deadline=None)
@given(COSTS)
def test_constants_are_found_again_in_runs_that_cost_them(costs: Costs) -> None:
    """Measuring is the inverse of spending."""
    runs = {
        "one": run_of(costs, 1, 3, 1.5), "still": run_of(costs, 1, 3, 9.5), "few": run_of(costs, 5000, 40, 6.0),
        "many": run_of(costs, 20_000, 160, 21.0), "slow": run_of(costs, 1000, 60, 12.0),
    }  # fmt: skip
    for name, count in (("few", 5000), ("many", 20_000)):
        runs[f"{name} known"] = replace(
            runs[name], driver=1.0 + count * costs.driver_known + runs[name].wall * costs.driver_second
        )
    idle = idle_of(costs, WORKERS), idle_of(costs, MANY_WORKERS)
    found = costs_of(runs, 5000, 20_000, idle, costs.worker_start)
    for each in fields(Costs):
        if each.name != "driver_start":
            expected = getattr(costs, each.name)
            assert getattr(found, each.name) == pytest.approx(expected, rel=0.02, abs=1e-7), each.name
