"""Files that are replaced while they are moved: every content that there ever was is somewhere at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcmsend.journal.move_file import NotMoved, move_file
from support.processes import wait_until
from support.programs import installed_dcmsend
from support.run import run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

from .move_ways import WAYS, go_the_way, other_file_system

SECONDS = float(os.environ.get("MOVE_SECONDS", "0.25"))


@pytest.fixture(params=[*WAYS, "a real other file system"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where files are moved to."""
    if request.param == "a real other file system":
        with other_file_system(tmp_path) as folder:
            yield folder
    else:
        go_the_way(request.param, monkeypatch)
        yield tmp_path / "target"


def contents(*folders: Path) -> list[str]:
    return sorted(
        path.read_text() for folder in folders for path in folder.rglob("*") if path.is_file() and path.name != "count"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs renameat2")
@pytest.mark.parametrize("same_time", [False, True], ids=["times differ", "times are kept"])
def test_a_file_that_is_replaced_all_the_time(tmp_path: Path, target: Path, same_time: bool) -> None:
    source, kept = tmp_path / "in" / "x.dcm", tmp_path / "kept"
    for folder in (source.parent, kept, target):
        folder.mkdir(exist_ok=True)
    writer = subprocess.Popen(
        [sys.executable, "-I", "-S", Path(__file__).with_name("name_giver.py"), source, kept, str(int(same_time))]
    )
    moved = refused = 0
    try:
        wait_until(source.exists, 60, "the first content")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end + 60 and (moved < 10 or refused < 10 or time.monotonic() < end):
            try:
                with open(source) as file:
                    sent, status = file.read(), os.fstat(file.fileno())
            except FileNotFoundError:
                continue
            if refused < moved:
                time.sleep(0.001)  # on a busy machine nobody else would replace it now
            try:
                new_name = move_file(
                    str(source), str(target / f"{sent}.dcm"), (status.st_size, status.st_mtime_ns),
                    identity=(status.st_dev, status.st_ino),
                )  # fmt: skip
            except (NotMoved, FileNotFoundError):
                refused += 1
                continue
            moved += 1
            assert Path(new_name).read_text() == sent, "a file was moved that was not sent"
    finally:
        writer.terminate()
        code = writer.wait(30)
    assert code == 0
    assert moved
    assert refused
    count = int((kept / "count").read_text())
    there = contents(source.parent, kept, target)
    assert sorted(set(there)) == [f"{number:08}" for number in range(count)]
    assert not [path for path in tmp_path.rglob(".dcmsend-*") if path.is_file()]


def test_two_runs_with_the_same_process_number(tmp_path: Path) -> None:
    """As in two containers: the same names go to one directory on another file system; every file is somewhere."""
    space = ["unshare", "--pid", "--fork"]
    if shutil.which("unshare") is None or run(*space, "true").exit_code:
        pytest.skip("PEER MISSING: process numbers of its own: needs root")
    for side in ("a", "b"):
        write_instances(tmp_path / side / "in", 60, first=1 if side == "a" else 101)
        for number, path in enumerate(sorted((tmp_path / side / "in").iterdir())):
            path.rename(path.with_name(f"{number}.dcm"))
    with other_file_system(tmp_path) as target, ScriptedPeer() as peer:
        everything = sorted(path.read_bytes() for path in tmp_path.rglob("*.dcm"))
        runs = [
            subprocess.Popen(
                [*space, installed_dcmsend(), "--journal", str(tmp_path / side / "journal"), "--move-sent", str(target),
                 "+sd", "127.0.0.1", str(peer.port), str(tmp_path / side / "in")],
                stderr=subprocess.PIPE,
            )
            for side in ("a", "b")
        ]  # fmt: skip
        ends = [process.communicate(timeout=60)[1] for process in runs]
        assert [process.returncode for process in runs] == [0, 0], ends
        left = [path for path in (*tmp_path.rglob("*"), *target.rglob("*")) if path.name.startswith(".")]
        assert left == []
        there = [path.read_bytes() for folder in (tmp_path, target) for path in folder.rglob("*.dcm")]
        assert sorted(there) == everything
        assert len(list(target.iterdir())) == 60
