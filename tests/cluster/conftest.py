"""One cluster for all tests of this folder, because starting it takes seconds.

It ends with them: its threads open and close files, and other tests count those of the process.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
from dask.distributed import Client

from support.clusters import cluster_of


@pytest.fixture(scope="package")
def client() -> Generator[Client]:
    with cluster_of(2) as client:
        yield client
