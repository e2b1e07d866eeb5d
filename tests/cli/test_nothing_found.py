"""What a person is told when the names on the command line lead to nothing, or not to everything."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from support.corpus import DATA
from support.media_files import dicomdir, record
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
NOTHING = "no input files to be processed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A disc: a DICOMDIR on top, images further below; a tree without a file on top; an empty folder and list."""
    for name in ("disc/IMG/A", "nested/a/b/x.dcm"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copyfile(CT, tmp_path / name)
    (tmp_path / "disc" / "DICOMDIR").write_bytes(dicomdir(record("IMAGE", "IMG\\A")))
    (tmp_path / "empty").mkdir()
    (tmp_path / "list").write_bytes(b"")
    return tmp_path


ADD_R = "there are directories in it; add +r to take the files of the whole tree"
HINTS = {
    "folders in folders": (["+sd"], ["nested"], ADD_R),
    "a folder": ([], ["nested"], "+sd takes the files of a directory, +sd +r those of the whole tree"),
    "an empty folder": (["+sd", "+r"], ["empty"], "nothing was found"),
    "a folder of a DICOMDIR": (["+rd"], ["disc"], "+rd wants the DICOMDIR itself, not its directory: disc/DICOMDIR"),
    "an empty list": (["--files-from", "list"], [], "the list of files 'list' is empty"),
    "an empty list of NUL": (["--files-from0", "list"], [], "the list of files 'list' is empty"),
}


@pytest.mark.parametrize("case", HINTS)
def test_what_leads_to_nothing(case: str, dcmsend: str, folder: Path) -> None:
    options, names, hint = HINTS[case]
    done = run(dcmsend, *options, "127.0.0.1", "9", *names, cwd=folder)
    assert done.exit_code == 21
    assert done.lines("F") == [NOTHING, hint]


def test_dicomdir_without_the_option_among_nothing_else(dcmsend: str, folder: Path) -> None:
    """Where bad files are left out, the hint stands at the end."""
    done = run(dcmsend, "-nh", "127.0.0.1", "9", "disc/DICOMDIR", cwd=folder)
    assert done.exit_code == 23
    assert done.lines("F") == [
        "no valid input files to be processed", "this is a DICOMDIR; +rd sends the files it refers to"
    ]


@pytest.mark.parametrize("name", ["empty", "nested"])
def test_empty_folder_of_a_recurring_job(dcmsend: str, folder: Path, name: str) -> None:
    """One line that is no error, and an exit code that a timer can be told of."""
    done = run(dcmsend, "+sd", "--journal", "journal", "--resume", "127.0.0.1", "9", name, cwd=folder)
    more = f"; {ADD_R}" if name == "nested" else ""
    assert (done.exit_code, done.stderr) == (21, f"W: {NOTHING}{more}\n")


def test_empty_list_of_a_recurring_job(dcmsend: str, folder: Path) -> None:
    done = run(dcmsend, "--files-from", "list", "--journal", "journal", "--resume", "127.0.0.1", "9", cwd=folder)
    assert (done.exit_code, done.stderr) == (21, f"W: {NOTHING}; the list of files 'list' is empty\n")


# --- lists that another system has written


def send_list(dcmsend: str, folder: Path, content: bytes, *options: str) -> tuple[Run, int]:
    (folder / "names").write_bytes(content)
    with ScriptedPeer() as peer:
        done = run(dcmsend, *options, "--files-from", "names", "127.0.0.1", peer.port, cwd=folder)
    return done, sum(len(connection.stores) for connection in peer.connections)


@pytest.mark.parametrize(
    "content",
    [
        b"disc/IMG/A\r\nnested/a/b/x.dcm\r\n", b"\xef\xbb\xbfdisc/IMG/A\nnested/a/b/x.dcm",
        b"\xef\xbb\xbfdisc/IMG/A\r\nnested/a/b/x.dcm\r\n\r\n",
    ],
    ids=["CRLF", "BOM", "both"],
)
def test_list_of_another_system(dcmsend: str, folder: Path, content: bytes) -> None:
    done, stored = send_list(dcmsend, folder, content)
    assert (done.exit_code, stored) == (0, 2)
    (told,) = done.lines("W")
    assert told.startswith("list of files 'names' has lines that end with a carriage return")


def test_folders_in_a_list_of_another_system(dcmsend: str, folder: Path) -> None:
    done, stored = send_list(dcmsend, folder, b"nested\r\n", "+sd", "+r")
    assert (done.exit_code, stored) == (0, 1)


def test_names_with_such_bytes_are_kept(dcmsend: str, folder: Path) -> None:
    """A file that has the name is sent, also beside one that has it without."""
    os.rename(folder / "nested/a/b/x.dcm", folder / "\ufeffa\r")
    (folder / "a").write_bytes(b"no DICOM")
    done, stored = send_list(dcmsend, folder, "\ufeffa\r\n".encode())
    assert (done.exit_code, stored, done.lines("W")) == (0, 1, [])


def test_names_that_do_not_exist_either_way_are_told_as_they_are(dcmsend: str, folder: Path) -> None:
    done, _ = send_list(dcmsend, folder, b"missing\r\n")
    assert done.exit_code == 22
    assert done.lines("W") == []


# --- files whose time lies in the future


def test_time_in_the_future(dcmsend: str, folder: Path) -> None:
    """It is said, counted, and not called stored."""
    for name in ("old.dcm", "one.dcm", "two.dcm"):
        shutil.copyfile(CT, folder / "empty" / name)
    os.utime(folder / "empty" / "old.dcm", (1e9, 1e9))
    for name in ("one.dcm", "two.dcm"):
        os.utime(folder / "empty" / name, (time.time() + 90_000,) * 2)
    with ScriptedPeer() as peer:
        arguments = ["+sd", "--min-age", "1h", "--require-stored", "127.0.0.1", peer.port]
        done = run(dcmsend, *arguments, "empty", cwd=folder)
        os.unlink(folder / "empty" / "old.dcm")
        nothing = run(dcmsend, *arguments, "empty", cwd=folder)
        os.unlink(folder / "empty" / "two.dcm")
        last = run(dcmsend, *arguments, "empty", cwd=folder)
        quiet = run(dcmsend, "--journal", "j", *arguments, "empty", cwd=folder)
    assert done.exit_code == 0
    assert len(done.lines("W")) == 1
    assert "whose time of modification lies in the future, such as empty/" in done.lines("W")[0]
    assert "  left for the next run 2 (2 with a time in the future)" in done.stderr.splitlines()
    assert done.stderr.splitlines()[-1] == "Exit 0: everything old enough is stored."
    assert nothing.exit_code == 21
    assert nothing.lines("F")[1:] == [
        "2 files were modified less than --min-age ago, 2 of them in the future; a later run takes them"
    ]
    assert last.lines("F")[1:] == ["1 file was modified less than --min-age ago, in the future; a later run takes it"]
    assert quiet.lines("W")[-1].endswith("; 1 is left for the next run")
