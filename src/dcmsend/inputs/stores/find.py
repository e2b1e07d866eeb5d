"""The objects that an address stands for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from dcmsend.errors import FileUnreadable
from dcmsend.loggers import get_logger

from ..ahead import in_order
from ..left_out import LeftOut
from ..name_pattern import file_name_matcher
from ..options import InputOptions
from ..source import Source
from .names import Place, is_url, place_of
from .store import Entry
from .stored_object import MissingObject, StoredObject
from .stores import Stores

__all__ = ["find_objects", "look_up"]

_log = get_logger("dcmsend.app")


Found = Entry | FileUnreadable | None
"""What lies at an address: None if nobody was asked."""


def look_up(
    names: Iterator[str], stores: Stores, check: Callable[[], None] | None = None
) -> Iterator[tuple[str, Place | None, Found]]:
    """The names, each with its place, None for a name of a file, and with what lies there.

    Stores are asked ahead, for several names at once.  Raises StoreUnusable, Cancelled.
    """

    def look(name: str) -> tuple[Place | None, Found]:
        place = place_of(name) if is_url(name) else None
        # A web server is asked when an object is fetched: an address may be signed for that only.
        if place is None or place.is_prefix or place.scheme in ("http", "https"):
            return place, None
        try:
            return place, stores.info(place)
        except FileUnreadable as error:
            return place, error

    for name, ticket in in_order(names, look, lambda _: None, check, stores.fetcher.parallel, sys.maxsize):
        yield name, *ticket.result(check)


def find_objects(
    place: Place,
    found: Found,
    options: InputOptions,
    stores: Stores,
    check: Callable[[], None] | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[Source]:
    """The objects that an address stands for, lazily, in the order in which the store delivers them.

    ``found`` is what ``look_up`` has found there.  An address that ends with a slash, or under which a store has no
    object but others below it, is a prefix: it is expanded with ``options.scan_directories``, and with
    ``options.recurse`` to everything below it.  An address with nothing there is an input that cannot be opened.
    ``check`` is called for each object, and may raise.  ``left_out`` counts prefixes that are not entered.

    Raises StoreUnusable, Cancelled.
    """
    left_out = LeftOut() if left_out is None else left_out
    if isinstance(found, FileUnreadable):
        yield MissingObject(stores, place, found)
        return
    if not place.is_prefix:
        if found is None or not found.is_prefix:
            yield StoredObject(stores, place, (found or Entry(place.path))._replace(path=place.path))
            return
        place = Place(place.scheme, place.site, place.path + "/")
    if not options.scan_directories:
        left_out.directories += 1
        _log.warning("ignoring directory because option --scan-directories is not set: %s", place.shown)
        return
    yield from _below(place, options, stores, check, left_out)


def _below(
    place: Place, options: InputOptions, stores: Stores, check: Callable[[], None] | None, left_out: LeftOut
) -> Iterator[Source]:
    matches = file_name_matcher(options.scan_pattern) if options.scan_pattern else None
    is_empty = True
    for page in stores.pages(place, recurse=options.recurse):
        for entry in page:
            if check is not None:
                check()
            is_empty = False
            if entry.is_prefix:
                is_unknown = options.recurse or entry.path == place.path
                _pass_by(Place(place.scheme, place.site, entry.path), left_out, is_unknown=is_unknown)
            elif matches is None or matches(entry.path.rpartition("/")[2]):
                yield StoredObject(stores, place, entry, root=place.shown)
    if is_empty:
        _log.warning("nothing is stored below %s", place.shown)


def _pass_by(prefix: Place, left_out: LeftOut, *, is_unknown: bool) -> None:
    """Count a prefix that was not entered; with a warning if what lies below it was asked for, and nobody knows it."""
    if is_unknown:
        _log.warning("cannot search directory %s, nothing in it is sent", prefix.shown)
        left_out.unsearchable += 1
    else:
        left_out.sub_directories += 1
