"""Names from other programs, and files that somebody may still be writing, from the installed command."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.corpus import DATA
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.report_file import parse_report
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
HOST = "127.0.0.1"


def send(folder: Path, *arguments: str | Path, stdin: bytes = b"") -> tuple[Run, list[str]]:
    """The run, and the names of what was sent."""
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), HOST, peer.port, "+crf", "report.txt", *arguments, cwd=folder, stdin=stdin)
    report = folder / "report.txt"
    if not report.exists():
        return done, []
    text = report.read_text(encoding="utf-8", errors="surrogateescape")
    return done, [entry["Filename"] for entry in parse_report(text).entries]


@pytest.mark.parametrize("end", ["\n", "", "\n\n"])
def test_files_from(tmp_path: Path, end: str) -> None:
    (tmp_path / "list").write_text(f"{CT}\n{MR}{end}")
    done, names = send(tmp_path, "--files-from", "list")
    assert done.exit_code == 0, done.stderr
    assert names == [str(CT), str(MR)]


def test_files_from_standard_input_after_the_parameters(tmp_path: Path) -> None:
    done, names = send(tmp_path, "--files-from", "-", MR, stdin=f"{CT}\n".encode())
    assert done.exit_code == 0, done.stderr
    assert names == [str(MR), str(CT)]


def test_names_are_taken_verbatim(tmp_path: Path) -> None:
    """Neither comments nor blanks nor quotes nor options mean anything."""
    names = [b"# no comment.dcm", b" blanks .dcm ", b'"quoted".dcm', b"-nh", b"caf\xe9.dcm", b"@file"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(CT.read_bytes())
    done, sent = send(tmp_path, "--files-from", "-", stdin=b"\n".join(names))
    assert done.exit_code == 0, done.stderr
    assert [os.fsencode(name) for name in sent] == names


def test_files_from0(tmp_path: Path) -> None:
    """What ``find -print0`` writes, with a line end inside a name."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "two\nlines.dcm").write_bytes(CT.read_bytes())
    found = subprocess.run(["find", str(folder), "-type", "f", "-print0"], capture_output=True, check=True).stdout
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), HOST, peer.port, "--files-from0", "-", stdin=found)
    assert done.exit_code == 0, done.stderr
    assert len(peer.connections[0].stores) == 1


def test_directories_in_a_list_need_scan_directories(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(CT.read_bytes())
    (tmp_path / "list").write_text("in\n")
    done, _ = send(tmp_path, "--files-from", "list")
    assert done.exit_code == 21
    assert done.lines("W")[0] == "ignoring directory because option --scan-directories is not set: in"
    done, names = send(tmp_path, "+sd", "--files-from", "list")
    assert (done.exit_code, names) == (0, ["in/a.dcm"])


@pytest.mark.parametrize(
    ("place", "reason"),
    [("none", "No such file or directory"), (".", "Is a directory"), ("", "No such file or directory")],
)
def test_a_list_that_cannot_be_read(tmp_path: Path, place: str, reason: str) -> None:
    done, _ = send(tmp_path, "--files-from", place, CT)
    assert done.exit_code == 22
    assert done.lines("F")[:1] == [f"cannot read list of files '{place}': {reason}"]


def test_a_list_without_separators_is_none(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"x" * 200_000)
    done, _ = send(tmp_path, "--files-from", "list")
    assert done.exit_code == 22
    assert done.lines("F")[:1] == ["cannot read list of files 'list': a name is longer than 65536 bytes"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_in_utf_16(tmp_path: Path, encoding: str) -> None:
    """As PowerShell writes it; nothing of it is taken for a name."""
    (tmp_path / "list").write_bytes(f"\ufeff{CT}\r\n{MR}\r\n".encode(encoding))
    done, names = send(tmp_path, "--files-from", "list")
    assert (done.exit_code, names) == (22, [])
    assert "'list': it is in UTF-16; write it in UTF-8" in done.stderr


def test_a_name_that_begins_as_utf_16(tmp_path: Path) -> None:
    """Any bytes are a name here, if no NUL is among them."""
    name = os.fsdecode(b"\xff\xfe.dcm")
    (tmp_path / name).write_bytes(CT.read_bytes())
    (tmp_path / "list").write_bytes(os.fsencode(name) + b"\n")
    done, names = send(tmp_path, "--files-from", "list")
    assert (done.exit_code, len(names)) == (0, 1), done.stderr


def test_an_empty_list(tmp_path: Path) -> None:
    assert send(tmp_path, "--files-from", "-")[0].exit_code == 21


def test_standard_input_is_one_list(tmp_path: Path) -> None:
    done, _ = send(tmp_path, "--files-from", "-", "--files-from0", "-")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-2] == "error: the standard input can be only one list of files"


def test_without_a_list_a_parameter_is_missing() -> None:
    done = run(installed_dcmsend(), HOST, 104)
    assert done.stderr.splitlines()[-2] == "error: Missing parameter dcmfile-in"
    done = run(installed_dcmsend(), HOST, "--files-from", "list")
    assert done.stderr.splitlines()[-2] == "error: Missing parameter port"


def test_a_signal_ends_the_wait_for_names(tmp_path: Path) -> None:
    command = [installed_dcmsend(), "-d", HOST, "104", "--files-from", "-"]
    log = tmp_path / "log"
    with log.open("wb") as stderr, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=stderr) as process:
        try:
            wait_until(lambda: _takes_signals(process.pid), 30, "the program to wait")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()


def _takes_signals(pid: int) -> bool:
    """Whether the signal handlers are there: SIGINT is caught."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def test_min_age(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, age in (("old.dcm", 3600), ("young.dcm", 0), ("later.dcm", -3600)):
        (folder / name).write_bytes(CT.read_bytes())
        os.utime(folder / name, (time.time(), time.time() - age))
    done, names = send(tmp_path, "-v", "+sd", "--min-age", "15m", folder, folder / "young.dcm")
    assert done.exit_code == 0, done.stderr
    assert names == [str(folder / "old.dcm")]
    assert sum("leaving file for the next run" in line for line in done.lines("I")) == 3
    assert send(tmp_path, "--min-age", "2h", folder / "old.dcm")[0].exit_code == 21
    assert send(tmp_path, "--min-age", "15m", tmp_path / "missing.dcm")[0].exit_code == 22
