"""``auto`` against peers over loopback: how many associations there are is counted at the peer."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dcmsend import (
    AssociationClosed,
    AssociationOpened,
    AutoAssociations,
    IndexOptions,
    KeepTogether,
    Observer,
    Peer,
    RetryOptions,
    TransferOptions,
    send,
)
from dcmsend.transfer import auto_count, auto_sessions
from dcmsend.transfer.auto_facts import Why
from support.peer_script import Abort, Reject, Respond, Script, Silence
from support.report_schema import STRICT_SCHEMA
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, run_transfer, send_all, write_instances
from support.series_files import write_series
from support.unpaused import UnpausedClock
from support.window_peer import Link, Request, WindowPeer, in_order

SLOW = Script(other_stores=Respond(delay=0.02))
BUSY = Reject(2, 3, 2)
AGAIN = RetryOptions(attempts=4, delay=0.01, longest_delay=0.05)


@pytest.fixture(autouse=True)
def _measured_in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a pause of this process is no slow answer: the receiver answers at least every 50 ms."""
    monkeypatch.setattr(auto_count, "_SHORT", 0.05)
    monkeypatch.setattr(auto_sessions, "_clock", UnpausedClock(0.05, time.perf_counter))


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Open(Observer):
    """Counts the associations that are open at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def association_opened(self, event: AssociationOpened) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def association_closed(self, event: AssociationClosed) -> None:
        self.now -= 1


def auto(files: Any, *scripts: Script, most: int = 8, **options: Any) -> tuple[Sent, Open]:
    counted = Open()
    sent = send_all(files, *scripts, observer=counted, parallel_associations=AutoAssociations(most), **options)
    assert counted.now == 0
    return sent, counted


def check(sent: Sent, count: int) -> None:
    """Everything was stored, once, and told in order."""
    assert sent.error is None
    assert sent.results == ["stored"] * count
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, count + 1))
    assert not sent.peer.complaints
    uids = [store.sop_instance_uid for store in sent.peer.stores]
    assert len(uids) == len(set(uids)) == count


@pytest.mark.parametrize("most", [2, 3, 8])
def test_there_are_more_where_waiting_dominates(tmp_path: Path, most: int) -> None:
    sent, counted = auto(write_instances(tmp_path, 150), SLOW, most=most)
    check(sent, 150)
    assert 1 < counted.most <= most
    assert len(sent.peer.connections) > 1


def test_one_is_not_more(tmp_path: Path) -> None:
    sent, counted = auto(write_instances(tmp_path, 40), SLOW, most=1)
    check(sent, 40)
    assert counted.most == len(sent.peer.connections) == 1


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_instances_need_one(tmp_path: Path, count: int) -> None:
    sent, counted = auto(write_instances(tmp_path, count), SLOW)
    check(sent, count)
    assert counted.most == len(sent.peer.connections) == 1


@pytest.mark.parametrize("refusal", [BUSY, Reject(1, 1, 1), Abort()], ids=str)
@pytest.mark.parametrize("accepted", [1, 2])
def test_a_peer_that_takes_only_some(tmp_path: Path, refusal: Any, accepted: int) -> None:
    """It is asked for one too many, once; then the run goes on over those that it takes."""
    scripts = [*[SLOW] * accepted, Script(associate=refusal)]
    for count in (50 + 50 * accepted, 1000):  # on a machine with no time for us the first run ends before the trial
        sent, counted = auto(write_instances(tmp_path / str(count), count), *scripts)
        check(sent, count)
        if counted.most == accepted < len(sent.peer.connections):
            break
    assert counted.most == accepted
    assert len(sent.peer.connections) == accepted + 1


def test_a_peer_that_leaves_further_ones_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like storescp without --fork: the further one is given up while the first works."""
    monkeypatch.setattr(auto_count, "_PATIENCE", 0.2)
    sent, counted = auto(write_instances(tmp_path, 100), SLOW, Script(associate=Silence()), acse_timeout=100)
    check(sent, 100)
    assert counted.most == 1
    assert len(sent.peer.connections) == 2


@pytest.mark.parametrize("trouble", [Respond(0xA700), Abort()], ids=["no resources", "lost"])
def test_a_peer_in_trouble_keeps_fewer(tmp_path: Path, trouble: Any) -> None:
    """The first answer of a second association is that there are no resources, or its end.

    Everything is stored in the end, and never over more than two.  Further attempts have an association of their own.
    """
    full = Script(stores={1: trouble}, other_stores=Respond(delay=0.02))
    sent, counted = auto(write_instances(tmp_path, 150), SLOW, full, SLOW, retry=AGAIN, most=4)
    assert sent.results == ["stored"] * 150
    assert counted.most == 2
    assert len(sent.peer.connections) <= 3


def test_a_group_stays_on_one_association(tmp_path: Path) -> None:
    names = [("1.2.3", f"1.2.3.{number}") for number in range(1, 16) for _ in range(10)]
    sent, counted = auto(
        write_series(tmp_path, names), SLOW, index=IndexOptions(keep_together=KeepTogether.SERIES), most=4
    )
    check(sent, 150)
    assert 1 < counted.most <= 4
    series: dict[str, set[int]] = {}
    for outcome in sent.outcomes:
        series.setdefault(outcome.instance.group, set()).add(outcome.association)
    assert len(series) == 15
    assert all(len(numbers) == 1 for numbers in series.values())


