"""What the documentation shows works, and what it points to exists."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tomllib
from pathlib import Path

import pytest

import dcmsend as dcmsend_package
from dcmsend.cli.exit_code import ExitCode
from dcmsend.cli.option_table import OPTIONS
from support.certificates import Certificates
from support.corpus import DATA
from support.discarding_peer import DiscardingPeer
from support.peer_script import Abort, Accept, Close, Reject, Respond, Script, Silence, refuse
from support.peers import dcmqrscp, storescp
from support.ports import free_port
from support.programs import dcmtk_program
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.tls_peers import tls_storescp
from support.wire import ProposedContext

ROOT = Path(__file__).parent.parent
CT = DATA / "pydicom" / "CT_small.dcm"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "changes" / "README.md", DATA / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["security.md", "reliability.md"])
def test_promises_are_kept_by_tests_that_exist(page: str) -> None:
    """Each row of a table of promises names files, tests in files, or tests by their name alone."""
    everywhere = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    tables = re.findall(r"^\| promise \| kept by \|\n\| --- \| --- \|\n((?:\|.*\n)+)", _text(page), flags=re.MULTILINE)
    promises = re.findall(r"^\| (.*) \| (.*) \|$", "".join(tables), flags=re.MULTILINE)
    assert len(promises) > 10
    for promise, kept in promises:
        names = re.findall(r"`((?:tests/|test_).*?)`", kept)
        assert names, promise
        for name in names:
            file, _, function = name.rpartition("::") if "::" in name else ("", "", name)
            if function.startswith("tests/"):
                assert (ROOT / function).exists(), function
                continue
            text = (ROOT / file).read_text(encoding="utf-8") if file else everywhere
            assert f"def {function}(" in text, name


def test_every_decision_is_listed() -> None:
    pages = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert re.findall(r"^\* \[.*?\]\((.*?)\)$", _text("decisions/index.md"), flags=re.MULTILINE) == pages


def test_every_public_name_is_in_the_reference() -> None:
    shown = re.findall(r"^::: dcmsend\.(\w+)$", _text("library-reference.md"), flags=re.MULTILINE)
    assert sorted([*shown, "DcmsendError", "__version__"]) == sorted([*dcmsend_package.__all__, "errors"])


def test_library_example(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    with DiscardingPeer() as peer:
        for shown, real in {
            '"pacs.example.org", 104': f'"127.0.0.1", {peer.port}',
            '"/data/study"': repr(str(DATA / "fileset" / "77654033")),
            '"one.dcm"': repr(str(DATA / "pydicom" / "CT_small.dcm")),
        }.items():
            assert shown in code
            code = code.replace(shown, real)
        script = tmp_path / "example.py"
        script.write_text(code)
        done = run(sys.executable, script)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == 8
    assert done.stdout.count("stored") == 8


def blocks_of(text: str, language: str = "") -> list[str]:
    """Blocks of one language; others are passed over as a whole: their end is no beginning."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [block for name, block in blocks if name == language]


def command_lines(page: Path) -> list[str]:
    """Lines of the blocks of a page that call the program, without what follows a ``#``."""
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    return [
        line.split(" #")[0].rstrip()
        for block in blocks for line in block.splitlines() if re.match(r"dcmsend(-py)? ", line)
    ]  # fmt: skip


LINES = [(page.name, line) for page in PAGES for line in command_lines(page)]


def test_command_lines_use_options_that_exist(dcmsend: str) -> None:
    known = set(re.findall(r"(?<!\S)[-+][-\w]+", run(dcmsend, "--help-all").stdout))
    for page, line in LINES:
        assert {word for word in line.split() if word[0] in "-+"} <= known, (page, line)


ALONE = [
    row for row in LINES if not any(word in row[1] for word in ("+tl", "--verify", "--commit", "--stow", "://", "@"))
]


