"""Moving files away when they are stored."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dcmsend import JournalOptions, Peer, Result, StoreOutcome
from dcmsend import send as library_send
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.index import Instance, ReadMode
from dcmsend.inputs import InputFile
from dcmsend.interrupt import Interrupt
from dcmsend.journal import Journal, MovingJournal, mover, sent_directory
from dcmsend.journal import move_file as module
from dcmsend.journal.move_file import NotMoved, move_file
from dcmsend.journal.mover import Mover
from support.corpus import DATA
from support.fixture_files import CT_CLASS, EI
from support.peer_script import Respond, Script
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances
from support.unnumbered import unnumbered_files

from .move_ways import WAYS, go_the_way, other_file_system
from .runs import outcomes, run_with_journal, send


def names(folder: Path) -> list[str]:
    """Files below a folder, by their names below it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_files_that_are_named_keep_their_base_name(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path / "a" / "b", 1)
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "--journal", tmp_path / "journal", "--move-sent", "sent", "127.0.0.1", peer.port,
            path, cwd=tmp_path,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert names(tmp_path / "sent") == [path.name]
    assert not path.exists()


def test_a_name_that_is_taken(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 2)
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "000001.dcm").write_bytes(b"mine")
    with ScriptedPeer() as peer:
        done, sent = send(tmp_path, peer, "--move-sent", tmp_path / "sent")
        (line,) = done.lines("W")
        assert line == (
            f"sent file is not moved to '{tmp_path}/sent/000001.dcm': {tmp_path}/in/000001.dcm: the name is taken"
        )
        assert (done.exit_code, len(sent)) == (0, 2)
        again, nothing = send(tmp_path, peer, "--resume", "--move-sent", tmp_path / "sent")
        assert (again.exit_code, nothing, again.lines("W")) == (0, [], [line])
    assert (tmp_path / "sent" / "000001.dcm").read_bytes() == b"mine"
    assert names(tmp_path / "in") == ["000001.dcm"]


def test_what_an_earlier_run_has_left(tmp_path: Path) -> None:
    """Also what was stored without the option; but nothing that the peer took with a warning."""
    write_instances(tmp_path / "in" / "deep", 4)
    with ScriptedPeer(Script(stores={2: Respond(0xB007)}, other_stores=Respond(0))) as peer:
        send(tmp_path, peer)
        warned = {name for name, row in outcomes(tmp_path / "journal").items() if row[1] == 0xB007}
        done, sent = send(tmp_path, peer, "--resume", "--move-sent", tmp_path / "sent")
    assert (done.exit_code, sent) == (0, [])
    assert names(tmp_path / "in") == [f"deep/{name}" for name in warned]
    assert len(names(tmp_path / "sent")) == 3


def test_the_directory_may_lie_where_is_searched(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    options = ("--resume", "--move-sent", tmp_path / "in" / "sent", "--send-while-scanning")
    with ScriptedPeer() as peer:
        assert len(send(tmp_path, peer, *options)[1]) == 3
        write_instances(tmp_path / "in", 1, first=4)
        dry, nothing = send(tmp_path, peer, *options, "--dry-run")
        assert ("1 SOP instances to be sent" in dry.stdout, nothing) == (True, [])
        done, sent = send(tmp_path, peer, *options)
    assert (done.exit_code, len(sent)) == (0, 1)
    assert names(tmp_path / "in") == [f"sent/00000{number}.dcm" for number in (1, 2, 3, 4)]
    assert done.lines("W") == [
        f"ignoring files in the directory to which sent files are moved: {tmp_path}/in/sent"
    ]
    assert run_with_journal(tmp_path, peer.port, *options).exit_code == 21, "there is nothing more to be sent"


def test_the_files_of_a_dicomdir_stay(tmp_path: Path) -> None:
    shutil.copytree(DATA / "fileset", tmp_path / "in")
    before = names(tmp_path / "in")
    options = ("--journal", tmp_path / "journal", "--resume", "--move-sent", tmp_path / "sent", "+rd", "127.0.0.1")
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), *options, peer.port, tmp_path / "in" / "DICOMDIR")
        assert done.exit_code == 0, done.stderr
        count = len(peer.stores)
        assert count == len(outcomes(tmp_path / "journal")) > 1
        done = run(installed_dcmsend(), *options, peer.port, tmp_path / "in" / "DICOMDIR")
        assert (done.exit_code, len(peer.stores)) == (0, count), "what is stored is not sent again"
        victim = next(path for path in (tmp_path / "in").rglob("*") if path.name in outcomes(tmp_path / "journal"))
        os.utime(victim, ns=(5, 5))
        done = run(installed_dcmsend(), *options, peer.port, tmp_path / "in" / "DICOMDIR")
        assert (done.exit_code, len(peer.stores)) == (0, count + 1)
    assert names(tmp_path / "in") == before
    assert names(tmp_path / "sent") == []


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    (tmp_path / "file").write_text("")
    done = run_with_journal(tmp_path, 104, "--move-sent", tmp_path / "file" / "sent")
    assert done.exit_code == 104
    assert done.lines("F")[:1] == [
        f"cannot use journal '{tmp_path}/journal': files cannot be moved to '{tmp_path}/file/sent': Not a directory"
    ]


