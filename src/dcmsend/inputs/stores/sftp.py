"""Hosts that serve files by SFTP, through asyncssh."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from .store import DEEPEST, OPTIONS_OF_FSSPEC, PAGE, PIECE, Entry, Sink, Store

__all__ = ["SftpStore"]

_SECONDS: Final = 20


class SftpStore(Store):
    """A host; paths begin at its root.

    Args:
        host: its name.
        options: those of ``asyncssh.connect``.
    """

    def __init__(self, host: str, options: dict[str, Any]) -> None:
        super().__init__(None, "")
        self._host = host
        self._options = options
        self._connecting = asyncio.Lock()
        self._connection: Any = None
        self._client: Any = None

    @classmethod
    def open(cls, site: str, options: dict[str, Any]) -> SftpStore:
        """Nothing is asked yet.  ``options`` are those of ``asyncssh.connect``; ``known_hosts=none`` believes any host.

        Raises ImportError, and what asyncssh raises for options that it does not know.
        """
        import asyncssh

        parts = urlsplit(f"//{site}")
        given = {"port": parts.port, "username": parts.username, "connect_timeout": _SECONDS, "login_timeout": _SECONDS}
        options = {name: value for name, value in {**given, **options}.items() if value is not None}
        for name in OPTIONS_OF_FSSPEC:
            options.pop(name, None)
        if options.get("known_hosts") == "none":
            options["known_hosts"] = None
        asyncssh.SSHClientConnectionOptions(**options)
        return cls(parts.hostname or "", options)

    async def _connected(self) -> Any:
        """The client over one connection, made again when that was lost."""
        import asyncssh

        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncssh.connect(self._host, **self._options)
                self._client = await self._connection.start_sftp_client()
            return self._client

    async def info(self, path: str) -> Entry:
        """See ``Store``."""
        client = await self._connected()
        return _entry(path, await client.stat(self._full(path)))

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; in memory are a page, and the names of directories.  Links to directories are left out."""
        waiting = [prefix]
        client = await self._connected()
        while waiting:
            below = waiting.pop()
            page: list[Entry] = []
            directories: list[str] = []
            async for found in client.scandir(self._full(below)):
                if found.filename in (".", ".."):
                    continue
                path, told = below + found.filename, found.attrs
                is_link = told.permissions is not None and stat.S_ISLNK(told.permissions)
                if is_link:
                    with suppress(Exception):  # a dangling link is an object that cannot be fetched
                        told = await client.stat(self._full(path))
                entry = _entry(path, told)
                if not entry.is_prefix:
                    page.append(entry)
                elif not is_link:
                    directories.append(entry.path)
                if len(page) >= PAGE:
                    yield page
                    page = []
            yield page
            if recurse and below.count("/") < prefix.count("/") + DEEPEST:
                waiting += reversed(directories)

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``; size and time are looked at when everything was read."""
        client = await self._connected()
        async with client.open(self._full(entry.path), "rb", encoding=None) as file:
            if limit is not None:
                sink(await file.read(limit, 0))
                return entry
            position = 0
            while data := await file.read(PIECE, position):
                sink(data)
                position += len(data)
            return _entry(entry.path, await file.stat())

    async def close(self) -> None:
        """See ``Store``."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
                await self._connection.wait_closed()


def _entry(path: str, told: Any) -> Entry:
    if told.permissions is not None and stat.S_ISDIR(told.permissions):
        return Entry(path.rstrip("/") + "/")
    return Entry(path, told.size, None if told.mtime is None else int(told.mtime) * 1_000_000_000)
