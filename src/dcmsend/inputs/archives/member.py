"""A member of an archive as an input."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import copy
from typing import Final, NoReturn

from dcmsend.errors import DataSetError, FileUnreadable, StoreUnusable

from ..anonymous import SpareFiles
from ..file_source import OpenFile
from ..source import DicomdirRecord, Origin, Source, Stamp
from .content import MemberContent

__all__ = ["ArchiveMember", "BrokenMember", "MemberNames", "ToldMember"]

_MARK: Final = "!/"
"""Stands between the name of an archive and the name of a member."""


class MemberNames:
    """Gives each member of an archive a name of its own: the second ``a`` is ``a (2)``."""

    __slots__ = ("_counts", "_taken")

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def own(self, name: str) -> str:
        """The name for the next member, without slashes at its beginning."""
        name = name.lstrip("/") or "(no name)"
        if name not in self._taken:
            self._taken.add(name)
            return name
        while True:
            count = self._counts[name] = self._counts.get(name, 1) + 1
            numbered = f"{name} ({count})"
            if numbered not in self._taken:
                self._taken.add(numbered)
                return numbered


class _InArchive:
    """What a member has in common with one that cannot be read; see ``Source``.

    Attributes:
        container: the archive.
        name: of the member, unique in the archive; ``""`` stands for the archive as a whole.  Names that are not UTF-8
            have surrogate escapes.  A name is shown, never used as the path of a file.
    """

    __slots__ = ("container", "name")

    record: DicomdirRecord | None = None
    is_lasting: bool = True
    opens_ahead: bool = True
    has_meta: bool = False
    _can_be_read: bool = True

    def __init__(self, archive: Source, name: str) -> None:
        self.container = archive
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _InArchive) or other._can_be_read is not self._can_be_read:
            return False
        return other._same == self._same

    def __hash__(self) -> int:
        return hash(self._same)

    @property
    def _same(self) -> tuple[Source, str]:
        return self.container, self.name

    @property
    def path(self) -> str:
        """Name of the archive and of the member."""
        return self.container.path + _MARK + self.name if self.name else self.container.path

    @property
    def origin(self) -> Origin:
        """How the archive was found."""
        return self.container.origin

    @property
    def is_remote(self) -> bool:
        """As of the archive."""
        return self.container.is_remote

    @property
    def root(self) -> str:
        """As of the archive."""
        return self.container.root

    @property
    def directory(self) -> str:
        """The directory within the archive, behind the name of the archive."""
        return self.container.path + _MARK + self.name.rpartition("/")[0] if self.name else self.container.directory

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """The full name of the archive with ``!``, and the name of the member."""
        directory, archive = self.container.key(resolve)
        if not self.name:
            return directory, archive
        return os.path.join(directory, archive) + b"!", self.name.encode("utf-8", "surrogateescape")

    def look(self) -> Stamp | None:
        """Size and time of the archive."""
        return self.container.look()

    def length(self, stamp: Stamp | None = None) -> int | None:
        """Not known of what cannot be read here."""
        return None

    def let_go(self) -> None:
        """One member less needs the archive."""
        self.container.let_go()


class ArchiveMember(_InArchive):
    """One member of an archive; see ``Source``.

    Attributes:
        effort: bytes that are inflated when it is opened, or whose checksum is compared at the latest when they are
            sent; 0 if it costs no more than a file.
    """

    __slots__ = ("_content",)

    def __init__(self, archive: Source, name: str, content: MemberContent) -> None:
        super().__init__(archive, name)
        self._content = content

    def __reduce__(self) -> tuple[type[ToldMember], tuple[Source, str, str]]:
        """A copy is what an outcome tells of the member: who reads the archive stays here."""
        return ToldMember, (self.container, self.name, self.etag)

    @property
    def etag(self) -> str:
        """CRC-32 as far as the archive has it, and offset."""
        return self._content.etag

    def length(self, stamp: Stamp | None = None) -> int:
        """Bytes of the member, inflated."""
        return self._content.size

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """The first bytes alone, without a descriptor."""
        return -1, self._content.beginning(size)

    @property
    def effort(self) -> int:
        return self._content.effort

    def open(self, head_size: int, spares: SpareFiles | None = None) -> OpenFile:
        """The whole member; ``spares`` has files in which its content may be put."""
        try:
            return self._content.open(head_size, spares)
        except StoreUnusable as error:
            from ..stores import error_of_another_fetch  # only where an object of a store is an archive

            raise error_of_another_fetch(error) from error

    def open_to_look(self, head_size: int) -> OpenFile:
        """See the function of this name."""
        return self._content.open(head_size, to_send=False)


class BrokenMember(_InArchive):
    """A member that cannot be read, or with the name ``""`` the archive, or what is left of it: opening raises why."""

    __slots__ = ("_error",)

    etag: str = ""
    _can_be_read = False

    def __init__(self, archive: Source, name: str, error: DataSetError | FileUnreadable) -> None:
        super().__init__(archive, name)
        self._error = error

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Raises DataSetError, FileUnreadable."""
        self._fail()

    def open(self, head_size: int) -> OpenFile:
        """Raises DataSetError, FileUnreadable."""
        self._fail()

    def _fail(self) -> NoReturn:
        raise copy(self._error)


class ToldMember(_InArchive):
    """A member that another process has read, or a copy: known by its name and its mark, not to be opened here."""

    __slots__ = ("etag",)

    def __init__(self, archive: Source, name: str, etag: str) -> None:
        super().__init__(archive, name)
        self.etag = etag

    def open_beginning(self, size: int) -> NoReturn:
        """Raises FileUnreadable."""
        raise FileUnreadable("read by another process")

    def open(self, head_size: int) -> NoReturn:
        """Raises FileUnreadable."""
        raise FileUnreadable("read by another process")
