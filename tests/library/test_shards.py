"""Shards of what ``send`` is given."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from dcmsend import IndexOptions, InputOptions, Peer, Shard, send
from dcmsend.errors import NoInputFiles
from support.corpus import DATA
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances


def shard(number: int, count: int) -> InputOptions:
    return InputOptions(scan_directories=True, recurse=True, shard=Shard(number, count))


@pytest.mark.parametrize("scanning", [False, True])
def test_files_folders_and_data_sets(tmp_path: Path, scanning: bool) -> None:
    (tmp_path / "folder").mkdir()
    files = write_instances(tmp_path, 12)
    for path in files[:6]:
        path.rename(tmp_path / "folder" / path.name)
    data_sets = [pydicom.dcmread(DATA / "pydicom" / "CT_small.dcm") for _ in range(8)]
    for number, data_set in enumerate(data_sets):
        data_set.SOPInstanceUID = f"1.2.3.{number + 1}"
    items = [tmp_path / "folder", *data_sets, *files[6:]]
    with ScriptedPeer() as peer:
        shares = []
        for number in (1, 2, 3):
            transfer = send(items, Peer("127.0.0.1", peer.port), inputs=shard(number, 3), send_while_scanning=scanning)
            shares.append(sum(1 for _ in transfer))
            assert not transfer.rejected
            items.reverse()
        uids = sorted(store.sop_instance_uid or "" for store in peer.stores)
    assert all(shares)
    assert uids == sorted([*(instance_uid(n) for n in range(1, 13)), *(f"1.2.3.{n}" for n in range(1, 9))])


def test_a_part_of_nothing(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 1)
    with ScriptedPeer() as peer:
        where = Peer("127.0.0.1", peer.port)
        sent = [len(list(send(files, where, inputs=shard(number, 9)))) for number in range(1, 10)]
        assert sorted(sent) == [0] * 8 + [1]
        with pytest.raises(NoInputFiles):
            list(send([], where, inputs=shard(1, 9), index=IndexOptions(halt_on_invalid=False)))
        assert len(peer.connections) == 1
