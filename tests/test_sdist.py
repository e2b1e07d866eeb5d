"""The archive of the sources holds all that is needed to build, test and document the program, and nothing else."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

from dcmsend.version import VERSION
from support.run import run

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "scripts", "docs", "completions", "changes", "benchmarks", "fuzz", "soak", "debian")
FILES = {
    "pyproject.toml", "mkdocs.yml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".ci/run",
    "Dockerfile", ".dockerignore",
}  # fmt: skip
MADE_BY_HATCH = {"PKG-INFO", ".gitignore"}
"""The second one says to hatch, also where the archive is unpacked, what is not to be packed."""
LEFT_OUT = ("__pycache__", "findings")  # .gitignore

# To compress it takes two seconds, and much longer on a machine that has other things to do.
pytestmark = pytest.mark.timeout(600)


def built(kind: str, source: Path, folder: Path) -> Path:
    done = run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder, cwd=source, timeout=500)
    assert done.exit_code == 0, done.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)  # it is ours; Debian 12's Python knows no filter
    (top,) = folder.iterdir()
    return top


def names_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def test_it_holds_the_sources_with_tests_and_documentation(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        members = [member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()]
    here = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    wanted = {path.as_posix() for path in here if not set(path.parts) & set(LEFT_OUT) and path.suffix != ".pyc"}
    assert sorted(members) == sorted(wanted | FILES | MADE_BY_HATCH)


def test_the_wheel_made_of_it_is_that_of_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    """There is no version control in it: version and contents come from the sources."""
    wheel = built("wheel", unpacked, tmp_path / "from sdist")
    assert names_of(wheel) == names_of(built("wheel", ROOT, tmp_path / "from checkout"))
    with zipfile.ZipFile(wheel) as archive:
        metadata = BytesParser().parsebytes(archive.read(f"dcmsend-{VERSION}.dist-info/METADATA"))
    assert metadata["Version"] == VERSION
    names = {address.partition(", ")[0] for address in metadata.get_all("Project-URL")}
    assert names == {"Documentation", "Source", "Issues", "Changelog"}


def test_its_tests_can_be_run(unpacked: Path, tmp_path: Path) -> None:
    tests = ("tests/report/test_schema.py", "tests/dicom/test_part10.py")
    # With a folder of its own: in the usual one it would first remove what earlier runs have left, for minutes.
    options = ("-q", "-p", "no:cacheprovider", "--basetemp", tmp_path / "inner")
    done = run(sys.executable, "-m", "pytest", *options, *tests, cwd=unpacked, timeout=500)
    assert done.exit_code == 0, done.stdout + done.stderr
