"""Folders that are changed during runs, and a memory of every content that was ever put there."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.fixture_files import CT_CLASS, EI, UID_ROOT, explicit_element, meta_header

__all__ = ["Content", "World"]

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
_ODD_TIMES = (-1, 0, -11_000_000_000, 9_500_000_000, 10_413_792_000)
"""Times in seconds: before 1970, in 1621, in 2271, in 2300; a file system may clamp them."""
_ODD_NAMES = ("name with blanks", "\udcff", "=1+1", "\x1b[31m", "é")


@dataclass(frozen=True)
class Content:
    """A present or past content of a file.

    Attributes:
        stored: SOP Instance UID and SHA-256 of the data set; None if it is not an instance.
        heirs: digests of contents of which one is enough, because the soak itself has changed a file in place.
    """

    note: str
    stored: tuple[str, str] | None = None
    heirs: tuple[str, ...] = ()


class World:
    """The folders of one round.

    Attributes:
        contents: contents by SHA-256 of the whole file.
        gone: contents that the soak itself may have destroyed.
        cut_while_moved: contents of files that were moved, perhaps under another of their names, when the soak
            shortened them: whether that came before or after the program's last look, nobody can tell.
        tree: the folder that is sent; ``aside`` holds files taken out of it; ``sent`` are directories of
            ``--move-sent``.
    """

    def __init__(self, root: Path, sent: Path, chance: random.Random) -> None:
        self.root, self.sent = root, sent
        self.tree, self.other, self.aside = root / "in", root / "other", root / "aside"
        self._chance = chance
        self._number = 0
        self._hot: Path | None = None
        self._places: dict[str, Path] = {}
        self.contents: dict[str, Content] = {}
        self.gone: set[str] = set()
        self.cut_while_moved: set[str] = set()
        for folder in (self.tree / "a", self.tree / "b" / "c", self.other, self.aside):
            folder.mkdir(parents=True)
        sent.mkdir(parents=True, exist_ok=True)

    # --- contents

    def instance(self, uid: str = "") -> bytes:
        """A new instance, with a new UID unless one is given."""
        self._number += 1
        uid = uid or f"{UID_ROOT}.50.{self._number}"
        data_set = (
            explicit_element(0x0008, 0x0016, "UI", CT_CLASS.encode(), pad=b"\0")
            + explicit_element(0x0008, 0x0018, "UI", uid.encode(), pad=b"\0")
            + explicit_element(0x0010, 0x4000, "LT", f"content {self._number}".encode())
            + explicit_element(0x0020, 0x4000, "LT", b"x" * self._chance.choice((0, 10, 3000, 30000)))
        )
        content = meta_header(CT_CLASS, uid, EI) + data_set
        self.remember(content, f"instance {self._number}", (uid, hashlib.sha256(data_set).hexdigest()))
        return content

    def remember(self, content: bytes, note: str, stored: tuple[str, str] | None = None, *heirs: str) -> str:
        """Remember that this content existed; return its digest."""
        digest = hashlib.sha256(content).hexdigest()
        self.contents.setdefault(digest, Content(note, stored, heirs))
        return digest

    def new_name(self) -> Path:
        """A name in the tree that was never used before."""
        self._number += 1
        folder = self._chance.choice((self.tree, self.tree / "a", self.tree / "b" / "c"))
        odd = self._chance.choice(_ODD_NAMES) if self._chance.random() < 0.03 else ""
        return folder / f"{self._number:05d}{odd}.dcm"

    def regular_files(self) -> list[Path]:
        """The files of the tree, without links, in order."""
        return sorted(path for path in walk(self.tree) if path.suffix == ".dcm")

    # --- changes to the folders

    def change(self, hot: str = "") -> str:
        """Make one random change and return its name; no change if there is no file.

        ``hot`` is the UID of an instance that was sent just now; usually its file is changed.
        """
        self._hot = self._places.get(hot)
        acts = {
            "new": 6, "replaced_aside": 5, "replaced_over": 5, "same_uid": 3, "touched": 3, "renamed": 3,
            "truncated": 2, "odd_time": 1, "copied": 2, "hard_link": 2, "symbolic_link": 2, "no_dicom": 1, "storm": 3,
        }  # fmt: skip
        (act,) = self._chance.choices(list(acts), list(acts.values()))
        try:
            getattr(self, "_" + act)()
        except FileNotFoundError:
            return f"{act}: too late"  # the file was moved in the meantime
        return act

    def _some(self) -> Path:
        if self._hot is not None and self._hot.is_file() and self._chance.random() < 0.7:
            return self._hot
        files = self.regular_files()
        if not files:
            raise FileNotFoundError
        return self._chance.choice(files)

    def add(self, folder: Path, count: int) -> None:
        """Add new instances under new names."""
        for _ in range(count):
            self._write(folder / self.new_name().name, self.instance())

    def add_rivals(self, count: int) -> None:
        """Add instances to the other folder under names of the tree, so that two files are moved to one name."""
        names = [path.name for path in self.regular_files()][-count:]
        for name in (*names, self.new_name().name):
            if not (self.other / name).exists():
                self._write(self.other / name, self.instance())

    def _new(self) -> None:
        self._write(self.new_name(), self.instance())

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file as careful programs do: under another name first."""
        partial = self.root / f"partial-{path.name}"
        partial.write_bytes(content)
        partial.replace(path)
        self._note_place(path, content)

    def _note_place(self, path: Path, content: bytes) -> None:
        stored = self.contents[hashlib.sha256(content).hexdigest()].stored
        if stored:
            self._places[stored[0]] = path

    def _replace(self, path: Path, content: bytes) -> None:
        """Replace a file in one step; the old one is then aside, whatever others do to the name at the same time."""
        self._number += 1
        partial = self.aside / f"{self._number:05d}.dcm"
        partial.write_bytes(content)
        if not exchange(partial, path):
            self.gone.add(digest_of(path))
            partial.replace(path)
        self._note_place(path, content)

    def _storm(self) -> None:
        """Write a file again and again."""
        path = self._some()
        for _ in range(self._chance.randrange(10, 200)):
            self._replace(path, self.instance())

    def _replaced_aside(self) -> None:
        path = self._some()
        self._number += 1
        path.rename(self.aside / f"{self._number:05d}.dcm")  # may be too late: then nothing new has existed
        self._write(path, self.instance())

    def _replaced_over(self) -> None:
        self._replace(self._some(), self.instance())

    def _same_uid(self) -> None:
        """Replace a file by another content with the same UID."""
        path = self._some()
        known = self.contents[digest_of(path)].stored
        self._replace(path, self.instance(known[0] if known else ""))

    def _touched(self) -> None:
        os.utime(self._some())

    def _odd_time(self) -> None:
        seconds = self._chance.choice(_ODD_TIMES)
        with contextlib.suppress(OverflowError):
            os.utime(self._some(), (seconds, seconds))

    def _renamed(self) -> None:
        self._some().rename(self.new_name())

    def _truncated(self) -> None:
        """Shorten a file in place, as a careless program does."""
        path = self._some()
        content = path.read_bytes()
        cut = content[: self._chance.randrange(1, max(2, len(content)))]
        old, new = hashlib.sha256(content).hexdigest(), hashlib.sha256(cut).hexdigest()
        self.gone.add(old)
        self.remember(cut, f"{path.name} truncated", whole_instance(cut), old)
        with path.open("r+b") as file:
            has_other_names = os.fstat(file.fileno()).st_nlink > 1
            file.truncate(len(cut))
        if has_other_names or not path.exists():
            self.cut_while_moved.add(new)
        if path.exists() and digest_of(path) != new:
            self.gone.add(new)

    def _copied(self) -> None:
        self._write(self.new_name(), self._some().read_bytes())

    def _hard_link(self) -> None:
        os.link(self._some(), self.new_name())

    def _symbolic_link(self) -> None:
        name = self.new_name()
        target = self._chance.choice((self._some(), self.tree / "a", Path("nowhere"), Path(name.name)))
        name.symlink_to(target)

    def _no_dicom(self) -> None:
        content = self._chance.choice((b"", b"text", os.urandom(0) + b"\0" * 300))
        name = self.new_name()
        self.remember(content, "no DICOM")
        self._write(name, content)

    # --- present contents

    def stored_in(self, folder: Path) -> set[tuple[str, str]]:
        """The instances among the files of a folder."""
        known = [self.contents.get(digest_of(path)) for path in walk(folder)]
        return {each.stored for each in known if each is not None and each.stored is not None}

    def there(self) -> dict[str, list[Path]]:
        """The present paths of every content."""
        found: dict[str, list[Path]] = {}
        for folder in (self.tree, self.other, self.aside, self.sent):
            for path in walk(folder):
                with contextlib.suppress(FileNotFoundError):
                    found.setdefault(digest_of(path), []).append(path)
        return found


def whole_instance(content: bytes) -> tuple[str, str] | None:
    """The UID and the data set's digest, if ``content`` ends between two elements: it is then a smaller instance."""
    if len(content) < 144:
        return None
    start = position = 144 + int.from_bytes(content[140:144], "little")
    uid = ""
    while position < len(content):
        tag, length = content[position : position + 4], int.from_bytes(content[position + 6 : position + 8], "little")
        value = content[position + 8 : position + 8 + length]
        position += 8 + length
        if tag == b"\x08\x00\x18\x00":
            uid = value.rstrip(b"\0").decode()
    return (uid, hashlib.sha256(content[start:]).hexdigest()) if uid and position == len(content) else None


def walk(folder: Path) -> Iterator[Path]:
    """Regular files, without following links."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two files in one step; return False where the system cannot do that."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error == errno.ENOENT:
        raise FileNotFoundError(error, os.strerror(error), str(other))
    return False


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
