"""HTTP/1.1 over a ``transport.Connection``: urllib3 writes heads and reads answers, ``transport`` does all the waiting.

Only this module imports urllib3.
"""

from __future__ import annotations

import io
import logging
import re
import socket
import threading
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, Final, cast

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from dcmsend.errors import ConnectionLost, DcmsendError, RemoteProtocolError
from dcmsend.transport import Connection, Deadline

__all__ = ["HttpWire"]

_INTERIM: Final = re.compile(rb"HTTP/1\.[0-9] 1(?!01)[0-9][0-9][ \r\n]")
"""The beginning of an interim answer; 101 is none, because something else than HTTP follows it."""

_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_BEGINNING: Final = b"HTTP/1."
_SHORTEST: Final = 13
"""Bytes by which an interim answer (1xx) is told from the answer itself."""

_MOST_AHEAD: Final = 64 * 1024
_MOST_INTERIM: Final = 1 << 20
"""Bytes of interim answers to one request; one a second is little, even for a request that takes hours."""

_MOST_TALK: Final = 64 * 1024
"""Bytes of an answer that start the wait for it again: one now and then does not stretch it for ever."""

_PIECE: Final = 64 * 1024


class _Input(io.RawIOBase):
    """What the connection delivers, as a raw stream."""

    def __init__(self, wire: HttpWire) -> None:
        self._wire = wire
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return 0 if self.is_over else self._wire.receive_into(memoryview(buffer))


