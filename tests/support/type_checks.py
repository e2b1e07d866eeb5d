"""What ``mypy --strict`` says of a user's program that imports the package."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

__all__ = ["check_types"]

_PROJECT = Path(__file__).parents[2]


def check_types(folder: Path, *names: str) -> tuple[int, str]:
    """The exit code and the output of mypy for programs in ``folder``, which finds the package where it is installed.

    The options are the project's, which are strict, so what ``scripts/check`` has found out a moment ago is not found
    out anew.  One at a time: who waits too long for the other's part of that is not served.
    """
    words = [f"--config-file={_PROJECT / 'pyproject.toml'}", f"--cache-dir={_PROJECT / '.mypy_cache'}"]
    with open(_PROJECT / "pyproject.toml", "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *words, *names], capture_output=True, text=True, cwd=folder, check=False
        )  # fmt: skip
    return done.returncode, done.stdout
