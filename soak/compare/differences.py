"""Differences between two runs, aspect by aspect; irrelevant ones are left out first."""

from __future__ import annotations

import re

from parity.comparison import ASPECTS, Pair, difference, same_lines, without_fields
from soak.compare.judge import canonical, same_bytes_but_vrs
from support.report_file import ReportFile
from support.scripted_peer import StoreRecord
from support.senders import Run
from support.wire import AssociateRequest

__all__ = ["differences_of"]

_COMPARED = ("exit_code", "requests", "course", "commands", "report", "errors", "other_stderr", "stdout")
SIZE, CLASS = "Dataset Size", "SOP Class"
_PARSER_SAYS = (
    "E: Found explicit length Pixel Data in top level dataset", "E: found invalid marker in JPEG stream",
)  # fmt: skip
_IMPLEMENTATION = (0x52, 0x55)
"""Items that say which program asks: its class UID, and its version."""
_NOT_STORED = re.compile(r"^E: \d+ of \d+ SOP instances? (was|were) not stored", re.MULTILINE)


def differences_of(pair: Pair) -> tuple[dict[str, str], set[str]]:
    """Text by aspect, and the ids of deviations that explain the differences left out."""
    found: dict[str, str] = {}
    explained: set[str] = set()
    for name in _COMPARED:
        theirs, ours = (_without_port(ASPECTS[name](run), run) for run in pair)
        if name == "report" and theirs != ours and isinstance(theirs, ReportFile) and isinstance(ours, ReportFile):
            theirs, ours, ids = _without_known(theirs, ours)
            explained |= ids
        if name == "errors":
            is_same = same_lines(theirs, ours)
            if not is_same:
                theirs = [line for line in theirs if not line.startswith(_PARSER_SAYS)]
                is_same = same_lines(theirs, ours)
                explained |= {"D21"} if is_same else set()
            if not is_same:
                theirs, ours = _without_premature_end(theirs), _without_premature_end(ours)
                is_same = same_lines(theirs, ours)
                explained |= {"D39"} if is_same else set()
        else:
            is_same = theirs == ours
        if not is_same and name == "requests" and _has_further_contexts(pair):
            explained.add("D11")
        elif not is_same:
            found[name] = difference(theirs, ours)
    if "commands" not in found:
        text, ids = _of_data_sets(pair)
        explained |= ids
        if text:
            found["data_sets"] = text
    found.update(_faults_of_ours(pair))
    return found, explained | _told_by_ours_alone(pair)


def _without_port(value: object, run: Run) -> object:
    """Hide the port where a file name belongs: in a command line with a word too many the port is taken for a file."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return [line.replace(str(run.peer.port), "PORT") for line in value]
    return value


def _told_by_ours_alone(pair: Pair) -> set[str]:
    """Recognise D01 and D02 by their lines, which ``errors`` leaves out."""
    ids = set()
    if pair.ours.exit_code == 0 and _NOT_STORED.search(pair.ours.stderr):
        ids.add("D02")
    if pair.ours.report is None and any(name.endswith(".partial") for name in pair.ours.leftovers):
        ids.add("D01")
    return ids


def _faults_of_ours(pair: Pair) -> dict[str, str]:
    found, run = {}, pair.ours
    if run.exit_code == 70 or run.exit_code < 0 or "Traceback" in run.stderr or "internal error" in run.stderr:
        found["bug"] = f"exit {run.exit_code}\n{run.stderr}"
    if run.peer.complaints and run.peer.complaints != pair.theirs.peer.complaints:
        found["wire"] = "\n".join(run.peer.complaints)
    return found


def _without_known(theirs: ReportFile, ours: ReportFile) -> tuple[object, object, set[str]]:
    """Hide sizes where DCMTK writes another length (D08), and names of young SOP classes (D29)."""
    if len(theirs.entries) != len(ours.entries):
        return theirs, ours, set()
    hidden, ids = [], set()
    entries = list(zip(theirs.entries, ours.entries, strict=True))
    if any(one.get(SIZE) != other.get(SIZE) for one, other in entries):
        hidden.append(SIZE)
        ids.add("D08")
    named = [(one.get(CLASS, ""), other.get(CLASS, "")) for one, other in entries]
    others = [(one, other) for one, other in named if one != other]
    if others and all(one.endswith(" = unknown") and other.startswith(one[:-7]) for one, other in others):
        hidden.append(CLASS)
        ids.add("D29")
    return without_fields(theirs, hidden), without_fields(ours, hidden), ids


def _without_premature_end(lines: object) -> object:
    assert isinstance(lines, list)
    return [line.replace("I/O suspension or premature end of stream", "Invalid stream") for line in lines]


def _has_further_contexts(pair: Pair) -> bool:
    """Whether ours asks for the same, and for some further contexts with the three native syntaxes only (D11)."""
    if len(pair.theirs.peer.connections) != len(pair.ours.peer.connections):
        return False
    for one, other in zip(pair.theirs.peer.connections, pair.ours.peer.connections, strict=True):
        if one.request is None or other.request is None:
            return False
        if _all_but_contexts(one.request) != _all_but_contexts(other.request):
            return False
        count = len(one.request.contexts)
        if other.request.contexts[:count] != one.request.contexts:
            return False
        if any(len(each.transfer_syntaxes) != 3 for each in other.request.contexts[count:]):
            return False
    return True


def _all_but_contexts(request: AssociateRequest) -> object:
    items = [item for item in request.user_items if item[0] not in _IMPLEMENTATION]
    return request.called, request.calling, request.application_context, items


def _of_data_sets(pair: Pair) -> tuple[str, set[str]]:
    theirs, ours = pair.theirs.peer.stores, pair.ours.peer.stores
    ids = set()
    for number, (one, other) in enumerate(zip(theirs, ours, strict=True), 1):
        if not (one.complete and other.complete) or one.data_set == other.data_set:
            continue
        reason = _why_the_same(one, other, pair.ours)
        if not reason:
            return _shown(number, one, other), ids
        ids.add(reason)
    return "", ids


def _why_the_same(one: StoreRecord, other: StoreRecord, run: Run) -> str:
    """Id of the deviation that explains why the bytes of two data sets differ."""
    syntax = accepted_syntax(run, other)
    theirs, ours = canonical(bytes(one.data_set), syntax), canonical(bytes(other.data_set), syntax)
    if theirs is not None and theirs == ours:
        return "D08"
    if same_bytes_but_vrs(bytes(one.data_set), bytes(other.data_set), syntax):
        return "D28"
    return ""


def accepted_syntax(run: Run, store: StoreRecord) -> str:
    """The transfer syntax in which the peer has accepted the context of a message."""
    for number, connection in enumerate(run.peer.connections, 1):
        if any(each is store for each in connection.stores):
            script = run.peer.scripts[min(number, len(run.peer.scripts)) - 1]
            assert connection.request is not None
            for context in connection.request.contexts:
                if context.id == store.context_id:
                    return str(script.associate.contexts(context))  # type: ignore[union-attr]
    return ""


def _shown(number: int, one: StoreRecord, other: StoreRecord) -> str:
    a, b = bytes(one.data_set), bytes(other.data_set)
    place = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    low = max(0, place - 16)
    return (
        f"store {number}: {len(a)} bytes and {len(b)}, equal up to {place}\n"
        f"-{a[low : place + 32].hex(' ')}\n+{b[low : place + 32].hex(' ')}"
    )
