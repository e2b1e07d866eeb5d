"""When a transfer has to be at its end; with clocks of the test's own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dcmsend import Peer, Reason, TransferOptions, send
from dcmsend.errors import Cancelled
from dcmsend.interrupt import Interrupt
from dcmsend.transfer import limit_time
from support.peer_script import Respond, Script
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, write_instances


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_no_limit() -> None:
    interrupt = Interrupt()
    limit_time(TransferOptions(), interrupt, clock=Clock(1e9), now=Clock(1e12))
    assert not interrupt.requested


def test_duration_counts_from_the_beginning() -> None:
    clock, interrupt = Clock(100.0), Interrupt()
    limit_time(TransferOptions(max_duration=60), interrupt, clock=clock)
    clock.now = 159.9
    assert not interrupt.requested
    interrupt.check()
    clock.now = 160.0
    assert interrupt.requested
    assert interrupt.by == Cancelled.TIME_WINDOW
    clock.now = 0.0
    assert interrupt.requested, "once over it stays so"


def test_clock_on_the_wall_decides() -> None:
    """Also when it was put forward."""
    now, interrupt = Clock(1_000_000.0), Interrupt()
    child = Interrupt(parent=interrupt)
    limit_time(TransferOptions(stop_at=1_003_600.0), interrupt, now=now)
    assert not child.requested
    now.now += 3600
    with pytest.raises(Cancelled, match="the time window is over"):
        child.check_request()


def test_signal_before_the_end_of_the_time() -> None:
    clock, interrupt = Clock(0.0), Interrupt()
    limit_time(TransferOptions(max_duration=60), interrupt, clock=clock)
    interrupt.request("SIGINT")
    clock.now = 100.0
    assert interrupt.requested
    assert interrupt.by == "SIGINT"


def test_transfer_whose_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedPeer(Script(other_stores=Respond(delay=0.02))) as peer:
        # The clock is the peer's: nothing depends on how soon the first instance is there.
        timed = partial(limit_time, clock=lambda: 0.1 * len(peer.stores))
        monkeypatch.setattr("dcmsend.run.run.limit_time", timed)
        transfer = send(
            write_instances(tmp_path, 50),
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=False, max_duration=0.5),
        )
        outcomes, error = run_transfer(transfer)
    assert isinstance(error, Cancelled)
    assert error.by == Cancelled.TIME_WINDOW
    stored = len(peer.stores)
    assert stored >= 5
    assert [outcome.result.value for outcome in outcomes] == ["stored"] * stored + ["not attempted"] * (50 - stored)
    assert {outcome.reason for outcome in outcomes[stored:]} == {Reason.TIME_WINDOW}
    assert stored < 50
    assert peer.connections[0].course[-2] == "release"
