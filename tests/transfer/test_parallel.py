"""Several associations at the same time: whatever they do, each instance has one outcome, in list order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend import (
    AssociationClosed,
    AssociationOpened,
    BytesSent,
    Observer,
    Peer,
    Result,
    StoreOutcome,
    Transfer,
    TransferOptions,
    send,
)
from dcmsend.errors import Cancelled, SendingFailed
from dcmsend.transfer import work
from support.fixture_files import CT_CLASS, MR_CLASS
from support.peer_script import Abort, Close, Reject, Respond, Script, Silence
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, instance_uid, run_transfer, send_all, write_instances, write_large
from support.window_peer import Link, Request, WindowPeer, in_order

CONGESTION, LIMIT_EXCEEDED = Reject(2, 3, 1), Reject(2, 3, 2)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Any:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def parallel(files: list[Path], *scripts: Script, count: int = 4, **options: Any) -> Sent:
    return send_all(files, *scripts, parallel_associations=count, **options)


def check_completeness(sent: Sent, count: int) -> None:
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, count + 1))
    assert not sent.peer.complaints
    uids = [store.sop_instance_uid for store in sent.peer.stores if store.complete]
    assert len(set(uids)) == len(uids), "sent twice"
    for outcome in sent.outcomes:
        if outcome.status is not None:
            assert outcome.instance.sop_instance_uid in uids
        elif outcome.result in (Result.NOT_ATTEMPTED, Result.FAILED):
            assert outcome.instance.sop_instance_uid not in uids


def test_all_associations_are_used(tmp_path: Path) -> None:
    """Each association answers its first instance only when all four have one."""
    together = threading.Barrier(4, timeout=20)

    def answer(link: Link, held: list[Request]) -> None:
        if len(link.requests) == 1:
            together.wait()
        in_order(link, held)

    with WindowPeer(answer, granted=None, hold=1) as peer:
        outcomes, error = run_transfer(
            send(
                write_instances(tmp_path, 40),
                Peer("127.0.0.1", peer.port),
                transfer=TransferOptions(halt_on_failure=False, parallel_associations=4),
            )
        )
    assert error is None
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 40
    assert [outcome.index for outcome in outcomes] == list(range(1, 41))
    assert len(peer.links) == 4
    assert all(link.requests for link in peer.links)
    assert not peer.complaints


def test_no_more_associations_than_instances(tmp_path: Path) -> None:
    sent = parallel(write_instances(tmp_path, 3), count=20)
    assert sent.results == ["stored"] * 3
    assert 1 <= len(sent.peer.connections) <= 3


@pytest.mark.parametrize("refusal", [CONGESTION, LIMIT_EXCEEDED, Abort(), Close()], ids=str)
@pytest.mark.parametrize("accepted", [1, 2])
def test_a_peer_that_takes_only_some_associations(tmp_path: Path, refusal: Any, accepted: int) -> None:
    scripts = [Script()] * accepted + [Script(associate=refusal)]
    sent = parallel(write_instances(tmp_path, 50), *scripts)
    assert sent.error is None
    assert sent.results == ["stored"] * 50
    assert sum("request" in course and "release" in course for course in sent.courses) <= accepted


def test_a_peer_that_leaves_further_associations_waiting(tmp_path: Path) -> None:
    """Like storescp without --fork: nobody waits for them when all work is done."""
    sent = parallel(write_instances(tmp_path, 50), Script(), Script(associate=Silence()), acse_timeout=100)
    assert sent.error is None
    assert sent.results == ["stored"] * 50


def test_associations_that_accept_nothing(tmp_path: Path) -> None:
    from support.peer_script import Accept, refuse

    sent = parallel(write_instances(tmp_path, 20), Script(), Script(associate=Accept(refuse())))
    assert sent.error is None
    assert sent.results == ["stored"] * 20


def test_the_report_waits_for_the_slowest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first instance is answered last; the others may run only so far ahead, and nobody waits for ever."""
    monkeypatch.setattr(work, "_MAX_AHEAD", 5)
    done = threading.Event()
    answered: list[str] = []

    def answer(link: Link, held: list[Request]) -> None:
        for request in held:
            if request.sop_instance_uid == instance_uid(1):
                done.wait(20)
            answered.append(request.sop_instance_uid)
            link.respond(request)
            if len(answered) >= 3:  # the sixth must wait for the first, one more is prepared behind that
                done.set()

    with WindowPeer(answer, granted=None, hold=1) as peer:
        outcomes, _ = run_transfer(
            send(
                write_instances(tmp_path, 30),
                Peer("127.0.0.1", peer.port),
                transfer=TransferOptions(halt_on_failure=False, parallel_associations=3, idle_timeout=10),
            )
        )
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 30
    assert instance_uid(1) in answered[3:6]
    assert max(int(uid.rpartition(".")[2]) for uid in answered[:3]) <= 5


