"""What only a container of Azure has: requests for ranges, and blobs that stand for directories."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("azure.storage.blob")

from azure.storage.blob import BlobServiceClient, ContentSettings

from dcmsend import InputOptions, Peer, Result, send
from dcmsend.errors import NoValidInputFiles
from dcmsend.inputs.stores import azure
from dcmsend.inputs.stores.store import RANGE
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances, write_large
from support.store_servers import StorePlace
from support.tar_files import tar_of

pytestmark = pytest.mark.peer("azurite")

LARGE = 9 << 20
"""More than one request gives."""


def options_of(place: StorePlace, **options: Any) -> InputOptions:
    return InputOptions(**{"scan_directories": True, "recurse": True, "storage_options": place.options, **options})


@pytest.mark.parametrize("is_archive", [False, True])
def test_a_blob_of_more_than_one_request(az: StorePlace, tmp_path: Path, is_archive: bool) -> None:
    data = write_large(tmp_path / "one.dcm", LARGE).read_bytes()
    assert RANGE < len(data) < 2 * RANGE
    az.put("in.tar" if is_archive else "one.dcm", tar_of([("one.dcm", data)]) if is_archive else data)
    with ScriptedPeer() as peer:
        inputs = options_of(az, archives=is_archive)
        (outcome,) = send([az.url], Peer("127.0.0.1", peer.port), inputs=inputs)
    assert outcome.result is Result.STORED
    assert data.endswith(bytes(peer.stores[0].data_set))
    assert len(az.fetched) == 2


def upload(place: StorePlace, name: str, data: bytes, **facts: Any) -> None:
    """Store a blob with more than its bytes."""
    client = BlobServiceClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"])
    with client, client.get_container_client(place.url.split("/")[2]) as container:
        container.upload_blob(f"in/{name}", data, **facts)


@pytest.mark.parametrize("key", ["hdi_isfolder", "Hdi_isfolder"])
@pytest.mark.parametrize("recurse", [False, True])
def test_a_directory_that_is_a_blob(az: StorePlace, tmp_path: Path, key: str, recurse: bool) -> None:
    """As in an account with a hierarchical namespace, named without a slash, and met in lists."""
    path = write_instances(tmp_path / "in", 1)[0]
    for name in ("study", "study/series"):
        upload(az, name, b"", metadata={key: "true"})
    az.put("study/one.dcm", path.read_bytes())
    inputs = options_of(az, recurse=recurse)
    with ScriptedPeer() as peer:
        (outcome,) = send([az.url + "study"], Peer("127.0.0.1", peer.port), inputs=inputs)
    assert outcome.result is Result.STORED
    assert outcome.instance.input.path == az.url + "study/one.dcm"


@pytest.mark.parametrize("is_named", [False, True])
def test_a_blob_with_a_content_encoding_of_more_than_one_request(
    az: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_named: bool
) -> None:
    monkeypatch.setattr(azure, "RANGE", 1000)
    data = write_large(tmp_path / "one.dcm", 3 << 20).read_bytes()
    packed = gzip.compress(data)
    assert len(packed) > 3000
    upload(az, "one.dcm", packed, content_settings=ContentSettings(content_encoding="gzip"))
    with ScriptedPeer() as peer:
        url = az.url + "one.dcm" if is_named else az.url
        (outcome,) = send([url], Peer("127.0.0.1", peer.port), inputs=options_of(az))
    assert outcome.result is Result.STORED
    assert data.endswith(bytes(peer.stores[0].data_set))


@pytest.mark.parametrize("cut", [0, 10])
def test_a_blob_that_is_not_what_its_content_encoding_says(az: StorePlace, tmp_path: Path, cut: int) -> None:
    data = write_instances(tmp_path / "in", 1)[0].read_bytes()
    packed = gzip.compress(data)[:-cut] if cut else data
    upload(az, "one.dcm", packed, content_settings=ContentSettings(content_encoding="gzip"))
    with ScriptedPeer() as peer:
        transfer = send([az.url], Peer("127.0.0.1", peer.port), inputs=options_of(az))
        with pytest.raises(NoValidInputFiles, match="Content-Encoding"):
            list(transfer)


@pytest.mark.parametrize("encoding", ["UTF-8", "binary", "br"])
def test_a_content_encoding_that_is_not_unpacked(az: StorePlace, tmp_path: Path, encoding: str) -> None:
    """Some programs give blobs one that is no compression; the bytes are taken as they are."""
    data = write_instances(tmp_path / "in", 1)[0].read_bytes()
    upload(az, "one.dcm", data, content_settings=ContentSettings(content_encoding=encoding))
    with ScriptedPeer() as peer:
        (outcome,) = send([az.url], Peer("127.0.0.1", peer.port), inputs=options_of(az))
    assert outcome.result is Result.STORED
    assert data.endswith(bytes(peer.stores[0].data_set))
