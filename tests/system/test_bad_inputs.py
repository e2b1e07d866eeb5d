"""Bad inputs on a real command line: the exit code, the line a user reads, and that all others arrive."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.corpus import DATA
from support.html_page import HtmlPage, text_of
from support.peer_script import Respond, Script, Silence
from support.peers import RecordingPeer, recording_scp
from support.ports import free_port
from support.report_file import parse_report
from support.run import run
from support.scripted_peer import ScriptedPeer

CT = DATA / "pydicom" / "CT_small.dcm"
MR = DATA / "pydicom" / "MR_small.dcm"
BOTH = ["1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322", "1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"]

pytestmark = pytest.mark.peer("pynetdicom")


def stored_uids(peer: RecordingPeer) -> list[str]:
    return [stored.sop_instance_uid for stored in peer.stored]


def missing(folder: Path) -> Path:
    return folder / "missing.dcm"


def empty(folder: Path) -> Path:
    (folder / "empty.dcm").touch()
    return folder / "empty.dcm"


def text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("These are not the images you are looking for.\n" * 20)
    return folder / "notes.txt"


def one_byte(folder: Path) -> Path:
    (folder / "byte").write_bytes(b"D")
    return folder / "byte"


def cut_in_the_meta_header(folder: Path) -> Path:
    (folder / "cut.dcm").write_bytes(CT.read_bytes()[:200])
    return folder / "cut.dcm"


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def device(_: Path) -> Path:
    return Path("/dev/zero")


def unreadable(folder: Path) -> Path:
    shutil.copy(CT, folder / "secret.dcm")
    (folder / "secret.dcm").chmod(0)
    return folder / "secret.dcm"


def without_privileges(program: str, folder: Path) -> str:
    """A program that may not read what its permissions forbid, even for root."""
    if os.geteuid() != 0:
        return program
    wrapper = folder / "unprivileged"
    rights = "-dac_override,-dac_read_search"
    wrapper.write_text(f"#!/bin/sh\nexec setpriv --inh-caps={rights} --bounding-set={rights} '{program}' \"$@\"\n")
    wrapper.chmod(0o755)
    return str(wrapper)


def test_a_folder_that_cannot_be_searched_is_no_file(dcmsend: str, tmp_path: Path) -> None:
    """Below a named folder, or named: the last lines say that it is a folder, and a pattern does not hide it."""
    tree = tmp_path / "tree"
    (tree / "closed").mkdir(parents=True)
    shutil.copy(CT, tree / "a.dcm")
    shutil.copy(CT, tree / "closed" / "b.dcm")
    (tree / "closed").chmod(0)
    program = without_privileges(dcmsend, tmp_path)
    try:
        with ScriptedPeer() as peer:
            below = run(program, "--progress", "-nh", "+sd", "+r", "127.0.0.1", peer.port, tree)
            named = run(program, "--progress", "-nh", "+sd", "+r", "127.0.0.1", peer.port, tree / "closed", CT)
            hidden = run(program, "--progress", "-nh", "+sd", "+r", "+sp", "*.dcm", "127.0.0.1", peer.port, tree)
    finally:
        (tree / "closed").chmod(0o700)
    for done in (below, named):
        assert "1 folder -> manual action" in done.stderr, done.stderr
        assert "Nothing in this folder is sent" in done.stderr
    assert f"cannot search directory {tree}/closed, nothing in it is sent" in hidden.lines("W")
    assert len(peer.stores) == 3


BROKEN_LIST = """
import errno, os, sys
from dcmsend.cli.main import main
real = os.scandir
class Broken:
    def __init__(self, path):
        self.entries, self.left = real(path), 2
    def __iter__(self):
        return self
    def __next__(self):
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return next(self.entries)
    def close(self):
        self.entries.close()
