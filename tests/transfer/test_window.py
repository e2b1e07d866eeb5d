"""The asynchronous operations window, with peers that really answer out of order, late, twice or never."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend import BytesSent, Observer, Peer, PlanOptions, Reason, Result, StoreOutcome, TransferOptions, send
from dcmsend.association import in_flight, prepare
from dcmsend.errors import DcmsendError, SendingFailed
from support.sending import instance_uid, run_transfer, write_instances, write_large
from support.window_peer import Link, Request, WindowPeer, in_order, window_item

Sent = tuple[list[StoreOutcome], DcmsendError | None]


def send_to(
    peer: WindowPeer,
    files: list[Path],
    window: int = 8,
    *,
    halt: bool = False,
    observer: Observer | None = None,
    **options: Any,
) -> Sent:
    transfer = send(
        files,
        Peer("127.0.0.1", peer.port),
        observer=observer,
        plan=PlanOptions(halt_on_refusal=halt),
        transfer=TransferOptions(
            halt_on_failure=halt, async_window=window, **{"acse_timeout": 10, "idle_timeout": 20, **options}
        ),
    )
    outcomes, error = run_transfer(transfer)
    assert [outcome.index for outcome in outcomes] == list(range(1, len(files) + 1))
    return list(outcomes), error


def results(outcomes: list[StoreOutcome]) -> list[str]:
    return [outcome.result.value for outcome in outcomes]


def backwards(link: Link, held: list[Request]) -> None:
    """Each instance gets a status of its own, the last one first."""
    for request in reversed(held):
        link.respond(request, 0xC000 + int(request.sop_instance_uid.rpartition(".")[2]))


def twice(link: Link, held: list[Request]) -> None:
    for _ in range(2):
        for request in random.Random(len(held)).sample(held, len(held)):
            link.respond(request)


@pytest.mark.parametrize("hold", [2, 5, 8])
def test_answers_come_backwards(tmp_path: Path, hold: int) -> None:
    with WindowPeer(backwards, hold=hold) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 30))
    assert error is None
    assert [outcome.status for outcome in outcomes] == [0xC000 + number for number in range(1, 31)]
    assert not peer.complaints
    assert len(peer.links) == 1
    assert max(request.missed for request in peer.requests) >= hold - 1, "the window was not used"
    assert [outcome.message_id for outcome in outcomes] == [request.message_id for request in peer.requests]


def test_answers_come_twice(tmp_path: Path) -> None:
    with WindowPeer(twice) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 30))
    assert (results(outcomes), error) == (["stored"] * 30, None)
    assert len(peer.links) == 1


def test_a_peer_that_answers_in_order(tmp_path: Path) -> None:
    with WindowPeer(in_order, hold=1) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 30))
    assert (results(outcomes), error) == (["stored"] * 30, None)


@pytest.mark.parametrize(
    ("asked", "granted", "used"), [(8, None, 1), (8, 1, 1), (8, 3, 3), (8, 8, 8), (8, 100, 8), (8, 0, 8), (0, 8, 1)]
)
def test_the_window_is_used_as_far_as_it_is_granted(tmp_path: Path, asked: int, granted: int, used: int) -> None:
    with WindowPeer(backwards, granted=granted, hold=20) as peer:
        send_to(peer, write_instances(tmp_path, 24), asked)
    request = peer.links[0].request
    assert request is not None
    assert [value for kind, value in request.user_items if kind == 0x53] == ([window_item(8)[4:]] if asked else [])
    assert max(each.missed for each in peer.requests) == used - 1
    assert len(peer.requests) == 24


@pytest.mark.parametrize(("granted", "told"), [(None, "none"), (3, "3"), (0, "unlimited")])
def test_the_log_says_what_window_was_asked_for_and_granted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, granted: int | None, told: str
) -> None:
    caplog.set_level("DEBUG", "dcmsend.network")
    with WindowPeer(in_order, granted=granted, hold=1) as peer:
        send_to(peer, write_instances(tmp_path, 1), 8)
    request, answer = (text for text in caplog.messages if "Application Context Name" in text)
    assert "Our Async Operations Window: 8\n" in request
    assert f"Their Async Operations Window: {told}\n" in answer


def never(*numbers: int, then: Callable[[Link], None] | None = None) -> Callable[[Link, list[Request]], None]:
    """No answer for these instances."""
    silent = {instance_uid(number) for number in numbers}

    def answer(link: Link, held: list[Request]) -> None:
        for request in reversed(held):
            if request.sop_instance_uid not in silent:
                link.respond(request)

    return answer


class Clock:
    """What the limits of time go by; ``passed`` is what has passed without anybody waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        monkeypatch.setattr("dcmsend.transport.deadline.time", self)

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


