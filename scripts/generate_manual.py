"""Writes the manual pages, the page of options and the completions for bash, zsh and fish from the option table.

    python scripts/generate_manual.py            writes docs/*.1, docs/options.md and completions/*
    python scripts/generate_manual.py --check    exit 1 when one of them differs from what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

from completions import bash_completion, fish_completion, zsh_completion
from journal_manual_page import journal_manual_page
from manual_page import manual_page
from option_page import option_page

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[str, str]:
    """Content of each generated file by its path in the repository.  ``dcmsend-py`` is the same program."""
    return {
        "docs/dcmsend.1": manual_page(ROOT / "docs"),
        "docs/dcmsend-journal.1": journal_manual_page(),
        "docs/dcmsend-py.1": ".so man1/dcmsend.1\n",
        "docs/options.md": option_page(),
        "completions/bash/dcmsend": bash_completion(),
        "completions/bash/dcmsend-py": '. "${BASH_SOURCE[0]%-py}"\n',
        "completions/zsh/_dcmsend": zsh_completion(),
        "completions/fish/dcmsend.fish": fish_completion(),
        "completions/fish/dcmsend-py.fish": "complete -c dcmsend-py -w dcmsend\n",
    }


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    different = 0
    for name, content in generated().items():
        path = ROOT / name
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            continue
        different += 1
        if arguments:
            print(f"{name} is out of date, run scripts/generate_manual.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if arguments and different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
