"""A transfer that somebody ends: politely, at once, or by walking away.  No test waits for a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcmsend import (
    AssociationClosed,
    AssociationOpened,
    AutoAssociations,
    BytesSent,
    Observer,
    Peer,
    RetryOptions,
    StoreOutcome,
    Transfer,
    TransferOptions,
    send,
)
from dcmsend.errors import Cancelled, ConnectionLost, NegotiationFailed
from support import wire
from support.peer_script import Abort, Respond, Script, Silence
from support.scripted_peer import ScriptedPeer
from support.sending import run_transfer, write_instances, write_large
from support.stalling_peer import StallingPeer

LARGE = 24 * 1024 * 1024


class Trigger(Observer):
    """Does something when a certain event comes; the transfer is given to it later."""

    def __init__(self, action: Callable[[Transfer], None], *, at_outcome: int = 0, at_bytes_of: int = 0) -> None:
        self.transfer: Transfer | None = None
        self._action = action
        self._at_outcome = at_outcome
        self._at_bytes_of = at_bytes_of

    def outcome(self, outcome: StoreOutcome) -> None:
        if outcome.index == self._at_outcome:
            self._fire()

    def bytes_sent(self, event: BytesSent) -> None:
        if event.number == self._at_bytes_of:
            self._at_bytes_of = 0
            self._fire()

    def _fire(self) -> None:
        assert self.transfer is not None
        self._action(self.transfer)


def ended_by(trigger: Trigger, files: list[Path], *scripts: Script, **options: Any) -> tuple[list[str], ScriptedPeer]:
    """Results of a transfer with that trigger."""
    with ScriptedPeer(*scripts) as peer:
        transfer = send(
            files,
            Peer("127.0.0.1", peer.port),
            observer=trigger,
            transfer=TransferOptions(**{"halt_on_failure": False, "acse_timeout": 10, **options}),
        )
        trigger.transfer = transfer
        outcomes, error = run_transfer(transfer)
    assert error is None, "who cancels need not be told that it was cancelled"
    assert isinstance(transfer.error, Cancelled)
    assert transfer.error.by == "caller"
    assert [outcome.index for outcome in outcomes] == list(range(1, len(files) + 1))
    return [outcome.result.value for outcome in outcomes], peer


def course(peer: ScriptedPeer) -> list[str]:
    (link,) = peer.connections
    return [event for event in link.course if not event.startswith(("end", "lost"))]


def test_cancel_between_two_instances(tmp_path: Path) -> None:
    trigger = Trigger(Transfer.cancel, at_outcome=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 5))
    assert results == ["stored", "stored", "not attempted", "not attempted", "not attempted"]
    assert course(peer) == ["request", "store 1", "store 2", "release"]


def test_cancel_while_an_instance_is_in_flight(tmp_path: Path) -> None:
    """Its answer is still taken."""
    trigger = Trigger(Transfer.cancel, at_bytes_of=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 4), Script(stores={2: Respond(0xA700)}))
    assert results == ["stored", "refused", "not attempted", "not attempted"]
    assert course(peer) == ["request", "store 1", "store 2", "release"]


def test_cancel_in_the_middle_of_a_large_instance(tmp_path: Path) -> None:
    """It is finished, if that goes quickly enough."""
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    results, peer = ended_by(Trigger(Transfer.cancel, at_bytes_of=1), files)
    assert results == ["stored", "not attempted"]
    assert peer.stores[0].complete


def test_cancel_in_the_middle_of_a_large_instance_that_is_encoded_anew(tmp_path: Path) -> None:
    """What is still read of its file belongs to what is in flight."""
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    results, peer = ended_by(Trigger(Transfer.cancel, at_bytes_of=1), files, normalize=True)
    assert results == ["stored", "not attempted"]
    assert peer.stores[0].complete
    assert course(peer) == ["request", "store 1", "release"]


class Closing(Trigger):
    """Also notes how each association ended."""

    def __init__(self, action: Callable[[Transfer], None], **when: int) -> None:
        super().__init__(action, **when)
        self.ends: list[str] = []

    def association_closed(self, event: AssociationClosed) -> None:
        self.ends.append(event.how)


def test_the_release_has_its_own_time_when_the_last_answer_took_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("dcmsend.interrupt.time", SimpleNamespace(monotonic=lambda: now[0]))

    def cancel(transfer: Transfer) -> None:
        transfer.cancel()
        now[0] += 5.0  # as long as the answer takes

    trigger = Closing(cancel, at_bytes_of=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 3))
    assert results == ["stored", "stored", "not attempted"]
    assert course(peer)[-1] == "release"
    assert trigger.ends == ["released"]


def test_a_release_that_is_not_waited_for_is_not_told_as_an_abort(tmp_path: Path) -> None:
    trigger = Closing(Transfer.cancel, at_outcome=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 3), drain_seconds=0)
    assert results == ["stored", "stored", "not attempted"]
    assert not any(event.startswith("abort") for event in course(peer))
    assert trigger.ends == ["release not confirmed"]


def test_cancel_does_not_wait_for_ever_for_an_answer(tmp_path: Path) -> None:
    trigger = Trigger(Transfer.cancel, at_bytes_of=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 3), Script(stores={2: Silence()}), drain_seconds=0.1)
    assert results == ["stored", "unconfirmed", "not attempted"]
    assert course(peer) == ["request", "store 1", "store 2", "abort 0 0"]


def test_cancel_does_not_wait_for_ever_for_a_large_instance(tmp_path: Path) -> None:
    """The peer takes data all the time, only slowly: the network never stands still, and it must end all the same."""
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    results, peer = ended_by(Trigger(Transfer.cancel, at_bytes_of=1), files, drain_seconds=0)
    assert results == ["failed", "not attempted"]
    assert not peer.stores[0].complete
    assert course(peer) == ["request", "abort 0 0"]


def test_abort_between_two_instances(tmp_path: Path) -> None:
    trigger = Trigger(Transfer.abort, at_outcome=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 4))
    assert results == ["stored", "stored", "not attempted", "not attempted"]
    assert course(peer)[-1] != "store 3"


def test_abort_while_an_answer_is_awaited(tmp_path: Path) -> None:
    trigger = Trigger(Transfer.abort, at_bytes_of=2)
    results, peer = ended_by(trigger, write_instances(tmp_path, 4), Script(stores={2: Silence()}))
    assert results == ["stored", "unconfirmed", "not attempted", "not attempted"]
    assert course(peer) == ["request", "store 1", "store 2", "abort 0 0"]


@pytest.mark.parametrize("count", [4, 2])
@pytest.mark.parametrize(
    "options",
    [{"stop_after_failures": 1}, {"halt_on_failure": True, "retry": RetryOptions(attempts=3, delay=0)}],
    ids=["so many failures", "the first failure"],
)
def test_what_an_abort_leaves_unanswered_is_no_failure_that_ends_the_run(
    tmp_path: Path, options: dict[str, Any], count: int
) -> None:
    trigger = Trigger(Transfer.abort, at_bytes_of=2)
    results, _ = ended_by(trigger, write_instances(tmp_path, count), Script(stores={2: Silence()}), **options)
    assert results == ["stored", "unconfirmed", "not attempted", "not attempted"][:count]


def test_abort_in_the_middle_of_a_large_instance(tmp_path: Path) -> None:
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    results, peer = ended_by(Trigger(Transfer.abort, at_bytes_of=1), files)
    assert results == ["failed", "not attempted"]
    assert not peer.stores[0].complete
    assert course(peer) == ["request", "abort 0 0"]


def test_abort_from_another_thread_while_a_send_stands_still(tmp_path: Path) -> None:
    """In the middle of a PDU no A-ABORT can be sent: the peer would take it for data, perhaps for the last bytes."""
    files = [write_large(tmp_path / "large.dcm", LARGE), *write_instances(tmp_path, 1)]
    with StallingPeer() as peer:
        killers: list[threading.Timer] = []

        def abort_soon(transfer: Transfer) -> None:
            killers.append(threading.Timer(0.3, transfer.abort))
            killers[0].start()

        trigger = Trigger(abort_soon, at_bytes_of=1)
        trigger.transfer = transfer = send(files, Peer("127.0.0.1", peer.port), observer=trigger)
        outcomes, _ = run_transfer(transfer)
        killers[0].join()
        received = peer.finish()
    assert [outcome.result.value for outcome in outcomes] == ["failed", "not attempted"]
    whole = (tmp_path / "large.dcm").read_bytes()
    assert 0 < len(received) < len(whole)
    *complete, last = pdus(received)
    assert {pdu_type for pdu_type, _ in complete} == {wire.P_DATA}
    data = b"".join(body[6:] for _, body in complete if not body[5] & 1) + (last[1][6:] if last else b"")
    assert data in whole


def pdus(stream: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each PDU; the last one may be cut off."""
    found = []
    while stream:
        end = 6 + int.from_bytes(stream[2:6], "big")
        found.append((stream[0], stream[6:end]))
        stream = stream[end:]
    return found


