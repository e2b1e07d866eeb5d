"""The architecture page says what is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.scripts import load_script

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "dcmsend"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LATER: set[str] = set()
"""Folders that the checklists name for capabilities that are still to come."""


def classes() -> Iterator[str]:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                yield node.name


def test_every_class_that_it_names_exists() -> None:
    named = set(re.findall(r"`([A-Z][a-z]\w*[a-z]\w*)`", PAGE))
    assert len(named) > 15
    assert named - set(classes()) == set()


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"`([a-z_]+/[a-z_]*(?:\.py)?)`", PAGE))
    assert len(named) > 10
    missing = {name for name in named if not (SOURCE / name).exists() and not (ROOT / name).exists()}
    assert missing == LATER


def test_every_folder_has_its_row() -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.M))
    there = {
        path.stem for path in SOURCE.iterdir()
        if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"
    } - {"__init__", "__main__", "version", "settings"}  # fmt: skip
    assert rows == there


def test_the_import_rule_is_the_one_that_is_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    enforced = " / ".join(layer.replace("dcmsend.", "") for layer in layers)
    assert f"\n    {enforced}\n" in PAGE


@pytest.mark.parametrize("checklist", ["A new place for inputs", "A new way to send:", "A new step after the answer"])
def test_a_checklist_has_at_most_five_files(checklist: str) -> None:
    _, _, behind = PAGE.partition(f"**{checklist}")
    steps = re.findall(r"^(\d)\. ", behind.split("**", 1)[1].split("**")[0].split("\n## ")[0], re.M)
    assert [int(step) for step in steps] == list(range(1, len(steps) + 1))
    assert 1 <= len(steps) <= 5


# --- only exported names


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return load_script("check_exported_names")


def test_only_exported_names_are_used() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_exported_names.py"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        ("from dcmsend.transfer.engine import Engine", True),
        ("import dcmsend.transfer.engine", True),
        ("from dcmsend.transfer import OutcomesInOrder", True),
        ("from dcmsend import transfer", True),
        ("from .. import transfer", True),
        ("from ..transfer import OutcomesInOrder", True),
        ("from ..transfer import Engine", False),
        ("from dcmsend.transfer import Engine", False),
        ("from dcmsend import errors", False),
        ("from dcmsend.dicom.uid import is_valid", False),
        ("from dcmsend.report.place import Place", False),
        ("import os.path", False),
    ],
)
def test_what_the_check_finds(
    check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, is_fault: bool
) -> None:
    """The last but one of our own folder: a module may use everything of its own."""
    path = tmp_path / "dcmsend" / "report" / "one.py"
    path.parent.mkdir(parents=True)
    path.write_text(f"def f():\n    {line}\n")
    monkeypatch.setattr(check, "SOURCE", tmp_path / "dcmsend")
    folders = {"transfer": {"Engine"}, "report": set(), "dicom": set()}
    assert bool(list(check.faults_of(path, folders))) is is_fault
