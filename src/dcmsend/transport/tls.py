"""TLS over any other connection: bytes are encrypted in memory, and the connection below does the waiting."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from dcmsend.errors import Cancelled, ConnectionLost, DcmsendError, TimedOut, TlsFailed, TransportError
from dcmsend.reasons import NoConnection

from .connection import Connection
from .deadline import Deadline
from .tls_failure import not_tls, tls_failure

__all__ = ["TlsConnection"]

_PART: Final = 64 * 1024
"""Bytes encrypted at once: few calls, and the encrypted bytes still fit the processor's cache."""

_RECORD: Final = 16 * 1024
"""Most bytes of a TLS record before it is encrypted."""

_RECORD_TYPES: Final = range(0x14, 0x19)
"""First byte of every TLS record.  Source: RFC 8446 B.1, RFC 6520."""

_LAST_WORD_SECONDS: Final = 0.1

_MOST_LOOKS: Final = 64
"""Number of reads that bring nothing but bytes for TLS before a look ends: a peer may send them without end."""

_NO_TLS_HERE: Final = "a peer that expects DICOM without TLS on this port does so"


class TlsConnection:
    """A Connection that runs through a TLS session, as its client.

    Waiting, deadlines and interrupts are those of the connection below, which is closed together with this one.  A peer
    may close without TLS's close_notify: DICOM releases its associations itself, so a truncation does not go
    unnoticed.
    """

    def __init__(
        self, connection: Connection, context: ssl.SSLContext, server_name: str, *, has_certificate: bool
    ) -> None:
        self._connection = connection
        self._has_certificate = has_certificate
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._input = memoryview(bytearray(64 * 1024))
        self._plain = memoryview(b"")  # decrypted bytes that were not received yet
        self._failure: DcmsendError | None = None  # ends every further receive
        self._is_torn = False
        self._is_established = False
        self._has_heard = False  # whether any byte came from the peer, the handshake included
        self._has_received = False
        self.taken = 0

    def handshake(self, deadline: Deadline) -> None:
        """Establish the session.  Raises TlsFailed, ConnectionLost, Cancelled."""
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                with contextlib.suppress(DcmsendError):  # send the alert that tells the peer why
                    self._flush(Deadline(_LAST_WORD_SECONDS, "the peer to take an alert"))
                raise tls_failure(error, has_certificate=self._has_certificate) from error
            else:
                self._flush(deadline)
                self._is_established = True
                return
            try:
                self._flush(deadline)
                is_open = self._fetch(deadline)
            except TimedOut as error:
                text = f"TLS error: no answer to the handshake within {error.seconds:g} s"
                raise TlsFailed(text, _NO_TLS_HERE, why=NoConnection.MAYBE_NOT_TLS) from error
            except ConnectionLost as error:
                detail = f"{error.detail}; {_NO_TLS_HERE}" if error.detail else _NO_TLS_HERE
                text, why = "TLS error: the peer broke off the handshake", NoConnection.MAYBE_NOT_TLS
                raise TlsFailed(text, detail, why=why) from error
            if not is_open:
                text = "TLS error: the peer closed the connection during the handshake"
                raise TlsFailed(text, _NO_TLS_HERE, why=NoConnection.MAYBE_NOT_TLS)

    @property
    def version(self) -> str:
        """The protocol version, e.g. ``TLSv1.3``."""
        return self._session.version() or ""

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite."""
        cipher = self._session.cipher()
        return cipher[0] if cipher else ""

    @property
    def certificate(self) -> dict[str, Any]:
        """The peer's certificate as ``ssl`` shows it; empty if it was not verified."""
        return self._session.getpeercert() or {}

    def send(
        self, data: bytes | bytearray | memoryview, idle: Deadline, on_stall: Callable[[], None] | None = None
    ) -> None:
        """See Connection.send."""
        self.taken = 0
        if self._is_torn:
            raise ConnectionLost("a TLS record was left unfinished")
        view = memoryview(data)
        for start in range(0, len(view), _PART):
            if start:
                idle.restart()
            self.taken = start
            part = view[start : start + _PART]
            try:
                self._session.write(part)
            except ssl.SSLError as error:
                raise self._broken(error) from error
            encrypted = self._outgoing.pending
            try:
                self._flush(idle, on_stall)
            except Exception:
                self.taken += _whole_records(len(part), encrypted, self._connection.taken)
                raise

    def receive_into(self, buffer: memoryview, deadline: Deadline) -> int:
        """See Connection.receive_into; also raises TlsFailed if the peer objects to our certificate."""
        if self._plain:
            count = min(len(buffer), len(self._plain))
            buffer[:count] = self._plain[:count]
            self._plain = self._plain[count:]
            return count
        if self._failure is not None:
            raise self._failure
        while True:
            try:
                return self._read(buffer)
            except ssl.SSLWantReadError:
                self._flush(deadline)  # TLS's answer to a request of the peer
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return 0
            except ssl.SSLError as error:
                raise self._broken(error) from error
            if not self._fetch(deadline):
                return 0

    def has_input(self) -> bool:
        """See Connection.has_input; bytes for TLS alone do not count."""
        if self._plain or self._failure is not None:
            return True
        for _ in range(_MOST_LOOKS):
            if not (self._session.pending() or self._incoming.pending or self._connection.has_input()):
                return False
            buffer = memoryview(bytearray(16 * 1024))
            try:
                count = self._receive_at_once(buffer)
            except (TransportError, Cancelled) as error:
                self._failure = error
                return True
            if count is not None:
                self._plain = buffer[:count]
                return True
        return False

    def _receive_at_once(self, buffer: memoryview) -> int | None:
        """Read without waiting; 0 if the peer has closed, None if there was no application data."""
        try:
            return self._read(buffer)
        except ssl.SSLWantReadError:
            deadline = Deadline(_LAST_WORD_SECONDS, "the peer")
            self._flush(deadline)
            if not self._connection.has_input():
                return None
            return None if self._fetch(deadline) else 0
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return 0
        except ssl.SSLError as error:
            raise self._broken(error) from error

    def unsent(self) -> int:
        """See Connection.unsent."""
        return self._connection.unsent()

    def close(self) -> None:
        """See Connection.close."""
        if self._is_established and not self._is_torn:
            self._is_established = False
            self.has_input()  # reads session tickets: a close with unread bytes is a reset, and may cost our last PDU
            with contextlib.suppress(DcmsendError, ssl.SSLError):
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._session.unwrap()
                self._flush(Deadline(_LAST_WORD_SECONDS, "the peer to take the farewell"))
        self._is_torn = True
        self._plain = memoryview(b"")
        self._failure = ConnectionLost("the connection is closed")
        self._connection.close()

    def _read(self, buffer: memoryview) -> int:
        count: int = cast(Any, self._session).read(len(buffer), buffer)  # typeshed lacks this form of the method
        self._has_received = True
        return count

    def _flush(self, deadline: Deadline, on_stall: Callable[[], None] | None = None) -> None:
        """Send bytes that TLS has queued; during a send they wait for its end."""
        while not self._is_torn and (data := self._outgoing.read()):
            self._is_torn = True
            self._connection.send(data, deadline, on_stall)
            self._is_torn = False

    def _fetch(self, deadline: Deadline) -> bool:
        """Wait for bytes and pass them to TLS; return False when the peer has closed."""
        count = self._connection.receive_into(self._input, deadline)
        if not count:
            self._incoming.write_eof()
            return False
        if not self._has_heard and self._input[0] not in _RECORD_TYPES:
            raise not_tls(self._input[0])
        self._has_heard = True
        self._incoming.write(self._input[:count])
        return True

    def _broken(self, error: ssl.SSLError) -> TransportError:
        """The meaning of a session error: before the peer's first byte, the peer refuses us."""
        failure = tls_failure(error, has_certificate=self._has_certificate)
        return ConnectionLost(failure.text) if self._has_received else failure


def _whole_records(length: int, encrypted: int, taken: int) -> int:
    """How many of ``length`` bytes lie in records that were taken whole; ``taken`` of all ``encrypted`` bytes were.

    Source: RFC 8446 5.1.  What encryption adds is the same for each record, but for padding.
    """
    added = (encrypted - length) // -(-length // _RECORD)
    return min(length, taken // (_RECORD + added) * _RECORD)
