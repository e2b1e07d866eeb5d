"""Whole runs without what Linux alone has: receiver, reports, journal and exit code are the same as with it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.runs import outcomes
from support.archive import commitment_archive
from support.certificates import Certificates
from support.http_wire import response
from support.other_system import SYSTEMS
from support.peer_script import Abort, Respond, Script, prefer
from support.peer_script import Accept as AcceptAssociation
from support.ports import free_port
from support.processes import wait_until
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.scripted_web_server import ScriptedWebServer, WebRequest, store_all
from support.sending import write_instances, write_large
from support.series_files import write_series
from support.tar_files import compress, tar_of
from support.tls_peers import TlsFront, server_context

from .both import Course, Start, as_on, process_on, received, report_of, text_of

DATA = Path(__file__).parents[1] / "data" / "pydicom"
IN_1601 = -11_644_473_600 * 10**9
"""The time of a file, in nanoseconds, for which Windows keeps nothing but zeros."""
IMPLICIT_LITTLE, EXPLICIT_LITTLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
CALL = ("-aet", "OURS", "-aec", "THEIRS", "127.0.0.1")

Scenario = Callable[[Start, Path], Course]


OTHERS = [pytest.param(name, marks=pytest.mark.sources) for name in SYSTEMS]


@pytest.fixture(params=OTHERS)
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def agree(scenario: Scenario, system: str, folder: Path) -> Course:
    """Play a scenario on both systems; both must end in the same way."""
    courses = []
    for name in ("linux", system):
        place = folder / name
        place.mkdir()
        courses.append(scenario(as_on(name), place))
    assert courses[1] == courses[0]
    return courses[1]


def begin_as_text(paths: list[Path]) -> None:
    """Have files begin with what a descriptor for text would change: a line end, and the end of a text."""
    for path in paths:
        path.write_bytes(b"a\r\n\x1a" + path.read_bytes()[4:])


def test_files_and_every_report(system: str, tmp_path: Path) -> None:
    def scenario(start: Start, folder: Path) -> Course:
        write_instances(folder / "in" / "deep", 3)
        write_large(folder / "in" / "large.dcm", 3_000_000)
        (folder / "in" / "note.txt").write_text("no image\r\n\x1a\r\n")
        course = Course()
        with ScriptedPeer(Script(stores={2: Respond(0xA700)})) as peer:
            for number in range(2):  # the second one replaces all reports, but for what has a second name
                if number:
                    os.link(folder / "r.jsonl", folder / "kept")
                done = start(
                    "-v", "-nh", "+crf", "r.txt", "--report-json", "r.json", "--report-csv", "r.csv", "--report-html",
                    "r.html", "--report-jsonl", "r.jsonl", "--metrics-file", "r.prom", "+sd", "+r", *CALL, peer.port,
                    "in", cwd=folder,
                )  # fmt: skip
                course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        course.reports = [report_of(folder / "r.json", peer.port), text_of(folder / "r.txt", peer.port)]
        course.reports += [(folder / name).read_text().count("\n") for name in ("kept", "r.jsonl")]
        course.files = sorted(path.name for path in folder.iterdir())
        return course

    course = agree(scenario, system, tmp_path)
    assert len(course.received) == 8
    assert not os.path.samefile(tmp_path / system / "kept", tmp_path / system / "r.jsonl")
    assert course.files == ["in", "kept", "r.csv", "r.html", "r.json", "r.jsonl", "r.prom", "r.txt"]


def test_files_of_others_stay(system: str, tmp_path: Path) -> None:
    """What is no report is not replaced; an image never is, a directory cannot be."""

    def scenario(start: Start, folder: Path) -> Course:
        write_instances(folder / "in", 1)
        image = write_instances(folder / "other", 1, first=5)[0]
        begin_as_text([image])
        (folder / "letter").write_text("dear reader")
        course = Course()
        with ScriptedPeer() as peer:
            for option, name in (("--report-json", "letter"), ("+crf", image), ("+crf", "in/000001.dcm"),
                                 ("--report-csv", "in"), ("--report-html", "nowhere/r.html"),
                                 ("--report-jsonl", "letter"), ("+crf", "new/")):  # fmt: skip
                done = start(option, name, "+sd", *CALL, peer.port, "in", cwd=folder)
                course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        course.files = [(folder / "letter").read_text(), image.read_bytes().hex()]
        return course

    course = agree(scenario, system, tmp_path)
    assert set(course.exit_codes) <= {43}
    assert course.files[0] == "dear reader"


def test_two_nights_with_a_journal(system: str, tmp_path: Path) -> None:
    """The first night is refused in part; the second sends the rest, what is new, and moves what is stored."""

    def scenario(start: Start, folder: Path) -> Course:
        paths = write_instances(folder / "in", 4)
        begin_as_text(paths)
        for number, path in enumerate(paths):
            os.utime(path, ns=(10**18, 10**18 if number else IN_1601))
        words = ("-nh", "--journal", "in/j", "--resume", "--report-json", "r.json", "+sd", "+r", "--min-age", "1s")
        move = ("--move-sent", "sent")
        course = Course()
        with ScriptedPeer(Script(stores={3: Respond(0xA700)}), Script()) as peer:
            course.exit_codes.append(start(*words, *CALL, peer.port, "in", cwd=folder).exit_code)
            for path in write_instances(folder / "in", 2, first=8):
                os.utime(path, (10**9, 10**9))
            for _ in range(2):
                done = start(*words, *move, *CALL, peer.port, "in", cwd=folder)
                course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        course.reports = [report_of(folder / "r.json", peer.port), outcomes(folder / "in" / "j")]
        shown = start("--list", "--format", "json", "in/j", program="dcmsend-journal", cwd=folder)
        course.exit_codes.append(shown.exit_code)
        course.files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return course

    course = agree(scenario, system, tmp_path)
    assert len(course.received) == 7
    assert [name for name in course.files if name.startswith("in")] == ["in", "in/j"]
    assert len([name for name in course.files if name.startswith("sent/")]) == 6
    kept = os.stat(tmp_path / "linux" / "sent" / "000001.dcm").st_mtime_ns
    assert kept == os.stat(tmp_path / system / "sent" / "000001.dcm").st_mtime_ns < 0


def test_archives_on_several_associations(system: str, tmp_path: Path) -> None:
    """Members that are inflated into files without a name are read by several threads."""

    def scenario(start: Start, folder: Path) -> Course:
        paths = write_instances(folder / "made", 3)
        paths += [write_large(folder / "made" / f"{number}.dcm", 2_000_000 + number, number) for number in (70, 71)]
        (folder / "in").mkdir()
        with zipfile.ZipFile(folder / "in" / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, f"z/{path.name}")
        members = {f"t/{path.name}": path.read_bytes().replace(b".40.", b".41.") for path in paths}
        (folder / "in" / "b.tar.gz").write_bytes(compress(tar_of(members), "gz"))
        (folder / "in" / "c.tar").write_bytes(tar_of({f"u/{name}": data.replace(b".41.", b".42.")
                                                      for name, data in members.items()}))  # fmt: skip
        course = Course()
        with ScriptedPeer() as peer:
            done = start("--archives", "--parallel-associations", 3, "+sd", *CALL, peer.port, "in", cwd=folder)
            course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes, len(course.received)) == ([0], 15)


def test_decompression(system: str, tmp_path: Path) -> None:
    """Pixels are decoded into a temporary file, deflated data sets are inflated."""

    def scenario(start: Start, folder: Path) -> Course:
        (folder / "in").mkdir()
        for name in ("MR_small_RLE.dcm", "SC_rgb_rle_2frame.dcm", "image_dfl.dcm", "MR_small_bigendian.dcm"):
            shutil.copy(DATA / name, folder / "in" / name)
        course = Course()
        with ScriptedPeer(Script(AcceptAssociation(prefer(EXPLICIT_LITTLE, IMPLICIT_LITTLE)))) as peer:
            done = start("--decompress-lossless", "+sd", "-nh", *CALL, peer.port, "in", cwd=folder)
            course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes, len(course.received)) == ([0], 4)


def test_retries_and_a_peer_that_is_gone(system: str, tmp_path: Path) -> None:
    def scenario(start: Start, folder: Path) -> Course:
        write_instances(folder / "in", 3)
        words = ("--retry", 1, "--retry-delay", 0, "--report-json", "r.json", "+sd")
        course = Course()
        with ScriptedPeer(Script(stores={2: Abort()}), Script()) as peer:
            course.exit_codes.append(start(*words, *CALL, peer.port, "in", cwd=folder).exit_code)
            course.reports.append(report_of(folder / "r.json", peer.port))
        course.received = received(peer)
        gone = free_port()
        lost = start("--report-json", "r.json", "+sd", *CALL, gone, "in", cwd=folder)
        course.exit_codes.append(lost.exit_code)
        course.reports.append([line.replace(str(gone), "(port)") for line in lost.stderr.splitlines()])
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes[0], len({uid for uid, _ in course.received})) == (0, 3)
    assert "Connection refused" in "\n".join(course.reports[1])


def test_tls(system: str, tmp_path: Path, certificates: Certificates) -> None:
    def scenario(start: Start, folder: Path) -> Course:
        write_instances(folder / "in", 2)
        course = Course()
        context = server_context(certificates.server_key, certificates.server)
        with ScriptedPeer() as peer, TlsFront(context, peer.port) as front:
            done = start("+tla", "+cf", certificates.ca, "+sd", *CALL, front.port, "in", cwd=folder)
            course.exit_codes.append(done.exit_code)
        course.received = received(peer)
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes, len(course.received)) == ([0], 2)


def test_a_web_service_with_a_token_from_a_command(system: str, tmp_path: Path) -> None:
    """The first token is refused, and the command runs again."""

    def scenario(start: Start, folder: Path) -> Course:
        write_instances(folder / "in", 3)
        write_large(folder / "in" / "large.dcm", 3_000_000)
        (folder / "token.py").write_text("open('runs', 'a').write('x'); print('t' + open('runs').read())")
        command = f"{sys.executable} token.py"

        def refuse_one(request: WebRequest) -> bytes:
            is_first = request.head.headers["authorization"] == "Bearer tx"
            return response(401, b"", None) if is_first else store_all(request)

        course = Course()
        with ScriptedWebServer(refuse_one) as server:
            done = start("--stow", server.url, "--bearer-command", command, "+sd", "in", cwd=folder)
            course.exit_codes.append(done.exit_code)
        course.received = sorted(part for request in server.requests[1:] for part in request.parts)
        course.reports = [(folder / "runs").read_text()]
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes, course.reports, len(course.received)) == ([0], ["xx"], 4)


@pytest.mark.peer("pynetdicom")
def test_proof(system: str, tmp_path: Path) -> None:
    """The archive is asked for what it has, and only then the files are moved."""

    def scenario(start: Start, folder: Path) -> Course:
        write_series(folder / "in", [("1.2.3", f"1.2.3.{number % 2}") for number in range(4)])
        words = ("--verify", "--journal", "j", "--report-json", "r.json", "--move-sent", "sent", "+sd")
        course = Course()
        with commitment_archive() as archive:
            done = start(*words, "-aet", "OURS", "-aec", "ARCHIVE", "127.0.0.1", archive.port, "in", cwd=folder)
            course.exit_codes.append(done.exit_code)
            course.received = [*archive.stores, len(archive.queries)]
        course.reports = [report_of(folder / "r.json", archive.port)]
        course.files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        return course

    course = agree(scenario, system, tmp_path)
    assert (course.exit_codes, course.received[-1]) == ([0], 2)
    assert len([name for name in course.files if name.startswith("sent/")]) == 4


@pytest.mark.parametrize("name", ["linux", *OTHERS])
def test_interrupted(name: str, tmp_path: Path) -> None:
    """The answer that is due is still taken, the rest is left, and the report says so."""
    write_instances(tmp_path / "in", 300)
    report = tmp_path / "r.json"
    with ScriptedPeer(Script(other_stores=Respond(delay=0.05))) as peer:  # time enough for a signal on a busy machine
        process = process_on(name, "--report-json", report, "+sd", *CALL, peer.port, tmp_path / "in")
        try:
            wait_until(lambda: len(peer.stores) >= 2, 60, "the second instance")
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert process.returncode == 130, errors
    found = [each["outcome"] for each in report_of(report, peer.port)["instances"]]
    count = len(received(peer))
    assert 2 <= count < 300
    assert sorted(found) == ["not_attempted"] * (300 - count) + ["stored"] * count
    assert peer.connections[0].course[-2:-1] == ["release"], peer.connections[0].course[-5:]


def test_the_simulation_takes_away(system: str) -> None:
    """What is not there any more cannot have been used; and the same names are there without the simulation."""
    taken = {"macos": ("memfd_create", "preadv", "O_PATH"), "windows": ("geteuid", "pread", "O_NOFOLLOW", "statvfs")}
    assert all(hasattr(os, name) for names in taken.values() for name in names)
    program = (
        f"from support.other_system import pretend; pretend({system!r}); import os, sys\n"
        f"assert not any(hasattr(os, name) for name in {taken[system]!r}), 'still there'\n"
        "from dcmsend.report import place; print(place._HAS_DESCRIPTORS, sys.platform)"
    )
    done = run(sys.executable, "-c", program, environment={"PYTHONPATH": str(Path(__file__).parents[1])})
    assert done.stdout.split() == {"macos": ["True", "darwin"], "windows": ["False", "win32"]}[system], done.stderr
