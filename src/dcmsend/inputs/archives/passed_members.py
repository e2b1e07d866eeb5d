"""Members of compressed tar archives that were inflated on the way to others: kept for a while, in anonymous files."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Final, Protocol
from weakref import ref

from ..anonymous import anonymous_file
from ..file_source import unreadable

__all__ = ["Kept", "LinkedMembers", "Segment", "Shelf", "duplicate"]

MOST_KEPT: Final = 256 << 20
MOST_SEGMENTS: Final = 64
"""Bytes, and anonymous files, of all archives together."""
MOST_ASKED: Final = 32 << 20
MOST_ASKED_SEGMENTS: Final = 8
"""The same for members that were all asked for: one that is sent again after a fault of the network is still there."""
SEGMENT: Final = 8 << 20
"""Members lie one behind the other in files of this size; a larger member has a file of its own."""
MOST_LISTED: Final = 128 << 20
MOST_LISTED_SEGMENTS: Final = 32
"""Bytes, and anonymous files, up to which members are kept while an archive is listed, which then is read only once."""
MOST_LINKED: Final = 1 << 30
"""Bytes kept on the disk, of one archive, of members that hard links name: these may follow much later."""
MOST_LINKED_FILES: Final = 8
"""Archives of which such members are kept: they are mostly sent one after the other."""
MOST_HEADS: Final = 1024
"""Members whose first bytes are kept: the scan follows the list closely."""
MOST_STREAMS: Final = 2
"""Archives that stay half read: a decompressor for xz may hold 65 MiB."""


class Segment:
    """An anonymous file with successive members of one archive.

    Attributes:
        kept: where the kept members of the archive lie.
        descriptor: of the file.
        room: bytes that it is meant for.
        size: bytes in it.
        users: how many are just writing to it, or about to open a member; others may close it only if there are none.
        unasked: numbers of the members that nobody has asked for yet.
    """

    __slots__ = ("_numbers", "descriptor", "kept", "room", "size", "unasked", "users")

    def __init__(self, kept: dict[int, Kept], descriptor: int, room: int) -> None:
        self.kept = kept
        self._numbers: list[int] = []
        self.descriptor = descriptor
        self.room = room
        self.size = 0
        self.users = 0
        self.unasked: set[int] = set()

    def extend(self, size: int) -> int:
        """So many bytes were written; return where they begin."""
        start = self.size
        self.size += size
        return start

    def add(self, number: int, start: int) -> None:
        """A member begins here."""
        self.kept[number] = self, start
        self._numbers.append(number)
        self.unasked.add(number)

    def close(self) -> None:
        """Close the file and forget its members; those that are open stay so."""
        for number in self._numbers:
            if self.kept.get(number, (None,))[0] is self:
                del self.kept[number]
        os.close(self.descriptor)
        self.descriptor = -1


Kept = tuple[Segment, int]
"""Where a member lies: the file, and the position of its first byte there."""


class _Reader(Protocol):
    """What inflates an archive."""

    def pause(self) -> None:
        """Let the stream go unless it is in use; it is begun anew when it is needed again."""
        ...


class _WithHead(Protocol):
    """A member whose first bytes are kept until ``head`` is None."""

    head: bytes | None


class Shelf:
    """What is kept of all archives of a run: segments, the oldest first, first bytes, and archives that are half read.

    Attributes:
        lock: held for every use of segments and of what is in them.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._segments: deque[Segment] = deque()
        self._readers: list[ref[_Reader]] = []  # weak, so that an archive is closed once nobody needs a member of it
        self._with_head: deque[ref[_WithHead]] = deque()
        self._linked: list[ref[LinkedMembers]] = []

    def keep_head(self, member: _WithHead) -> None:
        """Let a member keep its first bytes, until as many others have theirs."""
        self._with_head.append(ref(member))
        if len(self._with_head) > MOST_HEADS and (first := self._with_head.popleft()()) is not None:
            first.head = None

    def segment_for(self, last: Segment | None, kept: dict[int, Kept], size: int) -> Segment:
        """A segment with room for a member, ``last`` or a new one, which is in use until it is released.

        Raises FileUnreadable.
        """
        with self.lock:
            if last is None or last not in self._segments or last.size + size > last.room:
                room = max(SEGMENT, size)
                last = Segment(kept, anonymous_file(room), room)
                self._segments.append(last)
            last.users += 1
            return last

    def use(self, kept: dict[int, Kept], number: int) -> Segment | None:
        """The segment with a member, which is in use until it is released; None if there is none."""
        with self.lock:
            segment, _ = kept.get(number, (None, 0))
            if segment is not None:
                segment.users += 1
            return segment

    def release(self, segment: Segment) -> None:
        """A segment is in use no more."""
        with self.lock:
            segment.users -= 1

    def has_room_to_list(self, size: int) -> bool:
        """Whether so many bytes may be kept of an archive that is just listed."""
        with self.lock:
            if len(self._segments) >= MOST_LISTED_SEGMENTS:
                return False
            return sum(segment.size for segment in self._segments) + size <= MOST_LISTED

    def add(self, segment: Segment, number: int, start: int) -> None:
        """A member begins here in a segment; other segments that are too many are closed."""
        with self.lock:
            segment.add(number, start)
            if segment.size > SEGMENT // 2 or len(self._segments) > MOST_ASKED_SEGMENTS:
                self._trim(segment)

    def drop(self, segment: Segment) -> None:
        """Close a segment that could not be written."""
        with self.lock:
            if segment in self._segments:
                self._segments.remove(segment)
                segment.close()

    def drop_all(self, kept: dict[int, Kept]) -> None:
        """Close the segments of one archive, except for those in use."""
        with self.lock:
            for segment in [each for each in self._segments if each.kept is kept and not each.users]:
                self.drop(segment)

    def _trim(self, last: Segment) -> None:
        """Close the oldest segments, but never the last one, as far as there are too many."""
        others = [segment for segment in self._segments if segment is not last]
        self._close_oldest([segment for segment in others if not segment.unasked], MOST_ASKED, MOST_ASKED_SEGMENTS)
        self._close_oldest([segment for segment in others if segment in self._segments], MOST_KEPT, MOST_SEGMENTS)

    def _close_oldest(self, segments: list[Segment], most: int, most_segments: int) -> None:
        size, count = sum(segment.size for segment in segments), len(segments)
        for segment in segments:
            if size <= most and count <= most_segments:
                return
            if not segment.users:
                self.drop(segment)
                size, count = size - segment.size, count - 1

    def note_linked(self, linked: LinkedMembers) -> None:
        """An archive has a file of members that hard links name; the oldest of others that are too many are closed."""
        with self.lock:
            others = [other for known in self._linked if (other := known()) is not None]
            for other in others[: max(0, len(others) + 1 - MOST_LINKED_FILES)]:
                other.give_way()
            self._linked = [ref(each) for each in (*others, linked) if each.is_open]

    def note_begun(self, reader: _Reader) -> None:
        """An archive is being inflated; those begun before pause if they are too many."""
        with self.lock:
            self._readers = [other for other in self._readers if other() is not None]
            for known in self._readers[: -MOST_STREAMS + 1]:
                if (other := known()) is not None:
                    other.pause()
            self._readers.append(ref(reader))

    def note_ended(self, reader: _Reader) -> None:
        """An archive is not inflated any more."""
        with self.lock:
            self._readers = [other for other in self._readers if other() not in (None, reader)]


