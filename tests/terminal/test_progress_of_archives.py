"""The display of a run over archives: bytes are those of the members, on a real pseudo-terminal."""

from __future__ import annotations

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.scripted_peer import ScriptedPeer
from support.sending import write_instances
from support.terminal import Terminal

COUNT = 120


def packed(kind: str, folder: Path) -> tuple[Path, int]:
    """An archive of many files, and how many bytes these have."""
    files = write_instances(folder / "study", COUNT)
    block = b"\x11\0\x10\0LO\x04\0HOME" + b"\x11\0\x01\x10UN\0\0" + (2000).to_bytes(4, "little") + bytes(2000)
    for path in files:
        path.write_bytes(path.read_bytes() + block)
    archive = folder / f"study.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
            for path in files:
                out.write(path, path.name)
    else:
        with tarfile.open(archive, "w:gz" if kind == "tar.gz" else "w") as out:
            for path in files:
                out.add(path, path.name)
    return archive, sum(path.stat().st_size for path in files)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_bytes_of_members(dcmsend: str, tmp_path: Path, kind: str) -> None:
    archive, total = packed(kind, tmp_path)
    with ScriptedPeer() as peer:
        argv = [dcmsend, "-nh", "--archives", "--max-instances-rate", "30", "127.0.0.1", peer.port, archive]
        with Terminal(argv, columns=100) as terminal:
            lines = terminal.wait_for(lambda lines: any(re.search(r"\d+ kB of \d+ kB", line) for line in lines))
            code, _ = terminal.finish()
    assert code == 0
    shown = next(match for line in lines if (match := re.search(r"([\d.]+) kB of (\d+) kB", line)))
    assert int(shown[2]) == round(total / 1000)
    assert 0 < float(shown[1]) <= total / 1000
