"""The archives of one round, and a memory of every instance that was ever in one of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from pathlib import Path

from support.fixture_files import CT_CLASS, EI, UID_ROOT, explicit_element, meta_header

__all__ = ["KINDS", "World"]

KINDS = ("stored.zip", "deflated.zip", "plain.tar", "packed.tar.gz")
_SIZES = (300, 20_000, 70_000, 70_000, 400_000, 2_000_000)
"""Bytes of pixels: members that are read at once, opened ahead, and larger than what is sent at once."""


class World:
    """The folder with the archives of one round.

    Attributes:
        tree: the folder that is sent.
        temporary: where the program may make temporary files.
        known: SOP Instance UID and SHA-256 of the data set of each whole instance that ever was in an archive.
        damaged: UIDs of the instances that no archive has whole.
    """

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root, self.tree, self.temporary = root, root / "in", root / "tmp"
        self._chance = chance
        self._number = 0
        self._members: dict[Path, dict[str, bytes]] = {}
        self._digests: dict[Path, str] = {}
        self.known: set[tuple[str, str]] = set()
        self.damaged: set[str] = set()
        (self.tree / "d").mkdir(parents=True)
        self.temporary.mkdir()
        for kind in chance.sample(KINDS, chance.randint(1, 3)):
            path = chance.choice((self.tree, self.tree / "d")) / kind
            self._members[path] = {}
            self._grow(path, chance.randint(5, 25))

    def change(self, _last: str = "") -> str:
        """Write an archive again, in one step: as it is, or with more members."""
        path = self._chance.choice(list(self._members))
        count = self._chance.choice((0, 1, 10))
        self._grow(path, count)
        return f"{path.name}: {count} more"

    def changed_by_others(self) -> list[Path]:
        """Archives that are not as they were written last."""
        return [path for path, digest in self._digests.items() if _digest(path.read_bytes()) != digest]

    def wanted(self) -> set[str]:
        """UIDs of all that should arrive."""
        return {uid for uid, _ in self.known} - self.damaged

    def _grow(self, path: Path, count: int) -> None:
        members = self._members[path]
        for _ in range(count):
            members[f"d/{self._number + 1:05}.dcm"] = self._instance(path)
        content = _packed(path.name, members)
        for uid in sorted(self.damaged):
            content = _without(content, uid)
        partial = self.root / "partial"
        partial.write_bytes(content)
        partial.replace(path)
        self._digests[path] = _digest(content)

    def _instance(self, path: Path) -> bytes:
        self._number += 1
        uid = f"{UID_ROOT}.60.{self._number}"
        size = self._chance.choice(_SIZES)
        data_set = (
            explicit_element(0x0008, 0x0016, "UI", CT_CLASS.encode(), pad=b"\0")
            + explicit_element(0x0008, 0x0018, "UI", uid.encode(), pad=b"\0")
            + explicit_element(0x0010, 0x4000, "LT", f"content {self._number}".encode())
            + b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little") + (_mark(uid) * (size // 40 + 1))[:size]
        )  # fmt: skip
        if path.name == KINDS[0] and self._chance.random() < 0.05:  # a stored member has its bytes in plain sight
            self.damaged.add(uid)
        else:
            self.known.add((uid, _digest(data_set)))
        return meta_header(CT_CLASS, uid, EI) + data_set


def _mark(uid: str) -> bytes:
    """40 bytes of pixels that only this instance has."""
    return hashlib.sha1(uid.encode()).hexdigest().encode()


def _without(content: bytes, uid: str) -> bytes:
    """An archive in which the last pixels of an instance are others, if it has them."""
    at = content.rfind(_mark(uid))
    return content if at < 0 else content[:at] + b"-" + content[at + 1 :]


def _packed(kind: str, members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    if kind.endswith("zip"):
        method = zipfile.ZIP_STORED if kind.startswith("stored") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return file.getvalue()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue() if kind.endswith("tar") else gzip.compress(file.getvalue(), 1)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
