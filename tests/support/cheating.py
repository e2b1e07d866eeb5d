"""A program that stands for ours and changes its journal, before and after: soaks must find it out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from support.programs import installed_dcmsend

__all__ = ["cheating_program"]


def cheating_program(path: Path, *cheats: Sequence[str], leaves_out: str = "") -> Path:
    """Write a program to ``path`` that runs ours with the same arguments, among them ``--journal``.

    Each cheat is two SQL statements, for before and after each run, where the journal exists; empty for none.  With
    the first journal it does the first one, with the next journal the second one, and so on, the last one for ever.
    ``leaves_out`` is an option that ours does not get, nor its value.
    """
    path.write_text(
        f"#!{sys.executable}\n"
        "import contextlib, ctypes, os, pathlib, sqlite3, subprocess, sys\n"
        "journal = sys.argv[sys.argv.index('--journal') + 1]\n"
        f"known, cheats = pathlib.Path({f'{path}-journals'!r}), {[tuple(each) for each in cheats]!r}\n"
        "journals = known.read_text().split('\\n') if known.exists() else []\n"
        "if journal not in journals:\n"
        "    journals.append(journal)\n"
        "    known.write_text('\\n'.join(journals))\n"
        "before, after = cheats[min(journals.index(journal), len(cheats) - 1)]\n"
        "def change(words):\n"
        "    if words and os.path.exists(journal):\n"
        "        with contextlib.closing(sqlite3.connect(journal)) as database, database:\n"
        "            database.execute(words)\n"
        f"words, option = sys.argv[1:], {leaves_out!r}\n"
        "if option:\n"
        "    del words[words.index(option) : words.index(option) + 2]\n"
        "die_too = lambda: ctypes.CDLL(None).prctl(1, 9)\n"  # a kill is meant for both
        "change(before)\n"
        f"done = subprocess.run([{installed_dcmsend()!r}, *words], preexec_fn=die_too)\n"
        "change(after)\nsys.exit(done.returncode)\n"
    )
    path.chmod(0o755)
    return path
