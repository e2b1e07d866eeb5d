"""``--only`` and ``--skip`` from the installed command: by value, in every encoding; what is left out is counted."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from support.corpus import DATA
from support.fixture_files import CT_CLASS
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def write(path: Path, number: int, syntax: str = ExplicitVRLittleEndian, **values: object) -> Path:
    """A file with some values."""
    data_set = Dataset()
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = syntax
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID = CT_CLASS
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID = instance_uid(number)
    for name, value in values.items():
        setattr(data_set, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    data_set.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """1: CT head, 2: CT chest, 3: MR head, 4: without a modality, 5: with an empty one, 6: with much else."""
    top = tmp_path / "in"
    write(top / "1", 1, Modality="CT", BodyPartExamined="HEAD")
    write(top / "2", 2, Modality="CT", BodyPartExamined="CHEST")
    write(top / "3", 3, Modality="MR", BodyPartExamined="HEAD")
    write(top / "4", 4)
    write(top / "5", 5, Modality="")
    write(top / "6", 6, Modality="SR", ImageType=["DERIVED", "SECONDARY"], Rows=512, StudyComments="a\\b")
    return top


def send(dcmsend: str, *words: str | Path) -> tuple[Run, set[int]]:
    """The run, and the numbers of the instances that arrive."""
    with ScriptedPeer() as peer:
        return send_to(peer, dcmsend, *words)


def send_to(peer: ScriptedPeer, dcmsend: str, *words: str | Path) -> tuple[Run, set[int]]:
    """The same, and all that this peer has got before."""
    done = run(dcmsend, "-v", "+sd", *words[:-1], "127.0.0.1", peer.port, words[-1])
    uids = {instance_uid(number): number for number in range(1, 20)}
    return done, {uids[store.sop_instance_uid] for store in peer.stores}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--only Modality=CT", {1, 2}),
        ("--only Modality=CT --only Modality=MR", {1, 2, 3}),
        ("--only Modality=CT --only BodyPartExamined=HEAD", {1}),
        ("--skip Modality=CT", {3, 4, 5, 6}),
        ("--skip Modality=CT --skip BodyPartExamined=HEAD", {4, 5, 6}),
        ("--only Modality=?? --skip BodyPartExamined=C*", {1, 3, 6}),
        ("--only Modality=", {5}),
        ("--only Modality=*", {1, 2, 3, 5, 6}),
        ("--only Modality=ct", set()),
        ("--only Modality=[!C]?", {3, 6}),
        ("--only 0008,0060=MR", {3}),
        ("--only (0008,0060)=MR --only 00180015=HEAD", {3}),
        ("--only ImageType=SECONDARY", {6}),
        ("--skip ImageType=D*", {1, 2, 3, 4, 5}),
        ("--only Rows=512", {6}),
        ("--only Rows=51", set()),
        ("--only StudyComments=a*b", {6}),
    ],
)
@pytest.mark.parametrize("way", [(), ("--send-while-scanning",), ("--report-csv", "/dev/null")], ids=str)
def test_repeated_rules(
    dcmsend: str, tree: Path, words: str, expected: set[int], way: tuple[str, ...]
) -> None:
    """Rules for one element add up (``--only``), those for several must all be met; ``--skip`` is the stronger one."""
    done, numbers = send(dcmsend, *way, *words.split(), tree)
    assert (done.exit_code, numbers) == (0, expected), done.stderr
    assert f"left out by values {6 - len(expected)}" in done.stderr
    assert f"Left out by values       : {6 - len(expected)}" in done.stderr


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_in_every_encoding(dcmsend: str, tmp_path: Path, syntax: str) -> None:
    """Numbers and texts, also behind the Series Instance UID and behind a sequence."""
    inner = Dataset()
    inner.Rows = 99
    values = {"ReferencedImageSequence": [inner], "SpecificCharacterSet": "ISO_IR 192", "PatientName": "Ådén^Zoë"}
    write(tmp_path / "in" / "1", 1, syntax, Rows=300, SliceThickness="2.5", FlipAngle=None, **values)
    write(tmp_path / "in" / "2", 2, syntax, Rows=44, **values)
    for rule, expected in (
        ("Rows=300", {1}), ("Rows=99", set()), ("SliceThickness=2.5", {1}), ("PatientName=Å??n^Zo[ë]", {1, 2}),
    ):  # fmt: skip
        done, numbers = send(dcmsend, "--only", rule, "-dn", tmp_path / "in")
        assert (done.exit_code, numbers) == (0, expected), (rule, done.stderr)


def test_totals(dcmsend: str, tree: Path, tmp_path: Path) -> None:
    """In JSON, on the page, in DCMTK's report; the journal notes nothing, so that a later run may choose otherwise."""
    reports = {kind: tmp_path / f"report.{kind}" for kind in ("json", "html", "txt")}
    words = ["--report-json", reports["json"], "--report-html", reports["html"], "+crf", reports["txt"]]
    journal = ["--journal", tmp_path / "journal", "--resume", "--keep-together", "series"]
    with ScriptedPeer() as peer:
        done, numbers = send_to(peer, dcmsend, *words, *journal, "--only", "Modality=CT", tree)
        assert (done.exit_code, numbers) == (0, {1, 2})
        first = {kind: path.read_text() for kind, path in reports.items()}
        done, numbers = send_to(peer, dcmsend, *words, *journal, "--skip", "Modality=MR", tree)
        assert (done.exit_code, numbers) == (0, {1, 2, 4, 5, 6})
    assert json.loads(reports["json"].read_text())["totals"]["already_stored"] == 2
    report = json.loads(first["json"])
    totals = report["totals"]
    assert (totals["filtered"], totals["found"], totals["stored"], totals["not_attempted"]) == (4, 6, 2, 0)
    assert [each["outcome"] for each in report["instances"]].count("stored") == 2
    assert [each["outcome"] for each in report["instances"]].count("filtered") == 4
    assert not any(each["retryable"] for each in report["instances"])
    assert "<b>4</b><span>files left out by their values</span>" in first["html"]
    assert "Left out by values       : 4\n" in first["txt"] + "\n"
    done, numbers = send(dcmsend, *words[:2], tree)
    assert "filtered" not in json.loads(reports["json"].read_text())["totals"]


