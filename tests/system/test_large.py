"""Large inputs: memory stays flat, nothing is lost."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from support.discarding_peer import DiscardingPeer
from support.http_sink import http_sink
from support.part10 import read_part10
from support.run import read_summary, run_measured
from support.trees import tiny_instance_uid, write_multi_frame, write_tree

MIB = 1 << 20
FRAME = 512 * 512 * 2


@pytest.mark.slow
def test_two_gigabytes_in_a_hundred_megabytes_of_memory(dcmsend: str, tmp_path: Path) -> None:
    """Somewhat more, so that no length fits into 31 bits."""
    path = tmp_path / "large.dcm"
    length = write_multi_frame(path, 2_150_000_000 // FRAME * FRAME)
    with DiscardingPeer() as peer:
        done, peak = run_measured(tmp_path, dcmsend, "-v", "127.0.0.1", peer.port, path)
    assert done.exit_code == 0, done.stderr
    assert peer.error is None
    assert [stored.length for stored in peer.stored] == [length]
    assert peer.stored[0].crc32 == crc32_of_data_set(path)
    assert peak < 100 * MIB


def crc32_of_data_set(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        file.seek(read_part10(path).data_set_offset)
        while block := file.read(MIB):
            checksum = zlib.crc32(block, checksum)
    return checksum


@pytest.mark.slow
def test_tree_of_three_thousand_files(dcmsend: str, tmp_path: Path) -> None:
    count = 3_000
    write_tree(tmp_path / "tree", count)
    with DiscardingPeer() as peer:
        done, peak = run_measured(tmp_path, dcmsend, "-v", "+sd", "+r", "127.0.0.1", peer.port, tmp_path / "tree")
    assert done.exit_code == 0, done.stderr[-4000:]
    assert peer.error is None
    assert read_summary(done.stderr)["with status SUCCESS"] == count
    assert sorted(stored.sop_instance_uid for stored in peer.stored) == [tiny_instance_uid(n) for n in range(count)]
    assert len({stored.length for stored in peer.stored}) == 1
    assert peak < 100 * MIB


@pytest.mark.slow
def test_half_a_gigabyte_to_a_web_service(dcmsend: str, tmp_path: Path) -> None:
    """As one part of one request, whose length is told beforehand."""
    path = tmp_path / "large.dcm"
    write_multi_frame(path, 500_000_000 // FRAME * FRAME)
    with http_sink(tmp_path) as sink:
        done, peak = run_measured(tmp_path, dcmsend, "-v", "--stow", sink.url, path)
        counts = sink.counts()
    assert done.exit_code == 0, done.stderr
    assert (counts["requests"], counts["instances"]) == (1, 1)
    assert 0 < counts["bytes"] - path.stat().st_size < 1000
    assert peak < 100 * MIB
