"""Rows 80, 89, 99 and 112: time limits.  All runs are started together.

Where a limit is one of ten seconds or more, the clock of both programs goes faster: one that goes four times as fast
has twelve seconds in three of the peer's.
"""

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
from support.programs import missing_peer
from support.senders import OURS, Program, hastened

pytestmark = [pytest.mark.peer("dcmtk-dcmsend"), pytest.mark.slow, pytest.mark.timeout(200)]

HASTE = 4
"""How many times as fast the clock of both programs goes."""
HASTENED = ("silent", "silent, no close", "shifted")
SHIFTING = (Script(stores={1: Respond(0xA700, delay=18 / HASTE)}), Script())
SILENT = Script(stores={2: Silence()}, close_after_abort=False)

RUNS: dict[str, tuple[tuple[str, ...], PeerWanted]] = {
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
    """Starts all of ``RUNS`` at once that can be run here; the function waits for one of them."""

    def start(name: str) -> Pair:
        words, peer = RUNS[name]
        theirs, ours = reference, OURS
        if name in HASTENED:
            theirs, ours = (hastened(each, HASTE) for each in (reference, OURS))
        duel = Duel(theirs, files.directory, tmp_path_factory.mktemp("time"), ours=ours)
        return duel(*(word if word[0] in "-0123456789" else files(word) for word in words), peer=peer)

    files("CT"), files("CT2"), files("MR")
    possible = [name for name in RUNS if name not in HASTENED or not missing_peer("faketime")]
    with ThreadPoolExecutor(len(possible)) as pool:
        running: dict[str, Future[Pair]] = {name: pool.submit(start, name) for name in possible}
        yield lambda name: running[name].result()


@row(80)
def test_no_answer_to_the_request(run: Callable[[str], Pair]) -> None:
    pair = run("silent acceptor")
    pair.assert_same(61)
    for each in pair:
        assert each.lines("F")[:1] == ["F: cannot negotiate network association: DUL network read timeout"]
        assert each.seconds >= 2


@row(89)
@pytest.mark.peer("faketime")
@pytest.mark.parametrize("name", ["silent", "silent, no close"])
def test_no_response_in_time(run: Callable[[str], Pair], name: str) -> None:
    pair = run(name)
    pair.assert_same(62)
    for each in pair:
        assert any("DIMSE No data available (timeout in non-blocking mode)" in line for line in each.lines("E"))
        assert each.peer.connections[0].course[:4] == ["request", "store 1", "store 2", "abort 0 0"]


@row(99)
def test_connect_timeout(run: Callable[[str], Pair]) -> None:
    pair = run("no connection")
    pair.assert_same(61)
    for each in pair:
        assert "TCP Initialization Error: Operation now in progress (Timeout)" in each.stderr


@row(112)
@pytest.mark.peer("faketime")
def test_late_response_and_no_halt(run: Callable[[str], Pair]) -> None:
    """DCMTK takes the late answer to the first object for the answer to the second."""
    pair = run("shifted")
    pair.assert_same(0, but=dict.fromkeys(CHANGED_COURSE, "D06"))
    assert statuses(pair.theirs) == ["<not sent>", "0xa700 (Refused: OutOfResources)", "0x0000 (Success)"]
    assert statuses(pair.ours) == ["<not sent>", "0x0000 (Success)", "0x0000 (Success)"]
