"""The promises that must hold after every night; each check yields the broken ones in plain words."""

from __future__ import annotations

import base64
import csv
import json
import os
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from soak.folders.night import Done
from soak.folders.receiver import Receiver, Stored
from soak.folders.world import World, digest_of, walk
from soak.rounds import opened_copy
from support.report_file import parse_report

__all__ = ["broken_after_night", "broken_at_the_end", "broken_in_records", "nonsense_arrived"]

Rows = dict[str, tuple[int, int | None, str]]
_WORDS = ("stored", "refused", "failed", "unconfirmed")
_BY_SIGNAL = {"TERM": 143, "INT": 130}
_ALWAYS = {0, 21, 23, 61, 101, 102}


def broken_after_night(done: Done, world: World, receiver: Receiver) -> list[str]:
    """All promises that were broken in this night."""
    known = {content.stored for content in world.contents.values()}
    broken = [*_lost(world), *_moved_but_not_there(world, receiver), *nonsense_arrived(known, receiver)]
    if not done.was_killed:
        broken += _sent_from_the_sent_directory(done, receiver)
    return broken + broken_in_records(done, world.root, receiver)


def broken_in_records(done: Done, root: Path, receiver: Receiver) -> list[str]:
    """What journals, reports, exit code and messages of a night say wrongly of each other, and of the receiver."""
    broken: list[str] = []
    journals = {name: rows_of(root / name) for name in ("journal", "journal-2")}
    for name, rows in journals.items():
        broken += _claimed_but_not_there(name, rows, receiver)
    if not done.was_killed:
        broken += _exit_code(done)
        document = _document(done.reports / "json")
        if document is None:
            broken.append("there is no JSON report")
        elif document["exit"]["code"] != 104:
            broken += _reports_agree(done, document)
            broken += _report_and_receiver(document, receiver, is_alone=not done.night.second)
            if done.night.second != "same journal" or done.second_exit_code == 104:
                broken += _report_and_journal(document, journals["journal"])
            broken += _report_and_exit_code(document, done.exit_code)
    began = done.exit_code != -2 or "/dcmsend/" in done.stderr  # SIGINT may come before the first line of the program
    if began and any(word in done.stderr for word in ("Traceback", "internal error")):
        broken.append("a bug: " + done.stderr[-2000:])
    return broken


def broken_at_the_end(world: World, receiver: Receiver, sent_again: int, *, moves: bool) -> list[str]:
    """All promises that are broken after two undisturbed nights without changes."""
    broken = []
    known = receiver.ever.accepted
    uids = {uid for uid, _ in known}
    for digest, paths in world.there().items():
        content = world.contents.get(digest)
        if content is None or content.stored is None or content.stored in known:
            continue
        if any(world.tree in path.parents for path in paths) and content.stored[0] not in uids:
            broken.append(f"never arrived: {content.note}, {paths[0]}")
    if sent_again:
        broken.append(f"{sent_again} messages in a run that had nothing to do")
    if moves:
        leftovers = [path for path in walk(world.sent) if _is_machinery(path, world) or not path.stat().st_size]
        leftovers = [path for path in leftovers if not _belongs_to_a_lost_place(path, world.sent)]
        broken += [f"left in the sent directory: {path.name} of {path.stat().st_size} bytes" for path in leftovers]
    return broken


# --- files


def _lost(world: World) -> Iterator[str]:
    """Every content that ever existed still exists unchanged, except those that the soak itself has destroyed."""
    there = world.there()
    for digest, content in world.contents.items():
        if digest in there or digest in world.gone or any(heir in there for heir in content.heirs):
            continue
        yield f"LOST: {content.note}"
    for digest, paths in there.items():
        is_machinery = all(_is_machinery(path, world) or not path.stat().st_size for path in paths)
        if digest not in world.contents and not is_machinery:
            yield f"a content that nobody has written: {paths[0]}"


def _is_machinery(path: Path, world: World) -> bool:
    """Whether this is a temporary name of the program."""
    return world.sent in path.parents and any(part.startswith(".") for part in path.relative_to(world.sent).parts)


