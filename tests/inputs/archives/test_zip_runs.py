"""Runs over zip archives: the same instances arrive as from the unpacked tree, once, whatever the way to send."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcmsend import (
    IndexOptions,
    InputOptions,
    JournalOptions,
    KeepTogether,
    Peer,
    ReadMode,
    Reason,
    Shard,
    TransferOptions,
    send,
)
from dcmsend.dicom.sop_class import MEDIA_STORAGE_DIRECTORY
from dcmsend.inputs.archives import zip_archive
from support.archives import ARCHIVES, send_archives
from support.corpus import DATA
from support.fixture_files import EI, explicit_element, meta_header
from support.part10 import data_set_digest
from support.peers import storescp
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

REAL = [
    DATA / "pydicom" / name for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "image_dfl.dcm")
    if (DATA / "pydicom" / name).is_file()
]  # fmt: skip


def make_zip(tree: Path, path: Path, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for file in sorted(tree.rglob("*")):
            archive.write(file, file.relative_to(tree))
    return path


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_data_sets_arrive_byte_for_byte(tmp_path: Path, method: int) -> None:
    tree = tmp_path / "tree"
    write_instances(tree / "sub", 5)
    for file in REAL:
        shutil.copy(file, tree)
    path = make_zip(tree, tmp_path / "in.zip", method)
    arrived = []
    for number, (source, inputs) in enumerate(((tree, InputOptions(True, True)), (path, ARCHIVES))):
        with storescp(tmp_path, "+B", "+xa", received=f"received{number}") as peer:
            done = send_archives(source, peer.port, inputs=inputs)
        assert {each.result.value for each in done.outcomes} == {"stored"}
        assert not done.rejected
        arrived.append(sorted(data_set_digest(file) for file in peer.directory.iterdir()))
    assert arrived[0] == arrived[1]
    assert len(arrived[0]) == 5 + len(REAL) > 6


WAYS: dict[str, dict[str, Any]] = {
    "listed": {},
    "while scanning": {"send_while_scanning": True},
    "parallel": {"transfer": TransferOptions(parallel_associations=3, halt_on_failure=False)},
    "parallel while scanning": {
        "send_while_scanning": True, "transfer": TransferOptions(parallel_associations=3, halt_on_failure=False)
    },
    "by directory": {
        "index": IndexOptions(keep_together=KeepTogether.DIRECTORY, halt_on_invalid=False),
        "transfer": TransferOptions(parallel_associations=2, halt_on_failure=False),
    },
    "by series": {
        "index": IndexOptions(keep_together=KeepTogether.SERIES, halt_on_invalid=False),
        "transfer": TransferOptions(parallel_associations=2, halt_on_failure=False),
    },
    "or data set": {"index": IndexOptions(read_mode=ReadMode.FILE_OR_DATA_SET, halt_on_invalid=False)},
}  # fmt: skip


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("way", WAYS)
def test_every_member_once(tmp_path: Path, way: str, method: int) -> None:
    write_instances(tmp_path / "one" / "a", 60)
    write_instances(tmp_path / "two", 60, first=61)
    folder = tmp_path / "in"
    folder.mkdir()
    make_zip(tmp_path / "one", folder / "one.zip", method)
    make_zip(tmp_path / "two", folder / "two.ZIP", method)
    write_instances(folder, 10, first=121)
    with ScriptedPeer() as peer:
        done = send_archives(folder, peer.port, **WAYS[way])
    assert sorted(done.results.values()) == ["stored"] * 130
    uids = [store.sop_instance_uid for store in peer.stores]
    assert sorted(map(str, uids)) == sorted(instance_uid(number) for number in range(1, 131))


def test_bare_data_sets_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for file in write_instances(tmp_path / "whole", 3):
        content = file.read_bytes()
        (tmp_path / "tree" / file.name).write_bytes(content[content.index(b"\x08\0\x16\0") :])
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", zipfile.ZIP_DEFLATED)
    for mode in (ReadMode.FILE_OR_DATA_SET, ReadMode.DATA_SET_ONLY):
        with ScriptedPeer() as peer:
            done = send_archives(path, peer.port, index=IndexOptions(read_mode=mode, halt_on_invalid=False))
        assert list(done.results.values()) == ["stored"] * 3


def count_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each member that is opened from now on."""
    opened: list[str] = []

    def noted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(content: Any, size: int, *more: Any) -> Any:
            opened.append(content.etag)
            return method(content, size, *more)

        return call

    for name in ("beginning", "open"):
        monkeypatch.setattr(zip_archive._ZipContent, name, noted(getattr(zip_archive._ZipContent, name)))
    return opened


