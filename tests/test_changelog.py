"""The change log is made of the fragments in ``changes/``, of all of them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.run import run

ROOT = Path(__file__).parents[1]
CHANGES = ROOT / "changes"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["towncrier"]
HEADINGS: dict[str, str] = {kind["directory"]: kind["name"] for kind in SETTINGS["type"]}
FRAGMENTS = sorted(path for path in CHANGES.iterdir() if path.name not in ("README.md", "template.jinja"))
MARK = "<!-- towncrier release notes start -->\n"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture
def _towncrier() -> None:
    if find_spec("towncrier") is not None:
        return
    reason = "PEER MISSING: towncrier: not installed (extra check)"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def words(text: str) -> str:
    return " ".join(text.split())


def sections(log: str) -> dict[str, str]:
    """The text below each heading of the third level."""
    parts = re.split(r"^### (.*)$", log, flags=re.MULTILINE)
    return {name: words(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_each_fragment_has_a_name_and_a_kind_and_says_something() -> None:
    """Only files with a known kind go into the change log; towncrier would leave out a mistyped one."""
    for path in FRAGMENTS:
        named = re.fullmatch(r"[a-z0-9-]+\.([a-z]+)\.md", path.name)
        assert named, path.name
        assert named[1] in HEADINGS, path.name
        assert words(path.read_text("utf-8")), path.name


def test_the_page_about_fragments_names_every_kind() -> None:
    page = (CHANGES / "README.md").read_text("utf-8")
    assert [kind for kind in HEADINGS if f"`{kind}`" not in page] == []


@pytest.mark.usefixtures("_towncrier")
def test_a_release_puts_every_fragment_below_the_heading_of_its_kind(tmp_path: Path) -> None:
    """Done in a copy, because the fragments are gone after it; what stood in the change log stays below."""
    shutil.copytree(CHANGES, tmp_path / "changes")
    for name in ("CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    head, mark, earlier = (tmp_path / "CHANGELOG.md").read_text("utf-8").partition(MARK)
    (tmp_path / "changes" / "of-this-test.bugfix.md").write_text("What this test says.\n")  # there may be no other
    release = ("build", "--yes", "--version", "98.7", "--date", "2026-01-02")
    done = run(sys.executable, "-m", "towncrier", *release, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in (tmp_path / "changes").iterdir()} == {"README.md", "template.jinja"}

    log = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    heading = "## dcmsend 98.7 (2026-01-02)"
    assert mark == MARK
    assert log.startswith(head + mark)
    assert log.endswith(earlier.strip() + "\n") or not earlier.strip()
    told = sections(log[len(head + mark) : len(log) - len(earlier.strip())])
    assert heading in log[len(head + mark) :]
    assert "- What this test says." in told["Fixed"]
    for path in FRAGMENTS:
        text = f"- {words(path.read_text('utf-8'))}"
        assert text in told[HEADINGS[path.suffixes[0][1:]]], path.name

    (tmp_path / "changes" / "later.bugfix.md").write_text("What was wrong is right.\n")
    release = ("build", "--yes", "--version", "98.8", "--date", "2026-01-03")
    done = run(sys.executable, "-m", "towncrier", *release, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    both = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    assert 0 < both.index("98.8") < both.index("- What was wrong is right.") < both.index(heading)
