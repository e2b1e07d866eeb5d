"""``--archives``: members of archives are sent like files, at the command line."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances


def write_archives(folder: Path, tree: Path) -> Path:
    """A zip with the first three files, a compressed tar with the next three, and one file beside them."""
    files = sorted(tree.iterdir())
    folder.mkdir()
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files[:3]:
            archive.write(path, f"study/{path.name}")
    with tarfile.open(folder / "b.tar.gz", "w:gz") as tar:
        for path in files[3:6]:
            tar.add(path, f"study/{path.name}")
    (folder / files[6].name).write_bytes(files[6].read_bytes())
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_instances(tmp_path / "tree", 7)
    return write_archives(tmp_path / "in", tmp_path / "tree")


def test_members_of_archives_are_sent(dcmsend: str, folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--archives", "+sd", "--report-json", report, "127.0.0.1", peer.port, folder)
    assert done.exit_code == 0, done.stderr
    assert {store.sop_instance_uid for store in peer.stores} == {instance_uid(number) for number in range(1, 8)}
    paths = {row["path"].removeprefix(str(folder)) for row in json.loads(report.read_text())["instances"]}
    assert {path.partition("!/")[0] for path in paths} == {"/a.zip", "/b.tar.gz", "/000007.dcm"}


def test_without_the_option_an_archive_is_no_dicom_file(dcmsend: str, folder: Path) -> None:
    with ScriptedPeer() as peer:
        done = run(dcmsend, "-nh", "+sd", "127.0.0.1", peer.port, folder)
    assert len(peer.stores) == 1
    assert sum("bad DICOM file" in line for line in done.stderr.splitlines()) == 2


def test_several_nights_over_archives(dcmsend: str, folder: Path, tmp_path: Path) -> None:
    """Nothing is sent twice; an archive that was written again is sent again."""
    words = ["--archives", "+sd", "--journal", tmp_path / "journal", "--resume"]
    with ScriptedPeer() as peer:
        assert run(dcmsend, *words, "127.0.0.1", peer.port, folder).exit_code == 0
        assert run(dcmsend, *words, "127.0.0.1", peer.port, folder).exit_code == 0
        assert len(peer.stores) == 7
        with zipfile.ZipFile(folder / "a.zip", "a") as archive:
            archive.writestr("more", b"no image")
        done = run(dcmsend, *words, "127.0.0.1", peer.port, folder)
    assert len(peer.stores) == 10
    assert "a.zip!/more" in done.stderr


def test_a_preview_counts_the_members(dcmsend: str, folder: Path) -> None:
    done = run(dcmsend, "--dry-run", "--archives", "+sd", "127.0.0.1", "104", folder)
    assert done.exit_code == 0
    assert "7 SOP instances to be sent" in done.stdout


def test_an_archive_that_is_cut(dcmsend: str, folder: Path) -> None:
    """What is whole is sent; one line names the archive and the reason, and the exit code is that of a bad input."""
    path = folder / "b.tar"
    with tarfile.open(path, "w") as tar:
        for file in sorted((folder.parent / "tree").iterdir())[3:6]:
            tar.add(file, file.name)
    with tarfile.open(path) as tar:
        third = tar.getmembers()[2]
    path.write_bytes(path.read_bytes()[: third.offset_data + 100])
    (folder / "b.tar.gz").unlink()
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--archives", "-nh", "+sd", "127.0.0.1", peer.port, folder)
        (line,) = [line for line in done.stderr.splitlines() if f"{path}: " in line]
        assert "cannot add DICOM file to the transfer list" in line
        assert len(peer.stores) == 6
        done = run(dcmsend, "--archives", "+sd", "127.0.0.1", peer.port, folder)
    assert (done.exit_code, len(peer.stores)) == (22, 6)


def test_what_cannot_be_meant(dcmsend: str) -> None:
    words = ["--archives", "--journal", "j", "--move-sent", "d", "+sd", "127.0.0.1", "104", "x"]
    done = run(dcmsend, *words)
    assert done.exit_code == 1
    assert "error: --move-sent not allowed with --archives" in done.stderr


def test_shards_go_by_the_archive(dcmsend: str, folder: Path) -> None:
    """Every member is sent by one of them, and all members of an archive by the same."""
    sent: list[set[str]] = []
    for number in (1, 2):
        with ScriptedPeer() as peer:
            run(dcmsend, "--archives", "--shard", f"{number}/2", "+sd", "127.0.0.1", peer.port, folder)
        sent.append({store.sop_instance_uid for store in peer.stores})
    assert sent[0] | sent[1] == {instance_uid(number) for number in range(1, 8)}
    assert not sent[0] & sent[1]
    for archive in (range(1, 4), range(4, 7)):
        uids = {instance_uid(number) for number in archive}
        assert any(uids <= each for each in sent)
