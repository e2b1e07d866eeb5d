"""``{date}``, ``{time}`` and ``{run}`` in the names of our reports."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from support.run import run
from support.scripted_peer import ScriptedPeer

CT = Path(__file__).parents[1] / "data" / "pydicom" / "CT_small.dcm"
UTC = {"TZ": "UTC"}


@pytest.mark.parametrize("option", ["--report-json", "--report-jsonl", "--report-csv", "--report-html"])
def test_fields_are_replaced(dcmsend: str, tmp_path: Path, option: str) -> None:
    with ScriptedPeer() as peer:
        words = (option, "{date}_{time}_{run}_{{x}}", "127.0.0.1", peer.port, CT)
        done = run(dcmsend, *words, cwd=tmp_path, environment=UTC)
    assert done.exit_code == 0, done.stderr
    (path,) = tmp_path.iterdir()
    name = re.fullmatch(r"(20\d\d-\d\d-\d\d)_(\d{6})_([0-9a-f-]{36})_\{x\}", path.name)
    assert name is not None, path.name
    if option == "--report-json":
        report = json.loads(path.read_text())
        assert report["run_id"] == name[3]
        assert abs(int(report["started"][17:19]) - int(name[2][4:])) in (0, 1, 2, 58, 59)
        assert report["argv"][:2] == [option, "{date}_{time}_{run}_{{x}}"]


def test_all_reports_of_a_run_have_the_same_moment(dcmsend: str, tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        words = ("--report-json", "{run}.json", "--report-csv", "{run}.csv", "127.0.0.1", peer.port, CT)
        run(dcmsend, *words, cwd=tmp_path)
    one, other = tmp_path.iterdir()
    assert one.stem == other.stem


def test_reports_of_earlier_runs_are_no_inputs(dcmsend: str, tmp_path: Path) -> None:
    """Each has a name of its own; other files of such a name are told of."""
    shutil.copy(CT, tmp_path / "image.dcm")
    with ScriptedPeer() as peer:
        words = ("+sd", "--require-stored", "--report-json", "r-{run}.json", "127.0.0.1", peer.port, ".")
        for count in (1, 2, 3):
            done = run(dcmsend, *words, cwd=tmp_path)
            assert done.exit_code == 0, done.stderr
            assert "not DICOM" not in done.stderr
            assert len(list(tmp_path.iterdir())) == 1 + count
        (report,) = list(tmp_path.glob("r-*.json"))[:1]
        report.write_text("something else")
        done = run(dcmsend, "-nh", *words, cwd=tmp_path)
    assert "not DICOM 1 skipped" in done.stderr
    assert len(peer.stores) == 4


def test_the_report_of_dcmtk_has_the_name_that_was_given(dcmsend: str, tmp_path: Path) -> None:
    with ScriptedPeer() as peer:
        assert run(dcmsend, "+crf", "{date}{x", "127.0.0.1", peer.port, CT, cwd=tmp_path).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["{date}{x"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("{day}", "there is no field {day}, only {date}, {time} and {run}; {{ is a brace"), ("{}", "there is no field {}"),
     ("{date", "a brace is not closed; {{ is a brace"), ("{date:%Y}", "there is no field {date:%Y}")],
)  # fmt: skip
@pytest.mark.parametrize("option", ["--report-json", "--report-html"])
def test_what_is_no_name(dcmsend: str, tmp_path: Path, option: str, name: str, why: str) -> None:
    done = run(dcmsend, option, name, "127.0.0.1", 104, CT, cwd=tmp_path)
    assert done.exit_code == 1
    assert f"error: Invalid value for option {option} ({name}): {why}" in done.stderr
    assert not list(tmp_path.iterdir())


def test_two_reports_with_the_same_name_in_the_end(dcmsend: str, tmp_path: Path) -> None:
    done = run(dcmsend, "--report-json", "{{", "--report-csv", "./{{", "127.0.0.1", 104, CT, cwd=tmp_path)
    assert done.exit_code == 1
    assert "for the same file" in done.stderr
