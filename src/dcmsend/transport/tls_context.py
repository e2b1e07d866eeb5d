"""Makes contexts of OpenSSL from the options: profiles, trusted certificates, our key."""

from __future__ import annotations

import os
import ssl
import stat
import warnings
from collections.abc import Callable, Iterator
from typing import Final

from dcmsend.errors import UsageError

from .certificate_dates import reason_not_valid
from .tls_options import TlsOptions, TlsProfile

__all__ = ["load_key", "make_context"]

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


def make_context(options: TlsOptions, side: int, *, verify: bool) -> ssl.SSLContext:
    """A context without our key, and without a check of host names.

    ``side`` is PROTOCOL_TLS_CLIENT or PROTOCOL_TLS_SERVER; ``verify``: whether the peer must have a certificate that
    we trust.  Raises UsageError for a file or folder that cannot be used.
    """
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    # A certificate that the user names is trusted, even if it does not belong to an authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the user has chosen +px
        context.minimum_version = _OLDEST[options.profile]
    if options.profile is TlsProfile.EXTENDED_BCP195:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS[options.profile])
    if not verify:
        return context
    if not (options.ca_files or options.ca_directories):
        is_client = side == ssl.PROTOCOL_TLS_CLIENT
        context.load_default_certs(ssl.Purpose.SERVER_AUTH if is_client else ssl.Purpose.CLIENT_AUTH)
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


def load_key(
    context: ssl.SSLContext,
    key_file: str,
    certificate_file: str,
    password: str | None,
    ask_password: Callable[[], str] | None,
) -> None:
    """Load our key and certificate; ``ask_password`` is called if the key is encrypted and ``password`` is None.

    Raises UsageError.
    """
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
    why = reason_not_valid(certificate_file)
    if why:
        raise UsageError(f"Unable to use certificate '{certificate_file}': {why}")


def _check_readable(path: str, what: str) -> None:
    """Raise an error that names an unreadable file, because OpenSSL's does not."""
    try:
        with open(path, "rb"):
            pass
    except (OSError, ValueError) as error:
        raise UsageError(f"Unable to load {what} from '{path}': {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
