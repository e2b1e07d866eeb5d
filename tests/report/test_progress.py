"""Progress as it is counted and as it is worded."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import IO

import pytest
from rich.live import Live

from dcmsend.association import Peer
from dcmsend.index import HeaderFacts
from dcmsend.report import ProofSummary, RunRecord
from dcmsend.report.amounts import format_bytes, format_count, format_duration
from dcmsend.report.progress import Progress, ProgressState, ProofProgress
from dcmsend.report.progress_text import progress_line, progress_screen
from dcmsend.report.progress_view import LineView, TerminalView
from dcmsend.transfer import (
    AssociationClosed,
    AssociationOpened,
    BytesSent,
    InstanceProof,
    Proof,
    ProofState,
    Result,
    StoreOutcome,
    Waiting,
)
from support.memory_run import make_instance
from support.processes import wait_until

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


VERIFYING = STATE._replace(
    done=20_000, found=20_000, stored=20_000, refused=0, failed=0, unconfirmed=0, seconds_left=None,
    proof=ProofProgress(20_000, 12_400, 12_337, 60, 3),
)  # fmt: skip


def test_screen_while_the_archive_is_asked() -> None:
    assert progress_screen(VERIFYING, 80, NOON) == [
        "sent to VNA01@10.1.2.3:104             4 of 4 associations              12:00:00",
        "###################-------------  62%                 verifying 12 400 of 20 000",
        "stored 20 000  denied or missing 60  not proven yet 3",
    ]
    assert progress_screen(VERIFYING, 41)[1] == "verifying 12 400 of 20 000"


def test_line_while_the_archive_is_asked() -> None:
    assert progress_line(VERIFYING) == (
        "verifying 12 400 of 20 000, stored 20 000, denied or missing 60, not proven yet 3"
    )


@pytest.mark.parametrize("width", [1, 20, 33, 60, 80, 200])
def test_no_line_is_too_long_while_the_archive_is_asked(width: int) -> None:
    assert all(len(line) <= max(width, 20) for line in progress_screen(VERIFYING, width))


def test_proofs_are_counted_when_everything_is_sent() -> None:
    record = RunRecord()
    progress = Progress(record, Peer("::1", 104).facts)
    record.instances_found = 3
    record.summary.results[Result.STORED] = 2
    record.all_found = True
    assert progress.state().proof is None
    record.proofs = ProofSummary()
    assert progress.state().proof is None  # one has no outcome yet
    record.summary.results[Result.REFUSED] = 1
    assert progress.state().proof == ProofProgress(2, 0, 0, 0, 0)
    for state, index in ((ProofState.VERIFIED, 1), (ProofState.MISSING, 2), (ProofState.NO_ANSWER, 0)):
        record.proofs.add(InstanceProof(index, "a", "1.2", "1.3", "", "", Proof(state)))
    assert progress.state().proof == ProofProgress(3, 3, 1, 1, 1)  # more than this run has sent
    record.proofs.expected = 9
    assert progress.state().proof == ProofProgress(9, 3, 1, 1, 1)


def test_proofs_of_a_run_that_sends_nothing_are_counted() -> None:
    record = RunRecord()
    record.proofs = ProofSummary()
    progress = Progress(record, Peer("::1", 104).facts)
    assert progress.state().proof is None
    record.proofs.add(InstanceProof(0, "a", "1.2", "1.3", "", "", Proof(ProofState.VERIFIED)))
    record.proofs.expected = 500
    assert progress_line(progress.state()) == "verifying 1 of 500, stored 0"


def half_proven() -> Progress:
    record = RunRecord()
    record.proofs = ProofSummary()
    record.proofs.expected = 20_000
    for index in range(1, 1235):
        record.proofs.add(InstanceProof(index, "a", "1.2", "1.3", "", "", Proof(ProofState.VERIFIED)))
    return Progress(record, Peer("::1", 104).facts)


def test_a_log_shows_that_the_archive_is_asked() -> None:
    written: list[str] = []
    view = LineView(half_proven(), written.append, interval=0.01)
    view.start()
    try:
        wait_until(lambda: bool(written), 30, "a line")
    finally:
        view.stop()
    assert written[0] == "verifying 1 234 of 20 000, stored 0\n"


def test_a_terminal_shows_that_the_archive_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = os.openpty()
    shown = bytearray()
    with open(master, "rb", buffering=0) as screen, open(slave, "w") as stream:
        view = TerminalView(half_proven(), stream, LineView(half_proven(), str), delay=0.0)
        view.start()
        try:
            wait_until(lambda: b"verifying 1 234 of 20 000" in _more(screen, shown), 30, "the words on the screen")
        finally:
            view.stop()


def test_nobody_is_told_that_nothing_is_drawn_while_it_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the line is written where the drawing is, and part of the drawing stays."""
    monkeypatch.setenv("TERM", "xterm")
    answers: list[bool] = []
    early: list[bool] = []
    take_away = Live.stop

    def stop(live: Live) -> None:
        if live.is_started:
            asking = threading.Thread(target=lambda: answers.append(view.print_above("a line\n")), daemon=True)
            asking.start()
            asking.join(0.5)
            early.extend(answers)
        take_away(live)

    monkeypatch.setattr(Live, "stop", stop)
    master, slave = os.openpty()
    shown = bytearray()
    with open(master, "rb", buffering=0) as screen, open(slave, "w") as stream:
        view = TerminalView(half_proven(), stream, LineView(half_proven(), str), delay=0.0)
        view.start()
        wait_until(lambda: b"verifying 1 234 of 20 000" in _more(screen, shown), 30, "the words on the screen")
        view.stop()
    assert early == []


def _more(screen: IO[bytes], shown: bytearray) -> bytearray:
    if select.select([screen], [], [], 0.1)[0]:
        shown += screen.read(4096)
    return shown


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


def test_what_is_not_begun_is_not_done() -> None:
    """A run that is ended early does not run to the end of its bar while the rest gets its outcome."""
    now = [100.0]
    record = RunRecord()
    progress = Progress(record, Peer("::1", 104, "ARCHIVE").facts, clock=lambda: now[0])
    record.instances_found, record.bytes_found, record.all_found = 4, 4000, True
    now[0] += 10
    for number in range(4):
        facts = HeaderFacts(f"1.2.{number}", "1.2.9")
        result = Result.NOT_ATTEMPTED if number else Result.STORED
        instance = make_instance(number)._replace(facts=facts)
        outcome = StoreOutcome(number + 1, instance, result, file_stamp=None if number else (1000, 0))
        record.add(outcome)
        progress.outcome(outcome)
    state = progress.state()
    assert (state.found, state.done, state.stored, state.study) == (4, 1, 1, "1.2.0")
    assert state.instances_rate == pytest.approx(0.1)
    assert state.fraction is not None
    assert state.fraction < 1


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