def test_answers_that_never_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what has no answer is unconfirmed; the rest goes over a new association, and nothing is sent twice."""
    clock, answers = Clock(monkeypatch), never(3, 7)

    def answer(link: Link, held: list[Request]) -> None:
        answers(link, held)
        if sum(bool(request.statuses) for request in peer.requests) == 18:  # and nothing else is in flight
            clock.passed = 90.0

    with WindowPeer(answer) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 20), dimse_timeout=60)
    assert error is None
    assert [outcome.index for outcome in outcomes if outcome.result.value != "stored"] == [3, 7]
    assert {outcomes[2].result.value, outcomes[6].result.value} == {"unconfirmed"}
    assert outcomes[2].reason is not None
    assert outcomes[2].reason.value == "timed out"
    assert len({request.sop_instance_uid for request in peer.requests}) == len(peer.requests) == 20


def test_time_runs_from_the_oldest_request(tmp_path: Path) -> None:
    """Answers to younger requests come all the time, and do not help the oldest."""
    stopped = threading.Event()

    def slowly(link: Link, held: list[Request]) -> None:
        for request in held:
            stopped.wait(0.05)
            if request.sop_instance_uid != instance_uid(1):
                link.respond(request)

    with WindowPeer(slowly, hold=1) as peer:
        outcomes, _ = send_to(peer, write_instances(tmp_path, 60), 4, dimse_timeout=0.6)
        stopped.set()
    assert results(outcomes)[0] == "unconfirmed"
    assert len(peer.links) > 1
    assert len(peer.links[0].requests) < 60


def test_an_answer_that_came_in_time_counts_however_late_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a large instance is sent slowly, the answers to earlier ones lie in the socket for longer than -td."""
    clock = Clock(monkeypatch)

    class Slow(WindowPeer):
        def _take(self, link: Link, *rest: Any) -> None:
            super()._take(link, *rest)
            if len(link.requests) == 4:
                self._decide(link)
                threading.Event().wait(0.2)  # the large one is under way, and no answer is awaited
                clock.passed = 90.0

    files = [*write_instances(tmp_path, 4), write_large(tmp_path / "large", 16 << 20, 5), *write_instances(
        tmp_path / "more", 3, first=6)]
    with Slow(in_order, hold=4) as peer:
        outcomes, error = send_to(peer, files, 16, dimse_timeout=60, idle_timeout=600, tcp_buffer_length=65536)
    assert (results(outcomes), error) == (["stored"] * 8, None)
    assert len(peer.links) == 1


@pytest.mark.parametrize("how", ["abort", "close"])
@pytest.mark.parametrize("answered", [0, 1, 4])
def test_the_peer_ends_it_in_the_middle_of_a_window(tmp_path: Path, how: str, answered: int) -> None:
    """What was answered before counts; all the others in flight are unconfirmed; the rest is sent anew."""

    def end(link: Link, held: list[Request]) -> None:
        if link.number > 1 or len(link.requests) < 10:
            return in_order(link, held)
        for request in held[-answered:] if answered else ():
            link.respond(request, 0xB000)
        return link.abort() if how == "abort" else link.close()

    with WindowPeer(end, hold=5, quiet=10.0) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 40), 5)
    assert error is None
    check_truth(peer, outcomes)
    counts = {value: results(outcomes).count(value) for value in set(results(outcomes))}
    lost = sum(counts.get(value, 0) for value in ("unconfirmed", "failed"))
    # one more may have left us while the peer was closing, and never have reached it
    assert lost >= sum(not request.statuses for request in peer.links[0].requests) + counts.get("failed", 0)
    assert 5 - answered <= lost <= 6
    assert len([outcome for outcome in outcomes if outcome.status == 0xB000]) == answered
    assert len(peer.links) == 2