@pytest.mark.parametrize(("page", "line"), ALONE, ids=lambda each: each)
def test_command_line_works(page: str, line: str, dcmsend: str, tmp_path: Path) -> None:
    """Every command line of the documentation that needs nothing but files and an ordinary peer.

    Those that ask an archive are run in tests/proof, those over stores in tests/cli/test_stores.py, those of a web
    service in tests/stow.
    """
    for path in write_instances(tmp_path / "data" / "study", 6):  # enough for each of two shards
        os.utime(path, (1e9, 1e9))  # nobody is still writing them
    shutil.copy(CT, tmp_path / "image.dcm")
    shutil.copytree(DATA / "fileset", tmp_path, dirs_exist_ok=True)
    (tmp_path / "DICOMDIR-empty.dcm").unlink()
    with ScriptedPeer() as peer:
        real = line.replace("pacs.example.org 104", f"127.0.0.1 {peer.port}").replace("/data/study", "data/study")
        done = run("sh", "-c", re.sub(r"^dcmsend(-py)?(?= )", dcmsend, real), cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert peer.stores or "104" not in line or "--probe-peer" in line


def test_profiles(dcmsend: str, tmp_path: Path) -> None:
    """The command lines with profiles, with the files that stand before them on the page."""
    page = next(page for page in PAGES if page.name == "recipes.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(profiles/\w+)`:\n\n```\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    lines = [line for name, line in LINES if "@" in line and name == "recipes.md" and "://" not in line]
    assert len(files) >= 2
    assert len(lines) >= 2
    for number, line in enumerate(line for line in lines if "profiles" in line):
        folder = tmp_path / str(number)
        write_instances(folder / "data" / "study", 3)
        with ScriptedPeer() as peer:
            for name, content in files:
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(content.replace("pacs.example.org 104", f"127.0.0.1 {peer.port}"))
            real = re.sub(r"^dcmsend(?= )", dcmsend, line.replace("/data/study", "data/study"))
            done = run("sh", "-c", real, cwd=folder)
        assert (done.exit_code, len(peer.stores)) == (0, 3), done.stderr


@pytest.mark.parametrize("example", [0, 1], ids=["before", "after"])
def test_loop_with_pynetdicom_and_what_replaces_it(example: int, tmp_path: Path) -> None:
    """Both store every file of the study."""
    examples = _blocks("from-pynetdicom.md", "python")
    assert len(examples) == 2
    paths = write_instances(tmp_path / "study", 3)
    with ScriptedPeer() as peer:
        shown = '"pacs.example.org", 104'
        assert shown in examples[example]
        code = examples[example].replace(shown, f'"127.0.0.1", {peer.port}')
        done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stores) == len(done.stdout.splitlines()) == len(paths)


def test_reports_are_checked_with_their_schema(dcmsend: str, tmp_path: Path) -> None:
    """Reports and their lines agree with it; what is no report is told.  The wheel has the file (``test_wheels``)."""
    (code,) = _blocks("report-schema.md", "python")
    folder = 'importlib.resources.files("dcmsend.report")'
    assert folder in code
    code = "import pathlib\n" + code.replace(folder, f"pathlib.Path({str(ROOT / 'docs')!r})")
    write_instances(tmp_path / "study", 3)
    reports = ["--report-json", "night.json", "--report-jsonl", "night.jsonl"]
    with ScriptedPeer() as peer:
        sent = run(dcmsend, *reports, "+sd", "127.0.0.1", peer.port, "study", cwd=tmp_path)
    assert sent.exit_code == 0, sent.stderr
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    for name in ("night.json", "night.jsonl"):
        content = (tmp_path / name).read_text("utf-8")
        (tmp_path / name).write_text(content.replace('"run_id"', '"runid"'))
        done = run(sys.executable, "-c", code, cwd=tmp_path)
        assert (done.exit_code, "ValidationError" in done.stderr) == (1, True), name
        (tmp_path / name).write_text(content)


@pytest.mark.peer("pandas")
def test_outcomes_become_a_table(tmp_path: Path) -> None:
    (code,) = [each for each in _blocks("recipes.md", "python") if "outcomes_to_frame" in each]
    write_instances(tmp_path / "study", 3)
    with ScriptedPeer(Script(stores={2: Respond(0xA900)})) as peer:
        code = code.replace('"pacs.example.org", 104', f'"127.0.0.1", {peer.port}').replace("/data/study", "study")
        shown = "print(frame.path.to_list(), frame.status.to_list(), frame.bytes.sum())"
        done = run(sys.executable, "-c", f"{code}\n{shown}", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    rows = dict(re.findall(r"^(\w+) +(\d+) +\d+$", done.stdout, flags=re.MULTILINE))
    assert rows == {"refused": "1", "stored": "2"}
    assert all(name in done.stdout for name in ("000001.dcm", "000002.dcm", "000003.dcm", str(0xA900)))


@pytest.mark.peer("dcmtk")
def test_every_option_of_storescu_has_its_place() -> None:
    """It is in the table of those that differ, or ours has the same names."""
    program = dcmtk_program("storescu")
    assert program is not None
    usage = run(program, "--help").stdout
    theirs = re.findall(r"^ {2,}([-+]\S+)? +(--[a-z0-9-]+)", usage, flags=re.MULTILINE)
    assert len(theirs) > 80
    _, _, table = _text("from-storescu.md").partition("## Option by option")
    listed = re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)))
    same = {name: row for row in OPTIONS for name in (row.short, row.long)}
    for short, long in theirs:
        if long in listed:
            assert not short or short in listed, short
            assert long not in same, long
        else:
            assert same[long].short == short, long
    assert set(listed) <= {name for names in theirs for name in names}


