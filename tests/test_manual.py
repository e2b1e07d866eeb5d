"""The manual page and the completions are up to date, and the programs they are made for understand them."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from dcmsend.cli.option_table import OPTIONS
from support.run import run

ROOT = Path(__file__).parent.parent
COMPLETIONS = ROOT / "completions"
NAMES = {name for row in OPTIONS for name in (row.short, row.long) if name}


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def test_generated_files_are_up_to_date() -> None:
    done = run(sys.executable, ROOT / "scripts" / "generate_manual.py", "--check")
    assert done.exit_code == 0, done.stdout + done.stderr


def test_manual_page_is_without_faults() -> None:
    done = run(need("groff"), "-man", "-ww", "-z", ROOT / "docs" / "dcmsend.1")
    assert (done.exit_code, done.stderr) == (0, "")


def test_manual_page_shows_every_option_and_exit_code() -> None:
    done = run(need("groff"), "-man", "-Tascii", "-P-cbou", "-rLL=200n", ROOT / "docs" / "dcmsend.1")
    text = " ".join(done.stdout.split())
    for row in OPTIONS:
        assert ", ".join(name for name in (row.short, row.long) if name) in text
        assert " ".join(row.text) in text
    section = text[text.index(" EXIT STATUS ") : text.index(" ENVIRONMENT ")]
    assert {"0", "1", "21", "22", "23", "43", "61", "62", "65", "101", "102"} <= set(re.findall(r"\d+", section))
    assert "DCMDICTPATH" in text[text.index(" ENVIRONMENT ") :]


def bash_answer(*words: str, cwd: Path) -> set[str]:
    """What bash offers for the last of these words."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _dcmsend; '
    script += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = run(need("bash"), "-c", script, "bash", COMPLETIONS / "bash" / "dcmsend-py", *words, cwd=cwd)
    assert done.stderr == ""
    return set(done.stdout.split("\n")) - {""}


def test_bash(tmp_path: Path) -> None:
    (tmp_path / "a file.dcm").touch()
    (tmp_path / "folder").mkdir()
    assert bash_answer("dcmsend", "--", cwd=tmp_path) == {name for name in NAMES if name.startswith("--")}
    assert bash_answer("dcmsend", "+", cwd=tmp_path) == {name for name in NAMES if name.startswith("+")}
    assert bash_answer("dcmsend", "-v", "--no-h", cwd=tmp_path) == {"--no-halt"}
    assert bash_answer("dcmsend", "-ll", "d", cwd=tmp_path) == {"debug"}
    assert bash_answer("dcmsend", "peer", "104", "a", cwd=tmp_path) == {"a file.dcm"}
    assert bash_answer("dcmsend", "+crf", "", cwd=tmp_path) == {"a file.dcm", "folder"}
    assert bash_answer("dcmsend", "-aec", "", cwd=tmp_path) == set()


def fish_answer(line: str, cwd: Path) -> set[str]:
    script = 'source $argv[1]; source $argv[2]; complete -C "$argv[3]"'
    paths = (COMPLETIONS / "fish" / "dcmsend.fish", COMPLETIONS / "fish" / "dcmsend-py.fish")
    done = run(need("fish"), "--no-config", "-c", script, *paths, line, cwd=cwd, environment={"HOME": str(cwd)})
    assert done.stderr == ""
    return {offer.split("\t")[0] for offer in done.stdout.splitlines()}


def test_fish(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").touch()
    assert fish_answer("dcmsend --", tmp_path) == {name for name in NAMES if name.startswith("--")}
    assert fish_answer("dcmsend +", tmp_path) == {name for name in NAMES if name.startswith("+")}
    assert fish_answer("dcmsend -n", tmp_path) >= {name for name in NAMES if re.match(r"-n", name)}
    assert fish_answer("dcmsend-py --no-h", tmp_path) == {"--no-halt"}
    assert fish_answer("dcmsend -ll d", tmp_path) == {"debug"}
    assert "one.dcm" in fish_answer("dcmsend peer 104 o", tmp_path)


def test_zsh() -> None:
    path = COMPLETIONS / "zsh" / "_dcmsend"
    done = run(need("zsh"), "-n", path)
    assert (done.exit_code, done.stderr) == (0, "")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#compdef dcmsend dcmsend-py\n")
    assert set(re.findall(r"^  '\*([-+][^\[]+)\[", text, flags=re.MULTILINE)) == NAMES
