"""What ``-v`` and ``+v`` tell about a run, line by line."""

from __future__ import annotations

import re

import pytest

from parity.conftest import Duel
from parity.rows import row
from support.fixture_files import II, FixtureFiles
from support.peer_script import Abort, Accept, Reject, Respond, Script, prefer, refuse
from support.senders import Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

_IMPLEMENTATION = re.compile(r"^(I: Our Implementation (?:Class UID|Version Name): *).*")

SITUATIONS: dict[str, tuple[tuple[str, ...], Script | tuple[Script, ...]]] = {
    "three stored": (("CT", "MR", "C1"), Script()),
    "one association only": (("CT", "MR", "-ma"), Script()),
    "converted": (("CT", "BE"), Script(associate=Accept(contexts=prefer(II)))),
    "statuses": (("CT", "MR"), Script(stores={1: Respond(0xB000), 2: Respond(0xC123)})),
    "all refused": (("CT", "MR"), Script(associate=Accept(contexts=refuse()))),
    "one refused": (("CT", "MR", "CT2", "-nh"), Script(associate=Accept(contexts=refuse(3)))),
    "rejected": (("CT",), Script(associate=Reject(1, 1, 7))),
    "aborted": (("CT", "MR", "CT2"), Script(stores={2: Abort()})),
    "other syntaxes": (("JLL", "J14", "JLS", "J2", "RLE", "DEFL", "JB", "MPG"), Script()),
    "bad file": (("CT", "ZERO", "MR", "-nh"), Script()),
    "broken file": (("TPX", "MR"), Script()),
}


def info(run: Run) -> list[str]:
    """All I lines; our name for our implementation is masked."""
    return [_IMPLEMENTATION.sub(r"\1MASKED", line) for line in run.lines("I")]


@row(81)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_verbose(duel: Duel, files: FixtureFiles, situation: str) -> None:
    words, peer = SITUATIONS[situation]
    pair = duel(*(word if word[0] == "-" else files(word) for word in words), "-v", peer=peer)
    pair.assert_same(but={"data_sets": "D08", "layout": "D08"} if situation == "other syntaxes" else {})
    theirs, ours = (info(run) for run in pair)
    assert theirs == ours


@row(18)
@pytest.mark.parametrize("situation", ["three stored", "all refused", "one refused", "other syntaxes"])
def test_presentation_contexts(duel: Duel, files: FixtureFiles, situation: str) -> None:
    words, peer = SITUATIONS[situation]
    pair = duel(*(word if word[0] == "-" else files(word) for word in words), "-v", "+v", peer=peer)
    pair.assert_same(but={"data_sets": "D08", "layout": "D08"} if situation == "other syntaxes" else {})
    theirs, ours = (info(run) for run in pair)
    assert theirs == ours
