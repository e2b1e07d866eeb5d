"""The program on the page "Past one machine" runs as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

PAGE = Path(__file__).parents[2] / "docs" / "past-one-machine.md"


def test_the_program_of_the_page(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    write_instances(tmp_path / "study", 4)
    with ScriptedPeer() as peer:
        real = program.replace('"pacs.example.org", 104', f'"127.0.0.1", {peer.port}')
        (tmp_path / "program.py").write_text(real)
        done = run(sys.executable, "program.py", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [f"stored study/{number:06d}.dcm" for number in range(1, 5)]
    assert len(peer.stores) == 4