def test_the_commit_comes_first(tmp_path: Path) -> None:
    """While somebody else keeps the journal from being written nothing is moved; then it is."""
    write_instances(tmp_path / "in", 5)
    with ScriptedPeer() as peer:
        send(tmp_path, peer)
        for path in (tmp_path / "in").iterdir():
            os.utime(path)
        blocker = sqlite3.connect(tmp_path / "journal", isolation_level=None)
        moved: list[str] = []
        transfer = library_send(
            tmp_path / "in", Peer("127.0.0.1", peer.port),
            journal=JournalOptions(str(tmp_path / "journal"), resume=True, move_sent=str(tmp_path / "sent")),
        )  # fmt: skip
        outcomes_seen = []
        for outcome in transfer:
            if not outcomes_seen:
                blocker.execute("BEGIN IMMEDIATE")
            outcomes_seen.append(outcome)
            if len(outcomes_seen) == 5:
                time.sleep(0.6)  # time enough to move them all
                moved = names(tmp_path / "sent")
                blocker.execute("COMMIT")
        blocker.close()
    assert len(moved) <= 1, "only what was committed before the journal was blocked"
    assert len(names(tmp_path / "sent")) == 5


@pytest.fixture(params=WAYS)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files are moved to."""
    go_the_way(request.param, monkeypatch)
    return tmp_path / "target"


def stamp_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def test_move(tmp_path: Path, place: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"content" * 300_000)
    source.chmod(0o640)
    os.utime(source, ns=(10**18 + 7, 10**18 + 7))
    stamp = stamp_of(source)
    move_file(str(source), str(place / "a" / "x"), stamp)
    assert not source.exists()
    assert (place / "a" / "x").read_bytes() == b"content" * 300_000
    assert stamp_of(place / "a" / "x") == stamp
    assert (place / "a" / "x").stat().st_mode & 0o777 == 0o640
    assert names(place) == ["a/x"]


def test_nothing_is_overwritten(tmp_path: Path, place: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"one")
    place.mkdir()
    (place / "x").write_bytes(b"two")
    with pytest.raises(NotMoved, match="taken"):
        move_file(str(source), str(place / "x"), stamp_of(source))
    assert (source.read_bytes(), (place / "x").read_bytes()) == (b"one", b"two")
    assert names(place) == ["x"]


def test_what_was_interrupted_is_completed(tmp_path: Path, place: Path) -> None:
    """Between the new name, or the complete copy, and the removal of the old name."""
    source = tmp_path / "x"
    source.write_bytes(b"one")
    place.mkdir()
    shutil.copy2(source, place / "x")
    move_file(str(source), str(place / "x"), stamp_of(source))
    assert not source.exists()
    assert (place / "x").read_bytes() == b"one"


@pytest.mark.parametrize("is_told", [True, False], ids=["the system tells", "the system does not know"])
def test_the_same_directory_by_another_way(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    """It may be mounted twice, and be one of a server: to remove the old name would remove the file."""
    source = tmp_path / "x"
    source.write_bytes(b"one")
    place.symlink_to(tmp_path)
    if not is_told:
        monkeypatch.setattr(module.os.path, "samestat", lambda one, other: False)
    with pytest.raises(NotMoved, match="there already"):
        move_file(str(source), str(place / "x"), stamp_of(source))
    assert source.read_bytes() == b"one"
    assert sorted(os.listdir(tmp_path)) == ["target", "x"]


def test_a_directory_that_is_really_mounted_twice(tmp_path: Path) -> None:
    (tmp_path / "sent").mkdir()
    write_instances(tmp_path / "in", 3)
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    mount = ["unshare", "-m", "sh", "-c", script, str(tmp_path / "in"), str(tmp_path / "sent")]
    if shutil.which("unshare") is None or run(*mount, "true").exit_code:
        pytest.skip("PEER MISSING: a directory mounted twice: needs root")
    with ScriptedPeer() as peer:
        done = run(
            *mount, installed_dcmsend(), "--journal", tmp_path / "journal", "--move-sent", tmp_path / "sent",
            "+sd", "127.0.0.1", peer.port, tmp_path / "in",
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert [line.rpartition(": ")[2] for line in done.lines("W")] == ["it is there already"] * 3
    assert names(tmp_path / "in") == ["000001.dcm", "000002.dcm", "000003.dcm"]


def test_the_longest_names_to_another_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy needs a name of its own for a while."""
    go_the_way("another file system", monkeypatch)
    source = tmp_path / ("\u00e9\u20ac" * 51)
    source.write_bytes(b"one")
    move_file(str(source), str(tmp_path / "sent" / source.name), stamp_of(source))
    assert names(tmp_path) == [f"sent/{source.name}"]