def _belongs_to_a_lost_place(path: Path, sent: Path) -> bool:
    """Whether this is left of a move from a mount that is gone: the program keeps it until the mount is back."""
    notes = sent / ".dcmsend-moving"
    note = path if path.parent == notes else notes / path.name.removeprefix(".dcmsend-").partition("-")[0]
    if not note.is_file():
        return False
    source = os.fsdecode(note.read_bytes().split(b"\0")[0])
    return not os.path.isdir(os.path.dirname(source))


def _moved_but_not_there(world: World, receiver: Receiver) -> Iterator[str]:
    for path in walk(world.sent):
        digest = digest_of(path)
        content = world.contents.get(digest)
        if content is None or _is_machinery(path, world) or digest in world.cut_while_moved:
            continue
        if content.stored is None:
            if content.note == "no DICOM" or not content.heirs or path.stat().st_size:
                yield f"moved, but never sent: {content.note}, {path}"
        elif content.stored not in receiver.ever.successes and content.stored[0] not in _uids(receiver):
            yield f"moved, but not at the receiver: {content.note}, {path}"


def _uids(receiver: Receiver) -> set[str]:
    return {uid for uid, _ in receiver.ever.accepted}


def nonsense_arrived(known: Container[Stored | None], receiver: Receiver) -> Iterator[str]:
    """What has arrived tonight and is not known."""
    for uid, digest in receiver.tonight.accepted:
        if (uid, digest) not in known:
            yield f"the receiver has a data set that no file has ever held: {uid}"


def _sent_from_the_sent_directory(done: Done, receiver: Receiver) -> Iterator[str]:
    """No file of the sent directory is sent, although it is also mounted inside the tree."""
    for uid, _ in done.moved_before & receiver.tonight.accepted:
        yield f"sent from the directory of what was sent: {uid}"


# --- journal


def rows_of(journal: Path) -> Rows:
    """Outcome, status and SOP Instance UID by path, read from a copy of the journal without our code."""
    if not journal.exists() or not journal.stat().st_size:
        return {}
    with opened_copy(journal) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'instance'").fetchone():
            return {}
        rows = connection.execute(
            "SELECT path, name, outcome, status, sop_instance_uid FROM instance JOIN directory ON directory = id"
        ).fetchall()
    return {os.fsdecode(path + b"/" + name): (outcome, status, uid) for path, name, outcome, status, uid in rows}


def _claimed_but_not_there(name: str, rows: Rows, receiver: Receiver) -> Iterator[str]:
    uids = _uids(receiver)
    for path, (outcome, _, uid) in rows.items():
        if outcome == 0 and uid not in uids:
            yield f"{name} calls stored what the receiver does not have: {path}"


# --- reports


