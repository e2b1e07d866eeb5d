"""Further attempts, with peers that break down, refuse for a while, or cannot stand one instance."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend import (
    Attempt,
    Observer,
    Peer,
    PlanOptions,
    Reason,
    Result,
    RetryOptions,
    StoreOutcome,
    TransferOptions,
    Waiting,
    send,
)
from dcmsend.errors import Cancelled, ConnectFailed, DcmsendError, GivenUp, NegotiationFailed, SendingFailed
from support import wire
from support.fixture_files import CT_CLASS, MR_CLASS
from support.peer_script import Abort, Close, Reject, Respond, Script, Silence
from support.ports import free_port
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, instance_uid, run_transfer, send_all, write_instances, write_large
from support.window_peer import Link, Request, WindowPeer

SOON = 0.01


class Watcher(Observer):
    """Keeps what it hears of waits."""

    def __init__(self) -> None:
        self.heard: list[Waiting | None] = []

    def waiting(self, event: Waiting | None) -> None:
        self.heard.append(event)


def again(items: list[Path], *scripts: Script, retry: dict[str, Any] | None = None, **options: Any) -> Sent:
    chosen = RetryOptions(**{"attempts": 3, "delay": SOON, "longest_delay": 0.1, "max_time": 60, **(retry or {})})
    return send_all(items, *scripts, retry=chosen, **options)


def attempts_of(outcome: StoreOutcome) -> list[tuple[Result, int | None, Reason | None]]:
    return [(attempt.result, attempt.status, attempt.reason) for attempt in outcome.attempts]


# --- what the peer does


LOSSES: dict[str, tuple[Any, Reason]] = {
    "abort": (Abort(), Reason.ABORTED),
    "close": (Close(), Reason.CONNECTION_LOST),
    "reset": (Close(reset=True), Reason.CONNECTION_LOST),
    "silence": (Silence(), Reason.TIMED_OUT),
    "wrong answer": (Respond(message_id=99), Reason.PROTOCOL_ERROR),
}


@pytest.mark.parametrize("name", LOSSES)
def test_lost_association_is_replaced(tmp_path: Path, name: str) -> None:
    answer, reason = LOSSES[name]
    limit = {"dimse_timeout": 2} if name == "silence" else {}
    sent = again(write_instances(tmp_path, 5), Script(stores={3: answer}), Script(), **limit)
    assert sent.error is None
    assert sent.results == ["stored"] * 5
    assert [len(outcome.attempts) for outcome in sent.outcomes] == [1, 1, 2, 1, 1]
    assert attempts_of(sent.outcomes[2]) == [(Result.UNCONFIRMED, None, reason), (Result.STORED, 0, None)]
    uids = [store.sop_instance_uid for store in sent.peer.stores]
    assert uids == [instance_uid(number) for number in (1, 2, 3, 3, 4, 5)] or name == "wrong answer"


def test_without_further_attempts_nothing_is_sent_twice(tmp_path: Path) -> None:
    sent = send_all(write_instances(tmp_path, 5), Script(stores={3: Close()}), Script())
    assert sent.results == ["stored", "stored", "unconfirmed", "stored", "stored"]
    assert all(len(outcome.attempts) == 1 for outcome in sent.outcomes)


def test_association_that_breaks_in_the_middle_of_an_instance(tmp_path: Path) -> None:
    files = [*write_instances(tmp_path, 1), write_large(tmp_path / "x", 24 << 20)]
    sent = again(files, Script(during={2: (100_000, Close(reset=True))}), Script())
    assert sent.results == ["stored", "stored"]
    assert sent.outcomes[1].attempts[0].result is Result.FAILED


def test_duplicate_after_an_unconfirmed_attempt_is_stored(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 2), Script(stores={1: Close()}), Script(stores={1: Respond(0x0111)}))
    assert sent.error is None
    assert sent.results == ["stored", "stored"]
    assert sent.outcomes[0].status == 0x0111


def test_duplicate_at_the_first_attempt_is_a_refusal(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 2), Script(stores={1: Respond(0x0111)}))
    assert sent.results == ["refused", "stored"]
    assert len(sent.peer.stores) == 2


@pytest.mark.parametrize("status", [0x0122, 0x0124, 0xA900, 0xC000, 0xFE00])
def test_refusal_for_good_is_final(tmp_path: Path, status: int) -> None:
    sent = again(write_instances(tmp_path, 3), Script(stores={2: Respond(status)}))
    assert sent.results == ["stored", "refused", "stored"]
    assert len(sent.peer.stores) == 3


def test_out_of_resources_pauses(tmp_path: Path) -> None:
    """Nothing more goes over the association on which the peer says so; then the same instance comes first."""
    watcher = Watcher()
    before = time.time()
    sent = again(
        write_instances(tmp_path, 5), Script(stores={3: Respond(0xA701)}), Script(), observer=watcher,
        retry={"delay": 0.2, "longest_delay": 1},
    )  # fmt: skip
    assert sent.results == ["stored"] * 5
    assert sent.courses[0] == ["request", "store 1", "store 2", "store 3", "release"]
    assert attempts_of(sent.outcomes[2]) == [(Result.REFUSED, 0xA701, None), (Result.STORED, 0, None)]
    ((why, until), over) = watcher.heard  # type: ignore[misc]
    assert (why, over) == ("peer out of resources (0xA701)", None)
    assert before < until < time.time() + 1
    first, second = sent.peer.connections
    assert second.events[0][1] - first.events[3][1] > 0.14


def test_processing_failure_does_not_hold_up_the_others(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 5), Script(stores={2: Respond(0x0110)}), Script())
    assert sent.results == ["stored"] * 5
    assert sent.courses[0][-2:] == ["store 5", "release"]
    assert [store.sop_instance_uid for store in sent.peer.connections[1].stores] == [instance_uid(2)]
    assert [outcome.index for outcome in sent.outcomes] == [1, 2, 3, 4, 5]


def test_no_more_attempts_than_asked_for(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 3), Script(other_stores=Respond(0x0110)), retry={"attempts": 2})
    assert sent.results == ["refused"] * 3
    assert sent.error is None
    assert all(outcome.is_retryable for outcome in sent.outcomes)
    assert all(attempts_of(outcome) == [(Result.REFUSED, 0x0110, None)] * 3 for outcome in sent.outcomes)
    assert len(sent.peer.stores) == 9


# --- an association that cannot be opened


@pytest.mark.parametrize("answer", [Reject(2, 1, 1), Reject(2, 3, 2), Abort(), Close(), Close(reset=True)], ids=str)
def test_peer_that_takes_the_third_association(tmp_path: Path, answer: Any) -> None:
    watcher = Watcher()
    refusing = Script(associate=answer)
    sent = again(write_instances(tmp_path, 3), refusing, refusing, Script(), observer=watcher)
    assert sent.error is None
    assert sent.results == ["stored"] * 3
    assert all(len(outcome.attempts) == 1 for outcome in sent.outcomes)
    assert len(watcher.heard) == 4
    if answer == Reject(2, 3, 2):
        assert watcher.heard[0] is not None
        assert watcher.heard[0].why == "DUL Association Rejected; Reason: Local Limit Exceeded"


@pytest.mark.parametrize("reason", [1, 2, 3, 7])
def test_rejection_for_good_ends_it(tmp_path: Path, reason: int) -> None:
    sent = again(write_instances(tmp_path, 3), Script(associate=Reject(1, 1, reason)), Script())
    assert sent.reasons == ["no association"] * 3
    assert isinstance(sent.error, NegotiationFailed)
    assert sent.error.is_permanent
    assert len(sent.peer.connections) == 1


def test_peer_that_never_listens(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 2), port=free_port(), retry={"max_time": 0.3})
    assert sent.reasons == ["no association"] * 2
    assert isinstance(sent.error, NegotiationFailed)
    assert isinstance(sent.error.cause, ConnectFailed)


def test_peer_that_listens_later(tmp_path: Path) -> None:
    port = free_port()
    received: list[int] = []
    refused = threading.Event()

    def listen() -> None:
        assert refused.wait(60)
        with socket.create_server(("127.0.0.1", port)) as late:
            late.settimeout(60)
            connection, _ = late.accept()
            with connection:
                request = wire.receive_pdu(connection)
                assert request is not None
                received.append(request.type)
                connection.sendall(wire.associate_reject(1, 1, 1))
                wire.receive_pdu(connection)

    class Waits(Watcher):
        def waiting(self, event: Waiting | None) -> None:
            super().waiting(event)
            refused.set()

    watcher = Waits()
    thread = threading.Thread(target=listen)
    thread.start()
    sent = again(write_instances(tmp_path, 1), port=port, retry={"max_time": 20.0}, observer=watcher)
    thread.join(60)
    assert received == [wire.ASSOCIATE_RQ]
    assert isinstance(sent.error, NegotiationFailed)
    assert sent.error.is_permanent
    assert watcher.heard


# --- enough


def test_peer_that_breaks_down_for_ever(tmp_path: Path) -> None:
    sent = again(
        write_instances(tmp_path, 3), Script(other_stores=Close()), retry={"attempts": 1000, "max_time": 0.5}
    )  # fmt: skip
    assert isinstance(sent.error, GivenUp)
    assert sent.results[0] == "unconfirmed"
    assert set(sent.results) <= {"unconfirmed", "not attempted"}
    assert all(outcome.is_retryable for outcome in sent.outcomes)


@pytest.mark.parametrize("tries", [0, 2])
def test_so_many_failures_in_a_row(tmp_path: Path, tries: int) -> None:
    stores = {number: Respond(0xC000) for number in (1, 2, 4, 5, 6, 7)}
    sent = again(
        write_instances(tmp_path, 9), Script(stores=stores), retry={"attempts": tries}, stop_after_failures=3
    )
    assert sent.results == ["refused", "refused", "stored", *["refused"] * 3, *["not attempted"] * 3]
    assert isinstance(sent.error, GivenUp)
    assert str(sent.error) == "3 SOP instances in a row were not stored"
    assert len(sent.peer.stores) == 6
    assert sent.courses[0][-1] == "release"


def test_so_many_failures_in_a_row_over_several_associations(tmp_path: Path) -> None:
    refusing = Script(other_stores=Respond(0xA900, delay=0.02))  # so that who counts is not overtaken by all of them
    sent = again(write_instances(tmp_path, 200), refusing, stop_after_failures=5, parallel_associations=4)
    assert isinstance(sent.error, GivenUp)
    assert sent.results.count("refused") == len(sent.peer.stores)
    assert 5 <= sent.results.count("refused") < 200
    assert set(sent.results) == {"refused", "not attempted"}


def test_first_final_failure_halts_if_that_is_wished(tmp_path: Path) -> None:
    stores = {2: Close()}
    sent = again(write_instances(tmp_path, 4), Script(stores=stores), Script(stores=stores), halt=True)
    assert sent.results == ["stored"] * 4
    sent = again(write_instances(tmp_path, 4), Script(other_stores=Close()), halt=True, retry={"attempts": 1})
    assert sent.results == ["unconfirmed", "not attempted", "not attempted", "not attempted"]
    assert isinstance(sent.error, SendingFailed)
    assert len(sent.peer.stores) == 2


@pytest.mark.parametrize("how", ["cancel", "abort"])
def test_wait_ends_when_the_caller_wants_it(tmp_path: Path, how: str) -> None:
    class Canceller(Observer):
        def waiting(self, event: Waiting | None) -> None:
            if event is not None:
                getattr(transfer, how)()

    with ScriptedPeer(Script(stores={2: Close()})) as peer:
        transfer = send(
            write_instances(tmp_path, 3),
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=False, retry=RetryOptions(attempts=1, delay=3600)),
            observer=Canceller(),
        )
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert isinstance(transfer.error, Cancelled)
    assert [outcome.result.value for outcome in outcomes] == ["stored", "unconfirmed", "not attempted"]


# --- one bad instance, and many bad peers


def send_to(
    peer: WindowPeer, files: list[Path], *, attempts: int = 2, scanning: bool = False, **options: Any
) -> tuple[tuple[StoreOutcome, ...], DcmsendError | None]:
    retry = RetryOptions(attempts=attempts, delay=SOON, longest_delay=0.05, max_time=60)
    return run_transfer(send(
        files, Peer("127.0.0.1", peer.port), plan=PlanOptions(halt_on_refusal=False), send_while_scanning=scanning,
        transfer=TransferOptions(
            halt_on_failure=False, retry=retry, **{"acse_timeout": 10, "idle_timeout": 20, **options}),
    ))  # fmt: skip


def killed_by(number: int) -> Callable[[Link, list[Request]], None]:
    culprit = instance_uid(number)

    def answer(link: Link, held: list[Request]) -> None:
        for request in held:
            if request.sop_instance_uid == culprit:
                link.abort()
            link.respond(request)

    return answer


@pytest.mark.parametrize(
    "options",
    [{}, {"async_window": 4}, {"parallel_associations": 3}, {"parallel_associations": 3, "async_window": 4}],
    ids=str,
)
@pytest.mark.parametrize("scanning", [False, True])
def test_instance_that_kills_associations(tmp_path: Path, options: dict[str, int], scanning: bool) -> None:
    """It costs its own attempts and no more; what was in flight with it is stored all the same."""
    with WindowPeer(killed_by(7), hold=options.get("async_window", 1)) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 40), attempts=4, scanning=scanning, **options)
    assert error is None
    assert [outcome.index for outcome in outcomes] == list(range(1, 41))
    assert [outcome.index for outcome in outcomes if outcome.result is not Result.STORED] == [7]
    culprit = outcomes[6]
    assert culprit.result is Result.UNCONFIRMED
    assert len(culprit.attempts) == 5
    assert sum(request.sop_instance_uid == instance_uid(7) for request in peer.requests) == 5


def test_after_the_second_broken_association_the_others_come_first(tmp_path: Path) -> None:
    with WindowPeer(killed_by(2), granted=None, hold=1) as peer:
        send_to(peer, write_instances(tmp_path, 4), attempts=9)
    numbers = [int(request.sop_instance_uid.rpartition(".")[2]) for request in peer.requests]
    assert numbers == [1, 2, 2, 3, 4, *[2] * 8]


def test_out_of_resources_pauses_all_associations(tmp_path: Path) -> None:
    """What is in flight on the others gets its answer, and perhaps one each that was just going out; then all end."""
    before: list[int] = []
    culprit: list[Link] = []
    together = threading.Barrier(3, timeout=20)

    def answer(link: Link, held: list[Request]) -> None:
        if len(link.requests) == 1 and link.number <= 3:
            together.wait()
        for request in held:
            if request.sop_instance_uid == instance_uid(30) and not before:
                before.append(sum(len(each.requests) for each in peer.links))
                culprit.append(link)
                link.respond(request, 0xA700)
                continue
            if culprit and link.number <= 3:
                wait_until(lambda: bool(culprit[0].events), 20, "the sender to see that answer")
            link.respond(request)

    with WindowPeer(answer, granted=None, hold=1) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 300), parallel_associations=3)
    assert error is None
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert len(peer.links) > 3
    assert all(link.events[:1] == ["release"] for link in peer.links[:3])
    assert sum(len(link.requests) for link in peer.links[:3]) <= before[0] + 4


@pytest.mark.parametrize("scanning", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_culprit_at_the_beginning_of_a_long_list(tmp_path: Path, count: int, scanning: bool) -> None:
    """The others go on for a while, then wait for it; it never ends in associations that have nothing to send."""
    files = write_instances(tmp_path, 1100)
    with WindowPeer(killed_by(1), granted=None, hold=1) as peer:
        outcomes, error = send_to(peer, files, attempts=4, scanning=scanning, parallel_associations=count)
    assert error is None
    assert [outcome.index for outcome in outcomes if outcome.result is not Result.STORED] == [1]
    assert len(outcomes) == 1100
    assert len(peer.links) < 40


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scanning", [False, True])
def test_peer_that_fails_at_random(tmp_path: Path, seed: int, scanning: bool) -> None:
    """It drops, aborts, refuses for now and answers out of order; in the end it has everything, each outcome once."""
    chance = random.Random(seed)
    lock = threading.Lock()

    def answer(link: Link, held: list[Request]) -> None:
        for request in random.Random(seed).sample(held, len(held)):
            with lock:
                fate = chance.random()
            if fate < 0.02:
                link.abort()
            elif fate < 0.04:
                link.close()
            elif fate < 0.06:
                link.respond(request, 0x0110)
            elif fate < 0.08:
                link.respond(request, 0xA700)
            else:
                link.respond(request)

    files = write_instances(tmp_path, 250, (CT_CLASS, MR_CLASS))
    with WindowPeer(answer, hold=1 + seed % 4) as peer:
        outcomes, error = send_to(
            peer, files, attempts=50, scanning=scanning, async_window=8 * (seed % 2),
            parallel_associations=1 + 2 * (seed % 3),
        )  # fmt: skip
    assert error is None
    assert [outcome.index for outcome in outcomes] == list(range(1, 251))
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert not peer.complaints
    answered = {request.sop_instance_uid for request in peer.requests if 0 in request.statuses}
    assert answered == {outcome.instance.sop_instance_uid for outcome in outcomes}
    sent = [request.sop_instance_uid for request in peer.requests]
    assert sum(len(outcome.attempts) for outcome in outcomes) >= len(sent)


def test_a_long_list_does_not_wait_for_its_end(tmp_path: Path) -> None:
    """What was refused for now is tried again after some instances more, so that outcomes need not be kept for long."""
    sent = again(write_instances(tmp_path, 1500), Script(stores={2: Respond(0x0110)}), Script())
    assert set(sent.results) == {"stored"}
    assert len(sent.peer.connections[0].stores) == 1001
    assert sent.peer.connections[1].stores[0].sop_instance_uid == instance_uid(2)


def test_attempts_are_values(tmp_path: Path) -> None:
    sent = again(write_instances(tmp_path, 1), Script(stores={1: Respond(0x0110)}), Script())
    (outcome,) = sent.outcomes
    first, second = outcome.attempts
    assert isinstance(first, Attempt)
    assert outcome.earlier == (first,)
    assert first.time <= second.time == outcome.started


@pytest.mark.parametrize("attempts", [0, 30])
@pytest.mark.parametrize("options", [{"async_window": 8}, {"async_window": 8, "parallel_associations": 3}], ids=str)
def test_answers_out_of_order_twice_late_and_never(tmp_path: Path, options: dict[str, int], attempts: int) -> None:
    """What is called stored was answered; with further attempts that is everything."""
    chance = random.Random(3)
    lock = threading.Lock()

    def answer(link: Link, held: list[Request]) -> None:
        with lock:
            fates = [(chance.random(), request) for request in chance.sample(held, len(held))]
        for fate, request in fates:
            if fate < 0.02:
                continue
            if fate < 0.05:
                time.sleep(0.1)
            link.respond(request)
            if fate > 0.8:
                link.respond(request)

    files = write_instances(tmp_path, 150)
    with WindowPeer(answer, hold=5) as peer:
        outcomes, error = send_to(peer, files, attempts=attempts, dimse_timeout=1.0, **options)
    assert error is None
    assert [outcome.index for outcome in outcomes] == list(range(1, 151))
    answered = {request.sop_instance_uid for request in peer.requests if request.statuses}
    for outcome in outcomes:
        if outcome.result is Result.STORED:
            assert outcome.instance.sop_instance_uid in answered
        else:
            assert outcome.result is Result.UNCONFIRMED
            assert not attempts
    if not attempts:
        assert {outcome.result for outcome in outcomes} == {Result.STORED, Result.UNCONFIRMED}
