"""The whole tree of real files, sound and broken, sent by DCMTK's dcmsend and by ours to the same kind of peer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from support.corpus import DATA, NATIVE, corpus
from support.part10 import data_set_digest, read_part10
from support.peers import storescp
from support.programs import dcmtk_program
from support.report_file import ReportFile, parse_report
from support.run import Run, read_summary, run

pytestmark = pytest.mark.peer("dcmtk", "dcmtk-dcmsend")

DEFLATED = "1.2.840.10008.1.2.1.99"
# DCMTK 3.6.7 does not know them: HTJ2K, Deflated Image Frame Compression.
YOUNGER = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.8.1")
TRANSFER_SYNTAX = {file.name: file.transfer_syntax for file in corpus()}


@dataclass(frozen=True)
class Sent:
    """One run over the tree.

    Attributes:
        received: transfer syntax and digest of what the peer wrote, by SOP Class and SOP Instance.
    """

    run: Run
    report: ReportFile
    received: dict[tuple[str, str], tuple[str, str]]

    @property
    def statuses(self) -> dict[str, str]:
        """DIMSE status by file name below the tree, in the report's order."""
        return {entry["Filename"].removeprefix(f"{DATA}/"): entry["DIMSE Status"] for entry in self.report.entries}


def send_tree(program: str, folder: Path, option: str) -> Sent:
    report = folder / "report.txt"
    with storescp(folder, "+B", "-pm", option) as peer:
        done = run(
            program, "-nh", "+sd", "+r", "-v", "+crf", report, "127.0.0.1", peer.port, DATA,
            environment={"TCP_NODELAY": "1"},
        )  # fmt: skip
        received = {}
        for path in peer.files:
            part10 = read_part10(path)
            received[part10.sop_class_uid, part10.sop_instance_uid] = data_set_digest(path)
    return Sent(done, parse_report(report.read_text()), received)


@dataclass(frozen=True)
class Both:
    ours: Sent
    dcmtk: Sent


@pytest.fixture(
    scope="module",
    params=["+xa", "+xi", "+xb", "+xe"],
    ids=["all syntaxes", "implicit little", "explicit big", "explicit little"],
)
def both(request: pytest.FixtureRequest, dcmsend: str, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("tree")
    reference = dcmtk_program("dcmsend")
    assert reference is not None
    ours = send_tree(dcmsend, folder / "ours", request.param)
    return Both(ours, send_tree(reference, folder / "dcmtk", request.param))


def test_both_list_the_same_files_in_the_same_order(both: Both) -> None:
    ours = [name for name in both.ours.statuses if TRANSFER_SYNTAX[name] not in YOUNGER]
    assert ours == list(both.dcmtk.statuses)


def test_native_and_deflated_instances_fare_the_same(both: Both) -> None:
    """Broken ones included: what DCMTK does not send, we do not send."""
    comparable = {name for name, uid in TRANSFER_SYNTAX.items() if uid in (*NATIVE, DEFLATED)}
    ours = {name: status for name, status in both.ours.statuses.items() if name in comparable}
    assert ours == {name: status for name, status in both.dcmtk.statuses.items() if name in comparable}


def test_compressed_instances_fare_as_with_dcmtk_or_better(both: Both) -> None:
    """What DCMTK delivers we deliver, in the same syntax; decoders that it does not have let us deliver more."""
    ours = {entry["Filename"]: entry for entry in both.ours.report.entries}
    for entry in both.dcmtk.report.entries:
        name = entry["Filename"].removeprefix(f"{DATA}/")
        if TRANSFER_SYNTAX[name] not in (*NATIVE, DEFLATED) and entry["DIMSE Status"].startswith("0x"):
            for field in ("Network Xfer", "DIMSE Status"):
                assert ours[entry["Filename"]][field] == entry[field], name


def test_summary_counts_the_entries(both: Both) -> None:
    summary = read_summary(both.ours.run.stderr)
    statuses = list(both.ours.statuses.values())
    assert both.ours.run.exit_code == 0
    assert summary["Number of SOP instances"] == len(statuses)
    assert summary["sent to the peer"] == sum(status.startswith("0x") for status in statuses)
    assert summary["NOT sent to the peer"] == sum(status.startswith("<") for status in statuses)


def test_converted_data_sets_are_those_that_dcmtk_makes(both: Both) -> None:
    """Where the transfer syntax had to be changed both write the canonical form, so the bytes must be equal."""
    courses = [course_of(sent.report) for sent in (both.ours, both.dcmtk)]
    converted = {
        key for key, course in courses[0].items()
        # where not the same files arrived under a UID, another one of them was the last to be written
        if course == courses[1].get(key) and all(xfer != original for _, original, xfer in course)
    }  # fmt: skip
    odd = read_part10(DATA / "highdicom" / "dx_image.dcm")  # DCMTK sends its odd OW value without a pad byte
    compared = converted - {(odd.sop_class_uid, odd.sop_instance_uid)}
    assert compared
    different = [key for key in compared if both.ours.received.get(key) != both.dcmtk.received.get(key)]
    assert different == []


def course_of(report: ReportFile) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
    """For each SOP Instance the files that arrived: name, transfer syntax of the file and on the wire, in order."""
    course: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for entry in report.entries:
        if entry["DIMSE Status"].startswith("0x"):
            key = entry["SOP Class"].split(" = ")[0], entry["SOP Instance"]
            course.setdefault(key, []).append((entry["Filename"], entry["Original Xfer"], entry["Network Xfer"]))
    return course