def test_one_group_has_no_use_for_a_second_association(tmp_path: Path) -> None:
    files = write_series(tmp_path, [("1.2.3", "1.2.3.1")] * 100)
    sent, counted = auto(files, SLOW, index=IndexOptions(keep_together=KeepTogether.SERIES))
    check(sent, 100)
    assert counted.most == len(sent.peer.connections) == 1


def test_together_with_a_window(tmp_path: Path) -> None:
    """A window that was granted is used on each of the associations."""

    def slowly(link: Link, held: list[Request]) -> None:
        time.sleep(0.05)
        in_order(link, held)

    counted = Open()
    with WindowPeer(slowly, hold=4) as peer:
        outcomes, error = run_transfer(
            send(
                write_instances(tmp_path, 300), Peer("127.0.0.1", peer.port), observer=counted,
                transfer=TransferOptions(
                    halt_on_failure=False, parallel_associations=AutoAssociations(3), async_window=4
                ),
            )
        )  # fmt: skip
    assert error is None
    assert [outcome.result.value for outcome in outcomes] == ["stored"] * 300
    assert 1 < counted.most <= 3
    assert not peer.complaints
    assert max(request.missed for link in peer.links for request in link.requests) > 0, "the window was used"


@pytest.mark.parametrize("refusing", [False, True], ids=["takes all", "takes two"])
def test_the_command_tells_what_was_chosen(dcmsend: str, tmp_path: Path, refusing: bool) -> None:
    write_instances(tmp_path / "in", 260)
    scripts = [SLOW, SLOW, Script(associate=BUSY)] if refusing else [SLOW]
    reports = ("--report-json", tmp_path / "r.json", "--report-jsonl", tmp_path / "r.jsonl")
    with ScriptedPeer(*scripts) as peer:
        done = run(
            dcmsend, "--parallel-associations", "auto:2" if not refusing else "auto", *reports, "+sd", "127.0.0.1",
            peer.port, tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    Draft202012Validator(STRICT_SCHEMA).validate(report)
    summary = json.loads((tmp_path / "r.jsonl").read_text().splitlines()[-1])
    Draft202012Validator({"$defs": STRICT_SCHEMA["$defs"], "$ref": "#/$defs/line"}).validate(summary)
    chosen = report["parallel_associations"]
    assert summary["parallel_associations"] == chosen
    assert report["schema_version"] == summary["schema_version"] == "1.3"
    assert chosen["most"] == (8 if refusing else 2)
    assert chosen["highest"] == 2
    assert 1 <= chosen["chosen"] <= 2
    assert chosen["changes"][0]["chosen"] == 2
    assert chosen["changes"][0]["why"] == "waiting"
    if refusing and chosen["chosen"] == 2:
        assert chosen["why"] in ("refused", "tried")
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("  associations chosen ")]
    why = Why[chosen["why"].upper()].value
    assert line == f"  associations chosen {chosen['chosen']} (at most {chosen['most']}): {why}"


_AT_ONCE = (
    "import sys; from dcmsend.report import closing; closing._LONG_ENOUGH = 0.2; "
    "from dcmsend.cli.main import main; sys.exit(main())"
)
"""The command, which calls a run of a fifth of a second long enough."""


@pytest.mark.parametrize(("options", "tells"), [
    (("-nh", "--report-json", "r.json"), True), (("--retry", "1"), True), (("-nh",), False), ((), False),
    (("--retry", "1", "--parallel-associations", "1"), False), (("--parallel-associations", "2"), False),
    (("--report-json", "r.json", "-ma"), False), (("--retry", "1", "--max-instances-rate", "100000"), False),
], ids=lambda value: " ".join(value) or "none" if isinstance(value, tuple) else None)  # fmt: skip
def test_a_run_that_has_waited_tells_of_auto(tmp_path: Path, options: tuple[str, ...], tells: bool) -> None:
    """Unless its command line is an old one, or the number was chosen."""
    write_instances(tmp_path / "in", 20)
    with ScriptedPeer(SLOW) as peer:
        done = run(
            sys.executable, "-c", _AT_ONCE, *options, "+sd", "127.0.0.1", peer.port, tmp_path / "in", cwd=tmp_path
        )
    assert done.exit_code == 0, done.stderr
    assert ("--parallel-associations auto" in done.stderr) is tells
    assert ("% of the time went by waiting for answers" in done.stderr) is tells


def test_nothing_is_said_of_a_choice_where_nothing_was_sent(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        done = run(
            dcmsend, "--parallel-associations", "auto", "--report-json", tmp_path / "r.json", "+sd", "127.0.0.1", port,
            tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 61, done.stderr
    assert "chosen" not in done.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    Draft202012Validator(STRICT_SCHEMA).validate(report)
    assert report["parallel_associations"] is None


def test_a_peer_that_hangs_is_no_reason_for_more(tmp_path: Path) -> None:
    """Most of the time goes by waiting for one answer that never comes."""
    write_instances(tmp_path / "in", 20)
    hangs = Script(stores={18: Silence()})  # enough are stored before that for a word about the time they took
    with ScriptedPeer(hangs) as peer:
        done = run(
            sys.executable, "-c", _AT_ONCE, "--retry", "0", "--report-json", "r.json", "-td", "2", "+sd", "127.0.0.1",
            peer.port, tmp_path / "in", cwd=tmp_path,
        )  # fmt: skip
    assert done.exit_code != 0
    assert "--parallel-associations auto" not in done.stderr
