"""Stores that tests send from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcmsend.inputs.stores.store import Entry
from dcmsend.inputs.stores.web import WebStore
from support.store_servers import StorePlace, azure_place, google_place, memory_place, s3_place, sftp_place, web_place


@pytest.fixture
def web() -> Iterator[StorePlace]:
    """A web server."""
    with web_place() as place:
        yield place


@pytest.fixture
def reached_once(web: StorePlace, monkeypatch: pytest.MonkeyPatch) -> StorePlace:
    """A web server that is out of reach when an object is fetched a second time."""
    fetch, asked = WebStore.fetch, Counter[str]()

    async def once(self: WebStore, entry: Entry, *arguments: Any) -> Entry:
        asked[entry.path] += 1
        if asked[entry.path] > 1:
            raise ConnectionRefusedError
        return await fetch(self, entry, *arguments)

    monkeypatch.setattr(WebStore, "fetch", once)
    return web


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A bucket."""
    with s3_place(monkeypatch) as place:
        yield place


@pytest.fixture
def memory() -> Iterator[StorePlace]:
    """A store in this process."""
    with memory_place() as place:
        yield place


@pytest.fixture
def az(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A container."""
    with azure_place(monkeypatch) as place:
        yield place


@pytest.fixture
def gs() -> Iterator[StorePlace]:
    """A bucket."""
    with google_place() as place:
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


@pytest.fixture
def obstore_web(web: StorePlace) -> StorePlace:
    """A web server whose objects another library fetches."""
    web.options += (("backend", "obstore"),)
    return web


@pytest.fixture
def obstore_az(az: StorePlace, monkeypatch: pytest.MonkeyPatch) -> StorePlace:
    """A container that is asked through another library, which takes no connection string."""
    facts = dict(part.split("=", 1) for part in os.environ["AZURE_STORAGE_CONNECTION_STRING"].strip(";").split(";"))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", facts["AccountName"])
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", facts["AccountKey"])
    az.options += (("backend", "obstore"), ("endpoint_url", facts["BlobEndpoint"]))
    return az


STORES = [
    "memory", "web",
    pytest.param("obstore_web", marks=pytest.mark.peer("obstore")),
    pytest.param("obstore_az", marks=[pytest.mark.peer("obstore"), pytest.mark.peer("azurite")]),
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
