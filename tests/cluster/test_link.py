"""The connection to a cluster that was started for the run."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
import warnings
from contextlib import ExitStack, suppress
from urllib.error import HTTPError

import dask
import pytest

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


def test_the_runs_own_cluster_has_no_web_pages_and_minds_no_other_cluster() -> None:
    link = Link(ClusterOptions("local:1"), None, lambda attempt, how: None)
    with ExitStack() as stack:
        with suppress(OSError):  # somebody else has it
            stack.enter_context(socket.create_server(("127.0.0.1", 8787)))  # where Dask has its pages
        warned = stack.enter_context(warnings.catch_warnings(record=True))
        stack.callback(link.close)
        link.open(lambda: None, 60, 60)
        assert [warning for warning in warned if issubclass(warning.category, UserWarning)] == []
        info = link._client.scheduler_info(n_workers=-1)  # Dask says itself where its pages would be
        (worker,) = info["workers"].values()
        for port in (info["services"]["dashboard"], worker["services"]["dashboard"]):
            for page in ("/status", "/info/main/workers.html", "/metrics", "/health", "/json/counts.json"):
                with pytest.raises(HTTPError, match="404"):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=60)
