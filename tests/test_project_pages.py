"""The pages for contributors name what is there, and the workflows for public hosting are what these pages say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "README.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", (ROOT / page).read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_scripts_of_the_page_exist_and_no_soak_is_missing() -> None:
    named = set(re.findall(r"scripts/([\w-]+(?:\.\w+)?)", CONTRIBUTING)) | set(re.findall(r"\bsoak_\w+", CONTRIBUTING))
    there = {path.name for path in (ROOT / "scripts").iterdir()}
    assert named - there == set()
    assert {name for name in there if name.startswith("soak_")} - named == set()


def test_the_places_of_a_new_thing_exist_and_hold_what_is_named() -> None:
    places = re.findall(r"`((?:src|tests|docs|changes)/[\w./-]*)`(?: \(`(\w+)`\))?", CONTRIBUTING)
    assert len(places) > 5
    for place, name in places:
        assert (ROOT / place).exists(), place
        assert f"\n{name}: " in (ROOT / place).read_text("utf-8") if name else True, name


def test_the_options_of_the_long_mode_are_all_told() -> None:
    own = set(re.findall(r'addoption\(\s*"(--[\w-]+)", action', (ROOT / "tests" / "conftest.py").read_text("utf-8")))
    assert own
    assert {option for option in own if f"{option}`" not in CONTRIBUTING and f"{option} " not in CONTRIBUTING} == set()


@pytest.mark.skipif(not WORKFLOWS, reason="the archive of the sources has no workflows")
def test_workflows_are_called_untried_until_they_were_tried() -> None:
    assert "**untried**" in CONTRIBUTING
    for path in WORKFLOWS:
        assert path.read_text("utf-8").startswith("# UNTRIED"), path.name


@pytest.mark.skipif(not WORKFLOWS, reason="the archive of the sources has no workflows")
def test_workflows_run_scripts_that_exist_on_every_python() -> None:
    yaml = pytest.importorskip("yaml")
    commands = ""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            commands += "".join(f"{step.get('run', '')}\n" for step in job["steps"])
    scripts = re.findall(r"(?:^|\./)((?:scripts|\.ci)/[\w-]+)", commands, flags=re.MULTILINE)
    assert {".ci/run", "scripts/build-deb", "scripts/build-wheels", "scripts/build-zipapp"} == set(scripts)
    assert [name for name in scripts if not (ROOT / name).is_file()] == []

    matrix = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text())["jobs"]["systems"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert f">={matrix['python'][0]}" == PROJECT["requires-python"]
