"""The promises that must hold after every night; each check yields the broken ones in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from soak.web.night import Done

__all__ = ["broken_after_night", "broken_at_the_end"]

_ALWAYS = {0, 61, 101, 102, 105}
_BY_SIGNAL = {"TERM": {143, -15}, "INT": {130, -2}, "KILL": {-9, 137}}


def broken_after_night(
    done: Done, before: Mapping[str, str], after: Mapping[str, str], there_before: Collection[str],
    there: Collection[str],
) -> list[str]:  # fmt: skip
    """What is broken; ``before`` and ``after`` are the journal, ``there`` is what the archive has."""
    return [
        *_claimed(done, after, there), *_sent_too_often(done, before), *_lost_from_the_journal(before, after),
        *_lines_and_journal(done, before, after), *_report(done, after, there_before, there), *_end(done),
    ]  # fmt: skip


def broken_at_the_end(
    done: Done, after: Mapping[str, str], there: Collection[str], wanted: Collection[str]
) -> list[str]:
    """What is broken after a night that had nothing to do."""
    broken = [f"never stored: {uid}" for uid in wanted if uid not in there]
    broken += [f"never in the journal: {uid}" for uid in wanted if after.get(uid) != "stored"]
    broken += [f"an instance that nobody has sent: {uid}" for uid in there if uid not in wanted]
    if done.requests or done.begun:
        broken.append(f"a night that had nothing to do: {done.requests} requests, {sorted(done.begun)}")
    if done.exit_code:
        broken.append(f"the last exit code is {done.exit_code}: {done.stderr[-1500:]}")
    return broken


def _claimed(done: Done, after: Mapping[str, str], there: Collection[str]) -> Iterator[str]:
    for uid, word in after.items():
        if word == "stored" and uid not in there:
            yield f"the journal calls stored what the archive does not have: {uid}"
    for uid, word in done.lines.items():
        if word == "stored" and uid not in there:
            yield f"a JSON line calls stored what the archive does not have: {uid}"


def _sent_too_often(done: Done, before: Mapping[str, str]) -> Iterator[str]:
    for uid, count in done.begun.items():
        if before.get(uid) == "stored":
            yield f"stored by an earlier night, but sent: {uid}"
        # What was too large for the network comes again in smaller requests; each time that may happen once more.
        elif count > 1 + done.fates["early 413"] and not done.night.tries_again:
            yield f"sent {count} times without --retry: {uid}"


def _lost_from_the_journal(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for uid, word in before.items():
        if word == "stored" and after.get(uid) != "stored":
            yield f"was stored in the journal, and is {after.get(uid)}: {uid}"


def _lines_and_journal(done: Done, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """After a kill the journal may lack the last outcomes; what it has of this night the lines must not contradict."""
    for uid, word in done.lines.items():
        noted = after.get(uid)
        is_new = noted is not None and noted != before.get(uid)
        if is_new and word != noted and word != "not_attempted":
            yield f"a JSON line says {word}, the journal {noted}: {uid}"


def _report(
    done: Done, after: Mapping[str, str], there_before: Collection[str], there: Collection[str]
) -> Iterator[str]:
    document = done.document
    if document is None:
        if not done.was_killed:
            yield "there is no JSON report"
        return
    rows = {each["sop_instance_uid"]: each["outcome"] for each in document["instances"]}
    unanswered = {  # a refusal of a further attempt does not say what became of the first
        each["sop_instance_uid"] for each in document["instances"]
        if any(one["outcome"] == "unconfirmed" for one in each["attempts"])
    }  # fmt: skip
    if done.lines != rows:
        differing = sorted(uid for uid in {*rows, *done.lines} if rows.get(uid) != done.lines.get(uid))
        yield f"JSON and JSON lines differ: {differing}"
    for uid, word in rows.items():
        if word == "stored" and uid not in there:
            yield f"reported as stored, not in the archive: {uid}"
        is_denied = word in ("failed", "not_attempted") or (word == "refused" and uid not in unanswered)
        if is_denied and uid in there and uid not in there_before:
            yield f"reported as {word}, but the archive has it since this night: {uid}"
        if word != "not_attempted" and after.get(uid) != word:
            yield f"reported as {word}, in the journal {after.get(uid)}: {uid}"
    untold = sorted(uid for uid in done.begun if uid not in rows)
    if untold:
        yield f"sent, but not in the report: {untold}"
    code = document["exit"]["code"]
    if code != done.exit_code:
        yield f"the report says exit code {code}, it was {done.exit_code}"
    words = Counter(rows.values())
    if (code == 0) != (words.total() == words["stored"]) and code != 105:
        yield f"exit code {code}, but {dict(words)}"


def _end(done: Done) -> Iterator[str]:
    allowed = _ALWAYS | _BY_SIGNAL.get(done.night.signal, set())
    if done.exit_code not in allowed:
        yield f"exit code {done.exit_code}: {done.stderr[-1500:]}"
    began = done.exit_code != -2 or "/dcmsend/" in done.stderr  # SIGINT may come before the first line of the program
    if began and any(word in done.stderr for word in ("Traceback", "internal error")):
        yield f"a bug: {done.stderr[-2000:]}"
