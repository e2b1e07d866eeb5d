"""What is wrong beside the instances is known before a connection is opened, and nothing is sent then."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.report.room import LEAST_ROOM
from journal.test_errors import as_nobody, shared
from support.certificates import Certificates
from support.corpus import DATA
from support.run import run
from support.scripted_peer import ScriptedPeer

__all__ = ["shared"]

CT = DATA / "pydicom" / "CT_small.dcm"
WITHOUT_CODECS = """
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "imagecodecs" else found(name, package)
from dcmsend.cli.main import main
sys.exit(main())
"""
WITHOUT_JINJA = "import sys; sys.modules['jinja2'] = None; from dcmsend.cli.main import main; sys.exit(main())"
WITHOUT_ZSTD = """
import sys
sys.modules["zstandard"] = sys.modules["compression.zstd"] = None
from dcmsend.cli.main import main
sys.exit(main())
"""
JOURNAL = ["--journal", "journal"]

FAULTS: dict[str, tuple[int, list[str]]] = {
    "JSON, no directory": (43, ["--report-json", "no/report"]),
    "JSON lines, no directory": (43, ["--report-jsonl", "no/report"]),
    "CSV, a directory": (43, ["--report-csv", "folder"]),
    "HTML, no report": (43, ["--report-html", "text"]),
    "HTML, an input": (43, ["--report-html", "image.dcm"]),
    "text, no directory, beside another": (43, ["+crf", "no/report", "--report-json", "fine"]),
    "text, no directory, with a journal": (43, ["+crf", "no/report", *JOURNAL]),
    "text, no directory, truthful": (43, ["+crf", "no/report", "--require-stored"]),
    "text, a directory, several tries": (43, ["+crf", "folder", "--retry", "1"]),
    "text, an image, several tries": (43, ["+crf", "other.dcm", "--retry", "1"]),
    "text, no directory, with an end": (43, ["+crf", "no/such", "--max-duration", "1h"]),
    "journal, no directory": (104, ["--journal", "no/journal"]),
    "journal, a directory": (104, ["--journal", "folder"]),
    "journal, no journal": (104, ["--journal", "text", "--resume"]),
    "journal, there already": (104, ["--journal", "text"]),
    "move directory, a file": (104, [*JOURNAL, "--move-sent", "text"]),
    "move directory, below a file": (104, [*JOURNAL, "--move-sent", "text/sent"]),
    "move directory, nowhere": (104, [*JOURNAL, "--move-sent", "/proc/sent"]),
    "certificates of nobody": (1, ["+tla", "+cf", "missing"]),
    "certificates that are none": (1, ["+tla", "+cf", "text"]),
    "an empty directory of certificates": (1, ["+tla", "+cd", "folder"]),
    "no key": (1, ["+tls", "missing", "missing"]),
    "a password file": (1, ["-usr", "me", "--password-file", "missing"]),
    "a ticket": (1, ["--jwt", "missing"]),
    "a time of day": (1, ["--stop-at", "25:00"]),
    "no time": (1, ["--max-duration", "0"]),
    "log configuration": (1, ["-lc", "missing"]),
    "metrics, no directory": (43, ["--metrics-file", "no/metrics"]),
    "metrics, no report": (43, ["--metrics-file", "text"]),
    "a name with an unknown field": (1, ["--report-html", "{day}.html"]),
    "a name with an open brace": (1, ["--metrics-file", "{date"]),
    "a timetable": (1, ["--max-rate", "08:00,2M 25:00,off"]),
    "an address of an archive": (1, ["--verify", "--verify-peer", "archive"]),
    "a title of an archive": (1, [*JOURNAL, "--commit", "--commit-from", ""]),
    "a password of a key": (1, ["+tls", "text", "text", "--tls-key-password-file", "missing"]),
    "a list that is not there": (22, ["--files-from", "missing"]),
    "a list that is a directory": (22, ["--files-from0", "folder"]),
    "files of a cluster": (1, [*JOURNAL, "--cluster", "tls://127.0.0.1:9", "--cluster-tls", "text", "text", "text"]),
}

CREDENTIALS: dict[str, list[str]] = {
    "a token of nobody": ["--bearer-file", "missing"],
    "a token that is none": ["--bearer-file", "text"],
    "an empty token": ["--bearer-file", "empty"],
    "too long a token": ["--bearer-file", "long"],
    "no program for a token": ["--bearer-command", "/no/such/program --of-mine"],
    "a program that cannot be run": ["--bearer-command", "./text"],
    "a password of nobody": ["-usr", "me", "--password-file", "missing"],
    "more than a password": ["-usr", "me", "--password-file", "odd"],
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("neither a report nor a journal")
    for name in ("image.dcm", "other.dcm"):
        shutil.copyfile(CT, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("while_scanning", [False, True])
@pytest.mark.parametrize("case", FAULTS)
def test_what_is_wrong_is_known_before(dcmsend: str, place: Path, case: str, while_scanning: bool) -> None:
    code, options = FAULTS[case]
    more = ["--send-while-scanning"] if while_scanning else []
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    with ScriptedPeer() as peer:
        done = run(dcmsend, *options, *more, "127.0.0.1", peer.port, "image.dcm", cwd=place)
    assert done.exit_code == code, done.stderr
    assert not peer.connections
    assert before.items() <= {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}.items()


@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials_for_a_web_service_are_known_before(dcmsend: str, place: Path, case: str) -> None:
    for name, content in (("empty", b" \n"), ("long", b"t" * 70_000), ("odd", b"pass\x01word\n")):
        (place / name).write_bytes(content)
    with ScriptedPeer() as peer:
        done = run(dcmsend, "--stow", f"http://127.0.0.1:{peer.port}/web", *CREDENTIALS[case], "image.dcm", cwd=place)
    assert done.exit_code == 1, done.stderr
    assert not peer.connections


def test_package_for_the_page(place: Path) -> None:
    with ScriptedPeer() as peer:
        argv = ["-c", WITHOUT_JINJA, "--report-html", "page.html", "127.0.0.1", peer.port, "image.dcm"]
        done = run(sys.executable, *argv, cwd=place)
    assert (done.exit_code, len(peer.connections)) == (43, 0)
    assert "pip install jinja2" in done.stderr


def test_key_of_another_certificate(dcmsend: str, place: Path, certificates: Certificates) -> None:
    pairs = [certificates.issue(name, f"{name}.example") for name in ("one", "other")]
    key = next(path for path in pairs[0] if b"PRIVATE KEY" in path.read_bytes())
    certificate = next(path for path in pairs[1] if b"BEGIN CERTIFICATE" in path.read_bytes())
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+tls", key, certificate, "127.0.0.1", peer.port, "image.dcm", cwd=place)
    assert (done.exit_code, len(peer.connections)) == (1, 0), done.stderr


@pytest.mark.parametrize("days", [-1, 30])
def test_certificate_of_ours_that_has_expired(
    dcmsend: str, place: Path, certificates: Certificates, days: int
) -> None:
    key, certificate = certificates.issue(f"ours{days}", "client.example", days=days)
    with ScriptedPeer() as peer:
        options = ["+tls", key, certificate, "-ic", "-ta", "1"]
        done = run(dcmsend, *options, "127.0.0.1", peer.port, "image.dcm", cwd=place)
    if days > 0:
        assert len(peer.connections) == 1  # the peer does not speak TLS
        return
    assert (done.exit_code, len(peer.connections)) == (1, 0)
    assert f"error: Unable to use certificate '{certificate}': it has expired on " in done.stderr


def test_another_report_tells_that_nothing_was_sent(dcmsend: str, place: Path) -> None:
    with ScriptedPeer() as peer:
        arguments = ["+crf", "no/report", "--report-json", "run.json", "127.0.0.1", peer.port, "image.dcm"]
        assert run(dcmsend, *arguments, cwd=place).exit_code == 43
    report = json.loads((place / "run.json").read_text())
    assert (report["exit"]["code"], report["complete"], report["totals"]["stored"]) == (43, False, 0)
    assert not peer.connections


def test_text_report_alone_stays_as_it_is_in_dcmtk(dcmsend: str, place: Path) -> None:
    """Everything is sent, and then the exit code is 43; nothing was tried before."""
    with ScriptedPeer() as peer:
        done = run(dcmsend, "+crf", "no/report", "127.0.0.1", peer.port, "image.dcm", cwd=place)
    assert done.exit_code == 43
    assert len(peer.connections[0].stores) == 1


def test_trying_the_text_report_leaves_nothing(dcmsend: str, place: Path) -> None:
    """Neither a new file nor a changed one, if the run then ends for another reason."""
    (place / "old").write_text("Detailed Report on the Transfer of Instances\nof yesterday")
    for name in ("new", "old"):
        arguments = ["+crf", name, "--journal", "text", "--resume", "127.0.0.1", "9", "image.dcm"]
        assert run(dcmsend, *arguments, cwd=place).exit_code == 104
    assert not (place / "new").exists()
    assert (place / "old").read_text().endswith("of yesterday")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system with less room than a report needs."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    place = folder / "small"
    place.mkdir()
    argv = [mount or "", "-t", "tmpfs", "-o", f"size={LEAST_ROOM // 2}", "dcmsend-test", str(place)]
    if mount is None or umount is None or os.getuid() != 0 or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("PEER MISSING: a small disk: a file system cannot be mounted here (needs root)")
    try:
        yield place
    finally:
        subprocess.run([umount, str(place)], check=True)


@pytest.mark.parametrize(("option", "code"), [("+dly", 1), ("+dls", 0), ("-dn", 0)])
def test_package_for_lossy_images(place: Path, option: str, code: int) -> None:
    """Lossless images may be taken as they are, so without their decoders nothing is known to be impossible."""
    with ScriptedPeer() as peer:
        done = run(sys.executable, "-c", WITHOUT_CODECS, option, "127.0.0.1", peer.port, "image.dcm", cwd=place)
    assert (done.exit_code, len(peer.connections)) == (code, int(code == 0)), done.stderr
    assert ("pip install imagecodecs" in done.stderr) is (option != "-dn")
    assert any("pip install imagecodecs" in line for line in done.lines("W")) is (option == "+dls")


@pytest.mark.parametrize("option", ["+dly", "+dls"])
def test_package_for_images_that_a_web_service_gets(place: Path, option: str) -> None:
    """It takes what it gets: without the package it would be something else than what is asked for."""
    with ScriptedPeer() as peer:
        words = ["-c", WITHOUT_CODECS, option, "--stow", f"http://127.0.0.1:{peer.port}/web", "image.dcm"]
        done = run(sys.executable, *words, cwd=place)
    assert (done.exit_code, len(peer.connections)) == (1, 0), done.stderr
    assert "pip install imagecodecs" in done.stderr


@pytest.mark.parametrize("name", ["in.tar.zst", "IN.TZST", "in.tar.gz"])
@pytest.mark.parametrize("more", [[], ["-nh", "--send-while-scanning"]])
def test_package_for_an_archive_that_is_named(place: Path, name: str, more: list[str]) -> None:
    """As for all packages without which what is asked for cannot be done; an archive is known by its name."""
    (place / name).write_bytes(b"")
    with ScriptedPeer() as peer:
        words = (sys.executable, "-c", WITHOUT_ZSTD, "--archives", *more, "127.0.0.1", peer.port, "image.dcm", name)
        done = run(*words, cwd=place)
    needs = name != "in.tar.gz"
    assert ("pip install zstandard" in done.stderr) is needs
    assert (done.exit_code == 1) is needs
    assert (not peer.connections) is (needs or not more)


@pytest.mark.parametrize("name", ["in.tar.zst", "in.tar.gz"])
@pytest.mark.parametrize("more", [[], ["-nh", "--send-while-scanning"]])
def test_package_for_an_archive_in_a_list(place: Path, name: str, more: list[str]) -> None:
    """A list that can be read twice names archives as parameters do, also one that Windows has written."""
    (place / name).write_bytes(b"")
    (place / "list").write_bytes(b"\xef\xbb\xbfimage.dcm\r\n" + name.encode() + b"\r\n")
    with ScriptedPeer() as peer:
        words = ["--archives", *more, "--files-from", "list", "127.0.0.1", str(peer.port)]
        done = run(sys.executable, "-c", WITHOUT_ZSTD, *words, cwd=place)
    needs = name == "in.tar.zst"
    assert ("what is in in.tar.zst" in done.stderr and "pip install zstandard" in done.stderr) is needs
    assert (done.exit_code == 1) is needs
    assert (not peer.connections) is (needs or not more)


@pytest.mark.parametrize("option", ["+dly", "+dls", "-dn"])
def test_no_room_for_decompressed_images(dcmsend: str, place: Path, option: str) -> None:
    """A warning before the connection: whether the receiver wants them decompressed is not known before."""
    with small_disk(place) as disk, ScriptedPeer() as peer:
        environment = {"TMPDIR": str(disk)}
        done = run(dcmsend, option, "127.0.0.1", peer.port, "image.dcm", cwd=place, environment=environment)
        told = f"there is no room for temporary files in '{disk}'"
        assert (done.exit_code, len(peer.connections)) == (0, 1)
        assert any(told in line for line in done.lines("W")) is (option != "-dn")


@pytest.mark.parametrize("options", [["--report-json"], ["--retry", "1", "+crf"]], ids=["ours", "DCMTK's"])
@pytest.mark.parametrize("what", ["the report", "temporary files"])
def test_no_room(dcmsend: str, place: Path, what: str, options: list[str]) -> None:
    with small_disk(place) as disk, ScriptedPeer() as peer:
        report, environment = (disk / "run.json", {}) if what == "the report" else ("run.json", {"TMPDIR": str(disk)})
        arguments = [*options, report, "127.0.0.1", peer.port, "image.dcm"]
        done = run(dcmsend, *arguments, cwd=place, environment=environment)
        assert (done.exit_code, len(peer.connections)) == (43, 0)
        assert f"there is no room for {what} in '{disk}'" in done.stderr


def test_no_room_for_what_a_page_on_standard_output_keeps(dcmsend: str, place: Path) -> None:
    with small_disk(place) as disk, ScriptedPeer() as peer:
        arguments = ["--report-html", "-", "127.0.0.1", peer.port, "image.dcm"]
        done = run(dcmsend, *arguments, cwd=place, environment={"TMPDIR": str(disk)})
        assert (done.exit_code, len(peer.connections)) == (43, 0)
        assert f"there is no room for temporary files in '{disk}'" in done.stderr


def test_directories_without_rights(shared: Path) -> None:
    shutil.copyfile(CT, shared / "image.dcm")
    for name in ("closed", "open"):
        (shared / name).mkdir()
    (shared / "open").chmod(0o777)
    journal = ["--journal", shared / "open" / "journal"]
    with ScriptedPeer() as peer:
        for code, options in (
            (43, ["--report-json", shared / "closed" / "report"]),
            (43, ["+crf", shared / "closed" / "report", "--require-stored"]),
            (104, [*journal, "--move-sent", shared / "closed" / "sent"]),
            (104, [*journal, "--resume", "--move-sent", shared / "closed"]),
        ):
            done = as_nobody(*options, "127.0.0.1", str(peer.port), shared / "image.dcm")
            assert done.exit_code == code, (options, done.stderr)
    assert not peer.connections


def test_a_folder_without_rights_is_no_broken_file(shared: Path) -> None:
    for name in ("in/closed", "in/open"):
        (shared / name).mkdir(parents=True)
    shutil.copyfile(CT, shared / "in" / "open" / "image.dcm")
    (shared / "in" / "closed").chmod(0o700)
    with ScriptedPeer() as peer:
        done = as_nobody("+sd", "+r", "-nh", "--require-stored", "127.0.0.1", str(peer.port), shared / "in")
    assert done.exit_code == 102
    assert "    not sent      1 folder -> manual action" in done.stderr.splitlines()
    assert "broken" not in done.stderr
