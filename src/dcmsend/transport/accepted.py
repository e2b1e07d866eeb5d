"""A connection that a peer has opened, plain or by TLS.  Nothing waits here: the caller has a selector."""

from __future__ import annotations

import contextlib
import socket

from dcmsend.errors import ConnectionLost, DcmsendError, TlsFailed
from dcmsend.fork import own

from .tcp import text_of_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tls_server import TlsServerSession

__all__ = ["AcceptedConnection"]

_PART = 64 * 1024
"""Bytes received at once."""


class AcceptedConnection:
    """One caller.

    Attributes:
        host: the address it calls from.
    """

    def __init__(self, sock: socket.socket, host: str, session: TlsServerSession | None = None) -> None:
        self.host = host
        self._sock = sock
        self._session = session
        self._unsent = bytearray()
        self._is_deaf = False  # after a failure of TLS
        own(self)
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # the caller has left already
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._sock.fileno()

    @property
    def unsent(self) -> int:
        """How many bytes wait until the peer reads; while they do, nothing should be received."""
        return len(self._unsent)

    def receive(self) -> bytes | None:
        """What has come, at most about 64 KiB; empty if it is nothing (yet), None when the peer has ended.

        Raises ConnectionLost; TlsFailed once, after which bytes are only received to be dropped.
        """
        try:
            data = self._sock.recv(_PART)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise _lost(error) from error
        if not data:
            return None
        if self._session is None or self._is_deaf:
            return b"" if self._is_deaf else data
        try:
            plain = self._session.receive(data)
        except TlsFailed:
            self._is_deaf = True
            with contextlib.suppress(ConnectionLost):  # the alert that tells the peer why
                self._queue(self._session.take_output())
            raise
        self._queue(self._session.take_output())
        return None if self._session.is_closed and not plain else plain

    def send(self, data: bytes) -> None:
        """Send what the peer takes now; the rest waits for ``flush``.  Raises ConnectionLost, TlsFailed."""
        if data and not self._is_deaf:
            self._queue(data if self._session is None else self._session.encrypt(data))

    def flush(self) -> None:
        """Send what waits, as far as the peer takes it now.  Raises ConnectionLost."""
        while self._unsent:
            try:
                sent = self._sock.send(self._unsent)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                raise _lost(error) from error
            del self._unsent[:sent]

    def give_up(self) -> None:
        """Close the copy in a forked child; the peer does not notice, and the parent's connection goes on."""
        self._sock.close()

    def close(self) -> None:
        """Close; what waits is sent as far as the peer takes it now.  May be called twice."""
        if self._sock.fileno() < 0:
            return
        with contextlib.suppress(DcmsendError, OSError):
            self._queue(b"" if self._session is None or self._is_deaf else self._session.farewell())
            self._sock.shutdown(socket.SHUT_WR)
        self._sock.close()

    def _queue(self, data: bytes) -> None:
        self._unsent += data
        self.flush()


def _lost(error: OSError) -> ConnectionLost:
    return ConnectionLost(text_of_error(error.errno) if error.errno else str(error))