class LinkedMembers:
    """Members of one archive that hard links name: they are asked for once more, perhaps much later.

    Attributes:
        wanted: their numbers.
        kept: where they lie.
    """

    def __init__(self, shelf: Shelf) -> None:
        self.wanted: set[int] = set()
        self.kept: dict[int, Kept] = {}
        self._shelf = shelf
        self._segment: Segment | None = None
        self._is_given_up = False

    @property
    def is_open(self) -> bool:
        """Whether there is a file."""
        return self._segment is not None

    def segment_for(self, number: int, size: int) -> Segment | None:
        """The file for a member, in use until it is released; None if no hard link names it, or there is no more room.

        Raises FileUnreadable.
        """
        if number not in self.wanted or self._is_given_up:
            return None
        with self._shelf.lock:
            if self._segment is None:
                self._segment = Segment(self.kept, anonymous_file(MOST_LINKED), MOST_LINKED)
                self._shelf.note_linked(self)
            if self._segment.size + size > MOST_LINKED:
                return None
            self._segment.users += 1
            return self._segment

    def add(self, segment: Segment, number: int, size: int) -> bool:
        """The last ``size`` bytes of a segment are this member; return False if it is not the file of these members."""
        if segment is not self._segment:
            return False
        segment.add(number, segment.extend(size))
        return True

    def give_up(self, segment: Segment) -> None:
        """Keep nothing more in a file that could not be written."""
        if segment is self._segment:
            self._is_given_up = True
            self._shelf.release(segment)

    def give_way(self) -> None:
        """Close the file unless it is in use; members that are still asked for are inflated again."""
        with self._shelf.lock:
            if self._segment is not None and not self._segment.users:
                self.close()

    def close(self) -> None:
        """Close the file."""
        with self._shelf.lock:
            segment, self._segment = self._segment, None
            if segment is not None:
                segment.close()


def duplicate(descriptor: int) -> int:
    """A second descriptor for an open file.  Raises FileUnreadable."""
    try:
        return os.dup(descriptor)
    except OSError as error:
        raise unreadable(error) from error
