"""Fails when a module of the package has more than 400 lines, except generated tables."""

from __future__ import annotations

import sys
from pathlib import Path

LIMIT = 400
SOURCE = Path(__file__).resolve().parent.parent / "src" / "dcmsend"


def main() -> int:
    """Print each module that is too long; return the exit code."""
    too_long = 0
    for path in sorted(SOURCE.rglob("*.py")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LIMIT and not path.name.endswith("_table.py"):
            print(f"{path.relative_to(SOURCE.parent)}: {lines} lines, more than {LIMIT}")
            too_long += 1
    return min(too_long, 1)


if __name__ == "__main__":
    sys.exit(main())
