"""A short run of ``scripts/soak_compare``, and that it finds what it is there to find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "soak_compare"
SEEDS = (4, 5, 6)
pytestmark = [pytest.mark.peer("dcmtk-dcmsend"), pytest.mark.slow, pytest.mark.timeout(300)]


def soak(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, errors="replace", timeout=280, check=False
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_differs_but_what_is_known(seed: int) -> None:
    done = soak("40", "--seed", str(seed))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"seed {seed}" in done.stdout


@pytest.mark.parametrize(
    ("fault", "aspect"),
    [
        ("words = words[:-1] if words[-1:] == ['2.dcm'] else words", "requests"),
        ("words = ['-aet', 'OTHER', *words]", "requests"),
        ("code = 3", "exit_code"),
    ],
)
def test_a_program_that_does_something_else_is_found_out(tmp_path: Path, fault: str, aspect: str) -> None:
    """A program that leaves a file out, has another title, or ends with another code."""
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport subprocess, sys\nwords, code = sys.argv[1:], None\n{fault}\n"
        f"done = subprocess.run([{sys.executable!r}, '-m', 'dcmsend', *words])\nsys.exit(code or done.returncode)\n"
    )
    other.chmod(0o755)
    done = soak("12", "--seed", "1", "--no-shrink", "--ours", other)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"\n  {aspect}:" in done.stdout


def test_the_same_line_again() -> None:
    """A seed gives the same line whether it is run alone or among others."""
    lines = [soak("--seed", "7", "--line", "3", "--no-shrink", "--ours", "/bin/false").stdout for _ in range(2)]
    assert "alone: scripts/soak_compare --seed 7 --line 3" in lines[0]
    assert lines[0] == lines[1]