@pytest.mark.parametrize("job", [r"ExecStart", r"0 20 \* \* \* sender"], ids=["systemd", "cron"])
def test_job_of_a_timer(job: str, dcmsend: str, tmp_path: Path) -> None:
    """It stores what is there, is content with an empty folder, and tells of a receiver that is not there."""
    for path in write_instances(tmp_path / "data" / "study", 3):
        os.utime(path, (1e9, 1e9))
    page = _text("in-a-timer.md")
    (command,) = re.findall(rf"^{job}[ =]/opt/dcmsend/bin/dcmsend (.*)$", page, re.MULTILINE)
    (accepted,) = re.findall(r"^SuccessExitStatus=(.*)$", page, re.MULTILINE)
    successes = {0, *map(int, accepted.split())}

    def run_job(port: int, journal: str) -> tuple[bool, str]:
        line = command.replace("pacs.example.org 104", f"127.0.0.1 {port}").replace("/data/study", "data/study")
        line = line.replace("/var/lib/dcmsend/sent.journal", journal)
        line = line.replace("--retry 3", "--retry 1 --retry-delay 1 --retry-max-time 1")
        done = run("sh", "-c", f"{dcmsend} {line}", cwd=tmp_path)
        return (done.exit_code in successes if job == "ExecStart" else not done.stdout), done.stderr

    is_well, said = run_job(free_port(), "down.journal")
    assert not is_well, said
    with ScriptedPeer() as peer:
        for number in range(2):
            is_well, said = run_job(peer.port, "sent.journal")
            assert is_well, said
            assert len(peer.stores) == 3, number
        for path in (tmp_path / "data" / "study").iterdir():
            path.unlink()
        is_well, said = run_job(peer.port, "sent.journal")
        assert is_well, said


