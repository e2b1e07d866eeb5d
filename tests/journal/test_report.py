"""``dcmsend-journal report``: everything in a journal, over all runs; one count that all parts agree on."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from pydicom import dcmread

from support.html_page import HtmlPage
from support.peer_script import Respond, Script
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = Path(__file__).resolve().parents[1] / "data" / "pydicom" / "CT_small.dcm"


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights: of six files three are stored; then there are four more, one of which is broken."""
    folder = tmp_path_factory.mktemp("nights")
    write_instances(folder / "in", 6)
    answers = {2: Respond(0xA700), 3: Respond(0xA900), 4: Respond(0xA900)}
    words = ("--journal", folder / "journal", "--resume", "-aec", "VNA", "+sd", "127.0.0.1")
    with ScriptedPeer(Script(stores=answers)) as peer:
        assert run(installed_dcmsend(), *words, peer.port, folder / "in").exit_code == 101
        for path in write_instances(folder / "more", 4, first=7):
            path.rename(folder / "in" / path.name)
        (folder / "in" / "000010.dcm").write_bytes((folder / "in" / "000010.dcm").read_bytes()[:-4])
        assert run(installed_dcmsend(), *words, peer.port, folder / "in").exit_code == 101
    return folder / "journal"


def report(*arguments: str | Path, cwd: Path | None = None) -> Run:
    return run(str(Path(installed_dcmsend()).with_name("dcmsend-journal")), "report", *arguments, cwd=cwd)


def test_all_reports_at_once(journal: Path, tmp_path: Path) -> None:
    before = journal.read_bytes()
    done = report("--html", "j.html", "--json", "j.json", "--csv", "j.csv", journal, cwd=tmp_path)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert journal.read_bytes() == before
    document = json.loads((tmp_path / "j.json").read_text())
    totals = document["totals"]
    assert document["peer"]["called"] == "VNA"
    assert totals["instances"] == len(document["instances"]) == 10
    for outcome in ("stored", "refused", "failed", "unconfirmed"):
        assert totals[outcome] == sum(row["outcome"] == outcome for row in document["instances"]), outcome
        assert totals[outcome] == sum(row["instances"] for row in document["groups"] if row["outcome"] == outcome)
    assert (totals["stored"], totals["failed"]) == (9 - totals["refused"], 1)
    assert sum(study["instances"] for study in document["by_study"].values()) == 10
    assert totals["bytes_stored"] == sum(row["size"] for row in document["instances"] if row["outcome"] == "stored")
    rows = list(csv.DictReader((tmp_path / "j.csv").open(newline="")))
    assert [(row["path"], row["outcome"]) for row in rows] == [
        (row["path"], row["outcome"]) for row in document["instances"]
    ]
    page = (tmp_path / "j.html").read_text()
    missing = 10 - totals["stored"]
    parsed = HtmlPage(page)
    assert re.search(rf"{missing} of 10 instances in the journal (is|are) not stored$", parsed.text("h1"))
    assert parsed.numbers["instances"] == 10
    assert parsed.numbers["failed"] == 1
    assert sum(int(row["Instances"]) for row in parsed.rows("kinds")) == len(parsed.rows("files")) == missing
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_reports_are_replaced_by_later_ones_only(journal: Path, tmp_path: Path) -> None:
    for kind in ("html", "json", "csv"):
        for _ in range(2):
            assert report(f"--{kind}", "r", journal, cwd=tmp_path).exit_code == 0
        (tmp_path / "r").write_text("mine")
        done = report(f"--{kind}", "r", journal, cwd=tmp_path)
        assert done.exit_code == 43
        assert "no report of an earlier run" in done.stderr
        assert (tmp_path / "r").read_text() == "mine"
        (tmp_path / "r").unlink()
    shutil.copy(journal, tmp_path / "journal")
    done = report("--json", "journal", "journal", cwd=tmp_path)
    assert done.exit_code == 1
    assert "for the same file" in done.stderr
    assert (tmp_path / "journal").read_bytes() == journal.read_bytes()


