"""The manual page and the completions are up to date, and the programs they are made for understand them."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from dcmsend.cli.option_table import OPTIONS
from support.programs import dcmtk_program
from support.run import run

ROOT = Path(__file__).parent.parent
COMPLETIONS = ROOT / "completions"
NAMES = {name for row in OPTIONS for name in (row.short, row.long) if name}


def need(program: str) -> str:
    path = dcmtk_program(program)
    assert path is not None, f"{program} is not installed"
    return path


def test_generated_files_are_up_to_date() -> None:
    done = run(sys.executable, ROOT / "scripts" / "generate_manual.py", "--check")
    assert done.exit_code == 0, done.stdout + done.stderr


@pytest.mark.peer("groff")
@pytest.mark.parametrize("page", ["dcmsend.1", "dcmsend-journal.1"])
def test_manual_page_is_without_faults(page: str) -> None:
    done = run(need("groff"), "-man", "-ww", "-z", ROOT / "docs" / page)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.peer("groff")
def test_manual_page_shows_every_option_and_exit_code() -> None:
    done = run(need("groff"), "-man", "-Tascii", "-P-cbou", "-rLL=200n", ROOT / "docs" / "dcmsend.1")
    text = " ".join(done.stdout.split())
    for row in OPTIONS:
        assert ", ".join(name for name in (row.short, row.long) if name) in text
        assert " ".join(row.text) in text
    section = text[text.index(" EXIT STATUS ") : text.index(" ENVIRONMENT ")]
    assert {"0", "1", "21", "22", "23", "43", "61", "62", "65", "101", "102"} <= set(re.findall(r"\d+", section))
    assert "DCMDICTPATH" in text[text.index(" ENVIRONMENT ") :]


def test_manual_pages_are_without_markdown() -> None:
    """A terminal shows no back quotes, no pairs of asterisks and no links with an address in brackets."""
    for page in sorted((ROOT / "docs").glob("*.1")):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"`|\]\(|(?<![\w ])\*\w[^*\n]*\w\*|\*\*\w", text) == [], page.name


def test_page_of_options_has_a_heading_for_each() -> None:
    """The heading holds the names and the long name as its anchor, and the description stands below it."""
    text = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    for row, section in zip(OPTIONS, sections, strict=True):
        heading, _, body = section.partition("\n")
        names, _, anchor = heading.partition(" {#")
        assert re.findall(r"`(.*?)`", names) == [name for name in (row.short, row.long) if name]
        assert anchor == row.long[2:] + "}"
        assert " ".join(row.text).casefold() in body.replace("\\", "").casefold()
        assert row.value in body


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


@pytest.mark.peer("fish")
def test_fish(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").touch()
    assert fish_answer("dcmsend --", tmp_path) == {name for name in NAMES if name.startswith("--")}
    assert fish_answer("dcmsend +", tmp_path) == {name for name in NAMES if name.startswith("+")}
    assert fish_answer("dcmsend -n", tmp_path) >= {name for name in NAMES if re.match(r"-n", name)}
    assert fish_answer("dcmsend-py --no-h", tmp_path) == {"--no-halt"}
    assert fish_answer("dcmsend -ll d", tmp_path) == {"debug"}
    assert "one.dcm" in fish_answer("dcmsend peer 104 o", tmp_path)


_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PROMPT= ; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; OUT=$2"
zpty -w shell 'compadd() {
    if [[ "${@[1,(i)(-|--)]}" == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
    local -a hits; builtin compadd -A hits "$@"; print -rl -- $hits >> $OUT; builtin compadd "$@"
}'
zpty -w shell 'done-hook() { print -r -- /END >> $OUT; }; comppostfuncs=(done-hook); LISTMAX=100000'
zpty -w -n shell "$3"$'\\t'
repeat 300; do [[ -e $2 ]] && grep -q '^/END$' $2 && break; sleep 0.1; done
zpty -d shell
"""
"""Presses the tabulator key in a zsh on a terminal of its own, and writes down what is offered."""


def zsh_answer(line: str, cwd: Path) -> set[str]:
    (cwd / "driver.zsh").write_text(_ZSH, encoding="utf-8")
    offers = cwd / "offers"
    offers.unlink(missing_ok=True)
    done = run(need("zsh"), "-f", cwd / "driver.zsh", COMPLETIONS / "zsh", offers, line, cwd=cwd)
    assert (done.exit_code, done.stderr) == (0, "")
    answer = offers.read_text(encoding="utf-8").splitlines()
    assert answer[-1] == "/END"
    return {each for each in answer if each and each != "/END"}


@pytest.mark.peer("zsh")
def test_zsh(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").touch()
    assert zsh_answer("dcmsend --", tmp_path) == {name for name in NAMES if name.startswith("--")}
    assert zsh_answer("dcmsend +", tmp_path) == {name for name in NAMES if name.startswith("+")}
    assert zsh_answer("dcmsend-py --no-h", tmp_path) == {"--no-halt"}
    assert zsh_answer("dcmsend -ll d", tmp_path) == {"debug"}
    assert zsh_answer("dcmsend peer 104 on", tmp_path) == {"one.dcm"}
    assert zsh_answer("dcmsend -aec ", tmp_path) == set()


def test_installed_with_the_package(tmp_path: Path) -> None:
    """The wheel puts the manual page and the completions where man and the shells look for them."""
    done = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=ROOT)
    assert done.exit_code == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    shared = {
        name.partition(".data/data/share/")[2]: name for name in zipfile.ZipFile(wheel).namelist() if ".data/" in name
    }
    for command in ("dcmsend", "dcmsend-py"):
        assert {
            f"man/man1/{command}.1",
            f"bash-completion/completions/{command}",
            f"fish/vendor_completions.d/{command}.fish",
        } <= set(shared)
    assert "zsh/site-functions/_dcmsend" in shared
    page = zipfile.ZipFile(wheel).read(shared["man/man1/dcmsend.1"])
    assert page == (ROOT / "docs" / "dcmsend.1").read_bytes()
