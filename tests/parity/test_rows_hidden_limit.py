"""Row 90: the limit of a minute that DCMTK keeps although ``-td`` says that there is none.

DCMTK leaves it to the system's sockets.  These know nothing of a clock that goes faster, so the runs take their minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from parity.comparison import Pair
from parity.conftest import Duel
from parity.outcomes import CHANGED_COURSE, statuses
from parity.rows import row
from support.fixture_files import FixtureFiles
from support.peer_script import Respond, Script
from support.senders import Program

pytestmark = [pytest.mark.peer("dcmtk-dcmsend"), pytest.mark.slow, pytest.mark.timeout(200)]

HIDDEN_LIMIT = 60.0
LATE = Script(stores={1: Respond(delay=HIDDEN_LIMIT + 3)})


@pytest.fixture(scope="module")
def longer_limit(
    reference: Program, files: FixtureFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Future[Pair]]:
    """The runs with a longer limit go on beside those without one."""
    duel = Duel(reference, files.directory, tmp_path_factory.mktemp("longer"))
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(duel, files("CT"), "-td", "100", peer=LATE)


@row(90)
def test_hidden_limit_of_a_minute(duel: Duel, files: FixtureFiles, longer_limit: Future[Pair]) -> None:
    """Without ``-td`` DCMTK gives up after 60 s, against its manual; ours waits."""
    pair = duel(files("CT"), peer=LATE)
    pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D04"))
    assert pair.theirs.exit_code == 62
    assert pair.ours.exit_code == 0
    assert statuses(pair.ours) == ["0x0000 (Success)"]


@row(90)
def test_longer_limit_than_a_minute(longer_limit: Future[Pair]) -> None:
    longer_limit.result().assert_same(0)
