"""Which files are archives, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import TYPE_CHECKING, Final

from dcmsend.errors import DataSetError, FileUnreadable

from ..file_source import open_beginning
from ..input_file import InputFile
from ..source import Origin, Source, name_of
from .member import BrokenMember

if TYPE_CHECKING:
    from ..stores import Fetcher
    from .passed_members import Shelf

__all__ = ["SKIPPABLE_FRAMES", "ArchiveKind", "expand_archives", "kind_of_name", "missing_package"]


class ArchiveKind(Enum):
    """The formats of archives."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"
    TAR_XZ = "tar.xz"
    TAR_ZST = "tar.zst"


_SUFFIXES: Final = {
    ".zip": ArchiveKind.ZIP, ".tar": ArchiveKind.TAR,
    ".tar.gz": ArchiveKind.TAR_GZ, ".tgz": ArchiveKind.TAR_GZ,
    ".tar.bz2": ArchiveKind.TAR_BZ2, ".tbz2": ArchiveKind.TAR_BZ2,
    ".tar.xz": ArchiveKind.TAR_XZ, ".txz": ArchiveKind.TAR_XZ,
    ".tar.zst": ArchiveKind.TAR_ZST, ".tzst": ArchiveKind.TAR_ZST,
}  # fmt: skip
_ALL_SUFFIXES: Final = tuple(_SUFFIXES)
_BEGINNINGS: Final = (
    (b"PK\x03\x04", ArchiveKind.ZIP), (b"PK\x05\x06", ArchiveKind.ZIP),
    (b"\x1f\x8b", ArchiveKind.TAR_GZ), (b"BZh", ArchiveKind.TAR_BZ2),
    (b"\xfd7zXZ\0", ArchiveKind.TAR_XZ), (b"\x28\xb5\x2f\xfd", ArchiveKind.TAR_ZST),
)  # fmt: skip
SKIPPABLE_FRAMES: Final = tuple(bytes((mark,)) + b"\x2a\x4d\x18" for mark in range(0x50, 0x60))
"""What may stand before, between and behind the frames of zst.  Source: RFC 8878 3.1.2."""
_USTAR_AT: Final = 257


def kind_of_name(name: str) -> ArchiveKind | None:
    """The format that the end of a name stands for, in upper or lower case."""
    name = name[-8:].lower()
    if not name.endswith(_ALL_SUFFIXES):
        return None
    return next(kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix))


def missing_package(names: Iterable[str]) -> tuple[str, str] | None:
    """The first name of an archive for which a Python package has to be installed, and that package; None for none.

    ``names`` is not read where nothing is missing.
    """
    from .inflating import ZSTD_PACKAGE, has_zstd

    if has_zstd():
        return None
    shown = (_without_query(name) if "://" in name else name for name in names)
    return next(((name, ZSTD_PACKAGE) for name in shown if kind_of_name(name) is ArchiveKind.TAR_ZST), None)


def _without_query(name: str) -> str:
    from ..stores import without_secrets

    return without_secrets(name)


def expand_archives(
    found: Iterable[Source],
    check: Callable[[], None] | None = None,
    fetcher: Callable[[], Fetcher] | None = None,
) -> Iterator[Source]:
    """The inputs, with the members of an archive in the place of the archive.

    A file is an archive by its name; one that the user has named, also by its first bytes.  An object of a store, by
    its name alone, is fetched as a whole.  ``check`` is called now and then while
    the list of a large archive is read, or a member is inflated, and may raise.  ``fetcher`` limits how many archives
    of stores are kept until their members are sent.  Each fault of an archive is an input, too, which raises it when
    it is opened.
    """
    formats = _Formats(check, fetcher)
    for item in found:
        kind = _kind_of(item)
        if kind is None:
            yield item
            continue
        try:
            yield from formats.members(item, kind)
        except (DataSetError, FileUnreadable) as error:
            yield BrokenMember(item, "", error)


def is_archive(item: Source) -> bool:
    """Whether an input is an archive: by its name, a file that the user has named also by its first bytes."""
    return _kind_of(item) is not None


def _kind_of(item: Source) -> ArchiveKind | None:
    if item.is_remote:
        return kind_of_name(name_of(item))
    if type(item) is not InputFile or item.is_directory:
        return None
    kind = kind_of_name(item.path)
    if kind is None and item.origin is Origin.PARAMETER and item.path:
        return _kind_by_beginning(item.path)
    return kind


def _kind_by_beginning(path: str) -> ArchiveKind | None:
    try:
        descriptor, beginning = open_beginning(path, 512)
        os.close(descriptor)
    except (DataSetError, FileUnreadable):  # told when the file is opened as an input
        return None
    if beginning[128:132] == b"DICM":
        return None
    for mark, kind in _BEGINNINGS:
        if beginning.startswith(mark):
            return kind
    if beginning.startswith(SKIPPABLE_FRAMES):
        return ArchiveKind.TAR_ZST
    return ArchiveKind.TAR if beginning[_USTAR_AT : _USTAR_AT + 5] == b"ustar" else None


class _Formats:
    """Loads the code for a format when there is an archive of it."""

    def __init__(self, check: Callable[[], None] | None, fetcher: Callable[[], Fetcher] | None) -> None:
        self._check = check
        self._fetcher = fetcher
        self._shelf: Shelf | None = None

    def members(self, archive: Source, kind: ArchiveKind) -> Iterator[Source]:
        if archive.is_remote:
            return self._members_of_object(archive, kind)
        return self._members(archive, kind)

    def _members_of_object(self, archive: Source, kind: ArchiveKind) -> Iterator[Source]:
        """The members of an object of a store, which is kept until the last one of them was let go."""
        from ..stores import FetchedArchive

        if self._fetcher is not None:
            self._fetcher().admit_archive(archive)
        uses = FetchedArchive.uses_of(archive)
        uses.add()
        try:
            for member in self._members(archive, kind):
                uses.add()
                yield member
        except (DataSetError, FileUnreadable) as error:
            uses.add()
            yield BrokenMember(archive, "", error)
        finally:
            archive.let_go()

    def _members(self, archive: Source, kind: ArchiveKind) -> Iterator[Source]:
        if kind is ArchiveKind.ZIP:
            from .zip_archive import members_of_zip

            return members_of_zip(archive, self._check)
        if kind is ArchiveKind.TAR:
            from .tar_archive import members_of_tar

            return members_of_tar(archive, self._check)
        from .compressed_tar import members_of_compressed_tar
        from .passed_members import Shelf

        self._shelf = self._shelf or Shelf()
        return members_of_compressed_tar(archive, kind, self._shelf, self._check)
