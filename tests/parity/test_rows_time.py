"""Rows 80, 89, 90, 99 and 112: time limits.  Two of them take a minute, so all runs are started together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from parity.comparison import Pair
from parity.conftest import Duel, PeerWanted
from parity.outcomes import CHANGED_COURSE, statuses
from parity.rows import row
from support.fixture_files import FixtureFiles
from support.full_backlog import FullBacklogPeer
from support.peer_script import Respond, Script, Silence
from support.senders import Program

pytestmark = [pytest.mark.peer("dcmtk-dcmsend"), pytest.mark.slow, pytest.mark.timeout(200)]

HIDDEN_LIMIT = 60.0
LATE = Script(stores={1: Respond(delay=HIDDEN_LIMIT + 3)})
SHIFTING = (Script(stores={1: Respond(0xA700, delay=18)}), Script())
SILENT = Script(stores={2: Silence()}, close_after_abort=False)

RUNS: dict[str, tuple[tuple[str, ...], PeerWanted]] = {
    "late": (("CT",), LATE),
    "late, in time": (("CT", "-td", "100"), LATE),
    "silent": (("CT", "MR", "CT2", "-td", "10"), SILENT),
    "silent, no close": (("CT", "MR", "CT2", "-td", "10", "-ta", "10"), SILENT),
    "silent acceptor": (("CT", "-ta", "2"), Script(associate=Silence())),
    "no connection": (("CT", "-to", "2"), FullBacklogPeer),
    "shifted": (("CT", "CT2", "MR", "-nh", "-td", "12"), SHIFTING),
}


@pytest.fixture(scope="module")
def run(
    reference: Program, files: FixtureFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Pair]]:
    """Starts all of ``RUNS`` at once; the function waits for one of them."""

    def start(name: str) -> Pair:
        words, peer = RUNS[name]
        duel = Duel(reference, files.directory, tmp_path_factory.mktemp("time"))
        return duel(*(word if word[0] in "-0123456789" else files(word) for word in words), peer=peer)

    files("CT"), files("CT2"), files("MR")
    with ThreadPoolExecutor(len(RUNS)) as pool:
        running: dict[str, Future[Pair]] = {name: pool.submit(start, name) for name in RUNS}
        yield lambda name: running[name].result()


@row(80)
def test_no_answer_to_the_request(run: Callable[[str], Pair]) -> None:
    pair = run("silent acceptor")
    pair.assert_same(61)
    for each in pair:
        assert each.lines("F")[:1] == ["F: cannot negotiate network association: DUL network read timeout"]
        assert each.seconds >= 2


@row(89)
@pytest.mark.parametrize("name", ["silent", "silent, no close"])
def test_no_response_in_time(run: Callable[[str], Pair], name: str) -> None:
    pair = run(name)
    pair.assert_same(62)
    for each in pair:
        assert any("DIMSE No data available (timeout in non-blocking mode)" in line for line in each.lines("E"))
        assert each.peer.connections[0].course[:4] == ["request", "store 1", "store 2", "abort 0 0"]


@row(90)
def test_hidden_limit_of_a_minute(run: Callable[[str], Pair]) -> None:
    """Without ``-td`` DCMTK gives up after 60 s, against its manual; ours waits."""
    pair = run("late")
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D04"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == ["0x0000 (Success)"]


@row(90)
def test_longer_limit_than_a_minute(run: Callable[[str], Pair]) -> None:
    run("late, in time").assert_same(0)


@row(99)
def test_connect_timeout(run: Callable[[str], Pair]) -> None:
    pair = run("no connection")
    pair.assert_same(61)
    for each in pair:
        assert "TCP Initialization Error: Operation now in progress (Timeout)" in each.stderr


@row(112)
def test_late_response_and_no_halt(run: Callable[[str], Pair]) -> None:
    """DCMTK takes the late answer to the first object for the answer to the second."""
    pair = run("shifted")
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D06"))
    assert statuses(pair.theirs) == ["<not sent>", "0xa700 (Refused: OutOfResources)", "0x0000 (Success)"]
    assert statuses(pair.ours) == ["<not sent>", "0x0000 (Success)", "0x0000 (Success)"]
