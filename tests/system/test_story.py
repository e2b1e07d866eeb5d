"""The story of ``scripts/demo --story``, with fewer instances, and an archive that loses none: that takes a minute."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support.run import run

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PROGRAM = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from demo_story import tell_story
sys.exit(tell_story(pathlib.Path(sys.argv[2]), count=40, lost_count=0))
"""


@pytest.mark.peer("pynetdicom")
def test_a_migration_is_killed_goes_on_and_is_proven(tmp_path: Path) -> None:
    done = run(sys.executable, "-c", PROGRAM, SCRIPTS, tmp_path / "story")
    assert done.exit_code == 0, (done.stdout, done.stderr)
    assert "40 of 40 verified" in done.stderr
    assert "<html" in (tmp_path / "story" / "report.html").read_text(encoding="utf-8")
