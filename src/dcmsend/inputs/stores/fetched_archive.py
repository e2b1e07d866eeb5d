"""An archive that is an object of a store: fetched as a whole, and kept as long as one of its members is."""

from __future__ import annotations

import os
import threading

from ..file_source import FileChanged, unreadable
from ..source import Source, Stamp
from .content import Content
from .stored_object import CHANGED, StoredObject, Uses

__all__ = ["FetchedArchive"]


class FetchedArchive:
    """See ``archives.ArchiveFile``.

    Its anonymous file is closed when its last member is let go, or earlier where no fetcher limits how many there are;
    if it is needed once more it is fetched again.

    Attributes:
        item: the object.
        stamp: as of the object.
        size: bytes that were fetched.
    """

    __slots__ = ("__weakref__", "_content", "_lock", "item", "size", "stamp")

    is_private: bool = True

    def __init__(self, item: StoredObject, content: Content, stamp: Stamp) -> None:
        self.item = item
        self.stamp = stamp
        self.size = content.size
        self._content = content
        self._lock = threading.Lock()

    def __del__(self) -> None:
        self._content.close()

    @staticmethod
    def uses_of(item: Source) -> Uses:
        """Counts who needs an archive."""
        assert isinstance(item, StoredObject)
        item.uses = item.uses or Uses()
        return item.uses

    def put_away(self) -> None:
        """Close the anonymous file for now."""
        with self._lock:
            self._content.close()

    @classmethod
    def fetched(cls, item: Source) -> FetchedArchive:
        """Fetch an object.  Raises FileChanged, FileUnreadable, StoreUnusable, Cancelled."""
        assert isinstance(item, StoredObject)
        content = _fetch(item)
        archive = cls(item, content, item.look() or (content.size, 0))
        item.note_archive(archive.put_away)
        return archive

    def open(self) -> int:
        """A further descriptor of the anonymous file, which is only read by position."""
        with self._lock:
            is_anew = self._content.descriptor < 0
            if is_anew:
                self._content = _fetch(self.item)
            try:
                descriptor = os.dup(self._content.descriptor)
            except OSError as error:
                raise unreadable(error) from error
        if is_anew:  # not under our lock, because this may put another one away, which has its own
            self.item.note_archive(self.put_away)
        return descriptor


def _fetch(item: StoredObject) -> Content:
    content, is_changed = item.fetch_whole()
    if is_changed:
        content.close()
        raise FileChanged("", CHANGED)
    return content
