"""A short run of ``scripts/soak_commitments``, and that its checks find what they are there to find."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from soak.commitments.night import CALM, Done, Night
from soak.commitments.promises import broken_after_run, broken_at_the_end, broken_by_events
from soak.commitments.record import Event, Journal, Log, Row

from support.programs import installed_dcmsend
from support.soaking import play_rounds


@pytest.mark.slow
@pytest.mark.peer("pynetdicom")
@pytest.mark.timeout(300)
def test_no_promise_is_broken() -> None:
    for done in play_rounds("soak_commitments", (1, 2), "--seed", "5", timeout=280):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "seed 5" in done.stdout
        assert "requests" in done.stdout


@pytest.mark.slow
@pytest.mark.peer("pynetdicom")
@pytest.mark.timeout(300)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path) -> None:
    """One that calls committed whatever it has asked for.

    In the first night of this seed nobody waits for the report, so nothing is committed, and nobody is killed.
    """
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport ctypes, sqlite3, subprocess, sys\n"
        "die_too = lambda: ctypes.CDLL(None).prctl(1, 9)\n"  # a kill is meant for both
        f"done = subprocess.run([{installed_dcmsend()!r}, *sys.argv[1:]], preexec_fn=die_too)\n"
        "journal = sqlite3.connect(sys.argv[sys.argv.index('--journal') + 1])\n"
        "journal.execute('UPDATE proof SET state = 0')\njournal.commit()\nsys.exit(done.returncode)\n"
    )
    other.chmod(0o755)
    (done,) = play_rounds("soak_commitments", (1,), "--seed", "27", "--dcmsend", other, timeout=280)
    assert done.returncode == 1, done.stdout + done.stderr
    # Which of the two is seen first is a question of what the archive had reported by then.
    broken = ("called committed, but no report that was taken says so", "but the journal says {'committed'")
    assert any(promise in done.stdout for promise in broken), done.stdout


# --- forged logs and journals

A, B = "1.2.1", "1.2.2"


def store(uid: str) -> Event:
    return Event("store", uids=(uid,), status=0)


def request(transaction: str, *uids: str, status: int = 0) -> Event:
    return Event("action", transaction=transaction, uids=uids, status=status)


def report(
    number: int, transaction: str, *uids: str, failed: Sequence[str] = (), status: int | None = 0
) -> list[Event]:
    """A report and what was noted of the answer to it."""
    sent = Event("report", number=number, transaction=transaction, uids=uids, failed=tuple(failed))
    return [sent, Event("answer", number=number, transaction=transaction, status=status)]


def night(number: int) -> Event:
    return Event("night", number=number)


KILL = Event("kill", what="sender")
STORED = Row(is_stored=True, sent=1)
ASKED = Row(is_stored=True, sent=1, state="no_answer", transaction="9.1")


def committed(transaction: str, sent: int = 1) -> Row:
    return Row(is_stored=True, sent=sent, state="committed", transaction=transaction)


def denied(transaction: str, sent: int = 1) -> Row:
    return Row(is_stored=True, sent=sent, state="denied", transaction=transaction)


def journal(a: Row | None = None, b: Row | None = None, *, transactions: Sequence[str] = ()) -> Journal:
    rows = {uid: row for uid, row in ((A, a), (B, b)) if row is not None}
    return Journal(rows, frozenset(transactions))


GOOD = [
    night(1), store(A), store(B), request("9.1", A, B), KILL,
    night(2), *report(1, "9.1", A, failed=[B]), request("9.2", A), *report(2, "9.2", A),
    night(3), store(B), request("9.3", B), *report(3, "9.3", B),
]  # fmt: skip
ALL = ["9.1", "9.2", "9.3"]
JOURNALS = {
    1: journal(), 2: journal(ASKED, ASKED, transactions=["9.1"]),
    3: journal(committed("9.1"), denied("9.1"), transactions=["9.1", "9.2"]),
    4: journal(committed("9.1"), committed("9.3", sent=2), transactions=ALL),
}  # fmt: skip


def test_a_good_log_breaks_nothing() -> None:
    assert broken_by_events(GOOD, JOURNALS) == []


def changed(*changes: tuple[int, Event | None]) -> list[Event]:
    """The good log with events replaced, or left out."""
    events: list[Event | None] = list(GOOD)
    for place, event in changes:
        events[place] = event
    return [event for event in events if event is not None]


@pytest.mark.parametrize(
    ("events", "journals", "promise"),
    [
        (changed((8, request("9.1", A))), {}, "Transaction UID used 2 times: 9.1"),
        (changed((8, request("9.4", A))), {}, "requested, but not in the journal: transaction 9.4"),
        (changed((3, request("9.1", B))), {}, "called committed, but its transaction has not asked for it: 1.2.1"),
        (changed((6, report(1, "9.1", B)[0])), {}, "called committed, but no report that was taken says so: 1.2.1"),
        (changed((6, report(1, "9.1", A, failed=[A])[0])), {}, "called committed, but no report that was taken"),
        (changed((7, report(1, "9.1", status=0x0213)[1])), {}, "called committed, but no report that was taken"),
        (changed((7, report(1, "9.1", status=None)[1])), {}, "called committed, but no report that was taken"),
        (changed((7, None)), {}, "called committed, but no report that was taken says so: 1.2.1"),
        ([*GOOD[:8], store(A), *GOOD[8:]], {}, "called committed, but was sent again after the request: 1.2.1"),
        (GOOD, {4: journal(Row(True, 1, "verified"), transactions=ALL)}, "called verified, but no answer names it"),
        ([*GOOD, request("9.5", A)], {}, "proven before night 3, but asked for in it: 1.2.1"),
        ([*GOOD, store(A)], {}, "proven before night 3, but sent in it: 1.2.1"),
        ([*GOOD, store(B)], {}, "sent twice in night 3: 1.2.2"),
        (changed((4, None), (5, store(A))), {2: journal(), 3: journal()}, "sent twice in night 1: 1.2.1"),
        (
            [night(1), store(A), night(2), store(A)], {2: journal(), 3: journal(STORED)},
            "sent in night 1 without a kill, and again in night 2: 1.2.1",
        ),
        (
            [night(1), store(A), KILL, night(2), store(A)], {2: journal(STORED), 3: journal(STORED)},
            "sent again in night 2, but nobody has denied it: 1.2.1",
        ),
        (
            [*GOOD[:10], store(B), night(4), store(B)],
            {4: journal(committed("9.1"), denied("9.3", 2), transactions=ALL), 5: journal(transactions=ALL)},
            "sent again twice because it was denied, the last time in night 4: 1.2.2",
        ),
    ],
)  # fmt: skip
def test_a_broken_promise_is_found(events: list[Event], journals: dict[int, Journal], promise: str) -> None:
    broken = broken_by_events(events, {**JOURNALS, **journals})
    assert any(promise in each for each in broken), broken


def test_what_a_kill_excuses() -> None:
    """An answer that was not noted; a message whose outcome the journal has not kept, and only that."""
    killed = {**JOURNALS, 2: journal(STORED, transactions=["9.1"])}
    assert broken_by_events([*GOOD[:6], store(B), *GOOD[6:]], killed) == []
    events = [night(1), store(A), request("9.1", A), *report(1, "9.1", A, status=None), KILL]
    known = {1: journal(), 2: journal(committed("9.1"), transactions=["9.1"])}
    assert broken_by_events(events, known) == []
    assert broken_by_events(events[:-1], known) != []
    crossed = replace(events[-2], what="crossed")
    assert broken_by_events([*events[:-2], crossed], known) == []


# --- the end of a run

PATHS = {"a": A, "b": B}
BOTH = journal(committed("9.1"), committed("9.1"), transactions=["9.1"])


def ended(folder: Path, code: int = 0, *, signal: str = "", stderr: str = "", **changes: Any) -> Done:
    """A run that has proven both instances, and says so in its report."""
    proof = {"state": "committed", "transaction": "9.1"}
    document: dict[str, object] = {
        "exit": {"code": code}, "instances": [{"path": "/in/a", "outcome": "stored", "proof": proof}],
        "proofs_of_earlier": [{"path": "/in/b", "proof": proof}],
    }  # fmt: skip
    path = folder / "report.json"
    path.write_text(json.dumps({**document, **changes}))
    return Done(Night(1, CALM, "1", signal), code, stderr, path, [])


def test_a_good_end(tmp_path: Path) -> None:
    assert broken_after_run(ended(tmp_path), journal(), BOTH, PATHS) == []
    assert broken_at_the_end(BOTH, PATHS, ended(tmp_path)) == []
    assert broken_after_run(ended(tmp_path, 130, signal="INT"), journal(), BOTH, PATHS) == []
    assert broken_after_run(replace(ended(tmp_path, -9), report=tmp_path), journal(), journal(), PATHS) == []


OTHER = {"path": "/in/a", "outcome": "stored", "proof": {"state": "committed", "transaction": "9.2"}}
LESS = {"path": "/in/a", "outcome": "stored", "proof": {"state": "no_answer", "transaction": "9.1"}}
FAILED = {"path": "/in/a", "outcome": "failed", "proof": None}


@pytest.mark.parametrize(
    ("code", "changes", "after", "promise"),
    [
        (0, {}, journal(committed("9.1"), ASKED), "exit code 0, but the journal says"),
        (0, {}, journal(committed("9.1")), "exit code 0, but the journal says"),
        (106, {}, BOTH, "exit code 106, but the journal says"),
        (106, {}, journal(committed("9.1"), denied("9.1")), "exit code 106, but the journal says"),
        (101, {}, BOTH, "exit code 101, but the journal says"),
        (102, {}, BOTH, "exit code 102, but the journal says"),
        (61, {}, BOTH, "exit code 61, but the journal says"),
        (130, {}, BOTH, "exit code 130, but the journal says"),
        (70, {}, BOTH, "exit code 70, but the journal says"),
        (0, {"exit": {"code": 106}}, BOTH, "the report says exit code 106, it was 0"),
        (0, {"instances": [FAILED]}, BOTH, "reported as failed, in the journal"),
        (0, {"instances": [LESS]}, BOTH, "the report says no_answer, the journal"),
        (0, {"instances": [OTHER]}, BOTH, "the report names another transaction than the journal, 9.1: 1.2.1"),
        (0, {"instances": []}, BOTH, "proven in this night, but not in the report: 1.2.1"),
        (0, {"proofs_of_earlier": []}, BOTH, "proven in this night, but not in the report: 1.2.2"),
    ],
)
def test_an_end_that_does_not_fit_is_found(
    tmp_path: Path, code: int, changes: dict[str, Any], after: Journal, promise: str
) -> None:
    broken = broken_after_run(ended(tmp_path, code, **changes), journal(), after, PATHS)
    assert any(promise in each for each in broken), broken


def test_what_is_left_is_found(tmp_path: Path) -> None:
    done = replace(ended(tmp_path, stderr="Traceback (most recent call last)"), left=["port 1 is still open"])
    assert [each.partition(":")[0] for each in broken_after_run(done, journal(), BOTH, PATHS)] == [
        "port 1 is still open", "a bug",
    ]  # fmt: skip
    missing = replace(ended(tmp_path), report=tmp_path / "none")
    assert broken_after_run(missing, journal(), BOTH, PATHS) == ["there is no JSON report"]


def test_what_is_never_done_is_found(tmp_path: Path) -> None:
    last = replace(ended(tmp_path, 106), events=[night(9), request("9.9", B)])
    assert [each.partition(",")[0] for each in broken_at_the_end(journal(committed("9.1"), ASKED), PATHS, last)] == [
        "never committed: b", "a night that had nothing to do: {'action': 1}", "the last exit code is 106: ",
    ]  # fmt: skip


def test_half_a_line_is_not_read_before_its_end(tmp_path: Path) -> None:
    """The archive may be killed, or write, at any moment."""
    log = Log(tmp_path / "log")
    log.write("store", uids=[A], status=0)
    with (tmp_path / "log").open("ab") as file:
        file.write(b'{"kind": "st')
    assert log.new() == [store(A)]
    with (tmp_path / "log").open("ab") as file:
        file.write(b'art", "time": 1}\n')
    assert log.new() == [Event("start")]
    log.close()
