"""Sending while the scan goes on: order, plans, ends, and a memory that stays flat."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dcmsend import IndexOptions, Peer, PlanOptions, ReportOptions, Transfer, TransferOptions, send
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import Cancelled, GivenUp, InvalidInputFile, NoInputFiles, NoValidInputFiles, SendingFailed
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.transfer import feed as feed_module
from dcmsend.transfer.feed import Feed
from support.fixture_files import CT_CLASS, MR_CLASS, SC_CLASS
from support.peer_script import Abort, Accept, Reject, Respond, Script, refuse
from support.scripted_peer import ScriptedPeer
from support.sending import Sent, run_transfer, write_instances


def some_instance(number: int, sop_class: str = CT_CLASS) -> Instance:
    return Instance(InputFile(str(number)), sop_class, f"1.{number}", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY)


def test_a_plan_looks_at_ten_thousand_instances_at_most() -> None:
    feed = Feed(map(some_instance, range(50_000)), clock=lambda: 0.0)
    assert feed.look_ahead(0)
    assert len(feed) == 10_000
    assert feed.look_ahead(9_000)
    assert len(feed) == 19_000


def test_a_plan_looks_ahead_for_one_second() -> None:
    times = iter(range(1000))
    feed = Feed(map(some_instance, range(50_000)), clock=lambda: next(times) / 10)
    assert feed.look_ahead(0)
    assert 1 < len(feed) < 20


def test_a_slow_scan_gives_one_instance_at_least() -> None:
    times = iter(range(1000))
    feed = Feed(map(some_instance, range(3)), clock=lambda: next(times) * 60.0)
    assert [feed.look_ahead(index) for index in range(4)] == [True, True, True, False]


def test_what_is_done_is_forgotten() -> None:
    feed = Feed(map(some_instance, range(100_000)), clock=lambda: 0.0)
    for index in range(100_000):
        assert feed.look_ahead(index)
        assert feed[index].sop_instance_uid == f"1.{index}"
        feed.forget_before(index + 1)
        assert len(feed._known) <= 10_000
    assert not feed.look_ahead(100_000)


def test_an_error_of_the_scan_counts_after_what_came_before() -> None:
    def instances() -> Iterator[Instance]:
        yield some_instance(1)
        raise InvalidInputFile("x", "y")

    feed = Feed(instances())
    assert feed.look_ahead(0)
    assert isinstance(feed.error, InvalidInputFile)
    assert not feed.look_ahead(1)


def send_scanning(items: Any, *scripts: Script, halt: bool = False, **options: Any) -> Sent:
    with ScriptedPeer(*scripts) as peer:
        transfer = send(
            items,
            Peer("127.0.0.1", peer.port),
            plan=PlanOptions(halt_on_refusal=halt),
            index=IndexOptions(halt_on_invalid=halt),
            transfer=TransferOptions(halt_on_failure=halt, acse_timeout=10, **options),
            send_while_scanning=True,
        )
        outcomes, error = run_transfer(transfer)
    return Sent(outcomes, error, transfer, peer)


def in_order(sent: Sent) -> bool:
    return [outcome.index for outcome in sent.outcomes] == list(range(1, len(sent.outcomes) + 1))


@pytest.fixture
def short_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three instances are looked ahead."""
    monkeypatch.setattr(feed_module, "_LONGEST_LOOK_AHEAD", 3)


@pytest.mark.usefixtures("short_sight")
@pytest.mark.parametrize("parallel", [1, 3])
def test_items_are_drawn_while_others_are_sent(tmp_path: Path, parallel: int) -> None:
    ahead = []
    with ScriptedPeer() as peer:

        def items() -> Iterator[Path]:
            for number, path in enumerate(write_instances(tmp_path, 100)):
                ahead.append(number - len(peer.stores))
                yield path

        transfer = send(
            items(),
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=False, parallel_associations=parallel),
            send_while_scanning=True,
        )
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert [outcome.instance.input.path for outcome in outcomes] == [str(p) for p in sorted(tmp_path.iterdir())]
    assert {outcome.result.value for outcome in outcomes} == {"stored"}
    assert max(ahead) <= 3 + 2 * parallel
    assert len(peer.connections) <= parallel, "the association goes on with what is found"


