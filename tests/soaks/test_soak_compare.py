"""A short run of ``scripts/soak_compare``, and that it finds what it is there to find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from soak.compare.lines import ROWS, make_line
from soak.compare.mutations import MUTATIONS

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak_compare"
SEEDS, LINES = (17, 34, 54), 14
"""Few lines that have everything in them, as ``test_every_kind_of_line_comes`` says."""
PECULIARITIES = {"refusal", "conversion", "rejection", "loss", "status", "misread", "tiny"}
pytestmark = [pytest.mark.peer("dcmtk-dcmsend"), pytest.mark.slow, pytest.mark.timeout(300)]


def soak(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, errors="replace", timeout=280, check=False
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_differs_but_what_is_known(seed: int) -> None:
    done = soak(str(LINES), "--seed", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {seed}" in done.stdout


def test_every_kind_of_line_comes(tmp_path: Path) -> None:
    """Each option, change of a file and behaviour of a peer, some files, a tree and a medium."""
    lines = [make_line(seed, number, tmp_path / "files") for seed in SEEDS for number in range(1, LINES + 1)]
    given = {option[0] for line in lines for option in line.options}
    assert [row.long for row in ROWS if not given & {row.short, row.long}] == []
    assert {kind for line in lines for file in line.files for kind in file.kinds} == {
        change.__name__ for change, _ in MUTATIONS
    }
    assert {kind for line in lines for kind in line.peer.kinds} == PECULIARITIES
    assert {len(line.peer.scripts) for line in lines} == {1, 2, 3}
    assert {line.parameters[-1] for line in lines} >= {"tree", "DICOMDIR", "0.dcm"}


@pytest.mark.parametrize(
    ("line", "fault", "aspect"),
    [
        (48, "words = words[:-1] if words[-1:] == ['2.dcm'] else words", "requests"),
        (1, "words = ['-aet', 'OTHER', *words]", "requests"),
        (6, "code = 3", "exit_code"),
    ],
)
def test_a_program_that_does_something_else_is_found_out(tmp_path: Path, line: int, fault: str, aspect: str) -> None:
    """A program that leaves a file out, has another title, or ends with another code; on the cheapest line of each."""
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\nwords, code = sys.argv[1:], None\n{fault}\n"
        f"done = subprocess.run([{sys.executable!r}, '-m', 'dcmsend', *words])\nsys.exit(code or done.returncode)\n"
    )
    other.chmod(0o755)
    done = soak("--line", str(line), "--seed", "1", "--no-shrink", "--ours", other)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"\n  {aspect}:" in done.stdout


def test_the_same_line_again() -> None:
    """A seed gives the same line whether it is run alone or among others."""
    lines = [soak("--seed", "7", "--line", "3", "--no-shrink", "--ours", "/bin/false").stdout for _ in range(2)]
    assert "alone: scripts/soak_compare --seed 7 --line 3" in lines[0]
    assert lines[0] == lines[1]
