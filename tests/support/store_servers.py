"""Object stores and web servers on 127.0.0.1, with a log of requests, and answers that go wrong as they are told."""

from __future__ import annotations

import contextlib
import html
import http.client
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from support.processes import ServerProcess
from support.programs import dcmtk_program

if TYPE_CHECKING:
    import pytest

__all__ = [
    "AWS", "Answer", "Request", "StorePlace", "azure_place", "google_place", "memory_place", "s3_place", "serving",
    "sftp_place", "web_place",
]  # fmt: skip

AWS = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST", "AWS_SECRET_ACCESS_KEY": "hush-hush-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}  # fmt: skip
"""Environment with which S3 is asked; whoever sees the secret anywhere else has found a fault."""


class Request(NamedTuple):
    """A request as the server saw it: ``name`` is that of the object, ``""`` for a list."""

    method: str
    name: str
    range: str
    query: str = ""


@dataclass
class Answer:
    """What a server answers instead of what is right.

    Attributes:
        status: of HTTP.
        body: whole.
        headers: beside Content-Length.
        cut: send the right answer, but only so many bytes of it, then close.
        stall: wait for this before the right answer goes on after its first bytes.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: threading.Event | None = None


@dataclass
class StorePlace:
    """A prefix in a store.

    Attributes:
        url: of the prefix, with a slash at its end.
        options: storage options.
        put: stores an object below the prefix.
        requests: what the server was asked, in order.
        script: asked for each request; returns what goes wrong with it, None for nothing.
    """

    url: str
    put: Callable[[str, bytes], None]
    options: tuple[tuple[str, str], ...] = ()
    requests: list[Request] = field(default_factory=list)
    script: Callable[[Request], Answer | None] = lambda request: None

    @property
    def fetched(self) -> list[str]:
        """The names of all objects that were fetched, wholly or in part."""
        return [request.name for request in self.requests if request.method == "GET" and request.name]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of 127.0.0.1 on which a handler answers, on a thread for each connection."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers by what ``content`` returns, unless the script of the place says otherwise."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the body waits for the answer to the headers
    place: StorePlace
    prefix: str

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  (the name of the base class)
        """Be silent."""

    def content(self) -> tuple[int, Mapping[str, str], bytes]:
        raise NotImplementedError

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        path = unquote(path)
        name = path.removeprefix(self.prefix) if path.startswith(self.prefix) else ""
        name = "" if name.endswith("/") or "list-type" in query else name
        request = Request(self.command, name, self.headers.get("Range", ""), query)
        self.place.requests.append(request)
        answer = self.place.script(request) or Answer()
        if answer.status:
            self._send(answer.status, answer.headers, answer.body, answer)
        else:
            self._send(*self.content(), answer)

    do_HEAD = do_GET  # noqa: N815  (the name that the base class looks for)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes, answer: Answer) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        told = {name.lower(): value for name, value in headers.items()}.get("content-length", "0")
        self.send_header("Content-Length", told if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.cut is not None:
            self.wfile.write(body[: answer.cut])
            self.wfile.flush()
            with contextlib.suppress(OSError):  # the client may be gone
                self.connection.shutdown(2)
            self.close_connection = True
            return
        if answer.stall is not None:
            self.wfile.write(body[:10])
            answer.stall.wait(60)
            body = body[10:]
        self.wfile.write(body)


_shared: dict[str, ServerProcess] = {}
_folder = tempfile.TemporaryDirectory(prefix="dcmsend-stores-")
_numbers = count(1)


def _server(name: str, command: Callable[[int], list[str]]) -> int:
    """The port of a server that all tests of this process share, because each takes seconds to start."""
    server = _shared.get(name)
    if server is None or server.has_ended:
        server = _shared[name] = ServerProcess(command, Path(_folder.name) / f"{name}.log")
    return server.port


class _Relay(_Handler):
    """Passes everything on to a server behind it."""

    port: int

    def content(self) -> tuple[int, Mapping[str, str], bytes]:
        length = int(self.headers.get("Content-Length", 0))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(self.command, self.path, self.rfile.read(length), headers=dict(self.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    do_PUT = _Handler.do_GET  # noqa: N815  (the name that the base class looks for)


@contextlib.contextmanager
def web_place(*, has_ranges: bool = True, has_etags: bool = True) -> Iterator[StorePlace]:
    """A web server with index pages."""
    objects: dict[str, tuple[bytes, float]] = {}

    class Handler(_Handler):
        prefix = "/in/"

        def content(self) -> tuple[int, Mapping[str, str], bytes]:
            path = unquote(self.path.partition("?")[0]).lstrip("/")
            if path.endswith("/") or not path:
                return self._index(path)
            if path not in objects:
                return 404, {}, b"no"
            body, modified = objects[path]
            headers = {"Last-Modified": formatdate(modified, usegmt=True), "Content-Type": "application/dicom"}
            if has_etags:
                headers["ETag"] = f'"{md5(body).hexdigest()}"'
            asked = self.headers.get("Range", "")
            if asked and has_ranges:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                headers["Content-Range"] = f"bytes {first}-{min(int(last), len(body) - 1)}/{len(body)}"
                return 206, headers, body[int(first) : int(last) + 1]
            return 200, headers | {"Content-Length": str(len(body))}, body

        def _index(self, path: str) -> tuple[int, Mapping[str, str], bytes]:
            steps = {name[len(path) :].partition("/") for name in objects if name.startswith(path)}
            links = sorted({first + slash for first, slash, _ in steps})
            rows = "".join(f'<a href="{quote(each)}">{html.escape(each)}</a>\n' for each in ["../", *links])
            page = f'<html><a href="?C=N;O=D">Name</a>\n{rows}</html>'
            return (200, {"Content-Type": "text/html"}, page.encode()) if links else (404, {}, b"no")

    modified = [1_700_000_000.0]

    def put(name: str, data: bytes) -> None:
        modified[0] += 1
        objects[f"in/{name}"] = data, modified[0]

    with serving(Handler) as port:
        Handler.place = StorePlace(f"http://127.0.0.1:{port}/in/", put)
        yield Handler.place


@contextlib.contextmanager
def s3_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A bucket of moto, behind a relay that logs and errs."""
    import boto3

    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]

    server = _server("moto", command)
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server}")
    bucket = f"dicom-{next(_numbers)}"
    client.create_bucket(Bucket=bucket)

    class Handler(_Relay):
        prefix = f"/{bucket}/in/"
        port = server

    def put(name: str, data: bytes) -> None:
        client.put_object(Bucket=bucket, Key=f"in/{name}", Body=data)

    with serving(Handler) as front:
        Handler.place = StorePlace(f"s3://{bucket}/in/", put, (("endpoint_url", f"http://127.0.0.1:{front}"),))
        yield Handler.place
    client.close()


