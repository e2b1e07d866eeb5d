"""Runs over object stores: what arrives is what files of the same content give, with one request an object."""

from __future__ import annotations

import copy
import gc
import logging
import os
import pickle
import threading
import time
from collections import Counter
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from dcmsend import IndexOptions, InputOptions, JournalOptions, Peer, Result, TransferOptions, send
from dcmsend.errors import FileUnreadable, StoreUnusable
from dcmsend.index import KeepTogether
from dcmsend.inputs.stores import Entry, Place, StoredObject, credit, fetcher, stores
from dcmsend.interrupt import Interrupt
from dcmsend.preview import preview
from dcmsend.reasons import NoStore, Reason, Rejection
from dcmsend.settings import Preview, Settings
from support.archives import ArchiveRun
from support.descriptors import open_descriptors
from support.discarding_peer import DiscardingPeer
from support.processes import wait_until
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances, write_large
from support.store_servers import AWS, Answer, Request, StorePlace

KEEP_ON = TransferOptions(halt_on_failure=False)
COUNT = 40


def contents_of(folder: Path, count: int = COUNT, large: int = 20_000) -> dict[str, bytes]:
    """Instances small and large by their names, some in a directory."""
    write_instances(folder, count)
    for number in range(3, count + 1, 4):
        write_large(folder / f"{number:06d}.dcm", large * number, number)
    paths = sorted(folder.iterdir())
    return {("sub/" if number % 5 == 0 else "") + path.name: path.read_bytes() for number, path in enumerate(paths)}


def fill(store: StorePlace, contents: dict[str, bytes]) -> None:
    for name, data in contents.items():
        store.put(name, data)


def options_of(store: StorePlace, **options: Any) -> InputOptions:
    return InputOptions(**{"scan_directories": True, "recurse": True, "storage_options": store.options, **options})


def send_store(
    store: StorePlace, port: int, names: Sequence[str] = (), inputs: InputOptions | None = None, **options: Any
) -> ArchiveRun:
    """Send what lies below the prefix, or ``names`` below it."""
    urls = [store.url + name for name in names] or [store.url]
    with send(urls, Peer("127.0.0.1", port), inputs=inputs or options_of(store), **options) as transfer:
        outcomes = list(transfer)
    return ArchiveRun(outcomes, list(transfer.rejected), transfer.already_stored)


def settled_descriptors() -> set[str]:
    """Without what wakes up event loops: a library may have one for the whole process."""
    gc.collect()
    return {each for each in open_descriptors() if "anon_inode:[event" not in each}


def arrived(peer: ScriptedPeer) -> dict[str, bytes]:
    return {store.sop_instance_uid or "": bytes(store.data_set) for store in peer.stores if store.complete}


