"""The kinds of file systems between which files are moved: real ones, and what the others say."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dcmsend.journal import move_file as module
from dcmsend.journal.folder import Folder, is_one_file

__all__ = ["WAYS", "go_the_way", "other_file_system"]


@contextmanager
def other_file_system(place: Path) -> Iterator[Path]:
    """A new directory on a real other file system than that of ``place``; a loud skip where there is none."""
    places = [other for other in map(Path, ("/dev/shm", "/var/tmp")) if os.access(other, os.W_OK)]
    others = [other for other in places if other.stat().st_dev != place.stat().st_dev]
    if not others:
        pytest.skip("PEER MISSING: a second file system: there is none")
    folder = Path(tempfile.mkdtemp(prefix="dcmsend-test-", dir=others[0]))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot(*_arguments: object, **_keywords: object) -> None:
    """A file system that cannot do that at all."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


WAYS = ["same file system", "no renaming without replacing", "no links either", "another file system",
        "another file system without links"]  # fmt: skip


def go_the_way(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the system say what it says to a file system of that kind."""
    if way.startswith("another file system"):
        # there is not everywhere a second one that can be written to: what the system says is the same
        def rename_new(source: Folder, name: str, target: Folder, new_name: str) -> None:
            if not is_one_file(os.stat(source.path), os.stat(target.path)):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            if way.endswith("without links"):
                cannot()
            rename(source, name, target, new_name)

        rename = module.rename_new
        monkeypatch.setattr(module, "rename_new", rename_new)
    elif way != "same file system":
        monkeypatch.setattr(module, "rename_new", cannot)
    if "links" in way:
        monkeypatch.setattr(module, "link", cannot)
