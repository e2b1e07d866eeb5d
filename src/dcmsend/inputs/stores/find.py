"""The objects that an address stands for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from dcmsend.errors import FileUnreadable

from ..name_pattern import file_name_matcher
from ..options import InputOptions
from ..source import Source
from .names import Place, place_of
from .store import Entry
from .stored_object import MissingObject, StoredObject
from .stores import Stores

__all__ = ["find_objects"]

_log = logging.getLogger("dcmsend.app")


def find_objects(
    url: str, options: InputOptions, stores: Stores, check: Callable[[], None] | None = None
) -> Iterator[Source]:
    """The objects that an address stands for, lazily, in the order in which the store delivers them.

    An address that ends with a slash, or under which a store has no object but others below it, is a prefix: it is
    expanded with ``options.scan_directories``, and with ``options.recurse`` to everything below it.  An address with
    nothing there is an input that cannot be opened.  ``check`` is called for each object, and may raise.

    Raises StoreUnusable, Cancelled.
    """
    place = place_of(url)
    if not place.is_prefix:
        if place.scheme in ("http", "https"):  # asked when it is fetched: an address may be signed for that only
            yield StoredObject(stores, place, Entry(place.path))
            return
        try:
            entry = stores.info(place)
        except FileUnreadable as error:
            yield MissingObject(stores, place, error)
            return
        if not entry.is_prefix:
            yield StoredObject(stores, place, entry._replace(path=place.path))
            return
        place = Place(place.scheme, place.site, place.path + "/")
    if not options.scan_directories:
        _log.warning("ignoring directory because option --scan-directories is not set: %s", place.shown)
        return
    yield from _below(place, options, stores, check)


def _below(
    place: Place, options: InputOptions, stores: Stores, check: Callable[[], None] | None
) -> Iterator[Source]:
    matches = file_name_matcher(options.scan_pattern) if options.scan_pattern else None
    is_empty = True
    for page in stores.pages(place, recurse=options.recurse):
        for entry in page:
            if check is not None:
                check()
            is_empty = False
            if matches is None or matches(entry.path.rpartition("/")[2]):
                yield StoredObject(stores, place, entry, root=place.shown)
    if is_empty:
        _log.warning("nothing is stored below %s", place.shown)

