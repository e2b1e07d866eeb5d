"""Runs over real workers: the receiver and the journal are the judges."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dask.distributed import Client, Future

from dcmsend import (
    ClusterOptions,
    IndexOptions,
    InputOptions,
    JournalOptions,
    Observer,
    Peer,
    ReportOptions,
    Result,
    RetryOptions,
    StoreOutcome,
    Transfer,
    ValueRule,
    send,
)
from dcmsend.cluster import ClusterUnusable
from dcmsend.cluster.batches import FIRST_INPUTS
from dcmsend.cluster.ends import Ends
from dcmsend.cluster.link import Link
from dcmsend.cluster.told import to_text
from dcmsend.errors import JournalError, NegotiationFailed, NoInputFiles, NoValidInputFiles, SendingFailed
from dcmsend.journal import JournalFilter, JournalReader
from dcmsend.reasons import Reason
from dcmsend.transfer import Waiting
from support.clusters import kill_a_worker, most_at_once, transfer_over, uids_at
from support.corpus import DATA
from support.peer_script import Abort, Reject, Respond, Script
from support.ports import free_port
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, run_transfer, write_instances
from support.trees import tiny_instance_uid, write_tree

SLOW = Script(other_stores=Respond(delay=0.004))


def stored_rows(journal: Path) -> Counter[str]:
    with JournalReader(str(journal)) as reader:
        return Counter(row.sop_instance_uid for row in reader.rows(JournalFilter()) if row.result is Result.STORED)


def outcomes_of(transfer: Transfer, count: int, act: Callable[[], object]) -> list[StoreOutcome]:
    """All outcomes; ``act`` is called behind as many as ``count`` says."""
    outcomes = []
    for outcome in transfer:
        outcomes.append(outcome)
        if len(outcomes) == count:
            act()
    return outcomes


def test_each_instance_is_stored_once_and_a_second_run_sends_nothing(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 230, per_directory=30)
    (tmp_path / "tree" / "notes.txt").write_text("not DICOM")
    expected = sorted(tiny_instance_uid(number) for number in range(230))
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        outcomes, error = run_transfer(transfer)
        assert error is None
        again = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        assert list(again) == []
    assert [outcome.index for outcome in outcomes] == list(range(1, 231))
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert sorted(uids_at(peer)) == sorted(outcome.sop_instance_uid for outcome in outcomes) == expected
    assert stored_rows(tmp_path / "journal") == Counter(expected)
    assert [os.path.basename(each.path) for each in transfer.rejected] == ["notes.txt"]
    assert again.already_stored == 230
    assert 2 <= len(peer.connections) <= 10
    assert most_at_once(peer) <= 2


def test_a_limit_holds_over_all_workers(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 300, per_directory=50)
    cluster = ClusterOptions(str(client.scheduler_info()["address"]), limit=1)
    with ScriptedPeer(SLOW) as peer:
        outcomes, error = run_transfer(transfer_over(cluster, tmp_path / "tree", peer.port, tmp_path / "journal"))
    assert error is None
    assert len(outcomes) == 300
    assert len(peer.connections) > 1
    assert most_at_once(peer) == 1


def test_the_results_are_those_of_a_run_on_this_machine(client: Client, tmp_path: Path) -> None:
    index = IndexOptions(halt_on_invalid=False, expand_dicomdir=True)
    found = []
    for cluster in (None, client):
        with ScriptedPeer() as peer:
            journal = tmp_path / f"journal{len(found)}"
            transfer = transfer_over(cluster, [DATA / "pydicom"], peer.port, journal, index=index)
            outcomes, error = run_transfer(transfer)
            assert error is None
        ends = sorted(
            (o.instance.input.path, o.result.value, o.status or 0, str(o.reason), o.message, o.sop_instance_uid,
             o.data_set_length, o.bytes_sent, str(o.file_stamp), str(o.sent_syntax), repr(o.instance))
            for o in outcomes
        )  # fmt: skip
        rejected = sorted((each.path, each.reason, each.detail, each.why.name) for each in transfer.rejected)
        found.append((ends, rejected, sorted(uids_at(peer))))
    assert found[0] == found[1]


def test_a_worker_that_is_killed_loses_nothing(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 600, per_directory=100)
    with ScriptedPeer(SLOW) as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        outcomes = outcomes_of(transfer, 150, lambda: kill_a_worker(client))
    expected = [tiny_instance_uid(number) for number in range(600)]
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == expected
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    sent = Counter(uids_at(peer))
    assert sorted(sent) == expected
    assert sent.total() - len(sent) <= 256 + 2  # what was not told yet, and is in flight
    assert stored_rows(tmp_path / "journal") == Counter(expected)
    assert most_at_once(peer) <= 2


def test_what_is_left_out_by_its_values_has_rows(client: Client, tmp_path: Path) -> None:
    """And a total, although only the workers look at values; members of archives too."""
    paths = write_instances(tmp_path / "in", 4)
    with zipfile.ZipFile(tmp_path / "in" / "more.zip", "w") as archive:
        for path in write_instances(tmp_path / "packed", 2, first=5):
            archive.write(path, path.name)
    rules = tuple(ValueRule("SOPInstanceUID", instance_uid(number), takes=False) for number in (2, 3, 6))
    report = tmp_path / "report.json"
    with ScriptedPeer() as peer:
        transfer = send(
            tmp_path / "in", Peer("127.0.0.1", peer.port), index=IndexOptions(value_rules=rules), cluster=client,
            inputs=InputOptions(scan_directories=True, archives=True), report=ReportOptions(json_report=str(report)),
            journal=JournalOptions(str(tmp_path / "journal")),
        )  # fmt: skip
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert {outcome.sop_instance_uid for outcome in outcomes} == {instance_uid(number) for number in (1, 4, 5)}
    fields = json.loads(report.read_text())
    assert (fields["totals"]["filtered"], fields["totals"]["found"]) == (3, 6)
    left_out = {row["path"].rpartition("/")[2] for row in fields["instances"] if row["outcome"] == "filtered"}
    assert left_out == {paths[1].name, paths[2].name, "000006.dcm"}


def test_a_worker_that_leaves_in_order_ends_nothing(client: Client, tmp_path: Path) -> None:
    """As when a cluster becomes smaller: what it had not sent is sent by another one, whatever it could still tell."""
    write_tree(tmp_path / "tree", 400, per_directory=100)
    with ScriptedPeer(Script(other_stores=Respond(delay=0.02))) as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        one = [min(client.scheduler_info()["workers"])]
        outcomes = outcomes_of(transfer, 50, lambda: client.run(_leave, workers=one))
    expected = [tiny_instance_uid(number) for number in range(400)]
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert sorted(outcome.sop_instance_uid for outcome in outcomes) == expected
    assert sorted(set(uids_at(peer))) == expected
    assert stored_rows(tmp_path / "journal") == Counter(expected)


def forget_batches(client: Client) -> None:
    client.cancel([Future(key, client) for key in list(client.futures)])


def test_batches_that_the_scheduler_has_forgotten_are_not_sent_twice(client: Client, tmp_path: Path) -> None:
    """As where a connection breaks and is there again at once: the workers go on with them."""
    write_tree(tmp_path / "tree", 200)
    with ScriptedPeer(Script(other_stores=Respond(delay=0.02))) as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        outcomes = outcomes_of(transfer, 10, lambda: forget_batches(client))
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert Counter(uids_at(peer)) == Counter(tiny_instance_uid(number) for number in range(200))
    assert most_at_once(peer) <= 2


def test_what_waits_for_another_attempt_is_sent_by_another_worker(client: Client, tmp_path: Path) -> None:
    class Leaving(Observer):
        def waiting(self, event: Waiting | None) -> None:
            if event is not None and not told:
                told.append(event)
                client.run(_leave)

    told: list[Waiting] = []
    write_instances(tmp_path / "files", 3)
    with ScriptedPeer(Script(stores={1: Abort()}), Script()) as peer:
        transfer = transfer_over(
            client, tmp_path / "files", peer.port, tmp_path / "journal", observer=Leaving(),
            retry=RetryOptions(attempts=3, delay=60),
        )  # fmt: skip
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert told
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 3


def _leave(dask_worker: Any) -> None:
    """Let a worker be closing for so long that all it still says is heard, then end it; its nanny starts another."""
    dask_worker.status = type(dask_worker.status).closing
    threading.Timer(2.0, os._exit, (1,)).start()


@pytest.mark.slow
def test_the_file_that_ends_workers_is_named_and_all_others_are_stored(client: Client, tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "files", 3)
    deadly = paths[0].rename(paths[0].with_name("deadly.dcm"))
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, tmp_path / "files", peer.port, tmp_path / "journal")
        outcomes, error = run_transfer(transfer)
    assert error is None
    (bad,) = [outcome for outcome in outcomes if outcome.result is not Result.STORED]
    assert (bad.result, bad.reason, bad.instance.input.path) == (Result.FAILED, Reason.SENDER_DIED, str(deadly))
    assert not bad.is_retryable
    assert set(uids_at(peer)) == {instance_uid(2), instance_uid(3)}
    assert len(outcomes) == 3


def test_the_first_failure_ends_a_run_that_halts(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 400, per_directory=50)
    with ScriptedPeer(Script(stores={9: Abort()}), Script(other_stores=Respond(delay=0.03))) as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "j", halt_on_failure=True)
        outcomes, error = run_transfer(transfer)
    assert isinstance(error, SendingFailed)
    results = Counter(outcome.result for outcome in outcomes)
    assert results[Result.UNCONFIRMED] + results[Result.FAILED] == 1
    assert results[Result.STORED] < 200
    rest = {outcome.reason for outcome in outcomes if outcome.result is Result.NOT_ATTEMPTED}
    assert rest <= {Reason.HALTED}
    paths = [outcome.instance.input.path for outcome in outcomes]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("answer", [Reject(1, 1, 7), None])
def test_a_receiver_that_takes_nothing_ends_the_run(client: Client, tmp_path: Path, answer: Reject | None) -> None:
    write_instances(tmp_path / "files", 5)
    with ScriptedPeer(Script(associate=answer or Reject(1, 1, 7))) as peer:
        port = peer.port if answer else free_port()
        outcomes, error = run_transfer(transfer_over(client, tmp_path / "files", port, tmp_path / "journal"))
    assert isinstance(error, NegotiationFailed)
    assert error.is_permanent is (answer is not None)
    assert [(outcome.result, outcome.reason) for outcome in outcomes] == [
        (Result.NOT_ATTEMPTED, Reason.NO_ASSOCIATION)
    ] * 5


def test_a_run_that_has_ended_looks_for_nothing_more(client: Client, tmp_path: Path) -> None:
    """Though what is left is stored already, and so no further batch would ever be full."""
    write_tree(tmp_path / "old", 1)
    (old,) = (path for path in (tmp_path / "old").rglob("*") if path.is_file())
    new = write_instances(tmp_path / "new", FIRST_INPUTS + 1)  # the last of them completes the first batch
    is_exhausted = False

    def items() -> Iterator[str]:
        nonlocal is_exhausted
        yield from map(str, new)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            yield str(old)
            time.sleep(0.001)
        is_exhausted = True

    with ScriptedPeer(Script(), Script(associate=Reject(1, 1, 7))) as peer:
        run_transfer(transfer_over(client, tmp_path / "old", peer.port, tmp_path / "journal"))
        outcomes, error = run_transfer(transfer_over(client, items(), peer.port, tmp_path / "journal"))
    assert isinstance(error, NegotiationFailed)
    assert len(outcomes) == FIRST_INPUTS + 1
    assert not is_exhausted


def test_a_journal_that_fails_over_what_an_earlier_driver_was_told_loses_no_outcome(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while batches are under way: they are heard to their end."""
    submit, journal = Link.submit, str(tmp_path / "journal")

    def submit_and_hear(link: Link, *told: Any) -> None:
        submit(link, *told)
        for take in link._takers:
            take(to_text({"run": "earlier"}))

    def fail(*_: object) -> None:
        raise JournalError(journal, "disk full")

    monkeypatch.setattr(Link, "submit", submit_and_hear)
    monkeypatch.setattr(Ends, "take_of_others", fail)
    paths = write_instances(tmp_path / "files", 3)
    with ScriptedPeer() as peer:
        outcomes, error = run_transfer(transfer_over(client, paths, peer.port, tmp_path / "journal"))
    assert isinstance(error, JournalError)
    assert sorted(outcome.instance.input.path for outcome in outcomes) == sorted(map(str, paths))
    assert len(uids_at(peer)) == sum(outcome.result is Result.STORED for outcome in outcomes)