def test_totals_of_names_and_ages(dcmsend: str, tree: Path, tmp_path: Path) -> None:
    """What is left out by its name or its age has a total, too, where there is an option for it."""
    young = tmp_path / "young"
    young.mkdir()
    shutil.copyfile(next(path for path in tree.rglob("*") if path.is_file()), young / "now")
    shutil.copyfile(young / "now", young / "other")
    shutil.copyfile(young / "now", young / "old")
    os.utime(young / "old", (1e9, 1e9))
    report = tmp_path / "report.json"
    words = ["--report-json", report, "--require-stored", "--exclude", "oth*", "--min-age", "1h"]
    done, _ = send(dcmsend, *words, young)
    assert done.exit_code == 0, done.stderr
    document = json.loads(report.read_text())
    totals = document["totals"]
    assert (document["schema_version"], totals["left_out_by_name"], totals["too_young"]) == ("1.4", 1, 1)
    assert (totals["found"], totals["stored"]) == (1, 1)
    assert "  left out by names 1; left for the next run 1" in done.stderr.splitlines()
    send(dcmsend, "--report-json", report, young)
    document = json.loads(report.read_text())
    assert not {"left_out_by_name", "too_young"} & document["totals"].keys()
    assert document["schema_version"] == "1.1"


def test_everything_is_left_out(dcmsend: str, tree: Path, tmp_path: Path) -> None:
    """No error: this is what was asked for."""
    page = tmp_path / "page.html"
    done, numbers = send(dcmsend, "--require-stored", "--report-html", page, "--only", "Modality=XA", tree)
    assert (done.exit_code, numbers) == (0, set()), done.stderr
    assert "Nothing had to be sent: 6 files are left out by their values" in page.read_text()


def test_a_preview_counts_them(dcmsend: str, tree: Path) -> None:
    done = run(dcmsend, "--dry-run", "+sd", "--skip", "Modality=CT", "127.0.0.1", 104, tree)
    assert "4 SOP instances to be sent, 0 files ignored, 2 left out by values" in done.stdout + done.stderr


def test_a_file_of_which_nobody_knows_what_it_is(dcmsend: str, tree: Path) -> None:
    """It is neither sent nor left out in silence."""
    content = (tree / "6").read_bytes()
    (tree / "6").write_bytes(content[: content.index(b"DERIVED") + 3])
    for words, expected in ((("--only", "Modality=*"), {1, 2, 3, 5}), (("--skip", "Rows=1"), {1, 2, 3, 4, 5})):
        done, numbers = send(dcmsend, "-nh", "--require-stored", *words, tree)
        assert (done.exit_code, numbers) == (102, expected)
        assert "not known whether it is wanted" in done.stderr


def test_members_of_archives(dcmsend: str, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    with zipfile.ZipFile(tmp_path / "box" / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.iterdir()):
            archive.write(path, path.name)
    rules = ("--only", "Modality=CT", "--skip", "BodyPartExamined=HEAD")
    done, numbers = send(dcmsend, "--archives", *rules, tmp_path / "box")
    assert (done.exit_code, numbers) == (0, {2}), done.stderr


def test_files_of_a_medium(dcmsend: str) -> None:
    medium = DATA / "fileset" / "DICOMDIR"
    found = [path for path in medium.parent.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
    modalities = [pydicom.dcmread(path, force=True).get("Modality") for path in found if "TINY" not in str(path)]
    with ScriptedPeer() as peer:
        done = run(dcmsend, "-nh", "+rd", "--only", "Modality=CR", "127.0.0.1", peer.port, medium)
        assert done.exit_code == 0
        assert len(peer.stores) == modalities.count("CR") > 0


@pytest.mark.parametrize("option", ["--only", "--skip"])
@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "write an element and a pattern, e.g. Modality=CT"),
        ("Modality", "write an element and a pattern"),
        ("=CT", "there is no element (without a name)"),
        ("modality=CT", "there is no element modality of a data set (capital letters count: Modality, PatientID)"),
        ("TransferSyntaxUID=1.2.*", "there is no element TransferSyntaxUID"),
        ("0002,0010=1.2.*", "there is no element 0002,0010"),
        ("PixelData=*", "PixelData has no text or number"),
        ("ReferencedImageSequence=*", "has no text or number"),
    ],
)
def test_what_is_no_rule(dcmsend: str, option: str, rule: str, why: str) -> None:
    done = run(dcmsend, option, rule, "127.0.0.1", 104, "file")
    assert done.exit_code == 1
    assert f"Invalid value for option {option}" in done.stderr
    assert why in done.stderr