def test_what_the_page_on_installing_names_is_there() -> None:
    """Extras, and files of the wheel that a shell or ``man`` is told of."""
    text = _text("install.md")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    _, _, table = text.partition("| extra | for |")
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`.*?) \|", table, flags=re.MULTILINE)))
    assert set(named) == set(project["project"]["optional-dependencies"]) - {"test", "check", "docs", "fuzz"}
    shared = {
        f"{place}/{path.name}" if (ROOT / source).is_dir() else place
        for source, place in project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"].items()
        for path in ([*(ROOT / source).iterdir()] if (ROOT / source).is_dir() else [ROOT / source])
    }
    paths = re.findall(r"/opt/dcmsend/(share/[\w./-]+)", text)
    assert len(paths) >= 4
    for path in paths:
        assert any(each == path or each.startswith(f"{path}/") for each in shared), path


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(("page", "line"), [row for row in LINES if "+tl" in row[1]], ids=lambda each: each)
def test_command_line_works_over_tls(
    page: str, line: str, dcmsend: str, certificates: Certificates, tmp_path: Path
) -> None:
    """With DCMTK's storescp, which wants our certificate where the line shows it."""
    write_instances(tmp_path / "data" / "study", 3)
    files = {"image.dcm": CT, "ca.pem": certificates.ca}
    files |= {"our.key": certificates.client_key, "our.pem": certificates.client}
    for name, path in files.items():
        shutil.copy(path, tmp_path / name)
    with tls_storescp(tmp_path, certificates, wants_certificate="+tls" in line) as peer:
        real = line.replace("pacs.example.org 2762", f"localhost {peer.port}").replace("/data/study", "data/study")
        done = run("sh", "-c", re.sub(r"^dcmsend(?= )", dcmsend, real), cwd=tmp_path)
        assert done.exit_code == 0, done.stderr
        assert peer.files


def test_conversion_of_certificates(certificates: Certificates, tmp_path: Path) -> None:
    """The lines make what ``+tls`` takes of what others have exported."""
    lines = next(block for block in _blocks("tls.md") if block.startswith("openssl")).splitlines()
    make = (
        f"openssl x509 -in {certificates.client} -outform DER -out our.cer && openssl pkcs12 -export -passout pass: "
        f"-inkey {certificates.client_key} -in {certificates.client} -out our.p12"
    )
    for line in (make, lines[0], f"{lines[1]} -passin pass: -passout pass:secret"):
        done = run("sh", "-c", line, cwd=tmp_path)
        assert done.exit_code == 0, done.stderr
    assert "BEGIN CERTIFICATE" in (tmp_path / "our.pem").read_text()
    assert "PRIVATE KEY" in (tmp_path / "our.key").read_text()


def test_lines_about_journals_and_lists(dcmsend: str, tmp_path: Path) -> None:
    write_instances(tmp_path / "data" / "study", 3)
    (tmp_path / "last-run").touch()
    os.utime(tmp_path / "last-run", (1e9, 1e9))
    blocks = [block for block in _blocks("recipes.md") if re.match(r"dcmsend-journal night|find", block)]
    assert len(blocks) == 2
    with ScriptedPeer() as peer:
        options = ["-nh", "--journal", "night.journal", "+sd", "127.0.0.1", peer.port, "data/study"]
        run(dcmsend, *options, cwd=tmp_path)
        for line in "".join(blocks).splitlines():
            real = line.split(" #")[0].replace("pacs.example.org 104", f"127.0.0.1 {peer.port}")
            real = real.replace("/data/study", "data/study")
            real = re.sub(r"(?<!\S)dcmsend(?=[ -])", lambda found: dcmsend, real)
            done = run("sh", "-c", real, cwd=tmp_path)
            assert done.exit_code in (0, 21), (line, done.stderr)
            assert "Traceback" not in done.stderr
    assert len(peer.stores) >= 6


NOT_RUN_HERE = {
    "pip install .": "scripts/demo and scripts/test do it",
    "pip install 'dcmsend[s3]'": "scripts/test installs the packages",
    "./scripts/demo": "by hand before each release",
    "./scripts/test": "this is it",
    "          cli | library": "a picture",
    "dcmsend --require-stored": "test_script_that_looks_at_the_exit_code",
    "dcmsend +sd +r -nh +crf before.txt": "tests/parity",
    "pip install . pynetdicom": "tests/benchmarks/test_short_run.py",
    "python benchmarks/decode.py": "by hand, for docs/performance.md",
    "dcmsend-journal": "test_lines_about_journals_and_lists",
    "dcmsend-journal merge": "tests/system/test_schedulers.py",
    "parallel --jobs": "tests/system/test_schedulers.py",
    "find /data/study": "test_lines_about_journals_and_lists",
    "python -m pytest tests/faults": "their short mode is part of the tests",
    "scripts/soak_": "tests/soaks does it briefly",
    "scripts/build-wheels": "scripts/check-compiled",
    "scripts/build-zipapp": "tests/test_zipapp.py",
    "scripts/build-deb": "tests/test_debian.py",
    "HATCH_BUILD_HOOK_ENABLE_CUSTOM=true": "scripts/build-wheels does it without pip",
    "python -m venv pure": "by hand, on an idle machine",
    "KILL_ROUNDS=200": "its short mode is part of the tests",
    "openssl x509": "test_conversion_of_certificates",
    "-aec ARCHIVE pacs": "test_profiles",
    "--require-stored -nh\n--retry": "test_profiles",
    "F: cannot negotiate": "tests/cli/test_tls_options.py::test_wrong_host",
}
"""Blocks of the documentation that hold something else than command lines of ours, by their beginning."""


def test_every_example_is_run() -> None:
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs") or page == ROOT / "README.md":
            text = page.read_text(encoding="utf-8")
            for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
                if language:  # python, properties: run above and by tests/library/test_page.py; text is shown only
                    continue
                is_ours = all(re.match(r"dcmsend(-py)? ", line) for line in block.splitlines() if line)
                assert is_ours or any(block.startswith(known) for known in NOT_RUN_HERE), (page, block)


def _text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _blocks(name: str, language: str = "") -> list[str]:
    return blocks_of(_text(name), language)


SECTIONS = {
    path.stem.replace("-", " and "): path.read_text(encoding="utf-8")
    for path in (ROOT / "docs" / "exit-codes").glob("*.md")
}
NEVER = {70}  # bugs (tests/cli/test_main.py)


def test_every_exit_code_is_explained() -> None:
    explained = {int(number) for title in SECTIONS for number in re.findall(r"\d+", title)}
    assert explained == {int(code) for code in ExitCode}
    listed = re.findall(r"^\| \[([\d, ]+)\]\(exit-codes/([\d-]*)\.md\)", _text("exit-codes.md"), flags=re.MULTILINE)
    assert {int(number) for title, _ in listed for number in title.split(", ")} == explained




def refuse_find(context: ProposedContext) -> str | int:
    """Accept every context but the one for C-FIND."""
    return 3 if context.abstract_syntax == "1.2.840.10008.5.1.4.1.2.2.1" else context.transfer_syntaxes[0]


PRODUCED: dict[str, tuple[int, list[str], Script | None]] = {
    "normal end": (0, [str(CT)], Script(other_stores=Respond(0xA700))),
    "usage": (1, [str(CT), "--no-such-option"], None),
    "no input": (21, [str(DATA)], None),
    "no such file": (22, ["missing.dcm"], None),
    "no DICOM": (22, [str(DATA / "README.md")], None),
    "nothing valid": (23, ["-nh", "missing.dcm"], None),
    "report": (43, [str(CT), "+crf", "missing/report.txt"], Script()),
    "no peer": (61, [str(CT)], None),
    "rejected": (61, [str(CT)], Script(associate=Reject(1, 1, 7))),
    "aborted at once": (61, [str(CT)], Script(associate=Abort())),
    "aborted": (62, [str(CT)], Script(stores={1: Abort()})),
    "no context": (65, ["-ma", str(CT)], Script(associate=Accept(contexts=refuse()))),
    "out of resources": (101, ["--require-stored", str(CT)], Script(other_stores=Respond(0xA700))),
    "refused": (102, ["--require-stored", str(CT)], Script(other_stores=Respond(0xA900))),
    "time is over": (103, ["--max-duration", "1", *[str(CT)] * 5], Script(other_stores=Respond(delay=0.6))),
    "journal": (104, [str(CT), "--journal", "missing/journal"], Script()),
    "no queries": (106, ["--verify", str(CT)], Script(associate=Accept(contexts=refuse_find))),
    "no port": (60, [str(CT), "--journal", "j", "--commit", "--commit-port", "203.0.113.1:11112"], None),
    "rejected for good": (105, ["--require-stored", str(CT)], Script(associate=Reject(1, 1, 7))),
}


def test_every_exit_code_is_produced() -> None:
    produced = {code for code, _, _ in PRODUCED.values()} | {130, 143}  # signals: tests/system/test_interrupted.py
    assert produced | NEVER == {int(code) for code in ExitCode}


@pytest.mark.parametrize("case", PRODUCED)
def test_exit_code_and_message_are_as_explained(case: str, dcmsend: str, tmp_path: Path) -> None:
    """The first line that says why the run ended begins as the section of its exit code says."""
    code, arguments, script = PRODUCED[case]
    if script is None:
        done = run(dcmsend, "127.0.0.1", free_port(), *arguments, cwd=tmp_path)
    else:
        with ScriptedPeer(script) as peer:
            done = run(dcmsend, "127.0.0.1", peer.port, *arguments, cwd=tmp_path)
    assert done.exit_code == code, done.stderr
    shown = re.findall(r"`((?:[FE]: |error: ).*?)`", SECTIONS[str(code)])
    if not shown:
        return  # the codes of --require-stored stand for the end of the run that another section describes
    patterns = [re.sub(r"(\\\.){3}|NAME|REASON|\b[nm]\b", ".*", re.escape(text)) for text in shown]
    assert any(re.match(pattern, line) for pattern in patterns for line in done.stderr.splitlines()), done.stderr
    causes = re.findall(r"^\| (`.*?) \|", SECTIONS[str(code)], flags=re.MULTILINE)
    if causes:
        words = [text.rstrip(".") for cause in causes for text in re.findall(r"`(.*?)`", cause)]
        assert any(word in line for word in words for line in done.stderr.splitlines()), done.stderr


