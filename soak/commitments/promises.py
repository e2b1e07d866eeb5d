"""The promises of storage commitment; each check yields the broken ones in plain words.

They are judged by what the archive has noted, and by the journal as it was before each night and is in the end.  All
are functions of values: the tests hand in forged ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from soak.commitments.night import Done
from soak.commitments.record import Event, Journal, Row, nights_of

__all__ = ["broken_after_run", "broken_at_the_end", "broken_by_events"]

Journals = Mapping[int, Journal]
"""The journal before each night, by the number of the night; the one of the present under the next number."""


def broken_by_events(events: Sequence[Event], journals: Journals) -> list[str]:
    """All promises about requests, reports and messages that were broken until now."""
    now = journals[max(journals)]
    return [
        *_used_twice(events), *_not_noted(events, now), *_claimed(events, now), *_asked_again(events, journals),
        *_sent_again(events, journals),
    ]  # fmt: skip


def _used_twice(events: Sequence[Event]) -> Iterator[str]:
    counts = Counter(event.transaction for event in events if event.kind == "action")
    for uid, count in counts.items():
        if count > 1:
            yield f"Transaction UID used {count} times: {uid}"


def _not_noted(events: Sequence[Event], journal: Journal) -> Iterator[str]:
    """A transaction is in the journal before it is requested."""
    for event in events:
        if event.kind == "action" and event.transaction not in journal.transactions:
            yield f"requested, but not in the journal: transaction {event.transaction}"


def _claimed(events: Sequence[Event], journal: Journal) -> Iterator[str]:
    """Committed: a request has named it after it was sent, and a report that was taken names it.

    The answer to a report may be lost where one of the two programs was killed in that night, and where the archive
    says that it has taken a request for the answer ("crossed").
    """
    killed = _nights_with_kill(events)
    last_store: dict[str, int] = {}
    requests: dict[str, tuple[int, frozenset[str]]] = {}
    named: dict[str, set[str]] = {}  # instances by transaction, of reports that were taken
    answers = {event.number: event.status for event in events if event.kind == "answer"}
    crossed = {event.number for event in events if event.kind == "answer" and event.what == "crossed"}
    found: set[str] = set()
    for place, (night, event) in enumerate(nights_of(events)):
        if event.kind == "store":
            last_store[event.uids[0]] = place
        elif event.kind == "action":
            requests[event.transaction] = place, frozenset(event.uids)
        elif event.kind == "find":
            found.update(event.uids)
        elif event.kind == "report":
            status = answers.get(event.number)
            if status == 0 or (status is None and (night in killed or event.number in crossed)):
                named.setdefault(event.transaction, set()).update(set(event.uids) - set(event.failed))
    for uid, row in journal.rows.items():
        if row.state == "verified" and uid not in found:
            yield f"called verified, but no answer names it: {uid}"
        if row.state != "committed":
            continue
        asked_at, asked = requests.get(row.transaction, (-1, frozenset()))
        if uid not in asked:
            yield f"called committed, but its transaction has not asked for it: {uid}"
        elif uid not in named.get(row.transaction, ()):
            yield f"called committed, but no report that was taken says so: {uid}"
        elif asked_at < last_store.get(uid, -1):
            yield f"called committed, but was sent again after the request: {uid}"


def _nights_with_kill(events: Sequence[Event], *what: str) -> set[int]:
    return {night for night, event in nights_of(events) if event.kind == "kill" and (not what or event.what in what)}


def _asked_again(events: Sequence[Event], journals: Journals) -> Iterator[str]:
    """What was proven when a night began is neither asked for nor sent in that night."""
    for night, event in nights_of(events):
        if event.kind in ("action", "store") and night in journals:
            rows = journals[night].rows
            proven = [uid for uid in event.uids if uid in rows and rows[uid].is_proven]
            if proven:
                word = "asked for" if event.kind == "action" else "sent"
                yield f"proven before night {night}, but {word} in it: {proven[0]} ({len(proven)} in all)"


def _sent_again(events: Sequence[Event], journals: Journals) -> Iterator[str]:
    """Nothing is sent more than once, and once again when it is denied.

    At least once: what was sent in a night with a kill may be sent again if the journal, as it was before the next
    time, has not kept the first one: the row is as it was before that night, or does not say "stored".
    """
    killed = _nights_with_kill(events)
    last: dict[str, int] = {}  # the night in which it was sent
    spent: set[str] = set()  # sent again because it was denied
    denied: set[str] = set()  # in this night, before it was sent
    begun = 0
    for night, event in nights_of(events):
        if night != begun:
            begun = night
            denied.clear()
        if event.kind == "report":
            denied.update(event.failed)
        if event.kind != "store":
            continue
        uid = event.uids[0]
        before, last[uid] = last.get(uid), night
        if before is None:
            continue
        row, then = journals[night].rows.get(uid), journals[before].rows.get(uid)
        if before == night:
            yield f"sent twice in night {night}: {uid}"
        elif not _has_kept(row, then):
            if before not in killed:
                yield f"sent in night {before} without a kill, and again in night {night}: {uid}"
        elif uid in spent:
            yield f"sent again twice because it was denied, the last time in night {night}: {uid}"
        elif not (row is not None and row.state in ("denied", "missing")) and uid not in denied:
            yield f"sent again in night {night}, but nobody has denied it: {uid}"
        else:
            spent.add(uid)


def _has_kept(row: Row | None, before: Row | None) -> bool:
    """Whether a journal knows of a message that was sent since ``before``."""
    return row is not None and row.is_stored and (before is None or not before.is_stored or row.sent != before.sent)


def broken_after_run(done: Done, before: Journal, journal: Journal, paths: Mapping[str, str]) -> list[str]:
    """All promises about the end of a run, with the journal before and after it.

    ``paths`` are the SOP Instance UIDs by the names of the files.
    """
    broken = list(done.left)
    began = done.exit_code != -2 or "/dcmsend/" in done.stderr  # SIGINT may come before the program's first line
    if began and any(word in done.stderr for word in ("Traceback", "internal error")):
        broken.append("a bug: " + done.stderr[-2000:])
    if not done.was_killed:
        broken += _exit_code(done, journal, set(paths.values()))
        broken += _report(done, before, journal, paths)
    return broken


def _exit_code(done: Done, journal: Journal, wanted: set[str]) -> Iterator[str]:
    rows = [journal.rows.get(uid, Row(is_stored=False, sent=0)) for uid in wanted]
    stored, proven = all(row.is_stored for row in rows), all(row.is_proven for row in rows)
    refuted = any(row.state in ("denied", "missing") for row in rows)
    was_down = any(event.kind == "kill" and event.what == "archive" for event in done.events)
    fits = {
        0: proven, 106: stored and not proven and not refuted, 101: refuted or not stored,
        102: refuted or not stored, 61: was_down and not stored,
        130: done.night.signal == "INT", 143: done.night.signal == "TERM",
    }  # fmt: skip
    if not fits.get(done.exit_code, False):
        states = Counter(row.state if row.is_stored else "not stored" for row in rows)
        yield f"exit code {done.exit_code}, but the journal says {dict(states)}: {done.stderr[-1500:]}"


def _report(done: Done, before: Journal, journal: Journal, paths: Mapping[str, str]) -> Iterator[str]:
    if not done.report.exists():
        yield "there is no JSON report"
        return
    document = json.loads(done.report.read_text())
    if document["exit"]["code"] != done.exit_code:
        yield f"the report says exit code {document['exit']['code']}, it was {done.exit_code}"
    told = [each for each in document["instances"] if each["outcome"] in ("stored", "refused", "failed", "unconfirmed")]
    for each in told:
        row = journal.rows.get(paths[Path(each["path"]).name])
        if row is None or row.is_stored != (each["outcome"] == "stored"):
            yield f"reported as {each['outcome']}, in the journal {row}: {each['path']}"
    proofs = {
        paths[Path(each["path"]).name]: each["proof"]
        for each in (*told, *document.get("proofs_of_earlier", ())) if each.get("proof")
    }  # fmt: skip
    for uid, proof in proofs.items():
        row = journal.rows.get(uid)
        if row is None or proof["state"] != (row.state or "no_answer"):
            yield f"the report says {proof['state']}, the journal {row}: {uid}"
        elif proof["state"] == "committed" and proof["transaction"] != row.transaction:
            yield f"the report names another transaction than the journal, {row.transaction}: {uid}"
    if done.exit_code in (0, 101, 102, 106):
        new = {uid for uid, row in journal.rows.items() if row.is_proven and not _was_proven(uid, before)}
        if new - proofs.keys():
            yield f"proven in this night, but not in the report: {min(new - proofs.keys())} ({len(new)} in all)"


def _was_proven(uid: str, before: Journal) -> bool:
    row = before.rows.get(uid)
    return row is not None and row.is_proven


def broken_at_the_end(journal: Journal, paths: Mapping[str, str], last: Done) -> list[str]:
    """All promises that are broken after calm nights, of which the last one had nothing to do."""
    broken = []
    for name, uid in paths.items():
        row = journal.rows.get(uid)
        if row is None or not row.is_proven:
            broken.append(f"never committed: {name}, in the journal {row}")
    busy = Counter(event.kind for event in last.events if event.kind in ("store", "action", "find"))
    if busy:
        broken.append(f"a night that had nothing to do: {dict(busy)}")
    if last.exit_code:
        broken.append(f"the last exit code is {last.exit_code}: {last.stderr[-1500:]}")
    return broken