def test_a_file_that_has_changed_stays(tmp_path: Path, place: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"one")
    size, mtime = stamp_of(source)
    with pytest.raises(NotMoved, match="changed"):
        move_file(str(source), str(place / "x"), (size, mtime - 1))
    assert source.exists()


def test_a_link_stays(tmp_path: Path, place: Path) -> None:
    (tmp_path / "real").write_bytes(b"one")
    (tmp_path / "x").symlink_to("real")
    with pytest.raises(NotMoved, match="link"):
        move_file(str(tmp_path / "x"), str(place / "x"), stamp_of(tmp_path / "real"))
    assert (tmp_path / "x").is_symlink()


def test_a_real_other_file_system(tmp_path: Path) -> None:
    write_instances(tmp_path / "in" / "a", 3)
    with other_file_system(tmp_path) as target:
        with ScriptedPeer() as peer:
            done, sent = send(tmp_path, peer, "--move-sent", target)
        assert (done.exit_code, len(sent)) == (0, 3)
        assert names(target) == ["a/000001.dcm", "a/000002.dcm", "a/000003.dcm"]
        assert names(tmp_path / "in") == []


def test_files_with_the_same_bytes_are_all_kept(tmp_path: Path) -> None:
    """Named one by one they get the same new name."""
    (first,) = write_instances(tmp_path / "a", 1)
    (second,) = write_instances(tmp_path / "b", 1)
    (tmp_path / "c").mkdir()
    third = tmp_path / "c" / first.name
    os.link(first, third)  # the same file once more
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "--journal", tmp_path / "journal", "--move-sent", tmp_path / "sent", "127.0.0.1",
            peer.port, first, second, third,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert names(tmp_path / "sent") == ["000001-2.dcm", "000001-3.dcm", "000001.dcm"]
    start = f"sent file is moved to '{tmp_path}/sent/000001"
    end = f"'{tmp_path}/sent/000001.dcm' has the same bytes"
    assert done.lines("W") == [f"{start}-2.dcm', {end}: {second}", f"{start}-3.dcm', {end}: {third}"]
    assert not [path for path in (first, second, third) if path.exists()]


def test_the_same_bytes_in_every_way(tmp_path: Path, place: Path) -> None:
    for number in (1, 2, 3):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "x.dcm").write_bytes(b"one")
        move_file(str(folder / "x.dcm"), str(place / "x.dcm"), stamp_of(folder / "x.dcm"))
    assert names(place) == ["x-2.dcm", "x-3.dcm", "x.dcm"]
    assert names(tmp_path) == [f"target/{name}" for name in names(place)]


@pytest.mark.parametrize("name", ["x" * 251 + ".dcm", "\u20ac" * 83 + ".dcm", os.fsdecode(b"\xff\xfe" * 125 + b".dcm")])
def test_the_longest_names(tmp_path: Path, place: Path, name: str) -> None:
    """Names for a while, and further names, are made of them; a name may be no text."""
    source = tmp_path / name
    for _ in range(2):
        source.write_bytes(b"one")
        move_file(str(source), str(place / name), stamp_of(source))
    assert len(names(place)) == 2
    assert name in names(place)
    assert [path.suffix for path in place.iterdir()] == [".dcm", ".dcm"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"one")
    source.chmod(0o640)
    os.chown(source, 12345, 23456)
    with other_file_system(tmp_path) as target:
        move_file(str(source), str(target / "x"), stamp_of(source))
        status = (target / "x").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12345, 23456, 0o640)