@pytest.mark.parametrize("window", [0, 4])
def test_who_runs_ahead_reads_his_own_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """All wait for the first instance; its answer lies in the socket of one that would like to go on."""
    monkeypatch.setattr(work, "_MAX_AHEAD", 3)
    sent = parallel(
        write_instances(tmp_path, 40), Script(stores={1: Respond(delay=0.3)}), Script(), idle_timeout=10,
        async_window=window,
    )  # fmt: skip
    assert sent.results == ["stored"] * 40


def test_a_large_instance_among_small_ones(tmp_path: Path) -> None:
    files = [write_large(tmp_path / "large", 32 << 20), *write_instances(tmp_path, 100)]
    sent = parallel(files, Script(stores={1: Respond(delay=0.3)}), Script(), count=2)
    assert sent.results == ["stored"] * 101
    assert [outcome.index for outcome in sent.outcomes] == list(range(1, 102))
    assert len({outcome.association for outcome in sent.outcomes}) == 2


def test_one_association_is_aborted(tmp_path: Path) -> None:
    slow = Script(other_stores=Respond(delay=0.05))
    sent = parallel(write_instances(tmp_path, 100), slow, Script(stores={3: Abort()}), slow)
    assert sent.error is None
    check_completeness(sent, 100)
    assert sorted(set(sent.results)) == ["stored", "unconfirmed"]
    assert sent.results.count("unconfirmed") <= 2


def test_halting_ends_all_associations(tmp_path: Path) -> None:
    """Whoever does not fail takes the answers to what he has sent, and releases."""
    sent = parallel(
        write_instances(tmp_path, 400), Script(other_stores=Respond(delay=0.005), stores={5: Abort()}), Script(
            other_stores=Respond(delay=0.005)), count=3, halt=True,
    )  # fmt: skip
    assert isinstance(sent.error, SendingFailed)
    check_completeness(sent, 400)
    assert sent.results.count("unconfirmed") == 1
    assert sent.results.count("not attempted") > 300
    ends = sorted(course[-1] for course in sent.courses)
    assert ends.count("release") == len(ends) - 1


def test_a_broken_file_halts(tmp_path: Path) -> None:
    """What other associations have begun is stored; what they had only taken from the queue is not begun."""
    files = write_instances(tmp_path, 60)
    files[20].write_bytes(files[20].read_bytes()[:-2])
    sent = parallel(files, halt=True)
    assert isinstance(sent.error, SendingFailed)
    check_completeness(sent, 60)
    assert set(sent.results[:20] + sent.results[21:]) == {"stored", "not attempted"}
    assert sent.results[:20].count("stored") > 10
    assert sent.results[20] == "failed"


