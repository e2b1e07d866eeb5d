"""The file of a compiled wheel from which modules are imported: it stands for their sources, whoever asks."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from support.run import Run, run
from support.scripts import load_script

ROOT = Path(__file__).parents[1]
hook = load_script("compile_modules")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package as a compiled wheel installs it, but for what mypyc makes."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "src" / "dcmsend", site / "dcmsend", ignore=shutil.ignore_patterns("__pycache__"))
    hook.make_bundle(ROOT / "src", [], site)
    return site


def python(site: Path, *arguments: str) -> Run:
    return run(sys.executable, *arguments, environment={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"})


WHO_LOADED = (
    "import sys, dcmsend.cli.main, dcmsend.library; "
    "names = [name for name in sys.modules if name.startswith('dcmsend.')]; "
    "print(*sorted({type(sys.modules[name].__loader__).__name__ for name in names if name != 'dcmsend.bundle'}))"
)


def test_everything_can_be_had_without_the_sources(site: Path) -> None:
    for path in (site / "dcmsend").rglob("*.py"):
        if path.relative_to(site / "dcmsend").as_posix() not in ("__init__.py", "bundle.py"):
            path.unlink()
    assert python(site, "-c", WHO_LOADED).stdout == "BundleFinder\n"
    names = (
        "import pathlib, importlib; "
        f"root = pathlib.Path({str(ROOT / 'src')!r}); "
        "files = [path.relative_to(root).with_suffix('').parts for path in (root / 'dcmsend').rglob('*.py')]; "
        "names = ['.'.join(parts).removesuffix('.__init__') for parts in files if parts[-1] != '__main__']; "
        "print(len([importlib.import_module(name) for name in names]) > 300)"
    )
    done = python(site, "-c", names)
    assert done.stdout == "True\n", done.stderr


def test_it_does_what_the_sources_do(site: Path) -> None:
    def told() -> list[tuple[int, str, str]]:
        runs = [python(site, "-m", "dcmsend", *words) for words in (["--version"], ["--help"], ["+sd", "nowhere"], [])]
        return [(done.exit_code, done.stdout, done.stderr) for done in runs]

    with_bundle = told()
    (site / "dcmsend" / "modules.bundle").unlink()
    assert python(site, "-c", WHO_LOADED).stdout == "SourceFileLoader\n"
    assert told() == with_bundle


def test_a_traceback_shows_the_source(site: Path) -> None:
    done = python(site, "-c", "import dcmsend.transfer.rate as rate; rate.TokenBucket(0.0, 1.0).take(2)")
    assert "ZeroDivisionError" in done.stderr
    assert f'File "{site}/dcmsend/transfer/rate.py"' in done.stderr
    assert "return max(0.0, -self._tokens / self._rate)" in done.stderr
    code = (
        "import dcmsend.transfer.rate; rate = dcmsend.transfer.rate; "
        "print(rate.__file__, rate.__spec__.has_location, rate.__package__, dcmsend.transfer.__path__)"
    )
    folder = site / "dcmsend" / "transfer"
    assert python(site, "-c", code).stdout == f"{folder / 'rate.py'} True dcmsend.transfer [{str(folder)!r}]\n"


def test_another_python_reads_the_sources(site: Path) -> None:
    path = site / "dcmsend" / "modules.bundle"
    content = path.read_bytes()
    tag = sys.implementation.cache_tag.encode()
    assert content.startswith(tag)
    path.write_bytes(content.replace(tag, b"other-999", 1))
    assert python(site, "-c", WHO_LOADED).stdout == "SourceFileLoader\n"


def test_a_bundle_that_goes_while_the_program_runs(site: Path) -> None:
    """As in an upgrade: what was not imported yet is read from its source."""
    code = (
        "import os, dcmsend.errors; "
        f"os.unlink({str(site / 'dcmsend' / 'modules.bundle')!r}); "
        "import dcmsend.library; "
        "print(type(dcmsend.errors.__loader__).__name__, type(dcmsend.library.__loader__).__name__)"
    )
    assert python(site, "-c", code).stdout == "BundleFinder SourceFileLoader\n"