def test_the_disk_is_full_while_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_the_way("another file system", monkeypatch)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    source = tmp_path / "x"
    source.write_bytes(b"one")
    with pytest.raises(OSError, match="No space"):
        move_file(str(source), str(tmp_path / "target" / "x"), stamp_of(source))
    assert names(tmp_path) == ["x"]


def test_the_directory_is_replaced(tmp_path: Path) -> None:
    """By a link to another place, while files are sent: they do not follow it."""
    write_instances(tmp_path / "in", 2)
    sent, other = tmp_path / "sent", tmp_path / "other"
    other.mkdir()
    with ScriptedPeer() as peer:
        transfer = library_send(
            tmp_path / "in", Peer("127.0.0.1", peer.port),
            journal=JournalOptions(str(tmp_path / "journal"), move_sent=str(sent)),
        )  # fmt: skip
        for outcome in transfer:
            if outcome.index == 1:
                sent.rename(tmp_path / "old")
                sent.symlink_to(other)
    assert names(other) == []
    assert len(names(tmp_path / "in")) + len(names(tmp_path / "old")) == 2


@pytest.mark.parametrize("options", [(), ("--send-while-scanning",)], ids=["list first", "while scanning"])
@pytest.mark.parametrize("is_first", [True, False], ids=["DICOMDIR first", "DICOMDIR last"])
def test_a_dicomdir_and_its_directory(tmp_path: Path, options: tuple[str, ...], is_first: bool) -> None:
    """What a DICOMDIR refers to stays, also a file of a record that cannot be sent; what lies beside it goes."""
    shutil.copytree(DATA / "fileset", tmp_path / "in")
    before = names(tmp_path / "in")
    write_instances(tmp_path / "in", 2)
    inputs = [tmp_path / "in", tmp_path / "in" / "DICOMDIR"]
    with ScriptedPeer() as peer:
        for _ in range(2):  # what the first run has stored the second one would move first
            done = run(
                installed_dcmsend(), "--journal", tmp_path / "journal", "--resume", "--move-sent", tmp_path / "sent",
                "+sd", "+r", "+rd", *options, "127.0.0.1", peer.port, *(reversed(inputs) if is_first else inputs),
            )  # fmt: skip
            assert done.exit_code == 0, done.stderr
            assert names(tmp_path / "in") == before
            assert names(tmp_path / "sent") == ["000001.dcm", "000002.dcm"]


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        ([("--include", "cd1/**")], "whole"),
        ([("--exclude", "77654033/**")], "whole"),
        ([("--send-while-scanning", "--exclude", "77654033/**")], "whole"),
        ([("--shard", "1/2"), ("--shard", "2/2")], "whole"),
        ([("--shard", "1/2"), ("--shard", "2/2")], "other case"),
        ([("--min-age", "600")], "young"),
        ([("-nh",)], "broken off"),
        ([("-nh",)], "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[0]),
)
def test_what_is_left_out_of_a_dicomdir_stays(tmp_path: Path, runs: list[tuple[str, ...]], state: str) -> None:
    """By its directory a file has another name than by the DICOMDIR, and is taken; or nobody knows what it says."""
    medium = tmp_path / "in" / "cd1"
    shutil.copytree(DATA / "fileset", medium)
    for path in medium.glob("DICOMDIR-*"):
        path.unlink()
    if state == "other case":
        for folder in sorted(path for path in medium.rglob("CR*") if path.is_dir()):
            folder.rename(folder.with_name(folder.name.lower()))
    before = names(medium)
    write_instances(tmp_path / "in" / "beside", 2)
    for path in (tmp_path / "in").rglob("*"):
        os.utime(path, (10**9, 10**9))
    whole = (medium / "DICOMDIR").read_bytes()
    (medium / "DICOMDIR").write_bytes({"broken off": whole[: len(whole) // 2], "empty": b""}.get(state, whole))
    if state != "young":
        os.utime(medium / "DICOMDIR", (10**9, 10**9))
    with ScriptedPeer() as peer:
        for number, options in enumerate(runs):
            done = run(
                installed_dcmsend(), "--journal", tmp_path / f"journal{number}", "--move-sent", tmp_path / "sent",
                "+sd", "+r", "+rd", *options, "127.0.0.1", peer.port, tmp_path / "in",
            )  # fmt: skip
            assert done.exit_code == (102 if state == "broken off" else 0), done.stderr
            assert any(row[0] == 0 for row in outcomes(tmp_path / f"journal{number}").values())
    assert names(medium) == before
    is_beside_taken = "--include" not in runs[0]
    assert names(tmp_path / "sent") == (["beside/000001.dcm", "beside/000002.dcm"] if is_beside_taken else [])
    told = state in ("young", "broken off", "empty")
    assert ("sent files stay, because their DICOMDIR could not be read or is too young" in done.stderr) is told


def test_a_search_that_ends_early_has_not_come_to_every_dicomdir(tmp_path: Path) -> None:
    shutil.copytree(DATA / "fileset", tmp_path / "in")
    before = names(tmp_path / "in")
    (tmp_path / "bad").write_bytes(b"bad")
    files = [path for path in sorted((tmp_path / "in").glob("[79]*/**/*")) if path.is_file()]
    command = installed_dcmsend(), "--journal", tmp_path / "journal"
    with ScriptedPeer() as peer:
        assert run(*command, "127.0.0.1", peer.port, *files).exit_code == 0
        words = ("--halt", "--resume", "--move-sent", tmp_path / "sent", "+rd", "127.0.0.1", peer.port, *files)
        done = run(*command, *words, tmp_path / "bad", tmp_path / "in" / "DICOMDIR")
        assert done.exit_code == 22, done.stderr
        assert names(tmp_path / "in") == before
        assert run(*command, *words, tmp_path / "in" / "DICOMDIR").exit_code == 0
        assert names(tmp_path / "in") == before
        assert run(*command, *words).exit_code == 0
    assert len(names(tmp_path / "sent")) > 20, "no DICOMDIR is named"


@pytest.mark.parametrize("behind", [0, 3600])
def test_what_was_moved_is_known_whatever_the_clock_of_its_sender_says(tmp_path: Path, behind: int) -> None:
    """Another host's clock, of a worker of a cluster; and what an earlier run has sent has a time of then."""
    write_instances(tmp_path / "in", 2)
    options = JournalOptions(str(tmp_path / "journal"), move_sent=str(tmp_path / "sent"))
    first, second = (InputFile(str(path)) for path in sorted((tmp_path / "in").iterdir()))
    rows = []
    for number, item in enumerate((first, second), 1):
        instance = Instance(item, CT_CLASS, instance_uid(number), transfer_syntax(EI), ReadMode.FILE_ONLY)
        started = time.time() - behind
        rows.append(StoreOutcome(
            number, instance, Result.STORED, 0, None, started=started, file_stamp=stamp_of(Path(item.path))
        ))  # fmt: skip
    left = Journal(options, Peer("127.0.0.1", 104).facts, Interrupt())
    left.note(rows[0])
    left.close()
    journal = MovingJournal(options.replace(resume=True), Peer("127.0.0.1", 104).facts, Interrupt())
    try:
        assert not journal.was_moved(rows[0].instance)
        assert not journal.was_moved(rows[1].instance)
        journal.note(rows[1])
        wait_until((tmp_path / "sent" / "000002.dcm").exists, 30, "the move")
        assert journal.was_moved(rows[1].instance)
        wait_until(lambda: journal.is_stored(second), 30, "the mover to say so")
        assert journal.is_stored(first)
        wait_until((tmp_path / "sent" / "000001.dcm").exists, 30, "the move")
        assert journal.is_stored(first)
        assert journal.was_moved(rows[0].instance)
    finally:
        journal.close()


@pytest.mark.parametrize(
    "options", [(), ("--send-while-scanning",), ("--parallel-associations", "3")], ids=lambda options: " ".join(options)
)
def test_files_that_are_named_twice(tmp_path: Path, options: tuple[str, ...]) -> None:
    """By overlapping directories, and by links to files and directories; each has one outcome, and none has failed."""
    write_instances(tmp_path / "in" / "a", 400)
    (tmp_path / "in" / "b").symlink_to("a")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "x.dcm").symlink_to(tmp_path / "in" / "a" / "000001.dcm")
    report = tmp_path / "report.json"
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "-v", "--journal", tmp_path / "journal", "--move-sent", tmp_path / "sent",
            "--report-json", report, "+sd", "+r", *options, "127.0.0.1", peer.port,
            tmp_path / "in", tmp_path / "in" / "a", tmp_path / "links", *sorted((tmp_path / "in" / "a").iterdir())[:9],
        )  # fmt: skip
        uids = {store.sop_instance_uid for store in peer.stores}
    assert done.exit_code == 0, done.stderr
    assert len(uids) == 400
    assert done.lines("E") == []
    ends = {row["outcome"] for row in json.loads(report.read_text())["instances"]}
    assert ends <= {"stored", "not_dicom"}, "a link to what was moved leads nowhere"
    rows = outcomes(tmp_path / "journal")
    assert {row[:2] for row in rows.values()} == {(0, 0)}
    assert len({Path(name).name for name in names(tmp_path / "sent")}) == 400
    assert names(tmp_path / "in") == []


@pytest.mark.parametrize("mounted", ["sent", "sent/deep"], ids=["all of it", "a part of it"])
def test_the_directory_is_mounted_where_is_searched(tmp_path: Path, mounted: str) -> None:
    """What was moved is not sent again, by whatever way it is found."""
    (tmp_path / "sent" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "mounted here").mkdir(parents=True)
    script = 'mount --bind "$0" "$1" && shift && exec "$@"'
    mount = ["unshare", "-m", "sh", "-c", script, str(tmp_path / mounted), str(tmp_path / "in" / "mounted here")]
    if shutil.which("unshare") is None or run(*mount, "true").exit_code:
        pytest.skip("PEER MISSING: a directory mounted twice: needs root")
    write_instances(tmp_path / "in" / "deep" / "er", 3)
    command = [
        *mount, installed_dcmsend(), "--journal", tmp_path / "journal", "--resume", "--move-sent", tmp_path / "sent",
        "+sd", "+r",
    ]  # fmt: skip
    with ScriptedPeer() as peer:
        for night in (1, 2, 3):
            dry = run(*command, "--dry-run", "127.0.0.1", peer.port, tmp_path / "in")
            done = run(*command, "127.0.0.1", peer.port, tmp_path / "in")
            assert (dry.exit_code, done.exit_code) == ((0, 0) if night == 1 else (21, 21)), done.stderr
            assert len(peer.stores) == 3
    assert names(tmp_path / "sent") == [f"deep/er/00000{number}.dcm" for number in (1, 2, 3)]
    assert names(tmp_path / "in") == []


def test_where_the_system_numbers_no_files_the_directory_is_known_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent_directory, "_MOUNTS", str(tmp_path / "none"))  # Windows has no list of mounts
    for name in ("sent/a", "in/a"):
        (tmp_path / name).mkdir(parents=True)
    with unnumbered_files():
        sent = sent_directory.SentDirectory(str(tmp_path / "sent"))
        assert sent.holds(os.fsencode(tmp_path / "sent" / "a"))
        assert not sent.holds(os.fsencode(tmp_path / "in" / "a"))


