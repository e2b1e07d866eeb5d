"""The installed command against Orthanc: proofs, probes, whole files, and the command lines of the documentation."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.corpus import DATA
from support.programs import installed_dcmsend
from support.run import Run, run
from support.series_files import write_series
from support.web_peers import PASSWORD, USER, WebOrthanc, web_orthanc

pytestmark = [pytest.mark.peer("orthanc-dicomweb")]

ROOT = Path(__file__).parents[2]
CT, MR = DATA / "pydicom" / "CT_small.dcm", DATA / "pydicom" / "MR_small.dcm"
STUDY = "1.2.77"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebOrthanc]:
    with web_orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


@pytest.fixture
def archive(running: WebOrthanc) -> WebOrthanc:
    running.forget_all()
    return running


@pytest.fixture
def password(tmp_path: Path) -> list[str]:
    (tmp_path / "password").write_text(PASSWORD)
    return ["--user", USER, "--password-file", str(tmp_path / "password")]


def send(archive: WebOrthanc, *words: str | Path) -> Run:
    return run(installed_dcmsend(), "--stow", archive.url, *words, timeout=200)


def proofs(report: Path) -> list[str]:
    rows = json.loads(report.read_text())["instances"]
    return [row["proof"] and row["proof"]["state"] for row in rows]


def test_verify(tmp_path: Path, archive: WebOrthanc, password: list[str]) -> None:
    """What is there is proven, series by series, and not asked for again."""
    paths = write_series(tmp_path / "in", [(STUDY, f"{STUDY}.{number % 2}") for number in range(8)])
    report = tmp_path / "r.json"
    words = [*password, "--verify", "--journal", tmp_path / "j", "--resume", "--report-json", report, *paths]
    first = send(archive, *words)
    assert first.exit_code == 0, first.stderr
    assert proofs(report) == ["verified"] * 8
    assert "everything is stored, and the archive has it" in first.stderr
    again = send(archive, *words)
    assert again.exit_code == 0, again.stderr
    assert proofs(report) == []


_SOON = (
    "import sys; from dcmsend.cli import proof_arguments; from dcmsend.proof import VerifyOptions; "
    "proof_arguments.VerifyOptions = lambda: VerifyOptions(seconds=2.0); "
    "from dcmsend.cli.main import main; sys.exit(main())"
)
"""The command, which asks for two seconds for what is missing; that a minute is usual needs no archive to be shown."""


def test_verify_finds_what_is_missing(tmp_path: Path, archive: WebOrthanc, password: list[str]) -> None:
    """It is asked for during some time, and then sent again by the next run."""
    paths = write_series(tmp_path / "in", [(STUDY, f"{STUDY}.1")] * 5)
    stored = [*password, "--journal", tmp_path / "j", "--resume"]
    assert send(archive, *stored, *paths).exit_code == 0
    lost = sorted(archive.instances())[0]
    archive.forget(lost)
    report = tmp_path / "r.json"
    words = ["--stow", archive.url, *stored, "--verify", "--report-json", report, *paths]
    done = run(sys.executable, "-c", _SOON, *words)
    assert done.exit_code == 101, done.stderr
    told = json.loads(report.read_text())["proofs_of_earlier"]
    assert [row["sop_instance_uid"] for row in told if row["proof"]["state"] == "missing"] == [lost]
    again = send(archive, *stored, "--verify", "--report-json", report, *paths)
    assert again.exit_code == 0, again.stderr
    assert lost in archive.instances()
    assert proofs(report) == ["verified"]


def test_probe(tmp_path: Path, archive: WebOrthanc, password: list[str]) -> None:
    """Nothing is stored; a wrong password, and a wrong place, are told apart."""
    done = send(archive, *password, "--probe-peer", CT)
    assert done.exit_code == 0, done.stderr
    assert "lets us in and answers queries (QIDO-RS)" in done.stdout
    (tmp_path / "wrong").write_text("wrong")
    refused = send(archive, "--user", USER, "--password-file", tmp_path / "wrong", "--probe-peer", CT)
    assert refused.exit_code == 105, refused.stderr
    assert "401" in refused.stderr
    elsewhere = run(installed_dcmsend(), "--stow", f"{archive.url}/elsewhere", *password, "--probe-peer", CT)
    assert elsewhere.exit_code == 0, elsewhere.stderr
    assert "no answer to a query (QIDO-RS): the server answers 404" in elsewhere.stderr
    assert archive.instances() == {}


def test_whole_files_are_kept(archive: WebOrthanc, password: list[str]) -> None:
    """With their Data Set Trailing Padding."""
    done = send(archive, *password, CT, MR)
    assert done.exit_code == 0, done.stderr
    kept = {archive.get_bytes(f"/instances/{each}/file") for each in archive.instances().values()}
    assert kept == {CT.read_bytes(), MR.read_bytes()}


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINES = [
    line.split(" #")[0].rstrip()
    for page in PAGES for line in re.findall(r"^dcmsend .*--stow .*$", page.read_text(encoding="utf-8"), re.MULTILINE)
]  # fmt: skip


def test_there_are_lines() -> None:
    assert len(LINES) >= 2


@pytest.mark.parametrize("line", LINES)
def test_command_line_of_the_documentation(line: str, tmp_path: Path, archive: WebOrthanc) -> None:
    """With the archive's URL; it knows users, and takes no tokens."""
    (tmp_path / "data").mkdir()
    shutil.copytree(DATA / "fileset" / "77654033", tmp_path / "data" / "study")
    (tmp_path / "token.txt").write_text(PASSWORD)
    real = line.replace("https://archive.example/dicom-web", archive.url).replace("/data/study", "data/study")
    real = real.replace("--bearer-file token.txt", f"--user {USER} --password-file token.txt")
    assert real.count(archive.url) == 1
    done = run("sh", "-c", re.sub(r"^dcmsend(?= )", installed_dcmsend(), real), cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert bool(archive.instances()) is ("--probe-peer" not in line)