@pytest.mark.parametrize("scanning", [False, True])
def test_a_second_run_opens_no_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scanning: bool) -> None:
    write_instances(tmp_path / "tree" / "d", 20)
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", zipfile.ZIP_DEFLATED)
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    options: dict[str, Any] = {"journal": journal, "send_while_scanning": scanning}
    with ScriptedPeer() as peer:
        assert len(send_archives(path, peer.port, **options).outcomes) == 20
        opened = count_opened(monkeypatch)
        again = send_archives(path, peer.port, **options)
        assert (len(again.outcomes), again.already_stored, opened) == (0, 20, [])
        os.utime(path, (1, 1))  # written again: sent again
        assert len(send_archives(path, peer.port, **options).outcomes) == 20
        assert opened


def test_a_member_that_was_exchanged_is_sent_again(tmp_path: Path) -> None:
    """Size and time of the archive are as before: the checksum tells."""
    first, second = (file.read_bytes() for file in write_instances(tmp_path / "made", 2))
    path = tmp_path / "in.zip"
    journal = JournalOptions(str(tmp_path / "journal"), resume=True)
    with ScriptedPeer() as peer:
        for content in (first, second):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("a", content)
            os.utime(path, (1, 1))
            assert len(send_archives(path, peer.port, journal=journal).outcomes) == 1
    assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(1), instance_uid(2)]


def test_a_journal_that_looks_like_an_archive_is_left_alone(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    journal = JournalOptions(str(tmp_path / "in" / "journal.zip"), resume=True)
    with ScriptedPeer() as peer:
        for sent in (3, 0):
            done = send_archives([tmp_path / "in", tmp_path / "in" / "journal.zip"], peer.port, journal=journal)
            assert (len(done.outcomes), done.rejected) == (sent, [])


def test_a_shard_takes_whole_archives(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        write_instances(tmp_path / str(number), 4, first=4 * number + 1)
        make_zip(tmp_path / str(number), folder / f"{number}.zip", zipfile.ZIP_STORED)
    with ScriptedPeer() as peer:
        shares = []
        for number in (1, 2):
            inputs = InputOptions(True, True, shard=Shard(number, 2), archives=True)
            done = send_archives(folder, peer.port, inputs=inputs)
            shares.append({each.instance.input.path.split("!/")[0] for each in done.outcomes})
    assert len(peer.stores) == 24
    assert all(shares)
    assert not shares[0] & shares[1]


def test_a_dicomdir_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    write_instances(tmp_path / "tree", 2)
    (tmp_path / "tree" / "DICOMDIR").write_bytes(meta_header(MEDIA_STORAGE_DIRECTORY, "1.2.3", EI) + bytes(16))
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", zipfile.ZIP_STORED)
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, index=IndexOptions(expand_dicomdir=True, halt_on_invalid=False))
    assert "a DICOMDIR in an archive is not followed" in done.results.pop("DICOMDIR")
    assert list(done.results.values())[:2] == ["stored"] * 2


def test_a_dicomdir_in_an_archive_ends_a_run_that_is_told_how_to_go_on(dcmsend: str, tmp_path: Path) -> None:
    """Nothing is wrong with it, and it can be left out."""
    write_instances(tmp_path / "tree", 2)
    (tmp_path / "tree" / "DICOMDIR").write_bytes(meta_header(MEDIA_STORAGE_DIRECTORY, "1.2.3", EI) + bytes(16))
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", zipfile.ZIP_STORED)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--archives", "+rd", "127.0.0.1", peer.port, path)
        assert done.exit_code == 22
        assert "cannot be read" not in done.stderr
        assert "--exclude '**/DICOMDIR', leaves it out, and its images are sent as they lie there" in done.stderr
        done = run(dcmsend, "--archives", "+rd", "--exclude", "**/DICOMDIR", "127.0.0.1", peer.port, path)
        assert (done.exit_code, len(peer.stores)) == (0, 2)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("what", ["changed", "replaced", "deleted"])
