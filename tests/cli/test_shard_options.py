"""``--shard`` from the installed command: what it takes, where the number comes from, what goes to whom."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.corpus import DATA
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances

CT = DATA / "pydicom" / "CT_small.dcm"


def shown(*options: str, environment: dict[str, str] | None = None) -> str:
    """What the run says of its shard, or the error of the command line."""
    monkeypatch = pytest.MonkeyPatch()
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)
    done = run(installed_dcmsend(), "-v", "--dry-run", *options, "127.0.0.1", 104, CT, environment=environment)
    monkeypatch.undo()
    if done.exit_code == 1:
        return done.stderr.splitlines()[-2].removeprefix("error: ")  # the hint is in test_usage_hints.py
    assert done.exit_code == 0, done.stderr
    (line,) = re.findall(r"shard (\d+ of \d+): ", done.stderr)
    return str(line)


@pytest.mark.parametrize("value", ["1/1", "3/8", "8/8", "01/10", "1000000/1000000"])
def test_numbers(value: str) -> None:
    number, count = value.split("/")
    assert shown("--shard", value) == f"{int(number)} of {int(count)}"


@pytest.mark.parametrize(
    "value",
    ["", "3", "/", "3/", "/8", "3/8/8", "-1/8", "+1/8", " 1/8", "1/8 ", "1.0/8", "1k/1k", "ENV/8", "env", "٣/8"],
)
def test_what_is_no_shard(value: str) -> None:
    assert shown("--shard", value) == "Invalid value for option --shard" + (f" ({value})" if value else "")


@pytest.mark.parametrize(
    ("value", "fault"), [("0/8", "underflow"), ("9/8", "overflow"), ("0/0", "underflow"), ("1/1000001", "overflow")]
)
def test_shards_that_do_not_exist(value: str, fault: str) -> None:
    assert shown("--shard", value) == f"Invalid value for option --shard ({fault}: {value})"


@pytest.mark.parametrize("group", ["series", "study"])
def test_groups_that_are_not_known_before_files_are_opened(group: str) -> None:
    assert shown("--shard", "1/2", "--keep-together", group) == f"--shard not allowed with --keep-together {group}"


@pytest.mark.parametrize("group", ["none", "directory"])
def test_groups_that_are(group: str) -> None:
    assert shown("--shard", "1/2", "--keep-together", group) == "1 of 2"


def slurm(task: str, tasks: str = "", first: str = "", last: str = "", step: str = "") -> dict[str, str]:
    """What SLURM puts into the environment of an array task."""
    values = {"ID": task, "COUNT": tasks, "MIN": first, "MAX": last, "STEP": step}
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in values.items() if value}


@pytest.mark.parametrize(
    ("environment", "number"),
    [
        (slurm("1", "4", "1", "4", "1"), 1),
        (slurm("4", "4", "1", "4", "1"), 4),
        (slurm("0", "4", "0", "3", "1"), 1),
        (slurm("3", "4", "0", "3", "1"), 4),
        (slurm("103", "4", "101", "104"), 3),
        (slurm("5", "4", "1", "7", "2"), 3),
        (slurm("3"), 3),
        ({"JOB_COMPLETION_INDEX": "0"}, 1),
        ({"JOB_COMPLETION_INDEX": "3"}, 4),
    ],
    ids=str,
)
def test_tasks(environment: dict[str, str], number: int) -> None:
    assert shown("--shard", "env/4", environment=environment) == f"{number} of 4"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"),
        ({**slurm("1"), "JOB_COMPLETION_INDEX": "0"}, "both SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are set"),
        (slurm("2", "2", "2", "3", "1"), "the array has 2 tasks from 2 to 3"),
        (slurm("3", "4", "1", "8", "1"), "the array has 4 tasks from 1 to 8"),
        (slurm("1", "5", "1", "5", "1"), "the array has 5 tasks from 1 to 5"),
        (slurm("9", "4", "1", "4", "1"), "SLURM_ARRAY_TASK_ID is 9, and the array has tasks from 1 to 4"),
        (slurm("0", "4", "1", "4", "1"), "SLURM_ARRAY_TASK_ID is 0, and the array has tasks from 1 to 4"),
        (slurm("0"), "SLURM_ARRAY_TASK_ID is 0"),
        (slurm("5"), "SLURM_ARRAY_TASK_ID is 5"),
        (slurm("x"), "SLURM_ARRAY_TASK_ID is no number (x)"),
        (slurm("1", "4", "1"), "SLURM_ARRAY_TASK_MAX is not set"),
        ({"JOB_COMPLETION_INDEX": "4"}, "JOB_COMPLETION_INDEX is 4, and the last one of 4 is 3"),
        ({"JOB_COMPLETION_INDEX": ""}, "JOB_COMPLETION_INDEX is no number ()"),
        ({"JOB_COMPLETION_INDEX": "-1"}, "JOB_COMPLETION_INDEX is no number (-1)"),
    ],
    ids=str,
)
def test_environments_that_do_not_say_which(environment: dict[str, str], message: str) -> None:
    """When single tasks are submitted again, their numbers alone do not tell where the array began."""
    assert shown("--shard", "env/4", environment=environment).startswith(f"--shard env: {message}")


def send(peer: ScriptedPeer, *arguments: str | Path, cwd: Path | None = None) -> Run:
    return run(installed_dcmsend(), "-v", *arguments[:-1], "127.0.0.1", peer.port, arguments[-1], cwd=cwd)


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",), ("--keep-together", "directory")], ids=str)
def test_each_file_is_sent_by_one_shard(tmp_path: Path, way: tuple[str, ...]) -> None:
    for folder in range(6):
        write_instances(tmp_path / "in" / str(folder), 4, first=1 + 4 * folder)
    with ScriptedPeer() as peer:
        for number in range(1, 5):
            before = len(peer.stores)
            done = send(peer, "--shard", f"{number}/4", *way, "+sd", "+r", tmp_path / "in")
            assert done.exit_code == 0, done.stderr
            others = 24 - (len(peer.stores) - before)
            assert f"shard {number} of 4: {others} files are left to the others" in done.stderr
        uids = sorted(store.sop_instance_uid or "" for store in peer.stores)
    assert uids == sorted(instance_uid(number) for number in range(1, 25))


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",)], ids=str)
def test_a_share_of_nothing_is_done(tmp_path: Path, way: tuple[str, ...]) -> None:
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer() as peer:
        codes = {send(peer, "--shard", f"{n}/50", *way, "+sd", tmp_path / "in").exit_code for n in (1, 2, 3, 4, 5)}
    assert codes == {0}
    assert len(peer.stores) <= 1


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",)], ids=str)
@pytest.mark.parametrize("name", ["empty", "gone"])
def test_a_share_of_what_is_not_there_is_a_mistake(tmp_path: Path, name: str, way: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    with ScriptedPeer() as peer:
        codes = {send(peer, "--shard", f"{n}/3", *way, "+sd", tmp_path / name).exit_code for n in (1, 2, 3)}
    assert codes == {21 if name == "empty" else 23}


def test_it_goes_on_after_a_bad_file_and_says_so(tmp_path: Path) -> None:
    """A new command line: no halt, and exit codes that tell the truth."""
    bad, good = write_instances(tmp_path / "in", 2)
    bad.write_bytes(bad.read_bytes()[:-3])
    with ScriptedPeer() as peer:
        assert send(peer, "--shard", "1/1", "+sd", tmp_path / "in").exit_code == 102
        assert [store.sop_instance_uid for store in peer.stores] == [instance_uid(2)]
        assert send(peer, "--shard", "1/1", "--halt", "+sd", tmp_path / "in").exit_code != 0
    assert good.exists()


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/in/\xff"
    os.makedirs(folder)
    for path in write_instances(tmp_path / "made", 8):
        os.rename(path, folder + b"/\xfe" + os.fsencode(path.name))
    with ScriptedPeer() as peer:
        for number in (1, 2, 3):
            assert send(peer, "--shard", f"{number}/3", "+sd", "+r", tmp_path / "in").exit_code == 0
    assert len(peer.stores) == 8


@pytest.mark.parametrize("way", [(), ("--send-while-scanning",)], ids=str)
def test_a_dicomdir_is_shared(tmp_path: Path, way: tuple[str, ...]) -> None:
    """Each shard reads it and sends its part of what it refers to."""
    shares = []
    with ScriptedPeer() as peer:
        for number in (1, 2, 3):
            before = len(peer.stores)
            done = send(peer, "+rd", "--shard", f"{number}/3", *way, DATA / "fileset" / "DICOMDIR")
            assert done.exit_code == 0, done.stderr
            shares.append(len(peer.stores) - before)
        whole = send(peer, "+rd", DATA / "fileset" / "DICOMDIR")
        assert whole.exit_code == 0, whole.stderr
        uids = [store.sop_instance_uid or "" for store in peer.stores]
    assert sum(map(bool, shares)) > 1
    assert sorted(uids[: sum(shares)]) == sorted(uids[sum(shares) :])


def test_a_dicomdir_of_another_name_and_an_image_of_that_name(tmp_path: Path) -> None:
    """The first falls to one shard with all of its references, the second to one shard as any file does."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in (DATA / "fileset").iterdir():
        if path.is_dir():
            (folder / path.name).symlink_to(path)
    (folder / "INDEX").write_bytes((DATA / "fileset" / "DICOMDIR").read_bytes())
    (image,) = write_instances(tmp_path / "made", 1)
    (tmp_path / "other").mkdir()
    image.rename(tmp_path / "other" / "DICOMDIR")
    with ScriptedPeer() as peer:
        whole = send(peer, "+rd", folder / "INDEX")
        assert whole.exit_code == 0, whole.stderr
        count = len(peer.stores)
        for number in (1, 2, 3):
            assert send(peer, "+rd", "--shard", f"{number}/3", folder / "INDEX").exit_code == 0
            assert send(peer, "+rd", "--shard", f"{number}/3", tmp_path / "other" / "DICOMDIR").exit_code == 0
        uids = [store.sop_instance_uid for store in peer.stores]
    assert uids.count(instance_uid(1)) == 1
    assert len(uids) == 2 * count + 1
