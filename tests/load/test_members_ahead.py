"""Members of archives that are opened ahead of their turn: who opens them, how many, and what is told of a fault."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.errors import DataSetError
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile, OpenWatch, Source, file_source
from dcmsend.inputs.archives import ArchiveMember, SpareFiles, expand_archives
from dcmsend.load import FilesAhead, members_ahead
from support.archives import send_archives
from support.descriptors import open_descriptors
from support.fixture_files import CT_CLASS
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances, write_large

PATIENCE = 60.0
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]


def make_zip(folder: Path, count: int, size: int, method: int) -> Path:
    """Members of about ``size`` bytes."""
    with zipfile.ZipFile(folder / "in.zip", "w", method) as archive:
        for number in range(1, count + 1):
            archive.write(write_large(folder / "large", size, number), f"{number:06}.dcm")
    (folder / "large").unlink()
    return folder / "in.zip"


def spoil(path: Path, number: int) -> None:
    """Flip a bit near the end of a member."""
    with zipfile.ZipFile(path) as archive:
        info = archive.infolist()[number - 1]
    data = bytearray(path.read_bytes())
    data[info.header_offset + 30 + len(info.filename) + info.compress_size - 20] ^= 1
    path.write_bytes(data)


def instances_of(*paths: Path) -> list[Instance]:
    found = expand_archives(InputFile(str(path)) for path in paths)
    return [Instance(each, CT_CLASS, "1.2", EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY) for each in found]


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may use two processors."""
    monkeypatch.setattr(members_ahead, "processors", lambda: 2)
    monkeypatch.setattr(OpenWatch, "note", lambda _self, _seconds: False)