@pytest.mark.parametrize("seed", range(40))
def test_associations_that_end_at_random(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ends = [Abort(), Abort(2, 3), Close(), Close(reset=True), Respond(message_id=777), Respond(0xA700), Respond(0xC000)]

    def script() -> Script:
        if chance.random() < 0.15:
            return Script(associate=chance.choice([CONGESTION, LIMIT_EXCEEDED, Abort(), Close()]))
        stores = {chance.randint(1, 8): chance.choice(ends) for _ in range(chance.randint(0, 2))}
        return Script(stores=stores)

    scripts = [Script(stores={9: chance.choice(ends)}), *(script() for _ in range(30)), Script()]
    files = write_instances(tmp_path, 60, (CT_CLASS, MR_CLASS))
    for number in chance.sample(range(60), 3):
        files[number].write_bytes(files[number].read_bytes()[:-3])
    halt = chance.random() < 0.3
    sent = parallel(files, *scripts, count=chance.choice([2, 3, 8]), halt=halt, dimse_timeout=5)
    check_completeness(sent, 60)
    if not halt:
        assert sent.error is None or "association" in str(sent.error)


class Recorder(Observer):
    """Notices two calls at once, and keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.overlapped = False
        self._busy = False

    def _hear(self, event: object) -> None:
        self.overlapped |= self._busy
        self._busy = True
        self.events.append(event)
        threading.Event().wait(0.0005)  # gives other threads their chance
        self._busy = False

    association_opened = association_closed = bytes_sent = outcome = _hear  # type: ignore[assignment]


def test_an_observer_hears_one_thing_at_a_time(tmp_path: Path) -> None:
    observer = Recorder()
    sent = parallel(write_instances(tmp_path, 100), observer=observer)
    assert not observer.overlapped
    outcomes = [event for event in observer.events if isinstance(event, StoreOutcome)]
    assert outcomes == list(sent.outcomes)
    opened = [event.number for event in observer.events if isinstance(event, AssociationOpened)]
    closed = [event.number for event in observer.events if isinstance(event, AssociationClosed)]
    assert sorted(opened) == sorted(closed) == list(range(1, len(opened) + 1))
    heard: set[int] = set()
    for event in observer.events:
        if isinstance(event, BytesSent):
            heard.add(event.number)
        elif isinstance(event, StoreOutcome):
            assert event.index in heard


@pytest.mark.parametrize("call", ["association_opened", "association_closed", "bytes_sent", "outcome"])
def test_an_observer_that_fails(tmp_path: Path, call: str) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    observer = Observer()
    setattr(observer, call, fail)
    with ScriptedPeer() as peer:
        transfer = send(
            write_instances(tmp_path, 50),
            Peer("127.0.0.1", peer.port),
            observer=observer,
            transfer=TransferOptions(parallel_associations=3),
        )
        with pytest.raises(ZeroDivisionError):
            list(transfer)


class Ender(Observer):
    """Ends the transfer when so many instances were sent."""

    def __init__(self, end: Callable[[Transfer], None], after: int) -> None:
        self.transfer: Transfer | None = None
        self._end = end
        self._left = after

    def bytes_sent(self, event: BytesSent) -> None:
        self._left -= 1
        if self._left == 0:
            assert self.transfer is not None
            self._end(self.transfer)


SOME_ARE_SILENT = [Script(), Script(stores={5: Silence()}), Script(associate=Silence())]


@pytest.mark.parametrize("scripts", [[Script()], SOME_ARE_SILENT], ids=["all answer", "some are silent"])
@pytest.mark.parametrize("end", [Transfer.cancel, Transfer.abort])
def test_ending_it_early(tmp_path: Path, end: Callable[[Transfer], None], scripts: list[Script]) -> None:
    """No thread, no socket and no file is left, though one association hangs and another one waits to be accepted."""
    observer = Ender(end, 50)
    with ScriptedPeer(*scripts) as peer:
        transfer = send(
            write_instances(tmp_path, 300),
            Peer("127.0.0.1", peer.port),
            observer=observer,
            transfer=TransferOptions(
                halt_on_failure=False, parallel_associations=3, drain_seconds=0.2, acse_timeout=60
            ),
        )
        observer.transfer = transfer
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert isinstance(transfer.error, Cancelled)
    check_completeness(Sent(outcomes, error, transfer, peer), 300)
    assert {"stored", "not attempted"} <= {outcome.result.value for outcome in outcomes}


@pytest.mark.parametrize("scripts", [[Script()], SOME_ARE_SILENT], ids=["all answer", "some are silent"])
def test_walking_away(tmp_path: Path, scripts: list[Script]) -> None:
    with ScriptedPeer(*scripts) as peer:
        with send(
            write_instances(tmp_path, 300),
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=False, parallel_associations=3, acse_timeout=60),
        ) as transfer:
            next(iter(transfer))
        assert transfer.summary.total == 1
