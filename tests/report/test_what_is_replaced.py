"""Whose place a report takes: that of an earlier report, never that of an image, of another file, of another user's."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.errors import ReportError
from dcmsend.report.report_file import ReportFile
from support.peer_script import Reject, Script
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

CT = Path(__file__).parents[1] / "data" / "pydicom" / "CT_small.dcm"
OPTIONS = {"--report-json": "r.json", "--report-jsonl": "r.jsonl", "--report-csv": "r.csv", "--report-html": "r.html"}
ALL = [word for pair in OPTIONS.items() for word in pair]
STRANGER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="PEER MISSING: another user: only root can be two")


@pytest.fixture
def peer() -> Iterator[ScriptedPeer]:
    with ScriptedPeer() as peer:
        yield peer


def bare_data_set() -> bytes:
    """A data set without a meta header, that of the image."""
    content = CT.read_bytes()
    start = content.index(b"\x08\x00\x05\x00CS")
    return content[start:]


def send(folder: Path, peer: ScriptedPeer, *arguments: str | Path) -> Run:
    return run(installed_dcmsend(), "127.0.0.1", peer.port, *arguments, cwd=folder)


def check_refused(done: Run, peer: ScriptedPeer, name: str, reason: str) -> None:
    assert done.exit_code == 43, done.stderr
    assert done.lines("E") == [
        f"cannot write detailed report to file '{name}'", reason, "nothing is sent; name another file for the report"
    ]
    assert peer.connections == []


@pytest.mark.parametrize("option", OPTIONS)
def test_earlier_reports_are_replaced(tmp_path: Path, peer: ScriptedPeer, option: str) -> None:
    """By one of any form, those of an older program, empty files, and what was cut off in the first line too."""
    assert send(tmp_path, peer, *ALL, CT).exit_code == 0
    earlier = {name: (tmp_path / name).read_bytes() for name in OPTIONS.values()}
    earlier |= {"empty": b"", "cut off": earlier["r.jsonl"][:20]}
    lines = earlier["r.html"].splitlines(keepends=True)
    earlier["older page"] = b"".join(line for line in lines if b'"generator"' not in line)
    for content in earlier.values():
        (tmp_path / "report").write_bytes(content)
        done = send(tmp_path, peer, option, "report", CT)
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / "report").read_bytes() not in (b"", content)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    "content",
    [
        b"notes", b"<!DOCTYPE html>\n<html><head><title>Letters - dcmsend</title></head></html>",
        b'{"program": "other"}', b"index,path\n1,x\n", bare_data_set(), bytes(200),
        b'{"type": "start", "program": "dcmsend 9"}',
    ],
    ids=["text", "page", "json", "csv", "bare data set", "zeros", "half a mark"],
)  # fmt: skip
def test_other_files_stay(tmp_path: Path, peer: ScriptedPeer, option: str, content: bytes) -> None:
    (tmp_path / "mine").write_bytes(content)
    is_image = content == bare_data_set()
    reason = "there is a file that is no report of an earlier run"
    if is_image:
        reason = "it is a DICOM file, which no report overwrites"
    for name, mode in (("mine", ()), ("./mine", ()), ("mine", ("--dry-run",))):
        check_refused(send(tmp_path, peer, *mode, option, name, CT), peer, name, reason)
    assert (tmp_path / "mine").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("way", ["itself", "link", "hard link"])
def test_a_file_to_be_sent_stays(tmp_path: Path, peer: ScriptedPeer, option: str, way: str) -> None:
    """Also an empty one, which would be no loss, and an earlier report."""
    (tmp_path / "named").touch()
    name = "named" if way == "itself" else "way"
    if way == "link":
        (tmp_path / "way").symlink_to("named")
    elif way == "hard link":
        os.link(tmp_path / "named", tmp_path / "way")
    for mode in ((), ("--dry-run",)):
        done = send(tmp_path, peer, *mode, "-nh", option, name, CT, "named")
        check_refused(done, peer, name, "it is one of the files to be sent, which no report overwrites")
    assert (tmp_path / "named").read_bytes() == b""


@pytest.mark.parametrize("mode", [("+f",), ("-f",)], ids=" ".join)
@pytest.mark.parametrize("ending", ["", ".partial"], ids=["complete", "partial"])
def test_crf_keeps_bare_data_sets(tmp_path: Path, mode: tuple[str, ...], ending: str) -> None:
    place = tmp_path / f"image{ending}"
    place.write_bytes(bare_data_set())
    script = Script(associate=Reject(1, 1, 1)) if ending else Script()
    with ScriptedPeer(script) as peer:
        done = send(tmp_path, peer, *mode, "+crf", "image", place)
    assert place.read_bytes() == bare_data_set()
    assert done.exit_code == (61 if ending else 43), done.stderr
    assert f"cannot write detailed report to file '{place.name}'" in done.lines("E")
    assert len(peer.stores) == (0 if ending else 1)


def test_crf_keeps_inputs_that_do_not_look_like_images(tmp_path: Path, peer: ScriptedPeer) -> None:
    """By whatever name they are found."""
    image = tmp_path / "in" / "image"
    image.parent.mkdir()
    content = b"\x10\x00\x10\x00PN\x04\x00A^B " + bare_data_set()  # begins with the patient's name
    image.write_bytes(content)
    os.link(image, tmp_path / "report")
    done = send(tmp_path, peer, "-f", "-nh", "+sd", "+crf", "report", "in", CT)
    assert done.exit_code == 43, done.stderr
    assert "it is one of the files to be sent, which no report overwrites" in done.lines("E")
    assert image.read_bytes() == content


@pytest.mark.parametrize("night", [1, 2])
@pytest.mark.parametrize("words", [("study.zip",), ("+sd", ".")], ids=["named", "found"])
def test_crf_keeps_an_archive_that_is_an_input(
    tmp_path: Path, peer: ScriptedPeer, words: tuple[str, ...], night: int
) -> None:
    """Also on the second night, when its members are stored already."""
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(CT, "a.dcm")
    content = archive.read_bytes()
    options = ("--archives", "--journal", tmp_path.with_suffix(".journal"), "--resume")
    if night == 2:
        assert send(tmp_path, peer, *options, *words).exit_code == 0
    done = send(tmp_path, peer, *options, "+crf", "study.zip", *words)
    assert archive.read_bytes() == content
    assert done.exit_code == 43, done.stderr
    assert "it is one of the files to be sent, which no report overwrites" in done.lines("E")
    assert len(peer.stores) == 1


def test_crf_keeps_an_archive_that_is_left_to_a_later_run(tmp_path: Path, peer: ScriptedPeer) -> None:
    image, archive = tmp_path / "x.dcm", tmp_path / "study.zip"
    image.write_bytes(CT.read_bytes())
    os.utime(image, (1e9, 1e9))
    with zipfile.ZipFile(archive, "w") as file:
        file.write(CT, "a.dcm")
    content = archive.read_bytes()
    done = send(tmp_path, peer, "--archives", "--min-age", "3600", "+sd", ".", "+crf", "study.zip")
    assert (done.exit_code, archive.read_bytes()) == (43, content)


def test_crf_keeps_a_named_file_that_is_left_to_another_shard(tmp_path: Path, peer: ScriptedPeer) -> None:
    for name in "abcdefgh":
        (tmp_path / name).write_bytes(b"notes")
        done = send(tmp_path, peer, "-nh", "--shard", "1/2", "+crf", name, CT, name)
        assert done.exit_code == 43, done.stderr
        assert (tmp_path / name).read_bytes() == b"notes"


def test_crf_replaces_what_dcmtk_would(tmp_path: Path, peer: ScriptedPeer) -> None:
    for content in ("notes", "Detailed Report on the Transfer of Instances\n" + "=" * 1000, ""):
        (tmp_path / "report").write_text(content)
        done = send(tmp_path, peer, "+sd", "-nh", "+crf", "report", CT, "report" if content != "notes" else CT)
        assert done.exit_code == 0, done.stderr
        assert (tmp_path / "report").read_text().count("\nNumber ") >= 1


def test_partial_report_takes_the_place_of_reports_only(tmp_path: Path) -> None:
    with ScriptedPeer(Script(associate=Reject(1, 1, 1))) as peer:
        for content, is_kept in (("notes", True), ("Detailed Report on the Transfer of Instances\n=", False)):
            (tmp_path / "r.partial").write_text(content)
            done = send(tmp_path, peer, "+crf", "r", CT)
            assert done.exit_code == 61
            assert ((tmp_path / "r.partial").read_text() == content) is is_kept


@needs_root
@pytest.mark.parametrize("option", [*OPTIONS, "+crf"])
@pytest.mark.parametrize("target", ["victim", "nothing there"])
def test_no_report_goes_through_a_link_of_another_user(
    tmp_path: Path, peer: ScriptedPeer, option: str, target: str
) -> None:
    victim = tmp_path / "private"
    victim.mkdir()
    (victim / "victim").touch()
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "r").symlink_to(victim / target)
    os.lchown(shared / "r", STRANGER, STRANGER)
    done = send(tmp_path, peer, option, "shared/r", CT)
    assert done.exit_code == 43
    assert "a link of another user leads there, which no report follows" in done.lines("E")
    assert len(peer.stores) == (option == "+crf")
    assert [path.name for path in victim.iterdir()] == ["victim"]
    assert (victim / "victim").read_bytes() == b""


@needs_root
@pytest.mark.parametrize("option", [*OPTIONS, "+crf"])
def test_no_report_goes_into_a_directory_by_a_link_of_another_user(
    tmp_path: Path, peer: ScriptedPeer, option: str
) -> None:
    for name in ("private", "shared"):
        (tmp_path / name).mkdir()
    (tmp_path / "shared").chmod(0o777)
    (tmp_path / "shared" / "way").symlink_to(tmp_path / "private")
    os.lchown(tmp_path / "shared" / "way", STRANGER, STRANGER)
    assert send(tmp_path, peer, option, "shared/way/r", CT).exit_code == 43
    assert list((tmp_path / "private").iterdir()) == []
    (tmp_path / "shared").chmod(0o755)  # now only its owner can have laid the link
    assert send(tmp_path, peer, option, "shared/way/r", CT).exit_code == 0


@needs_root
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("content", ["", "{"], ids=["empty", "begun"])
def test_a_file_of_another_user_stays(tmp_path: Path, peer: ScriptedPeer, option: str, content: str) -> None:
    (tmp_path / "r").write_text(content)
    os.chown(tmp_path / "r", STRANGER, STRANGER)
    (tmp_path / "r").chmod(0o666)
    check_refused(send(tmp_path, peer, option, "r", CT), peer, "r", "it belongs to another user")
    status = (tmp_path / "r").stat()
    assert ((tmp_path / "r").read_text(), status.st_uid, stat.S_IMODE(status.st_mode)) == (content, STRANGER, 0o666)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


@needs_root
def test_a_pipe_of_another_user_in_a_shared_directory(tmp_path: Path, peer: ScriptedPeer) -> None:
    tmp_path.chmod(0o777)
    os.mkfifo(tmp_path / "r")
    os.chown(tmp_path / "r", STRANGER, STRANGER)
    assert send(tmp_path, peer, "--report-csv", "r", CT).exit_code == 43


@pytest.mark.parametrize("option", OPTIONS)
def test_an_earlier_report_that_is_kept_under_a_second_name(tmp_path: Path, peer: ScriptedPeer, option: str) -> None:
    """As backups with hard links do."""
    assert send(tmp_path, peer, option, "r", CT).exit_code == 0
    os.link(tmp_path / "r", tmp_path / "kept")
    kept = (tmp_path / "kept").read_bytes()
    assert send(tmp_path, peer, option, "r", CT).exit_code == 0
    assert (tmp_path / "kept").read_bytes() == kept != (tmp_path / "r").read_bytes()


@pytest.mark.parametrize("option", OPTIONS)
def test_an_empty_file_that_has_a_second_name(tmp_path: Path, peer: ScriptedPeer, option: str) -> None:
    """Another user may have given it that name, to read there what will be written."""
    (tmp_path / "r").touch()
    os.link(tmp_path / "r", tmp_path / "kept")
    assert send(tmp_path, peer, option, "r", CT).exit_code == 0
    assert (tmp_path / "kept").read_bytes() == b"" != (tmp_path / "r").read_bytes()


def test_json_lines_reach_who_has_the_file_open(tmp_path: Path, peer: ScriptedPeer) -> None:
    with open(tmp_path / "r", "w+") as file:
        assert send(tmp_path, peer, "--report-jsonl", "r", CT).exit_code == 0
        assert [json.loads(line)["type"] for line in file] == ["start", "outcome", "summary"]


@pytest.mark.parametrize("option", [*OPTIONS, "+crf"])
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_what_is_open_already_is_written_to(tmp_path: Path, peer: ScriptedPeer, option: str, name: str) -> None:
    """What others have written there stays, also in a file."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    shown = tmp_path / "shown"
    command = f"echo before; {installed_dcmsend()} 127.0.0.1 {peer.port} {option} {name} {CT}; echo after"
    with open(shown, "w") as file:
        subprocess.run(["/bin/sh", "-c", command], stdout=file, check=True, cwd=tmp_path)
    text = shown.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert len(text) > 200
    assert {path.name for path in tmp_path.iterdir()} == {"link", "shown"}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize(
    ("name", "mode"), [("-", "r+b"), ("-", "ab"), ("/dev/stdout", "ab"), ("/proc/self/fd/1", "r+b")]
)
def test_an_image_that_is_open_already_is_not_written_to(
    tmp_path: Path, peer: ScriptedPeer, option: str, name: str, mode: str
) -> None:
    for content in (CT.read_bytes(), bare_data_set()):
        (tmp_path / "image").write_bytes(content)
        with open(tmp_path / "image", mode) as image:
            words = [str(installed_dcmsend()), "127.0.0.1", str(peer.port), option, name, "image"]
            done = subprocess.run(words, stdout=image, stderr=subprocess.PIPE, cwd=tmp_path)
        assert done.returncode == 43, done.stderr
        assert b"it is a DICOM file, which no report overwrites" in done.stderr
        assert (tmp_path / "image").read_bytes() == content
    assert peer.connections == []