@pytest.mark.usefixtures("short_sight")
def test_a_new_kind_needs_a_new_association_only_once(tmp_path: Path) -> None:
    kinds = [CT_CLASS] * 6 + [MR_CLASS] * 6 + [CT_CLASS] * 6 + [SC_CLASS] + [CT_CLASS, MR_CLASS, SC_CLASS] * 5
    files = [
        write_instances(tmp_path / str(number), 1, (kind,), first=number)[0] for number, kind in enumerate(kinds, 1)
    ]
    sent = send_scanning(files)
    assert sent.results == ["stored"] * len(kinds)
    assert in_order(sent)
    assert len(sent.peer.connections) == 3
    proposed = [len(link.request.contexts) for link in sent.peer.connections if link.request]
    assert proposed == [1, 2, 3]


@pytest.mark.usefixtures("short_sight")
def test_bad_inputs_among_good_ones(tmp_path: Path) -> None:
    files = write_instances(tmp_path, 30)
    files[5].write_bytes(b"no DICOM")
    files[20].unlink()
    sent = send_scanning(files)
    assert sent.error is None
    assert sent.results == ["stored"] * 28
    assert {rejected.path for rejected in sent.transfer.rejected} == {str(files[5]), str(files[20])}


@pytest.mark.usefixtures("short_sight")
def test_halting_at_a_bad_input(tmp_path: Path) -> None:
    """Everything before it is sent first."""
    files = write_instances(tmp_path, 30)
    files[10].write_bytes(b"no DICOM")
    sent = send_scanning(files, halt=True)
    assert isinstance(sent.error, InvalidInputFile)
    assert sent.results == ["stored"] * 10
    assert sent.courses[0][-1] == "release"


@pytest.mark.usefixtures("short_sight")
def test_halting_at_a_failure(tmp_path: Path) -> None:
    """Of what was not looked at yet nothing is told."""
    sent = send_scanning(write_instances(tmp_path, 30), Script(stores={4: Abort()}), halt=True)
    assert isinstance(sent.error, SendingFailed)
    assert sent.results[:4] == ["stored"] * 3 + ["unconfirmed"]
    assert set(sent.results[4:]) == {"not attempted"}
    assert len(sent.results) < 10


@pytest.mark.usefixtures("short_sight")
def test_a_run_that_gives_up_before_the_end_of_the_list_is_not_complete(tmp_path: Path) -> None:
    """What was not looked at has no outcome, so that nothing else tells that there was more."""
    files, report = write_instances(tmp_path / "in", 50), tmp_path / "r.json"
    with ScriptedPeer(*[Script(stores={1: Abort()})] * 3) as peer:
        transfer = send(
            files, Peer("127.0.0.1", peer.port), send_while_scanning=True, report=ReportOptions(json_report=report)
        )
        outcomes, error = run_transfer(transfer)
    assert len(peer.connections) == 3
    assert isinstance(error, GivenUp)
    assert str(error) == "3 associations in a row ended without an answer"
    assert transfer.error is error
    assert len(outcomes) < 50
    assert {outcome.reason.value for outcome in outcomes[3:] if outcome.reason} == {"no association"}
    told = json.loads(report.read_text())
    assert (told["complete"], told["ended_by"]) == (False, "error")


def test_a_complete_list_has_an_outcome_for_everything_and_no_error(tmp_path: Path) -> None:
    sent = send_scanning(write_instances(tmp_path, 5), *[Script(stores={1: Abort()})] * 3)
    assert len(sent.results) == 5
    assert sent.error is None