def test_a_run_that_is_cancelled_drains_and_the_next_one_sends_the_rest(client: Client, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", 500, per_directory=100)
    with ScriptedPeer(SLOW) as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal")
        outcomes = outcomes_of(transfer, 60, transfer.cancel)
        stored = [outcome for outcome in outcomes if outcome.result is Result.STORED]
        assert {each.reason for each in outcomes if each.result is not Result.STORED} == {Reason.CANCELLED}
        assert len(uids_at(peer)) == len(stored) < 500
        outcomes, error = run_transfer(transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal"))
    assert error is None
    assert len(outcomes) == 500 - len(stored)
    assert sorted(uids_at(peer)) == [tiny_instance_uid(number) for number in range(500)]


def test_members_of_archives_and_files_of_a_medium(client: Client, tmp_path: Path) -> None:
    paths = write_instances(tmp_path / "files", 8)
    archive = tmp_path / "in" / "some.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for path in paths[:6]:
            file.write(path, f"sub/{path.name}")
        file.writestr("notes.txt", "not DICOM")
    for path in paths[6:]:
        path.rename(tmp_path / "in" / path.name)
    options = InputOptions(scan_directories=True, recurse=True, archives=True)
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, tmp_path / "in", peer.port, tmp_path / "journal", inputs=options)
        _, error = run_transfer(transfer)
        again = transfer_over(client, tmp_path / "in", peer.port, tmp_path / "journal", inputs=options)
        assert run_transfer(again) == ((), None)
    assert error is None
    assert sorted(uids_at(peer)) == [instance_uid(number) for number in range(1, 9)]
    assert [each.path for each in transfer.rejected] == [f"{archive}!/notes.txt"]
    assert stored_rows(tmp_path / "journal").total() == 8
    assert again.already_stored == 8


@pytest.mark.parametrize("driver_can_look", [True, False])
@pytest.mark.parametrize("step", [1, -1])
def test_a_named_archive_is_known_by_its_first_bytes(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, driver_can_look: bool
) -> None:
    """Where the driver cannot see what it is, its members are sent again, but never told under another name."""
    if not driver_can_look:
        monkeypatch.setattr("dcmsend.cluster.holders.is_archive", lambda item: False)
    *paths, last = write_instances(tmp_path / "files", 5)
    box = tmp_path / "box"
    with zipfile.ZipFile(box, "w") as file:
        for path in paths:
            file.write(path, path.name)
        file.writestr("notes.txt", "not DICOM")
    names, options = [box, last][::step], InputOptions(archives=True)
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, names, peer.port, tmp_path / "journal", inputs=options)
        outcomes, error = run_transfer(transfer)
        assert error is None
        expected = [*(f"{box}!/{path.name}" for path in paths), str(last)]
        assert sorted(each.instance.input.path for each in outcomes) == sorted(expected)
        assert [each.path for each in transfer.rejected] == [f"{box}!/notes.txt"]
        again = transfer_over(client, names, peer.port, tmp_path / "journal", inputs=options)
        assert len(run_transfer(again)[0]) == (0 if driver_can_look else 4)


