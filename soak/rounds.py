"""What the soaks of nights have in common: telling of a broken round, and reading a journal without our code."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["opened_copy", "tell_broken"]


def tell_broken(
    script: str, seed: int, number: int, told: Sequence[str], broken: Sequence[str], root: Path, keep: Path | None
) -> None:
    """Print which promises a round has broken, and how it is played again; copy its folder ``root`` below ``keep``."""
    print(f"round {number} BREAKS A PROMISE; again: scripts/{script} --seed {seed} --round {number}")
    print("  " + "\n  ".join(told))
    for each in broken[:10]:
        print("  * " + each.replace("\n", "\n    "))
    sys.stdout.flush()
    if keep:
        place = keep / f"{seed}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(root, place, symlinks=True)


@contextmanager
def opened_copy(journal: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a journal, opened with SQLite alone, with what lies beside it."""
    with tempfile.TemporaryDirectory() as copy:
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{journal}{suffix}").exists():
                shutil.copy(f"{journal}{suffix}", f"{copy}/j{suffix}")
        connection = sqlite3.connect(f"{copy}/j")
        try:
            yield connection
        finally:
            connection.close()
