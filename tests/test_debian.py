"""The Debian package: built with dpkg-buildpackage, unpacked and used; it has no file of the package dcmtk."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.cli.help_text import version_text
from dcmsend.version import VERSION
from support.corpus import DATA
from support.run import Run, run
from support.scripted_peer import ScriptedPeer

ROOT = Path(__file__).parents[1]
MODULES = "usr/lib/python3/dist-packages"
CT = DATA / "pydicom" / "CT_small.dcm"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = [name for name in ("dpkg-buildpackage", "dpkg-deb", "make") if shutil.which(name) is None]
    if missing:
        reason = f"PEER MISSING: {', '.join(missing)}: not installed (Debian packages dpkg-dev, make)"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("deb")
    done = run("bash", ROOT / "scripts" / "build-deb", folder, timeout=500)
    assert done.exit_code == 0, done.stderr
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def root(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be below ``/``."""
    folder = tmp_path_factory.mktemp("root")
    done = run("dpkg-deb", "-x", package, folder)
    assert done.exit_code == 0, done.stderr
    return folder


def use(root: Path, command: str, *arguments: str | Path | int, cwd: Path | None = None) -> Run:
    """Runs an installed command, with the modules of the package and no others but Python's."""
    words = ("-s", "-S", root / "usr" / "bin" / command)
    return run(sys.executable, *words, *arguments, cwd=cwd, environment={"PYTHONPATH": str(root / MODULES)})


def names(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_its_version_is_ours(package: Path) -> None:
    done = run("dpkg-deb", "-f", package, "Version")
    assert done.stdout.strip().replace("~", "") == VERSION, "debian/changelog"  # 1.0.0~rc1 is older than 1.0.0


def test_it_has_every_module(root: Path) -> None:
    source = ROOT / "src"
    wanted = {name for name in names(source) if "__pycache__" not in name and not name.endswith((".so", ".pyc"))}
    assert set(names(root / MODULES)) == wanted | {"dcmsend/report/report-schema.json"}


def test_no_file_is_called_as_one_of_dcmtk(root: Path) -> None:
    """Nor do completions speak of DCMTK's command."""
    others = [Path(name) for name in names(root) if not name.startswith(MODULES)]
    assert {path.name.partition(".")[0].lstrip("_") for path in others if "doc" not in path.parts} == {
        "dcmsend-py", "dcmsend-journal"
    }  # fmt: skip
    completions = [root / path for path in others if "completion" in path.parent.as_posix()]
    assert len(completions) == 3
    for path in completions:
        last = [line for line in path.read_text("utf-8").splitlines() if re.match(r"complete |#compdef ", line)]
        assert last, path
        assert all(re.search(r"\bdcmsend-py\b", line) for line in last), path
        assert not [line for line in last if re.match(r".*? dcmsend( |$)", line.partition(" -d ")[0])], path


def test_it_sends_and_reads_the_journal(root: Path, tmp_path: Path) -> None:
    told = use(root, "dcmsend-py", "--version")
    assert told.stdout == version_text().replace("compiled by mypyc", "pure Python"), told.stderr
    with ScriptedPeer() as peer:
        done = use(root, "dcmsend-py", "--journal", "j", "127.0.0.1", peer.port, CT, cwd=tmp_path)
    assert (done.exit_code, len(peer.stores)) == (0, 1), done.stderr
    listed = use(root, "dcmsend-journal", "--format", "csv", "j", cwd=tmp_path)
    assert str(CT) in listed.stdout, listed.stderr


def test_its_manual_pages_are_whole(root: Path) -> None:
    """None refers to ``dcmsend.1``, which would be DCMTK's."""
    pages = sorted((root / "usr/share/man/man1").iterdir())
    texts = [run("gzip", "-dc", page).stdout for page in pages]
    assert texts == [(ROOT / "docs" / name).read_text("utf-8") for name in ("dcmsend-journal.1", "dcmsend.1")]