_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite has."""


@contextlib.contextmanager
def azure_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorePlace]:
    """A container of Azurite, behind a relay."""
    from azure.storage.blob import BlobServiceClient

    program = dcmtk_program("azurite-blob")
    assert program is not None, "azurite is not installed; the test lacks its peer marker"

    def command(port: int) -> list[str]:
        return [
            program, "--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck",
            "--blobHost", "127.0.0.1", "--blobPort", str(port),
        ]  # fmt: skip

    def connection(port: int) -> str:
        return (
            f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURE_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
        )

    server = _server("azurite", command)
    name = f"dicom-{next(_numbers)}"
    container = BlobServiceClient.from_connection_string(connection(server)).create_container(name)

    class Handler(_Relay):
        prefix = f"/devstoreaccount1/{name}/in/"
        port = server

    with container, serving(Handler) as front:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection(front))
        Handler.place = StorePlace(
            f"az://{name}/in/", lambda name, data: container.upload_blob(f"in/{name}", data, overwrite=True)
        )
        yield Handler.place


@contextlib.contextmanager
def google_place() -> Iterator[StorePlace]:
    """A bucket of the storage emulator, behind a relay."""

    def command(port: int) -> list[str]:
        words = ["start", "--host=127.0.0.1", f"--port={port}", "--in-memory", "--default-bucket=dicom"]
        return [sys.executable, "-m", "gcp_storage_emulator", *words]

    server = _server("gcp-storage-emulator", command)
    folder = f"in{next(_numbers)}/"

    def put(name: str, data: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server, timeout=60)
        path = f"/upload/storage/v1/b/dicom/o?uploadType=media&name={quote(folder + name, safe='')}"
        connection.request("POST", path, data, {"Content-Type": "application/dicom"})
        assert connection.getresponse().status == 200
        connection.close()

    class Handler(_Relay):
        prefix = f"/download/storage/v1/b/dicom/o/{folder}"
        port = server

    with serving(Handler) as front:
        options = (("endpoint_url", f"http://127.0.0.1:{front}"), ("token", "anon"), ("project", "p"))
        Handler.place = StorePlace(f"gs://dicom/{folder}", put, options)
        yield Handler.place


@contextlib.contextmanager
def sftp_place(folder: Path) -> Iterator[StorePlace]:
    """A host in this process whose key is known; nobody has to show who he is."""
    import asyncio

    import asyncssh

    root = folder / "root"
    (root / "in").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    place = StorePlace("", lambda name, data: None)

    class Server(asyncssh.SSHServer):  # type: ignore[misc]
        def begin_auth(self, username: str) -> bool:
            return False

    class Files(asyncssh.SFTPServer):  # type: ignore[misc]
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=os.fsencode(root))

        def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
            place.requests.append(Request("GET", os.fsdecode(path).lstrip("/").removeprefix("in/"), ""))
            return super().open(path, pflags, attrs)

    async def listen() -> Any:
        return await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Files, allow_scp=False
        )

    async def end() -> None:
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=20)

    def put(name: str, data: bytes) -> None:
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        port = server.get_port()
        known = folder / "known_hosts"
        public = key.export_public_key().decode().strip()
        known.write_text(f"[127.0.0.1]:{port} {public}\n")
        place.url, place.put = f"sftp://somebody@127.0.0.1:{port}/in/", put
        place.options = (("known_hosts", str(known)),)
        yield place
    finally:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        if not thread.is_alive():
            loop.close()


@contextlib.contextmanager
def memory_place() -> Iterator[StorePlace]:
    """The store in memory of fsspec, which is that of the whole process."""
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    fs = MemoryFileSystem()
    try:
        yield StorePlace("memory://in/", lambda name, data: fs.pipe(f"/in/{name}", data))
    finally:
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
