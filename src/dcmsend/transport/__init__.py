"""Carries bytes to a peer and back, with deadlines."""

from __future__ import annotations

from collections.abc import Callable

from .address import AddressFamily, without_rest
from .deadline import Deadline
from .tcp import TcpConnection, TcpOptions, connect, is_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .accepted import AcceptedConnection as AcceptedConnection
    from .connection import Connection as Connection
    from .listener import Listener as Listener
    from .tls_client import TlsClient as TlsClient  # the type; load_tls makes the objects
    from .tls_options import TlsOptions as TlsOptions
    from .tls_options import TlsProfile as TlsProfile
    from .tls_server import TlsServer as TlsServer

__all__ = [
    "AcceptedConnection", "AddressFamily", "Connection", "Deadline", "Listener", "TcpConnection", "TcpOptions",
    "TlsClient", "TlsOptions", "TlsProfile", "TlsServer", "connect", "is_ready", "load_tls", "without_rest",
]


def load_tls(options: TlsOptions, ask_password: Callable[[], str] | None = None) -> TlsClient:
    """Make a TlsClient from its options.

    Raises UsageError when a file cannot be used, and TypeError for a value of a wrong type.
    """
    from .tls_client import TlsClient  # OpenSSL is only loaded where TLS is used
    from .tls_options import TlsOptions

    if not isinstance(options, TlsOptions):
        raise TypeError(f"load_tls: options must be TlsOptions, not {type(options).__name__}")
    if ask_password is not None and not callable(ask_password):
        raise TypeError(f"load_tls: ask_password must be a function, not {type(ask_password).__name__}")
    return TlsClient(options, ask_password)


def __getattr__(name: str) -> object:
    """Load a type that a plain run does not need, with those of TLS OpenSSL too, when it is first used."""
    if name == "TlsClient":
        from .tls_client import TlsClient

        return TlsClient
    if name in ("TlsOptions", "TlsProfile"):
        from . import tls_options

        return getattr(tls_options, name)
    if name == "TlsServer":
        from .tls_server import TlsServer

        return TlsServer
    if name == "Connection":
        from .connection import Connection

        return Connection
    if name == "Listener":
        from .listener import Listener

        return Listener
    if name == "AcceptedConnection":
        from .accepted import AcceptedConnection

        return AcceptedConnection
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