def test_halting_in_the_middle_of_a_window(tmp_path: Path) -> None:
    def end(link: Link, held: list[Request]) -> None:
        link.respond(held[1])
        link.abort()

    with WindowPeer(end, hold=4, quiet=10.0) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 12), 4, halt=True)
    assert isinstance(error, SendingFailed)
    assert results(outcomes)[:4] == ["unconfirmed", "stored", "unconfirmed", "unconfirmed"]
    assert set(results(outcomes)[5:]) == {"not attempted"}
    assert len(peer.links) == 1


def test_a_broken_file_waits_for_the_answers_before_it(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 9)
    files[4].write_bytes(files[4].read_bytes()[:-3])
    with WindowPeer(backwards, hold=3) as peer:
        outcomes, error = send_to(peer, files, 4, halt=True)
    assert isinstance(error, SendingFailed)
    assert results(outcomes) == ["refused"] * 4 + ["failed"] + ["not attempted"] * 4
    assert not any(link.unanswered for link in peer.links)


class Touching(Observer):
    """Touches a file when a part of it has been sent."""

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self._number = number
        self.is_done = threading.Event()

    def bytes_sent(self, event: BytesSent) -> None:
        if event.number == self._number:
            os.utime(self._path)
            self.is_done.set()


def write_with_a_large_one(folder: Path) -> list[Path]:
    """Three small files and a fourth one that takes more than one buffer, with an old date."""
    large = write_large(folder / "large.dcm", 1_000_000)
    os.utime(large, ns=(0, 10**18))
    return [*write_instances(folder, 3), large]


def test_a_file_that_changes_while_it_is_sent_waits_for_the_answers_before_it(tmp_path: Path) -> None:
    """The association is good until then."""
    files = write_with_a_large_one(tmp_path)
    with WindowPeer(backwards, hold=9) as peer:
        outcomes, error = send_to(peer, files, 4, observer=Touching(files[3], 4))
    assert error is None
    assert [outcome.status for outcome in outcomes] == [0xC001, 0xC002, 0xC003, None]
    assert outcomes[3].reason is Reason.FILE_CHANGED
    assert "abort" in peer.links[0].events
    assert len(peer.links) == 1


@pytest.mark.parametrize("how", ["abort", "early success"])
def test_a_file_that_changes_is_the_reason_of_no_other_instance(tmp_path: Path, how: str) -> None:
    """Whatever keeps the answers from coming is."""
    files = write_with_a_large_one(tmp_path)
    touching = Touching(files[3], 4)

    def end(link: Link, held: list[Request]) -> None:
        if not touching.is_done.is_set():
            link.held = held
            return
        link.respond(held[1])
        if how == "abort":
            link.abort()
        link.respond(Request(1, 4, 1, held[0].sop_class_uid, "1.2.3", 0))

    with WindowPeer(end, hold=9) as peer:
        outcomes, error = send_to(peer, files, 4, observer=touching)
    assert error is None
    assert results(outcomes) == ["unconfirmed", "stored", "unconfirmed", "failed"]
    assert {outcomes[0].reason, outcomes[2].reason} == {
        Reason.ABORTED if how == "abort" else Reason.PROTOCOL_ERROR
    }
    assert outcomes[0].is_retryable
    assert outcomes[3].reason is Reason.FILE_CHANGED


