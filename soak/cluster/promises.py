"""The promises that must hold after every night; each check yields the broken ones in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from soak.cluster.night import Done

__all__ = ["broken_after_night", "broken_at_the_end", "surplus_allowed"]

_MOST_UNTOLD = 256
_BATCH = 500
_BY_SIGNAL = {"INT": {130, -2}, "TERM": {143, -15}}


def surplus_allowed(done: Done, workers: int) -> int:
    """How many instances may be sent again because of what has happened in a night."""
    limit = min(done.night.limit or workers, workers)
    return {
        "": 0,
        "worker": done.happened * (_MOST_UNTOLD + 1),  # what was not told, and one in flight
        "host": done.happened * (_MOST_UNTOLD + 1),
        "driver": 0,
        "scheduler": limit * _BATCH,  # nobody has heard of the batches under way
        "scheduler gone": limit * _BATCH,
        "partition": _BATCH,  # another worker sends the batch, too
        "drain": 0,
        "abort": limit,  # in flight
    }[done.night.kind]


def broken_after_night(
    done: Done, before: Mapping[str, str], after: Mapping[str, str], there_before: Collection[str],
    there: Mapping[str, int], uids: Mapping[str, str], *, workers: int, surplus: int,
) -> list[str]:  # fmt: skip
    """What is broken.

    ``before`` and ``after`` are the journal, ``there`` is how often each instance has come to the receiver, ``uids``
    are the SOP Instance UIDs by path.  ``surplus``: of all nights so far, how many may have come once more.
    """
    return [
        *_claimed(done, after, there), *_surplus(there, surplus), *_at_once(done, workers),
        *_lost_from_the_journal(before, after), *_report(done, after, there_before, there, uids), *_end(done, uids),
    ]  # fmt: skip


def broken_at_the_end(
    done: Done, after: Mapping[str, str], there: Mapping[str, int], wanted: Collection[str]
) -> list[str]:
    """What is broken after a night that had nothing to do."""
    broken = [f"never stored: {uid}" for uid in wanted if not there.get(uid)]
    broken += [f"never in the journal: {uid}" for uid in wanted if after.get(uid) != "stored"]
    broken += [f"an instance that nobody has: {uid}" for uid in there if uid not in wanted]
    if done.begun or done.rows:
        broken.append(f"a night that had nothing to do: {done.begun} messages, {len(done.rows)} rows")
    if done.exit_code:
        broken.append(f"the last exit code is {done.exit_code}: {done.stderr[-1500:]}")
    return broken


def _claimed(done: Done, after: Mapping[str, str], there: Mapping[str, int]) -> Iterator[str]:
    for uid, word in after.items():
        if word == "stored" and not there.get(uid):
            yield f"the journal calls stored what the receiver has never got: {uid}"
    for row in [*done.rows.values(), *done.lines.values()]:
        if row.outcome == "stored" and not there.get(row.uid):
            yield f"a report calls stored what the receiver has never got: {row.uid}"


def _surplus(there: Mapping[str, int], allowed: int) -> Iterator[str]:
    surplus = sum(there.values()) - len(there)
    if surplus > allowed:
        yield f"{surplus} instances came once more, at most {allowed} may"


def _at_once(done: Done, workers: int) -> Iterator[str]:
    allowed = min(done.night.limit or workers, workers) + (done.night.kind == "partition")
    if done.most > allowed:
        yield f"{done.most} associations at the same time, at most {allowed} may be"


def _lost_from_the_journal(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for uid, word in before.items():
        if word == "stored" and after.get(uid) != "stored":
            yield f"was stored in the journal, and is {after.get(uid)}: {uid}"


def _report(
    done: Done, after: Mapping[str, str], there_before: Collection[str], there: Mapping[str, int],
    uids: Mapping[str, str],
) -> Iterator[str]:  # fmt: skip
    document = done.document
    if document is None:
        if not done.was_killed:
            yield "there is no JSON report"
        return
    if len(done.rows) != len(document["instances"]):
        yield f"{len(document['instances'])} rows for {len(done.rows)} inputs"
    if done.lines != done.rows:
        differing = sorted(path for path in {*done.rows, *done.lines} if done.rows.get(path) != done.lines.get(path))
        yield f"JSON and JSON lines differ: {differing[:5]}"
    for path, row in done.rows.items():
        uid = uids.get(path)
        if uid is None or row.uid not in (uid, ""):
            yield f"a row of something else: {path} {row.uid}"
        elif row.outcome == "not_attempted":
            if there.get(uid) and uid not in there_before:
                yield f"reported as not attempted, but the receiver has it since this night: {path}"
        elif row.outcome not in ("stored", "unconfirmed"):
            yield f"reported as {row.outcome}: {path}"
        elif row.outcome == "stored" and after.get(uid) != "stored":
            yield f"reported as stored, in the journal {after.get(uid)}: {path}"
    code = document["exit"]["code"]
    if code != done.exit_code:
        yield f"the report says exit code {code}, it was {done.exit_code}"


def _end(done: Done, uids: Mapping[str, str]) -> Iterator[str]:
    night = done.night
    allowed = {0}
    if night.kind == "driver":
        allowed |= {-9}
    elif night.kind == "scheduler gone":
        allowed |= {61}
    elif night.signal:
        allowed |= _BY_SIGNAL[night.signal]
    if done.exit_code not in allowed:
        yield f"exit code {done.exit_code}: {done.stderr[-1500:]}"
    words = Counter(row.outcome for row in done.rows.values())
    if done.exit_code == 0:
        if words.total() != words["stored"]:
            yield f"exit code 0, but {dict(words)}"
        if done.document is not None and done.document["totals"]["already_stored"] + words["stored"] != len(uids):
            yield f"exit code 0, but {dict(words)} and {done.document['totals']['already_stored']} of earlier runs"
    began = done.exit_code != -2 or "/dcmsend/" in done.stderr  # SIGINT may come before the first line of the program
    if began and any(word in done.stderr for word in ("Traceback", "internal error")):
        yield f"a bug: {done.stderr[-2000:]}"
