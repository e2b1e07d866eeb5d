"""Stores that speak S3 or Azure's protocol, through obstore, which takes less of the processor than other libraries.

It has its own rules for credentials: the environment and the role of the machine, but no profiles and no files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from .names import Place
from .store import OPTIONS_OF_FSSPEC, PAGE, PIECE, Entry, Sink, Store, mtime_of, plain_etag

__all__ = ["BACKEND", "RustStore"]

BACKEND: Final = "backend"
_NAMES: Final = {"endpoint_url": "endpoint", "anon": "skip_signature"}
"""Options that obstore calls otherwise than the libraries in its place."""
_LONGEST: Final = "24h"
"""Longest time for one object; the library's own limit of half a minute is for objects of web pages."""


class RustStore(Store):
    """A bucket or container.

    Args:
        store: of obstore.
        site: name of the bucket.
    """

    def __init__(self, store: Any, site: str) -> None:
        super().__init__(None, site)
        self._store = store

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
        client = {"allow_http": is_plain, "connect_timeout": "10s", "read_timeout": "60s", "timeout": _LONGEST}
        store = kinds[place.scheme](place.site, client_options=client, retry_config={"max_retries": 3}, **options)
        return cls(store, place.site)

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
        """See ``Store``; without ``recurse`` all objects directly below the prefix are in memory."""
        import obstore

        if not recurse:
            found = await obstore.list_with_delimiter_async(self._store, prefix or None)
            yield [_entry(each) for each in found["objects"] if not each["path"].endswith("/")]
            return
        async for page in obstore.list(self._store, prefix or None, chunk_size=PAGE):
            yield [_entry(each) for each in page if not each["path"].endswith("/")]

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        import obstore

        if entry.size == 0:
            return entry
        end = None if limit is None else limit if entry.size is None else min(limit, entry.size)
        answer = await obstore.get_async(self._store, entry.path, options=None if end is None else {"range": (0, end)})
        async for data in answer.stream(min_chunk_size=PIECE):
            sink(bytes(data))
        return _entry(answer.meta)._replace(path=entry.path)

    async def close(self) -> None:
        """See ``Store``."""
        self._store = None


def _entry(told: Any) -> Entry:
    return Entry(told["path"], told["size"], mtime_of(told), plain_etag(told["e_tag"]))