class _Answer(io.BufferedReader):
    """One answer; notes whether anything was received that does not belong to it."""

    def __init__(self, wire: HttpWire) -> None:
        self._wire = wire
        self._input = _Input(wire)
        super().__init__(self._input)

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for.  Raises ValueError where that is all there is, as for a chunk below zero."""
        if size is None or size < 0:
            raise ValueError("an answer is never read without a limit")
        return super().read(size)

    def close(self) -> None:
        if not self.closed:
            self._input.is_over = True
            self._wire.has_more = self._wire.has_more or bool(self.peek(1))
        super().close()


class _Socket:
    """As much of a socket as ``http.client`` and urllib3 need."""

    def __init__(self, wire: HttpWire) -> None:
        self._wire = wire
        self.is_closed = False

    def settimeout(self, seconds: float | None) -> None:
        """Does nothing: ``transport`` has the deadlines."""

    def sendall(self, data: bytes) -> None:
        self._wire.send_at_once(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return _Answer(self._wire)

    def close(self) -> None:
        """Note that the connection is not used again; the answer may still be read."""
        self.is_closed = True


class _Requests(HTTPConnection):
    """Writes heads of requests and reads answers."""

    def __init__(self, host: str, port: int, default_port: int, sock: _Socket) -> None:
        super().__init__(host, port)
        self.default_port = default_port  # type: ignore[misc]  # it decides whether the Host field has the port
        self.sock = cast(socket.socket, sock)
        self.auto_open = 0
        self.head: bytes | None = None

    def send(self, data: Any) -> None:
        """Keep the head of a request, so that it can go out together with the first bytes of the body."""
        if self.head is None:
            self.head = bytes(data)


class _Tunnel(HTTPConnection):
    """Asks a proxy for a connection to somebody else."""

    def __init__(self, host: str, port: int, sock: _Socket) -> None:
        super().__init__(host, port)
        self._given = sock

    def _new_conn(self) -> socket.socket:
        return cast(socket.socket, self._given)


class HttpWire:
    """Requests and answers over one connection, one after the other.

    Attributes:
        connection: the connection below.
        deadline: limits the wait for an answer.
        is_patient: whether the bytes of an answer start that wait again.
        is_spent: whether the connection cannot carry another request.
        has_more: whether something was received behind the end of an answer.
    """

    def __init__(self, connection: Connection, host: str, port: int, default_port: int) -> None:
        self.connection = connection
        self.deadline = Deadline(None, "the answer")
        self.is_patient = False
        self._talk = 0
        self.is_spent = False
        self._ahead = bytearray()
        self._has_ended = False
        self.has_more = False
        self._interim = 0
        self._room = memoryview(bytearray(_PIECE))
        self._socket = _Socket(self)
        self._requests = _Requests(host, port, default_port, self._socket)

    def open_tunnel(self, host: str, port: int, proxy: tuple[str, int], headers: Mapping[str, str]) -> None:
        """Have a proxy, the peer of this connection, connect to another host.

        Raises OSError with the proxy's answer, RemoteProtocolError, and what the connection raises.
        """
        tunnel = _Tunnel(*proxy, self._socket)
        tunnel.set_tunnel(host, port, headers=headers)
        try:
            tunnel.connect()
        except HTTPException as error:
            raise RemoteProtocolError(f"the proxy does not answer in HTTP: {type(error).__name__}") from error
        self._ahead.clear()

    def head(self, method: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The head of a request, to be sent before its body.  Raises ValueError for a field that is impossible."""
        requests = self._requests
        requests.head = None
        self._interim = self._talk = 0
        self.is_spent = True  # until the answer was read to its end
        requests.request(method, target, headers=fields, preload_content=False, decode_content=False)
        assert requests.head is not None
        return requests.head

    def send_at_once(self, data: bytes) -> None:
        """Send the small request of a tunnel."""
        self.connection.send(data, self.deadline)

    def has_answer(self) -> bool:
        """Whether an answer has begun, or the peer has closed; interim answers (1xx) do not count.  Does not wait.

        Raises ConnectionLost, RemoteProtocolError, Cancelled.
        """
        while not self._is_answer() and self.connection.has_input():
            self._fetch(Deadline(None, ""))
        return self._is_answer()

    def wait_for_answer(self) -> None:
        """Wait until an answer has begun, or the peer has closed.

        Raises TimedOut, ConnectionLost, RemoteProtocolError, Cancelled.
        """
        while not self._is_answer():
            self._fetch(self.deadline)

    def answer(self, limit: int) -> tuple[int, str, Mapping[str, str], bytes]:
        """Status, phrase, fields (names in lower case) and body of the answer; of a longer body ``limit`` + 1 bytes.

        Raises TimedOut, ConnectionLost, RemoteProtocolError, Cancelled.
        """
        _reading.is_ours = True
        try:
            response = self._requests.getresponse()
            body = response.read(limit + 1, decode_content=False)
            is_whole = len(body) <= limit and not response.read(1, decode_content=False)
        except ConnectionError as error:  # closed without an answer
            raise ConnectionLost from error
        except DcmsendError:
            raise
        except (HTTPException, HTTPError, ValueError, OSError) as error:
            raise RemoteProtocolError(f"the answer cannot be read as HTTP: {type(error).__name__}") from error
        finally:
            _reading.is_ours = False
        if response.status < 200:
            raise RemoteProtocolError(f"the server answers {response.status}, which is no answer to a request")
        fields = {name.lower(): value for name, value in response.headers.items()}
        # What follows the answer belongs to no request, and must not be taken for the answer to the next one.
        self.is_spent = self._socket.is_closed or not is_whole or self.has_more or bool(self._ahead)
        return response.status, response.reason or "", fields, bytes(body)

    def receive_into(self, buffer: memoryview) -> int:
        """Wait for bytes of an answer; 0 at the end.  Raises TimedOut, ConnectionLost, Cancelled."""
        if not self._ahead:
            return 0 if self._has_ended else self._receive(buffer, self.deadline)
        count = min(len(buffer), len(self._ahead))
        buffer[:count] = self._ahead[:count]
        del self._ahead[:count]
        return count

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self.is_spent = True
        self.connection.close()

    def _fetch(self, deadline: Deadline) -> None:
        count = self._receive(self._room, deadline)
        self._has_ended = not count
        self._ahead += self._room[:count]
        while _INTERIM.match(self._ahead) and (end := _END_OF_HEAD.search(self._ahead)) is not None:
            self._interim += end.end()
            del self._ahead[: end.end()]
        if self._interim > _MOST_INTERIM:
            raise RemoteProtocolError("the server sends interim answers without end, and no answer")

    def _receive(self, buffer: memoryview, deadline: Deadline) -> int:
        count = self.connection.receive_into(buffer, deadline)
        self._talk += count
        if self.is_patient and self._talk <= _MOST_TALK:
            deadline.restart()
        return count

    def _is_answer(self) -> bool:
        ahead = self._ahead
        if self._has_ended or len(ahead) > _MOST_AHEAD:
            return True
        if len(ahead) < _SHORTEST:
            return bool(ahead) and not _BEGINNING.startswith(ahead[: len(_BEGINNING)])
        return not _INTERIM.match(ahead)


class _Reading(threading.local):
    """What a thread does: ``is_ours`` tells whether it reads an answer for us."""

    is_ours = False


_reading = _Reading()


class _Quiet(logging.Filter):
    """Drops what urllib3 says of fields that it cannot parse: a traceback is nothing for a user.

    The other requests of the program are none of our business.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and _reading.is_ours)


logging.getLogger("urllib3.connection").addFilter(_Quiet())
