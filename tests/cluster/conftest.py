"""One cluster for all tests of this folder, because starting it takes seconds.

It ends with them: its threads open and close files, and other tests count those of the process.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from dask.distributed import Client

from support.clusters import cluster_of

WORKERS = 2


@pytest.fixture(scope="package")
def cluster() -> Generator[Client]:
    with cluster_of(WORKERS) as client:
        yield client


@pytest.fixture
def client(cluster: Client) -> Client:
    """The cluster with all its workers: the test before may have killed one."""
    cluster.wait_for_workers(WORKERS, timeout=60)
    return cluster
