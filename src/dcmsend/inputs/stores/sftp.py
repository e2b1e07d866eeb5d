"""Hosts that serve files by SFTP, through asyncssh."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from dcmsend.loggers import get_logger

from ..file_source import refuse_special
from .store import DEEPEST, OPTIONS_OF_FSSPEC, PAGE, PIECE, Entry, Sink, Store

__all__ = ["SftpStore"]

_log = get_logger("dcmsend.app")

_SECONDS: Final = 20
_SILENCE: Final = 20
"""Seconds after which a host is asked whether it is still there; if it does not answer three times, it is lost."""


class _Directory(NamedTuple):
    """A directory whose names are to be listed.

    Attributes:
        path: below the root of the host, with a slash at its end.
        real: the same without links, by which a link back to this directory is recognised.
        above: the directory that it was found in; None for the one that was named.
    """

    path: str
    real: str
    above: _Directory | None

    @property
    def contains_itself(self) -> bool:
        """Whether it is one of those that it lies in."""
        each = self.above
        while each is not None and each.real != self.real:
            each = each.above
        return each is not None


class SftpStore(Store):
    """A host; paths begin at its root.

    Args:
        site: its name, with user and port as they were given.
        host: its name alone.
        options: those of ``asyncssh.connect``.
    """

    def __init__(self, site: str, host: str, options: dict[str, Any]) -> None:
        super().__init__(None, "")
        self._url = f"sftp://{site}/"
        self._host = host
        self._options = options
        self._connecting = asyncio.Lock()
        self._connection: Any = None
        self._client: Any = None
        self._ended: asyncio.Future[None] | None = None

    @classmethod
    def open(cls, site: str, options: dict[str, Any]) -> SftpStore:
        """Nothing is asked yet.  ``options`` are those of ``asyncssh.connect``; ``known_hosts=none`` believes any host.

        Raises ImportError, and what asyncssh raises for options that it does not know.
        """
        import asyncssh

        parts = urlsplit(f"//{site}")
        given = {
            "port": parts.port, "username": parts.username, "connect_timeout": _SECONDS, "login_timeout": _SECONDS,
            "keepalive_interval": _SILENCE,
        }  # fmt: skip
        options = {name: value for name, value in {**given, **options}.items() if value is not None}
        for name in OPTIONS_OF_FSSPEC:
            options.pop(name, None)
        if options.get("known_hosts") == "none":
            options["known_hosts"] = None
        asyncssh.SSHClientConnectionOptions(**options)
        return cls(site, parts.hostname or "", options)

    async def _connected(self) -> Any:
        """The client over one connection, made again when that was lost, or its session alone."""
        async with self._connecting:
            if self._ended is None or self._ended.done():
                await self.close()
                self._connection = await self._connect()
                self._client = await _session_over(self._connection)
                self._ended = asyncio.ensure_future(self._client.wait_closed())
            return self._client

    async def _connect(self) -> Any:
        import asyncssh

        try:
            return await asyncssh.connect(self._host, **self._options)
        except OSError as error:
            if type(error) is OSError and error.errno is None:  # asyncio has tried several addresses
                raise ConnectionRefusedError from error
            raise

    async def info(self, path: str) -> Entry:
        """See ``Store``."""
        client = await self._connected()
        return _entry(path, await client.stat(self._full(path)))

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; in memory are a page, and the names of directories.  Links are followed, as in local trees."""
        import asyncssh

        client = await self._connected()
        waiting = [_Directory(prefix, await self._real(client, prefix) or self._full(prefix), None)]
        while waiting:
            below = waiting.pop()
            client = await self._connected()
            page: list[Entry] = []
            directories: list[_Directory] = []
            is_entered = recurse and below.path.count("/") < prefix.count("/") + DEEPEST
            has_names = False
            try:
                async for found in client.scandir(self._full(below.path)):
                    has_names = True
                    if found.filename in (".", ".."):
                        continue
                    entry, real = await self._look(client, below, found, recurse=recurse)
                    if is_entered and entry.is_prefix and real:
                        directories.append(_Directory(entry.path, real, below))
                    else:
                        page.append(entry)
                    if len(page) >= PAGE:
                        yield page
                        page = []
            except asyncssh.SFTPError as error:
                is_lost = isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection)
                if has_names or is_lost or below.above is None:
                    raise
                page.append(Entry(below.path))
            yield page
            for directory in reversed(directories):
                if directory.contains_itself:
                    _log.warning("ignoring directory because it contains itself: %s", self._url + directory.path[:-1])
                else:
                    waiting.append(directory)

    async def _look(self, client: Any, below: _Directory, found: Any, *, recurse: bool) -> tuple[Entry, str]:
        """What a name in a directory stands for, and of a directory its path without links; ``""`` if none is known.

        What may be both is a directory with ``recurse``, and without it an object: either way somebody hears of it.
        """
        import asyncssh

        path, told = below.path + found.filename, found.attrs
        if told.permissions is None or not stat.S_ISLNK(told.permissions):
            return _entry(path, told), f"{below.real.rstrip('/')}/{found.filename}"
        try:
            entry = _entry(path, await client.stat(self._full(path)))
        except asyncssh.SFTPNoSuchFile:
            return _entry(path, told), ""  # a dangling link is an object that cannot be fetched
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError:
            return Entry(path + "/") if recurse else _entry(path, told), ""
        real = await self._real(client, path) if recurse and entry.is_prefix else ""
        # Some hosts make a path absolute and leave its links: nobody knows there what would lead in a circle.
        return entry, "" if real.rstrip("/") == f"{below.real.rstrip('/')}/{found.filename}" else real

    async def _real(self, client: Any, path: str) -> str:
        """A path without links; ``""`` if the host does not tell.  Raises what asyncssh raises without a connection."""
        import asyncssh

        try:
            return str(await client.realpath(self._full(path)))
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError:
            return ""

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``; size and time are looked at when everything was read."""
        client = await self._connected()
        path = self._full(entry.path)
        if not entry.size:  # a host that opens a pipe waits for its writer, and all others wait for the host
            mode = (await client.stat(path)).permissions
            if not _may_be_file(mode):
                refuse_special(mode)
        async with client.open(path, "rb", encoding=None) as file:
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


async def _session_over(connection: Any) -> Any:
    """A client over a connection.  Raises ConnectionError if there may be one later, and what asyncssh raises."""
    import asyncssh

    try:
        # Names are bytes; what is not UTF-8 goes back to the host as it came.
        return await connection.start_sftp_client(path_errors="surrogateescape")
    except asyncssh.ChannelOpenError as error:
        may_pass = (asyncssh.OPEN_CONNECT_FAILED, asyncssh.OPEN_RESOURCE_SHORTAGE)
        if connection.is_closed() or error.code in may_pass:
            raise ConnectionResetError from error
        raise


def _entry(path: str, told: Any) -> Entry:
    if told.permissions is not None and stat.S_ISDIR(told.permissions):
        return Entry(path.rstrip("/") + "/")
    size = told.size if _may_be_file(told.permissions) else 0
    return Entry(path, size, None if told.mtime is None else int(told.mtime) * 1_000_000_000)


def _may_be_file(mode: int | None) -> bool:
    return mode is None or not stat.S_IFMT(mode) or stat.S_ISREG(mode)
