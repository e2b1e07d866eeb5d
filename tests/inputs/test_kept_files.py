"""Files that are kept from the scan to the sending: never anything else than what is there, never too many."""

from __future__ import annotations

import errno
import gc
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcmsend.errors import FileUnreadable
from dcmsend.inputs import DataSetInput, InputFile, KeptFiles, kept_files, open_input
from support.descriptors import open_descriptors
from support.examples import examples

SMALL, LARGE = 5_000, 20_000
times = count(1_600_000_000)
HEAD = 16 * 1024


def content(size: int, seed: int = 0) -> bytes:
    return (bytes(range(seed, 251)) * (size // 200 + 1))[:size]


def write(path: Path, data: bytes, changed: int | None = None) -> Path:
    """A file that is old, each of another second; one that is changed at once may have no other sign of it."""
    path.write_bytes(data)
    seconds = next(times) if changed is None else changed
    os.utime(path, (seconds, seconds))
    return path


def add(kept: KeptFiles, path: Path) -> bool:
    """What the scan does: a file that is not kept is closed by it."""
    descriptor = open_input(str(path))
    is_kept = kept.add(InputFile(str(path)), descriptor)
    if not is_kept:
        os.close(descriptor)
    return is_kept


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() <= before


def count_opened(folder: Path) -> int:
    """Descriptors of files below a folder."""
    return sum(str(folder) in each for each in open_descriptors())


@pytest.mark.parametrize("size", [1, SMALL, HEAD, HEAD + 1, LARGE])
def test_it_is_what_an_open_gives(tmp_path: Path, size: int) -> None:
    path, kept = write(tmp_path / "a", content(size)), KeptFiles()
    before = count_opened(tmp_path)
    assert add(kept, path)
    assert (kept.count, kept.room) == (1, 63)
    assert count_opened(tmp_path) == before + (size > HEAD)  # a small one needs no descriptor
    file, opened = kept.take(str(path), HEAD), InputFile(str(path)).open(HEAD)
    assert file is not None
    for name in ("head", "size", "modified", "identity"):
        assert getattr(file, name) == getattr(opened, name)
    assert (file.descriptor < 0) == (opened.descriptor < 0)
    file.close()
    opened.close()
    assert (kept.count, kept.room) == (0, 64)
    assert kept.take(str(path), HEAD) is None


def replace(path: Path) -> None:
    write(path.with_name("other"), content(path.stat().st_size, seed=1)).replace(path)


def rewrite(path: Path) -> None:
    """Its size stays the same."""
    write(path, content(path.stat().st_size, seed=1))


def grow(path: Path) -> None:
    write(path, path.read_bytes() + b"more")


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: list[Callable[[Path], None]] = [replace, rewrite, grow, os.utime, os.unlink, become_directory]


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_not_given(tmp_path: Path, size: int, change: Callable[[Path], None]) -> None:
    path, kept = write(tmp_path / "a", content(size)), KeptFiles()
    assert add(kept, path)
    change(path)
    assert kept.take(str(path), HEAD) is None
    assert (kept.count, kept.room) == (0, 64)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_change_whose_time_is_set_back(tmp_path: Path, size: int) -> None:
    path, kept = write(tmp_path / "a", content(size), 1_000_000_000), KeptFiles()
    assert add(kept, path)
    time.sleep(0.05)  # longer than a tick of any file system that a test runs on
    write(path, content(size, seed=1), 1_000_000_000)
    assert kept.take(str(path), HEAD) is None


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_another_file_under_the_same_link(tmp_path: Path, size: int) -> None:
    for name in "ab":
        write(tmp_path / name, content(size))
    link, kept = tmp_path / "link", KeptFiles()
    link.symlink_to("a")
    assert add(kept, link)
    link.unlink()
    link.symlink_to("b")
    assert kept.take(str(link), HEAD) is None


def test_a_small_file_that_was_written_just_now_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next change may come within the same tick of the file system's clock, and leave no trace."""
    monkeypatch.setattr(kept_files, "_SETTLED", 3600 * 10**9)  # this machine may be slow
    path, kept = tmp_path / "a", KeptFiles()
    path.write_bytes(content(SMALL))
    assert not add(kept, path)
    assert not add(kept, write(path, content(SMALL), 4_000_000_000))
    assert add(kept, write(path, content(SMALL)))
    kept.close()


def test_only_files_of_this_machine(tmp_path: Path) -> None:
    kept = KeptFiles()
    descriptor = os.open(write(tmp_path / "a", content(SMALL)), os.O_RDONLY)
    assert not kept.add(DataSetInput(object(), "a"), descriptor)
    assert not kept.add(InputFile("a"), -1)
    os.close(descriptor)
    with open("/dev/zero", "rb") as device:
        assert not kept.add(InputFile("/dev/zero"), device.fileno())


def test_a_file_that_is_named_twice(tmp_path: Path) -> None:
    path, kept = write(tmp_path / "a", content(LARGE)), KeptFiles()
    assert [add(kept, path) for _ in range(3)] == [True, False, False]
    assert kept.count == 1
    kept.close()


def test_bounds(tmp_path: Path) -> None:
    kept = KeptFiles()
    paths = [write(tmp_path / str(number), content((HEAD, LARGE)[number % 2])) for number in range(100)]
    before = count_opened(tmp_path)
    assert [add(kept, path) for path in paths] == [True] * 64 + [False] * 36
    assert count_opened(tmp_path) == before + 32
    assert sum(len(file.content) for file in kept._files.values()) == 32 * HEAD
    kept.close()
    assert not add(kept, paths[0])  # nothing after the end


@pytest.mark.parametrize(("allowed", "most"), [(100, 0), (255, 0), (256, 64), (512, 64)])
def test_where_few_descriptors_are_allowed(tmp_path: Path, allowed: int, most: int) -> None:
    paths = [write(tmp_path / str(number), content(LARGE)) for number in range(70)]
    gc.collect()  # closes what tests before have forgotten: a low descriptor is needed
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, limits[1]))
    kept = KeptFiles()
    try:
        for path in paths:
            add(kept, path)
        assert (kept.count > 0) == (most > 0)
        assert kept.count <= most
        assert all(file.descriptor < allowed // 4 for file in kept._files.values())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        kept.close()


def test_it_gives_way_where_a_descriptor_is_missing(tmp_path: Path) -> None:
    kept = KeptFiles()
    assert not kept.give_way(FileUnreadable("none", errno.EMFILE))  # that would help nobody
    path = write(tmp_path / "a", content(LARGE))
    assert add(kept, path)
    assert not kept.give_way(FileUnreadable("gone", errno.ENOENT))
    assert kept.count == 1
    assert kept.give_way(FileUnreadable("none", errno.EMFILE))
    assert (kept.count, kept.room) == (0, 0)


def test_a_forked_child_closes_its_copies(tmp_path: Path) -> None:
    path, kept = write(tmp_path / "a", content(LARGE)), KeptFiles()
    assert add(kept, path)
    (file,) = kept._files.values()
    with kept._lock:  # as if another thread had it at that moment
        child = os.fork()
        if not child:
            try:
                os.fstat(file.descriptor)
            except OSError:
                os._exit(0 if kept.count == 0 else 2)
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    taken = kept.take(str(path), HEAD)
    assert taken is not None
    taken.close()


def test_a_file_that_is_lost_while_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a network file system may say it of what another host has replaced."""
    path, kept = write(tmp_path / "a", content(LARGE)), KeptFiles()
    assert add(kept, path)

    def lost(_descriptor: int, _size: int, _position: int) -> bytes:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr("dcmsend.inputs.file_source._pread", lost)
    assert kept.take(str(path), HEAD) is None


STEPS = st.lists(st.tuples(st.sampled_from(["add", "take", "give way", *CHANGES[:5]]), st.integers(0, 5)), max_size=40)


@given(most=st.integers(0, 4), steps=STEPS)
@settings(max_examples=examples(100), deadline=None)
def test_any_course(tmp_path_factory: pytest.TempPathFactory, most: int, steps: list[tuple[object, int]]) -> None:
    """Whatever is added, changed and taken in whatever order: what is given is what the file is now."""
    folder = tmp_path_factory.mktemp("course")
    before = open_descriptors()
    paths = [write(folder / str(number), content((SMALL, LARGE)[number % 2])) for number in range(6)]
    kept = KeptFiles(most)
    for step, number in steps:
        path = paths[number]
        if step == "give way":
            kept.give_way(FileUnreadable("none", errno.EMFILE))
        elif step == "take":
            if (file := kept.take(str(path), HEAD)) is not None:
                assert file.head == path.read_bytes()[:HEAD]
                assert (file.size, file.modified) == InputFile(str(path)).look()
                file.close()
        elif not path.exists():
            write(path, content((SMALL, LARGE)[number % 2]))
        elif step == "add":
            add(kept, path)
        elif callable(step):
            step(path)
        assert kept.count == len(kept._files) <= most
        assert kept.room in (0, most - kept.count)
    kept.close()
    assert open_descriptors() <= before
    shutil.rmtree(folder)


def test_what_is_kept_at_most_is_what_the_text_says() -> None:
    assert kept_files.MOST_KEPT * kept_files.LARGEST_WHOLE == 1 << 20
