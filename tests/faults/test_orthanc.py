"""One fault at a random byte in front of Orthanc, whose own list of instances is the judge.

``--all-faults`` makes twenty times as many of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.corpus import DATA
from support.fault_proxy import KINDS, Direction, Fault, FaultProxy
from support.part10 import read_part10
from support.peers import OrthancPeer, orthanc

from .agreement import check_agreement, send

ORIGINAL = DATA / "pydicom" / "CT_small.dcm"
COUNT = 4


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


def copies(folder: Path, first: int) -> list[Path]:
    """Instances that Orthanc does not know yet: a real one with other UIDs."""
    folder.mkdir()
    uid = read_part10(ORIGINAL).sop_instance_uid
    files = []
    for number in range(first, first + COUNT):
        path = folder / f"{number}.dcm"
        path.write_bytes(ORIGINAL.read_bytes().replace(uid.encode(), f"{uid[:-6]}{number:06d}".encode()))
        files.append(path)
    return files


@pytest.mark.slow
@pytest.mark.peer("orthanc")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("parallel", [1, 2])
def test_one_fault(tmp_path: Path, archive: OrthancPeer, parallel: int, request: pytest.FixtureRequest) -> None:
    for seed in range(8 * (20 if request.config.getoption("--all-faults") else 1)):
        chance = random.Random(f"{seed} {parallel}")
        direction = chance.choice(list(Direction))
        at = chance.randrange((160_000 if direction is Direction.TO_PEER else 900) // parallel)
        fault = Fault(chance.choice(KINDS), direction, at, link=chance.randint(1, parallel))
        seconds = 1.0 if fault.kind in ("stall", "garbage", "duplicate") else 20.0
        may_be_garbled = fault.kind in ("garbage", "duplicate") and direction is Direction.TO_PEER
        for number, again in enumerate(((), ("--retry", "9", "--retry-delay", "0"))):
            name = f"{seed}-{number}"
            files = copies(tmp_path / f"{name}-files", 100_000 * parallel + 10 * (2 * seed + number))
            with FaultProxy(archive.port, fault) as proxy:
                options = ("--parallel-associations", str(parallel), *again)
                done = send(tmp_path / name, "127.0.0.1", proxy.port, files, seconds, *options)
                for link in proxy.links:
                    assert link.ended.wait(30)
            try:
                check_agreement(done, dict.fromkeys(archive.instances(), ""), files, may_be_garbled=may_be_garbled)
                assert not again or done.exit_code in ((0, 105) if may_be_garbled else (0,))
            except AssertionError as error:
                error.add_note(f"{seed}: {fault}")
                raise