@pytest.mark.parametrize("count", [3, 4])
def test_no_run_is_given_up_whose_list_had_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Nobody had looked yet whether the last instance was the last: every one has its outcome."""
    monkeypatch.setattr(feed_module, "_LONGEST_LOOK_AHEAD", 1)
    sent = send_scanning(write_instances(tmp_path, count), *[Script(stores={1: Abort()})] * 3)
    assert len(sent.peer.connections) == 3
    assert len(sent.results) == count
    assert sent.error is None


def test_nothing_to_send(tmp_path: Path) -> None:
    assert isinstance(send_scanning([]).error, NoInputFiles)
    (tmp_path / "x").write_bytes(b"no DICOM")
    sent = send_scanning([tmp_path])
    assert isinstance(sent.error, NoValidInputFiles)
    assert not sent.peer.connections


@pytest.mark.parametrize("script", [Script(associate=Reject(1, 1, 7)), Script(associate=Accept(refuse()))])
def test_no_association(tmp_path: Path, script: Script) -> None:
    sent = send_scanning(write_instances(tmp_path, 5), script)
    assert len(sent.results) == 5
    assert set(sent.results) <= {"not attempted", "failed"}


@pytest.mark.usefixtures("short_sight")
def test_cancelling(tmp_path: Path) -> None:
    taken = []

    def items() -> Iterator[Path]:
        for path in write_instances(tmp_path, 200):
            taken.append(path)
            if len(taken) == 50:
                transfer.cancel()
            yield path

    transfer: Transfer
    with ScriptedPeer() as peer:
        transfer = send(items(), Peer("127.0.0.1", peer.port), send_while_scanning=True)
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert isinstance(transfer.error, Cancelled)
    assert len(taken) <= 52
    assert 40 < len(outcomes) <= 52


@pytest.mark.usefixtures("short_sight")
@pytest.mark.parametrize("seed", range(15))
def test_whatever_happens(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    files = write_instances(tmp_path, 60, (CT_CLASS, CT_CLASS, CT_CLASS, MR_CLASS))
    chance.shuffle(files)
    for path in chance.sample(files, 4):
        path.write_bytes(chance.choice([b"", b"no DICOM", path.read_bytes()[:-3]]))
    ends = [Abort(), Respond(0xA700), Respond(message_id=999)]
    scripts = [Script(stores={chance.randint(1, 20): chance.choice(ends)}) for _ in range(5)]
    sent = send_scanning(files, *scripts, Script(), parallel_associations=chance.choice([1, 3]))
    assert sent.error is None
    assert in_order(sent)
    assert len(sent.outcomes) + len(sent.transfer.rejected) == 60
    uids = [store.sop_instance_uid for store in sent.peer.stores]
    assert len(set(uids)) == len(uids)




def test_a_slow_scan_gets_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same instances, same order; the thread is bounded, and ends when it is told to."""
    monkeypatch.setattr(feed_module, "_LONGEST_LOOK_AHEAD", 50)
    before = set(threading.enumerate())
    drawn: list[int] = []

    def instances() -> Iterator[Instance]:
        for number in range(5_000):
            drawn.append(number)
            yield some_instance(number)

    times = iter(range(10**9))
    feed = Feed(instances(), clock=lambda: next(times) / 1000)
    for index in range(1000):
        assert feed.look_ahead(index)
        assert feed[index].sop_instance_uid == f"1.{index}"
        feed.forget_before(index + 1)
    assert len(set(threading.enumerate()) - before) == 1
    assert len(drawn) <= 1000 + 50 + 50 + 2
    feed.close()
    assert set(threading.enumerate()) <= before
    assert not feed.pull()


@pytest.mark.parametrize("error", [InvalidInputFile("x", "y"), TypeError("no path")])
def test_errors_come_from_the_thread(error: Exception) -> None:
    def instances() -> Iterator[Instance]:
        yield from map(some_instance, range(100))
        raise error

    times = iter(range(10**9))
    feed = Feed(instances(), clock=lambda: next(times) / 40)
    assert feed.look_ahead(0)
    assert feed._ahead is not None
    if isinstance(error, TypeError):
        with pytest.raises(TypeError):
            feed.look_ahead(10_000)
    else:
        assert not feed.look_ahead(10_000)
        assert feed.error is error
    feed.close()


@pytest.mark.parametrize("end", ["all", "leave", "cancel"])
@pytest.mark.parametrize("parallel", [1, 3])
def test_no_thread_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, parallel: int) -> None:
    monkeypatch.setattr(feed_module, "_SLOW", 0.0)
    monkeypatch.setattr(feed_module, "_LONGEST_LOOK_AHEAD", 40)
    before = set(threading.enumerate())
    with ScriptedPeer() as peer:
        transfer = send(
            write_instances(tmp_path, 300),
            Peer("127.0.0.1", peer.port),
            transfer=TransferOptions(halt_on_failure=False, parallel_associations=parallel),
            send_while_scanning=True,
        )
        count = 0
        with transfer:
            for outcome in transfer:
                count += 1
                assert outcome.index == count
                if count == 20 and end == "leave":
                    break
                if count == 20 and end == "cancel":
                    transfer.cancel()
    assert set(threading.enumerate()) <= before
    if end == "all":
        assert count == 300
