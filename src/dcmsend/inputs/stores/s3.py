"""Stores that speak S3, through s3fs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from .endless import Marks
from .store import PIECE, Entry, Sink, Store, mtime_of, plain_etag

__all__ = ["S3Store"]


class S3Store(Store):
    """A bucket."""

    @classmethod
    def open(cls, site: str, options: dict[str, Any], parallel: int) -> S3Store:
        """``options`` are those of s3fs, ``parallel`` is the number of connections.  Raises what s3fs raises."""
        from s3fs import S3FileSystem

        # One library of the two that could repeat a request is enough, and what breaks later is fetched anew by us.
        config = {
            "connect_timeout": 10, "read_timeout": 60, "max_pool_connections": max(10, parallel),
            "retries": {"mode": "standard", "total_max_attempts": 3},
        }  # fmt: skip
        fs = S3FileSystem(config_kwargs=config, **options)
        fs.retries = 1
        return cls(fs, site)

    async def pages(self, prefix: str, *, recurse: bool) -> AsyncIterator[list[Entry]]:
        """See ``Store``; a page of the store is all that is in memory.  Raises Endless."""
        options = {"Bucket": self.site, "Prefix": prefix, "Delimiter": "" if recurse else "/", **self.fs.req_kw}
        marks = Marks()
        while True:
            answer = await self.fs._call_s3("list_objects_v2", **options)
            # Programs make empty objects, whose names end with a slash, in the place of directories.
            objects = [entry for entry in map(_entry, answer.get("Contents", ())) if not entry.is_prefix]
            yield objects + [Entry(found["Prefix"]) for found in answer.get("CommonPrefixes", ())]
            if not answer.get("IsTruncated"):
                return
            options["ContinuationToken"] = marks.note(answer["NextContinuationToken"])

    async def fetch(self, entry: Entry, sink: Sink, limit: int | None = None) -> Entry:
        """See ``Store``: one request, read piece by piece."""
        if limit is not None and entry.size == 0:
            return entry
        part = {} if limit is None else {"Range": f"bytes=0-{limit - 1}"}
        answer = await self.fs._call_s3("get_object", Bucket=self.site, Key=entry.path, **part)
        body = answer["Body"]
        try:
            while data := await body.read(PIECE):
                sink(data)
        finally:
            body.close()
        size = entry.size if limit is not None else answer["ContentLength"]
        return Entry(entry.path, size, mtime_of(answer), plain_etag(answer.get("ETag")))

    async def close(self) -> None:
        """See ``Store``."""
        client = self.fs._s3
        if client is not None:
            with suppress(Exception):
                await client.__aexit__(None, None, None)


def _entry(found: dict[str, Any]) -> Entry:
    return Entry(found["Key"], found["Size"], mtime_of(found), plain_etag(found.get("ETag")))
