"""Stores that tests send from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.store_servers import StorePlace, azure_place, google_place, memory_place, s3_place, sftp_place, web_place


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


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A container."""
    folder = tmp_path / "azurite"
    folder.mkdir()
    with azure_place(folder, monkeypatch) as place:
        yield place


@pytest.fixture
def gs(tmp_path: Path) -> Iterator[StorePlace]:
    """A bucket."""
    folder = tmp_path / "emulator"
    folder.mkdir()
    with google_place(folder) as place:
        yield place


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[StorePlace]:
    """A directory of a host."""
    folder = tmp_path / "host"
    folder.mkdir()
    with sftp_place(folder) as place:
        yield place


@pytest.fixture
def obstore(s3: StorePlace) -> StorePlace:
    """A bucket that is asked through another library."""
    s3.options += (("backend", "obstore"),)
    return s3


STORES = [
    "memory", "web",
    pytest.param("s3", marks=pytest.mark.peer("moto")),
    pytest.param("obstore", marks=pytest.mark.peer("obstore")),
    pytest.param("az", marks=pytest.mark.peer("azurite")),
    pytest.param("gs", marks=pytest.mark.peer("gcp-storage-emulator")),
    pytest.param("sftp", marks=pytest.mark.peer("asyncssh")),
]  # fmt: skip


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> StorePlace:
    """Each of the stores."""
    place: StorePlace = request.getfixturevalue(request.param)
    return place