@pytest.mark.parametrize("option", [*OPTIONS, "+crf"])
def test_pipes_are_written_to(tmp_path: Path, peer: ScriptedPeer, option: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert send(tmp_path, peer, option, "pipe", CT).exit_code == 0
    reader.join(30)
    assert got[0].strip()
    command = f"{installed_dcmsend()} 127.0.0.1 {peer.port} {option} >(cat > there) {CT}; wait $!"
    subprocess.run([shutil.which("bash") or "bash", "-c", command], check=True, cwd=tmp_path)
    assert (tmp_path / "there").read_text().strip()
    assert send(tmp_path, peer, option, "/dev/null", CT).exit_code == 0


@pytest.mark.parametrize("there", ["image", "link", "directory", "pipe"])
def test_what_has_come_to_the_place_meanwhile_stays(tmp_path: Path, there: str) -> None:
    """The report is kept beside it, and told."""
    report, place = ReportFile(str(tmp_path / "r")), tmp_path / "r"
    if there == "image":
        shutil.copy(CT, place)
    elif there == "link":
        place.symlink_to("elsewhere")
    elif there == "directory":
        place.mkdir()
    else:
        os.mkfifo(place)
    report.write("text")
    with pytest.raises(ReportError) as caught:
        report.close()
    (beside,) = tmp_path.glob("r.*.tmp")
    assert beside.read_text() == "text"
    assert caught.value.reason.endswith(f"; the report is in '{beside}'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r", beside.name]


def test_a_directory_that_is_replaced_meanwhile(tmp_path: Path) -> None:
    """Nothing is written into the other one, wherever a link leads."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "victim").mkdir()
    report = ReportFile(str(tmp_path / "reports" / "r"))
    (tmp_path / "reports").rename(tmp_path / "moved")
    (tmp_path / "reports").symlink_to("victim")
    report.write("text")
    with pytest.raises(ReportError, match="cannot write") as caught:
        report.close()
    assert "moved or replaced" in caught.value.reason
    assert list((tmp_path / "victim").iterdir()) == []
    assert (tmp_path / "moved" / "r").read_text() == "text"


def test_temporary_files_are_never_anothers(tmp_path: Path) -> None:
    """Two runs with one process number, as in containers."""
    reports = [ReportFile(str(tmp_path / "r")) for _ in range(50)]
    assert len(list(tmp_path.glob("r.*.tmp"))) == 50
    for report in reports:
        report.close()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_report_that_grows_belongs_to_one_run(tmp_path: Path) -> None:
    """Another run is refused while it grows, whether the file was there before or not, and takes it afterwards."""
    place = tmp_path / "r"
    for number in range(2):
        line = f'{{"type": "start", "schema_version": "1.0", "program": "dcmsend {number}"}}\n'
        report = ReportFile(str(place), is_streamed=True)
        report.write(line)
        report.flush()
        with pytest.raises(ReportError) as caught:
            ReportFile(str(place), is_streamed=True)
        assert caught.value.reason == "another run is writing it"
        assert place.read_text() == line
        report.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_report_that_grows_is_free_when_its_process_ends_whatever_it_has_forked(tmp_path: Path) -> None:
    program = (
        "import os, sys; from dcmsend.report.report_file import ReportFile\n"
        "report = ReportFile(sys.argv[1], is_streamed=True)\n"
        "reader, writer = os.pipe()\n"
        "if not os.fork(): os.write(writer, b'x'); sys.stdin.read(); os._exit(0)\n"
        "os.read(reader, 1)\n"  # the child has done what it does after a fork
        "os._exit(0)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path / "r")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:  # the child has a copy of the standard input
        assert process.wait(60) == 0
        ReportFile(str(tmp_path / "r"), is_streamed=True).close()


def test_a_link_that_leads_to_itself(tmp_path: Path, peer: ScriptedPeer) -> None:
    (tmp_path / "r").symlink_to("r")
    for option in (*OPTIONS, "+crf"):
        assert send(tmp_path, peer, option, "r", CT).exit_code == 43
