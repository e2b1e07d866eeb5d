"""Keys, certificates and profiles, loaded once for all connections of a run."""

from __future__ import annotations

import logging
import os
import ssl
import stat
import warnings
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.errors import TlsFailed, UsageError
from dcmsend.reasons import NoConnection

from .connection import Connection
from .deadline import Deadline
from .tls import TlsConnection
from .tls_failure import is_name_mismatch
from .tls_options import TlsOptions, TlsProfile

__all__ = ["TlsClient"]

_FORWARD_SECRET: Final = (
    "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
)
"""DCMTK storescu's list for all profiles, with those ECDSA suites of RFC 9325 that it has only in the extended one."""

_CIPHERS: Final = {
    TlsProfile.NON_DOWNGRADING_BCP195: f"@SECLEVEL=2:{_FORWARD_SECRET}",
    TlsProfile.EXTENDED_BCP195: f"@SECLEVEL=2:{_FORWARD_SECRET}",
    # OpenSSL offers TLS 1.0 and 1.1 only at its lowest security level.
    TlsProfile.BCP195: f"@SECLEVEL=0:{_FORWARD_SECRET}:AES128-SHA",
}
_OLDEST: Final = {
    TlsProfile.NON_DOWNGRADING_BCP195: ssl.TLSVersion.TLSv1_2,
    TlsProfile.EXTENDED_BCP195: ssl.TLSVersion.TLSv1_2,
    TlsProfile.BCP195: ssl.TLSVersion.TLSv1,
}

_LONGEST_CERTIFICATE_FILE: Final = 4 * 1024 * 1024
"""Largest file read in a folder of certificates; all authorities that browsers trust take a quarter of a MiB."""

_log = logging.getLogger("dcmsend.network")


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
        self._context = _make_context(options, check_host_name=options.check_host_name)
        if options.key_file is not None and options.certificate_file is not None:
            ask = None if ask_password is None else lambda: self._remember(ask_password())
            _load_key(self._context, options.key_file, options.certificate_file, options.key_password, ask)
        if options.server_name is not None:
            try:
                self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=options.server_name)
            except (ValueError, TypeError, ssl.SSLError) as error:  # a NUL is a TypeError
                raise UsageError(f"impossible TLS server name '{options.server_name}': {error}") from error

    def _remember(self, password: str) -> str:
        self._asked = password
        return password

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
            raise TlsFailed(str(error), _mismatch_text(name, names), True, why=NoConnection.OTHER_NAME) from error
        _log.debug("TLS session: %s, %s", connection.version, connection.cipher)
        if connection.version in ("TLSv1", "TLSv1.1"):
            _log.warning("the connection is secured by %s only, which is no longer safe", connection.version)
        return connection

    def _names_of_peer(self, open_connection: Callable[[], Connection], name: str, seconds: float) -> tuple[str, ...]:
        """The names in the peer's certificate; the failed handshake does not show them, so a second one is made."""
        context = _make_context(self.options, check_host_name=False)
        try:
            connection = _open(open_connection, context, name, seconds, has_certificate=False)
        except TlsFailed:
            return ()
        names = tuple(f"{kind}:{value}" for kind, value in connection.certificate.get("subjectAltName", ()))
        subject = connection.certificate.get("subject", ())
        connection.close()
        return names or tuple(f"CN:{value}" for part in subject for kind, value in part if kind == "commonName")


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


def _make_context(options: TlsOptions, *, check_host_name: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_host_name and options.verify
    context.verify_mode = ssl.CERT_REQUIRED if options.verify else ssl.CERT_NONE
    # A certificate that the user names is trusted, even if it does not belong to an authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the user has chosen +px
        context.minimum_version = _OLDEST[options.profile]
    if options.profile is TlsProfile.EXTENDED_BCP195:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS[options.profile])
    if not options.verify:
        return context
    if not (options.ca_files or options.ca_directories):
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    for path in options.ca_files:
        _load_trusted(context, path)
    for directory in options.ca_directories:
        paths = list(_certificate_files(directory))
        if not paths:
            raise UsageError(f"unable to load certificates from directory '{directory}': no PEM file in it has any")
        for path in paths:
            _load_trusted(context, path)
    return context


def _load_trusted(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise UsageError(f"unable to load certificate file '{path}': there is no PEM certificate in it") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"unable to load certificate file '{path}': {_reason(error)}") from error


def _certificate_files(directory: str) -> Iterator[str]:
    """The files of a folder that hold PEM certificates; links named by hash repeat some of them."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        for entry in entries:
            status = entry.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_CERTIFICATE_FILE:
                continue
            with open(entry.path, "rb") as file:
                if b"-----BEGIN CERTIFICATE-----" in file.read():
                    yield entry.path
    except (OSError, ValueError) as error:
        raise UsageError(f"unable to load certificates from directory '{directory}': {_reason(error)}") from error


def _load_key(
    context: ssl.SSLContext,
    key_file: str,
    certificate_file: str,
    password: str | None,
    ask_password: Callable[[], str] | None,
) -> None:
    asked = False

    def give_password() -> bytes:
        nonlocal asked
        asked = True
        given = password if password is not None or ask_password is None else ask_password()
        if given is None:
            why = "it is encrypted, and there is no password"
            raise UsageError(f"Unable to load private TLS key from '{key_file}': {why}")
        return os.fsencode(given)

    _check_readable(key_file, "private TLS key")
    _check_readable(certificate_file, "certificate")
    try:
        context.load_cert_chain(certificate_file, key_file, give_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"Private key '{key_file}' and certificate '{certificate_file}' do not match"
            raise UsageError(text) from error
        if asked:
            raise UsageError(f"Unable to load private TLS key from '{key_file}': wrong password") from error
        what = f"private TLS key from '{key_file}' and certificate from '{certificate_file}'"
        raise UsageError(f"Unable to load {what}: one of them is not what it should be, in PEM") from error
    except (OSError, ValueError) as error:  # also a password of more than 1024 bytes
        raise UsageError(f"Unable to load private TLS key from '{key_file}': {_reason(error)}") from error


def _check_readable(path: str, what: str) -> None:
    """Raise an error that names an unreadable file, because OpenSSL's does not."""
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        raise UsageError(f"Unable to load {what} from '{path}': {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
