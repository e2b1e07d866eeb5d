"""What the documentation shows works, and what it points to exists."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from support.corpus import DATA
from support.discarding_peer import DiscardingPeer
from support.run import run

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "changes" / "README.md", DATA / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_library_example(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    with DiscardingPeer() as peer:
        for shown, real in {
            '"pacs.example.org", 104': f'"127.0.0.1", {peer.port}',
            '"/data/study"': repr(str(DATA / "fileset" / "77654033")),
            '"one.dcm"': repr(str(DATA / "pydicom" / "CT_small.dcm")),
        }.items():
            assert shown in code
            code = code.replace(shown, real)
        script = tmp_path / "example.py"
        script.write_text(code)
        done = run(sys.executable, script)
    assert done.exit_code == 0, done.stderr
    assert len(peer.stored) == 8
    assert done.stdout.count("stored") == 8


def test_command_lines_use_options_that_exist(dcmsend: str) -> None:
    known = set(re.findall(r"(?<!\S)[-+][-\w]+", run(dcmsend, "--help").stdout))
    for page in (ROOT / "README.md", ROOT / "docs" / "getting-started.md"):
        for block in re.findall(r"```\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            for line in block.splitlines():
                if line.startswith("dcmsend "):
                    words = line.split("#")[0].split()
                    used = {word for word in words if word[0] in "-+"}
                    assert used <= known, (page.name, line)
