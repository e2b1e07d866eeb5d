"""A server that lists objects as a test says, in the words of three stores, and has none of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.store_servers import serving

__all__ = ["AFTER", "KEYS", "Lister", "listing_server", "long_list"]

KEYS = 1000
"""Objects of a full page."""
AFTER = "after "
"""Before a name from which on S3 is asked to begin, in the place of a token."""

Lister = Callable[[str], tuple[Sequence[str], str]]
"""From a continuation token, ``""`` at first, to the names of a page and the token of the next one."""

_S3_ROW = (
    "<Contents><Key>{}</Key><LastModified>2024-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><Size>524288</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)
_AZURE_ROW = (
    "<Blob><Name>{}</Name><Properties><Last-Modified>Tue, 02 Jan 2024 03:04:05 GMT</Last-Modified>"
    "<Etag>0x8D4BCC2E4835CD0</Etag><Content-Length>524288</Content-Length><BlobType>BlockBlob</BlobType>"
    "</Properties></Blob>"
)


def long_list(count: int) -> Lister:
    """A list of so many objects that comes to an end."""

    def page(token: str) -> tuple[list[str], str]:
        first = int(token or 0)
        last = min(first + KEYS, count)
        return [f"in/{number:08d}.dcm" for number in range(first, last)], str(last) if last < count else ""

    return page


def _s3(names: Sequence[str], following: str) -> str:
    after = f"<NextContinuationToken>{following}</NextContinuationToken>" if following else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>dicom</Name><Prefix>in/</Prefix><KeyCount>{len(names)}</KeyCount><MaxKeys>{KEYS}</MaxKeys>"
        f"<IsTruncated>{str(bool(following)).lower()}</IsTruncated>{after}"
        f"{''.join(map(_S3_ROW.format, names))}</ListBucketResult>"
    )


def _azure(names: Sequence[str], following: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="dicom"><Prefix>in/</Prefix>'
        f"<Blobs>{''.join(map(_AZURE_ROW.format, names))}</Blobs><NextMarker>{following}</NextMarker>"
        "</EnumerationResults>"
    )


def _google(names: Sequence[str], following: str) -> str:
    rows = [{"name": name, "size": "524288", "updated": "2024-01-02T03:04:05Z", "generation": "1"} for name in names]
    return json.dumps({"items": rows, "nextPageToken": following} if following else {"items": rows})


@contextlib.contextmanager
def listing_server(lister: Lister) -> Iterator[int]:
    """The port of a server on 127.0.0.1; no object can be had from it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the name of the base class)
            """Be silent."""

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            status, text, kind = 404, "", "application/xml"
            if "list-type" in query:
                after = query.get("start-after", [""])[0]
                token = query.get("continuation-token", [f"{AFTER}{after}" if after else ""])[0]
                status, text = 200, _s3(*lister(token))
            elif query.get("comp") == ["list"]:
                status, text = 200, _azure(*lister(query.get("marker", [""])[0]))
            elif urlsplit(self.path).path.endswith("/o"):
                kind = "application/json"
                status, text = 200, _google(*lister(query.get("pageToken", [""])[0]))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command == "GET":
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(text.encode())

        do_HEAD = do_GET  # noqa: N815  (the name that the base class looks for)

    with serving(Handler) as port:
        yield port
