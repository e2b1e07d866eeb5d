"""An object of a store as an input."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from dcmsend.errors import DcmsendError, FileUnreadable, StoreUnusable

from ..file_source import FileChanged, OpenFile
from ..source import DicomdirRecord, Origin, Source, Stamp
from .errors import error_of_another_fetch
from .names import Place, utf_8
from .store import Entry

if TYPE_CHECKING:
    from .content import Content
    from .credit import Charge, Credit
    from .fetcher import Fetcher
    from .stores import Stores

__all__ = ["MissingObject", "StoredObject"]

CHANGED = "the object was changed after the list of objects was read"


class Uses:
    """Counts who needs an archive: its list of members, as long as it is read, and each member; thread-safe.

    Attributes:
        put_away: closes the archive when nobody needs it any more; None before it was opened.
    """

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()
        self.put_away: Callable[[], None] | None = None

    def add(self) -> None:
        """One more."""
        with self._lock:
            self._count += 1

    def end(self) -> bool:
        """One less; whether it was the last one."""
        with self._lock:
            self._count -= 1
            return self._count == 0


class StoredObject:
    """One object; see ``Source``.

    Its stamp is that of the list of objects, so a journal recognises it without a request.  There are two ways to open
    it to be scanned: of an object that ``admit`` was called for the whole is fetched, and kept until it is sent; of any
    other one only the first bytes are.

    Attributes:
        path: the address, without secrets.
        origin: ``Origin.PARAMETER`` if it was named, ``Origin.DIRECTORY`` if it was found below a prefix.
        root: for the latter the beginning of ``path``: the prefix that was named.
        entry: what the store has told of it.
        place: its address.
        uses: who needs it, if it is an archive.
    """

    __slots__ = (
        "_charge", "_content", "_fetcher", "_is_changed", "_stores", "_was_asked", "entry", "origin", "path", "place",
        "root", "uses",
    )  # fmt: skip

    record: DicomdirRecord | None = None
    container: Source | None = None
    is_lasting: bool = True
    is_remote: bool = True
    opens_ahead: bool = True
    has_meta: bool = False

    def __init__(self, stores: Stores, place: Place, entry: Entry, root: str = "") -> None:
        self.place = Place(place.scheme, place.site, entry.path, place.query)
        self.path = self.place.shown
        self.entry = entry
        self.origin = Origin.DIRECTORY if root else Origin.PARAMETER
        self.root = root
        self.uses: Uses | None = None
        self._stores = stores
        self._was_asked = False
        self._is_changed = False
        self._fetcher: Fetcher | None = None
        self._charge: Charge | None = None
        self._content: Content | None = None

    def __repr__(self) -> str:
        return f"StoredObject({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoredObject) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __reduce__(self) -> tuple[type[ToldObject], tuple[str, str, Entry, str]]:
        """A copy is what an outcome tells of the object: without the store, and without what its address hides."""
        place, entry = self.place, self.entry
        hidden = self.path.removeprefix(self.address)
        return ToldObject, (place.scheme, place.site, entry._replace(path=place.path + hidden), self.root)

    @property
    def etag(self) -> str:
        """The entity tag, if the store has them."""
        return self.entry.etag

    @property
    def address(self) -> str:
        """``path`` without what stands for the query, by which nobody judges what the object is."""
        return Place(self.place.scheme, self.place.site, self.place.path).shown

    @property
    def directory(self) -> str:
        """The address up to the last slash of the path."""
        return self._parts[0]

    @property
    def _parts(self) -> tuple[str, str]:
        cut = len(self.path) - len(self.place.shown.rpartition("/")[2])
        return self.path[:cut], self.path[cut:]

    def key(self, resolve: Callable[[str], bytes]) -> tuple[bytes, bytes]:
        """The address up to the last slash, and the rest."""
        directory, name = self._parts
        return utf_8(directory), utf_8(name)

    def look(self) -> Stamp | None:
        """Size and time as the list of objects has them; a web server, whose pages have neither, is asked once."""
        if self.entry.size is None and not self._was_asked:
            self._was_asked = True
            found = self._stores.look(self)
            if found is not None:
                self.entry = found
        return self._stamp(self.entry)

    def length(self, stamp: Stamp | None = None) -> int | None:
        """Bytes of the object, if its list or an answer has told them."""
        return self.entry.length

    def _stamp(self, entry: Entry) -> Stamp | None:
        if entry.size is None or (entry.mtime_ns is None and not entry.etag):
            return None
        return entry.size, entry.mtime_ns or 0

    def admit(self, fetcher: Fetcher, charge: Charge) -> None:
        """Have the whole object fetched once it is opened; ``charge`` pays for what is kept then."""
        self._fetcher = fetcher
        self._charge = charge

    def hand_over(self, credit: Credit) -> None:
        """Have ``credit`` pay from now on."""
        if self._charge is not None:
            self._charge.move(credit)

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """See ``Source``.  Raises StoreUnusable, too, which ends the run, and Cancelled."""
        self._was_asked = True  # whatever comes of it now, a report needs no second request
        if self._charge is None:
            return -1, self._stores.beginning(self, size)
        try:
            content = self._fetch()
            try:
                beginning = content.beginning(size)
            except BaseException:
                content.close()
                raise
        except BaseException:
            self._charge.release()
            raise
        self._charge.settle(content.size)
        self._content = content
        return beginning

    def _fetch(self) -> Content:
        content, served = self._stores.fetch(self)
        if self.entry.is_changed_to(served) or served.length not in (None, content.size):
            self._is_changed = True
        elif self.entry.size is None or (self.entry.mtime_ns is None and not self.entry.etag):
            self.entry = served if served.is_packed and served.size is not None else served._replace(size=content.size)
        return content

    def fetch_whole(self) -> tuple[Content, bool]:
        """Fetch the object for a reader of archives, who closes the content; and whether it has changed since it was
        listed.  Raises FileUnreadable, StoreUnusable, Cancelled."""
        return self._fetch(), self._is_changed

    def note_archive(self, put_away: Callable[[], None]) -> None:
        """An archive was opened from this object; ``put_away`` closes what it has fetched for now."""
        if self.uses is not None:
            self.uses.put_away = put_away
        if self._charge is None:
            self._stores.note_archive(put_away)

    def open(self, head_size: int) -> OpenFile:
        """See ``Source``: what was kept, or the object fetched anew.

        Raises FileChanged if it is not the object of the list any more, FileUnreadable, Cancelled.
        """
        content, charge = self._content, self._charge
        self._content = self._charge = None
        try:
            if content is None:
                if charge is None and self._fetcher is not None:
                    charge = self._fetcher.held.take(self._fetcher.price_of(self))
                content = self._fetch()
            if self._is_changed:
                raise FileChanged("", CHANGED)
            file = content.opened(self._stamp(self.entry) or (content.size, 0), head_size)
        except BaseException as error:
            if content is not None:
                content.close()
            if charge is not None:
                charge.release()
            if isinstance(error, StoreUnusable):
                raise error_of_another_fetch(error) from error
            raise
        if charge is not None and file.descriptor < 0:
            charge.release()
        elif charge is not None:
            file.closer = charge.close
        return file

    def let_go(self) -> None:
        """Give up what is kept, of an archive when nobody else needs it."""
        if self.uses is not None:
            if not self.uses.end():
                return
            if self.uses.put_away is not None:
                self.uses.put_away()
        content, charge = self._content, self._charge
        self._content = self._charge = None
        if content is not None:
            content.close()
        if charge is not None:
            charge.release()


class ToldObject(StoredObject):
    """An object as a copy of an outcome knows it, perhaps in another process; not to be opened."""

    __slots__ = ()

    def __init__(self, scheme: str, site: str, entry: Entry, root: str) -> None:
        super().__init__(cast("Stores", None), Place(scheme, site, entry.path), entry, root)
        self._was_asked = True

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Raises FileUnreadable."""
        raise FileUnreadable("known by name only")

    def open(self, head_size: int) -> OpenFile:
        """Raises FileUnreadable."""
        raise FileUnreadable("known by name only")


class MissingObject(StoredObject):
    """A name under which nothing was found: opening it raises why, ``error``."""

    __slots__ = ("error",)

    def __init__(self, stores: Stores, place: Place, error: DcmsendError) -> None:
        super().__init__(stores, place, Entry(place.path))
        self._was_asked = True
        self.error = error

    is_remote: bool = False

    def open_beginning(self, size: int) -> tuple[int, bytes]:
        """Raises why there is nothing."""
        raise self.error

    def open(self, head_size: int) -> OpenFile:
        """Raises why there is nothing."""
        raise self.error
