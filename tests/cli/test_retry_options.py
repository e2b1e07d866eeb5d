"""Further attempts and the time window, from the installed command."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from dcmsend.cli.retry_arguments import next_time_of_day
from support.corpus import DATA
from support.peer_script import Abort, Close, Reject, Respond, Script
from support.ports import free_port
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = DATA / "pydicom" / "CT_small.dcm"


def send(*arguments: str | Path | int, scripts: tuple[Script, ...] = ()) -> tuple[Run, ScriptedPeer]:
    with ScriptedPeer(*scripts) as peer:
        done = run(installed_dcmsend(), *arguments[:-1], "127.0.0.1", peer.port, arguments[-1])
    return done, peer


def test_retry(tmp_path: Path) -> None:
    """Everything arrives, and the report tells of each attempt."""
    report = tmp_path / "report.json"
    write_instances(tmp_path / "files", 5)
    scripts = (Script(stores={2: Abort()}), Script(associate=Reject(2, 3, 1)), Script(stores={3: Respond(0xA700)}))
    done, peer = send(
        "--retry", "3", "--retry-delay", "0", "--report-json", report, "+sd", tmp_path / "files",
        scripts=(*scripts, Script()),
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert [len(link.stores) for link in peer.connections] == [2, 0, 3, 2]
    instances = json.loads(report.read_text())["instances"]
    assert [len(each["attempts"]) for each in instances] == [1, 2, 1, 2, 1]
    assert [each["outcome"] for each in instances] == ["stored"] * 5
    assert [each["status"] for each in instances[3]["attempts"]] == ["0xA700", "0x0000"]
    assert [each["reason"] for each in instances[1]["attempts"]] == ["aborted", None]
    assert any("peer out of resources (0xA700)" in line for line in done.lines("W"))


def test_no_retry_is_the_default(tmp_path: Path) -> None:
    write_instances(tmp_path, 3)
    done, peer = send("--require-stored", "-nh", "+sd", tmp_path, scripts=(Script(stores={2: Abort()}), Script()))
    assert done.exit_code == 101
    assert len(peer.stores) == 3


@pytest.mark.parametrize("halt", [False, True])
def test_retry_means_no_halt_and_truthful_exit_codes(tmp_path: Path, halt: bool) -> None:
    files = write_instances(tmp_path, 3)
    files[1].write_bytes(files[1].read_bytes()[:-3])
    with ScriptedPeer() as peer:
        options = ["--halt"] if halt else []
        done = run(installed_dcmsend(), "--retry", "1", *options, "127.0.0.1", peer.port, *files)
    assert done.exit_code == 102, done.stderr  # what was not attempted will not be by the next run either
    assert len(peer.stores) == (1 if halt else 2)


def test_retry_max_time() -> None:
    begin = time.monotonic()
    done = run(
        installed_dcmsend(), "--retry", "1", "--retry-delay", "0", "--retry-max-time", "1", "127.0.0.1", free_port(), CT
    )
    assert done.exit_code == 61
    assert time.monotonic() - begin > 0.9


def test_rejection_for_good_is_not_tried_again() -> None:
    done, peer = send("--retry", "5", CT, scripts=(Script(associate=Reject(1, 1, 7)),))
    assert done.exit_code == 105
    assert len(peer.connections) == 1


def test_retry_delay(tmp_path: Path) -> None:
    done, peer = send("--retry", "1", "--retry-delay", "1", CT, scripts=(Script(stores={1: Close()}), Script()))
    assert done.exit_code == 0, done.stderr
    first, second = peer.connections
    assert second.events[0][1] - first.events[0][1] > 0.7


@pytest.mark.parametrize("retry", [[], ["--retry", "1", "--retry-delay", "0"]])
def test_stop_after_failures(tmp_path: Path, retry: list[str]) -> None:
    write_instances(tmp_path, 10)
    done, peer = send(
        "-nh", *retry, "--stop-after-failures", "4", "+sd", tmp_path, scripts=(Script(other_stores=Respond(0xC001)),)
    )
    assert done.exit_code == (102 if retry else 62)  # the next run would end at the same four
    assert len(peer.stores) == 4
    assert done.lines("F")[:1] == ["4 SOP instances in a row were not stored"]


def test_a_hundred_failures_are_enough_with_retry(tmp_path: Path) -> None:
    write_instances(tmp_path, 110)
    script = Script(other_stores=Respond(0xC001))
    done, peer = send("--retry", "1", "+sd", tmp_path, scripts=(script,))
    assert (done.exit_code, len(peer.stores)) == (102, 100)
    done, peer = send("-nh", "+sd", tmp_path, scripts=(script,))
    assert (done.exit_code, len(peer.stores)) == (0, 110)


@pytest.mark.parametrize(("last", "code"), [(0xC001, 102), (0xA700, 101)])
def test_the_rest_after_giving_up(tmp_path: Path, last: int, code: int) -> None:
    """It is worth another run only if one of the failures in a row may pass by itself."""
    names = [path.name for path in write_instances(tmp_path, 6)]
    script = Script(stores={2: Respond(0xC001), 3: Respond(last)})
    words = ("-nh", "--require-stored", "--stop-after-failures", "2", "--report-json", "report.json")
    with ScriptedPeer(script) as peer:
        done = run(installed_dcmsend(), *words, "127.0.0.1", peer.port, *names, cwd=tmp_path)
    document = json.loads((tmp_path / "report.json").read_text())
    assert (done.exit_code, document["exit"]["retryable"]) == (code, code == 101)
    rest = [row["retryable"] for row in document["instances"] if row["outcome"] == "not_attempted"]
    assert rest == [code == 101] * 3


@pytest.mark.parametrize("more", [[], ["--require-stored"], ["--send-while-scanning"]])
def test_max_duration(tmp_path: Path, more: list[str]) -> None:
    """What is in flight is finished, the association released, the rest left for the next run."""
    report = tmp_path / "report.json"
    write_instances(tmp_path / "files", 400)
    done, peer = send(
        *more, "--max-duration", "3s", "--report-json", report, "+sd", tmp_path / "files",
        scripts=(Script(other_stores=Respond(delay=0.05)),),
    )  # fmt: skip
    assert done.exit_code == 103, done.stderr
    assert peer.connections[0].course[-2] == "release"
    document = json.loads(report.read_text())
    assert document["ended_by"] == "time window"
    assert document["exit"]["code"] == 103
    assert document["exit"]["retryable"]
    stored = document["totals"]["stored"]
    assert stored == len(peer.stores) < 400
    assert {each["outcome"] for each in document["instances"][stored:]} == {"not_attempted"}
    assert {each["reason"] for each in document["instances"][stored:]} == {"time_window"}


def test_precedence_at_the_end_of_the_time_window(tmp_path: Path) -> None:
    """What may succeed for another reason than the time comes first, what cannot succeed last."""
    write_instances(tmp_path, 400)
    codes = {0xA900: 103, 0x0110: 101}
    for status, code in codes.items():
        script = Script(stores={1: Respond(status)}, other_stores=Respond(delay=0.05))
        done, _ = send("--require-stored", "-nh", "--max-duration", "3", "+sd", tmp_path, scripts=(script,))
        assert done.exit_code == code, done.stderr


def test_time_that_suffices(tmp_path: Path) -> None:
    write_instances(tmp_path, 3)
    done, _ = send("--max-duration", "1h", "--require-stored", "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr


def test_stop_at(tmp_path: Path) -> None:
    """The time given is always ahead: nothing here takes so long."""
    write_instances(tmp_path, 3)
    done, _ = send("--stop-at", time.strftime("%H:%M", time.localtime(time.time() + 7200)), "+sd", tmp_path)
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_next_time_of_day(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a whole year with its changes of time, from each hour."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for hour in range(0, 366 * 24, 7):
            now = 1_767_222_000.0 + 3600 * hour
            moment = next_time_of_day(6, 30, now)
            assert now < moment <= now + 25 * 3600
            assert time.localtime(moment)[3:5] == (6, 30)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-10-25 00:00+0200", "2026-10-25 02:30+0200"),
        ("2026-10-25 02:15+0200", "2026-10-25 02:30+0200"),
        ("2026-10-25 02:45+0200", "2026-10-25 02:30+0100"),
        ("2026-10-25 02:15+0100", "2026-10-25 02:30+0100"),
        ("2026-10-25 02:45+0100", "2026-10-26 02:30+0100"),
        ("2026-03-29 00:00+0100", "2026-03-29 03:30+0200"),
        ("2026-03-29 03:45+0200", "2026-03-30 02:30+0200"),
    ],
)
def test_a_time_of_day_that_comes_twice_or_not_at_all(now: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        moment = next_time_of_day(2, 30, datetime.fromisoformat(now).timestamp())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert moment == datetime.fromisoformat(wanted).timestamp()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--retry", "-1"], "Invalid value for option --retry (-1)"),
        (["--retry", "many"], "Invalid value for option --retry (many)"),
        (["--retry", "1001"], "Invalid value for option --retry (overflow: 1001)"),
        (["--retry", "1", "--retry-delay", "1.5"], "Invalid value for option --retry-delay (1.5)"),
        (["--retry-delay", "1"], "--retry-delay only allowed with --retry"),
        (["--retry-max-time", "1"], "--retry-max-time only allowed with --retry"),
        (["--retry", "1", "-ma"], "--retry not allowed with --single-association"),
        (["--stop-after-failures", "0"], "Invalid value for option --stop-after-failures (underflow: 0)"),
        (["--stop-at", "6:00"], "Invalid value for option --stop-at (6:00)"),
        (["--stop-at", "24:00"], "Invalid value for option --stop-at (24:00)"),
        (["--max-duration", "0"], "Invalid value for option --max-duration (underflow: 0)"),
        (["--max-duration", "8h30"], "Invalid value for option --max-duration (8h30)"),
    ],
)
def test_values_that_make_no_sense(arguments: list[str], message: str) -> None:
    done = run(installed_dcmsend(), *arguments, "127.0.0.1", 104, CT)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == f"error: {message}"