def _document(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None


def _reports_agree(done: Done, document: dict[str, Any]) -> Iterator[str]:
    wanted = Counter((each["path"], each["outcome"]) for each in document["instances"])
    lines = [json.loads(line) for line in (done.reports / "jsonl").read_text().splitlines()]
    if Counter((each["path"], each["outcome"]) for each in lines if each["type"] == "outcome") != wanted:
        yield "JSON and JSON lines differ"
    with (done.reports / "csv").open(newline="", encoding="utf-8") as file:
        if Counter((row["path"], row["outcome"]) for row in csv.DictReader(file)) != wanted:
            yield "JSON and CSV differ"
    if not (done.reports / "html").read_text().rstrip().endswith("</html>"):
        yield "the HTML report has no end"
    totals = {word: document["totals"][word] for word in (*_WORDS, "not_attempted")}
    counted = Counter(each["outcome"] for each in document["instances"])
    if any(counted[word] != number for word, number in totals.items()):
        yield f"totals {totals}, instances {dict(counted)}"
    text = done.reports / ("text" if document["complete"] else "text.partial")
    if not text.exists():
        if sum(totals.values()):
            yield f"there is no {text.name}"
        return
    entries = parse_report(text.read_text(errors="replace")).entries
    stored = sum(entry["DIMSE Status"].startswith(("0x0000", "0xb000", "0xB000")) for entry in entries)
    duplicates = sum(each["status"] == "0x0111" and each["outcome"] == "stored" for each in document["instances"])
    if stored + duplicates != totals["stored"]:
        yield f"text report: {stored} stored, JSON: {totals['stored']}"


def _report_and_receiver(document: dict[str, Any], receiver: Receiver, *, is_alone: bool) -> Iterator[str]:
    ever, tonight = _uids(receiver), {uid for uid, _ in receiver.tonight.accepted}
    by_uid: dict[str, set[str]] = {}
    for each in document["instances"]:
        if each["outcome"] in (*_WORDS, "not_attempted"):
            by_uid.setdefault(each["sop_instance_uid"], set()).add(each["outcome"])
    for uid, words in by_uid.items():
        if "stored" in words and uid not in ever:
            yield f"reported as stored, not at the receiver: {uid}"
    if not is_alone:
        return
    denied = {uid for uid, words in by_uid.items() if words <= {"failed", "not_attempted"} and uid in tonight}
    untold = tonight - set(by_uid)
    again = sum(any(one["outcome"] == "unconfirmed" for one in each["attempts"][:-1]) for each in document["instances"])
    if len(untold | denied) > again:  # a file may hold another instance at its next attempt, which is then reported
        yield f"the receiver has got what no report tells of: {sorted(untold)}, or calls not sent: {sorted(denied)}"


def _report_and_journal(document: dict[str, Any], rows: Rows) -> Iterator[str]:
    """The last outcome of each path is the journal's, but a stored one may stay so (a file that is named twice)."""
    last: dict[str, set[str]] = {}
    for each in document["instances"]:
        if each["outcome"] in _WORDS:
            coded = each.get("path_base64")
            path = os.fsdecode(base64.b64decode(coded)) if coded else each["path"]
            folder, name = os.path.split(path)
            for real in {os.path.realpath(folder), _without_mount(folder)}:
                last.setdefault(os.path.join(real, name), set()).add(each["outcome"])
                # The journal keeps what it knew of a vanished file, and of the members of an archive that was replaced
                # after its list was read: who cannot open an input has learnt nothing about it.
                is_replaced = each["reason"] == "file_changed" and "!/" in path
                if each["reason"] == "file_unreadable" or is_replaced:
                    last[os.path.join(real, name)].add("stored")
    for path, words in last.items():
        row = rows.get(path)
        if row is None and words == {"stored"}:  # found by another name: the link dangles since the file was moved
            row = rows.get(os.path.realpath(path))
        if row is None:
            if "/mounted/" not in path:
                yield f"reported as {words}, not in the journal: {path}"
        elif _WORDS[row[0]] not in words:
            yield f"reported as {words}, in the journal {_WORDS[row[0]]}: {path}"


def _without_mount(folder: str) -> str:
    """The original path of a directory in the second mount of the tree; links lead there, out of the mount."""
    inside = folder.replace("/mounted", "/in", 1)
    real = os.path.realpath(inside)
    return os.path.realpath(folder) if real == inside else real


def _exit_code(done: Done) -> Iterator[str]:
    allowed = set(_ALWAYS)
    if done.night.ending in _BY_SIGNAL:
        allowed.add(_BY_SIGNAL[done.night.ending])
        allowed.add(-15 if done.night.ending == "TERM" else -2)
    if "--max-duration" in done.night.options:
        allowed.add(103)
    if done.night.second == "same journal":
        allowed.add(104)
    if done.exit_code not in allowed:
        yield f"exit code {done.exit_code}: {done.stderr[-1500:]}"
    if done.second_exit_code is not None and done.second_exit_code not in {*allowed, 104, -9, 137}:
        yield f"exit code {done.second_exit_code} of the second run"


def _report_and_exit_code(document: dict[str, Any], ended_with: int) -> Iterator[str]:
    code = document["exit"]["code"]
    if code != ended_with:
        yield f"the report says exit code {code}, it was {ended_with}"
    bad = [each for each in document["instances"] if each["outcome"] not in ("stored", "not_dicom")]
    if code == 0 and bad:
        yield f"exit code 0, but {bad[0]['outcome']}: {bad[0]['path']}"
    if code in (101, 102) and not bad:
        yield f"exit code {code}, but all is stored"
    if code == 102 and any(each["retryable"] for each in bad):
        yield "exit code 102, but something is retryable"
