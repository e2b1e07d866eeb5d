"""A short run of ``scripts/soak_folders``, and that it finds what it is there to find."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.programs import installed_dcmsend
from support.soaking import play_rounds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("seed", [1])
def test_no_promise_is_broken(seed: int) -> None:
    for done in play_rounds("soak_folders", (1, 2), "--seed", str(seed), timeout=380):
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"seed {seed}" in done.stdout


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        ("os.unlink(files[0])", "LOST: instance"),
        ("os.makedirs(sent, exist_ok=True), os.rename(files[0], sent + '/moved')", "moved, but not at the receiver"),
        ("code = 17", "exit code 17"),
    ],
)
def test_a_program_that_breaks_a_promise_is_found_out(tmp_path: Path, fault: str, promise: str) -> None:
    """A program that removes a file, moves one that it has not sent, or ends with another code than it says."""
    other = tmp_path / "other"
    other.write_text(
        f"#!{sys.executable}\nimport glob, os, subprocess, sys\n"
        "files = sorted(glob.glob(sys.argv[-1] + '/a/*.dcm'))\n"
        "sent = os.path.dirname(sys.argv[-1]) + '/sent'\n"
        f"code = None\n{fault}\n"
        f"done = subprocess.run([{installed_dcmsend()!r}, *sys.argv[1:]])\nsys.exit(code or done.returncode)\n"
    )
    other.chmod(0o755)
    (done,) = play_rounds("soak_folders", (1,), "--seed", "1", "--dcmsend", other, timeout=380)
    assert done.returncode == 1, done.stdout + done.stderr
    assert promise in done.stdout
