"""Stores that tests send from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.store_servers import StorePlace, memory_place, s3_place, web_place


@pytest.fixture
def web() -> Iterator[StorePlace]:
    """A web server."""
    with web_place() as place:
        yield place


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A bucket."""
    folder = tmp_path / "moto"
    folder.mkdir()
    with s3_place(folder, monkeypatch) as place:
        yield place


@pytest.fixture
def memory() -> Iterator[StorePlace]:
    """A store in this process."""
    with memory_place() as place:
        yield place


@pytest.fixture(params=["memory", "web", pytest.param("s3", marks=pytest.mark.peer("moto"))])
def store(request: pytest.FixtureRequest) -> StorePlace:
    """Each of the stores."""
    place: StorePlace = request.getfixturevalue(request.param)
    return place
