"""Stores that speak S3 or Azure's protocol, and web servers, through obstore, which takes less of the processor.

It has its own rules for credentials: the environment and the role of the machine, but no profiles and no files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import unquote

from .endless import Marks
from .names import Place
from .store import OPTIONS_OF_FSSPEC, PAGE, PIECE, Entry, Sink, Store, mtime_of, plain_etag
from .web import WebStore

__all__ = ["BACKEND", "RustStore", "RustWebStore"]

BACKEND: Final = "backend"
_NAMES: Final = {"endpoint_url": "endpoint", "anon": "skip_signature"}
"""Options that obstore calls otherwise than the libraries in its place."""
_LAST: Final = "\U0010ffff"
"""Comes behind all other names."""
_EXPRESS: Final = "--x-s3"
"""End of the names of S3's directory buckets, whose lists have no order."""
_NOT_UTF_8: Final = "\ufffd"
"""Stands for what an escape has that is not UTF-8, which the library has no way to ask for."""
_MOST_KNOWN: Final = 10_000
"""Names of directories that are kept to count each of them once, where lists have no order."""
_LONGEST: Final = "24h"
"""Longest time for one object; the library's own limit of half a minute is for objects of web pages."""


class RustStore(Store):
    """A bucket or container.

    Args:
        store: of obstore.
        site: name of the bucket.
        is_sorted: whether lists are in the order of the bytes of names, and can begin anywhere.
    """

    def __init__(self, store: Any, site: str, *, is_sorted: bool) -> None:
        super().__init__(None, site)
        self._store = store
        self._is_sorted = is_sorted

    @classmethod
    def open(cls, place: Place, given: dict[str, Any]) -> RustStore:
        """Raises ImportError, TypeError for a scheme without such a store, and what obstore raises."""
        from obstore.store import AzureStore, S3Store

        kinds: dict[str, Any] = {"s3": S3Store, "az": AzureStore}
        if place.scheme not in kinds:
            raise TypeError(f"no backend for {place.scheme}")
        options = {
            _NAMES.get(name, name): value
            for name, value in given.items() if name != BACKEND and name not in OPTIONS_OF_FSSPEC
        }  # fmt: skip
        is_plain = str(options.get("endpoint", "")).startswith("http:")
        store = kinds[place.scheme](place.site, client_options=_client(is_plain), retry_config=_RETRIES, **options)
        is_sorted = place.scheme == "s3" and not place.site.endswith(_EXPRESS)
        return cls(store, place.site, is_sorted=is_sorted)

    async def info(self, path: str) -> Entry:
        """See ``Store``."""
        import obstore

        try:
            return _entry(await obstore.head_async(self._store, path))
        except FileNotFoundError:
            async for page in obstore.list(self._store, path + "/", chunk_size=1):
                if page:
                    return Entry(path + "/")
            raise

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; a page of the store is all that is in memory.

        The library lists what lies directly below a prefix as one whole only.  So without ``recurse`` everything below
        is listed, too, but where the order of names allows it what lies deeper is leapt over.  Raises Endless.
        """
        import obstore

        offset: str | None = None
        known: set[str] = set()
        marks = Marks()
        while True:
            following = None
            async for page in obstore.list(self._store, prefix or None, offset=offset, chunk_size=PAGE):
                if page:
                    marks.note(page[0]["path"])
                found = [entry for entry in map(_entry, page) if not entry.is_prefix]
                if recurse:
                    yield found
                    continue
                told = []
                for entry in found:
                    name, slash, _ = entry.path[len(prefix) :].partition("/")
                    if not slash:
                        told.append(entry)
                    elif name not in known:  # the first of all that lie there
                        if self._is_sorted or len(known) >= _MOST_KNOWN:
                            known.clear()
                        known.add(name)
                        told.append(Entry(prefix + name + slash))
                yield told
                following = self._behind(prefix, page)
                if following is not None and following != offset:
                    break
            else:
                return
            offset = following

    def _behind(self, prefix: str, page: Sequence[Any]) -> str | None:
        """The last possible name below the one directory that all of a page lies in; None if there is no such one."""
        if not page or not self._is_sorted:
            return None
        name, slash, _ = page[-1]["path"][len(prefix) :].partition("/")
        directory = prefix + name + slash
        return directory + _LAST if slash and page[0]["path"].startswith(directory) else None

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        return await _fetch(self._store, entry.path, entry, sink, limit)

    async def close(self) -> None:
        """See ``Store``."""
        self._store = None


class RustWebStore(WebStore):
    """A web server whose objects obstore fetches; its lists, and addresses with a query, are read as without it."""

    _objects: Any = None

    @classmethod
    def open(cls, site: str, options: dict[str, Any], parallel: int, scheme: str) -> RustWebStore:
        """See ``WebStore``.  Raises ImportError, too."""
        from obstore.store import HTTPStore

        options = {name: value for name, value in options.items() if name != BACKEND}
        store = super().open(site, options, parallel, scheme)
        assert isinstance(store, RustWebStore)
        client = _client(scheme == "http")
        store._objects = HTTPStore(f"{scheme}://{site}/", client_options=client, retry_config=_RETRIES)
        return store

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        path = unquote(entry.path)
        parts = path.split("/")
        is_other = "." in parts or ".." in parts or "" in parts or _NOT_UTF_8 in path
        if "?" in entry.path or limit is not None or is_other:
            return await super().fetch(entry, sink, limit)
        served = await _fetch(self._objects, path, entry, sink, None)
        return served if served.mtime_ns else served._replace(mtime_ns=None)  # a server may tell no time


_RETRIES: Final[Any] = {"max_retries": 3}


def _client(is_plain: bool) -> Any:
    """The options of connections, which without TLS have to be allowed."""
    return {"allow_http": is_plain, "connect_timeout": "10s", "read_timeout": "60s", "timeout": _LONGEST}


async def _fetch(store: Any, path: str, entry: Entry, sink: Sink, limit: int | None) -> Entry:
    import obstore

    if entry.size == 0:
        return entry
    end = None if limit is None else limit if entry.size is None else min(limit, entry.size)
    answer = await obstore.get_async(store, path, options=None if end is None else {"range": (0, end)})
    served = _entry(answer.meta)._replace(path=entry.path)
    stream = answer.stream(min_chunk_size=PIECE)
    # The library may keep the end of the stream for a while, an exception that holds this frame: it is not to hold
    # connections, too.
    del store, answer
    async for data in stream:
        sink(bytes(data))
    return served


def _entry(told: Any) -> Entry:
    return Entry(told["path"], told["size"], mtime_of(told), plain_etag(told["e_tag"]))
