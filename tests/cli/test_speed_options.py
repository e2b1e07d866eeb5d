"""Options about speed that DCMTK does not have, from the installed command.  The peer's clock is the judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.corpus import DATA
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = DATA / "pydicom" / "CT_small.dcm"


def send(*arguments: str | Path | int) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), *arguments[:-1], "127.0.0.1", peer.port, arguments[-1])
    return done, peer


def seconds_between_first_and_last(peer: ScriptedPeer) -> float:
    times = sorted(when for link in peer.connections for what, when in link.events if what.startswith("store"))
    return times[-1] - times[0]


@pytest.mark.parametrize("parallel", ["1", "3"])
def test_max_instances_rate(tmp_path: Path, parallel: str) -> None:
    write_instances(tmp_path, 12)
    done, peer = send("--max-instances-rate", "10", "--parallel-associations", parallel, "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 12
    assert seconds_between_first_and_last(peer) > 0.9


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_max_rate(tmp_path: Path, parallel: str) -> None:
    for number in range(6):
        (tmp_path / str(number)).write_bytes(CT.read_bytes())
    done, peer = send("--max-rate", "150k", "--parallel-associations", parallel, "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 6
    length = len(peer.stores[0].data_set)
    assert seconds_between_first_and_last(peer) > (4 * length - 15_000) / 150_000


@pytest.mark.parametrize("option", ["--max-rate", "--max-instances-rate"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1K", "", "10 "])
def test_rates_are_read_strictly(option: str, value: str) -> None:
    done = run(installed_dcmsend(), option, value, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert option in done.stderr.splitlines()[-1]
