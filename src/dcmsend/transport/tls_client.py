"""Keys, certificates and profiles, loaded once for all connections of a run."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

from dcmsend.errors import TlsFailed, TransportError, UsageError
from dcmsend.loggers import get_logger
from dcmsend.reasons import NoConnection

from .connection import Connection
from .deadline import Deadline
from .tls import TlsConnection
from .tls_context import load_key, make_context
from .tls_failure import is_name_mismatch
from .tls_options import TlsOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .tls_server import TlsServer

__all__ = ["TlsClient"]

_log = get_logger("dcmsend.network")


class TlsClient:
    """Opens TLS connections; thread-safe.  Two clients are equal when their options are.

    Reads all files of ``options`` at once.  ``ask_password`` is called if the key is encrypted and ``options`` has no
    password.

    Raises UsageError when a file cannot be used, a password is wrong, key and certificate do not match.
    """

    __slots__ = ("_asked", "_context", "options")

    def __init__(self, options: TlsOptions, ask_password: Callable[[], str] | None = None) -> None:
        self.options: Final = options
        self._asked: str | None = None
        self._context = _client_context(options, check_host_name=options.check_host_name)
        if options.key_file is not None and options.certificate_file is not None:
            ask = None if ask_password is None else lambda: self._remember(ask_password())
            load_key(self._context, options.key_file, options.certificate_file, options.key_password, ask)
        if options.server_name is not None:
            try:
                self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=options.server_name)
            except (ValueError, TypeError, ssl.SSLError) as error:  # a NUL is a TypeError
                raise UsageError(f"impossible TLS server name '{options.server_name}': {error}") from error

    def _remember(self, password: str) -> str:
        self._asked = password
        return password

    @property
    def key_password(self) -> str | None:
        """The password that has opened the key, secret; None if none was needed, or none is known."""
        return self.options.key_password if self._asked is None else self._asked

    def __reduce__(self) -> tuple[Callable[[TlsOptions, str | None], TlsClient], tuple[TlsOptions, str | None]]:
        """Pickle for another process, which reads the files again; the pickle holds the password, so it is secret."""
        return _read_again, (self.options, self._asked)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TlsClient) and self.options == other.options

    def __hash__(self) -> int:
        return hash(self.options)

    def __repr__(self) -> str:
        return f"TlsClient({self.options!r})"

    def connect(self, open_connection: Callable[[], Connection], host: str, seconds: float) -> TlsConnection:
        """Connect with ``open_connection`` and establish a session within ``seconds``.

        Raises TlsFailed, Cancelled and what ``open_connection`` raises.
        """
        name = self.options.server_name or _bare_name(host)
        has_certificate = self.options.key_file is not None
        try:
            connection = _open(open_connection, self._context, name, seconds, has_certificate=has_certificate)
        except TlsFailed as error:
            if not is_name_mismatch(error):
                raise
            names = self._names_of_peer(open_connection, name, seconds)
            raise TlsFailed(error.text, _mismatch_text(name, names), True, why=NoConnection.OTHER_NAME) from error
        _log.debug("TLS session: %s, %s", connection.version, connection.cipher)
        if connection.version in ("TLSv1", "TLSv1.1"):
            _log.warning("the connection is secured by %s only, which is no longer safe", connection.version)
        return connection

    def make_server(self) -> TlsServer:
        """The other side, for peers that call back: our key, our trusted certificates, our profile.

        Raises ValueError without a certificate of ours, UsageError when a file cannot be used any more.
        """
        from .tls_server import TlsServer  # only a run that listens needs it

        return TlsServer(self.options, self._asked)

    def _names_of_peer(self, open_connection: Callable[[], Connection], name: str, seconds: float) -> tuple[str, ...]:
        """The names in the peer's certificate; the failed handshake does not show them, so a second one is made.

        Empty if that fails, in whatever way: it only adds to an error that would be told without it.
        """
        context = _client_context(self.options, check_host_name=False)
        try:
            connection = _open(open_connection, context, name, seconds, has_certificate=False)
        except TransportError:
            return ()
        names = tuple(f"{kind}:{value}" for kind, value in connection.certificate.get("subjectAltName", ()))
        subject = connection.certificate.get("subject", ())
        connection.close()
        return names or tuple(f"CN:{value}" for part in subject for kind, value in part if kind == "commonName")


def _client_context(options: TlsOptions, *, check_host_name: bool) -> ssl.SSLContext:
    context = make_context(options, ssl.PROTOCOL_TLS_CLIENT, verify=options.verify)
    context.check_hostname = check_host_name and options.verify
    return context


def _read_again(options: TlsOptions, password: str | None) -> TlsClient:
    return TlsClient(options, None if password is None else lambda: password)


def _open(
    open_connection: Callable[[], Connection],
    context: ssl.SSLContext,
    name: str,
    seconds: float,
    *,
    has_certificate: bool,
) -> TlsConnection:
    below = open_connection()
    try:
        try:
            connection = TlsConnection(below, context, name, has_certificate=has_certificate)
        except (ValueError, TypeError, ssl.SSLError) as error:  # a NUL is a TypeError
            detail = f"the peer's host name cannot be used with TLS: {error}"
            why = NoConnection.BAD_HOST_NAME
            raise TlsFailed("TLS error: bad server name", detail, True, why=why) from error
        connection.handshake(Deadline(seconds, "the TLS handshake"))
    except BaseException:
        below.close()
        raise
    return connection


def _bare_name(host: str) -> str:
    """The host name as certificates write it: an IPv6 address without brackets and zone, a name without final dot."""
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return name.partition("%")[0] if ":" in name else name.rstrip(".")


def _mismatch_text(name: str, names: tuple[str, ...]) -> str:
    others = ", ".join(names) or "no name that could be read"
    return f"the peer's certificate is not for {name}, but for: {others}"
