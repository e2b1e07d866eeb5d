"""A short run of ``scripts/soak_places``, and that its checks find what they are there to find."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from soak.folders.receiver import Receiver, Record
from soak.places.night import Done, Night
from soak.places.promises import Row, broken_after_night, broken_at_the_end
from soak.places.world import World

from support.programs import installed_dcmsend
from support.soaking import play_rounds
from support.store_servers import StorePlace


@pytest.mark.slow
@pytest.mark.peer("moto")
@pytest.mark.peer("obstore")
@pytest.mark.timeout(400)
def test_no_promise_is_broken() -> None:
    """With this seed both rounds are short; four nights are killed, and five associations broken."""
    for done in play_rounds("soak_places", (1, 2), "--seed", "943", timeout=380):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "seed 943" in done.stdout
        assert "1 rounds" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("before", "after", "promise"),
    [
        ("pathlib.Path(journal).unlink(missing_ok=True)", "", "stored before, but fetched again"),
        ("", "rows = document['instances']; rows[:1] = []; write()", "no outcome: "),
    ],
)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path, before: str, after: str, promise: str) -> None:
    """A program that forgets, and one that keeps an outcome for itself; forged nights below stand for the others."""
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sqlite3, subprocess, sys\n"
        "journal, report = (sys.argv[sys.argv.index(word) + 1] for word in ('--journal', '--report-json'))\n"
        f"{before}\n"
        f"code = subprocess.run([{installed_dcmsend()!r}, *sys.argv[1:]]).returncode\n"
        "document = json.loads(pathlib.Path(report).read_text())\n"
        "def write(): pathlib.Path(report).write_text(json.dumps(document))\n"
        "def execute(statement):\n"
        "    connection = sqlite3.connect(journal)\n    connection.execute(statement)\n    connection.commit()\n"
        f"{after}\nsys.exit(code)\n"
    )
    other.chmod(0o755)
    # Of this seed the second round is one that shows either soon: its first two nights find a peer that takes all.
    words = "--seed", "5", "--kills", "0", "--store", "web", "--dcmsend", other
    (done,) = play_rounds("soak_places", (2,), *words, timeout=380)
    assert done.returncode == 1, done.stdout + done.stderr
    assert promise in done.stdout


# --- forged nights


class Forged:
    """A night in which two objects were stored, and what was noted of it."""

    def __init__(self, folder: Path) -> None:
        place = StorePlace("s3://b/", lambda name, data: None)
        self.world = World(place, "p", random.Random(1), has_lists=True)
        self.world.add(2)
        self.world.begin_night("rough")
        self.a, self.b = sorted(self.world.versions)
        self.receiver = cast(Receiver, type("Noted", (), {"ever": Record(), "tonight": Record()})())
        for name in (self.a, self.b):
            self.arrives(self.version(name).stored)
        self.before: dict[str, Row] = {}
        self.after = {self.url(name): self.row(name) for name in (self.a, self.b)}
        self.rows = [self.told(name) for name in (self.a, self.b)]
        self.document: dict[str, Any] = {"complete": True, "totals": {"found": 2, "already_stored": 0}}
        self.said = 0
        self.done = Done(Night(1, "rough", "good"), 0, "", folder, 0)

    def url(self, name: str) -> str:
        return self.world.url + name

    def version(self, name: str) -> Any:
        return self.world.versions[name][-1]

    def arrives(self, what: Any) -> None:
        self.receiver.ever.accepted.add(what)
        self.receiver.tonight.accepted.add(what)

    def row(self, name: str, outcome: str = "stored") -> Row:
        return Row(outcome, self.version(name).stored[0], self.version(name).etag)

    def told(self, name: str, outcome: str = "stored", reason: str | None = None, retryable: bool = False) -> Any:
        return {
            "type": "outcome", "path": self.url(name), "outcome": outcome, "reason": reason, "retryable": retryable,
            "message": "", "sop_instance_uid": self.version(name).stored[0], "bytes_sent": 400,
        }  # fmt: skip

    def rejects(self, name: str, *, retryable: bool, code: int) -> None:
        """The second object is not taken."""
        self.rows[1] = self.told(name, "invalid", "invalid", retryable)
        del self.after[self.url(name)]
        self.said = self.done.exit_code = code

    def broken(self) -> list[str]:
        text = json.dumps({**self.document, "instances": self.rows, "exit": {"code": self.said}})
        (self.done.reports / "json").write_text(text)
        if not (self.done.reports / "jsonl").exists():
            (self.done.reports / "jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        return broken_after_night(self.done, self.world, self.receiver, self.before, self.after)


def test_a_good_night(tmp_path: Path) -> None:
    forged = Forged(tmp_path)
    assert forged.broken() == []
    assert broken_at_the_end(forged.done, forged.world, forged.receiver, forged.after, 0) == []


def test_a_good_night_with_faults(tmp_path: Path) -> None:
    forged = Forged(tmp_path)
    forged.world.tonight.faults[forged.b] = ["404", "503"]
    forged.rejects(forged.b, retryable=True, code=101)
    assert forged.broken() == []
    assert broken_at_the_end(forged.done, forged.world, forged.receiver, forged.after, 3) == [
        f"never stored in the journal: {forged.b}, None", "3 messages in a run that had nothing to do",
        "the last exit code is 101: ",
    ]  # fmt: skip


def lose(forged: Forged) -> None:
    """The peer does not have the second object, or has another content of it."""
    stored = forged.version(forged.b).stored
    for record in (forged.receiver.ever, forged.receiver.tonight):
        record.accepted.remove(stored)


def lose_a_byte(forged: Forged) -> None:
    lose(forged)
    forged.arrives((forged.version(forged.b).stored[0], hashlib.sha256(b"").hexdigest()))


def change_late(forged: Forged) -> None:
    forged.world.change(forged.b)
    forged.arrives(forged.version(forged.b).stored)


def fetch_again(forged: Forged) -> None:
    forged.before = {forged.url(forged.a): forged.row(forged.a)}
    forged.world.tonight.served[forged.a] = 1


def fetch_twice(forged: Forged) -> None:
    forged.world.tonight.served[forged.a] = 2


def be_final_too_soon(forged: Forged) -> None:
    forged.world.tonight.faults[forged.b] = ["503"]
    forged.rejects(forged.b, retryable=False, code=102)


def hope_for_ever(forged: Forged) -> None:
    forged.world.tonight.faults[forged.b] = ["403"]
    forged.rejects(forged.b, retryable=True, code=101)


def reject_without_reason(forged: Forged) -> None:
    forged.rejects(forged.b, retryable=False, code=102)


def end_well(forged: Forged) -> None:
    be_final_too_soon(forged)
    forged.said = forged.done.exit_code = 0


def end_early(forged: Forged) -> None:
    forged.document["complete"] = False
    forged.said = forged.done.exit_code = 102


def be_absent(forged: Forged) -> None:
    forged.document["complete"] = False
    forged.said = forged.done.exit_code = 61


def tell_twice(forged: Forged) -> None:
    forged.rows.append(forged.rows[0])


def leave_out(forged: Forged) -> None:
    del forged.rows[1]


def count_wrong(forged: Forged) -> None:
    forged.document["totals"]["found"] = 3


def note_another(forged: Forged) -> None:
    forged.after[forged.url(forged.b)] = forged.row(forged.b, "failed")


def note_no_version(forged: Forged) -> None:
    forged.after[forged.url(forged.b)] = forged.row(forged.b)._replace(etag="0")


def call_changed(forged: Forged) -> None:
    forged.rows[1] = forged.told(forged.b, "failed", "file_changed", retryable=True)
    forged.after[forged.url(forged.b)] = forged.row(forged.b, "failed")
    forged.said = forged.done.exit_code = 101


def call_no_dicom(forged: Forged) -> None:
    forged.rows[1] = forged.told(forged.b, "not_dicom", "not_dicom")


def lose_a_line(forged: Forged) -> None:
    (forged.done.reports / "jsonl").write_text(json.dumps(forged.rows[0]) + "\n")


def show_a_bug(forged: Forged) -> None:
    forged.done.stderr = "Traceback (most recent call last)"


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (lose, "the journal calls stored what the receiver does not have"),
        (lose, "reported as stored, not at the receiver"),
        (lose_a_byte, "the receiver has a data set that no object has ever held"),
        (lose_a_byte, "the journal calls stored what the receiver does not have"),
        (change_late, "an object that was changed after the list was sent"),
        (fetch_again, "stored before, but fetched again"),
        (fetch_twice, "fetched 2 times with 0 retries and 0 broken associations"),
        (be_final_too_soon, "retryable is False, after ['503']"),
        (hope_for_ever, "retryable is True, after ['403']"),
        (reject_without_reason, "not taken, but the store has given it"),
        (end_well, "exit code 0, but the rows say 102"),
        (end_early, "exit code 102 of a run that was ended early"),
        (be_absent, "exit code 61, but the peer rejects nothing"),
        (tell_twice, "2 outcomes of one object"),
        (leave_out, "no outcome: "),
        (count_wrong, "2 objects, 3 found, 0 stored before, 2 outcomes"),
        (note_another, "reported as stored, in the journal Row(outcome='failed'"),
        (note_no_version, "the journal knows a version that no object had"),
        (call_changed, "reported as changed, but nobody has changed it"),
        (call_no_dicom, "called no DICOM"),
        (lose_a_line, "JSON and JSON lines differ"),
        (show_a_bug, "a bug: Traceback"),
    ],
)
def test_a_broken_promise_is_found(tmp_path: Path, change: Any, promise: str) -> None:
    forged = Forged(tmp_path)
    change(forged)
    broken = forged.broken()
    assert any(promise in each for each in broken), broken


@pytest.mark.parametrize(("sent", "is_kept"), [(0, True), (400, True), (0, False)])
def test_what_could_not_be_sent_again_stays_unanswered(tmp_path: Path, sent: int, is_kept: bool) -> None:
    """The object was changed after the list was read, so nothing of it was sent: the journal keeps what it knew."""
    forged = Forged(tmp_path)
    url = forged.url(forged.b)
    forged.before[url] = forged.after[url] = forged.row(forged.b, "unconfirmed")
    if not is_kept:
        forged.before[url] = forged.before[url]._replace(etag="0")
    forged.rows[1] = {**forged.told(forged.b, "failed", "file_changed", retryable=True), "bytes_sent": sent}
    forged.world.change(forged.b)
    forged.said = forged.done.exit_code = 101
    found = any("reported as failed, in the journal" in each for each in forged.broken())
    assert found == (sent > 0 or not is_kept)


def test_a_killed_night_is_only_asked_what_it_can_know(tmp_path: Path) -> None:
    """Its last line may lack its end."""
    forged = Forged(tmp_path)
    forged.done.exit_code = -9
    text = json.dumps(forged.rows[0])
    (tmp_path / "jsonl").write_text(f"{text}\n{text[:20]}")
    assert forged.broken() == []
    lose(forged)
    assert forged.broken() != []