def _causes(section: str) -> list[str]:
    """What stands between back quotes in the first column of a section's table."""
    cells = re.findall(r"^\| (`.*?) \|", SECTIONS[section], flags=re.MULTILINE)
    return [text for cell in cells for text in re.findall(r"`(.*?)`", cell)]


def _bad_files(folder: Path) -> dict[str, Path]:
    """One file for each reason of exit code 22."""
    content = CT.read_bytes()
    files = {
        "File meta information header missing": b"no DICOM" * 100,
        "End of stream": b"",
        "I/O suspension or premature end of stream": content[:140],
        "Invalid SOP Class UID": content.replace(b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.5.1.4.1..1.2"),
        "Invalid SOP Instance UID": content.replace(b"1.3.6.1.4.1.5962.1.1.1.1.1.2", b"1.3.6.1.4.1.5962.1.1.1.1.1.x"),
        "Unknown Storage SOP Class": content.replace(b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.840.10008.9.9.9.9.9.9\0"),
        "Unknown Transfer Syntax": content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.8\0"),
    }
    made = {"No such file or directory": folder / "missing.dcm"}
    for number, (reason, data) in enumerate(files.items()):
        made[reason] = folder / f"{number}.dcm"
        made[reason].write_bytes(data)
    return made


def test_every_reason_of_a_bad_file_is_produced(dcmsend: str, tmp_path: Path) -> None:
    files = _bad_files(tmp_path)
    assert set(_causes("22")) == set(files) | {"Permission denied"}  # tests/system/test_bad_inputs.py
    for reason, path in files.items():
        done = run(dcmsend, "127.0.0.1", free_port(), path)
        assert done.exit_code == 22
        assert done.lines("F")[0].startswith(f"bad DICOM file: {path}: {reason}")


NO_ASSOCIATION: dict[str, tuple[str, Script | None]] = {
    "TCP Initialization Error: ...": ("127.0.0.1", None),
    "Attempt to connect to unknown host": ("nowhere.invalid", None),
    "DUL Association Rejected": ("127.0.0.1", Script(associate=Reject(1, 1, 7))),
    "DUL network read timeout": ("127.0.0.1", Script(associate=Silence())),
    "Peer aborted Association (or never connected)": ("127.0.0.1", Script(associate=Close())),
}


def test_every_reason_for_no_association_is_produced(dcmsend: str) -> None:
    """Each one says on a further line what to look at."""
    assert set(_causes("61")) == set(NO_ASSOCIATION)
    for text, (host, script) in NO_ASSOCIATION.items():
        with ScriptedPeer(script or Script()) as peer:
            port = peer.port if script is not None else free_port()
            words = ["-ta", "1"] if "timeout" in text else []
            done = run(dcmsend, *words, host, port, CT)
        assert done.exit_code == 61
        first, *further = done.lines("F")
        assert first.startswith(f"cannot negotiate network association: {text.removesuffix('...')}")
        assert further


@pytest.mark.peer("dcmtk")
def test_a_real_archive_that_rejects(dcmsend: str, tmp_path: Path) -> None:
    """DCMTK's receivers: one that refuses everybody, one that does not call itself so."""
    with storescp(tmp_path, "--refuse") as peer:
        done = run(dcmsend, "127.0.0.1", peer.port, CT)
    assert done.lines("F")[:2] == [
        "cannot negotiate network association: DUL Association Rejected",
        "Result: Rejected Permanent, Source: Service User",
    ]
    with dcmqrscp(tmp_path) as peer:
        done = run(dcmsend, "-aec", "SOMEBODY", "127.0.0.1", peer.port, CT)
    assert done.lines("F")[-1] == "the peer does not call itself 'SOMEBODY'; -aec says which AE title it has"


REJECTIONS = [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)]  # PS3.8 Table 9-21: source, reason


@pytest.mark.parametrize("result", [1, 2])
def test_every_reason_of_a_rejection_is_explained(result: int, dcmsend: str) -> None:
    cells = re.findall(r"^\| (\[`.*?) \|", _text("rejections.md"), flags=re.MULTILINE)
    reasons = set(re.findall(r"`([^`]*)`", "".join(cells)))
    seen = set()
    for source, reason in REJECTIONS:
        with ScriptedPeer(Script(associate=Reject(result, source, reason))) as peer:
            done = run(dcmsend, "-d", "--require-stored", "127.0.0.1", peer.port, CT)
        assert done.exit_code == (105 if result == 1 else 61)
        assert f"Rejected {'Permanent' if result == 1 else 'Transient'}" in done.stderr
        assert "F: cannot negotiate network association: DUL Association Rejected" in done.stderr.splitlines()
        (word,) = re.findall(r"^D: Reason: (.*?)$", done.stderr, flags=re.MULTILINE)
        seen.add(word)
    assert seen == reasons


@pytest.mark.parametrize(
    ("status", "message"),
    [(0, "all stored"), (0xA700, "run it again later"), (0xA900, "manual action is needed")],
)
def test_script_that_looks_at_the_exit_code(status: int, message: str, dcmsend: str, tmp_path: Path) -> None:
    (script,) = (block for block in _blocks("exit-codes.md") if "case" in block)
    write_instances(tmp_path / "study", 2)
    with ScriptedPeer(Script(other_stores=Respond(status))) as peer:
        for shown, real in {
            "dcmsend ": f"{dcmsend} ", "pacs.example.org 104": f"127.0.0.1 {peer.port}", "/data/study": "study"
        }.items():
            assert shown in script
            script = script.replace(shown, real)
        assert run("sh", "-c", script, cwd=tmp_path).stdout.splitlines() == [message]


LOG_CONFIGURATIONS = _blocks("logging.md", "properties")


def _run_with_log(dcmsend: str, configuration: str, folder: Path) -> str:
    """Sends one file to a peer that rejects it, for which there are messages of all levels."""
    (folder / "log.cfg").write_text(configuration)
    with ScriptedPeer(Script(other_stores=Respond(0xA900))) as peer:
        done = run(dcmsend, "-lc", "log.cfg", "127.0.0.1", peer.port, CT, cwd=folder)
    assert done.exit_code == 0, done.stderr
    assert "log4cplus:" not in done.stderr
    return done.stderr


def test_log_file_of_a_day(dcmsend: str, tmp_path: Path) -> None:
    shown = _run_with_log(dcmsend, LOG_CONFIGURATIONS[0], tmp_path).splitlines()
    assert shown
    assert {line[:3] for line in shown} <= {"W: ", "E: "}
    (path,) = tmp_path.glob("dcmsend-????????.log")
    lines = path.read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z]{4,5} +dcmtk\.", line) for line in lines)
    loggers = {line.split()[3] for line in lines}
    assert loggers >= {"dcmtk.apps.dcmsend", "dcmtk.dcmnet"}
    assert all(f"`{logger}`" in _text("logging.md") for logger in loggers)


