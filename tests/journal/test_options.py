"""The options about the journal, from the installed command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.fixture_files import CT_CLASS
from support.peer_script import Respond, Script
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

from .runs import outcomes, run_with_journal, send, stored_names


def test_journal(tmp_path: Path) -> None:
    """The first run makes it, readable for its owner only and with nothing beside it; the second has to be meant."""
    write_instances(tmp_path / "in", 5)
    with ScriptedPeer(Script(stores={3: Respond(0xA900)}, other_stores=Respond(0))) as peer:
        done, sent = send(tmp_path, peer, "--journal", tmp_path / "journal")
        again, nothing = send(tmp_path, peer)
    assert done.exit_code == 102, done.stderr
    assert len(sent) == 5
    rows = outcomes(tmp_path / "journal")
    assert sorted(rows.values()) == [(0, 0, None, 1)] * 4 + [(1, 0xA900, None, 1)]
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["in", "journal"]
    assert (again.exit_code, nothing) == (104, [])
    assert again.lines("F") == [f"cannot use journal '{tmp_path}/journal': exists already (--resume goes on with it)"]
    assert outcomes(tmp_path / "journal") == rows


def test_a_journal_in_which_nothing_was_written_is_a_new_one(tmp_path: Path) -> None:
    """A run that finds nothing does not end the next one with 104, whatever receiver that has."""
    (tmp_path / "in").mkdir()
    with ScriptedPeer() as peer, ScriptedPeer() as other:
        for _ in range(2):
            assert send(tmp_path, peer)[0].exit_code == 21
        files = write_instances(tmp_path / "in", 2)
        look, _ = send(tmp_path, other, "--dry-run")
        first, sent = send(tmp_path, other)
        blocked, nothing = send(tmp_path, other)
        resumed, _ = send(tmp_path, other, "--resume")
        of_another, _ = send(tmp_path, peer, "--resume")
    assert look.exit_code == 0, look.stderr
    assert first.exit_code == 0, first.stderr
    assert len(sent) == len(files)
    assert (blocked.exit_code, nothing) == (104, [])
    assert resumed.exit_code == 0, resumed.stderr
    assert of_another.exit_code == 104
    assert stored_names(tmp_path / "journal") == {path.name for path in files}


def test_an_empty_file_is_somebody_elses(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    (tmp_path / "journal").touch()
    with ScriptedPeer() as peer:
        done, sent = send(tmp_path, peer)
    assert (done.exit_code, sent) == (104, [])


@pytest.mark.parametrize("option", [(), ("--send-while-scanning",), ("--parallel-associations", "3")])
def test_resume(tmp_path: Path, option: tuple[str, ...]) -> None:
    """Works on the first run; then all but what is stored goes out, and what has changed."""
    files = write_instances(tmp_path / "in", 12)
    report = tmp_path / "report.json"
    script = Script(stores={3: Respond(0xA700), 5: Respond(0xB000), 7: Respond(0xC000)}, other_stores=Respond(0))
    with ScriptedPeer(script, Script()) as peer:
        first, _ = send(tmp_path, peer, "--resume")
        refused = {name for name, row in outcomes(tmp_path / "journal").items() if row[0] == 1}
        changed, touched, grown = [path for path in files if path.name not in refused][:3]
        changed.write_bytes(changed.read_bytes().replace(b"Test^Transfer", b"Best^Transfer"))
        os.utime(touched, ns=(1, 1))
        with grown.open("ab") as file:
            file.write(b"\xfc\xff\xfc\xff\0\0\0\0")
        second, sent = send(tmp_path, peer, "--resume", "--report-json", report, *option)
        third, nothing = send(tmp_path, peer, "--resume", *option)
    assert first.exit_code == 101, first.stderr
    assert second.exit_code == 0, second.stderr
    expected = {*refused, changed.name, touched.name, grown.name}
    assert sent == sorted(instance_uid(int(name[:6])) for name in expected)
    assert "7 files are already stored according to the journal" in second.lines("I")
    assert {name: row[3] for name, row in outcomes(tmp_path / "journal").items()} == {
        path.name: 2 if path.name in expected else 1 for path in files
    }
    document = json.loads(report.read_text())
    assert document["journal"] == str(tmp_path / "journal")
    totals = document["totals"]
    assert (totals["found"], totals["already_stored"], totals["stored"]) == (12, 7, 5)
    assert (third.exit_code, nothing) == (0, [])


def test_a_stored_file_is_not_opened(tmp_path: Path) -> None:
    """It is only asked for its size and its time: what is in it does not matter any more."""
    (path,) = write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        assert send(tmp_path, peer)[0].exit_code == 0
        status = path.stat()
        path.write_bytes(bytes(status.st_size))  # no DICOM file, if anybody looked
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        done, sent = send(tmp_path, peer, "--resume")
    assert (done.exit_code, sent, done.lines("W"), done.lines("E")) == (0, [], [], [])


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    name = os.fsdecode(b"\xff\xfe\n.dcm")
    path.rename(path.with_name(name))
    with ScriptedPeer() as peer:
        assert len(send(tmp_path, peer)[1]) == 1
        assert send(tmp_path, peer, "--resume")[1] == []
    assert stored_names(tmp_path / "journal") == {name}


def test_uids_that_are_none(tmp_path: Path) -> None:
    """With ``-nuc`` anything may stand there."""
    (path,) = write_instances(tmp_path / "in", 1)
    uid = instance_uid(1).encode()
    path.write_bytes(path.read_bytes().replace(uid, b"\xff\xfe\xed\xa0\x80" + uid[5:]))
    with ScriptedPeer() as peer:
        for option in ("--no-halt", "--resume"):
            assert run_with_journal(tmp_path, peer.port, "-nuc", option).exit_code == 0
    assert len(peer.stores) == 1
    assert stored_names(tmp_path / "journal") == {path.name}


def test_a_journal_where_is_searched(tmp_path: Path) -> None:
    """Its own files are no inputs, not even such as are no DICOM."""
    write_instances(tmp_path / "in", 3)
    journal = tmp_path / "in" / "journal"
    report = tmp_path / "report.json"
    options = ("--resume", "--report-json", report, "--journal", journal)
    with ScriptedPeer() as peer:
        for stored, already in ((3, 0), (0, 3)):
            done = run_with_journal(tmp_path, peer.port, *options)
            assert (done.exit_code, done.lines("W"), done.lines("E")) == (0, [], [])
            totals = json.loads(report.read_text())["totals"]
            assert (totals["found"], totals["stored"], totals["already_stored"]) == (3, stored, already)
        dry = run_with_journal(tmp_path, peer.port, "--dry-run", "--resume", "--journal", journal)
        assert "0 SOP instances to be sent, 0 files ignored, 3 stored already" in dry.stdout


def test_another_working_directory_and_a_link_are_the_same_place(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    (tmp_path / "link").symlink_to(tmp_path / "in")
    journal = ("--journal", tmp_path / "journal", "--resume", "+sd")
    places = ((tmp_path, "in"), (tmp_path / "in", "."), (tmp_path / "in", "../link"), (tmp_path, "link/"))
    with ScriptedPeer() as peer:
        for folder, name in places:
            done = run(installed_dcmsend(), *journal, "127.0.0.1", peer.port, name, cwd=folder)
            assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == 3


def test_a_directory_that_takes_the_place_of_another_is_another(tmp_path: Path) -> None:
    for folder, number in (("one", 1), ("two", 2)):
        (path,) = write_instances(tmp_path / folder, 1, first=number)
        os.utime(path.rename(path.with_name("x.dcm")), ns=(10**18, 10**18))
    link = tmp_path / "in"
    with ScriptedPeer() as peer:
        link.symlink_to("one")
        assert send(tmp_path, peer)[1] == [instance_uid(1)]
        link.unlink()
        link.symlink_to("two")
        assert send(tmp_path, peer, "--resume")[1] == [instance_uid(2)]


def test_a_file_named_twice_stays_stored(tmp_path: Path) -> None:
    """The peer refuses the second as a duplicate; that takes nothing back."""
    (path,) = write_instances(tmp_path / "in", 1)
    with ScriptedPeer(Script(stores={2: Respond(0x0122)}, other_stores=Respond(0))) as peer:
        done = run(
            installed_dcmsend(), "--journal", tmp_path / "journal", "127.0.0.1", peer.port, path, path, path
        )
    assert done.exit_code == 102
    assert len(peer.stores) == 3
    assert stored_names(tmp_path / "journal") == {path.name}


def test_what_cannot_be_sent_is_tried_again(tmp_path: Path) -> None:
    good, broken = write_instances(tmp_path / "in", 2, [CT_CLASS])
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-3])
    with ScriptedPeer() as peer:
        done, sent = send(tmp_path, peer)
        assert (done.exit_code, sent) == (102, [instance_uid(1)])
        assert outcomes(tmp_path / "journal")[broken.name][:3] == (2, None, "data_set_broken")
        broken.write_bytes(whole)
        done, sent = send(tmp_path, peer, "--resume")
    assert (done.exit_code, sent) == (0, [instance_uid(2)])
    assert stored_names(tmp_path / "journal") == {good.name, broken.name}


def test_move_sent(tmp_path: Path) -> None:
    """What the peer has taken without a warning is moved, below the directory that was searched."""
    write_instances(tmp_path / "in" / "a" / "b", 3)
    write_instances(tmp_path / "in", 3, first=4)
    script = Script(stores={2: Respond(0xB000), 3: Respond(0xA900)}, other_stores=Respond(0))
    with ScriptedPeer(script) as peer:
        done, _ = send(tmp_path, peer, "--move-sent", tmp_path / "sent")
    assert done.exit_code == 102, done.stderr
    moved = {path.relative_to(tmp_path / "sent") for path in (tmp_path / "sent").rglob("*.dcm")}
    left = {path.relative_to(tmp_path / "in") for path in (tmp_path / "in").rglob("*.dcm")}
    rows = outcomes(tmp_path / "journal")
    assert {path.name for path in moved} == {name for name, row in rows.items() if row[1] == 0}
    assert {path.name for path in left} == {name for name, row in rows.items() if row[1] != 0}
    assert len(moved) == 4
    assert {str(path) for path in moved | left} == {
        "a/b/000001.dcm", "a/b/000002.dcm", "a/b/000003.dcm", "000004.dcm", "000005.dcm", "000006.dcm",
    }  # fmt: skip


def test_old_command_lines_halt_and_those_with_a_journal_do_not(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    (tmp_path / "in" / "000001.dcm").write_bytes(b"no DICOM")
    with ScriptedPeer() as peer:
        assert run(installed_dcmsend(), "+sd", "127.0.0.1", peer.port, tmp_path / "in").exit_code == 22
        done, sent = send(tmp_path, peer)
        assert (done.exit_code, len(sent)) == (0, 2)
        halted, _ = send(tmp_path, peer, "--resume", "--halt")
        assert halted.exit_code == 22


def test_dry_run_only_reads(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    assert run_with_journal(tmp_path, 104, "--dry-run").exit_code == 0
    assert not (tmp_path / "journal").exists()
    with ScriptedPeer() as peer:
        send(tmp_path, peer)
        write_instances(tmp_path / "in", 1, first=4)
        before = (tmp_path / "journal").read_bytes()
        done, sent = send(tmp_path, peer, "--resume", "--dry-run")
        assert (done.exit_code, sent) == (0, [])
        assert "1 SOP instances to be sent, 0 files ignored, 3 stored already" in done.stdout
        assert send(tmp_path, peer, "--dry-run")[0].exit_code == 104
        assert send(tmp_path, peer, "--resume", "--dry-run", "-aec", "OTHER")[0].exit_code == 104
    assert (tmp_path / "journal").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["in", "journal"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume only allowed with --journal"),
        (["--move-sent", "d"], "--move-sent only allowed with --journal"),
        (["--journal", ""], "Invalid value for option --journal"),
        (["--journal", "j", "--move-sent", ""], "Invalid value for option --move-sent"),
        (["--journal", "j", "--report-json", "j"], "--journal not allowed with --report-json for the same file"),
        (["--journal", "j", "+crf", "j"], "--journal not allowed with --create-report-file for the same file"),
    ],
)
def test_wrong_combinations(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(installed_dcmsend(), *arguments, "127.0.0.1", 104, "x", cwd=tmp_path)
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == f"error: {message}"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("words", [("--journal", "none/j"), ("--journal", "j", "--move-sent", "in/000001.dcm/d")])
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_places_that_a_run_cannot_use_are_refused_by_a_dry_run_too(
    tmp_path: Path, words: tuple[str, ...], dry_run: tuple[str, ...]
) -> None:
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), *words, *dry_run, "+sd", "127.0.0.1", peer.port, "in", cwd=tmp_path)
    assert (done.exit_code, len(peer.stores)) == (104, 0)


def test_a_dry_run_makes_no_folder_for_what_is_sent(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    assert run_with_journal(tmp_path, 104, "--move-sent", tmp_path / "a" / "b", "--dry-run").exit_code == 0
    assert os.listdir(tmp_path) == ["in"]


@pytest.mark.parametrize("what", ["pipe", "device", "directory", "link to nothing", "link to itself", "hard link"])
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_what_is_no_journal_is_refused_by_a_dry_run_too(tmp_path: Path, what: str, dry_run: tuple[str, ...]) -> None:
    write_instances(tmp_path / "in", 1)
    journal = tmp_path / "journal"
    match what:
        case "pipe":
            os.mkfifo(journal)
        case "device":
            journal.symlink_to("/dev/null")
        case "directory":
            journal.mkdir()
        case "link to nothing":
            journal.symlink_to("nowhere")
        case "link to itself":
            journal.symlink_to("journal")
        case "hard link":
            journal.touch()
            journal.with_name("other").hardlink_to(journal)
    with ScriptedPeer() as peer:
        done, sent = send(tmp_path, peer, "--resume", *dry_run)
    assert (done.exit_code, sent) == (104, [])
    assert any("cannot use journal" in line for line in done.lines("F"))


def test_the_closing_lines_name_the_command_that_lists_what_is_not_stored(tmp_path: Path) -> None:
    """A shell takes it as it stands."""
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer(Script(stores={2: Respond(0xA900)}, other_stores=Respond(0))) as peer:
        done, _ = send(tmp_path, peer)
    (line,) = [line for line in done.stderr.splitlines() if "dcmsend-journal" in line]
    command = line.partition("dcmsend-journal ")[2]
    listed = run("/bin/sh", "-c", f"{installed_dcmsend()}-journal {command}")
    refused = {name for name, row in outcomes(tmp_path / "journal").items() if row[0] == 1}
    assert listed.exit_code == 0, listed.stderr
    assert {name for name in outcomes(tmp_path / "journal") if name in listed.stdout} == refused