def test_files_of_a_medium_that_are_stored_are_not_sent_again(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the workers read a DICOMDIR, and only the driver reads the journal."""
    shutil.copytree(DATA / "fileset", tmp_path / "medium")
    monkeypatch.chdir(tmp_path)
    dicomdir = Path("medium", "DICOMDIR")
    index = IndexOptions(halt_on_invalid=False, expand_dicomdir=True)
    with ScriptedPeer() as peer:
        first = transfer_over(client, [dicomdir], peer.port, tmp_path / "journal", index=index)
        outcomes, error = run_transfer(first)
        again = transfer_over(client, [dicomdir], peer.port, tmp_path / "journal", index=index)
        assert run_transfer(again) == ((), None)
    assert error is None
    assert len(outcomes) > 1
    assert all(outcome.instance.input.path.startswith("medium/") for outcome in outcomes)
    assert len(uids_at(peer)) == again.already_stored == len(outcomes)


def test_names_of_any_bytes_and_names_given_twice(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = write_instances(tmp_path / "files", 1)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/files/\xff\xe9\xf6.dcm"))
    path.rename(odd)
    monkeypatch.chdir(tmp_path)
    relative = os.path.relpath(odd)
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, [relative, relative], peer.port, tmp_path / "journal")
        outcomes, error = run_transfer(transfer)
    assert error is None
    assert [outcome.instance.input.path for outcome in outcomes] == [relative] * 2
    assert uids_at(peer) == [instance_uid(1)] * 2


def test_files_are_moved_once_they_are_stored(client: Client, tmp_path: Path) -> None:
    write_instances(tmp_path / "files", 9)
    with ScriptedPeer() as peer:
        sent = str(tmp_path / "sent")
        transfer = transfer_over(client, tmp_path / "files", peer.port, tmp_path / "journal", move_sent=sent)
        assert len(list(transfer)) == 9
    assert not list((tmp_path / "files").iterdir())
    assert len(list((tmp_path / "sent").rglob("*.dcm"))) == 9


def test_observers_see_what_happens_on_the_workers(client: Client, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()

    class Watch(Observer):
        def association_opened(self, event: object) -> None:
            seen["opened"] += 1

        def association_closed(self, event: object) -> None:
            seen["closed"] += 1

        def bytes_sent(self, event: object) -> None:
            seen["bytes"] += event.length  # type: ignore[attr-defined]

        def outcome(self, outcome: object) -> None:
            seen["outcomes"] += 1

    write_tree(tmp_path / "tree", 120, per_directory=40)
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal", observer=Watch())
        outcomes = list(transfer)
    assert seen["opened"] == seen["closed"] == len(peer.connections)
    assert seen["outcomes"] == 120
    assert seen["bytes"] == sum(outcome.bytes_sent for outcome in outcomes)
    assert {outcome.association for outcome in outcomes} == set(range(1, len(peer.connections) + 1))


def test_nothing_to_be_sent(client: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("not DICOM")
    _, error = run_transfer(transfer_over(client, tmp_path / "empty", 104, tmp_path / "j1"))
    assert isinstance(error, NoInputFiles)
    _, error = run_transfer(transfer_over(client, tmp_path / "notes", 104, tmp_path / "j2"))
    assert isinstance(error, NoValidInputFiles)


def test_a_cluster_needs_a_journal(client: Client) -> None:
    with pytest.raises(ValueError, match="needs a journal"):
        send("file", Peer("127.0.0.1", 104), cluster=client)


def test_data_sets_in_memory_cannot_be_sent_by_others(client: Client, tmp_path: Path) -> None:
    from pydicom import dcmread

    data_set = dcmread(DATA / "pydicom" / "CT_small.dcm")
    with ScriptedPeer() as peer:
        outcomes, error = run_transfer(transfer_over(client, [data_set], peer.port, tmp_path / "journal"))
    assert "lies in memory" in str(error)
    assert not peer.connections
    assert [outcome.result for outcome in outcomes] == [Result.NOT_ATTEMPTED]


def test_a_client_that_is_closed_already(client: Client, tmp_path: Path) -> None:
    closed = Client(str(client.scheduler_info()["address"]), set_as_default=False)
    closed.close()
    with pytest.raises(ClusterUnusable, match="the client is closed"):
        transfer_over(closed, tmp_path, 104, tmp_path / "journal")


@pytest.mark.parametrize("event", ["association_opened", "outcome"])
def test_an_error_of_an_observer_is_not_taken_for_one_of_what_a_worker_tells(
    client: Client, tmp_path: Path, event: str
) -> None:
    def fail(_: object) -> None:
        if not failed:  # once: a run that passes over it ends all the same
            failed.append(True)
            raise KeyError("of the observer")

    write_tree(tmp_path / "tree", 30)
    failed: list[bool] = []
    observer = Observer()
    setattr(observer, event, fail)
    with ScriptedPeer() as peer:
        transfer = transfer_over(client, tmp_path / "tree", peer.port, tmp_path / "journal", observer=observer)
        with pytest.raises(KeyError, match="of the observer"):
            list(transfer)
