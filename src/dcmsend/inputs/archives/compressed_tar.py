"""The members of a compressed tar archive as inputs.

Such an archive can only be inflated from its beginning on, so it is read twice: once for the list of its members and
their first bytes, and once to send them, which happens mostly in the order of the list.  ``SequentialReader`` keeps
what it passes on the way to a member, because others are asked for a little later: by parallel associations, or because
files are opened ahead.  Only a small archive is kept as a whole when it is listed, and then is read once.

The checksum in a gz, xz or zst file is that of the whole stream, and is only known at its end, when members were
already handed out: a bit that has flipped without breaking the compression is told as a fault of the archive, but not
of the member that has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from ..anonymous import SpareFiles
from ..file_source import FileSource, OpenFile
from ..source import Source
from .content import MemberContent, open_archive, open_range
from .inflating import Inflating
from .kind import ArchiveKind
from .passed_members import Shelf
from .sequential_reader import SequentialReader
from .tar_archive import TarMembers
from .tar_walk import TarEntry, TarWalk

__all__ = ["members_of_compressed_tar"]

HEAD: Final = 18 * 1024
"""Bytes kept of each member for the scan, which follows the list closely."""
LARGEST_MEMBER: Final = 64 << 30


def members_of_compressed_tar(
    archive: Source, kind: ArchiveKind, shelf: Shelf, check: Callable[[], None] | None = None
) -> Iterator[Source]:
    """The members of a compressed archive, in its order, while it is inflated; see ``members_of_tar``.

    ``shelf`` is shared by all archives of a run.
    """
    file, descriptor = open_archive(archive)
    reader = SequentialReader(file, kind, shelf, check)
    try:
        stream = Inflating(descriptor, kind, check)

        def content_of(entry: TarEntry) -> _InflatedMember:
            member = _InflatedMember(reader, reader.add(entry.offset, entry.size), entry.beginning)
            shelf.keep_head(member)
            return member

        def note_link(content: MemberContent) -> None:
            assert isinstance(content, _InflatedMember)
            reader.note_link(content.number)

        walk = TarWalk(stream, HEAD, check, partial(reader.pass_over, stream))
        yield from TarMembers(archive, content_of, note_link).sources(walk, LARGEST_MEMBER)
    finally:
        reader.end_listing()
        reader.is_listed = True
        os.close(descriptor)


class _InflatedMember:
    """The content of one member; see ``MemberContent``."""

    __slots__ = ("__weakref__", "_reader", "head", "number")

    def __init__(self, reader: SequentialReader, number: int, head: bytes) -> None:
        self._reader = reader
        self.number = number
        self.head: bytes | None = head

    @property
    def etag(self) -> str:
        """The offset in the inflated archive alone: there is no checksum of the content."""
        return f"-{self._reader.place_of(self.number)[0]}"

    @property
    def effort(self) -> int:
        """All bytes, unless they are inflated already."""
        return 0 if self._reader.is_kept(self.number) else self._reader.place_of(self.number)[1]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self._reader.place_of(self.number)[1]

    def beginning(self, size: int) -> bytes:
        """See ``MemberContent``."""
        head, whole = self.head, self._reader.place_of(self.number)[1]
        if head is not None and (len(head) >= size or len(head) == whole):
            return head[:size]
        descriptor, start = self._reader.open(self.number, to_send=False)
        try:
            return FileSource(descriptor, start, start + whole).read_at(0, size)
        finally:
            os.close(descriptor)

    def open(self, head_size: int, spares: SpareFiles | None = None, *, to_send: bool = True) -> OpenFile:
        """See ``MemberContent``."""
        os.close(self._reader.file.open())  # only to see whether it was changed
        size, stamp = self._reader.place_of(self.number)[1], self._reader.file.stamp
        kept = self.head
        if kept is not None and len(kept) == size:
            return OpenFile.of_member(-1, size, kept, stamp, is_private=True)
        descriptor, start = self._reader.open(self.number, to_send=to_send)
        return open_range(descriptor, start, size, stamp, head_size, is_private=True)
