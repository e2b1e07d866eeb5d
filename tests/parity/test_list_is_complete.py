"""The list of rows and the page on deviations have no gaps."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from parity.comparison import DEVIATIONS_PAGE, known_deviations
from parity.rows import TESTS_OF_ROW

FOLDER = Path(__file__).parent


def test_every_row_has_a_test() -> None:
    for module in FOLDER.glob("test_rows_*.py"):
        importlib.import_module(f"parity.{module.stem}")
    assert [number for number, tests in TESTS_OF_ROW.items() if not tests] == []


def test_every_deviation_names_its_tests() -> None:
    """Each line of the page names tests that exist, and each line used by a test stands on the page."""
    root = DEVIATIONS_PAGE.parents[1]
    for number, line in known_deviations().items():
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", line)
        assert named, f"{number} names no test"
        for path, function in named:
            text = (root / path).read_text(encoding="utf-8")
            assert f"def {function}" in text, f"{number}: {path}::{function}"
    used = {each for module in FOLDER.glob("test_*.py") for each in re.findall(r"\bD\d\d\b", module.read_text())}
    assert used <= set(known_deviations())