def test_log_of_the_network(dcmsend: str, tmp_path: Path) -> None:
    assert _run_with_log(dcmsend, LOG_CONFIGURATIONS[1], tmp_path) == ""
    log = (tmp_path / "network.log").read_text()
    assert " DEBUG dcmtk.dcmnet " in log
    assert not re.search(r" (INFO|DEBUG) dcmtk\.apps", log)


def test_log_server(dcmsend: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        configuration = LOG_CONFIGURATIONS[2]
        assert "port = 514\n" in configuration
        _run_with_log(dcmsend, configuration.replace("514", str(server.getsockname()[1])), tmp_path)
        packet = server.recv(4096)
    assert packet.startswith(b"<155>1 ")  # local3, error
    assert b"not stored" in packet


def test_log_configurations_are_all_tested() -> None:
    assert len(LOG_CONFIGURATIONS) == 3


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        (["-ll", "off"], ""), (["-q"], "F"), ([], "EF"), (["-v"], "EFI"), (["-d"], "DEFI"), (["-ll", "trace"], "DEFI"),
        (["-ll", "fatal"], "F"), (["-ll", "error"], "EF"), (["-ll", "warn"], "EF"), (["-ll", "info"], "EFI"),
        (["-ll", "debug"], "DEFI"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_levels(option: list[str], shown: str, dcmsend: str) -> None:
    """A run that ends early: it has no warning."""
    done = run(dcmsend, *option, "127.0.0.1", free_port(), CT)
    assert {line[0] for line in done.stderr.splitlines()} == set(shown)
    assert all(re.match(r"[A-Z]: |[A-Z]:$", line) for line in done.stderr.splitlines())
