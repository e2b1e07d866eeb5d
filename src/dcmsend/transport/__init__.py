"""Carries bytes to a peer and back, with deadlines."""

from __future__ import annotations

from collections.abc import Callable

from .address import AddressFamily
from .connection import Connection
from .deadline import Deadline
from .tcp import TcpConnection, TcpOptions, connect
from .tls_options import TlsOptions, TlsProfile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tls_client import TlsClient as TlsClient  # the type; load_tls makes the objects

__all__ = [
    "AddressFamily", "Connection", "Deadline", "TcpConnection", "TcpOptions", "TlsClient", "TlsOptions",
    "TlsProfile", "connect", "load_tls",
]


def load_tls(options: TlsOptions, ask_password: Callable[[], str] | None = None) -> TlsClient:
    """Make a TlsClient from its options.  Raises UsageError."""
    from .tls_client import TlsClient  # OpenSSL is only loaded where TLS is used

    return TlsClient(options, ask_password)


def __getattr__(name: str) -> object:
    """Load the type of ``load_tls``'s result, and OpenSSL with it, when it is first used."""
    if name == "TlsClient":
        from .tls_client import TlsClient

        return TlsClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