@pytest.fixture
def opened_by(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many members were opened by which kind of thread."""
    counts: dict[str, int] = {}
    one_at_a_time = threading.Lock()
    really_open = ArchiveMember.open

    def noted(member: ArchiveMember, head_size: int, spares: SpareFiles | None = None) -> file_source.OpenFile:
        kind = threading.current_thread().name.split("-")[0]
        with one_at_a_time:
            counts[kind] = counts.get(kind, 0) + 1
        return really_open(member, head_size, spares)

    monkeypatch.setattr(ArchiveMember, "open", noted)
    return counts


def wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("scanning", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_threads_open_all_but_the_first(
    tmp_path: Path, opened_by: dict[str, int], method: int, scanning: bool
) -> None:
    path = make_zip(tmp_path, 30, 100_000, method)
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, send_while_scanning=scanning)
    assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(number) for number in range(1, 31)]
    assert {each.result.value for each in done.outcomes} == {"stored"}
    assert sum(opened_by.values()) == 30, "each once"
    assert opened_by["open"] >= (20 if scanning else 29)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_processor_opens_them_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened_by: dict[str, int], method: int
) -> None:
    """To compute does not count as to wait."""
    monkeypatch.setattr(members_ahead, "processors", lambda: 1)
    monkeypatch.setattr(members_ahead, "_clock", time.thread_time)
    monkeypatch.setattr(OpenWatch, "note", _note_all)
    path = make_zip(tmp_path, 30, 100_000, method)
    with ScriptedPeer() as peer:
        send_archives(path, peer.port)
    assert len(peer.stores) == 30
    assert opened_by == {"MainThread": 30}


def _note_all(_watch: OpenWatch, seconds: float) -> bool:
    return seconds > 0.0001


def test_where_reading_takes_long_even_a_single_processor_reads_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened_by: dict[str, int]
) -> None:
    monkeypatch.setattr(members_ahead, "processors", lambda: 1)
    really_read = file_source.read_once

    def slow(descriptor: int, size: int, position: int) -> bytes:
        time.sleep(0.002)
        return really_read(descriptor, size, position)

    path = make_zip(tmp_path, 60, 1000, zipfile.ZIP_STORED)
    monkeypatch.setattr(file_source, "read_once", slow)
    with ScriptedPeer() as peer:
        send_archives(path, peer.port)
    assert len(peer.stores) == 60
    assert opened_by["open"] >= 30


@pytest.mark.usefixtures("several")
def test_members_that_cost_nothing_are_opened_when_they_are_sent(tmp_path: Path, opened_by: dict[str, int]) -> None:
    small = make_zip(tmp_path, 30, 5_000, zipfile.ZIP_DEFLATED)
    with ScriptedPeer() as peer:
        send_archives(small, peer.port)
    assert opened_by == {"MainThread": 30}


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(("most_bytes", "ahead"), [(64 << 20, 8), (350_000, 3), (100_500, 1), (99_000, 0)])
def test_so_many_members_and_bytes_are_open_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int, ahead: int
) -> None:
    """A member that is larger than all may be together is opened when it is sent."""
    monkeypatch.setattr(members_ahead, "MOST_BYTES", most_bytes)
    instances = instances_of(make_zip(tmp_path, 40, 100_000, zipfile.ZIP_DEFLATED))
    before = open_descriptors()
    files = FilesAhead(instances)
    for index in [*range(20), *range(10, 15), *range(22, 40, 3)]:  # some are sent twice, some never
        file = files.open(index, instances[index])
        assert file.source().read_at(0, file.size) == _content(instances[index].input)
        file.close()
        assert files._members is not None
        ordered = files._members._ordered
        assert sum(number > index for number in ordered) <= ahead
        assert sum(each.size for each in ordered.values()) <= most_bytes
        if index < 15:
            assert len(ordered) == ahead
    files.close()
    wait_for(lambda: open_descriptors() <= before)


def _content(member: Source) -> bytes:
    file = member.open(0)
    try:
        return file.source().read_at(0, file.size)
    finally:
        file.close()


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_member_is_told_in_its_place_and_costs_no_association(
    tmp_path: Path, method: int, parallel: int
) -> None:
    """On the thread that sends, the damage of a large stored member is only found when most of it was sent."""
    path = make_zip(tmp_path, 12, 1_500_000, method)
    spoil(path, 6)
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, transfer=_parallel(parallel))
    assert [each.index for each in done.outcomes] == list(range(1, 13))
    assert [each.result.value for each in done.outcomes] == ["stored"] * 5 + ["failed"] + ["stored"] * 6
    assert "damaged" in done.outcomes[5].message
    assert len(peer.connections) <= parallel
    assert len(peer.stores) == 11


def _parallel(count: int) -> object:
    from dcmsend import TransferOptions

    return TransferOptions(parallel_associations=count, halt_on_failure=False)


@pytest.mark.usefixtures("several")
def test_the_error_is_raised_when_the_member_is_asked_for(tmp_path: Path) -> None:
    path = make_zip(tmp_path, 5, 100_000, zipfile.ZIP_STORED)
    spoil(path, 4)
    instances = instances_of(path)
    before = open_descriptors()
    files = FilesAhead(instances)
    for index in (0, 1, 2):
        files.open(index, instances[index]).close()
    with pytest.raises(DataSetError, match="its CRC-32 is wrong"):
        files.open(3, instances[3])
    last = files.open(4, instances[4])
    assert last.crc is None, "it was compared"
    last.close()
    files.close()
    wait_for(lambda: open_descriptors() <= before)


@pytest.mark.usefixtures("several")
def test_files_between_members_are_opened_as_ever(tmp_path: Path, opened_by: dict[str, int]) -> None:
    path = make_zip(tmp_path, 20, 100_000, zipfile.ZIP_DEFLATED)
    made = write_instances(tmp_path / "files", 40)
    with ScriptedPeer() as peer:
        done = send_archives([*made[:20], path, *made[20:]], peer.port)
    assert len(done.outcomes) == len(peer.stores) == 60
    assert opened_by == {"MainThread": 1, "open": 19}


def test_a_spare_file_is_used_again() -> None:
    spares, before = SpareFiles(), open_descriptors()
    first = spares.take(100)
    os.write(first, b"an old content")
    spares.give(first)
    assert spares.take(100) == first
    os.write(first, b"new")
    assert os.pread(first, 3, 0) == b"new"
    second = spares.take(100)
    assert second != first
    for descriptor in (first, second):
        spares.give(descriptor)
    spares.close()
    assert open_descriptors() <= before
    spares.give(spares.take(100))
    assert open_descriptors() <= before, "nothing is kept any more"


@pytest.mark.parametrize("lends", [False, True])
def test_what_was_lent_to_the_system_is_not_written_to_again(
    tmp_path: Path, several: None, monkeypatch: pytest.MonkeyPatch, lends: bool
) -> None:
    """With sendfile the system may send pages of a file after it was closed."""
    monkeypatch.setattr(members_ahead, "MOST_MEMBERS", 1)  # so that a member is opened after another was closed
    instances = instances_of(make_zip(tmp_path, 6, 300_000, zipfile.ZIP_DEFLATED))
    files = FilesAhead(instances, lends=lends)
    pages = []
    try:
        for index, instance in enumerate(instances):
            file = files.open(index, instance)
            content = os.pread(file.descriptor, file.size, 0)
            pages.append((os.dup(file.descriptor), content))
            file.close()
        changed = [os.pread(descriptor, len(content), 0) != content for descriptor, content in pages]
    finally:
        files.close()
        for descriptor, _ in pages:
            os.close(descriptor)
    assert any(changed) is not lends


def test_no_more_than_a_few_spare_files_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    spares, before = SpareFiles(), open_descriptors()
    taken = [spares.take(100) for _ in range(20)]
    for descriptor in taken:
        os.write(descriptor, bytes(100))
        spares.give(descriptor)
    assert len(open_descriptors() - before) == 8
    large = spares.take(9 << 20)
    os.truncate(large, 9 << 20)
    spares.give(large)
    assert len(open_descriptors() - before) == 8
    spares.close()
    assert open_descriptors() <= before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_does_not_write_into_the_spare_files_of_its_parent() -> None:
    spares = SpareFiles()
    kept = spares.take(100)
    os.write(kept, b"parent")
    spares.give(kept)
    child = os.fork()
    if not child:
        try:
            os.write(spares.take(100), b"child!")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.pread(kept, 6, 0) == b"parent"
    spares.close()
