"""The members of a compressed tar archive as inputs.

Such an archive can only be inflated from its beginning on, so it is read twice: once for the list of its members and
their first bytes, and once to send them, which happens mostly in the order of the list.  ``SequentialReader`` keeps
what it passes on the way to a member, because others are asked for a little later: by parallel associations, or because
files are opened ahead.  At no time does the whole archive lie inflated anywhere.

The checksum in a gz, xz or zst file is that of the whole stream, and is only known at its end, when members were
already handed out: a bit that has flipped without breaking the compression is told as a fault of the archive, but not
of the member that has it.
"""

from __future__ import annotations

import logging
import os
import threading
from array import array
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.errors import DataSetError, FileUnreadable

from ..file_source import FileSource, OpenFile
from ..input_file import InputFile
from ..source import Source
from .content import ArchiveFile, cannot_be_read
from .inflating import Inflating
from .kind import ArchiveKind
from .passed_members import Kept, Segment, Shelf, duplicate
from .tar_archive import TarMembers
from .tar_walk import TarEntry, TarWalk

__all__ = ["SequentialReader", "members_of_compressed_tar"]

HEAD: Final = 18 * 1024
"""Bytes kept of each member for the scan, which follows the list closely."""
LARGEST_MEMBER: Final = 64 << 30

_log = logging.getLogger("dcmsend.app")


def members_of_compressed_tar(
    archive: InputFile, kind: ArchiveKind, shelf: Shelf, check: Callable[[], None] | None = None
) -> Iterator[Source]:
    """The members of a compressed archive, in its order, while it is inflated; see ``members_of_tar``.

    ``shelf`` is shared by all archives of a run.
    """
    file, descriptor = ArchiveFile.opened(archive)
    reader = SequentialReader(file, kind, shelf)
    try:
        stream = Inflating(descriptor, kind, check)
        members = TarMembers(archive, reader.add)
        yield from members.sources(TarWalk(stream, HEAD, check), LARGEST_MEMBER)
    finally:
        reader.is_listed = True
        os.close(descriptor)


class SequentialReader:
    """Gives the members of one archive, which it inflates at most once if they are asked for in about their order.

    May be used from several threads; one of them inflates, the others wait or take what it has passed.

    Attributes:
        is_listed: whether no more members will be added.
        restarts: how often the archive had to be inflated again from its beginning.
    """

    def __init__(self, file: ArchiveFile, kind: ArchiveKind, shelf: Shelf) -> None:
        self.file = file
        self.is_listed = False
        self.restarts = 0
        self._kind = kind
        self._shelf = shelf
        self._offsets, self._sizes = array("q"), array("q")
        self._lock = threading.Lock()
        self._stream: Inflating | None = None
        self._was_begun = False
        self._next = 0
        self._kept: dict[int, Kept] = {}
        self._last: Segment | None = None

    def __del__(self) -> None:
        self._end()
        self._shelf.drop_all(self._kept)

    def add(self, entry: TarEntry) -> _InflatedMember:
        """Add a member that follows all others; return its content."""
        self._sizes.append(entry.size)
        self._offsets.append(entry.offset)
        member = _InflatedMember(self, len(self._offsets) - 1, entry.beginning)
        self._shelf.keep_head(member)
        return member

    def place_of(self, number: int) -> tuple[int, int]:
        """Offset and size of a member."""
        return self._offsets[number], self._sizes[number]

    def open(self, number: int, *, to_send: bool = True) -> tuple[int, int]:
        """A descriptor, which the caller closes, and the position of the member's first byte in it.

        Raises DataSetError, FileUnreadable.
        """
        taken = self._take(number, to_send)
        if taken is None:
            with self._lock:
                taken = self._take(number, to_send)
                if taken is None:
                    self._go_to(number)
                    taken = self._take(number, to_send)
        if taken is None:  # others have closed its file, because too much was kept
            raise FileUnreadable("no room for the inflated member")
        return taken

    def pause(self) -> None:
        """See ``Shelf``."""
        if self._lock.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._lock.release()

    def _take(self, number: int, to_send: bool) -> tuple[int, int] | None:
        with self._shelf.lock:
            kept = self._kept.get(number)
            if kept is None:
                return None
            segment, start = kept
            descriptor = duplicate(segment.descriptor)
            if to_send:
                segment.unasked.discard(number)
            return descriptor, start

    def _go_to(self, number: int) -> None:
        """Inflate up to the end of a member, and keep what lies before it."""
        if self._stream is None or number < self._next:
            self._begin()
        try:
            while self._next <= number:
                passed = self._next
                self._next += 1
                try:
                    self._keep(passed)
                except FileUnreadable:  # a full disk matters only to the member that was asked for
                    if passed == number:
                        raise
        except DataSetError:
            self._end()
            raise
        if self.is_listed and self._next == len(self._offsets):
            self._end()

    def _keep(self, number: int) -> None:
        stream = self._stream
        assert stream is not None
        offset, size = self.place_of(number)
        stream.skip(offset - stream.position)
        segment = self._shelf.segment_for(self._last, self._kept, size)
        try:
            copied = stream.copy(size, segment.descriptor)
            if copied < size:
                raise cannot_be_read(stream.fault or "the archive ends within the member")
        except BaseException:
            self._last = None
            self._shelf.drop(segment)
            raise
        self._shelf.add(segment, number, size)
        self._last = segment

    def _begin(self) -> None:
        if self._was_begun:
            self.restarts += 1
            if self.restarts == 1:
                _log.warning("%s is read again from its beginning, for a member that was passed", self.file.item.path)
        self._end()
        self._was_begun = True
        descriptor = self.file.open()
        try:
            self._stream = Inflating(descriptor, self._kind)
        except BaseException:
            os.close(descriptor)
            raise
        self._next = 0
        self._shelf.note_begun(self)

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            self._shelf.note_ended(self)


class _InflatedMember:
    """The content of one member; see ``MemberContent``."""

    __slots__ = ("__weakref__", "_number", "_reader", "head")

    def __init__(self, reader: SequentialReader, number: int, head: bytes) -> None:
        self._reader = reader
        self._number = number
        self.head: bytes | None = head

    @property
    def etag(self) -> str:
        """The offset in the inflated archive alone: there is no checksum of the content."""
        return f"-{self._reader.place_of(self._number)[0]}"

    def beginning(self, size: int) -> bytes:
        """See ``MemberContent``."""
        head, whole = self.head, self._reader.place_of(self._number)[1]
        if head is not None and (len(head) >= size or len(head) == whole):
            return head[:size]
        descriptor, start = self._reader.open(self._number, to_send=False)
        try:
            return FileSource(descriptor, start, start + whole).read_at(0, size)
        finally:
            os.close(descriptor)

    def open(self, head_size: int) -> OpenFile:
        """See ``MemberContent``."""
        size, stamp = self._reader.place_of(self._number)[1], self._reader.file.stamp
        kept = self.head
        if kept is not None and len(kept) == size:
            return OpenFile.of_member(-1, size, kept, stamp, is_private=True)
        descriptor, start = self._reader.open(self._number)
        try:
            head = FileSource(descriptor, start, start + size).read_at(0, head_size)
            if len(head) == size:
                os.close(descriptor)
                descriptor = -1
            return OpenFile.of_member(descriptor, size, head, stamp, start, is_private=True)
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            raise