@pytest.mark.sources
def test_message_ids_are_never_used_twice_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers wrap while an old request is still without its answer."""
    monkeypatch.setattr(prepare, "_MAX_MESSAGE_ID", 6)
    late: list[Request] = []

    def answer(link: Link, held: list[Request]) -> None:
        for request in held:
            if not late:
                late.append(request)
            else:
                link.respond(request)
        if len(link.requests) == 40:
            link.respond(late[0], 0xB007)

    with WindowPeer(answer, hold=1) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 40), 4)
    assert error is None
    assert not peer.complaints
    assert outcomes[0].status == 0xB007
    assert results(outcomes) == ["stored"] * 40
    assert {outcome.message_id for outcome in outcomes[1:]} <= {2, 3, 4, 5, 6}


@pytest.mark.sources
def test_a_window_as_large_as_there_are_message_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them stays free for the request that is prepared next."""
    monkeypatch.setattr(prepare, "_MAX_MESSAGE_ID", 6)
    with WindowPeer(hold=6) as peer:
        outcomes, error = send_to(peer, write_instances(tmp_path, 20), 6)
    assert (results(outcomes), error) == (["stored"] * 20, None)
    assert not peer.complaints
    assert max(request.missed for request in peer.requests) <= 4


def test_bytes_in_flight_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "MAX_OUTSTANDING_BYTES", 100_000)
    files = [write_large(tmp_path / f"{number}", 30_000, number) for number in range(1, 21)]
    held_bytes = []

    def answer(link: Link, held: list[Request]) -> None:
        held_bytes.append(sum(request.length for request in held))
        backwards(link, held)

    with WindowPeer(answer, hold=50) as peer:
        outcomes, error = send_to(peer, files, 50)
    assert error is None
    assert len(outcomes) == 20
    assert 100_000 < max(held_bytes) < 140_000


def test_a_peer_that_does_not_read_before_it_has_written(tmp_path: Path) -> None:
    """2000 answers fill the buffers between us while a large instance is on its way: nobody may wait for the other."""
    files = [*write_instances(tmp_path, 2000), write_large(tmp_path / "large", 8 << 20, 2001)]
    with WindowPeer(in_order, hold=2000, send_buffer=4096) as peer:
        outcomes, error = send_to(peer, files, 4000, tcp_buffer_length=4096, idle_timeout=60)
    assert (set(results(outcomes)), error) == ({"stored"}, None)
    assert len(peer.links) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_peer_does(tmp_path: Path, seed: int) -> None:
    """Random answers, random ends: each instance has its one, true outcome."""
    chance = random.Random(seed)

    def answer(link: Link, held: list[Request]) -> None:
        for request in chance.sample(held, len(held)):
            what = chance.random()
            if what < 0.85:
                link.respond(request, chance.choice([0, 0, 0xB000, 0xA700, 0xC001]))
                if chance.random() < 0.1:
                    link.respond(request, request.statuses[0])
            elif what < 0.88:
                link.abort()
            elif what < 0.9:
                link.close()

    files = write_instances(tmp_path, 60)
    for number in chance.sample(range(60), 5):
        files[number].write_bytes(files[number].read_bytes()[:-1])
    with WindowPeer(answer, hold=chance.randint(1, 8)) as peer:
        outcomes, error = send_to(
            peer, files, chance.choice([2, 5, 9]), dimse_timeout=2, parallel_associations=chance.choice([1, 1, 3])
        )
    assert error is None
    check_truth(peer, outcomes)


def check_truth(peer: WindowPeer, outcomes: list[StoreOutcome]) -> None:
    """What the peer has seen is what the outcomes tell."""
    assert not peer.complaints
    links: dict[int, int] = {}
    seen: dict[str, list[Request]] = {}
    for request in peer.requests:
        seen.setdefault(request.sop_instance_uid, []).append(request)
    for outcome in outcomes:
        found = seen.pop(outcome.instance.sop_instance_uid, [])
        assert len(found) <= 1, "sent twice"
        if outcome.status is not None:
            assert found[0].statuses[0] == outcome.status
            assert links.setdefault(outcome.association, found[0].link) == found[0].link
            assert found[0].message_id == outcome.message_id
        elif outcome.result is Result.UNCONFIRMED:
            assert not any(request.statuses for request in found)
        else:
            assert not found, outcome
    assert not seen
    assert len(set(links.values())) == len(links)


def test_the_item_is_laid_out_as_the_standard_says() -> None:
    assert window_item(8, 1) == struct.pack(">BBHHH", 0x53, 0, 4, 8, 1)
