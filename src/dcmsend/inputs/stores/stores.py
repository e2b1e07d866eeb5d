"""All object stores of one run: their libraries, the thread that these run in, and what was fetched ahead."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Final
from weakref import WeakMethod

from dcmsend.errors import Cancelled, DcmsendError, FileUnreadable, StoreUnusable
from dcmsend.fork import own
from dcmsend.interrupt import WAIT_SLICE
from dcmsend.reasons import NoStore

from ..options import InputOptions
from .content import Content, TooLong
from .endless import Endless, Marks, Patience
from .errors import StoreBusy, error_of_listing, error_of_object
from .fetcher import Fetcher
from .loop import Loop
from .names import Place
from .opening import open_store
from .store import Entry, Sink, Store
from .stored_object import StoredObject

__all__ = ["Stores"]

_PAUSES: Final = (0.5, 2.0)
"""Seconds before the second and the third attempt to fetch an object."""
MOST_ARCHIVES: Final = 4
"""Archives that a preview keeps."""
MOST_BUSY: Final = 100
"""Objects in a row that stores could not give, after which the run ends: it is no use to ask for a million more."""


class _Row:
    """How many requests of a kind have failed in a row because a store was busy."""

    def __init__(self) -> None:
        self.count = 0


class Stores:
    """Opens each store once.  Owned by the run, which closes it.

    Args:
        options: what the user says of stores.
        check: called now and then during a wait; may raise to end it.
    """

    def __init__(self, options: InputOptions, check: Callable[[], None] | None = None) -> None:
        self._options = options
        self._check = check
        self._loop = Loop()
        self._lock = threading.Lock()
        self._stores: dict[tuple[str, str], Store] = {}
        self._contents: weakref.WeakSet[Content] = weakref.WeakSet()
        self._archives: deque[WeakMethod[Callable[[], None]]] = deque()
        self._is_closed = False
        self._busy_looks, self._busy_fetches = _Row(), _Row()
        self.fetcher = Fetcher(options.fetch_parallel, check)
        own(self)

    def _store(self, place: Place) -> Store:
        key = (place.scheme, place.site)
        with self._lock:
            if key not in self._stores:
                options = self._options.storage_options
                self._stores[key] = open_store(place, options, self.fetcher.parallel, self._loop.loop)
            return self._stores[key]

    def info(self, place: Place) -> Entry:
        """What lies at a place.

        Raises FileUnreadable, StoreBusy after several attempts, StoreUnusable, Cancelled.
        """
        try:
            found = self._info_of_several(place)
        except StoreBusy as error:
            raise self._after_busy(self._busy_looks, place, error) from error.__cause__
        self._busy_looks.count = 0
        return found

    def _info_of_several(self, place: Place) -> Entry:
        """The first answer of several attempts; raises as ``info`` does."""
        for pause in _PAUSES:
            try:
                return self._info(place)
            except StoreBusy:
                self._wait(pause)
        return self._info(place)

    def _info(self, place: Place) -> Entry:
        store = self._store(place)
        try:
            found = self._loop.call(store.info(place.asked), Patience(self._check))
            return found._replace(path=place.path) if place.query else found
        except DcmsendError:
            raise
        except Endless as error:
            raise _endless(place) from error
        except Exception as error:
            raise error_of_object(place.shown, error) from error

    def look(self, item: StoredObject) -> Entry | None:
        """What the store tells of an object now; None if it tells nothing.  Raises Cancelled."""
        try:
            return self._info_of_several(item.place)
        except Cancelled:
            raise
        except DcmsendError:
            return None

    def pages(self, place: Place, *, recurse: bool) -> Iterator[list[Entry]]:
        """The objects below a prefix, page by page.  Raises StoreUnusable, Cancelled."""
        store = self._store(place)
        pages, patience, marks = store.pages(place.path, recurse=recurse), Patience(self._check), Marks()
        try:
            while (page := self._loop.call(_next(pages), patience)) is not None:
                if not page:
                    patience()
                    continue
                if store.names_once and not page[0].is_prefix:  # lists without an order come back to a prefix
                    marks.note(page[0].path)
                yield page
                patience.restart()  # after the yield, because whoever reads takes his time
        except FileUnreadable as error:
            raise StoreUnusable(place.shown, error.reason, NoStore.OTHER) from error
        except DcmsendError:
            raise
        except Endless as error:
            raise _endless(place) from error
        except Exception as error:
            raise error_of_listing(place.shown, error) from error

    def note_archive(self, put_away: Callable[[], None]) -> None:
        """An archive was fetched that no credit pays for: of such ones only the last few stay."""
        with self._lock:
            self._archives.append(WeakMethod(put_away))
            oldest = self._archives.popleft()() if len(self._archives) > MOST_ARCHIVES else None
        if oldest is not None:
            oldest()

    def beginning(self, item: StoredObject, size: int) -> bytes:
        """The first bytes of an object, by a request for no more.  Raises as ``fetch``."""
        data = bytearray()

        def restart() -> Sink:
            data.clear()
            return data.extend

        self._try(item, restart, size)
        return bytes(data[:size])

    def fetch(self, item: StoredObject) -> tuple[Content, Entry]:
        """The bytes of an object, and what the store has told with them.

        Raises FileUnreadable for this object, StoreBusy after several attempts, StoreUnusable, Cancelled.
        """
        content = Content(item.entry.length)
        with self._lock:
            self._contents.add(content)

        def restart() -> Sink:
            content.restart()
            return content.write

        try:
            return content, self._try(item, restart, None)
        except TooLong:  # so it is another one than that of the list
            return content, item.entry._replace(size=content.size + 1, is_packed=False)
        except BaseException:
            content.close()
            raise

    def _try(self, item: StoredObject, restart: Callable[[], Sink], limit: int | None) -> Entry:
        """Fetch an object or its beginning, again if the store is busy or breaks off."""
        store = self._store(item.place)
        entry = item.entry._replace(path=item.place.asked) if item.place.query else item.entry
        pauses = iter(_PAUSES)
        while True:
            try:
                served = self._loop.call(store.fetch(entry, restart(), limit), self._check)
                self._busy_fetches.count = 0
                return served._replace(path=item.entry.path)
            except (DcmsendError, TooLong):
                raise
            except Exception as cause:
                error = error_of_object(item.path, cause)
                if not isinstance(error, StoreBusy):
                    raise error from cause
                pause = next(pauses, None)
                if pause is None:
                    raise self._after_busy(self._busy_fetches, item.place, error) from cause
            self._wait(pause)

    def _after_busy(self, row: _Row, place: Place, error: StoreBusy) -> DcmsendError:
        """The error for an object that could not be given: its own, or after many in a row that of the store."""
        with self._lock:
            row.count += 1
            if row.count < MOST_BUSY:
                return error
        return StoreUnusable(place.shown, f"{error.reason}; {MOST_BUSY} objects in a row", NoStore.NOT_NOW)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._is_closed:
                raise Cancelled
            if self._check is not None:
                self._check()
            time.sleep(min(left, WAIT_SLICE))

    def close(self) -> None:
        """End all requests, close the connections and what was fetched and not sent."""
        self._is_closed = True
        with self._lock:
            stores, contents = list(self._stores.values()), list(self._contents)

        async def close_all() -> None:
            for store in stores:
                with suppress(Exception):
                    await store.close()

        self._loop.close(close_all)
        for content in contents:
            content.close()

    def give_up(self) -> None:
        """In a forked child: close the copies of what was fetched; connections and thread belong to the parent."""
        self._is_closed = True
        self._lock = threading.Lock()
        self._loop.give_up()
        for content in list(self._contents):
            content.close()


def _endless(place: Place) -> StoreUnusable:
    return StoreUnusable(place.shown, "its list of objects has no end", NoStore.OTHER)


async def _next(pages: AsyncIterator[list[Entry]]) -> list[Entry] | None:
    return await anext(pages, None)
