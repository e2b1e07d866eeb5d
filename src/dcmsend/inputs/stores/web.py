"""Web servers, through the client of fsspec: objects by GET, lists from the links of index pages."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin

from dcmsend.errors import StoreUnusable
from dcmsend.reasons import NoStore

from ..file_source import FileSource
from .content import Content
from .errors import Fault, error_of_listing, fault_of
from .store import DEEPEST, PIECE, Entry, Sink, Store, is_packed, plain_etag

__all__ = ["WebStore"]

_LONGEST_TAG: Final = 1 << 20
"""Characters of a page that do not yet make a whole: a link is much shorter."""
_LONGEST_NAME: Final = 4096
_MOST_DIRECTORIES: Final = 1_000_000
"""Names of directories that wait to be read."""
_MOST_KNOWN: Final = 1 << 20
"""Characters of the names of one page that are kept to notice doubles."""
_LONGEST_PAGE: Final = 1 << 30
"""Bytes of one index page."""
_OF_ONE_PAGE: Final = (Fault.NOT_FOUND, Fault.FORBIDDEN, Fault.CREDENTIALS, Fault.OTHER)
"""Faults that say nothing of other pages of the server; it has shown the one above a moment ago."""


class WebStore(Store):
    """A web server; paths keep the escapes of their address, and the query if there is one."""

    names_once: bool = False

    @classmethod
    def open(cls, site: str, options: dict[str, Any], parallel: int, scheme: str) -> WebStore:
        """``options`` are those of fsspec's ``HTTPFileSystem``."""
        from aiohttp import ClientTimeout
        from fsspec.implementations.http import HTTPFileSystem

        client = {"timeout": ClientTimeout(total=None, sock_connect=10, sock_read=60), "trust_env": True}
        fs = HTTPFileSystem(client_kwargs=client, **options)
        return cls(fs, f"{scheme}://{site}")

    async def info(self, path: str) -> Entry:
        """What HEAD tells."""
        session = await self.fs.set_session()
        async with session.head(self._url(path), headers=_HEADERS, allow_redirects=True) as answer:
            answer.raise_for_status()
            return _entry(path, answer)

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; in memory are the names of directories, and what lies between two pieces of a page.

        Raises FileUnreadable, too, without room for a page.
        """
        session = await self.fs.set_session()
        waiting = [prefix]
        while waiting:
            below = waiting.pop(0)
            is_entered = recurse and below.count("/") < prefix.count("/") + DEEPEST
            async with session.get(self._url(below), headers=_HEADERS) as answer:
                if below == prefix:
                    answer.raise_for_status()
                elif self._is_withheld(below, answer):
                    yield [Entry(below)]
                    continue
                links = _Links(str(answer.url), self._full(below))
                decoder = codecs.getincrementaldecoder("utf-8")("replace")
                if not answer.content_type.endswith("html"):
                    yield [Entry(below)]  # its links are unknown
                    continue
                length = 0
                async with aclosing(_read_ahead(answer)) as pieces:
                    async for data in pieces:
                        links.feed(decoder.decode(data))
                        length += len(data)
                        is_too_long = length > _LONGEST_PAGE or len(links.rawdata) > _LONGEST_TAG
                        if is_too_long or len(waiting) > _MOST_DIRECTORIES:
                            raise StoreUnusable(self._full(below), "its index page has no end", NoStore.OTHER)
                        found = [below + name for name in links.take()]
                        if is_entered:
                            waiting += [path for path in found if path.endswith("/")]
                            found = [path for path in found if not path.endswith("/")]
                        yield [Entry(path) for path in found]

    def _is_withheld(self, below: str, answer: Any) -> bool:
        """Whether the server does not show one directory among others.  Raises StoreUnusable for other faults."""
        try:
            answer.raise_for_status()
        except Exception as error:
            if fault_of(error) in _OF_ONE_PAGE:
                return True
            raise error_of_listing(self._full(below), error) from error
        return False

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        if limit is not None and entry.size == 0:
            return entry
        headers = _HEADERS if limit is None else {**_HEADERS, "Range": f"bytes=0-{limit - 1}"}
        session = await self.fs.set_session()
        async with session.get(self._url(entry.path), headers=headers) as answer:
            answer.raise_for_status()
            left = limit
            async for data in answer.content.iter_chunked(PIECE):
                if left is not None:  # a server may ignore that only a part is wanted
                    data = data[:left]
                    left -= len(data)
                sink(data)
                if left == 0:
                    break
            return entry if limit is not None else _entry(entry.path, answer)

    def _url(self, path: str) -> Any:
        from yarl import URL

        full = self._full(path)
        return URL(full, encoded=full.isascii() and full.isprintable() and " " not in full)

    async def close(self) -> None:
        """See ``Store``."""
        if self.fs._session is not None:
            with suppress(Exception):
                await self.fs._session.close()


_HEADERS = {"Accept-Encoding": "identity"}
"""What is compressed on the way has another size; a server may do it nevertheless, or have no other form."""


def _entry(path: str, answer: Any) -> Entry:
    length, modified = answer.headers.get("Content-Length", ""), answer.headers.get("Last-Modified")
    size = int(length) if length.isascii() and length.isdigit() else None
    mtime_ns = None
    if modified is not None:
        with suppress(ValueError, OverflowError, OSError):
            mtime_ns = int(parsedate_to_datetime(modified).timestamp()) * 1_000_000_000
    etag = plain_etag(answer.headers.get("ETag"))
    return Entry(path, size, mtime_ns, etag, is_packed(answer.headers.get("Content-Encoding")))


async def _read_ahead(answer: Any) -> AsyncGenerator[bytes, None]:
    """The pieces of an index page, which comes into an anonymous file meanwhile.

    Whoever takes them sends objects between two of them; a server that could not write for so long would break off.
    Raises FileUnreadable without a descriptor or room.
    """
    page = Content(None)
    has_come = asyncio.Event()

    async def read() -> None:
        try:
            async for data in answer.content.iter_chunked(PIECE):
                page.write(data)
                has_come.set()
                if page.size > _LONGEST_PAGE:
                    break
        finally:
            has_come.set()

    reading = asyncio.create_task(read())
    position = 0
    try:
        while position < page.size or not reading.done():
            if position == page.size:
                has_come.clear()
                await has_come.wait()
                continue
            data = FileSource(page.descriptor).read_at(position, min(PIECE, page.size - position))
            position += len(data)
            yield data
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        page.close()


class _Links(HTMLParser):
    """Collects the links of an index page that lead one step down, each of the first ones once.

    A page may show a row of pictures, and the same names as a list.  Of a very long page not all names are kept: of
    those behind the first ones only doubles that follow each other are left out.

    Args:
        base: address that the page really has.
        below: address that was asked for; links are taken relative to the former.
    """

    def __init__(self, base: str, below: str) -> None:
        super().__init__()
        self._base = base
        self._below = base.partition("?")[0] if base.endswith("/") else below
        self._found: list[str] = []
        self._last = ""
        self._known: set[str] = set()
        self._room = _MOST_KNOWN

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href") if tag == "a" else None
        if not link:
            return
        with suppress(ValueError):
            url = urljoin(self._base, link)
            name = url[len(self._below) :] if url.startswith(self._below) else ""
            if not name or len(name) > _LONGEST_NAME or name == self._last or name in self._known:
                return
            if "?" in name or "#" in name or "/" in name[:-1]:
                return
            self._last = name
            if len(name) <= self._room:
                self._room -= len(name)
                self._known.add(name)
            self._found.append(name)

    def take(self) -> list[str]:
        """The names found since the last call."""
        found, self._found = self._found, []
        return found
