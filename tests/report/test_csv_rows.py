"""Names in CSV: no formula for a spreadsheet, nothing that drives a terminal, and in a file all that is there."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from dcmsend.report.csv_rows import csv_cell
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.terminal import Terminal

CT = Path(__file__).parents[1] / "data" / "pydicom" / "CT_small.dcm"
FORMULAS = ["=1+1.dcm", "+1.dcm", "-1.dcm", "@SUM(1).dcm", "\t=1.dcm", "\r=1.dcm", "\n=1.dcm", "'=1.dcm", "\uff1d1.dcm"]
ODD = "a\x1b]0;owned\x07\u202eb\x9b31m\x7f\xe9\u200f.dcm"


def journal_command(*arguments: object) -> list[str]:
    return [str(Path(installed_dcmsend()).with_name("dcmsend-journal")), *map(str, arguments)]


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    for name in FORMULAS:
        shutil.copy(CT, tmp_path / name)
    (tmp_path / "list").write_text("\0".join(FORMULAS))
    return FORMULAS


def test_formulas_have_an_apostrophe(tmp_path: Path, names: list[str]) -> None:
    with ScriptedPeer() as peer:
        done = run(
            installed_dcmsend(), "127.0.0.1", peer.port, "--report-csv", "r.csv", "--report-json", "r.json",
            "--files-from0", "list", "--require-stored", cwd=tmp_path,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    with open(tmp_path / "r.csv", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    assert paths == [f"'{name}" for name in names]
    told = [instance["path"] for instance in json.loads((tmp_path / "r.json").read_text())["instances"]]
    assert told == names == [path.removeprefix("'") for path in paths]


@pytest.mark.parametrize("value", ["a=1", "", "O'Neil", -1, 1.5, None])
def test_other_cells_are_left_alone(value: object) -> None:
    assert csv_cell(value) == value


def test_journal_in_a_spreadsheet(tmp_path: Path) -> None:
    """Names in a journal are whole ones; a relative root does not change that, so the cell is tried by itself too."""
    shutil.copy(CT, tmp_path / "=1.dcm")
    with ScriptedPeer() as peer:
        run(installed_dcmsend(), "--journal", "j", "127.0.0.1", peer.port, "=1.dcm", cwd=tmp_path)
    done = run(*journal_command(tmp_path / "j", "--format", "csv"))
    (row,) = csv.DictReader(done.stdout.splitlines())
    assert not row["path"].startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("option", ["--report-csv", "--report-json", "--report-jsonl", "--report-html", "+crf"])
def test_names_on_a_terminal(tmp_path: Path, option: str) -> None:
    shutil.copy(CT, tmp_path / ODD)
    place = "/dev/stdout" if option == "+crf" else "-"
    with ScriptedPeer() as peer:
        argv = [installed_dcmsend(), "--no-progress", "-q", "127.0.0.1", peer.port, option, place, tmp_path / ODD]
        with Terminal(argv, columns=200) as terminal:
            assert terminal.finish()[0] == 0
            shown = terminal.written
    check_harmless(shown)
    assert rb"\u001b]0;owned" in shown
    if option.startswith("--report-json"):
        lines = shown.decode().replace("\r\n", "\n")
        last = lines.splitlines()[1] if option == "--report-jsonl" else lines
        value = json.loads(last)
        assert value.get("path", value.get("instances", [{}])[0].get("path")) == str(tmp_path / ODD)


@pytest.mark.parametrize("style", ["csv", "json", "text", "paths"])
def test_journal_on_a_terminal(tmp_path: Path, style: str) -> None:
    shutil.copy(CT, tmp_path / ODD)
    with ScriptedPeer() as peer:
        run(installed_dcmsend(), "--journal", "j", "127.0.0.1", peer.port, ODD, cwd=tmp_path)
    command = journal_command(tmp_path / "j", "--list", "--format", style)
    with Terminal(command, columns=200) as terminal:
        assert terminal.finish()[0] == 0
        check_harmless(terminal.written)
        assert b"owned" in terminal.written
    if style in ("csv", "paths"):
        assert ODD.encode() in run(*command).stdout.encode()


def check_harmless(shown: bytes) -> None:
    text = shown.decode().replace("\r\n", "\n")
    assert not any((ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160 for char in text)
    assert not set("\u202e\u200f") & set(text)


def test_names_in_a_pipe_are_what_they_are(tmp_path: Path) -> None:
    shutil.copy(CT, tmp_path / ODD)
    with ScriptedPeer() as peer:
        done = run(installed_dcmsend(), "127.0.0.1", peer.port, "--report-csv", "-", os.path.join(tmp_path, ODD))
    assert ODD in done.stdout
