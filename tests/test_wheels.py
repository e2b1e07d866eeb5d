"""The pure wheel holds sources alone; the modules that the other wheel compiles are there, and mypyc takes them.

``scripts/check-compiled`` builds the compiled wheel and runs the tests of behaviour with it.
"""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import sys
import sysconfig
import tomllib
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from pathlib import Path

import pytest

from support.run import run

ROOT = Path(__file__).parents[1]
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
MODULES: list[str] = WHEEL["hooks"]["custom"]["modules"]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture
def _compiler() -> None:
    has_header = Path(sysconfig.get_path("include"), "Python.h").exists()
    if has_header and shutil.which(os.environ.get("CC") or "cc") is not None:
        return
    reason = "PEER MISSING: C compiler: no cc on the search path, or no header files of Python"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def test_the_pure_wheel_is_for_every_python_and_holds_every_module(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    assert done.exit_code == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        schema = opened.read("dcmsend/report/report-schema.json")
    assert not [name for name in names if name.endswith(tuple(EXTENSION_SUFFIXES))]
    assert {f"{module.replace('.', '/')}.py" for module in MODULES} <= set(names)
    assert schema == (ROOT / "docs" / "report-schema.json").read_bytes()


def test_the_installed_package_has_all_of_them_compiled_or_none() -> None:
    compiled = {name for name in MODULES if isinstance(importlib.import_module(name).__loader__, ExtensionFileLoader)}
    assert compiled in (set(), set(MODULES))


def test_no_interpreted_class_inherits_from_a_compiled_one() -> None:
    """Python would not make an object of it."""
    compiled = [ROOT / "src" / f"{name.replace('.', '/')}.py" for name in MODULES]
    bases = {node.name for path in compiled for node in classes(path)}
    assert "WalkState" in bases
    others = set((ROOT / "src").rglob("*.py")) - set(compiled)
    heirs = [(path.stem, node.name) for path in others for node in classes(path) if names_of_bases(node) & bases]
    assert not heirs


def test_no_compiled_module_has_what_mypyc_makes_something_else_of() -> None:
    """See decision 21: each of these was tried."""
    for name in MODULES:
        path = ROOT / "src" / f"{name.replace('.', '/')}.py"
        for node in classes(path):
            assert not names_of_bases(node) & {"NamedTuple", "Enum", "Value"}, (name, node.name)
        checks = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.If)]
        asked = [node for node in checks if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"]
        assert not [node.lineno for node in asked if node.orelse], name


def classes(path: Path) -> list[ast.ClassDef]:
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]


def names_of_bases(node: ast.ClassDef) -> set[str]:
    parts = [part for base in node.bases for part in ast.walk(base)]
    plain = {part.id for part in parts if isinstance(part, ast.Name)}
    return plain | {part.attr for part in parts if isinstance(part, ast.Attribute)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("_compiler")
def test_what_mypyc_compiles_behaves_like_its_source(tmp_path: Path) -> None:
    """The smallest of the modules, without optimization: whether the way to a compiled wheel is open at all."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "dcmsend" / "dicom").mkdir(parents=True)
    for package in ("dcmsend", "dcmsend/dicom"):
        (source / package / "__init__.py").touch()  # the real one names every part of the library, for type checkers
    for name in ("tag.py", "walk_notes.py"):
        shutil.copy(ROOT / "src" / "dcmsend" / "dicom" / name, source / "dcmsend" / "dicom")
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path.insert(0, {str(ROOT / 'scripts')!r})\n"
        "from compile_modules import compile_modules\n"
        f"source, target = Path({str(source)!r}), Path({str(target)!r})\n"
        "for path in compile_modules(source, ['dcmsend.dicom.walk_notes'], target, '0'): print(path.name)\n"
    )
    built = run(sys.executable, "-c", code, timeout=500)
    assert built.exit_code == 0, built.stdout + built.stderr
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert set(built.stdout.split()) >= {f"walk_notes{suffix}", f"dcmsend__mypyc{suffix}"}

    shutil.copytree(source, target, dirs_exist_ok=True)
    use = (
        "from dcmsend.dicom import walk_notes\n"
        "notes = walk_notes.Notes(frozenset({0x00100010}))\n"
        "print(walk_notes.__loader__.__class__.__name__, len(notes.tags - walk_notes.NOTED_UIDS), notes.values)\n"
    )
    done = run(sys.executable, "-c", use, environment={"PYTHONPATH": str(target)})
    assert done.stdout == "ExtensionFileLoader 1 {}\n", done.stderr
