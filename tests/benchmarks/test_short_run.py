"""The benchmark works: a short run gives complete results, and every program delivered what it claims.

How long anything takes is not looked at: this machine may have other things to do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.programs import installed_dcmsend
from support.run import Run, run

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASES = (
    "small", "runs", "journal", "functional-mr", "nagle", "tls", "tls-storescp", "tls-wide-area", "large", "wide-area",
    "scan", "slow-open", "start-up", "growth",
)  # fmt: skip
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="module", autouse=True)
def _compiler() -> None:
    """The null sink and the other small programs are compiled when they are needed."""
    if shutil.which(os.environ.get("CC") or "cc") is None:
        reason = "PEER MISSING: C compiler: no cc on the search path"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small programs are that one of the tests has compiled, for all workers of pytest-xdist."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each has one of its own in there
    (folder / "compiled").mkdir(exist_ok=True)
    return folder / "compiled"


def new_cache(folder: Path, compiled: Path) -> Path:
    """A cache that has nothing but the programs."""
    cache = folder / "cache"
    cache.mkdir()
    (cache / "bin").symlink_to(compiled)
    return cache


@pytest.mark.peer("orthanc")
@pytest.mark.peer("pynetdicom")
def test_asking_an_archive_beside_pynetdicom() -> None:
    words = ["--instances", "60", "--per-series", "20", "--rounds", "1"]
    done = run(sys.executable, str(BENCHMARKS / "verify.py"), *words)
    assert done.exit_code in (0, 1), done.stderr  # 1: less than three times as fast, which is not looked at here
    assert re.search(r"^dcmsend: .*\npynetdicom: .*\npynetdicom takes ", done.stdout), done.stdout


@pytest.mark.peer("orthanc")
def test_a_commitment_beside_the_time_of_the_archive() -> None:
    done = run(sys.executable, str(BENCHMARKS / "commit.py"), "--instances", "260", "--rounds", "1")
    assert done.exit_code in (0, 1), done.stderr  # 1: more than 1.2 times as long, which is not looked at here
    assert "260 instances in 2 requests, 1 rounds" in done.stdout
    assert len(re.findall(r"^dcmsend takes [\d.]+ times as long \((whole|first) ", done.stdout, re.MULTILINE)) == 2


def test_a_compiled_command_beside_a_pure_one() -> None:
    """Here one command stands for both: whether it measures is what is looked at."""
    words = ["--case", "version", "--case", "sr", "--scale", "0.01", "--rounds", "1"]
    done = run(sys.executable, str(BENCHMARKS / "compiled.py"), installed_dcmsend(), installed_dcmsend(), *words)
    assert done.exit_code == 0, done.stdout + done.stderr
    line = r"^(version|sr): (user|cpu|wall) pure .*, compiled .*, quotient [\d.]+ "
    shown = re.findall(line, done.stdout, re.MULTILINE)
    assert shown == [(case, what) for case in ("version", "sr") for what in ("user", "cpu", "wall")]


def test_archives_beside_files() -> None:
    done = run(sys.executable, str(BENCHMARKS / "archives.py"), "--instances", "4", "--rounds", "1")
    assert done.exit_code in (0, 1), done.stderr  # 1: slower than wanted, which is not looked at here
    assert len(re.findall(r" has [\d.]+ of the speed of ", done.stdout)) == 4, done.stdout


@pytest.mark.peer("orthanc-dicomweb")
def test_a_web_service_beside_associations() -> None:
    done = run(sys.executable, str(BENCHMARKS / "stow.py"), "--instances", "8", "--rounds", "1", timeout=300.0)
    assert done.exit_code in (0, 1), done.stderr  # 1: slower or dearer than wanted, which is not looked at here
    assert re.search(r"^STOW-RS has [\d.]+ of the rate of C-STORE", done.stdout, re.MULTILINE), done.stdout
    assert re.search(r"^dcmsend takes [\d.]+ times the processor's time of urllib3", done.stdout, re.MULTILINE)


def test_as_many_associations_as_help(tmp_path: Path, compiled: Path) -> None:
    """Lines and receivers of which one case each is played; where the kernel has no netem, losses are left out."""
    cases = ("takes-4", "100ms-loss", "near-plain")
    words = ["--cache", str(new_cache(tmp_path, compiled)), *(word for case in cases for word in ("--case", case))]
    done = run(sys.executable, str(BENCHMARKS / "auto.py"), "--smoke", *words, timeout=300.0)
    assert done.exit_code == 0, done.stderr
    rows = re.findall(r"^ +(1|2|4|8|auto) +[\d.]+/s(?:  after 1 s|$)", done.stdout, re.MULTILINE)
    left_out = done.stdout.count("left out: no line with losses: ")
    assert rows == [*["1", "2", "4", "8", "auto"] * (len(cases) - 1 - left_out), "1", "auto"]
    assert left_out <= 1


@pytest.mark.timeout(1200)  # two clusters are started
def test_a_cluster_beside_one_machine(tmp_path: Path, compiled: Path) -> None:
    words = [str(BENCHMARKS / "cluster.py"), "--smoke", "--cache", str(new_cache(tmp_path, compiled))]
    done = run(sys.executable, *words, timeout=1100.0)
    assert done.exit_code == 0, done.stderr
    assert re.findall(r"^  (\d) hosts +[\d.]+/s", done.stdout, re.MULTILINE) == ["1", "2"]
    assert len(re.findall(r"not judged$", done.stdout, re.MULTILINE)) == 3, done.stdout


@pytest.mark.timeout(1200)
def test_the_constants_of_a_cluster_are_measured_and_played(tmp_path: Path, compiled: Path) -> None:
    constants = tmp_path / "constants.json"
    words = [sys.executable, str(BENCHMARKS / "cluster_simulation.py"), "--constants", str(constants)]
    done = run(*words, "--measure", "--smoke", "--cache", str(new_cache(tmp_path, compiled)), timeout=1100.0)
    assert done.exit_code == 0, done.stderr
    measured = json.loads(constants.read_text())
    assert measured["runs"]["many"]["instances"] > measured["runs"]["few"]["instances"]
    done = run(*words, "--instances", "100000", "--hosts", "3")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"^\* What breaks first: the \w+, with ", done.stdout, re.MULTILINE), done.stdout


class ShortRun:
    """A finished short run.

    Attributes:
        folder: where its files are.
        done: the command.
        results: its JSON file.
    """

    def __init__(self, folder: Path, dcmsend: str, compiled: Path) -> None:
        self.folder = folder
        cache = new_cache(folder, compiled)
        options = [word for case in CASES for word in ("--case", case)]
        self.done: Run = run(
            sys.executable, BENCHMARKS / "run", "--short", *options, "--dcmsend", dcmsend,
            "--cache", cache, "--json", folder / "results.json", "--markdown", folder / "results.md",
            "--plots", folder / "plots", timeout=360.0,
        )  # fmt: skip
        self.results: dict[str, Any] = json.loads((folder / "results.json").read_text())

    def entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Case name and entry of all that ran."""
        for name, case in self.results["cases"].items():
            for entry in case["entries"]:
                if not entry["skipped"]:
                    yield name, entry


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory, dcmsend: str, compiled: Path) -> ShortRun:
    return ShortRun(tmp_path_factory.mktemp("benchmark"), dcmsend, compiled)