def test_an_archive_that_changes_during_the_run(tmp_path: Path, what: str, method: int) -> None:
    """After the first outcome: each member still ends in one outcome, and none counts as sent that may be torn."""
    write_instances(tmp_path / "tree", 50)
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", method)
    outcomes = []
    with ScriptedPeer() as peer:
        for outcome in send(path, Peer("127.0.0.1", peer.port), inputs=ARCHIVES):
            if not outcomes:
                if what == "changed":
                    os.utime(path, (1, 1))
                elif what == "replaced":
                    shutil.copy2(path, tmp_path / "other")
                    os.replace(tmp_path / "other", path)
                else:
                    path.unlink()
            outcomes.append(outcome)
    assert len(outcomes) == 50
    reasons = {outcome.reason for outcome in outcomes[3:]}
    assert reasons == {Reason.FILE_UNREADABLE if what == "deleted" else Reason.FILE_CHANGED}


def test_a_file_with_the_path_of_a_member_is_another_input(tmp_path: Path) -> None:
    """A directory may be called ``in.zip!``, and the scan keeps its file open, which the member must not get."""
    folder = tmp_path / "in"
    write_instances(folder / "in.zip!", 1)
    write_instances(tmp_path / "tree", 1)
    (tmp_path / "tree" / "000001.dcm").write_bytes(write_instances(tmp_path / "other", 2)[1].read_bytes())
    make_zip(tmp_path / "tree", folder / "in.zip", zipfile.ZIP_STORED)
    with ScriptedPeer() as peer:
        done = send_archives(folder, peer.port)
    assert len({each.instance.input.path for each in done.outcomes}) == 1
    assert sorted(str(store.sop_instance_uid) for store in peer.stores) == [instance_uid(1), instance_uid(2)]


def test_a_series_uid_far_behind_the_beginning(tmp_path: Path) -> None:
    """Groups need it at the scan, and the first read of a member does not reach it."""
    (tmp_path / "tree").mkdir()
    for number, file in enumerate(write_instances(tmp_path / "made", 6)):
        note = explicit_element(0x0010, 0x4000, "LT", b"x" * 40_000)
        series = explicit_element(0x0020, 0x000E, "UI", b"1.2.%d" % (number % 2), pad=b"\0")
        (tmp_path / "tree" / file.name).write_bytes(file.read_bytes() + note + series)
    path = make_zip(tmp_path / "tree", tmp_path / "in.zip", zipfile.ZIP_DEFLATED)
    with ScriptedPeer() as peer:
        done = send_archives(path, peer.port, **WAYS["by series"])
    assert list(done.results.values()) == ["stored"] * 6
    groups = {str(each.instance.sop_instance_uid): each.instance.group for each in done.outcomes}
    assert {groups[instance_uid(number)] for number in (1, 3, 5)} == {"1.2.0"}
    assert {groups[instance_uid(number)] for number in (2, 4, 6)} == {"1.2.1"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_that_is_taken_for_a_file(tmp_path: Path, kind: str) -> None:
    """DCMTK's message stays; below it stands what can be done."""
    write_instances(tmp_path / "in", 1)
    archive = shutil.make_archive(str(tmp_path / "a"), kind, tmp_path / "in")
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "127.0.0.1", peer.port, archive)
        assert done.exit_code == 22
        message, hint = done.stderr.splitlines()[-2:]
        assert message == f"F: bad DICOM file: {archive}: File meta information header missing"
        assert "--archives" in hint
        assert "+f " not in hint
        assert run(installed_dcmsend(), "--archives", "127.0.0.1", peer.port, archive).exit_code == 0
    assert len(peer.stores) == 1
