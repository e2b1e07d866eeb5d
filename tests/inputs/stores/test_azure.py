"""What only a container of Azure has: requests for ranges, and blobs that stand for directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcmsend import InputOptions, Peer, Result, send
from dcmsend.inputs.stores.store import RANGE
from support.scripted_peer import ScriptedPeer
from support.sending import write_large
from support.store_servers import StorePlace
from support.tar_files import tar_of

pytestmark = pytest.mark.peer("azurite")

LARGE = 9 << 20
"""More than one request gives."""


def options_of(place: StorePlace, **options: bool) -> InputOptions:
    return InputOptions(scan_directories=True, recurse=True, storage_options=place.options, **options)


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