def test_every_program_delivers_what_it_claims(short_run: ShortRun) -> None:
    problems = {(case, entry["label"]): entry["problem"] for case, entry in short_run.entries() if entry["problem"]}
    assert problems == {}
    assert short_run.done.exit_code == 0, short_run.done.stderr[-2000:]
    counted = 0
    for case, entry in short_run.entries():
        for seen in (one["arrival"] for one in entry["runs"]):
            if seen["instances"] and case not in ("scan", "start-up"):
                assert seen["instances"] == entry["sent"], (case, entry["label"])
                counted += 1
    assert counted > 20


def test_our_command_takes_part_in_every_case(short_run: ShortRun) -> None:
    assert set(short_run.results["cases"]) == set(CASES)
    ran = {(case, entry["program"]) for case, entry in short_run.entries()}
    for case in CASES:
        assert (case, "dcmsend") in ran
    for case in ("small", "functional-mr", "large"):
        assert (case, "limit") in ran


def test_no_way_of_ours_is_left_out(short_run: ShortRun) -> None:
    entries = [(name, entry) for name, case in short_run.results["cases"].items() for entry in case["entries"]]
    left_out = {(name, one["label"]): one["skipped"] for name, one in entries if one["program"] == "dcmsend"}
    assert {way: reason for way, reason in left_out.items() if reason} == {}


