"""Azure Blob Storage, through its own library: adlfs keeps each of its clients until the process ends.

Credentials are taken from the environment under the names that adlfs and Azure's programs use.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from .endless import Marks
from .store import OPTIONS_OF_FSSPEC, RANGE, Entry, Sink, Store, is_packed, mtime_of, plain_etag
from .unpacking import UNPACKED, Unpacking

__all__ = ["AzureStore"]

_CONNECTION: Final = "AZURE_STORAGE_CONNECTION_STRING"
_FOLDER: Final = "hdi_isfolder"
"""Name in the metadata of blobs that are directories; programs differ in its capitals."""
_TIMES: Final[dict[str, Any]] = {"connection_timeout": 10, "read_timeout": 60, "retry_total": 3}


class AzureStore(Store):
    """A container.

    Args:
        client: ``BlobServiceClient``.
        site: name of the container.
        credential: closed with the client; None if it needs no closing.
    """

    def __init__(self, client: Any, site: str, credential: Any = None) -> None:
        super().__init__(None, site)
        self._client = client
        self._credential = credential

    @classmethod
    def open(
        cls, site: str, *, account_name: str = "", account_host: str = "", anon: bool = False, **unknown: object
    ) -> AzureStore:
        """Nothing is asked yet.

        ``account_host`` is by default that of the account in Azure; ``anon`` asks without a credential.  Raises
        TypeError for any other option, ImportError, and ValueError without an account.
        """
        from azure.storage.blob.aio import BlobServiceClient

        for name in unknown.keys() - OPTIONS_OF_FSSPEC:
            raise TypeError(f"unknown option {name}")
        environment = os.environ.get
        connection, account = environment(_CONNECTION), account_name or environment("AZURE_STORAGE_ACCOUNT_NAME", "")
        if connection and not account_name:
            return cls(BlobServiceClient.from_connection_string(connection, **_TIMES), site)
        if not account:
            raise PermissionError("neither account nor connection string")
        secret = environment("AZURE_STORAGE_ACCOUNT_KEY") or environment("AZURE_STORAGE_SAS_TOKEN")
        credential: Any = None if anon else secret
        if credential is None and not anon:
            from azure.identity.aio import DefaultAzureCredential

            credential = DefaultAzureCredential()
        url = f"https://{account_host or account + '.blob.core.windows.net'}"
        client = BlobServiceClient(url, credential=credential, **_TIMES)
        return cls(client, site, credential if hasattr(credential, "close") else None)

    async def info(self, path: str) -> Entry:
        """See ``Store``."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            async with self._client.get_blob_client(self.site, path) as blob:
                told = await blob.get_blob_properties()
            # An account with a hierarchical namespace has a blob for each directory.
            return Entry(path + "/") if _is_directory(told) else _entry(path, told)
        except ResourceNotFoundError:
            async for page in self.pages(path + "/", recurse=True):
                if page:  # the store may give empty ones before
                    return Entry(path + "/")
            raise

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; a page of the store is all that is in memory.  Raises Endless."""
        async with self._client.get_container_client(self.site) as container:
            if recurse:
                found = container.list_blobs(name_starts_with=prefix, include=["metadata"])
            else:
                found = container.walk_blobs(name_starts_with=prefix, include=["metadata"], delimiter="/")
            marks, pages = Marks(), found.by_page()
            async for page in pages:
                yield [each async for each in _listed(page)]
                if pages.continuation_token:
                    marks.note(pages.continuation_token)

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request for each range, because the library reads no smaller pieces.

        What is packed is unpacked here, or left as it is: the library would begin anew with each range.
        """
        unpacking = Unpacking(sink) if entry.is_packed else None
        give: Sink = sink if unpacking is None else unpacking.write
        end = entry.size or 0
        end = end if limit is None else min(end, limit)
        served, position = entry, 0
        async with self._client.get_blob_client(self.site, entry.path) as blob:
            while position < end:
                stream = await blob.download_blob(offset=position, length=min(RANGE, end - position), decompress=False)
                # The size that comes with a part is that of the part.
                served = _entry(entry.path, stream.properties)._replace(size=entry.size)
                if entry.is_changed_to(served):
                    sink(await stream.readall())
                    return served
                data = await stream.readall()
                if not data:
                    break
                give(data)
                position += len(data)
        if unpacking is not None and limit is None:
            unpacking.end()
        return served

    async def close(self) -> None:
        """See ``Store``."""
        with suppress(Exception):
            await self._client.close()
            if self._credential is not None:
                await self._credential.close()


async def _listed(page: Any) -> AsyncIterator[Entry]:
    """What a page of a list tells: objects, and prefixes below which nothing was listed."""
    async for told in page:
        if not hasattr(told, "size"):
            yield Entry(told.name)
        elif not _is_directory(told):
            yield _entry(told.name, told)


def _is_directory(blob: Any) -> bool:
    """Whether it is what programs make in the place of a directory: an empty blob with its name, or that of a mark."""
    if blob.name.endswith("/"):
        return not blob.size
    return any(name.lower() == _FOLDER and value == "true" for name, value in (blob.metadata or {}).items())


def _entry(path: str, told: Any) -> Entry:
    mtime_ns, encoding = mtime_of({"last_modified": told.last_modified}), told.content_settings.content_encoding
    return Entry(path, told.size, mtime_ns, plain_etag(told.etag), is_packed(encoding, UNPACKED))
