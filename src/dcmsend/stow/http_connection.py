"""A connection to a web service: opened through TLS and proxies, kept alive, and opened again when it was closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from dcmsend.errors import (
    ConnectFailed,
    ConnectionLost,
    RemoteProtocolError,
    TimedOut,
)
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.transfer import TransferOptions
from dcmsend.transport import AddressFamily, Connection, Deadline, TcpConnection, TcpOptions, connect

from .errors import NoHttpLibrary, printable
from .proxies import Proxy, proxy_for
from .web_peer import WebPeer

if TYPE_CHECKING:
    from .http_wire import HttpWire

__all__ = ["Answer", "Answered", "HttpConnection"]

LONGEST_ANSWER: Final = 16 << 20
"""Largest body of an answer, in bytes; one of 50 000 instances takes half of it."""

_LAST_WORD: Final = 1.0
"""Seconds that a failed send waits for the answer that may say why."""

_log = get_logger("dcmsend.network")


class Answer(NamedTuple):
    """What the server answers to a request.

    Attributes:
        status: the status code, 200..599.
        phrase: the words beside it; may be empty.
        fields: header fields, names in lower case.
        body: at most ``LONGEST_ANSWER`` bytes; empty when it is longer, or encoded in a way that was not asked for.
    """

    status: int
    phrase: str
    fields: Mapping[str, str]
    body: bytes


class Answered(Exception):
    """An answer has come before the whole request was sent."""


class HttpConnection:
    """Sends requests to one web service, one after the other; opens as many connections for it as are needed.

    Used by one thread.  All waits end with the interrupt.
    """

    def __init__(self, peer: WebPeer, options: TransferOptions, interrupt: Interrupt) -> None:
        self._peer = peer
        self._options = options
        self._interrupt = interrupt
        self._wire: HttpWire | None = None
        self._proxy: Proxy | None = None
        self._idle = Deadline(options.idle_timeout, "the server to take data")

    def open(self) -> None:
        """Connect, through TLS if the address says so, unless a connection is open that can carry a request.

        Raises ConnectFailed, TlsFailed, HttpRefused (by a proxy), NoHttpLibrary, TimedOut, ConnectionLost,
        RemoteProtocolError, Cancelled.
        """
        wire = self._wire
        if wire is not None and not wire.is_spent and not wire.connection.has_input():
            return
        self.close()
        try:
            from .http_wire import HttpWire  # urllib3 is loaded only where a web service is sent to
        except ImportError as error:
            raise NoHttpLibrary from error
        address = self._peer.address
        # With credentials a plain address is one of this machine (see WebPeer), and no proxy may hear them.
        stays_here = self._peer.credentials is not None and address.scheme == "http"
        self._proxy = None if stays_here else proxy_for(address)
        patience, self._interrupt.drain_seconds = self._interrupt.drain_seconds, 0.0  # nothing is in flight yet
        try:
            connection = self._connect()
        finally:
            self._interrupt.drain_seconds = patience
        self._wire = HttpWire(connection, address.host, address.port, 443 if address.scheme == "https" else 80)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as this side knows."""
        return self._wire is not None and not self._wire.is_spent

    def head(self, method: str, target: str, fields: Mapping[str, str]) -> bytes:
        """The head of a request; ``target`` is a path with its query.  Call ``open`` first."""
        proxy, address = self._proxy, self._peer.address
        if proxy is not None and address.scheme == "http":
            target = address.replace(path="").url + target
            fields = {**fields, **proxy.fields}
        return self._open_wire.head(method, target, fields)

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes.  Raises Answered, ConnectionLost, TimedOut, Cancelled."""
        self._idle.restart()
        self._open_wire.connection.send(data, self._idle, self.look)

    @property
    def taken(self) -> int:
        """Of a ``send`` that has raised, how many bytes the system had taken."""
        return self._open_wire.connection.taken

    @property
    def sends_files(self) -> bool:
        """Whether ``send_file`` may be called: the connection is plain, and the system can do it."""
        connection = self._open_wire.connection
        return isinstance(connection, TcpConnection) and connection.sends_files

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Send a range of a file without copying it; return how much was sent.  Raises as ``send`` does."""
        connection = self._open_wire.connection
        assert isinstance(connection, TcpConnection)
        self._idle.restart()
        return connection.send_file(descriptor, offset, count, self._idle, self.look)

    def look(self) -> None:
        """Raise Answered if an answer has begun, though the request is not finished."""
        if self.has_answer():
            raise Answered

    def has_answer(self) -> bool:
        """Whether an answer has begun, or the peer has closed.  Raises ConnectionLost, Cancelled."""
        return self._open_wire.has_answer()

    def answer(self, what: str = "the answer to the STOW-RS request") -> Answer:
        """Wait for the answer; ``what`` it is, for the message of a time-out.

        Raises TimedOut, ConnectionLost, RemoteProtocolError, Cancelled.
        """
        options, wire = self._options, self._open_wire
        seconds = options.dimse_timeout or options.idle_timeout
        wire.deadline = Deadline(seconds, what)
        wire.is_patient = not options.dimse_timeout
        unsent = wire.connection.unsent()
        while True:
            try:
                wire.wait_for_answer()
                break
            except TimedOut:
                before, unsent = unsent, wire.connection.unsent()
                if options.dimse_timeout or unsent >= before:
                    raise
                wire.deadline.restart()  # the system still held some of the request, and the peer takes it
        return self._read(wire)

    def last_word(self) -> Answer | None:
        """The answer that the server gave before it broke the connection; None if there is none."""
        wire = self._open_wire
        wire.deadline = Deadline(_LAST_WORD, "the server's reason")
        wire.is_patient = False
        try:
            wire.wait_for_answer()
            return self._read(wire)
        except (ConnectionLost, TimedOut, RemoteProtocolError):
            return None

    def spend(self) -> None:
        """Note that the request was not finished, so that the connection cannot carry another one."""
        if self._wire is not None:
            self._wire.close()

    def close(self) -> None:
        """Close the connection, if there is one; may be called twice."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    @property
    def _open_wire(self) -> HttpWire:
        assert self._wire is not None, "not open"
        return self._wire

    def _read(self, wire: HttpWire) -> Answer:
        status, phrase, fields, body = wire.answer(LONGEST_ANSWER)
        _log.info("Received HTTP Response (%d %s)", status, printable(phrase))
        encoding = fields.get("content-encoding", "identity").strip().lower()
        if len(body) > LONGEST_ANSWER or encoding not in ("", "identity"):
            body = b""
        return Answer(status, phrase, fields, body)

    def _connect(self) -> Connection:
        peer, options = self._peer, self._options
        address = peer.address
        below = self._plain if self._proxy is None or address.scheme == "http" else self._tunnelled
        if address.scheme == "http":
            return below()
        from dcmsend.transport import TlsOptions, load_tls  # OpenSSL is loaded only where it is needed

        tls = peer.tls or load_tls(TlsOptions())
        return tls.connect(below, address.host, options.connect_timeout or options.acse_timeout)

    def _plain(self) -> Connection:
        options, proxy = self._options, self._proxy
        address = self._peer.address
        host, port = (address.host, address.port) if proxy is None else (proxy.host, proxy.port)
        try:
            return connect(
                host, port, self._interrupt, family=AddressFamily.ANY, timeout=options.connect_timeout,
                options=TcpOptions(no_delay=options.tcp_no_delay, buffer_length=options.tcp_buffer_length),
            )  # fmt: skip
        except ConnectFailed as error:
            if proxy is None:
                raise
            text = f"cannot connect to the proxy {host}:{port} that the environment names"
            raise ConnectFailed(text, error.detail or error.text) from error

    def _tunnelled(self) -> Connection:
        from .http_wire import HttpWire

        proxy, address = self._proxy, self._peer.address
        assert proxy is not None
        connection = self._plain()
        wire = HttpWire(connection, proxy.host, proxy.port, 80)
        wire.deadline = Deadline(self._options.acse_timeout, "the proxy's answer")
        try:
            wire.open_tunnel(address.host, address.port, (proxy.host, proxy.port), proxy.fields)
        except OSError as error:
            connection.close()
            text = f"the proxy {proxy.host}:{proxy.port} does not connect us"
            words = str(error).removeprefix("Tunnel connection failed: ")
            raise ConnectFailed(text, printable(words)) from error
        except BaseException:
            connection.close()
            raise
        return connection