def test_results_are_complete(short_run: ShortRun) -> None:
    results = short_run.results
    assert {"date", "machine", "versions", "size"} <= results.keys()
    assert "dcmsend" in results["versions"]
    for name, case in results["cases"].items():
        for entry in case["entries"]:
            if entry["skipped"]:
                assert entry["runs"] == []
                continue
            assert len(entry["runs"]) == case["rounds"], (name, entry["label"])
            for one in entry["runs"]:
                assert one["wall"] > 0
                assert one["user"] + one["system"] > 0
                assert one["peak_bytes"] > 100_000
            figures = entry["figures"]
            assert figures["wall_best"] <= figures["wall"] <= figures["wall_worst"]
        labels = [entry["label"] for entry in case["entries"]]
        assert len(labels) == len(set(labels))
        for check in case["checks"]:
            assert check["verdict"] in ("aim", "must", "missed", "measured", "not measured")
            assert {check["subject"], check["reference"]} - {""} <= set(labels)
            assert (check["value"] is None) == (check["verdict"] == "not measured")


def test_tables_name_every_program(short_run: ShortRun) -> None:
    text = (short_run.folder / "results.md").read_text()
    assert text == short_run.done.stdout[:-1]
    for _case, entry in short_run.entries():
        assert f"| {entry['label']}" in text
    for case in short_run.results["cases"].values():
        assert case["title"] in text


def test_plots_are_pictures(short_run: ShortRun) -> None:
    plots = sorted((short_run.folder / "plots").iterdir())
    assert {plot.name for plot in plots} >= {"growth.svg"}
    for plot in plots:
        assert xml.etree.ElementTree.parse(plot).getroot().tag.endswith("svg")


def test_files_are_removed(short_run: ShortRun) -> None:
    assert not (short_run.folder / "cache" / "trees").exists()
    assert (short_run.folder / "cache" / "bin").exists()


def test_a_sender_that_delivers_nothing_is_found_out(tmp_path: Path, compiled: Path) -> None:
    """A program that says it is dcmsend, ends well, and sends nothing."""
    liar = tmp_path / "liar"
    liar.write_text(f"#!{sys.executable}\n")
    liar.chmod(0o755)
    done = run(
        sys.executable, BENCHMARKS / "run", "--short", "--case", "functional-mr", "--dcmsend", liar,
        "--cache", new_cache(tmp_path, compiled), "--json", tmp_path / "results.json",
    )  # fmt: skip
    assert done.exit_code == 1
    case = json.loads((tmp_path / "results.json").read_text())["cases"]["functional-mr"]
    assert re.fullmatch(r"0 of \d+ instances arrived", case["entries"][0]["problem"])
    assert {check["verdict"] for check in case["checks"]} == {"not measured"}


def test_journal_of_generated_rows() -> None:
    done = run(sys.executable, BENCHMARKS / "journal.py", "--rows", "3000")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"^size +[\d.]+ GB, \d+ bytes a row$", done.stdout, re.MULTILINE)
    assert re.search(r"^resume .* us a file, \d+ MB more memory$", done.stdout, re.MULTILINE)
