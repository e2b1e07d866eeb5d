"""HTTP/1.1 as a server reads it: request heads and bodies.  Knows nothing of the package under test.

Source: RFC 9112.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

__all__ = ["JSON", "HttpError", "RequestHead", "pieces_of_body", "read_head", "response", "store_answer"]

JSON = "application/dicom+json"
_PIECE = 1 << 20
_REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 409: "Conflict"}


class HttpError(Exception):
    """What came is no HTTP/1.1, or ended in the middle."""


@dataclass(frozen=True)
class RequestHead:
    """The head of a request; ``headers`` by name in lower case, the last one of several with one name."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def boundary(self) -> str:
        """What separates the parts of the body; ``''`` if it is not a multipart one."""
        for parameter in self.headers.get("content-type", "").split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.lower() == "boundary":
                return value.strip('"')
        return ""

    @property
    def is_chunked(self) -> bool:
        return self.headers.get("transfer-encoding", "").lower() == "chunked"


def read_head(stream: BinaryIO) -> RequestHead | None:
    """The next head; None where the stream ends before it."""
    line = stream.readline(1 << 16)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or words[2] != "HTTP/1.1" or not line.endswith(b"\r\n"):
        raise HttpError(f"no request line: {line!r}")
    headers: dict[str, str] = {}
    while (line := stream.readline(1 << 16)) != b"\r\n":
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not line.endswith(b"\r\n"):
            raise HttpError(f"no header: {line!r}")
        headers[name.lower()] = value.strip()
    return RequestHead(words[0], words[1], headers)


def pieces_of_body(stream: BinaryIO, head: RequestHead) -> Iterator[bytes]:
    """The body as it comes, without the framing of chunks; raises HttpError where it ends too early."""
    if not head.is_chunked:
        yield from _exactly(stream, int(head.headers.get("content-length", "0")))
        return
    while True:
        line = stream.readline(100)
        try:
            length = int(line.partition(b";")[0], 16)
        except ValueError:
            raise HttpError(f"no length of a chunk: {line!r}") from None
        yield from _exactly(stream, length)
        if stream.readline(100) != b"\r\n":
            raise HttpError("no end of a chunk")
        if not length:
            return


def _exactly(stream: BinaryIO, length: int) -> Iterator[bytes]:
    read = getattr(stream, "read1", stream.read)
    while length:
        piece = read(min(length, _PIECE))
        if not piece:
            raise HttpError(f"the body ends {length} bytes too early")
        length -= len(piece)
        yield piece


def response(status: int, body: bytes = b"", content_type: str | None = JSON, **headers: str) -> bytes:
    """The bytes of a response; underscores in the names of ``headers`` stand for hyphens."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", f"Content-Length: {len(body)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def store_answer(stored: Iterable[str], failed: Mapping[str, int] | None = None) -> bytes:
    """The body of a Store Instances Response in JSON: UIDs of stored instances, Failure Reasons of the others."""

    def uid(value: str) -> dict[str, object]:
        return {"00081155": {"vr": "UI", "Value": [value]}}

    referenced: list[object] = [uid(each) for each in stored]
    refused: list[object] = [
        {**uid(each), "00081197": {"vr": "US", "Value": [reason]}} for each, reason in (failed or {}).items()
    ]
    return json.dumps(
        {"00081198": {"vr": "SQ", "Value": refused}, "00081199": {"vr": "SQ", "Value": referenced}}
    ).encode()
