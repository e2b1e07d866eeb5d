"""Trees of files to send, made once and kept in the cache."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .instances import KINDS, Kind, instance_uid

__all__ = ["Tree", "TreeSpec", "make_tree"]

VERSION = 2
"""Raise it when a kind changes, so that cached trees are made anew."""

PER_DIRECTORY = 500
LINKS_A_FILE = 10_000
"""Hard links to one file in a linked tree; file systems allow some 65,000 (ext4)."""


@dataclass(frozen=True)
class TreeSpec:
    """What a tree holds.

    Attributes:
        kind: a key of KINDS.
        count: number of files.
        linked: many names for few files, so that a million of them need little disk.
    """

    kind: str
    count: int
    linked: bool = False

    @property
    def name(self) -> str:
        """Folder in the cache."""
        return f"{self.kind}-{self.count}" + ("-linked" if self.linked else "")


@dataclass(frozen=True)
class Tree:
    """A tree on disk.

    Attributes:
        spec: what it holds.
        root: its folder; nothing else is in it.
        file_bytes, data_set_bytes: all files together, and their data sets.
        uid_sum: CRC-32 of all SOP Instance UIDs, added up; tells whether each instance arrived once.
        elements: data elements in one file.
    """

    spec: TreeSpec
    root: Path
    file_bytes: int
    data_set_bytes: int
    uid_sum: int
    elements: int

    @property
    def arguments(self) -> list[str]:
        """What to name on a command line: the file if there is one, else the folder."""
        if self.spec.count == 1:
            return [str(self.root / "000000" / "00000001.dcm")]
        return [str(self.root)]

    def uid_chain(self) -> int:
        """Like ``uid_sum``, but depends on the order, which is that in which the system lists the tree."""
        return _chain(self.root, self.spec)

    def warm_up(self) -> None:
        """Read all files, so that they lie in the system's cache."""
        buffer = bytearray(1 << 20)
        for folder, _folders, names in os.walk(self.root):
            for name in names:
                with open(os.path.join(folder, name), "rb", buffering=0) as file:
                    while file.readinto(buffer) == len(buffer):
                        pass


def make_tree(spec: TreeSpec, cache_folder: Path) -> Tree:
    """The tree from the cache, or a new one."""
    folder = cache_folder / "trees" / spec.name
    manifest = folder / "manifest.json"
    root = folder / "files"
    if manifest.exists():
        facts = json.loads(manifest.read_text())
        if facts.pop("version") == VERSION:
            return Tree(spec, root, **facts)
    shutil.rmtree(folder, ignore_errors=True)
    kind = KINDS[spec.kind]()
    if spec.linked:
        _write_linked(root, folder / "originals", spec, kind)
    else:
        _write_files(root, kind, spec.count)
    one = len(kind.head) + len(kind.body) + kind.hole
    facts = {
        "file_bytes": one * spec.count,
        "data_set_bytes": (one - kind.data_set_offset) * spec.count,
        "uid_sum": sum(_crc(_stored_number(number, spec)) for number in range(1, spec.count + 1)),
        "elements": kind.elements,
    }
    manifest.write_text(json.dumps({"version": VERSION, **facts}))
    return Tree(spec, root, **facts)


@cache
def _chain(root: Path, spec: TreeSpec) -> int:
    chain = 0
    for name in _listed(root):
        number = _stored_number(int(name.removesuffix(".dcm")), spec)
        chain = (chain * 31 + _crc(number)) % (1 << 64)
    return chain


def _listed(folder: Path | str) -> list[str]:
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            names += _listed(entry.path) if entry.is_dir() else [entry.name]
    return names


def _crc(number: int) -> int:
    return zlib.crc32(instance_uid(number).encode())


def _stored_number(number: int, spec: TreeSpec) -> int:
    """Which instance the file with this number holds."""
    return (number - 1) // LINKS_A_FILE + 1 if spec.linked else number


def _path(root: Path, number: int) -> Path:
    return root / f"{(number - 1) // PER_DIRECTORY:06d}" / f"{number:08d}.dcm"


def _write_files(root: Path, kind: Kind, count: int) -> None:
    for number in range(1, count + 1):
        path = _path(root, number)
        if number % PER_DIRECTORY == 1 or number == 1:
            path.parent.mkdir(parents=True)
        with path.open("wb", buffering=0) as file:
            file.write(kind.file(number))
            if kind.hole:
                file.truncate(file.tell() + kind.hole)


def _write_linked(root: Path, originals: Path, spec: TreeSpec, kind: Kind) -> None:
    _write_files(originals, kind, _stored_number(spec.count, spec))
    for number in range(1, spec.count + 1):
        path = _path(root, number)
        if number % PER_DIRECTORY == 1:
            path.parent.mkdir(parents=True)
        os.link(_path(originals, _stored_number(number, spec)), path)
