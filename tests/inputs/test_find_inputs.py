"""Which files a name stands for, and in which order: as DCMTK's dcmsend finds them."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.inputs import InputOptions, LeftOut, NameRule, Origin, Selection, find_inputs
from support.reading_judge import collected_log, dcmtk_names
from support.unnumbered import unnumbered_files

NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    for name in ("sub/deep", ".hidden", "empty"):
        (top / name).mkdir(parents=True)
    files = ("b.dcm", "a.dcm", ".h.dcm", "sub/x.dcm", "sub/.y", "sub/deep/z", ".hidden/q", "with blank", "UPPER.DCM")
    for name in files:
        (top / name).touch()
    (top / os.fsdecode(b"n\xe9.dcm")).touch()
    (top / "to-sub").symlink_to("sub")
    (top / "to-nowhere").symlink_to("nowhere")
    (top / "to-file").symlink_to("a.dcm")
    return top


def ours(names: list[str], cwd: Path, *, recurse: bool = False, pattern: str = "") -> list[str]:
    before = Path.cwd()
    os.chdir(cwd)
    try:
        return [item.path for item in find_inputs(names, InputOptions(True, recurse, pattern)) if item.path]
    finally:
        os.chdir(before)


@pytest.mark.peer("dcmtk-dcmsend")
@pytest.mark.parametrize("pattern", ["", "*.dcm", "[!.]*", "sub/x.dcm", "sub"])
@pytest.mark.parametrize("recurse", [False, True])
def test_same_names_in_the_same_order_as_dcmtk(tree: Path, recurse: bool, pattern: str) -> None:
    options = ["+sd", *(["+r"] if recurse else []), *(["+sp", pattern] if pattern else [])]
    here = ["tree", "tree/", "tree//", "./tree", ".//tree/", "tree/.", "tree/..//tree", str(tree), "tree/to-sub",
            "tree/to-sub/", "missing", "tree/a.dcm", "", "tree/to-nowhere"]  # fmt: skip
    inside = [".", "./", "./.", "../tree", ".//sub", "sub/..", "./sub", ".hidden", ".", "missing"]
    found = 0
    for cwd, names in ((tree.parent, here), (tree, inside)):
        for name in names:
            dcmtk = dcmtk_names(*options, "--", name, cwd=cwd)
            assert ours([name], cwd, recurse=recurse, pattern=pattern) == dcmtk, (cwd, name)
            found += len(dcmtk)
    assert found >= (4 if pattern.startswith("sub") else 20)  # what is named is never matched


@pytest.mark.peer("dcmtk-dcmsend")
def test_several_names_are_taken_one_after_the_other(tree: Path) -> None:
    names = ["a.dcm", "sub", "a.dcm", "missing", "sub", ".hidden"]
    assert ours(names, tree) == dcmtk_names("+sd", "--", *names, cwd=tree)


def test_without_scanning_a_directory_is_left_out_with_a_warning(tree: Path) -> None:
    with collected_log() as lines:
        found = list(find_inputs([str(tree / "sub"), str(tree / "a.dcm"), str(tree / "none")], InputOptions()))
    assert [item.path for item in found] == [str(tree / "a.dcm"), str(tree / "none")]
    assert lines == [f"W: ignoring directory because option --scan-directories is not set: {tree / 'sub'}"]


def test_where_an_input_comes_from(tree: Path) -> None:
    found = list(find_inputs([str(tree / "a.dcm"), str(tree / "sub")], InputOptions(True)))
    assert [item.origin for item in found] == [Origin.PARAMETER, Origin.DIRECTORY, Origin.DIRECTORY]


def test_a_directory_that_contains_itself_is_left_out(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to("..")
    (tree / "sub" / "self").symlink_to(".")
    with collected_log() as lines:
        found = [item.path for item in find_inputs([str(tree)], InputOptions(True, True))]
    assert sorted(found) == sorted({*found})
    assert len(found) == 15  # "sub" by its name and by the link to it
    assert len(lines) == 4
    assert all(line.startswith("W: ignoring directory because it contains itself: ") for line in lines)


def test_a_directory_linked_twice_is_taken_twice(tree: Path) -> None:
    (tree / "again").symlink_to("sub")
    found = [item.path for item in find_inputs([str(tree)], InputOptions(True, True, "x.dcm"))]
    assert sorted(found) == [f"{tree}/{name}/x.dcm" for name in ("again", "sub", "to-sub")]


def test_nothing_is_looked_at_before_it_is_asked_for(tree: Path) -> None:
    def names() -> Iterator[str]:
        yield str(tree / "sub")
        raise AssertionError("asked for the second name")

    assert next(find_inputs(names(), InputOptions(True))).path.startswith(f"{tree}/sub/")


def test_deeper_than_the_system_lets_one_keep_open(tmp_path: Path) -> None:
    depth = 300
    path = str(tmp_path)
    expected = []
    for level in range(depth):
        path = os.path.join(path, "d")
        os.mkdir(path)
        Path(path, f"file{level}").touch()
        expected.append(f"{path}/file{level}")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 150), limits[1]))
    try:
        found = [item.path for item in find_inputs([str(tmp_path)], InputOptions(True, True))]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert sorted(found) == sorted(expected)


@contextmanager
def somebody_else() -> Iterator[None]:
    """As root nothing is forbidden, so what is done here is done as another user."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_sub_directory_that_cannot_be_opened_counts_as_a_file() -> None:
    with tempfile.TemporaryDirectory() as name:  # the test's own folder lies in one that nobody else may enter
        top = Path(name)
        (top / "closed").mkdir()
        (top / "closed" / "file").touch()
        (top / "open.dcm").touch()
        top.chmod(0o755)
        (top / "closed").chmod(0)
        with somebody_else():
            found = sorted(item.path for item in find_inputs([name], InputOptions(True, True)))
            alone = [item.path for item in find_inputs([f"{name}/closed"], InputOptions(True, True))]
        (top / "closed").chmod(0o700)
    assert found == [f"{name}/closed", f"{name}/open.dcm"]
    assert alone == [f"{name}/closed"]