def test_reports_of_journals_are_no_inputs_for_reports(journal: Path, tmp_path: Path) -> None:
    """A run recognises them as earlier reports, too."""
    assert report("--csv", "r.csv", journal, cwd=tmp_path).exit_code == 0
    write_instances(tmp_path, 1)
    with ScriptedPeer() as peer:
        words = ("+sd", "--report-csv", "r.csv", "127.0.0.1", peer.port, ".")
        assert run(installed_dcmsend(), *words, cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("kind", ["html", "json", "csv"])
def test_to_standard_output(journal: Path, kind: str) -> None:
    done = report(f"--{kind}", "-", journal)
    assert done.exit_code == 0
    assert done.stdout.startswith({"html": "<!DOCTYPE html>", "json": "{\n", "csv": "path,"}[kind])


def test_everything_is_stored(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 3)
    with ScriptedPeer() as peer:
        words = ("--journal", tmp_path / "journal", "+sd", "127.0.0.1", peer.port, tmp_path / "in")
        assert run(installed_dcmsend(), *words).exit_code == 0
    done = report("--html", "-", tmp_path / "journal")
    page = HtmlPage(done.stdout)
    assert page.text("h1").endswith("All 3 instances in the journal are stored")
    assert page.text("p", "bounds").startswith("What was not begun, or could not be sent, is in no journal")
    assert "Not stored, one by one" not in done.stdout


def test_names_cannot_write_on_the_page(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path / "in", 1)
    path.rename(path.with_name("<b>x.dcm"))
    with ScriptedPeer(Script(stores={1: Respond(0xA900)})) as peer:
        words = ("--journal", tmp_path / "journal", "+sd", "127.0.0.1", peer.port, tmp_path / "in")
        run(installed_dcmsend(), *words)
    page = report("--html", "-", tmp_path / "journal").stdout
    assert "&lt;b&gt;x.dcm" in page
    assert "<b>x.dcm" not in page


def test_a_damaged_journal_leaves_nothing_behind(journal: Path, tmp_path: Path) -> None:
    shutil.copy(journal, tmp_path / "journal")
    with sqlite3.connect(tmp_path / "journal") as connection:
        connection.execute("UPDATE instance SET sop_instance_uid = x'05'")
    connection.close()
    before = set(tmp_path.iterdir())
    done = report("--json", "j.json", "--html", "j.html", "journal", cwd=tmp_path)
    assert done.exit_code == 104
    assert {path.name for path in set(tmp_path.iterdir()) - before if "journal" not in path.name} == set()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("journal",), "name a file with --html, --json or --csv"),
        (("--html", "", "journal"), "name a file with --html, --json or --csv"),
        (("--html", "-", "--csv", "-", "journal"), "the standard output can be only one report"),
        (("--html", "x"), "journal"),
        (("--json", "x", "--csv", "./x", "journal"), "--json not allowed with --csv for the same file"),
        (("--html", "journal-wal", "journal"), "--html not allowed with journal for the same file"),
    ],
)
def test_command_lines_that_are_wrong(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = report(*words, cwd=tmp_path)
    assert done.exit_code == 1
    assert why in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_such_journal(tmp_path: Path) -> None:
    assert report("--json", "j", "none", cwd=tmp_path).exit_code == 104
    assert not list(tmp_path.iterdir())


def test_a_study_that_is_not_all_stored_is_told_as_people_know_it(tmp_path: Path) -> None:
    """The journal has UIDs alone; the rest is read from a file, if that is still there and still of that study."""
    for number in (1, 2):
        write_study(tmp_path / "in" / str(number), f"1.2.{number}", f"A{number}")
    with ScriptedPeer(Script(other_stores=Respond(0xA700))) as peer:
        words = ("--journal", tmp_path / "journal", "+sd", "+r", "127.0.0.1", peer.port, tmp_path / "in")
        assert run(installed_dcmsend(), *words).exit_code == 101
    rows = studies_of(tmp_path / "journal")
    assert {(row["Study Instance UID"], row["Study date"], row["Accession number"]) for row in rows} == {
        ("1.2.1", "2026-03-04", "A1"), ("1.2.2", "2026-03-04", "A2"),
    }  # fmt: skip
    assert {row["Modality"] for row in rows} == {"CT"}
    (tmp_path / "in" / "1" / "IM").unlink()
    write_study(tmp_path / "in" / "2", "1.2.3", "other")
    assert all("Accession number" not in row for row in studies_of(tmp_path / "journal"))


def write_study(folder: Path, uid: str, accession: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    image = dcmread(CT)
    image.StudyInstanceUID, image.AccessionNumber, image.StudyDate = uid, accession, "20260304"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = f"{uid}.1"
    image.save_as(folder / "IM")


def studies_of(journal: Path) -> list[dict[str, str]]:
    return HtmlPage(report("--html", "-", journal).stdout).rows("studies")
