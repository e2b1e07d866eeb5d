"""The options of TLS; plain values, so that no TLS code is loaded where it is not used."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from dcmsend.dicom.record import FileNames, OptionalFileName, Record

__all__ = ["TlsOptions", "TlsProfile"]


class TlsProfile(Enum):
    """Secure transport connection profiles, as DCMTK's storescu has them.  Source: PS3.15 B.9 to B.11."""

    NON_DOWNGRADING_BCP195 = "Non-downgrading BCP 195"
    """TLS 1.2 and 1.3 with forward secrecy and authenticated encryption (``+py``)."""
    BCP195 = "BCP 195"
    """Falls back to TLS 1.0 and to a cipher suite of that time (``+px``); RFC 8996 advises against it."""
    EXTENDED_BCP195 = "Extended BCP 195"
    """TLS 1.2 with the cipher suites of PS3.15 B.11 only (``+pz``)."""


class TlsOptions(Record):
    """The options of TLS.  Files are PEM.  Raises ValueError for half a key pair.

    Attributes:
        key_file, certificate_file: our private key, and our certificate with those that lead to its issuer; None for
            an anonymous client.
        key_password: opens an encrypted ``key_file``.
        ca_files: files of certificates that are trusted.
        ca_directories: folders of such files.  Without any file and folder the system's certificates are trusted.
        verify: whether the peer must have a certificate that we trust.
        check_host_name: whether that certificate must be for ``server_name``.
        server_name: the name in the peer's certificate; None for the peer's host name.
        profile: protocol versions and cipher suites.
    """

    _hidden: ClassVar[tuple[str, ...]] = ("key_password",)

    key_file: OptionalFileName = OptionalFileName()
    certificate_file: OptionalFileName = OptionalFileName()
    key_password: str | None = None
    ca_files: FileNames = FileNames()
    ca_directories: FileNames = FileNames()
    verify: bool = True
    check_host_name: bool = True
    server_name: str | None = None
    profile: TlsProfile = TlsProfile.NON_DOWNGRADING_BCP195

    def check(self) -> None:
        if (self.key_file is None) is not (self.certificate_file is None):
            raise ValueError("a private key and a certificate go together")
