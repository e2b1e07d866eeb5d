"""Runs over tar archives: what arrives is what the unpacked files give, and a compressed archive is read twice."""

from __future__ import annotations

import copy
import errno
import gc
import logging
import os
import pickle
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dcmsend import IndexOptions, JournalOptions, TransferOptions
from dcmsend.errors import Cancelled, FileUnreadable
from dcmsend.inputs import InputFile, Source
from dcmsend.inputs.archives import compressed_tar, expand_archives, passed_members, sequential_reader
from dcmsend.inputs.archives.inflating import Inflating
from support.archives import content_of, members, send_archives
from support.descriptors import open_descriptors
from support.peer_script import Respond, Script
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large
from support.tar_files import COMPRESSED, END, compress, entry, header, tar_of

SUFFIXES = ("", *COMPRESSED)
COUNT = 24


def tree_of(folder: Path, count: int = COUNT) -> dict[str, bytes]:
    """Instances small and large by their names; the names sort in the order of the numbers."""
    write_instances(folder, count)
    for number in range(3, count + 1, 4):
        write_large(folder / f"{number:06d}.dcm", 20_000 * number, number)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def archive_of(folder: Path, contents: dict[str, bytes], suffix: str) -> Path:
    path = folder / ("in.tar." + suffix if suffix else "in.tar")
    data = tar_of(contents)
    path.write_bytes(compress(data, suffix) if suffix else data)
    return path


def settled_descriptors() -> set[str]:
    """Open descriptors, once what earlier runs have left to the garbage collector is gone."""
    gc.collect()
    return open_descriptors()


