"""Gives the members of a compressed tar archive, which can only be inflated from its beginning on."""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from dcmsend.errors import DataSetError, FileUnreadable
from dcmsend.loggers import get_logger

from ..anonymous import write_all
from .content import ArchiveFile, cannot_be_read
from .inflating import Inflating
from .kind import ArchiveKind
from .passed_members import Kept, LinkedMembers, Segment, Shelf, duplicate

__all__ = ["SequentialReader"]

_log: Final = get_logger("dcmsend.app")


class SequentialReader:
    """Gives the members of one archive, which it inflates at most once if they are asked for in about their order.

    May be used from several threads; one of them inflates, the others wait or take what it has passed.

    Attributes:
        is_listed: whether no more members will be added.
        restarts: how often the archive had to be inflated again from its beginning because of the order of sending.
    """

    def __init__(
        self, file: ArchiveFile, kind: ArchiveKind, shelf: Shelf, check: Callable[[], None] | None = None
    ) -> None:
        self.file = file
        self._check = check
        self.is_listed = False
        self.restarts = 0
        self._kind = kind
        self._shelf = shelf
        self._offsets, self._sizes = array("q"), array("q")
        self._lock = threading.Lock()
        self._stream: Inflating | None = None
        self._has_sent = False
        self._next = 0
        self._kept: dict[int, Kept] = {}
        self._last: Segment | None = None
        self._last_listed: Segment | None = None
        self._passed: tuple[Segment, int] | None = None
        self._is_kept_whole = True
        self._linked = LinkedMembers(shelf)

    def __del__(self) -> None:
        self._end()
        self._shelf.drop_all(self._kept)
        self._linked.close()

    def add(self, offset: int, size: int) -> int:
        """Add a member that follows all others; return its number."""
        self._sizes.append(size)
        self._offsets.append(offset)
        number = len(self._offsets) - 1
        passed, self._passed = self._passed, None
        if passed is not None:
            self._shelf.add(passed[0], number, passed[1])
            self._shelf.release(passed[0])
        return number

    def end_listing(self) -> None:
        """The member that was passed last is none to be added, or the last one."""
        passed, self._passed = self._passed, None
        if passed is not None:
            self._shelf.release(passed[0])

    def pass_over(self, stream: Inflating, beginning: bytes, size: int) -> int:
        """Take the next ``size`` bytes from the stream that is being listed; return how many there were.

        They are the rest of a member, which is kept as long as the whole archive seems to be small.
        """
        self.end_listing()
        if not self._is_kept_whole:
            return stream.skip(size)
        whole = len(beginning) + size
        if not self._shelf.has_room_to_list(whole):
            self._keep_nothing()
            return stream.skip(size)
        begin = stream.position
        try:
            segment = self._last_listed = self._shelf.segment_for(self._last_listed, self._kept, whole)
        except FileUnreadable:  # no room for it
            self._keep_nothing()
            return stream.skip(size)
        self._passed = segment, segment.extend(whole)
        try:
            write_all(segment.descriptor, beginning)
            is_kept = stream.copy(size, segment.descriptor) == size
        except FileUnreadable:  # the same, or the archive cannot be read
            is_kept = False
        if not is_kept:
            self.end_listing()
            self._keep_nothing()
        return stream.position - begin + stream.skip(begin + size - stream.position)

    def _keep_nothing(self) -> None:
        """The archive has to be read a second time, so nothing is won by what was kept."""
        self._is_kept_whole = False
        self._shelf.drop_all(self._kept)

    def note_link(self, number: int) -> None:
        """A hard link names a member that was added."""
        self._linked.wanted.add(number)

    def place_of(self, number: int) -> tuple[int, int]:
        """Offset and size of a member."""
        return self._offsets[number], self._sizes[number]

    def is_kept(self, number: int) -> bool:
        """Whether a member is inflated at this moment."""
        return number in self._kept or number in self._linked.kept

    def open(self, number: int, *, to_send: bool = True) -> tuple[int, int]:
        """A descriptor, which the caller closes, and the position of the member's first byte in it.

        Without ``to_send`` the member is only looked at, and will be asked for once more.
        Raises DataSetError, FileUnreadable.
        """
        taken = self._take(number, to_send)
        if taken is None:
            with self._lock:
                taken = self._take(number, to_send) or self._go_to(number, to_send)
        assert taken is not None
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
            kept = self._kept.get(number) or self._linked.kept.get(number)
            if kept is None:
                return None
            segment, start = kept
            descriptor = duplicate(segment.descriptor)
            if to_send:
                segment.unasked.discard(number)
            return descriptor, start

    def _go_to(self, number: int, to_send: bool) -> tuple[int, int] | None:
        """Inflate up to the end of a member, keep what lies before it, and open it."""
        if self._stream is None or number < self._next:
            self._begin()
        self._has_sent = self._has_sent or to_send
        try:
            while self._next < number:
                with suppress(FileUnreadable):  # a full disk matters only to the member that was asked for
                    self._shelf.release(self._pass_next())
            segment = self._pass_next()
        except DataSetError:
            self._end()
            raise
        try:
            return self._take(number, to_send)
        finally:
            self._shelf.release(segment)
            if self.is_listed and self._next == len(self._offsets):
                self._end()

    def _pass_next(self) -> Segment:
        """Inflate the next member, and keep it unless it is kept; return its file, in use."""
        stream, number = self._stream, self._next
        assert stream is not None
        self._next += 1
        if (kept := self._shelf.use(self._linked.kept, number) or self._shelf.use(self._kept, number)) is not None:
            return kept
        offset, size = self.place_of(number)
        stream.skip(offset - stream.position)
        segment = self._linked.segment_for(number, size) or self._shelf.segment_for(self._last, self._kept, size)
        try:
            copied = stream.copy(size, segment.descriptor)
            if copied < size:
                raise cannot_be_read(stream.fault or "the archive ends within the member")
        except BaseException:
            self._linked.give_up(segment)
            self._last = None
            self._shelf.drop(segment)
            raise
        if not self._linked.add(segment, number, size):
            self._shelf.add(segment, number, segment.extend(size))
            self._last = segment
        return segment

    def _begin(self) -> None:
        if self._has_sent:  # what was only looked at has to be read again in any case
            self.restarts += 1
            if self.restarts == 1:
                _log.warning("%s is read again from its beginning, for a member that was passed", self.file.item.path)
        self._end()
        self._has_sent = False
        descriptor = self.file.open()
        try:
            self._stream = Inflating(descriptor, self._kind, self._check)
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
