"""The connection to a cluster that was started for the run."""

from __future__ import annotations

import os
import signal

import dask

from dcmsend.cluster.link import Link
from dcmsend.cluster.options import ClusterOptions
from support.processes import wait_until


def test_a_worker_of_the_runs_own_cluster_comes_back_however_often_it_dies() -> None:
    setting = "distributed.deploy.lost-worker-timeout"
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    with dask.config.set({setting: "1ms"}):  # nothing comes back so soon
        try:
            link.open(lambda: None, 60, 60)
            (process,) = link.run(os.getpid).values()
            for _ in range(2):
                os.kill(process, signal.SIGKILL)
                wait_until(lambda dead=process: list(link.run(os.getpid).values()) not in ([], [dead]), 60, "a worker")
                (process,) = link.run(os.getpid).values()
        finally:
            link.close()
        assert dask.config.get(setting) == "1ms"
