"""A short run of ``scripts/soak_archives``, and that it finds what it is there to find."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.programs import installed_dcmsend
from support.soaking import play_rounds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_no_promise_is_broken() -> None:
    """With this seed two rounds have archives of all kinds, damaged members and two runs that are killed."""
    for done in play_rounds("soak_archives", (1, 2), "--seed", "146", timeout=380):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 rounds" in done.stdout


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        ("words.remove('--archives')", "never arrived"),
        ("words[words.index('--journal') + 1] += '-other'", "not in the journal"),
        ("open(os.environ['TMPDIR'] + '/member', 'w')", "left behind"),
    ],
)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path, fault: str, promise: str) -> None:
    """A program that does not look into archives, keeps another journal, or leaves what it has unpacked."""
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport os, sys\nwords = sys.argv[1:]\n{fault}\n"
        f"os.execv({installed_dcmsend()!r}, [{installed_dcmsend()!r}, *words])\n"
    )
    other.chmod(0o755)
    (done,) = play_rounds("soak_archives", (1,), "--seed", "1", "--dcmsend", other, timeout=380)
    assert done.returncode == 1, done.stdout + done.stderr
    assert promise in done.stdout
