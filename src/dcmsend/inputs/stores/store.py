"""One object store behind fsspec: lists objects, looks at them, fetches them.

Everything here runs in the event loop of ``Loop``; paths are those of the store's library.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

__all__ = ["OPTIONS_OF_FSSPEC", "PAGE", "PIECE", "Entry", "Store", "is_packed", "mtime_of", "plain_etag", "size_of"]

PIECE: Final = 1 << 20
"""Bytes read from a connection at once."""
RANGE: Final = 8 << 20
"""Bytes of one request where a library has no way to read an object piece by piece."""
PAGE: Final = 1000
"""Entries of a list that are handed on together."""
DEEPEST: Final = 64
"""Most directories in one another, below the one that was named."""

OPTIONS_OF_FSSPEC: Final = frozenset(("asynchronous", "loop", "skip_instance_cache", "use_listings_cache"))
"""Options that other libraries do not know."""

PACKINGS: Final = frozenset(("gzip", "x-gzip", "deflate", "br", "zstd"))
"""Content-Encodings that make another size."""

Sink = Callable[[bytes], None]


class Entry(NamedTuple):
    """What a store tells about a name.

    Attributes:
        path: of the object, or the prefix, below the site; a prefix ends with a slash.
        size: bytes, None if it does not tell.
        mtime_ns: time of the last change in nanoseconds since the epoch, whole seconds; None if it does not tell.
        etag: entity tag without quotes, ``""`` for none.
        is_packed: whether the size is that of what is stored, which is compressed (its Content-Encoding), and the bytes
            are given as they were before.
    """

    path: str
    size: int | None = None
    mtime_ns: int | None = None
    etag: str = ""
    is_packed: bool = False

    @property
    def length(self) -> int | None:
        """The number of its bytes; None if nobody knows."""
        return None if self.is_packed else self.size

    @property
    def is_prefix(self) -> bool:
        """Whether it stands for what lies below it; an object may have such a name, too, if it has a content."""
        return (not self.path or self.path.endswith("/")) and not self.size

    def is_changed_to(self, other: Entry) -> bool:
        """Whether ``other`` tells of another state of the object; what only one of both tells does not count."""
        if self.etag and other.etag:
            return self.etag != other.etag
        sizes = (self.size, other.size) if self.is_packed is other.is_packed else (None, None)
        pairs = (sizes, (self.mtime_ns, other.mtime_ns))
        return any(None not in pair and pair[0] != pair[1] for pair in pairs)


class Store:
    """A store whose library offers no more than fsspec's own calls.

    Args:
        fs: the file system of fsspec.
        site: host or bucket, ``""`` if paths have none.

    Attributes:
        names_once: whether a list names an object once, so that a name that comes again is its beginning anew.
    """

    names_once: bool = True

    def __init__(self, fs: Any, site: str) -> None:
        self.fs = fs
        self.site = site

    def _full(self, path: str) -> str:
        """The library's path of a path below the site."""
        return f"{self.site}/{path}" if self.site else f"/{path}"

    def _own(self, full: str) -> str:
        """The path below the site of a library's path."""
        return full.lstrip("/")[len(self.site) :].lstrip("/")

    async def _call(self, name: str, *args: Any, **options: Any) -> Any:
        if getattr(self.fs, "async_impl", False):
            return await getattr(self.fs, f"_{name}")(*args, **options)
        return await asyncio.to_thread(getattr(self.fs, name), *args, **options)

    async def info(self, path: str) -> Entry:
        """What lies under a path; a path that stands for others gets a slash at its end."""
        found = await self._call("info", self._full(path))
        return self._entry(found)

    def _entry(self, found: dict[str, Any]) -> Entry:
        path = self._own(str(found["name"]))
        if found.get("type") == "directory":
            return Entry(path.rstrip("/") + "/")
        return Entry(path, size_of(found), mtime_of(found), plain_etag(found.get("ETag") or found.get("etag")))

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """The objects below a prefix, page by page, and the prefixes among them that are not entered.

        Those are what lies directly below without ``recurse``, and with it what lies too deep, or cannot be searched.
        Bounded are the entries of one prefix, and names of prefixes.
        """
        waiting = [prefix]
        while waiting:
            below = waiting.pop()
            found = [self._entry(each) for each in await self._call("ls", self._full(below.rstrip("/")), detail=True)]
            found = [each for each in found if each.path.rstrip("/") != below.rstrip("/")]
            is_entered = recurse and below.count("/") < prefix.count("/") + DEEPEST
            told = [each for each in found if not each.is_prefix or not is_entered]
            for first in range(0, len(told), PAGE):
                yield told[first : first + PAGE]
            if is_entered:
                waiting += reversed([each.path for each in found if each.is_prefix])

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """Give the bytes of an object to ``sink``, with ``limit`` only its first ones.

        Returns what the store tells of the object that it has served.
        """
        full, position = self._full(entry.path), 0
        end = entry.size if limit is None else min(limit, limit if entry.size is None else entry.size)
        if end is None or (limit is None and end <= RANGE):
            sink(await self._call("cat_file", full))
        else:
            while position < end:
                data = await self._call("cat_file", full, start=position, end=min(position + RANGE, end))
                if not data:
                    break
                sink(data)
                position += len(data)
        return entry if limit is not None else await self.info(entry.path)

    async def close(self) -> None:
        """Close the connections."""


def size_of(found: dict[str, Any]) -> int | None:
    """The size in what fsspec tells of an object."""
    size = found.get("size")
    return size if isinstance(size, int) and size >= 0 else None


def mtime_of(found: dict[str, Any]) -> int | None:
    """The time of the last change in what fsspec tells, by whichever name; whole seconds, because stores differ."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = found.get(name)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            value = (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float):
            return int(value) * 1_000_000_000
    return None


def is_packed(encoding: str | None, known: frozenset[str] = PACKINGS) -> bool:
    """Whether a Content-Encoding has one of the ``known``; some programs write other things there, as a charset."""
    return not known.isdisjoint(each.strip().lower() for each in (encoding or "").split(","))


def plain_etag(value: object) -> str:
    """An entity tag without quotes and without the mark of a weak one."""
    return str(value or "").removeprefix("W/").strip('"')