def test_the_run_ends_in_order_while_files_are_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is left to the next run, also if the request comes when everything is sent."""
    interrupt = Interrupt()
    moving = Mover(str(tmp_path / "sent"), "journal", interrupt)

    def move_slowly(source: str, target: str, stamp: tuple[int, int], **more: Any) -> str:
        if source.endswith("000003.dcm"):
            interrupt.request()
        if interrupt.requested:
            time.sleep(0.5)
        return move_file(source, target, stamp, **more)

    monkeypatch.setattr(mover, "move_file", move_slowly)
    for path in write_instances(tmp_path / "in", 40):
        moving.add(InputFile(str(path)), stamp_of(path))
    moving.close()
    assert 20 < len(names(tmp_path / "in")) < 38
    assert len(names(tmp_path / "in")) + len(names(tmp_path / "sent")) == 40, "and no note is left"


def test_the_run_ends_at_once_while_a_file_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sending thread that waits for room goes on, and nobody waits for the file; its note stays until it is moved."""
    interrupt, may_go_on = Interrupt(), threading.Event()

    def move_late(*arguments: Any, **more: Any) -> str:
        assert may_go_on.wait(60)
        return move_file(*arguments, **more)

    monkeypatch.setattr(mover, "move_file", move_late)
    monkeypatch.setattr(mover, "_MOST_WAITING", 2)
    moving = Mover(str(tmp_path / "sent"), "journal", interrupt)
    for path in write_instances(tmp_path / "in", 3):
        moving.add(InputFile(str(path)), stamp_of(path))
    notes = tmp_path / "sent" / ".dcmsend-moving"
    wait_until(notes.exists, 30, "the note")
    for work, tell in ((moving.wait_while_behind, interrupt.request), (moving.close, interrupt.abort)):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        tell()
        thread.join(30)
        assert not thread.is_alive()
    assert notes.exists()
    may_go_on.set()
    wait_until(lambda: not notes.exists(), 30, "the move")
    assert names(tmp_path / "sent") == ["000001.dcm"]
    assert len(names(tmp_path / "in")) == 2