def test_abort_from_another_thread_while_an_answer_is_awaited(tmp_path: Path) -> None:
    with ScriptedPeer(Script(stores={1: Silence()})) as peer:
        transfer = send(write_instances(tmp_path, 2), Peer("127.0.0.1", peer.port))

        def abort_when_it_has_arrived() -> None:
            while not (peer.connections and "store 1" in peer.connections[0].course):
                time.sleep(0.001)
            transfer.abort()

        killer = threading.Thread(target=abort_when_it_has_arrived)
        killer.start()
        outcomes, _ = run_transfer(transfer)
        killer.join(30)
    assert [outcome.result.value for outcome in outcomes] == ["unconfirmed", "not attempted"]
    assert outcomes[0].reason is not None
    assert outcomes[0].reason.value == "cancelled"


def test_cancel_before_it_has_begun(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        transfer = send(write_instances(tmp_path, 3), Peer("127.0.0.1", peer.port))
        transfer.cancel()
        outcomes, error = run_transfer(transfer)
    assert outcomes == ()
    assert error is None
    assert isinstance(transfer.error, Cancelled)
    assert peer.connections == []


def test_cancel_while_the_inputs_are_listed(tmp_path: Path) -> None:
    """A tree of millions of files need not be read to its end first."""
    taken = []

    def names() -> object:
        for path in write_instances(tmp_path, 100):
            taken.append(path)
            if len(taken) == 3:
                transfer.cancel()
            yield path

    with ScriptedPeer() as peer:
        transfer = send(names(), Peer("127.0.0.1", peer.port))  # type: ignore[arg-type]
        outcomes, error = run_transfer(transfer)
    assert (outcomes, error) == ((), None)
    assert len(taken) <= 4
    assert peer.connections == []


@pytest.mark.parametrize("answer", [Respond(), Abort(), Silence()], ids=str)
def test_cancel_and_abort_may_come_at_any_time_and_twice(tmp_path: Path, answer: object) -> None:
    def both(transfer: Transfer) -> None:
        transfer.cancel()
        transfer.abort()
        transfer.cancel()
        transfer.abort()

    trigger = Trigger(both, at_bytes_of=2)
    script = Script(stores={2: answer})  # type: ignore[dict-item]
    results, _ = ended_by(trigger, write_instances(tmp_path, 3), script)
    assert results[0] == "stored"
    assert results[1] in ("stored", "unconfirmed")
    assert results[2] == "not attempted"


def test_cancel_after_the_end_changes_nothing(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        transfer = send(write_instances(tmp_path, 1), Peer("127.0.0.1", peer.port))
        outcomes, error = run_transfer(transfer)
        transfer.cancel()
        transfer.abort()
    assert [outcome.result.value for outcome in outcomes] == ["stored"]
    assert error is None
    assert transfer.error is None


# --- whoever walks away


def test_leaving_the_loop_aborts_the_association(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        with send(write_instances(tmp_path, 5), Peer("127.0.0.1", peer.port)) as transfer:
            for outcome in transfer:
                if outcome.index == 2:
                    break
        assert transfer.summary.total == 2
    assert course(peer) == ["request", "store 1", "store 2", "abort 0 0"]


def test_leaving_the_loop_without_a_with_statement(tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        for _ in send(write_instances(tmp_path, 5), Peer("127.0.0.1", peer.port)):
            break
    assert course(peer) == ["request", "store 1", "abort 0 0"]


def test_leaving_the_loop_does_not_wait_long_for_a_peer_that_stays(tmp_path: Path) -> None:
    with ScriptedPeer(Script(close_after_abort=False)) as peer:
        transfer = send(
            write_instances(tmp_path, 5), Peer("127.0.0.1", peer.port), transfer=TransferOptions(acse_timeout=60)
        )
        begin = time.monotonic()
        with transfer:
            next(iter(transfer))
        assert time.monotonic() - begin < 30
    assert course(peer) == ["request", "store 1", "abort 0 0"]


def test_an_error_in_the_loop_aborts_the_association(tmp_path: Path) -> None:
    def divide_by_zero(peer: ScriptedPeer) -> None:
        with send(write_instances(tmp_path, 3), Peer("127.0.0.1", peer.port)) as transfer:
            for outcome in transfer:
                outcome.index // 0

    with ScriptedPeer() as peer, pytest.raises(ZeroDivisionError):
        divide_by_zero(peer)
    assert course(peer) == ["request", "store 1", "abort 0 0"]


@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.parametrize("error", [ZeroDivisionError(), Cancelled(), NegotiationFailed(ConnectionLost())], ids=repr)
@pytest.mark.parametrize("call", ["association_opened", "bytes_sent", "outcome"])
def test_an_error_of_an_observer_aborts_the_association(
    tmp_path: Path, call: str, error: Exception, parallel: int
) -> None:
    """Whatever it is: that of another transfer, which the observer runs, says nothing about this one."""

    def fail(_: object) -> None:
        raise error

    observer = Observer()
    setattr(observer, call, fail)
    options = TransferOptions(parallel_associations=parallel, retry=RetryOptions(2, 0), halt_on_failure=False)
    with ScriptedPeer() as peer:
        transfer = send(write_instances(tmp_path, 3), Peer("127.0.0.1", peer.port), observer=observer, transfer=options)
        with pytest.raises(type(error)) as info:
            list(transfer)
    assert info.value is error
    assert transfer.error is None
    assert transfer.summary.total == 0
    if parallel == 1:
        assert course(peer)[-1] == "abort 0 0"


@pytest.mark.parametrize("parallel", [1, 2, AutoAssociations(2)], ids=str)
def test_an_error_of_an_observer_at_the_end_of_an_association_that_was_not_used(
    tmp_path: Path, parallel: int | AutoAssociations
) -> None:
    """The caller gets it, and nobody waits for the thread that has met it."""

    class Failing(Observer):
        def association_opened(self, event: AssociationOpened) -> None:
            transfer.cancel()

        def association_closed(self, event: AssociationClosed) -> None:
            raise ZeroDivisionError

    raised: list[BaseException] = []

    def run() -> None:
        try:
            list(transfer)
        except ZeroDivisionError as error:
            raised.append(error)

    with ScriptedPeer() as peer:
        options = TransferOptions(parallel_associations=parallel)
        files = write_instances(tmp_path, 3)
        transfer = send(files, Peer("127.0.0.1", peer.port), observer=Failing(), transfer=options)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    assert len(raised) == 1


@pytest.mark.parametrize("scanning", [False, True])
@pytest.mark.parametrize("error", [ZeroDivisionError(), Cancelled(), NegotiationFailed(ConnectionLost())], ids=repr)
def test_an_error_of_the_items_is_no_error_of_the_transfer(tmp_path: Path, error: Exception, scanning: bool) -> None:
    def items() -> Iterator[Path]:
        yield from write_instances(tmp_path, 2)
        raise error

    with ScriptedPeer() as peer:
        transfer = send(items(), Peer("127.0.0.1", peer.port), send_while_scanning=scanning)
        with pytest.raises(type(error)) as info:
            list(transfer)
    assert info.value is error
    assert transfer.error is None
