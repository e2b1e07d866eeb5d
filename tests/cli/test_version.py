"""``--version`` says whether the busiest modules were compiled."""

from __future__ import annotations

import shutil
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path

import dcmsend as package
from support.run import run

PACKAGE = Path(package.__file__).parent


def build_options(program: str, *arguments: str, **environment: str) -> str:
    done = run(program, *arguments, "--version", environment=environment)
    assert done.exit_code == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("Build options: "))
    return line.rpartition(", ")[2]


def test_it_says_what_a_send_loads(dcmsend: str) -> None:
    loaded = run(sys.executable, "-c", "from dcmsend.dicom import walk; print(walk.__file__)").stdout.strip()
    is_source = loaded.endswith(tuple(SOURCE_SUFFIXES))
    assert build_options(dcmsend) == ("pure Python" if is_source else "compiled by mypyc")


def test_sources_alone_are_pure_and_an_extension_module_beside_them_is_compiled(tmp_path: Path) -> None:
    copy = tmp_path / "dcmsend"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", *(f"*{s}" for s in EXTENSION_SUFFIXES)))
    command = (sys.executable, "-m", "dcmsend")
    assert build_options(*command, PYTHONPATH=str(tmp_path)) == "pure Python"
    (copy / "dicom" / f"walk{EXTENSION_SUFFIXES[0]}").touch()
    assert build_options(*command, PYTHONPATH=str(tmp_path)) == "compiled by mypyc"