class Streams:
    """Counts how often an archive is read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def counted(*arguments: Any) -> Inflating:
            self.count += 1
            return Inflating(*arguments)

        for module in (compressed_tar, sequential_reader):
            monkeypatch.setattr(module, "Inflating", counted)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    """No archive is small."""
    monkeypatch.setattr(passed_members, "MOST_LISTED", 0)
    return Streams(monkeypatch)


def arrived(peer: ScriptedPeer) -> dict[str, bytes]:
    return {store.sop_instance_uid or "": bytes(store.data_set) for store in peer.stores if store.complete}


@pytest.mark.parametrize("while_scanning", [False, True], ids=["listed", "while scanning"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_gives_what_its_files_give(
    tmp_path: Path, suffix: str, while_scanning: bool, streams: Streams
) -> None:
    contents = tree_of(tmp_path / "tree")
    path = archive_of(tmp_path, contents, suffix)
    before = settled_descriptors()
    with ScriptedPeer() as unpacked:
        send_archives([tmp_path / "tree"], unpacked.port)
    with ScriptedPeer() as packed:
        done = send_archives([path], packed.port, send_while_scanning=while_scanning)
    assert arrived(packed) == arrived(unpacked)
    assert [outcome.instance.input.path for outcome in done.outcomes] == [f"{path}!/{name}" for name in contents]
    assert not done.rejected
    assert streams.count == (2 if suffix else 0)
    del done
    assert settled_descriptors() <= before


@pytest.mark.parametrize("room", [128 << 20, 1_000_000])
@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_small_archive_is_read_once(
    tmp_path: Path, suffix: str, room: int, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passed_members, "MOST_LISTED", room)
    contents = tree_of(tmp_path / "tree")
    path = archive_of(tmp_path, contents, suffix)
    assert sum(map(len, contents.values())) > 1_000_000
    with ScriptedPeer() as unpacked:
        send_archives([tmp_path / "tree"], unpacked.port)
    with ScriptedPeer() as packed:
        send_archives([path], packed.port, transfer=TransferOptions(parallel_associations=2))
    assert arrived(packed) == arrived(unpacked)
    assert streams.count == (1 if room > 1_000_000 else 2)


def test_a_full_disk_while_listing_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, contents = big_members(tmp_path, 10)
    monkeypatch.setattr(sequential_reader, "write_all", failing)
    items = members(path)
    assert [content_of(item) for item in items] == contents


def failing(descriptor: int, data: bytes) -> None:
    raise FileUnreadable("No space left on device", errno.ENOSPC)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("suffix", COMPRESSED)
def test_parallel_associations_read_the_archive_twice(
    tmp_path: Path, suffix: str, count: int, streams: Streams
) -> None:
    contents = tree_of(tmp_path / "tree", 28)
    path = archive_of(tmp_path, contents, suffix)
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, transfer=TransferOptions(parallel_associations=count))
    assert sorted(arrived(peer)) == sorted(instance_uid(number) for number in range(1, 29))
    assert not done.rejected
    assert streams.count == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_journal_leaves_out_what_is_stored(tmp_path: Path, suffix: str) -> None:
    contents = tree_of(tmp_path / "tree")
    path = archive_of(tmp_path, contents, suffix)
    options = {"journal": JournalOptions(str(tmp_path / "journal"), resume=True)}
    refused = (4, 15, 23)
    with ScriptedPeer(Script(stores=dict.fromkeys(refused, Respond(0xA700))), Script()) as peer:
        send_archives(path, peer.port, **options)
        second = send_archives(path, peer.port, **options)
        os.utime(path, (1, 1))
        third = send_archives(path, peer.port, **options)
    resent = [store.sop_instance_uid for store in peer.stores[COUNT : COUNT + len(refused)]]
    assert resent == [instance_uid(number) for number in refused]
    assert second.already_stored == COUNT - len(refused)
    assert third.already_stored == 0, "the archive was written again"
    assert len(peer.stores) == 2 * COUNT + len(refused)


def test_thorough_reading_needs_no_third_pass_for_small_members(tmp_path: Path, streams: Streams) -> None:
    contents = tree_of(tmp_path / "tree", 8)
    contents = {"README": b"no instance", **contents}
    path = archive_of(tmp_path, contents, "gz")
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, index=IndexOptions(check_uids=True, halt_on_invalid=False))
    assert len(arrived(peer)) == 8
    assert [each.path for each in done.rejected] == [f"{path}!/README"]
    assert streams.count == 2


def test_what_has_no_meta_header_costs_no_pass(
    tmp_path: Path, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers(monkeypatch, SEGMENT=20_000, MOST_KEPT=40_000, MOST_ASKED=20_000)
    contents = tree_of(tmp_path / "tree", 8)
    contents["z"] = b"no instance" * 5000
    path = archive_of(tmp_path, contents, "gz")
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, index=IndexOptions(halt_on_invalid=False))
    assert len(arrived(peer)) == 8
    assert [each.path for each in done.rejected] == [f"{path}!/z"]
    assert streams.count == 2


def test_a_cut_archive_sends_its_whole_members(tmp_path: Path) -> None:
    contents = tree_of(tmp_path / "tree")
    path = archive_of(tmp_path, contents, "")
    with tarfile.open(path) as archive:
        cut = archive.getmember("000019.dcm").offset_data + 5000
    for suffix in SUFFIXES:
        data = path.read_bytes()[:cut]
        broken = tmp_path / f"cut.tar.{suffix}".rstrip(".")
        broken.write_bytes(compress(data, suffix) if suffix else data)
        with ScriptedPeer() as peer:
            done = send_archives(broken, peer.port)
        assert list(arrived(peer)) == [instance_uid(number) for number in range(1, 19)]
        assert done.results["000019.dcm"].startswith("the archive ends within it: it has 5000 of ")
        assert done.results[broken.name] == f"the archive is cut at byte {cut}"
        assert len(done.rejected) == 2


def readers(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(passed_members, name, value)


def big_members(folder: Path, count: int, suffix: str = "gz") -> tuple[Path, list[bytes]]:
    random = Random(1)
    contents = [random.randbytes(30_000) for _ in range(count)]
    return archive_of(folder, {str(number): content for number, content in enumerate(contents)}, suffix), contents


def test_any_order_gives_the_right_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    readers(monkeypatch, SEGMENT=100_000, MOST_KEPT=300_000, MOST_ASKED=100_000, MOST_ASKED_SEGMENTS=2)
    path, contents = big_members(tmp_path, 60)
    items = members(path)
    order = list(range(60)) * 2
    Random(2).shuffle(order)
    with caplog.at_level(logging.WARNING):
        for number in order:
            assert content_of(items[number]) == contents[number]
    warnings = [record.message for record in caplog.records if "again from its beginning" in record.message]
    assert streams.count > 3
    assert len(warnings) == 1


def test_little_disorder_reads_the_archive_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: Streams
) -> None:
    readers(monkeypatch, SEGMENT=100_000, MOST_KEPT=2_000_000, MOST_ASKED=300_000, MOST_ASKED_SEGMENTS=3)
    path, contents = big_members(tmp_path, 200)
    items = members(path)
    random, waiting = Random(3), list(range(200))
    while waiting:
        number = waiting.pop(random.randrange(min(len(waiting), 8)))
        assert content_of(items[number]) == contents[number]
    assert streams.count == 2


@pytest.mark.parametrize("room", [0, 128 << 20])
def test_what_is_kept_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(passed_members, "MOST_LISTED", room)
    readers(monkeypatch, SEGMENT=100_000, MOST_KEPT=400_000)
    paths = []
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        paths.append(big_members(tmp_path / str(number), 40)[0])
    before = settled_descriptors()
    items = members(*paths)
    for last in range(39, 200, 40):
        content_of(items[last])  # all others are passed, and never asked for
        kept = [name for name in open_descriptors() - before if "memfd" in name]
        assert len(kept) <= 6
    items.clear()
    assert open_descriptors() <= before


def test_many_archives_hold_few_descriptors(tmp_path: Path, streams: Streams) -> None:
    paths = []
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        paths.append(big_members(tmp_path / str(number), 3)[0])
    before = settled_descriptors()
    items = members(*paths)
    for item in items[::3]:  # never the last one of an archive
        content_of(item)
    assert len(open_descriptors() - before) <= passed_members.MOST_STREAMS + passed_members.MOST_ASKED_SEGMENTS + 2


@pytest.mark.parametrize("room", [1 << 30, 60_000])
def test_hard_links_far_behind_what_they_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: Streams, room: int
) -> None:
    readers(monkeypatch, SEGMENT=100_000, MOST_KEPT=200_000, MOST_ASKED=100_000, MOST_LINKED=room)
    _, contents = big_members(tmp_path, 60)
    data = b"".join(entry(b"%d" % number, content) for number, content in enumerate(contents))
    links = b"".join(header(b"to%d" % number, 0, b"1", b"%d" % number) for number in (40, 3, 20))
    path = tmp_path / "links.tar.gz"
    path.write_bytes(compress(data + links + END, "gz"))
    items = members(path)
    assert [content_of(item) for item in items] == [*contents, contents[40], contents[3], contents[20]]
    assert streams.count == (2 if room > 60_000 else 3), "two of three members have room"


def linked_archives(folder: Path, count: int) -> tuple[list[Path], list[bytes]]:
    """Archives of one member and a hard link to it; and the contents of both of each."""
    contents = [Random(number).randbytes(100_000) for number in range(count)]
    paths = [folder / f"{number}.tar.gz" for number in range(count)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(compress(entry(b"a", content) + header(b"b", 0, b"1", b"a") + END, "gz"))
    return paths, [content for content in contents for _ in range(2)]


def test_hard_links_of_many_archives_hold_few_descriptors(tmp_path: Path, streams: Streams) -> None:
    """What was given up can be asked for all the same."""
    paths, contents = linked_archives(tmp_path, 30)
    before = settled_descriptors()
    items = members(*paths)
    assert [content_of(item) for item in items] == contents
    assert streams.count == 60
    assert len(open_descriptors() - before) <= passed_members.MOST_LINKED_FILES + passed_members.MOST_STREAMS
    assert [content_of(item) for item in items] == contents
    items.clear()
    assert settled_descriptors() <= before


def test_what_hard_links_name_is_given_up_while_others_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: Streams
) -> None:
    monkeypatch.setattr(passed_members, "MOST_LINKED_FILES", 1)
    paths, contents = linked_archives(tmp_path, 12)
    asked = [*zip(members(*paths), contents, strict=True)] * 5
    Random(1).shuffle(asked)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pair: content_of(pair[0]) == pair[1], asked))
    assert all(found)


def test_a_long_way_to_a_member_can_be_interrupted(tmp_path: Path, streams: Streams) -> None:
    path, _ = big_members(tmp_path, 100)
    requested: list[str] = []

    def check() -> None:
        if requested:
            raise Cancelled(requested[0])

    items = list(expand_archives(names_of([path]), check))
    requested.append("SIGINT")
    with pytest.raises(Cancelled):
        items[-1].open(100)
    requested.clear()
    assert content_of(items[-1])


@pytest.mark.parametrize("room", [200_000, 1_000_000])
def test_members_are_asked_for_while_the_archive_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    limits = {"MOST_KEPT": 900_000, "MOST_ASKED": 90_000, "MOST_ASKED_SEGMENTS": 2, "MOST_LISTED": room}
    readers(monkeypatch, SEGMENT=60_000, **limits)
    path, contents = big_members(tmp_path, 120)
    items: list[Source] = []

    def ask(seed: int) -> int:
        random, asked = Random(seed), 0
        while len(items) < len(contents):
            number = random.randrange(len(items) or 1)
            if items:
                assert content_of(items[number]) == contents[number]
                asked += 1
        return asked

    with ThreadPoolExecutor(4) as threads:
        counts = [threads.submit(ask, seed) for seed in range(4)]
        for item in expand_archives(names_of([path])):
            items.append(item)
            time.sleep(0.002)
    assert all(count.result() > 0 for count in counts)


def names_of(paths: list[Path]) -> Iterator[InputFile]:
    return (InputFile(str(path)) for path in paths)


def test_the_list_needs_little_memory_before_it_is_asked_for(tmp_path: Path, streams: Streams) -> None:
    paths = [big_members(tmp_path, 3)[0]] * 3
    found = expand_archives(names_of(paths))
    next(found)
    assert streams.count == 1


@pytest.mark.parametrize("suffix", ["", "gz"])
def test_outcomes_can_be_pickled_and_copied(tmp_path: Path, suffix: str) -> None:
    """Who reads the archive is not in them."""
    archive = archive_of(tmp_path, tree_of(tmp_path / "tree", 3), suffix)
    with ScriptedPeer() as peer:
        run = send_archives(archive, peer.port)
    assert len(run.outcomes) == 3
    for outcome in run.outcomes:
        for other in (pickle.loads(pickle.dumps(outcome)), copy.copy(outcome), copy.deepcopy(outcome)):
            assert other == outcome
            item, known = outcome.instance.input, other.instance.input
            assert (known.path, known.etag, known.look()) == (item.path, item.etag, item.look())
    with pytest.raises(FileUnreadable, match="another process"):
        copy.deepcopy(run.outcomes[0]).instance.input.open(16)