def test_a_link_that_cannot_be_looked_at_may_be_a_directory() -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "closed" / "2025").mkdir(parents=True)
        (top / "in").mkdir()
        (top / "in" / "2025").symlink_to(top / "closed" / "2025")
        (top / "in" / "2025.dcm").symlink_to(top / "closed" / "2025")
        (top / "in" / "dangling").symlink_to("nowhere")
        (top / "in" / "loop").symlink_to("loop")
        (top / "in" / "below-a-file").symlink_to("open.dcm/2025")
        (top / "in" / "open.dcm").touch()
        top.chmod(0o755)
        (top / "closed").chmod(0)
        left_out = LeftOut()
        with collected_log() as lines, somebody_else():
            found = [*find_inputs([f"{name}/in"], InputOptions(True, True, "*.dcm"), left_out=left_out)]
        (top / "closed").chmod(0o700)
    assert sorted((item.path, getattr(item, "is_directory", None)) for item in found) == [
        (f"{name}/in/2025.dcm", True), (f"{name}/in/open.dcm", False),
    ]  # fmt: skip
    assert lines == [f"W: cannot look at {name}/in/2025: if it is a directory, nothing in it is sent"]
    assert left_out.unsearchable == 1


def test_a_link_that_cannot_be_looked_at_is_taken_by_its_name_or_by_what_may_be_in_it() -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "closed").mkdir()
        (top / "in").mkdir()
        for link in ("2025", "a.dcm", "notes"):
            (top / "in" / link).symlink_to(top / "closed" / link)
        top.chmod(0o755)
        (top / "closed").chmod(0)
        selection = Selection([NameRule("a.dcm"), NameRule("2025/**")])
        with somebody_else():
            found = [item.path for item in find_inputs([f"{name}/in"], InputOptions(True, True), selection=selection)]
        (top / "closed").chmod(0o700)
    assert sorted(found) == [f"{name}/in/2025", f"{name}/in/a.dcm"]
    assert selection.left_out == 1


def test_where_the_system_numbers_no_files_no_directory_contains_itself(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to("..")
    with collected_log() as lines, unnumbered_files():
        found = [item.path for item in find_inputs([str(tree)], InputOptions(True, True, "z"))]
    assert sorted(found) == [f"{tree}/sub/deep/z", f"{tree}/to-sub/deep/z"]
    assert sorted(lines) == [
        f"W: ignoring directory because it contains itself: {tree}/{name}/up" for name in ("sub", "to-sub")
    ]


def test_a_pattern_never_applies_to_what_was_named(tree: Path) -> None:
    found = list(find_inputs([str(tree / "a.dcm")], InputOptions(True, False, "*.nothing")))
    assert [item.path for item in found] == [str(tree / "a.dcm")]


def test_a_search_that_finds_nothing_can_be_ended(tree: Path) -> None:
    entries = 0

    def give_up() -> None:
        nonlocal entries
        entries += 1
        if entries == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        list(find_inputs([str(tree)], InputOptions(True, True, "*.nothing"), give_up))
    assert entries == 5
