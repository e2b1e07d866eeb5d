"""A release is one command: version, change log, manual, commit and tag agree, in the tag's own tree."""

from __future__ import annotations

import os
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.run import Run, run
from support.scripts import load_script

ROOT = Path(__file__).parents[1]
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
pytestmark = pytest.mark.peer("git")
WHO = {
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "N", "GIT_AUTHOR_EMAIL": "n@example.org",
    "GIT_COMMITTER_NAME": "N", "GIT_COMMITTER_EMAIL": "n@example.org", "PYTHONPATH": "",
}  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with what states the version, and what is made of that."""
    if find_spec("towncrier") is None:
        reason = "PEER MISSING: towncrier: not installed (extra check)"
        if IN_CI:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = tmp_path / "tree"
    for name in ("src", "scripts", "debian", "completions", "docs", "changes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "assets", "*.so"))
    for name in ("CHANGELOG.md", "pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    (folder / "changes" / "of-this-test.bugfix.md").write_text("What was wrong is right.\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "All")):
        git(folder, *words)
    return folder


def git(folder: Path, *words: str) -> str:
    done = run("git", *words, cwd=folder, environment=WHO)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def release(folder: Path, *words: str) -> Run:
    return run(sys.executable, "-P", folder / "scripts" / "release.py", *words, environment=WHO)


def test_the_tree_of_the_tag_says_its_version(tree: Path, tmp_path: Path) -> None:
    """An archive of it, without git and without what is installed."""
    assert release(tree, "3.0.0rc1").exit_code == 0
    done = release(tree, "major")
    assert (done.exit_code, done.stderr) == (0, "")
    assert git(tree, "tag").split() == ["v3.0.0", "v3.0.0rc1"]
    assert git(tree, "status", "--porcelain") == ""

    git(tree, "archive", "-o", str(tmp_path / "a.tar"), "v3.0.0")
    shutil.unpack_archive(tmp_path / "a.tar", tmp_path / "a")
    asks = "import dcmsend, dcmsend.version as v; print(dcmsend.__version__, v.RELEASE_DATE)"
    said = run(sys.executable, "-P", "-c", asks, environment={"PYTHONPATH": str(tmp_path / "a" / "src")}).stdout
    assert re.fullmatch(r"3\.0\.0 \d{4}-\d\d-\d\d\n", said)
    assert "dcmsend 3.0.0" in (tmp_path / "a" / "docs" / "dcmsend.1").read_text()
    changelog = (tmp_path / "a" / "debian" / "changelog").read_text()
    assert re.findall(r"^dcmsend-py .*", changelog, re.MULTILINE)[:2] == [
        "dcmsend-py (3.0.0) unstable; urgency=medium", "dcmsend-py (3.0.0~rc1) unstable; urgency=medium",
    ]  # fmt: skip
    log = (tmp_path / "a" / "CHANGELOG.md").read_text()
    new, old = log.index("## dcmsend 3.0.0 ("), log.index("## dcmsend 3.0.0rc1 (")
    assert new < old < log.index("- What was wrong is right.")
    assert {path.name for path in (tmp_path / "a" / "changes").iterdir()} == {"README.md", "template.jinja"}

    assert release(tree, "--check", "v3.0.0").exit_code == 0
    told = release(tree, "--check", "v3.0.1")
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("1.2", "1.2: it must be major, minor, patch, or a version, as 1.2.3 or 1.2.3rc1\n"),
        ("v1.2.3", "v1.2.3: it must be"),
        ("01.2.3", "01.2.3: it must be"),
        ("1.2.3-beta", "1.2.3-beta: it must be"),
        ("7.0.0rc2", "7.0.0rc2: v7.0.0 is not older\n"),
        ("7.0.0", "7.0.0: v7.0.0 is not older\n"),
    ],
)
def test_what_is_no_release(tree: Path, words: str, told: str) -> None:
    """One line, and nothing has changed.  Tags that are no versions do not count."""
    for tag in ("v7.0.0", "v7.0.0rc1", "v8-beta", "vegetables"):
        git(tree, "tag", tag)
    done = release(tree, words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(told)
    assert done.stderr.count("\n") == 1, done.stderr
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "log", "--format=%s") == "All\n"


def test_the_first_release_is_of_the_version_that_the_sources_state(tree: Path) -> None:
    """A tag of that name which was made by hand is found out; a tag without v is none of ours."""
    stated = tree / "src" / "dcmsend" / "version.py"
    stated.write_text(re.sub(r'(?m)^(VERSION: Final = ").*"', r'\g<1>0.3.0"', stated.read_text()))
    unreleased = "dcmsend-py (0.3.0) UNRELEASED; urgency=medium\n\n  * Mine.\n\n -- N <n@example.org>  x\n"
    (tree / "debian" / "changelog").write_text(unreleased)
    git(tree, "commit", "-q", "-a", "-m", "Before")
    git(tree, "tag", "5.0.0")
    assert release(tree, "--check", "v0.3.0").exit_code == 1
    assert release(tree, "patch").exit_code == 0
    assert git(tree, "tag").split() == ["5.0.0", "v0.3.0"]
    assert release(tree, "--check", "v0.3.0").exit_code == 0

    changelog = (tree / "debian" / "changelog").read_text()
    assert "UNRELEASED" not in changelog
    (tree / "debian" / "changelog").write_text(f"{unreleased}\n{changelog}")  # as dch begins the next one
    git(tree, "commit", "-q", "-a", "-m", "Next")
    git(tree, "tag", "-d", "v0.3.0")
    assert release(tree, "0.3.1").exit_code == 0
    both = re.findall(r"^dcmsend-py .*", (tree / "debian" / "changelog").read_text(), re.MULTILINE)
    assert both == [f"dcmsend-py (0.3.{patch}) unstable; urgency=medium" for patch in (1, 0)]
    git(tree, "tag", "-d", "v0.3.1")  # also without tags nothing older is made
    assert release(tree, "0.3.1").exit_code == release(tree, "0.2.9").exit_code == 1


def test_another_repository_is_left_alone(tree: Path, tmp_path: Path) -> None:
    """An archive of the sources that was unpacked within it."""
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "Outer")):
        shutil.rmtree(tree / ".git", ignore_errors=True)
        git(tmp_path, *words)
    done = release(tree, "patch")
    assert (done.exit_code, done.stderr) == (1, "this folder is no repository of its own\n")
    assert (git(tmp_path, "status", "--porcelain"), git(tmp_path, "tag")) == ("", "")


def test_a_tag_that_cannot_be_made_leaves_no_commit(tree: Path) -> None:
    git(tree, "config", "tag.gpgSign", "true")
    git(tree, "config", "gpg.program", "/bin/false")
    assert release(tree, "patch").exit_code == 1
    assert (git(tree, "log", "--format=%s"), git(tree, "tag"), git(tree, "status", "--porcelain")) == ("All\n", "", "")


def test_changes_that_are_not_committed_stay(tree: Path) -> None:
    git(tree, "config", "status.showUntrackedFiles", "no")
    (tree / "notes.txt").write_text("mine")
    assert release(tree, "patch").exit_code == 1
    (tree / "notes.txt").unlink()
    (tree / "CHANGELOG.md").write_text("mine")
    done = release(tree, "patch")
    assert (done.exit_code, done.stderr) == (1, "there are changes that are not committed\n")
    assert (tree / "CHANGELOG.md").read_text() == "mine"


def test_a_step_that_fails_leaves_nothing_behind(tree: Path) -> None:
    (tree / "scripts" / "manual_page.py").write_text("raise SystemExit('no manual today')\n")
    git(tree, "commit", "-q", "-a", "-m", "Broken")
    done = release(tree, "patch")
    assert done.exit_code == 1
    assert done.stderr.endswith(": no manual today\n"), done.stderr
    assert git(tree, "status", "--porcelain") == ""
    assert (git(tree, "log", "-1", "--format=%s"), git(tree, "tag")) == ("Broken\n", "")


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ("1.2.3", "patch", "1.2.4"), ("1.2.3", "minor", "1.3.0"), ("1.2.3", "major", "2.0.0"),
        ("1.3.0rc2", "patch", "1.3.0"), ("1.3.0rc2", "minor", "1.3.0"), ("1.3.0rc2", "major", "2.0.0"),
        ("1.3.1a1", "patch", "1.3.1"), ("1.3.1a1", "minor", "1.4.0"),
    ],
)  # fmt: skip
def test_the_version_that_follows(before: str, step: str, after: str) -> None:
    module = load_script("release")
    first, second = module.parse(before), module.parse(after)
    assert first.next(step) == second
    assert first.order < second.order
