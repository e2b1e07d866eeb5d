"""The promises that must hold after every night; each check yields the broken ones in plain words."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from soak.folders.receiver import Receiver
from soak.places.night import Done
from soak.places.world import BUSY, FINAL, World
from soak.rounds import opened_copy

__all__ = ["Row", "Rows", "broken_after_night", "broken_at_the_end", "rows_of"]

_WORDS = ("stored", "refused", "failed", "unconfirmed")
_ABSENT = 61
_ATTEMPTS = 3


class Row(NamedTuple):
    """A row of the journal."""

    outcome: str
    uid: str
    etag: str


Rows = dict[str, Row]


def rows_of(journal: Path) -> Rows:
    """The journal by addresses, read without our code."""
    if not journal.exists() or not journal.stat().st_size:
        return {}
    with opened_copy(journal) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
            return {}
        rows = connection.execute(
            "SELECT path, name, outcome, sop_instance_uid, etag FROM instance JOIN directory ON directory = id"
        ).fetchall()
    return {os.fsdecode(path + name): Row(_WORDS[outcome], uid, etag or "") for path, name, outcome, uid, etag in rows}


def broken_after_night(done: Done, world: World, receiver: Receiver, before: Rows, after: Rows) -> list[str]:
    """All promises that were broken in this night; ``before`` and ``after`` are what the journal said."""
    broken = [
        *_nonsense_arrived(world, receiver), *_journal_and_receiver(world, receiver, after),
        *_fetched_again(done, world, before), *_lines_and_receiver(done, world, receiver),
    ]  # fmt: skip
    if any(word in done.stderr for word in ("Traceback", "internal error", "Exception ignored")):
        broken.append("a bug: " + done.stderr[-2000:])
    if done.was_killed:
        return broken
    path = done.reports / "json"
    if not path.exists():
        return [*broken, f"there is no JSON report, exit code {done.exit_code}: {done.stderr[-1500:]}"]
    document = json.loads(path.read_text())
    rows = document["instances"]
    broken += _one_outcome_each(document, world, before)
    broken += _report_and_lines(done, rows)
    broken += _report_and_journal(rows, after, before)
    broken += _report_and_store(rows, world)
    broken += _exit_code(done, document)
    return broken


def broken_at_the_end(done: Done, world: World, receiver: Receiver, after: Rows, messages: int) -> list[str]:
    """All promises that are broken after a last good night, in which nothing was left to do."""
    broken = []
    for name in world.instances():
        version = world.versions[name][-1]
        if version.stored not in receiver.ever.accepted:
            broken.append(f"never arrived: {name}")
        row = after.get(world.url + name)
        if row is None or row.outcome != "stored" or row.etag != version.etag:
            broken.append(f"never stored in the journal: {name}, {row}")
    if fetched := set(world.tonight.served) & set(world.instances()):
        broken.append(f"fetched in a run that had nothing to do: {sorted(fetched)}")
    if messages:
        broken.append(f"{messages} messages in a run that had nothing to do")
    if done.exit_code:
        broken.append(f"the last exit code is {done.exit_code}: {done.stderr[-1500:]}")
    return broken


# --- the peer


def _nonsense_arrived(world: World, receiver: Receiver) -> Iterator[str]:
    """What arrives is a version of an object, byte for byte, and not one that is newer than the list of the night."""
    known = {version.stored for versions in world.versions.values() for version in versions}
    newer = {version.stored for versions in world.tonight.put.values() for version in versions}
    for what in receiver.tonight.accepted:
        if what not in known:
            yield f"the receiver has a data set that no object has ever held: {what[0]}"
        elif world.has_lists and what in newer:
            yield f"an object that was changed after the list was sent: {what[0]}"


def _journal_and_receiver(world: World, receiver: Receiver, after: Rows) -> Iterator[str]:
    for path, row in after.items():
        versions = world.versions.get(path.removeprefix(world.url), [])
        meant = [version for version in versions if version.etag == row.etag]
        if not meant and row.etag:
            yield f"the journal knows a version that no object had: {path}"
        if row.outcome != "stored":
            continue
        if not meant or meant[0].stored not in receiver.ever.accepted:
            yield f"the journal calls stored what the receiver does not have: {path}"
        elif meant[0].stored is None or meant[0].stored[0] != row.uid:
            yield f"the journal has another UID than the object: {path}"


def _lines_and_receiver(done: Done, world: World, receiver: Receiver) -> Iterator[str]:
    """What JSON lines call stored, also those of a run that was killed."""
    for line in _lines(done):
        if line["outcome"] != "stored":
            continue
        versions = world.versions.get(line["path"].removeprefix(world.url), [])
        if not any(
            version.stored in receiver.ever.accepted and version.stored[0] == line["sop_instance_uid"]
            for version in versions if version.stored is not None
        ):  # fmt: skip
            yield f"reported as stored, not at the receiver: {line['path']}"


# --- the store


def _fetched_again(done: Done, world: World, before: Rows) -> Iterator[str]:
    """What was stored is not fetched; anything else once, once more for each further attempt and broken association."""
    tonight, retries = world.tonight, done.night.retries
    for name, count in tonight.served.items():
        row, version = before.get(world.url + name), tonight.began_with.get(name)
        is_known = row is not None and version is not None and row.outcome == "stored" and row.etag == version.etag
        unseen = tonight.unseen.get(name, [])
        was_seen = len(unseen) < _ATTEMPTS and not set(unseen) & set(FINAL)
        if is_known and was_seen and name not in tonight.put:
            yield f"stored before, but fetched again: {name}"
        if count > 1 + retries + done.broken and name not in tonight.put:
            yield f"fetched {count} times with {retries} retries and {done.broken} broken associations: {name}"


def _report_and_store(rows: list[dict[str, Any]], world: World) -> Iterator[str]:
    """What is said of the store has happened, and is called final or not as it was."""
    tonight = world.tonight
    for row in rows:
        name = row["path"].removeprefix(world.url)
        faults = [fault for fault in tonight.faults.get(name, ()) if fault in (*BUSY, *FINAL)]
        if row["outcome"] == "not_dicom" and world.versions[name][-1].stored is not None:
            yield f"called no DICOM: {name}"
        if row["reason"] == "file_changed" and name not in tonight.put:
            yield f"reported as changed, but nobody has changed it: {name}"
        if row["outcome"] == "invalid" or row["reason"] in ("file_unreadable", "store_busy"):
            if not faults:
                yield f"not taken, but the store has given it: {name}, {row['message']}"
            elif row["retryable"] is not (faults[-1] in BUSY):
                yield f"retryable is {row['retryable']}, after {faults}: {name}, {row['message']}"


# --- reports


def _lines(done: Done) -> list[dict[str, Any]]:
    """The outcomes in JSON lines; of a killed run the last line may lack its end."""
    path = done.reports / "jsonl"
    if not path.exists():
        return []
    *whole, _ = path.read_text().split("\n")
    return [line for line in map(json.loads, whole) if line["type"] == "outcome"]


def _one_outcome_each(document: dict[str, Any], world: World, before: Rows) -> Iterator[str]:
    paths = Counter(row["path"] for row in document["instances"])
    for path, count in paths.items():
        if count > 1:
            yield f"{count} outcomes of one object: {path}"
    if not document["complete"]:
        return
    known = {path for path, row in before.items() if row.outcome == "stored"}
    wanted = {world.url + name for name in world.versions}
    if missing := wanted - set(paths) - known:
        yield f"no outcome: {sorted(missing)}"
    if strange := set(paths) - wanted:
        yield f"an outcome of nothing: {sorted(strange)}"
    found, already = document["totals"]["found"], document["totals"]["already_stored"]
    if found != len(wanted) or already + len(paths) != found:
        yield f"{len(wanted)} objects, {found} found, {already} stored before, {len(paths)} outcomes"


def _report_and_lines(done: Done, rows: list[dict[str, Any]]) -> Iterator[str]:
    told = Counter((each["path"], each["outcome"]) for each in rows)
    if told != Counter((each["path"], each["outcome"]) for each in _lines(done)):
        yield "JSON and JSON lines differ"


def _report_and_journal(rows: list[dict[str, Any]], after: Rows, before: Rows) -> Iterator[str]:
    """The journal says what the report says.

    What is stored stays stored.  What was sent without an answer stays so if it could not be sent again.
    """
    for each in rows:
        path, word = each["path"], each["outcome"]
        row, old = after.get(path), before.get(path)
        if word not in _WORDS:
            continue
        allowed = {word, "stored"} if old is not None and old.outcome == "stored" else {word}
        if old is not None and old == row and word == "failed" and not each["bytes_sent"]:
            allowed.add("unconfirmed")
        if row is None or row.outcome not in allowed:
            yield f"reported as {word}, in the journal {row}: {path}"
        elif word == "stored" and row.uid != each["sop_instance_uid"]:
            yield f"reported and noted with different UIDs: {path}"


def _exit_code(done: Done, document: dict[str, Any]) -> Iterator[str]:
    """0, 101 and 102 say what the rows say; 61 only a peer that rejects, 23 only if there was nothing to send."""
    code, said = done.exit_code, document["exit"]["code"]
    if code != said:
        yield f"the report says exit code {said}, it was {code}"
    bad = [row for row in document["instances"] if row["outcome"] not in ("stored", "not_dicom")]
    wanted = 0 if not bad else 101 if any(row["retryable"] for row in bad) else 102
    if document["complete"]:
        if code != wanted:
            yield f"exit code {code}, but the rows say {wanted}: {done.stderr[-1500:]}"
    elif code == _ABSENT:
        if done.night.peer != "rejects":
            yield f"exit code {code}, but the peer rejects nothing"
    elif code != 101:
        yield f"exit code {code} of a run that was ended early: {done.stderr[-1500:]}"
