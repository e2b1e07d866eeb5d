"""The members of a tar archive as inputs; they are sent straight out of the archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

from ..file_source import FileSource
from ..source import Source
from .content import MemberContent, RangeContent, cannot_be_read, open_archive
from .kind import kind_of_name
from .member import ArchiveMember, BrokenMember, MemberNames
from .tar_headers import LARGEST_SIZE, TarKind
from .tar_walk import TarEntry, TarWalk

__all__ = ["MOST_MEMBERS", "TarMembers", "members_of_tar"]

MOST_MEMBERS: Final = 10_000_000

_REASONS: Final = {
    TarKind.LINK: "a link: what it leads to is only sent if it is a member itself",
    TarKind.SPECIAL: "a device or a pipe",
    TarKind.SPARSE: "a sparse file: pack the archive again without sparse files",
    TarKind.CONTINUATION: "a part of a file that begins in another archive",
    TarKind.UNKNOWN: "of a kind that is not known",
}


def members_of_tar(archive: Source, check: Callable[[], None] | None = None) -> Iterator[Source]:
    """The members of an archive that is not compressed, in its order, while the archive is walked over.

    What cannot be sent is a ``BrokenMember``.  ``check`` is called now and then, and may raise.  Raises DataSetError,
    after all members, if the archive is not whole, and FileUnreadable.
    """
    file, descriptor = open_archive(archive)
    try:
        walk = TarWalk(_PlainStream(descriptor, file.size), check=check)
        members = TarMembers(archive, lambda entry: RangeContent(file, entry.offset, entry.size))
        yield from members.sources(walk)
    finally:
        os.close(descriptor)


class TarMembers:
    """Makes an input of each member.

    Args:
        archive: the archive.
        content_of: makes the content of a member that is whole.
        on_link: is told of each hard link the content of the member that it names.
    """

    def __init__(
        self,
        archive: Source,
        content_of: Callable[[TarEntry], MemberContent],
        on_link: Callable[[MemberContent], None] | None = None,
    ) -> None:
        self._archive = archive
        self._on_link = on_link
        self._content_of = content_of
        self._names = MemberNames()
        self._contents: dict[str, MemberContent] = {}

    def sources(self, walk: TarWalk, largest: int = LARGEST_SIZE) -> Iterator[Source]:
        """The inputs, in the order of the archive; members of more than ``largest`` bytes are refused.

        Raises DataSetError, after all members, if the archive is not whole, and FileUnreadable.
        """
        for count, entry in enumerate(walk.entries()):
            if entry.size > largest:
                entry = entry._replace(fault=f"larger than {largest >> 30} GiB")
            if count == MOST_MEMBERS:
                raise cannot_be_read(f"more than {MOST_MEMBERS:,} members")
            yield self._source(entry)
        if walk.fault:
            raise cannot_be_read(walk.fault)

    def _source(self, entry: TarEntry) -> Source:
        given = entry.name.decode("utf-8", "surrogateescape")
        name = self._names.own(given)
        content, fault = None, _fault_of(entry)
        if entry.kind is TarKind.HARD_LINK and not fault:
            content = self._contents.get(_plain(entry.target.decode("utf-8", "surrogateescape")))
            fault = "" if content is not None else "a hard link to what is no member before it, or cannot be read"
            if content is not None and self._on_link is not None:
                self._on_link(content)
        elif not fault and kind_of_name(given) is not None:
            fault = "an archive inside an archive: unpack it first"
        elif not fault:
            content = self._content_of(entry)
        if content is None:
            self._contents.pop(_plain(given), None)  # a later link means this one, not an older one of its name
            return BrokenMember(self._archive, name, cannot_be_read(fault))
        self._contents[_plain(given)] = content
        return ArchiveMember(self._archive, name, content)


def _fault_of(entry: TarEntry) -> str:
    reason = entry.fault or _REASONS.get(entry.kind, "")
    if not reason and entry.present < entry.size:
        return f"the archive ends within it: it has {entry.present} of {entry.size} bytes"
    return reason


def _plain(name: str) -> str:
    """A name as it is compared with the targets of hard links."""
    while name.startswith(("./", "/")):
        name = name[1:].lstrip("/")
    return name


class _PlainStream:
    """The bytes of an archive that is not compressed; see ``TarStream``."""

    __slots__ = ("_size", "_source", "position")

    fault: str = ""

    def __init__(self, descriptor: int, size: int) -> None:
        self._source = FileSource(descriptor)
        self._size = size
        self.position = 0

    def read(self, size: int) -> bytes:
        data = self._source.read_at(self.position, size)
        self.position += len(data)
        return data

    def skip(self, size: int) -> int:
        skipped = max(0, min(size, self._size - self.position))
        self.position += skipped
        return skipped
