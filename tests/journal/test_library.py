"""The journal from Python."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from dcmsend import (
    JournalOptions,
    Observer,
    Peer,
    Result,
    RetryOptions,
    StoreOutcome,
    Transfer,
    TransferOptions,
    send,
)
from dcmsend.errors import JournalError
from support.corpus import DATA
from support.few_threads import permit_threads
from support.peer_script import Close, Respond, Script
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.window_peer import Link, Request, WindowPeer

from .runs import outcomes, stored_names


def start(folder: Path, peer: ScriptedPeer, *, resume: bool = True) -> Transfer:
    return send(
        folder / "in", Peer("127.0.0.1", peer.port), journal=JournalOptions(str(folder / "journal"), resume=resume)
    )


def test_second_transfer(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 4)
    with ScriptedPeer() as peer:
        assert len(list(start(tmp_path, peer))) == 4
        write_instances(tmp_path / "in", 1, first=5)
        again = start(tmp_path, peer)
        (outcome,) = again
        assert (outcome.instance.input.path, again.already_stored) == (str(tmp_path / "in" / "000005.dcm"), 4)
        assert list(start(tmp_path, peer)) == []


def test_nothing_happens_before_it_is_iterated(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        start(tmp_path, peer)
        assert not (tmp_path / "journal").exists()
        list(start(tmp_path, peer))
        transfer = start(tmp_path, peer, resume=False)
        with pytest.raises(JournalError, match="exists already"):
            next(iter(transfer))
        assert isinstance(transfer.error, JournalError)
    assert len(peer.stores) == 1


def test_loop_that_is_left_early(tmp_path: Path) -> None:
    """What was seen is in the journal; the journal is free again."""
    write_instances(tmp_path / "in", 9)
    seen: list[StoreOutcome] = []
    with ScriptedPeer() as peer:
        with start(tmp_path, peer) as transfer:
            for outcome in transfer:
                seen.append(outcome)
                if len(seen) == 3:
                    break
        assert len(stored_names(tmp_path / "journal")) >= 3
        assert len(list(start(tmp_path, peer))) <= 6
    assert len(stored_names(tmp_path / "journal")) == 9


def test_while_the_loop_body_runs_outcomes_are_written(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 2)
    with ScriptedPeer() as peer, start(tmp_path, peer) as transfer:
        next(iter(transfer))
        wait_until(lambda: len(outcomes(tmp_path / "journal")) == 1, 30, "the commit")


@pytest.mark.parametrize("retry", [0, 2])
def test_a_slow_loop_body_keeps_nothing_from_the_journal(tmp_path: Path, retry: int) -> None:
    """Several associations go on while the caller has one outcome in his hands."""
    write_instances(tmp_path / "in", 700)
    options = TransferOptions(
        parallel_associations=4, halt_on_failure=False, retry=RetryOptions(attempts=retry, delay=0.01)
    )
    journal = tmp_path / "journal"
    with ScriptedPeer() as peer, send(
        tmp_path / "in", Peer("127.0.0.1", peer.port), transfer=options, journal=JournalOptions(str(journal))
    ) as transfer:
        outcomes_of = iter(transfer)
        next(outcomes_of)
        wait_until(lambda: len(peer.stores) == 700, 60, "the associations")
        wait_until(lambda: len(stored_names(journal)) == 700, 30, "the commits")


def test_loop_that_is_left_while_something_is_to_be_tried_again(tmp_path: Path) -> None:
    """What the peer may have is known to the next transfer."""
    write_instances(tmp_path / "in", 3)
    options = TransferOptions(halt_on_failure=False, retry=RetryOptions(attempts=9, delay=0.01))
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)

    class Leaving(Observer):
        def waiting(self, event: object) -> None:
            raise KeyboardInterrupt

    with ScriptedPeer(Script(stores={1: Close()}), Script(other_stores=Respond(0x0111))) as peer:
        with pytest.raises(KeyboardInterrupt):
            list(send(
                tmp_path / "in", Peer("127.0.0.1", peer.port), transfer=options, journal=journal, observer=Leaving()
            ))  # fmt: skip
        assert [row[0] for row in outcomes(tmp_path / "journal").values()] == [3]


def test_loop_that_is_left_with_requests_in_flight(tmp_path: Path) -> None:
    """What the peer has without having said so is no duplicate for the next transfer."""
    files = write_instances(tmp_path / "in", 4)
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)

    def answer(link: Link, held: list[Request]) -> None:
        for request in held[:1] if link.number == 1 else held:
            link.respond(request, 0 if link.number == 1 else 0x0111)

    with WindowPeer(answer, hold=4, quiet=5.0) as peer:
        options = TransferOptions(async_window=4)
        for _ in send(files, Peer("127.0.0.1", peer.port), transfer=options, journal=journal):
            break
        again = send(files, Peer("127.0.0.1", peer.port), transfer=options, journal=journal)
        assert [outcome.result for outcome in again] == [Result.STORED] * 3
    assert again.already_stored == 1


def test_data_sets_in_memory_are_not_kept(tmp_path: Path) -> None:
    data_set = pydicom.dcmread(DATA / "pydicom" / "CT_small.dcm")
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedPeer() as peer:
        for _ in range(2):
            (outcome,) = send(data_set, Peer("127.0.0.1", peer.port), journal=journal)
            assert outcome.result is Result.STORED
    assert outcomes(tmp_path / "journal") == {}
    assert len(peer.stores) == 2


def test_options_are_checked() -> None:
    for path in ("", "a\0b"):
        with pytest.raises(ValueError, match="no file can have this name"):
            JournalOptions(path)


@pytest.mark.parametrize("thread", ["journal", "move-sent"])
def test_without_a_thread_for_the_journal_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thread: str
) -> None:
    permit_threads(monkeypatch, thread)
    options = JournalOptions(tmp_path / "journal", move_sent=tmp_path / "sent")
    with ScriptedPeer() as peer, pytest.raises(JournalError, match="can't start new thread"):
        list(send(write_instances(tmp_path / "in", 2), Peer("127.0.0.1", peer.port), journal=options))
    assert not peer.connections
    assert not (tmp_path / "journal-lock").exists()
