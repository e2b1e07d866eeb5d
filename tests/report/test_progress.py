"""Progress as it is counted and as it is worded."""

from __future__ import annotations

import time

import pytest

from dcmsend.association import Peer
from dcmsend.report import RunRecord
from dcmsend.report.amounts import format_bytes, format_count, format_duration
from dcmsend.report.progress import Progress, ProgressState
from dcmsend.report.progress_text import progress_line, progress_screen
from dcmsend.transfer import AssociationClosed, AssociationOpened, BytesSent, Waiting

STATE = ProgressState(
    peer="VNA01@10.1.2.3:104", associations=4, most_associations=4, found=12_407_896, is_all_found=True, done=8_112_408,
    stored=8_112_071, refused=311, failed=13, unconfirmed=13, already_stored=0, instances_rate=490.2,
    bytes_rate=245.1e6, seconds=16_556.0, seconds_left=8_765.0, waiting=None,
)  # fmt: skip
NOON = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))


def test_screen_of_eighty_columns() -> None:
    assert progress_screen(STATE, 80, NOON) == [
        "sending to VNA01@10.1.2.3:104            4 of 4 associations            12:00:00",
        "####################------------  65%     8 112 408 / 12 407 896      2h26m left",
        "490/s  245 MB/s  stored 8 112 071  refused 311  failed 13  no answer 13",
    ]


def test_screen_while_nothing_can_be_sent() -> None:
    waiting = STATE._replace(waiting=("peer out of resources (0xA700)", 12.2))
    assert progress_screen(waiting, 80)[3] == "waiting: peer out of resources (0xA700), next try in 12s"


def test_screen_while_files_are_looked_for() -> None:
    unknown = STATE._replace(is_all_found=False, found=8_200_000, seconds_left=None)
    assert progress_screen(unknown, 80)[1].split("  ")[0] == "sending while looking for files"
    assert "8 112 408 / 8 200 000+" in progress_screen(unknown, 80)[1]
    nothing = unknown._replace(done=0, stored=0, refused=0, failed=0, unconfirmed=0, found=17)
    assert progress_screen(nothing, 80)[1].startswith("looking for files ")


@pytest.mark.parametrize("width", [1, 20, 33, 41, 60, 79, 80, 81, 120, 200, 500])
@pytest.mark.parametrize("state", [STATE, STATE._replace(waiting=("x" * 300, 1.0), peer="y" * 90, is_all_found=False)])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int, state: ProgressState) -> None:
    lines = progress_screen(state, width)
    assert all(len(line) <= max(width, 20) for line in lines)
    assert lines[0].startswith("sending to ")


def test_one_line_for_a_log() -> None:
    assert progress_line(STATE) == (
        "8 112 408 of 12 407 896 (65%), 490/s, 245 MB/s, "
        "stored 8 112 071, refused 311, failed 13, no answer 13, 2h26m left"
    )
    waiting = STATE._replace(waiting=("lost", 61.0), is_all_found=False, seconds_left=None)
    assert progress_line(waiting).startswith("8 112 408 of 12 407 896+, ")
    assert progress_line(waiting).endswith(", waiting: lost, next try in 1m01s")


def test_what_is_counted() -> None:
    now = [100.0]
    record = RunRecord()
    progress = Progress(record, Peer("::1", 104, "ARCHIVE").facts, 2, clock=lambda: now[0])
    record.instances_found = 10
    progress.association_opened(AssociationOpened(1, 1, 1, 16372))
    progress.association_opened(AssociationOpened(2, 1, 1, 16372))
    progress.association_closed(AssociationClosed(1, "released"))
    for _ in range(3):
        progress.bytes_sent(BytesSent(1, 1000))
    progress.waiting(Waiting("because", time.time() + 1000))
    now[0] += 2
    state = progress.state()
    assert (state.peer, state.associations, state.most_associations) == ("ARCHIVE@[::1]:104", 1, 2)
    assert (state.bytes_rate, state.seconds, state.found, state.is_all_found) == (1500.0, 2.0, 10, False)
    assert state.waiting is not None
    assert state.waiting[0] == "because"
    assert 900 < state.waiting[1] <= 1000
    progress.waiting(None)
    now[0] += 100  # nothing happens
    for _ in range(40):
        now[0] += 1
        progress.state()
    assert progress.state().bytes_rate == 0.0
    assert progress.state().waiting is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (60, "1m00s"), (425, "7m05s"), (3599.6, "1h00m"), (8765, "2h26m"), (273_600, "3d04h"),
     (-5, "0s")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (9_960, "10 kB"), (999_600, "1.0 MB"),
     (6.2e12, "6.2 TB"), (5e18, "5000 PB")],
)  # fmt: skip
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


def test_counts() -> None:
    assert [format_count(count) for count in (0, 999, 1000, 8_112_071)] == ["0", "999", "1 000", "8 112 071"]