def test_what_arrives_is_what_files_give(store: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", large=40_000)
    fill(store, contents)
    with ScriptedPeer() as local:
        files = send([tmp_path / "tree"], Peer("127.0.0.1", local.port), inputs=InputOptions(scan_directories=True))
        assert len(list(files)) == COUNT
    with ScriptedPeer() as peer:
        before = settled_descriptors()
        done = send_store(store, peer.port)
        paths = [outcome.instance.input.path for outcome in done.outcomes]
        assert not done.rejected
        del done
        wait_until(lambda: not settled_descriptors() - before, 30, "closed descriptors")  # those of the server, too
    assert arrived(peer) == arrived(local)
    assert sorted(paths) == sorted(store.url + name for name in contents)
    if store.requests:
        assert Counter(store.fetched) == Counter(list(contents))


def test_resume_fetches_nothing(store: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", 20)
    fill(store, contents)
    journal = str(tmp_path / "journal")
    with ScriptedPeer() as peer:
        first = send_store(store, peer.port, journal=JournalOptions(journal))
        store.requests.clear()
        second = send_store(store, peer.port, journal=JournalOptions(journal, resume=True))
        assert len(first.outcomes) == second.already_stored == 20
        assert not second.outcomes
        assert not store.fetched

        name = sorted(contents)[3]
        store.put(name, contents[name] + b"\x10\x00\x10\x40LO\x02\0ab")
        store.put("new.dcm", contents[name])
        third = send_store(store, peer.port, journal=JournalOptions(journal, resume=True))
    assert sorted(outcome.instance.input.path for outcome in third.outcomes) == sorted(
        store.url + each for each in (name, "new.dcm")
    )
    assert third.already_stored == 19


@pytest.mark.parametrize("min_age", [0.0, 60.0])
def test_a_query_is_part_of_every_question(web: StorePlace, tmp_path: Path, min_age: float) -> None:
    """Without it the server tells size, time and tag of another object: here of a newer version."""
    old, new = (path.read_bytes() + bytes(number) for number, path in enumerate(write_instances(tmp_path / "in", 2)))
    versions = {"v=1": (old, 1_700_000_000.0), "": (new, time.time())}

    def script(request: Request) -> Answer:
        data, modified = versions[request.query]
        told = {"Last-Modified": formatdate(modified, usegmt=True), "ETag": f'"{request.query}"'}
        return Answer(200, data, {**told, "Content-Length": str(len(data))})

    web.script = script
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedPeer() as peer:
        inputs = options_of(web, min_age=min_age)
        first = send_store(web, peer.port, ["a.dcm?v=1"], inputs, journal=journal)
        assert [outcome.result for outcome in first.outcomes] == [Result.STORED]
        web.requests.clear()
        second = send_store(web, peer.port, ["a.dcm?v=1"], inputs, journal=journal)
    assert (second.outcomes, second.already_stored) == ([], 1)
    assert not web.fetched


def test_an_address_that_is_not_utf_8(web: StorePlace, tmp_path: Path) -> None:
    """The server is asked for the bytes that were given, and the run goes on."""
    fill(web, contents_of(tmp_path / "tree", 3))
    with ScriptedPeer() as peer:
        done = send_store(web, peer.port, [os.fsdecode(b"000002.dcm?name=M\xfcller"), "000003.dcm"])
    assert len(done.outcomes) == 2
    assert sorted(request.query for request in web.requests) == ["", "name=M%FCller"]  # fetched side by side


@pytest.mark.parametrize("associations", [1, 3, 8])
@pytest.mark.parametrize("limit", [1, 300_000])
def test_credit_is_enough_whatever_it_is(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, associations: int, limit: int
) -> None:
    """Nobody waits for ever, and no more is held than the credits allow."""
    most = [0]
    taken = credit.Charge.book

    def book(charge: credit.Charge, count: int) -> None:
        taken(charge, count)
        if (mine := charge._credit) is not None:
            most[0] = max(most[0], mine.bytes if mine.count > 1 else 0)

    monkeypatch.setattr(credit.Charge, "book", book)
    monkeypatch.setattr(fetcher.Fetcher.__init__, "__defaults__", (limit,))
    contents = contents_of(tmp_path / "tree", 60, large=5_000)
    fill(web, contents)
    options = TransferOptions(parallel_associations=associations, halt_on_failure=False)
    with ScriptedPeer() as peer:
        done = send_store(web, peer.port, transfer=options)
    assert [outcome.result.value for outcome in done.outcomes] == ["stored"] * 60
    assert Counter(web.fetched) == Counter(list(contents))
    largest = max(map(len, contents.values()))
    assert most[0] <= limit + largest


def test_an_object_that_was_changed_after_the_list(s3: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", 12)
    fill(s3, contents)
    other = contents["000009.dcm"]
    same_size = other[:-1] + bytes((other[-1] ^ 1,))

    def change(request: Request) -> None:
        if request.method == "GET" and request.name == "000002.dcm":
            s3.put("000009.dcm", same_size)
            s3.put("000010.dcm", contents["000010.dcm"] * 2)

    s3.script = change
    with ScriptedPeer() as peer:
        done = send_store(s3, peer.port, inputs=options_of(s3, fetch_parallel=1), transfer=KEEP_ON)
    results = done.results
    assert results.pop("000009.dcm") == results.pop("000010.dcm") == "failed"
    assert set(results.values()) == {"stored"}
    failed = [outcome for outcome in done.outcomes if outcome.result is not Result.STORED]
    assert {outcome.reason for outcome in failed} == {Reason.FILE_CHANGED}


@pytest.mark.parametrize(
    ("status", "code", "is_for_now"),
    [(404, "NoSuchKey", False), (403, "AccessDenied", False), (503, "SlowDown", True), (429, "", True)],
)
def test_one_object_that_the_store_does_not_give(
    web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, is_for_now: bool
) -> None:
    monkeypatch.setattr(stores, "_PAUSES", (0.01, 0.01))
    contents = contents_of(tmp_path / "tree", 10)
    fill(web, contents)
    web.script = lambda request: Answer(status) if request.name == "000004.dcm" else None
    with ScriptedPeer() as peer:
        done = send_store(web, peer.port, transfer=KEEP_ON, index=IndexOptions(halt_on_invalid=False))
    assert len(done.outcomes) == 9
    (rejected,) = done.rejected
    assert rejected.path == web.url + "000004.dcm"
    assert rejected.is_dicom
    assert rejected.why is (Rejection.NOT_NOW if is_for_now else Rejection.UNREADABLE)
    assert str(status) in rejected.reason
    assert web.fetched.count("000004.dcm") == (3 if is_for_now else 1)


def test_what_breaks_off_is_fetched_again(web: StorePlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_PAUSES", (0.01, 0.01))
    contents = contents_of(tmp_path / "tree", 20)
    fill(web, contents)
    asked: Counter[str] = Counter()

    def now_and_then(request: Request) -> Answer | None:
        asked[request.name] += 1
        number = int(request.name[-7:-4] or 0) if request.name else 0
        if number % 4 == 0 or asked[request.name] > 1:
            return None
        return Answer(503) if number % 2 else Answer(cut=100)

    web.script = now_and_then
    with ScriptedPeer() as local:
        list(send([tmp_path / "tree"], Peer("127.0.0.1", local.port), inputs=InputOptions(scan_directories=True)))
    with ScriptedPeer() as peer:
        done = send_store(web, peer.port)
    assert arrived(peer) == arrived(local)
    assert not done.rejected


def test_credentials_that_expire_end_the_run(s3: StorePlace, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    contents = contents_of(tmp_path / "tree", 30)
    fill(s3, contents)
    body = b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>The token AKIATESTTESTTEST</Message></Error>"
    s3.script = lambda request: Answer(400, body) if request.name >= sorted(contents)[10] else None
    with ScriptedPeer() as peer:
        transfer = send(
            [s3.url], Peer("127.0.0.1", peer.port), inputs=options_of(s3, fetch_parallel=2), transfer=KEEP_ON
        )
        with pytest.raises(StoreUnusable, match="not valid any more") as caught:
            list(transfer)
    assert caught.value.why is NoStore.CREDENTIALS
    assert len(arrived(peer)) == 10
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("dcmsend")]
    words = "\n".join(ours) + str(caught.value) + repr(caught.value)
    assert AWS["AWS_SECRET_ACCESS_KEY"] not in words
    assert "AKIATESTTESTTEST" not in words


def test_the_end_is_not_held_up_by_a_stalled_object(web: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", 10)
    fill(web, contents)
    for_ever = threading.Event()
    web.script = lambda request: Answer(stall=for_ever) if request.name == "000005.dcm" else None
    before = settled_descriptors()
    with ScriptedPeer() as peer:
        transfer = send([web.url], Peer("127.0.0.1", peer.port), inputs=options_of(web), transfer=KEEP_ON)
        timer = threading.Timer(1.0, transfer.cancel)
        timer.start()
        began = time.monotonic()
        outcomes = list(transfer)
        took = time.monotonic() - began
        timer.join()
        for_ever.set()
        assert took < 30
        del transfer
    assert {outcome.result for outcome in outcomes} <= {Result.STORED, Result.NOT_ATTEMPTED}
    assert len(outcomes) < 10
    del outcomes
    wait_until(lambda: len(settled_descriptors() - before) == 0, 30, "closed descriptors")


def test_a_large_object_takes_little_memory(web: StorePlace, tmp_path: Path) -> None:
    path = write_large(tmp_path / "large.dcm", 60_000_000)
    web.put("large.dcm", path.read_bytes())
    with DiscardingPeer() as peer:
        done = send_store(web, peer.port, ["large.dcm"])
        assert [outcome.result.value for outcome in done.outcomes] == ["stored"]
        assert peer.stored[0].length > 59_000_000


def test_a_preview_fetches_only_beginnings(web: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", 10, large=100_000)
    fill(web, contents)
    settings = Settings(Peer("127.0.0.1", 1), inputs=options_of(web), preview=Preview.DRY_RUN)
    lines: list[str] = []
    record = preview(settings, [web.url], lines.append, interrupt=Interrupt(), ask_peer=False)
    assert record.error is None
    assert lines[0].startswith("10 SOP instances to be sent")
    assert {request.range for request in web.requests if request.name} == {"bytes=0-2047"}


def test_what_reports_need_costs_no_second_request(web: StorePlace, tmp_path: Path) -> None:
    contents = contents_of(tmp_path / "tree", 12)
    fill(web, contents)
    index = IndexOptions(keep_together=KeepTogether.SERIES, halt_on_invalid=False)
    with ScriptedPeer() as peer:
        done = send_store(
            web, peer.port, index=index, transfer=TransferOptions(halt_on_failure=False, parallel_associations=2)
        )
    assert len(done.outcomes) == 12
    assert Counter(web.fetched) == Counter(list(contents))


def test_every_store_tells_what_is_not_there(store: StorePlace, tmp_path: Path) -> None:
    fill(store, contents_of(tmp_path / "tree", 3))
    with ScriptedPeer() as peer:
        names = ["000002.dcm", "none.dcm"]
        done = send_store(store, peer.port, names, index=IndexOptions(halt_on_invalid=False), transfer=KEEP_ON)
        assert [outcome.result for outcome in done.outcomes] == [Result.STORED]
        (rejected,) = done.rejected
        assert rejected.path == store.url + "none.dcm"
        assert rejected.is_dicom
        assert rejected.why is Rejection.UNREADABLE
        assert "no such object" in rejected.reason


def test_a_name_without_slash_may_be_a_prefix(store: StorePlace, tmp_path: Path) -> None:
    if store.url.startswith("http"):
        pytest.skip("a web server's directories end with a slash")
    fill(store, contents_of(tmp_path / "tree", 6))
    with ScriptedPeer() as peer:
        done = send_store(store, peer.port, ["sub"])
        assert sorted(done.results) == ["000001.dcm", "000006.dcm"]


def test_only_what_is_directly_below_without_recursion(store: StorePlace, tmp_path: Path) -> None:
    fill(store, contents_of(tmp_path / "tree", 6))
    with ScriptedPeer() as peer:
        done = send_store(store, peer.port, inputs=options_of(store, recurse=False, scan_pattern="*[2-4].dcm"))
        assert sorted(done.results) == ["000002.dcm", "000003.dcm", "000004.dcm"]


def test_outcomes_can_be_pickled_and_copied(memory: StorePlace, tmp_path: Path) -> None:
    fill(memory, contents_of(tmp_path / "tree", 3))
    with ScriptedPeer() as peer:
        run = send_store(memory, peer.port)
    assert len(run.outcomes) == 3
    for outcome in run.outcomes:
        for other in (pickle.loads(pickle.dumps(outcome)), copy.deepcopy(outcome)):
            assert other == outcome
            item, known = outcome.instance.input, other.instance.input
            assert (known.path, known.root, known.look()) == (item.path, item.root, item.look())
            assert (known.key(os.fsencode), known.directory) == (item.key(os.fsencode), item.directory)


def test_a_copy_of_an_object_has_nothing_that_its_address_hides() -> None:
    entry = Entry("b/a.dcm", 5, 7, "tag")
    item = StoredObject(None, Place("https", "host", "b/a.dcm", "sig=s3cr3t"), entry)  # type: ignore[arg-type]
    told = pickle.dumps(item)
    assert b"s3cr3t" not in told
    known = pickle.loads(told)
    assert known == item
    assert (known.path, known.directory, known.etag) == (item.path, item.directory, item.etag)
    assert (known.key(os.fsencode), known.look()) == (item.key(os.fsencode), item.look())
    assert pickle.loads(pickle.dumps(known)) == item
    with pytest.raises(FileUnreadable):
        known.open(16)
