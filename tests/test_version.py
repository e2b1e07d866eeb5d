"""The version of a release is that of its tag."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from support.run import Run, run

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.peer("git")
WHO = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "N", "GIT_AUTHOR_EMAIL": "n@example.org",
    "GIT_COMMITTER_NAME": "N", "GIT_COMMITTER_EMAIL": "n@example.org", "GIT_COMMITTER_DATE": "2031-02-03T23:30:00Z",
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with what states the version, and what is made of that."""
    folder = tmp_path / "tree"
    for name in ("src", "scripts", "debian", "completions", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "All")):
        git(folder, *words)
    return folder


def git(folder: Path, *words: str) -> None:
    done = run("git", *words, cwd=folder, environment=WHO)
    assert done.exit_code == 0, done.stderr


def take(folder: Path, *words: str) -> Run:
    environment = {**WHO, "PYTHONPATH": str(folder / "src")}
    return run(sys.executable, "-P", folder / "scripts" / "version_from_tag.py", *words, environment=environment)


@pytest.mark.parametrize(("tag", "debian"), [("v9.8.7", "9.8.7"), ("v9.9rc1", "9.9~rc1")])
def test_the_tag_of_the_commit(tree: Path, tag: str, debian: str) -> None:
    git(tree, "tag", tag)
    done = take(tree)
    assert (done.exit_code, done.stdout) == (0, f"version {tag[1:]} of 2031-02-03\n"), done.stderr
    asks = "import dcmsend, dcmsend.version as v; print(dcmsend.__version__, v.RELEASE_DATE)"
    shown = run(sys.executable, "-P", "-c", asks, environment={"PYTHONPATH": str(tree / "src")})
    assert shown.stdout == f"{tag[1:]} 2031-02-03\n"
    changelog = (tree / "debian" / "changelog").read_text()
    assert changelog.startswith(f"dcmsend-py ({debian}) ")
    assert "  Mon, 03 Feb 2031 23:30:00 +0000\n" in changelog
    assert f"dcmsend {tag[1:]}" in (tree / "docs" / "dcmsend.1").read_text()


def test_a_tag_by_name(tree: Path) -> None:
    """It is that commit's date which counts, and no other commit's."""
    git(tree, "tag", "-m", "Release", "v3.0")
    (tree / "src" / "new").write_text("later")
    git(tree, "add", ".")
    later = {**WHO, "GIT_COMMITTER_DATE": "2032-01-01T00:00:00Z"}
    done = run("git", "commit", "-q", "-m", "Later", cwd=tree, environment=later)
    assert done.exit_code == 0, done.stderr
    assert take(tree, "v3.0").stdout == "version 3.0 of 2031-02-03\n"


@pytest.mark.parametrize(
    ("tag", "words", "told"),
    [
        ("", (), "no tag to take the version from: "),
        ("vegetables", ("vegetables",), "tag vegetables: it must be v and a version, as v1.2.3"),
        ("v1.2-beta", (), "tag v1.2-beta: it must be v and a version, as v1.2.3"),
        ("v1.2", ("v1.3",), "no tag to take the version from: "),
    ],
)  # fmt: skip
def test_no_tag(tree: Path, tag: str, words: tuple[str, ...], told: str) -> None:
    """One line, and nothing has changed."""
    if tag:
        git(tree, "tag", tag)
    done = take(tree, *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1, done.stderr
    assert run("git", "status", "--porcelain", cwd=tree).stdout == ""
