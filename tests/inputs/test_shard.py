"""Which shard an input falls to: disjoint and complete, whatever the order, the mount point and the number."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dcmsend import IndexOptions, KeepTogether, Peer, Shard
from dcmsend.inputs import (
    DataSetInput,
    DicomdirRecord,
    Entry,
    InputFile,
    InputOptions,
    Origin,
    Share,
    StoredObject,
    Stores,
    find_inputs,
)
from dcmsend.inputs.stores.names import place_of
from dcmsend.settings import Settings

ODD = "".join(map(chr, (0xDCFF, 0xE9, 0x0A, 0x20)))
names = st.text(st.sampled_from("ab.1" + ODD), min_size=1, max_size=6).filter(lambda name: name not in (".", ".."))
below = st.lists(names, min_size=1, max_size=4).map("/".join)
mounts = st.sampled_from(["/mnt/a/", "/", "x/", "", "/mnt/\udcfe/b/"])


def found(mount: str, path: str) -> InputFile:
    return InputFile(mount + path, Origin.DIRECTORY, root=mount)


def referred(mount: str, path: str) -> InputFile:
    file_id = path.replace("/", "\\")
    return InputFile(mount + path, Origin.DICOMDIR, DicomdirRecord(file_id, "", "", ""))


def shard_of(item: InputFile | DataSetInput | StoredObject, count: int, *, whole: bool = False) -> int:
    """The one shard that takes an input."""
    (number,) = (n for n in range(1, count + 1) if Share(Shard(n, count), whole_directories=whole).is_ours(item))
    return number


@given(below, mounts, mounts, st.integers(1, 16), st.booleans(), st.sampled_from([found, referred]))
def test_one_shard_whatever_the_mount_point(
    path: str, one: str, other: str, count: int, whole: bool, make: Callable[[str, str], InputFile]
) -> None:
    assert shard_of(make(one, path), count, whole=whole) == shard_of(make(other, path), count, whole=whole)
    assert shard_of(found(one, path), count, whole=whole) == shard_of(referred(other, path), count, whole=whole)


@given(below, mounts, mounts, st.integers(1, 16))
def test_a_named_file_goes_by_its_base_name(path: str, one: str, other: str, count: int) -> None:
    name = path.rpartition("/")[2]
    shard = shard_of(InputFile(one + path), count)
    assert shard == shard_of(InputFile(other + path), count) == shard_of(InputFile(name), count)
    assert shard == shard_of(found("/mnt/", name), count)


@given(st.lists(below, unique=True, max_size=30), st.integers(1, 16), st.booleans(), st.randoms(use_true_random=False))
def test_disjoint_and_complete_in_any_order(paths: list[str], count: int, whole: bool, chance: random.Random) -> None:
    taken: list[str] = []
    for number in range(1, count + 1):
        share = Share(Shard(number, count), whole_directories=whole)
        mine = [item.path for item in share.of(iter([found("/mnt/", path) for path in paths]))]
        assert share.others == len(paths) - len(mine)
        taken += mine
        chance.shuffle(paths)
    assert sorted(taken) == sorted(f"/mnt/{path}" for path in paths)


@given(below, names, names, st.integers(1, 16))
def test_whole_directories(directory: str, one: str, other: str, count: int) -> None:
    shards = {shard_of(found("/mnt/", f"{directory}/{name}"), count, whole=True) for name in (one, other)}
    shards.add(shard_of(referred("", f"{directory}/{other}"), count, whole=True))
    assert len(shards) == 1
    base = directory.rpartition("/")[2]
    assert len({shard_of(InputFile(f"/{top}/{base}/{one}"), count, whole=True) for top in "ab"}) == 1


def test_a_relative_name_lies_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.dcm", "./b.dcm", "../" + tmp_path.name + "/c.dcm"):
        assert shard_of(InputFile(name), 97, whole=True) == shard_of(InputFile(str(tmp_path / "x")), 97, whole=True)


VECTORS = {b"": 3, b"a/b.dcm": 5, b"IM000001": 4, "é/ü".encode(): 2, b"\xff\xfe": 1}


@pytest.mark.parametrize("name", VECTORS)
def test_the_choice_stays_the_same_for_ever(name: bytes) -> None:
    """Runs of different versions share the inputs, and who writes a list can choose as we do."""
    assert shard_of(found("", os.fsdecode(name)), 10) == VECTORS[name]
    assert int(hashlib.sha256(name).hexdigest()[:16], 16) % 10 + 1 == VECTORS[name]


def test_names_that_count_upwards_are_spread() -> None:
    for count in (2, 3, 4, 7, 8, 16):
        share = Share(Shard(1, count))
        mine = sum(share.is_ours(found("/mnt/", f"IM{number:06d}")) for number in range(8000))
        assert 0.85 < mine / (8000 / count) < 1.15


def data_set(uid: str) -> Dataset:
    made = Dataset()
    if uid:
        made.SOPInstanceUID = uid
    return made


def test_data_sets_go_by_their_uid() -> None:
    for whole in (False, True):
        uids = [f"1.2.{number}" for number in range(20)]
        shards = [shard_of(DataSetInput("<data set 1>", data_set(uid)), 5, whole=whole) for uid in uids]
        again = [shard_of(DataSetInput("<data set 2>", data_set(uid)), 5, whole=whole) for uid in uids]
        assert shards == again
        assert len(set(shards)) == 5
        assert shard_of(DataSetInput("<data set 1>", data_set("")), 5, whole=whole) in range(1, 6)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/1.dcm", "a/2.dcm", "b/1.dcm", "b/c/1.dcm", "top.dcm"):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "tree"


def takes(
    names: Iterable[Path], count: int, options: InputOptions | None = None, *, dicomdir: bool = False
) -> Iterator[list[str]]:
    """What each shard finds."""
    options = options or InputOptions(True, True)
    for number in range(1, count + 1):
        share = Share(Shard(number, count), expands_dicomdir=dicomdir)
        yield [item.path for item in find_inputs(map(str, names), options, None, share)]


def test_a_tree_under_two_names(tree: Path) -> None:
    shutil.copytree(tree, tree.with_name("other"))
    ours, theirs = (list(takes([tree.with_name(name)], 3)) for name in ("tree", "other"))
    assert [sorted(each) for each in ours] == [
        sorted(path.replace("/other/", "/tree/") for path in each) for each in theirs
    ]
    assert sorted(path for each in ours for path in each) == sorted(str(path) for path in tree.rglob("*.dcm"))


def test_what_is_not_there_is_told_by_every_shard(tree: Path) -> None:
    """A share that is not mounted on one host must not pass for one whose files fall to others."""
    for each in takes([tree / "gone", tree / "a" / "1.dcm"], 4):
        assert str(tree / "gone") in each


def test_a_directory_that_cannot_be_searched_is_told_by_every_shard(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("/c"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for each in takes([tree], 4):
        assert str(tree / "b" / "c") in each
    assert sum(len(each) for each in takes([tree], 4)) == 4 + 4


def test_young_files_of_others_are_not_looked_at(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    stat = os.stat

    def watched(path: str, **more: object) -> os.stat_result:
        looked.append(str(path))
        return stat(path)

    monkeypatch.setattr(os, "stat", watched)
    for _ in takes([tree], 4, InputOptions(True, True, min_age=1e9)):
        pass
    files = [path for path in looked if path.endswith(".dcm")]
    assert sorted(files) == sorted(str(path) for path in tree.rglob("*.dcm"))


def test_a_dicomdir_is_for_all() -> None:
    names = {"DICOMDIR": True, "dicomdir": True, "DICOMDIR.;1": True, "DICOMDIR2": False, "x.dcm": False}
    for name, is_for_all in names.items():
        item = found("/mnt/", f"m/{name}")
        assert Share(Shard(1, 2), expands_dicomdir=True).is_for_all(item) is is_for_all
        assert not Share(Shard(1, 2)).is_for_all(item)


@pytest.mark.parametrize(("number", "count"), [(0, 4), (5, 4), (1, 0), (-1, 4), (1, 1_000_001)])
def test_shards_that_cannot_be(number: int, count: int) -> None:
    with pytest.raises(ValueError, match="Shard"):
        Shard(number, count)


@pytest.mark.parametrize("group", [KeepTogether.SERIES, KeepTogether.STUDY])
def test_what_is_not_known_before_a_file_is_opened(group: KeepTogether) -> None:
    inputs = InputOptions(shard=Shard(1, 2))
    with pytest.raises(ValueError, match="no shards"):
        Settings(Peer("host", 104), inputs=inputs, index=IndexOptions(keep_together=group))


@pytest.mark.parametrize("whole", [False, True])
def test_an_address_that_is_signed_anew_falls_to_the_same_shard(whole: bool) -> None:
    """Each host may have a list with signatures of its own."""
    shards = set()
    for query in ("", "?sig=1", "?sig=2", "?sig=3&x=1"):
        place = place_of("https://h/in/a.dcm" + query)
        shards.add(shard_of(StoredObject(cast(Stores, None), place, Entry(place.path)), 97, whole=whole))
    assert len(shards) == 1
