"""A web server that does what a script says and records every request.

Requests are numbered in the order in which their heads come, over all connections; the last answer of the script serves
all further requests::

    with ScriptedWebServer(response(503, Retry_After="1"), store_all) as server:
        run(dcmsend, "--stow", server.url, *files)
    assert [len(request.parts) for request in server.requests] == [2, 2]
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias

from support.http_wire import HttpError, RequestHead, pieces_of_body, read_head, response, store_answer
from support.part10 import parse_part10

__all__ = ["Answer", "ScriptedWebServer", "SlowStore", "WebAnswer", "WebRequest", "store_all"]


@dataclass(frozen=True)
class WebAnswer:
    """What is done with one request.

    Attributes:
        data: sent as it is, whether or not it is HTTP; ``b""`` for nothing.
        at: after how many bytes of the body this is done; None for when the request is complete.
        closes: whether the connection is closed after that; with ``at`` what is left of the request is not read.
        resets: whether it is closed with a TCP reset.
        delay: seconds to wait before anything is sent.
    """

    data: bytes = b""
    at: int | None = None
    closes: bool = False
    resets: bool = False
    delay: float = 0.0


@dataclass
class WebRequest:
    """One request as it came.

    Attributes:
        connection: the number of its connection, from 1 on.
        body: without the framing of chunks.
        is_complete: whether all of it was read.
    """

    connection: int
    head: RequestHead
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    @property
    def parts(self) -> list[bytes]:
        """The contents of the parts of a multipart body that have come to their end, without their heads."""
        boundary = b"--" + self.head.boundary.encode()
        pieces = (b"\r\n" + bytes(self.body)).split(b"\r\n" + boundary)[1:]
        return [piece.partition(b"\r\n\r\n")[2] for piece in pieces[:-1]]

    @property
    def uids(self) -> list[str]:
        """SOP Instance UIDs of the parts."""
        return [parse_part10(part).sop_instance_uid for part in self.parts]


Answer: TypeAlias = bytes | WebAnswer | Callable[[WebRequest], bytes | WebAnswer]
"""Bytes are an answer to the complete request; a function is asked when the request is complete."""


def store_all(request: WebRequest) -> bytes:
    """The answer of a server that has stored every part."""
    return response(200, store_answer(request.uids))


class SlowStore:
    """Stores all, and takes its time for each request.

    Attributes:
        most: how many requests it had at the same time, ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._now = self.most = 0

    def __call__(self, request: WebRequest) -> bytes:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1
        return store_all(request)


class ScriptedWebServer:
    """The listening server; use it as a context manager.

    Attributes:
        requests: everything that came, in order; complete once the server has been left.
        complaints: what came that is no HTTP.
        connections: how many there were.
        patience: seconds that are waited at the end for clients to close.
        idle: seconds after an answer in which the next request has to begin, or the connection is closed.
    """

    patience = 5.0
    idle: float | None = None

    def __init__(self, *answers: Answer, context: ssl.SSLContext | None = None) -> None:
        self._answers = answers or (store_all,)
        self._context = context
        self.requests: list[WebRequest] = []
        self.complaints: list[str] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        """The base URL of the service."""
        return f"{'http' if self._context is None else 'https'}://localhost:{self.port}/dicom-web"

    def __enter__(self) -> ScriptedWebServer:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._wake_writer.send(b"x")
        self._acceptor.join(30)
        deadline = time.monotonic() + self.patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for each in self._sockets:
            _shut_down(each)
        for thread in self._threads:
            thread.join(30)
        for each in (self._listener, self._wake_reader, self._wake_writer, *self._sockets):
            each.close()
        assert not any(thread.is_alive() for thread in (self._acceptor, *self._threads))

    def _accept(self) -> None:
        """Until this is woken, and no connection waits any longer."""
        while True:
            readable, _, _ = select.select([self._listener, self._wake_reader], [], [])
            if self._listener not in readable:
                return
            connection, _ = self._listener.accept()
            self._sockets.append(connection)
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection = plain
            if self._context is not None:
                connection = self._context.wrap_socket(plain, server_side=True)
                self._sockets.append(connection)
            with connection.makefile("rb", 1 << 16) as stream:
                while (head := read_head(stream)) is not None:
                    connection.settimeout(None)
                    if not self._handle(connection, stream, head, number):
                        break
                    connection.settimeout(self.idle)
        except HttpError as error:
            self.complaints.append(str(error))
        except OSError:
            pass  # the client has gone, or this server ends
        finally:
            _shut_down(connection)
            connection.close()

    def _handle(self, connection: socket.socket, stream: BinaryIO, head: RequestHead, number: int) -> bool:
        """Answer a request; return whether the connection goes on."""
        request = WebRequest(number, head)
        with self._lock:
            self.requests.append(request)
            answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        early = answer if isinstance(answer, WebAnswer) and answer.at is not None else None
        if early is not None and early.at == 0 and not self._do(connection, early):
            return False
        for piece in pieces_of_body(stream, head):
            before = len(request.body)
            request.body += piece
            is_due = early is not None and early.at is not None and before < early.at <= len(request.body)
            if early is not None and is_due and not self._do(connection, early):
                return False
        request.is_complete = True
        if early is not None:
            return True
        return self._do(connection, answer(request) if callable(answer) else answer)

    def _do(self, connection: socket.socket, answer: bytes | WebAnswer) -> bool:
        if isinstance(answer, bytes):
            answer = WebAnswer(answer)
        if answer.delay:
            self._stopping.wait(answer.delay)
        connection.sendall(answer.data)
        if answer.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        return not (answer.closes or answer.resets)


def _shut_down(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
