"""TLS for peers that call back: every caller has to show a certificate that we trust."""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

from dcmsend.errors import TlsFailed
from dcmsend.reasons import NoConnection

from .tls_context import load_key, make_context
from .tls_failure import not_tls, tls_failure
from .tls_options import TlsOptions

__all__ = ["TlsServer", "TlsServerSession"]

_RECORD_TYPES: Final = range(0x14, 0x19)
"""First byte of every TLS record.  Source: RFC 8446 B.1, RFC 6520."""
_LONGEST_RECORD: Final = 16 * 1024
_WRONG_PURPOSE: Final = 26
"""X509_V_ERR_INVALID_PURPOSE: the certificate is not made for clients (PS3.15 leaves this open, OpenSSL does not)."""


class TlsServer:
    """Makes the sessions of callers.

    The trusted files decide, also if the client side of the run verifies nothing.  The name in a caller's certificate
    is not compared: a caller has no name that we know.

    Raises ValueError without a certificate of ours, UsageError when a file of ``options`` cannot be used.
    """

    __slots__ = ("_context",)

    def __init__(self, options: TlsOptions, asked_password: str | None = None) -> None:
        if options.key_file is None or options.certificate_file is None:
            raise ValueError("peers cannot call back by TLS without a certificate of ours")
        self._context = make_context(options, ssl.PROTOCOL_TLS_SERVER, verify=True)
        self._context.num_tickets = 0  # a caller that leaves without reading them would reset the connection
        ask = None if asked_password is None else lambda: asked_password
        load_key(self._context, options.key_file, options.certificate_file, options.key_password, ask)

    def make_session(self) -> TlsServerSession:
        """A session for one caller."""
        return TlsServerSession(self._context)


class TlsServerSession:
    """One session, in memory: encrypted bytes in, decrypted bytes out, and back; it does not wait.

    Attributes:
        is_closed: whether the caller has ended the session.
    """

    __slots__ = ("_has_heard", "_incoming", "_is_established", "_outgoing", "_session", "is_closed")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_heard = False
        self._is_established = False
        self.is_closed = False

    def receive(self, data: bytes) -> bytes:
        """The decrypted bytes in received bytes; none before the caller's certificate has been verified.

        ``take_output`` then has what TLS itself has to say, also when TlsFailed is raised.
        """
        if not self._has_heard and data[0] not in _RECORD_TYPES:
            raise not_tls(data[0])
        self._has_heard = True
        self._incoming.write(data)
        plain = bytearray()
        try:
            if not self._is_established:
                self._session.do_handshake()
                self._is_established = True
            while part := self._session.read(_LONGEST_RECORD):
                plain += part
            self.is_closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.is_closed = True
        except ssl.SSLError as error:
            raise _failure_of_caller(error) from error
        return bytes(plain)

    def encrypt(self, data: bytes) -> bytes:
        """The bytes to send.  Raises TlsFailed."""
        try:
            self._session.write(data)
        except ssl.SSLError as error:
            raise _failure_of_caller(error) from error
        return self.take_output()

    def farewell(self) -> bytes:
        """The bytes that end the session; empty before it was established."""
        if self._is_established:
            with contextlib.suppress(ssl.SSLError):  # the caller has not ended it yet, or it is broken
                self._session.unwrap()
        return self.take_output()

    def take_output(self) -> bytes:
        """The bytes of TLS itself to send: handshake and alerts."""
        return self._outgoing.read()


def _failure_of_caller(error: ssl.SSLError) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _WRONG_PURPOSE:
        detail = f"the peer's certificate is not made for a client, only for a server ({error.verify_message})"
        why = NoConnection.BAD_CERTIFICATE
        return TlsFailed("TLS error: certificate verify failed", detail, True, why=why)
    return tls_failure(error, has_certificate=True)
