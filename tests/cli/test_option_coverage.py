"""Every option of the table is exercised from the installed command, by a test that exists and names it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from dcmsend.cli.option_table import OPTIONS, OptionRow

from .option_coverage import OPTION_COVERAGE

TESTS = Path(__file__).parent.parent


def test_the_table_has_no_gap() -> None:
    assert OPTION_COVERAGE.keys() == {row.long for row in OPTIONS}


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.long)
def test_option_is_exercised(row: OptionRow) -> None:
    file, _, function = OPTION_COVERAGE[row.long].partition("::")
    source = _functions(file).get(function)
    assert source is not None, f"there is no test {function} in {file}"
    words = {
        word
        for node in ast.walk(source)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split()
    }
    assert {row.long, row.short} & words, f"{function} does not use {row.long}"


@cache
def _functions(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
