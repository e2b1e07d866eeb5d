"""A peer that refuses what it has already: with a journal that is known also in a later run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.peer_script import Close, Respond, Script
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .runs import outcomes, run_with_journal

DUPLICATE = Respond(0x0111)


def test_duplicate_of_what_was_not_answered_in_an_earlier_run_is_stored(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={2: Close()}), Script(), Script(other_stores=DUPLICATE)) as peer:
        first = run_with_journal(tmp_path, peer.port)
        assert first.exit_code == 101
        before = outcomes(tmp_path / "journal")
        second = run_with_journal(tmp_path, peer.port, "--resume")
        assert second.exit_code == 0, second.stderr
    (unanswered,) = (name for name, row in before.items() if row[0] == 3)
    assert outcomes(tmp_path / "journal")[unanswered] == (0, 0x0111, None, 2)
    assert len(peer.stores) == 4


@pytest.mark.parametrize("scanning", [[], ["--send-while-scanning"]])
def test_other_duplicates_are_refusals(tmp_path: Path, scanning: list[str]) -> None:
    """Neither the first time, nor after the peer has refused it for another reason."""
    write_instances(tmp_path / "in", 2)
    first, then = Script(stores={1: DUPLICATE, 2: Respond(0xA700)}), Script(other_stores=DUPLICATE)
    with ScriptedPeer(first, then) as peer:
        assert run_with_journal(tmp_path, peer.port, *scanning).exit_code == 101
        assert run_with_journal(tmp_path, peer.port, *scanning, "--resume").exit_code == 102
    assert {row[:2] for row in outcomes(tmp_path / "journal").values()} == {(1, 0x0111)}
