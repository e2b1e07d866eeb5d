"""Decides by facts which deviation explains a difference; without the cause both programs must behave the same.

A deviation that changes the course of a run hides what comes after it, so it does not simply excuse the line.  The line
is run again without the file, the option or the peer's answer that the deviation is about, and then both programs must
agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from parity.comparison import Pair
from soak.compare.elements import parts_of
from soak.compare.facts import LESS, MORE, facts_of, syntaxes_of_records
from soak.compare.lines import Line
from soak.compare.peers import ChosenPeer

__all__ = ["Explanation", "explanations"]

_TRANSFERS = frozenset((0, 22, 23, 60, 61, 62, 65))
"""Exit codes of runs that have reached their files; no deviation leads to another code."""


@dataclass(frozen=True)
class Explanation:
    """A deviation that may explain a difference.

    Attributes:
        ids: rows of the table of deviations.
        reduced: the line without the cause, None if nothing is left of it.
        removed: files to be removed from the directory.
    """

    ids: tuple[str, ...]
    reduced: Line | None
    removed: tuple[str, ...] = ()


def explanations(line: Line, pair: Pair, directory: Path) -> Iterator[Explanation]:
    """The explanations that the facts permit, the most specific first."""
    if not _may_be_explained(pair):
        return
    if line.has("-nh", "--no-halt") and "loss" in line.peer.kinds and _has_lost_an_association(pair):
        yield Explanation(("D03",), replace(line, peer=ChosenPeer()))
    if "misread" in line.peer.kinds and any(each.stores for each in pair.theirs.peer.connections):
        yield Explanation(("D06",), replace(line, peer=ChosenPeer()))
    odd = [option for option in line.options if option[0] == "--max-send-pdu" and _number(option[1]) % 2]
    if odd:
        yield Explanation(("D15",), replace(line, options=tuple(each for each in line.options if each not in odd)))
    by_file = {each.name: facts_of((directory / each.name).read_bytes(), each.tags) for each in line.files}
    if line.has("+rd"):
        for name in _of_another_syntax(directory, by_file):
            by_file[name].add("D13")
    named = {name: ids for name, ids in by_file.items() if ids}
    if named:
        ids = tuple(sorted(set().union(*named.values())))
        if _goes_the_right_way(ids, pair, line.peer.kinds):
            reduced = line.without(list(named))
            yield Explanation(ids, reduced if reduced.files and reduced.parameters else None, tuple(named))
    if "refusal" in line.peer.kinds and not line.has("-dn", "--decompress-never") and _uses_another_context(pair):
        yield Explanation(("D12",), replace(line, peer=ChosenPeer()))
    if line.has("-nip", "--no-illegal-proposal") and line.has("-nh", "--no-halt") and "refusal" in line.peer.kinds:
        yield Explanation(("D05",), replace(line, peer=ChosenPeer()))


def _number(word: str) -> int:
    """A number as both programs read it: what follows the digits counts for nothing."""
    found = re.match(r"\s*\+?(\d+)", word)
    return int(found[1]) if found else 0


def _of_another_syntax(directory: Path, names: Iterable[str]) -> Iterator[str]:
    """The files whose meta header says another transfer syntax than the DICOMDIR."""
    records = syntaxes_of_records((directory / "DICOMDIR").read_bytes())
    for name in records.keys() & set(names):
        syntax = parts_of((directory / name).read_bytes()).syntax
        if syntax and syntax != records[name]:
            yield name


def _may_be_explained(pair: Pair) -> bool:
    """Whether both programs have worked on the files, and ours has not failed alone without sending anything."""
    theirs, ours = pair.theirs, pair.ours
    if ours.exit_code not in _TRANSFERS or theirs.exit_code not in _TRANSFERS:
        return False
    return bool(ours.peer.connections or theirs.peer.connections) or theirs.exit_code != 0 or ours.exit_code == 0


def _has_lost_an_association(pair: Pair) -> bool:
    """Whether DCMTK's run had an association, and lost it with messages left to be sent or received."""
    return any(
        (each.stores and each.course[-1] not in ("release", "end")) or "release" in each.course
        for each in pair.theirs.peer.connections
    )


def _uses_another_context(pair: Pair) -> bool:
    theirs = {each.sop_instance_uid for each in pair.theirs.peer.stores}
    more = [each for each in pair.ours.peer.stores if each.sop_instance_uid not in theirs]
    return bool(more)


def _goes_the_right_way(ids: tuple[str, ...], pair: Pair, kinds: frozenset[str]) -> bool:
    """Whether ours has sent more than DCMTK, or less, as all of the deviations say."""
    if {"refusal", "loss"} & kinds:  # an additional instance changes the contexts, and the number of each answer
        return True
    theirs, ours = len(pair.theirs.peer.stores), len(pair.ours.peer.stores)
    if ours > theirs:
        return not set(ids) <= LESS
    if ours < theirs:
        return not set(ids) <= MORE
    return True