os.scandir = Broken
sys.exit(main())
"""


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--require-stored",), 101)])
def test_a_list_of_names_that_breaks_off_is_not_all(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    """As on a share that is gone: DCMTK notices nothing; a truthful exit code says that more may be there."""
    for name in ("a", "b", "c"):
        shutil.copy(CT, tmp_path / name)
    page, document, metrics = (tmp_path.with_suffix(f".{kind}") for kind in ("html", "json", "prom"))
    reports = ("--report-html", page, "--report-json", document, "--metrics-file", metrics)
    with ScriptedPeer() as peer:
        done = run(
            sys.executable, "-c", BROKEN_LIST, *options, "--progress", *reports, "+sd", "127.0.0.1", peer.port, tmp_path
        )
    assert done.exit_code == code, done.stderr
    assert len(peer.stores) == 2
    assert "  1 folder not read to the end -> look at the disk or share, run again" in done.stderr.splitlines()
    assert "everything is stored" not in done.stderr
    assert "1 folder not read to the end" in page.read_text()
    assert HtmlPage(page).text("h1") == "! All 2 instances that were found have arrived"
    assert json.loads(document.read_text())["totals"]["folders_unread"] == 1
    assert "\ndcmsend_folders_unread_total 1\n" in metrics.read_text()


def test_the_rest_of_a_list_that_breaks_off_is_more_than_what_is_known(tmp_path: Path) -> None:
    """One of the two files found is refused: to name this file would leave out what was not found."""
    for name in ("a", "b", "c"):
        shutil.copy(CT, tmp_path / name)
    path = tmp_path.with_suffix(".html")
    options = ("--require-stored", "--report-html", path, "+sd")
    with ScriptedPeer(Script(stores={1: Respond(0xA700)})) as peer:
        done = run(sys.executable, "-c", BROKEN_LIST, *options, "127.0.0.1", peer.port, tmp_path)
    assert done.exit_code == 101, done.stderr
    page = HtmlPage(path)
    assert page.text("h1").endswith("1 of 2 instances has not arrived")
    assert page.text("pre").endswith(f"--scan-directories 127.0.0.1 {peer.port} {tmp_path}")
    assert any(text_of(each).startswith("It sends everything again") for each in page.all("p"))


def directory_object(_: Path) -> Path:
    return DATA / "fileset" / "DICOMDIR"


NOT_LISTED: list[Any] = [
    (missing, "No such file or directory"),
    (empty, "End of stream"),
    (text_file, "File meta information header missing"),
    (one_byte, "I/O suspension or premature end of stream"),
    (cut_in_the_meta_header, "I/O suspension or premature end of stream"),
    (fifo, ""),
    (device, "End of stream"),
    (unreadable, "Permission denied"),
    (directory_object, "Invalid SOP Class UID"),
]


@pytest.mark.parametrize(("make", "reason"), NOT_LISTED)
def test_file_that_cannot_be_listed(
    dcmsend: str, tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    bad = make(tmp_path)
    if make is unreadable:
        dcmsend = without_privileges(dcmsend, tmp_path)
    with recording_scp() as peer:
        halted = run(dcmsend, "127.0.0.1", peer.port, CT, bad, MR, timeout=30)
        assert halted.exit_code == 22
        assert halted.lines("F")[0].startswith(f"bad DICOM file: {bad}: {reason}")
        assert stored_uids(peer) == []
        ignored = run(dcmsend, "-nh", "127.0.0.1", peer.port, CT, bad, MR, timeout=30)
        assert ignored.exit_code == 0
        assert any(line.startswith(f"bad DICOM file: {bad}: {reason}") for line in ignored.lines("W"))
        assert stored_uids(peer) == BOTH
        alone = run(dcmsend, "-nh", "127.0.0.1", peer.port, bad, timeout=30)
        assert alone.exit_code == 23
        assert alone.lines("F")[:1] == ["no valid input files to be processed"]


def cut_in_pixel_data(folder: Path) -> Path:
    (folder / "short.dcm").write_bytes(CT.read_bytes()[:-1000])
    return folder / "short.dcm"


def cut_in_a_header_element(folder: Path) -> Path:
    content = CT.read_bytes()
    (folder / "short.dcm").write_bytes(content[: content.index(b"\x28\x00\x10\x00US") + 7])
    return folder / "short.dcm"


def two_stray_bytes(folder: Path) -> Path:
    (folder / "stray.dcm").write_bytes(CT.read_bytes() + b"\x01\x02")
    return folder / "stray.dcm"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (cut_in_pixel_data, "I/O suspension or premature end of stream"),
        (cut_in_a_header_element, "I/O suspension or premature end of stream"),
        (two_stray_bytes, "I/O suspension or premature end of stream"),
        (lambda _: DATA / "pydicom" / "rtplan_truncated.dcm", "Invalid stream"),
        (
            lambda _: DATA / "pydicom-data" / "emri_small_jpeg_2k_lossless_too_short.dcm",
            "Sequence Delimitation Item missing",
        ),
    ],
    ids=["pixel data", "header element", "stray bytes", "value in a sequence", "fragment"],
)
def test_file_with_a_broken_data_set(dcmsend: str, tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    """Found only when its turn comes; nothing of it reaches the peer."""
    bad = make(tmp_path)
    report = tmp_path / "report.txt"
    with recording_scp() as peer:
        halted = run(dcmsend, "127.0.0.1", peer.port, bad, CT)
        assert halted.exit_code == 62
        complaint = f"cannot send SOP instance from file: {bad}: {reason}"
        assert any(line.startswith(complaint) for line in halted.lines("E"))
        assert halted.lines("F")[0].startswith(f"cannot send SOP instance: {reason}")
        assert stored_uids(peer) == []
        others = run(dcmsend, "-nh", "+crf", report, "127.0.0.1", peer.port, CT, bad, MR)
        assert others.exit_code == 0
        assert stored_uids(peer) == BOTH
    statuses = [entry["DIMSE Status"] for entry in parse_report(report.read_text()).entries]
    assert statuses == ["0x0000 (Success)", "<not sent>", "0x0000 (Success)"]


def test_directory_without_scan_directories(dcmsend: str, tmp_path: Path) -> None:
    with recording_scp() as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, tmp_path, CT)
        assert done.exit_code == 0
        assert f"ignoring directory because option --scan-directories is not set: {tmp_path}" in done.lines("W")
        assert len(peer.stored) == 1
        alone = run(dcmsend, "127.0.0.1", peer.port, tmp_path)
        assert alone.exit_code == 21
        assert alone.lines("F")[:1] == ["no input files to be processed"]


def test_bare_data_sets_need_an_option(dcmsend: str) -> None:
    names = ("pydicom/ExplVR_BigEndNoMeta.dcm", "pydicom/ExplVR_LitEndNoMeta.dcm", "pydicom/rtstruct.dcm")
    bare = [DATA / name for name in names]
    with recording_scp() as peer:
        assert run(dcmsend, "127.0.0.1", peer.port, *bare).exit_code == 22
        for option in ("+f", "-f"):
            done = run(dcmsend, option, "127.0.0.1", peer.port, *bare)
            assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == 6


def test_closed_port(dcmsend: str) -> None:
    done = run(dcmsend, "127.0.0.1", free_port(), CT, timeout=30)
    assert done.exit_code == 61
    assert "TCP Initialization Error: Connection refused" in done.stderr
    assert done.lines("F")[0].startswith("cannot negotiate network association: ")


def test_unknown_host(dcmsend: str) -> None:
    done = run(dcmsend, "no-such-host.invalid", 104, CT, timeout=60)
    assert done.exit_code == 61
    assert "Attempt to connect to unknown host: no-such-host.invalid" in done.stderr


def test_peer_that_never_answers(dcmsend: str) -> None:
    with ScriptedPeer(Script(associate=Silence())) as peer:
        done = run(dcmsend, "-ta", 2, "127.0.0.1", peer.port, CT, timeout=40)
    assert done.exit_code == 61
    assert "DUL network read timeout" in done.stderr


def test_peer_that_never_accepts_the_connection(dcmsend: str) -> None:
    """The system accepts for it, so only the answer is missing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
        done = run(dcmsend, "-ta", 2, "-to", 2, "127.0.0.1", deaf.getsockname()[1], CT, timeout=40)
    assert done.exit_code == 61


def test_report_over_one_that_may_be_written_but_not_read(dcmsend: str, tmp_path: Path) -> None:
    """As in a drop box, into which one program writes and another one looks."""
    path = tmp_path / "report.txt"
    path.write_text("an old report\n" * 1000)
    path.chmod(0o222)
    with ScriptedPeer() as peer:
        done = run(without_privileges(dcmsend, tmp_path), "+crf", path, "127.0.0.1", peer.port, CT)
    path.chmod(0o644)
    assert done.exit_code == 0, done.stderr
    assert len(parse_report(path.read_text()).entries) == 1


@pytest.mark.parametrize("report", ["no-such-folder/report.txt", "."])
def test_report_that_cannot_be_written(dcmsend: str, tmp_path: Path, report: str) -> None:
    with recording_scp() as peer:
        done = run(dcmsend, "+crf", tmp_path / report, "127.0.0.1", peer.port, CT)
    assert done.exit_code == 43
    assert f"cannot write detailed report to file '{tmp_path / report}'" in done.lines("E")
    assert len(peer.stored) == 1
