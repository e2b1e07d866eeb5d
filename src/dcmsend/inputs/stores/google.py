"""Google Cloud Storage, through gcsfs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from .endless import Marks
from .store import PAGE, PIECE, Entry, Sink, Store, is_packed, mtime_of

__all__ = ["GoogleStore"]


class GoogleStore(Store):
    """A bucket.  The mark of an object is its generation, which a change of its metadata leaves alone."""

    @classmethod
    def open(cls, site: str, options: dict[str, Any]) -> GoogleStore:
        """``options`` are those of gcsfs.  Raises what gcsfs raises."""
        from gcsfs.core import GCSFileSystem  # not the one that asks a second service about each bucket first

        return cls(GCSFileSystem(**options), site)

    def _entry(self, found: dict[str, Any]) -> Entry:
        entry = super()._entry(found)
        if entry.is_prefix:
            return entry
        return entry._replace(
            etag=str(found.get("generation") or ""), is_packed=is_packed(found.get("contentEncoding"))
        )

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; a page of the store is all that is in memory.  Raises Endless."""
        marks = Marks()
        options: dict[str, Any] = {"prefix": prefix, "maxResults": PAGE}
        if not recurse:
            options["delimiter"] = "/"
        while True:
            answer = await self.fs._call("GET", "b/{}/o", self.site, json_out=True, **options)
            objects = [entry for entry in map(_listed, answer.get("items", ())) if not entry.is_prefix]
            yield objects + [Entry(each) for each in answer.get("prefixes", ())]
            token = answer.get("nextPageToken")
            if not token:
                return
            options["pageToken"] = marks.note(token)

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        from aiohttp import ClientTimeout

        if entry.size == 0:
            return entry
        await self.fs._set_session()
        headers = self.fs._get_headers(None if limit is None else {"Range": f"bytes=0-{limit - 1}"})
        timeout = ClientTimeout(total=None, sock_connect=10, sock_read=60)
        url, params = self.fs.url(self._full(entry.path)), self.fs._get_params({})
        async with self.fs.session.get(url, params=params, headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            left = limit
            async for data in answer.content.iter_chunked(PIECE):
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                sink(data)
                if left == 0:
                    break
            return entry._replace(etag=answer.headers.get("x-goog-generation", entry.etag))

    async def close(self) -> None:
        """See ``Store``."""
        if self.fs._session is not None:
            with suppress(Exception):
                await self.fs._session.close()


def _listed(found: dict[str, Any]) -> Entry:
    size = str(found.get("size", ""))
    mtime_ns = mtime_of({"updated": found.get("updated")})
    mark, encoding = str(found.get("generation") or ""), found.get("contentEncoding")
    return Entry(found["name"], int(size) if size.isdigit() else None, mtime_ns, mark, is_packed(encoding))
